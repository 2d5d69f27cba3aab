package operator

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"time"

	"sinho/signal"
	"sinho/store"
)

const ordersKey = "operators/rooms"

// Order is what is ordered of a room; its id is "" when nothing is.
func (d *Desk) Order(room string) RoomOrder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.orders.Rooms[room]
}

// Orders are all of them, by room.
func (d *Desk) Orders() map[string]RoomOrder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.orders.Rooms)
}

// takeOrders makes o the orders, unless the store has gone back behind what this
// node knows: false then. The caller holds mu.
func (d *Desk) takeOrders(raw []byte, o orders) bool {
	if d.gone = o.Version < d.orders.Version; d.gone {
		return false
	}
	if !bytes.Equal(raw, d.rawOrders) {
		d.signal()
	}
	d.rawOrders, d.orders = raw, o
	return true
}

// restore gives a store that has lost orders what this node knows of them: the
// record is never deleted, so one that is older or absent is a loss. Whoever
// writes meanwhile is the later word. The caller holds io.
func (d *Desk) restore(ctx context.Context, lost []byte) {
	d.mu.Lock()
	known := d.orders
	d.mu.Unlock()
	raw, err := known.encode(d.cfg.Room)
	if err == nil {
		var attempt store.Attempt
		_, _ = rand.Read(attempt[:]) // never fails
		_, err = d.cfg.Store.Apply(ctx, shard, attempt, true, swap(ordersKey, lost, raw)...)
	}
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "operators' orders for rooms cannot be put back; known ones hold", "error", err)
	}
}

// SetRoom makes a change, on every node within about LookEvery and on this one
// at once. Errors: what is wrong with the change, ErrRoomChanged, ErrFull,
// ErrBusy, or one that wraps store.ErrUnavailable, after which it may have been
// made or not.
func (d *Desk) SetRoom(ctx context.Context, c RoomChange) error {
	d.io.Lock()
	defer d.io.Unlock()
	return d.retry(ctx, "change a room", func(now time.Time) ([]store.Op, func(), error) {
		if err := c.check(d.cfg.Room, now); err != nil {
			return nil, nil, err
		}
		all, err := d.cfg.Store.ReadAll(ctx, shard, ordersKey, Changes.head())
		if err != nil {
			return nil, nil, err
		}
		raw, trail := all[0], all[1]
		was, err := decodeOrders(raw)
		if err != nil {
			return nil, nil, err
		}
		d.mu.Lock()
		if was.Version < d.orders.Version { // the store has lost some
			was = d.orders
		}
		d.mu.Unlock()
		next, is, replaced, done, err := was.after(c, now, newRound)
		if err != nil || done {
			return nil, func() { d.seenOrders(raw, was) }, err
		}
		fresh, err := next.encode(d.cfg.Room)
		if err != nil {
			return nil, nil, err
		}
		ops, err := Changes.note(trail, roomEntry(c, is, replaced, now))
		if err != nil {
			return nil, nil, err
		}
		return append(swap(ordersKey, raw, fresh), ops...), func() { d.seenOrders(fresh, next) }, nil
	})
}

func (d *Desk) seenOrders(raw []byte, o orders) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeOrders(raw, o)
}

// newRound is a name that no round of any room had before.
func newRound() string { return strings.ToLower(rand.Text()[:mostRound]) }

// roomEntry is the line a change leaves in the trail: what is ordered now by it,
// and what was before, without the reasons, which have lines of their own.
func roomEntry(c RoomChange, is, replaced RoomOrder, at time.Time) Entry {
	e := Entry{At: at.UTC().Truncate(time.Second), By: c.By, What: string(c.Do), Room: c.Room}
	if c.Reason != (signal.Text{}) {
		e.Reason = &c.Reason
	}
	if c.Do != RoomOpen && c.Do != RoomBack {
		now := is.without(c.Do).unreasoned()
		e.Ordered = &now
	}
	if !replaced.Empty() {
		replaced = replaced.unreasoned()
		e.Replaced = &replaced
	}
	return e
}

// unreasoned is a copy without id and reasons.
func (o RoomOrder) unreasoned() RoomOrder {
	o.ID = ""
	if o.Closing != nil {
		v := *o.Closing
		v.Reason, o.Closing = signal.Text{}, &v
	}
	if o.Mode != nil {
		v := *o.Mode
		v.Reason, o.Mode = signal.Text{}, &v
	}
	if o.Limits != nil {
		v := *o.Limits
		v.Reason, o.Limits = signal.Text{}, &v
	}
	if o.Schedule != nil {
		v := *o.Schedule
		v.Reason, o.Schedule = signal.Text{}, &v
	}
	return o
}
