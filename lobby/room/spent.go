package room

import (
	"context"
	"fmt"

	"sinho/lobby"
)

// Spent reports whether a pass is spent, by one trip that changes nothing: true is
// for ever, false is how it was. Passes of the same number that are of another epoch
// of the store are not looked at.
func (r *Room) Spent(ctx context.Context, p lobby.Pass) (bool, error) {
	rec, err := r.read(ctx, fmt.Sprintf("spent/%x/%x/%x", p.Epoch, p.Born, p.Number/perPage))
	if err != nil {
		return false, fmt.Errorf("look for pass in room %s: %w", r.cfg.Name, err)
	}
	if rec.value == nil {
		return false, nil
	}
	_, free := withBit(rec, p.Number%perPage)
	return !free, nil
}
