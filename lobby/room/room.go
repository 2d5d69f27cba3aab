package room

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"sinho/lobby"
	"sinho/store"
)

var (
	// ErrSpent: the pass was spent before, by another login.
	ErrSpent = errors.New("room: pass spent")
	// ErrRestarted: the pass is of before the store lost something or another
	// server took over. Its ticket is good for another.
	ErrRestarted = errors.New("room: pass of before a restart of the store")
	// ErrBusy: too many nodes changed the same record at once. It wraps
	// store.ErrUnavailable: nothing was done, and the step may be repeated.
	ErrBusy = fmt.Errorf("room: too many changes at once: %w", store.ErrUnavailable)
)

// tries is how often a change is tried that others get in front of: each one that
// is lost is another node's gain.
const tries = 1000

// Config of a room.
type Config struct {
	Name  string               // 1 to lobby.MaxRoom bytes
	Opens time.Time            // who comes before is shuffled then; zero: first come, first served
	Seed  [lobby.SeedSize]byte // of that shuffle, kept with the draw
	// Keep is how long counters and spent passes outlive their last change; no
	// ticket may live longer. 0 is 48 h.
	Keep time.Duration
}

// Room is a node's view of one room. It is safe for concurrent use.
//
// The counters are one record that wanders between two keys: a change takes it
// from the one (store.Take, which refuses what another run of the store has
// minted) and puts it, changed, to the other. So each change notices a restart or
// a failover, by the contract as it is.
type Room struct {
	cfg   Config
	store store.Store
	shard store.Shard

	mu     sync.Mutex // guards what follows
	last   record     // the counters as they were last seen
	seen   lobby.Queue
	off    time.Duration // how far the store's clock is ahead of the callers'
	blocks [2]block
	spent  map[string]record // by the name of a page of spent passes

	turn [2]chan struct{}  // whose turn it is to take numbers of a lane
	page [16]chan struct{} // whose turn it is to change a page
}

// record is a value that wanders between two keys, and the one it was last at.
type record struct {
	value []byte // nil: not known
	side  int
}

// New is a room in a store. Nothing is asked of the store yet.
func New(cfg Config, s store.Store) (*Room, error) {
	if cfg.Name == "" || len(cfg.Name) > lobby.MaxRoom {
		return nil, fmt.Errorf("room: a name of %d bytes, want 1 to %d", len(cfg.Name), lobby.MaxRoom)
	}
	if cfg.Keep == 0 {
		cfg.Keep = 48 * time.Hour
	}
	if cfg.Keep < 2*lobby.PassLife || cfg.Keep > store.MaxTTL {
		return nil, fmt.Errorf("room: kept for %v, want %v to %v", cfg.Keep, 2*lobby.PassLife, store.MaxTTL)
	}
	r := &Room{cfg: cfg, store: s, shard: store.Shard("lobby-" + cfg.Name), spent: map[string]record{}}
	for i := range r.turn {
		r.turn[i] = make(chan struct{}, 1)
	}
	for i := range r.page {
		r.page[i] = make(chan struct{}, 1)
	}
	return r, nil
}

// Look reads the counters: one trip.
func (r *Room) Look(ctx context.Context) (lobby.Queue, error) {
	q, _, err := r.look(ctx)
	return q, err
}

// look is Look, with the counters as they are stored, not raised.
func (r *Room) look(ctx context.Context) (q, stored lobby.Queue, err error) {
	rec, err := r.read(ctx, "queue")
	if err != nil {
		return q, q, fmt.Errorf("look at room %s: %w", r.cfg.Name, err)
	}
	if rec.value == nil {
		q, err = r.change(ctx, false, func(q lobby.Queue) (lobby.Queue, error) { return q, nil })
		return q, q, err
	}
	if q, err = r.saw(rec); err != nil {
		return q, q, err
	}
	err = stored.Unmarshal(rec.value)
	return q, stored, err
}

// Step moves the room on to the second of now, once for all nodes, and draws when
// the time has come. What this node has seen above the counters, in tickets or
// before a loss, is stored with it. Where now is more than five seconds from the
// last step, and before the draw, the store's clock has the last word: a node whose
// own is wrong neither draws nor calls anybody early, and what it has stepped binds
// nobody.
func (r *Room) Step(ctx context.Context, rules lobby.Rules, s lobby.Sample, now time.Time) (lobby.Queue, error) {
	q, stored, err := r.look(ctx)
	if err != nil {
		return q, err
	}
	if now, err = r.agree(ctx, stored.Second, now); err != nil {
		return q, fmt.Errorf("step room %s: %w", r.cfg.Name, err)
	}
	q = back(q, now)
	behind := q.Main.Next > stored.Main.Next || q.Late.Next > stored.Late.Next || q.Main.Serving > stored.Main.Serving || q.Late.Serving > stored.Late.Serving
	due := q.Second < now.Unix() || stored.Second > now.Unix()+apart || !q.Drawn && !now.Before(r.cfg.Opens)
	if !behind && !due {
		return q, nil
	}
	return r.change(ctx, false, func(q lobby.Queue) (lobby.Queue, error) {
		return back(r.drawn(q, now), now).Step(rules, s, now), nil
	})
}

// Switch opens or closes the room for everybody.
func (r *Room) Switch(ctx context.Context, open bool, now time.Time) (lobby.Queue, error) {
	q, stored, err := r.look(ctx)
	if err != nil {
		return q, err
	}
	if now, err = r.agree(ctx, stored.Second, now); err != nil {
		return q, fmt.Errorf("switch room %s: %w", r.cfg.Name, err)
	}
	return r.change(ctx, true, func(q lobby.Queue) (lobby.Queue, error) { return q.Switch(open, now), nil })
}

// drawn is the queue with the draw done, if it is time. One that comes late, as
// after an outage, keeps the seed secret as long as one in time.
func (r *Room) drawn(q lobby.Queue, now time.Time) lobby.Queue {
	switch {
	case now.Before(r.cfg.Opens):
		return q
	case r.cfg.Opens.IsZero():
		return q.Unshuffled()
	case !q.Drawn:
		q = q.Draw(now)
		q.Seed = r.cfg.Seed
	}
	return q
}

// Observe tells of a ticket that somebody holds: a number above the counters
// proves that a store has lost a write, and raises them with the next change.
func (r *Room) Observe(t lobby.Ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Main.Next = max(r.seen.Main.Next, t.Number+1)
	r.seen.Late.Next = max(r.seen.Late.Next, t.Late)
}

// saw keeps what was read and gives it, raised to what this node has seen.
func (r *Room) saw(rec record) (lobby.Queue, error) {
	var q lobby.Queue
	if err := q.Unmarshal(rec.value); err != nil {
		return q, fmt.Errorf("room %s: %w", r.cfg.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = rec
	r.seen = r.seen.Raise(q)
	r.seen.Epoch, r.seen.Closed = q.Epoch, q.Closed
	return q.Raise(r.seen), nil
}

// change makes of the counters what f does, however many nodes do so at once; a
// room that is not there begins.
func (r *Room) change(ctx context.Context, durable bool, f func(lobby.Queue) (lobby.Queue, error)) (lobby.Queue, error) {
	q, err := r.changed(ctx, durable, f, nil)
	if err != nil {
		return q, fmt.Errorf("change room %s: %w", r.cfg.Name, err)
	}
	return q, nil
}

// errConflict: an extra op could not be done.
var errConflict = errors.New("conflict")

// changed is change with more ops, done together with it or not at all; a conflict
// of one of them is errConflict.
func (r *Room) changed(ctx context.Context, durable bool, f func(lobby.Queue) (lobby.Queue, error), extra []store.Op) (lobby.Queue, error) {
	r.mu.Lock()
	rec, renew := r.last, false
	r.mu.Unlock()
	known := rec.value != nil
	if !known { // this node's first: another may have begun it
		var err error
		if rec, err = r.read(ctx, "queue"); err != nil {
			return lobby.Queue{}, err
		}
	}
	for range tries {
		q, next, own, err := r.ops(rec, renew, f)
		if err != nil && known && !renew { // what is remembered may be of before; a no is by what is stored
			known = false
			if rec, err = r.read(ctx, "queue"); err != nil {
				return q, err
			}
			continue
		}
		if err != nil {
			return q, err
		}
		done, err := r.store.Apply(ctx, r.shard, fresh(), durable, append(own, extra...)...)
		switch {
		case err != nil:
			return q, err
		case done.Conflict == nil:
			return r.saw(next)
		case done.Conflict.Op >= len(own):
			return q, errConflict
		case done.Conflict.Why == store.Fence:
			renew = true
		default:
			renew = false
			if rec, err = r.after(ctx, "queue", rec, done.Conflict); err != nil {
				return q, err
			}
		}
	}
	return lobby.Queue{}, ErrBusy
}

// ops are those that change the counters from rec, and what they will be.
func (r *Room) ops(rec record, renew bool, f func(lobby.Queue) (lobby.Queue, error)) (q lobby.Queue, next record, ops []store.Op, err error) {
	if rec.value == nil {
		q = lobby.Queue{Epoch: epoch()}
	} else if err = q.Unmarshal(rec.value); err != nil {
		return q, next, nil, err
	}
	r.mu.Lock()
	q = q.Raise(r.seen)
	if rec.value == nil {
		q.Closed = r.seen.Closed
		if r.cfg.Opens.IsZero() { // without a draw, unless one was seen
			q = q.Unshuffled()
		}
	}
	r.mu.Unlock()
	if renew {
		q.Epoch = epoch()
	}
	if q, err = f(q); err != nil {
		return q, next, nil, err
	}
	next = record{q.Marshal(), 1 - rec.side}
	put := store.Op{Kind: store.Put, Value: next.value, TTL: r.cfg.Keep, Fenced: true}
	switch {
	case rec.value == nil:
		next.side = 0
		put.Kind, put.Key = store.PutNew, key("queue", 0)
		return q, next, []store.Op{put}, nil
	case renew: // in its place, as nobody can take it any more
		next.side = rec.side
		put.Key = key("queue", rec.side)
		return q, next, []store.Op{{Kind: store.Hold, Key: put.Key, Value: rec.value}, put}, nil
	}
	return q, next, r.move("queue", rec, next), nil
}

// move are the ops that let a record wander: held as it was, taken by the run that
// minted it, put changed to the other key. The tombstone tells whoever comes too
// late what has become of it.
func (r *Room) move(name string, from, to record) []store.Op {
	return []store.Op{
		{Kind: store.Hold, Key: key(name, from.side), Value: from.value},
		{Kind: store.Take, Key: key(name, from.side), Value: to.value, TTL: r.cfg.Keep},
		{Kind: store.Put, Key: key(name, to.side), Value: to.value, TTL: r.cfg.Keep, Fenced: true},
	}
}

// after is where a record is, by a conflict in moving it.
func (r *Room) after(ctx context.Context, name string, rec record, c *store.Conflict) (record, error) {
	switch c.Why {
	case store.Tombstone:
		return record{c.Value, 1 - rec.side}, nil
	case store.Differs:
		return record{c.Value, rec.side}, nil
	default:
		return r.read(ctx, name)
	}
}

// read finds a record at one of its keys; its value is nil if it is at neither.
func (r *Room) read(ctx context.Context, name string) (record, error) {
	values, err := r.store.ReadAll(ctx, r.shard, key(name, 0), key(name, 1))
	if err != nil {
		return record{}, err
	}
	if values[1] != nil {
		return record{values[1], 1}, nil
	}
	return record{values[0], 0}, nil
}

func key(name string, side int) string { return name + "/" + "ab"[side:side+1] }

func fresh() (a store.Attempt) {
	_, _ = rand.Read(a[:]) // never fails, see crypto/rand
	return a
}

func epoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return binary.BigEndian.Uint64(b[:]) | 1
}

// await takes a turn that is over with the function it gives.
func await(ctx context.Context, turn chan struct{}) (func(), error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}
