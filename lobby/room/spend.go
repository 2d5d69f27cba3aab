package room

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"sinho/lobby"
	"sinho/store"
)

const (
	// perPage passes share a record, a bit each: 128 bytes.
	perPage = 1024
	// maxPages a node remembers, so as to change one without reading it first.
	maxPages = 1 << 12
)

// Spend spends a pass that was opened: nil once, and again
// for the same attempt within store.AttemptTTL; ErrSpent for any other. A pass of
// another epoch, or of another run of the store, is ErrRestarted. It is one trip
// where this node was the last to change the page, and mostly two where it was not.
func (r *Room) Spend(ctx context.Context, p lobby.Pass, attempt store.Attempt) error {
	if p.Room != r.cfg.Name {
		return lobby.ErrForeignRoom
	}
	name := fmt.Sprintf("spent/%x/%x/%x", p.Epoch, p.Born, p.Number/perPage)
	done, err := await(ctx, r.page[p.Number/perPage%uint64(len(r.page))])
	if err != nil {
		return err
	}
	defer done()
	if err := r.spend(ctx, name, p, attempt); err != nil {
		return fmt.Errorf("spend pass in room %s: %w", r.cfg.Name, err)
	}
	return nil
}

// SpendAnew spends what has become of a pass that Spend has called ErrRestarted: one
// of the same number in the epoch that is, as its ticket would get it, if may has
// nothing against it by the counters of that epoch. It is repeated as Spend is.
func (r *Room) SpendAnew(ctx context.Context, p lobby.Pass, attempt store.Attempt, may func(*lobby.Queue) error) error {
	q, err := r.Look(ctx)
	if err == nil && q.Epoch == p.Epoch { // nobody has noticed yet that the store has begun anew
		q, err = r.change(ctx, false, func(q lobby.Queue) (lobby.Queue, error) { return q, nil })
	}
	switch {
	case err != nil:
		return err
	case q.Epoch == p.Epoch:
		return ErrRestarted
	}
	if err := may(&q); err != nil {
		return err
	}
	p.Epoch = q.Epoch
	return r.Spend(ctx, p, try(attempt, tries+int(q.Epoch%(1<<30))))
}

// spend moves the page of the pass on, with its bit set. Each try is an attempt of
// its own that follows from the first: whoever sends that again finds each try
// answered as it was, up to the one that spent the pass.
func (r *Room) spend(ctx context.Context, name string, p lobby.Pass, attempt store.Attempt) error {
	rec := r.remembered(name)
	for i := range tries {
		if rec.value == nil {
			var err error
			if rec, err = r.begin(ctx, name, p); err != nil {
				return err
			}
		}
		next, free := withBit(rec, p.Number%perPage)
		ops := r.move(name, rec, next)
		if !free { // spent; by this attempt, if it is remembered
			ops = []store.Op{{Kind: store.Alive, Key: "never"}}
		}
		o, err := r.store.Apply(ctx, r.shard, try(attempt, i), false, ops...)
		switch {
		case err != nil:
			return err
		case o.Conflict == nil:
			r.remember(name, next, o.Repeated || !free)
			return nil
		case !free && !o.Repeated:
			return ErrSpent
		case !free:
		case o.Conflict.Why == store.Fence:
			return ErrRestarted
		default:
			if rec, err = r.after(ctx, name, rec, o.Conflict); err != nil {
				return err
			}
		}
	}
	return ErrBusy
}

// begin finds a page, or begins it: together with the counters, which only the run
// of the store that minted them can change and only while the pass's epoch lasts.
// So a page that a failover has lost is never begun anew for passes of before.
func (r *Room) begin(ctx context.Context, name string, p lobby.Pass) (record, error) {
	rec, err := r.read(ctx, name)
	if err != nil || rec.value != nil {
		return rec, err
	}
	empty := store.Op{Kind: store.PutNew, Key: key(name, 0), Value: make([]byte, perPage/8), TTL: r.cfg.Keep, Fenced: true}
	_, err = r.changed(ctx, false, func(q lobby.Queue) (lobby.Queue, error) {
		if q.Epoch != p.Epoch {
			return q, ErrRestarted
		}
		return q, nil
	}, []store.Op{empty})
	if err != nil && !errors.Is(err, errConflict) {
		return rec, err
	}
	rec, err = r.read(ctx, name) // somebody else may have begun it, and moved it on
	if err == nil && rec.value == nil {
		err = ErrBusy
	}
	return rec, err
}

// withBit is the page with a bit set, at its other key; false if it was set.
func withBit(rec record, bit uint64) (record, bool) {
	page := append([]byte(nil), rec.value...)
	if len(page) != perPage/8 || page[bit/8]&(1<<(bit%8)) != 0 {
		return rec, false
	}
	page[bit/8] |= 1 << (bit % 8)
	return record{page, 1 - rec.side}, true
}

// try is the i-th attempt that follows from one.
func try(a store.Attempt, i int) (next store.Attempt) {
	text := append([]byte("lobby pass"), a[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(text, uint32(i))) //nolint:gosec // below tries
	copy(next[:], sum[:])
	return next
}

func (r *Room) remembered(name string) record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spent[name]
}

// remember keeps where a page is; a page that may have moved on is forgotten.
func (r *Room) remember(name string, rec record, unsure bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spent) >= maxPages {
		clear(r.spent)
	}
	if unsure {
		delete(r.spent, name)
		return
	}
	r.spent[name] = rec
}
