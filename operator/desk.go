package operator

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"sinho/signal"
	"sinho/store"
)

// shard is where all of it lives: one Apply changes a word and its trail.
const shard = store.Shard("lights")

const wordsKey = "operators/words"

// LookEvery is how often a node reads the operators' words.
const LookEvery = 200 * time.Millisecond

// Config of a Desk. Store is needed.
type Config struct {
	Store store.Store
	// Known reports whether a provider exists; nil knows all.
	Known func(provider string) bool
	// Room reports whether a waiting room exists; nil knows all.
	Room func(room string) bool
	// Apply tells the lights, as live.Live.Override does. It may be replaced by
	// Use, and be nil until then.
	Apply func(provider string, o *signal.Override) error
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now; only to see which words are over
}

// Desk is where operators' words are read and written on one node. It is safe
// for concurrent use.
type Desk struct {
	cfg Config

	// io keeps a Look from taking what it read before a Set of this node.
	io sync.Mutex

	mu     sync.Mutex // guards what follows, and the order of calls to Apply
	raw    []byte     // the record as read last
	words  words
	told   map[string]string // id of the word told to the lights, by provider
	lost   time.Time         // since when the store cannot be read; zero: it can
	change chan struct{}     // closed with every change of words, orders or of lost

	rawOrders []byte // the record as read last
	orders    orders
	gone      bool // the store has lost orders that this node knows
}

// NewDesk is a desk that knows no word yet; Look or Run reads them.
func NewDesk(cfg Config) *Desk {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Known == nil {
		cfg.Known = func(string) bool { return true }
	}
	if cfg.Room == nil {
		cfg.Room = func(string) bool { return true }
	}
	return &Desk{cfg: cfg, told: map[string]string{}, change: make(chan struct{})}
}

// Run looks every LookEvery until ctx ends, which is not an error.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(LookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_ = d.Look(ctx) // told by Lost and the log
		}
	}
}

// Look reads the words and orders once and tells the lights what is new. When the
// store cannot be read the known words stay until they end, and known orders hold.
func (d *Desk) Look(ctx context.Context) error {
	d.io.Lock()
	defer d.io.Unlock()
	all, err := d.cfg.Store.ReadAll(ctx, shard, wordsKey, ordersKey)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var ws words
	var rooms orders
	if err == nil {
		if ws, err = decodeWords(all[0]); err == nil {
			rooms, err = decodeOrders(all[1])
		}
	}
	if err := d.looked(ctx, err); err != nil {
		return err
	}
	d.mu.Lock()
	d.take(all[0], ws)
	before := d.gone
	kept := d.takeOrders(all[1], rooms)
	d.mu.Unlock()
	if !kept {
		if !before {
			d.cfg.Log.WarnContext(ctx, "the store has lost operators' orders for rooms; known ones hold and are put back")
		}
		d.restore(ctx, all[1])
	}
	return nil
}

// looked notes how reading went, and returns err.
func (d *Desk) looked(ctx context.Context, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if d.lost.IsZero() {
			d.lost = d.cfg.Now()
			d.signal()
			d.cfg.Log.ErrorContext(ctx, "operators' words cannot be read; known ones stay until they end", "error", err)
		}
		return err
	}
	if !d.lost.IsZero() {
		d.lost = time.Time{}
		d.signal()
		d.cfg.Log.InfoContext(ctx, "operators' words can be read again")
	}
	return nil
}

// take makes ws the words and tells the lights. The caller holds mu.
func (d *Desk) take(raw []byte, ws words) {
	changed := d.words == nil || !bytes.Equal(raw, d.raw)
	d.raw, d.words = raw, ws
	if changed {
		d.signal()
	}
	d.tell()
}

// tell the lights whatever they have not been told. A word that is over is not
// told: the lamp ends it by itself. The caller holds mu.
func (d *Desk) tell() {
	if d.cfg.Apply == nil {
		return
	}
	now := d.cfg.Now()
	for provider := range d.told {
		if w, ok := d.words[provider]; !ok || !w.Override().Active(now) {
			delete(d.told, provider)
			if !ok { // taken back
				_ = d.cfg.Apply(provider, nil) // one that is not measured here has no light
			}
		}
	}
	for provider, w := range d.words {
		if d.told[provider] != w.ID && w.Override().Active(now) {
			d.told[provider] = w.ID
			_ = d.cfg.Apply(provider, w.Override()) // as above
		}
	}
}

// Use makes apply the lights, and tells them every word in force before it
// returns.
func (d *Desk) Use(apply func(string, *signal.Override) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg.Apply = apply
	clear(d.told)
	d.tell()
}

// signal wakes whoever waits for Changed. The caller holds mu.
func (d *Desk) signal() {
	close(d.change)
	d.change = make(chan struct{})
}

// Changed is closed when words change, or the store is lost or found.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.change
}

// Lost is since when the store cannot be read, zero when it can.
func (d *Desk) Lost() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lost
}

// Word is the one in force on a provider; its id is "" when there is none.
func (d *Desk) Word(provider string) Word {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.words[provider]; w.Override().Active(d.cfg.Now()) {
		return w
	}
	return Word{}
}

// Set makes a change, on every node within about LookEvery and on this one at
// once. Errors: what is wrong with the change, ErrChanged, ErrFull, ErrBusy, or
// one that wraps store.ErrUnavailable, after which it may have been made or not.
func (d *Desk) Set(ctx context.Context, c Change) error {
	if err := c.check(d.cfg.Known); err != nil {
		return fmt.Errorf("change a light: %w", err)
	}
	d.io.Lock()
	defer d.io.Unlock()
	return d.retry(ctx, "change a light", func(now time.Time) ([]store.Op, func(), error) {
		raw, err := d.read(ctx, wordsKey)
		if err != nil {
			return nil, nil, err
		}
		was, err := decodeWords(raw)
		if err != nil {
			return nil, nil, err
		}
		next, before, done, err := was.after(c, now)
		if err != nil || done {
			return nil, func() { d.seen(raw, was) }, err
		}
		fresh, err := next.encode()
		if err != nil {
			return nil, nil, err
		}
		trail, err := d.read(ctx, Changes.head())
		if err != nil {
			return nil, nil, err
		}
		ops, err := Changes.note(trail, entry(c, next[c.Provider], before, now))
		if err != nil {
			return nil, nil, err
		}
		return append(swap(wordsKey, raw, fresh), ops...), func() { d.seen(fresh, next) }, nil
	})
}

// entry is the line a change leaves in the trail.
func entry(c Change, now Word, before Word, at time.Time) Entry {
	e := Entry{At: at.UTC().Truncate(time.Second), By: c.By, What: string(c.Do), Provider: c.Provider}
	if c.Reason != (signal.Text{}) {
		e.Reason = &c.Reason
	}
	if now.ID != "" {
		e.Until = &now.Until
	}
	if before.ID != "" {
		e.Before = &before
	}
	return e
}

func (d *Desk) seen(raw []byte, ws words) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.take(raw, ws)
}

// tries is how often a change is made anew when others were faster.
const tries = 12

// retry applies what plan says, and plans anew while the records it was made
// over have changed. Without ops there is nothing to do. then follows a success.
func (d *Desk) retry(ctx context.Context, what string, plan func(now time.Time) (ops []store.Op, then func(), err error)) error {
	for try := range tries {
		now, err := d.cfg.Store.Now(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		ops, then, err := plan(now)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if len(ops) > 0 {
			var attempt store.Attempt
			_, _ = rand.Read(attempt[:]) // never fails
			out, err := d.cfg.Store.Apply(ctx, shard, attempt, true, ops...)
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if out.Conflict != nil {
				pause(ctx, try)
				continue
			}
		}
		if then != nil {
			then()
		}
		return nil
	}
	return fmt.Errorf("%s: %w", what, ErrBusy)
}

// pause spreads out those who met.
func pause(ctx context.Context, try int) {
	span := time.Duration(1+mathrand.IntN(4<<min(try, 5))) * time.Millisecond //nolint:gosec // spreads writers, hides nothing
	select {
	case <-ctx.Done():
	case <-time.After(span):
	}
}

// read is a record's value, nil when it is absent.
func (d *Desk) read(ctx context.Context, key string) ([]byte, error) {
	raw, err := d.cfg.Store.Read(ctx, shard, key)
	if errors.Is(err, store.ErrAbsent) {
		return nil, nil
	}
	if err == nil && raw == nil {
		raw = []byte{}
	}
	return raw, err
}
