package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sinho/signal"
	"sinho/store"
)

// Release is what an Entry of the changes is where somebody's device was to be
// released, by the reference that they read out.
const Release = "release"

// What became of a release, as its second entry says. The first, without an
// outcome, is written before anything is done.
const (
	ReleaseDone    = "released"
	ReleaseOver    = "over"    // the lock had ended by itself
	ReleaseMoved   = "moved"   // it was another device's by then
	ReleaseUnknown = "unknown" // nobody was refused under the reference, or too long ago
	ReleaseFailed  = "failed"  // nobody knows: the store was away
)

// NoteRelease notes that by releases a device by a reference, because of reason;
// outcome is "" before it is done. The error is ErrReasonKO, ErrReasonLong, ErrBusy
// or wraps store.ErrUnavailable.
func (d *Desk) NoteRelease(ctx context.Context, by, reference, reason, outcome string) error {
	e := Entry{By: by, What: Release, Reference: reference, Outcome: outcome}
	if outcome == "" {
		reason = strings.TrimSpace(reason)
		switch {
		case reason == "":
			return fmt.Errorf("note a release: %w", ErrReasonKO)
		case !plain(reason):
			return fmt.Errorf("note a release: %w", ErrReasonLong)
		}
		e.Reason = &signal.Text{KO: reason}
	}
	return d.retry(ctx, "note a release", func(now time.Time) ([]store.Op, func(), error) {
		raw, err := d.read(ctx, Changes.head())
		if err != nil {
			return nil, nil, err
		}
		e.At = now.UTC().Truncate(time.Second)
		ops, err := Changes.note(raw, e)
		return ops, nil, err
	})
}
