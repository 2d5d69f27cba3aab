package linear

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"sinho/store"
	"sinho/store/redistest"
)

// Size of a run's shards.
const (
	callers  = 4  // at once on one shard
	perShard = 40 // steps on one shard, of all callers together
	// tolerance is how many calls without an answer a caller goes on after: a
	// history with many cannot be decided.
	tolerance = 2
)

// fault is something bad. do begins and ends it: when it returns, the store
// answers again.
type fault struct {
	name  string
	fate  fate               // 0: the store's run does not end
	ready func(t *testing.T) // for the fault: nothing has happened yet
	// before is trouble that comes ahead of the end of the run, if any does.
	before func(t *testing.T)
	do     func(t *testing.T)
}

// run drives callers against one store while faults happen to it.
type run struct {
	stores []store.Store // nodes: callers are spread over them
	// shard names the n-th one; nil: any name.
	shard  func(n int) store.Shard
	faults []fault
	groups int // shards under way at once
	calm   int // steps between faults, and after the last
	seed   uint64
	// resends: a call without an answer is sent again as the same attempt until it
	// has one, half of the time. Answers to attempts must survive every ending.
	resends bool
	// divided: two servers may have led at once, so that only what was given out
	// is judged.
	divided bool
	// load is what runs in place of walk, if set.
	load func(ctx context.Context, n int)

	began    time.Time
	steps    atomic.Int64
	stop     atomic.Bool
	trouble  atomic.Pointer[chan struct{}] // closed when the fault is over
	mu       sync.Mutex                    // guards what follows
	shards   []*history
	endings  []span
	windows  []span
	breaches []string // of what every attempt is promised
}

// span is when something happened, in nanoseconds since the run began.
type span struct {
	from, to int64
	name     string
	fate     fate
}

func (s span) meets(o span) bool { return s.from <= o.to && o.from <= s.to }

// history of one shard.
type history struct {
	mu  sync.Mutex // guards ops
	ops []porcupine.Operation
}

func (h *history) add(o porcupine.Operation) {
	h.mu.Lock()
	h.ops = append(h.ops, o)
	h.mu.Unlock()
}

// span of a history. A call that is not answered counts as long as it was
// waited for.
func (h *history) span() span {
	s := span{from: math.MaxInt64}
	for _, o := range h.ops {
		s.from = min(s.from, o.Call)
		if o.Return == math.MaxInt64 {
			s.to = max(s.to, o.Metadata.(int64))
		} else {
			s.to = max(s.to, o.Return)
		}
	}
	return s
}

func (r *run) now() int64 { return time.Since(r.began).Nanoseconds() }

// drive runs everything and returns the histories.
func (r *run) drive(t *testing.T) {
	t.Helper()
	r.began = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var next atomic.Int64
	load := r.walk
	if r.load != nil {
		load = r.load
	}
	for range r.groups {
		all.Go(func() {
			for !r.stop.Load() && ctx.Err() == nil {
				load(ctx, int(next.Add(1)))
			}
		})
	}
	defer all.Wait()
	defer func() {
		if r.stop.Store(true); t.Failed() { // a fault that did not go as planned
			cancel()
		}
	}()
	for _, f := range r.faults {
		r.await(t, r.calm)
		if f.ready != nil {
			f.ready(t)
		}
		over := make(chan struct{})
		r.trouble.Store(&over)
		window := span{from: r.now(), name: f.name, fate: f.fate}
		if f.before != nil {
			f.before(t)
		}
		end := window
		end.from = r.now()
		f.do(t)
		window.to = r.now()
		end.to = window.to
		r.mu.Lock()
		r.windows = append(r.windows, window)
		if f.fate != 0 {
			r.endings = append(r.endings, end)
		}
		r.mu.Unlock()
		r.trouble.Store(nil)
		close(over)
	}
	r.await(t, r.calm)
	r.stop.Store(true)
	all.Wait()
	cancel()
}

// await lets n more steps happen.
func (r *run) await(t *testing.T, n int) {
	t.Helper()
	until := r.steps.Load() + int64(n)
	redistest.Eventually(t, fmt.Sprintf("%d steps", n), func() bool { return r.steps.Load() >= until })
}

// walk is one shard from its first step to its last.
func (r *run) walk(ctx context.Context, n int) {
	h := &history{}
	shard := store.Shard(fmt.Sprintf("person-%d-%d", r.seed, n))
	if r.shard != nil {
		shard = r.shard(n)
	}
	var all sync.WaitGroup
	for c := range callers {
		w := &writer{name: fmt.Sprint(n, "/", c), chance: mrand.New(mrand.NewPCG(r.seed, uint64(n*callers+c)))}
		s := r.stores[c%len(r.stores)]
		all.Go(func() {
			for n := 0; n < perShard/callers && w.open <= tolerance; n++ {
				r.take(ctx, s, shard, h, w, w.next())
			}
		})
	}
	all.Wait()
	r.mu.Lock()
	r.shards = append(r.shards, h)
	r.mu.Unlock()
}

// take is one step: called, answered or not, written down.
func (r *run) take(ctx context.Context, s store.Store, shard store.Shard, h *history, w *writer, p plan) {
	o := porcupine.Operation{Input: p.input, Call: r.now()}
	var out output
	var err error
	if p.kind == read {
		var value []byte
		value, err = s.Read(ctx, shard, p.key)
		out = output{known: true, found: err == nil, value: string(value)}
		if errors.Is(err, store.ErrAbsent) {
			err = nil
		}
	} else {
		out, err = r.send(ctx, s, shard, w, p)
	}
	waited := r.now()
	o.Output, o.Return = out, waited
	r.steps.Add(1)
	switch {
	case err != nil && p.kind == read: // it changed nothing and says nothing
	case err != nil:
		o.Output, o.Return, o.Metadata = output{}, math.MaxInt64, waited
		h.add(o)
		w.open++
	default:
		h.add(o)
		w.learn(p, out)
	}
	if err != nil {
		r.calmDown(ctx)
		return
	}
	if c := out.outcome.Conflict; p.replay != nil && c != nil && c.Op == 0 && c.Why == store.Tombstone {
		r.take(ctx, s, shard, h, w, *p.replay)
	}
}

// send is one attempt.
func (r *run) send(ctx context.Context, s store.Store, shard store.Shard, w *writer, p plan) (output, error) {
	var a store.Attempt
	_, _ = rand.Read(a[:]) // never fails
	got, err := s.Apply(ctx, shard, a, p.durable, p.ops...)
	for err != nil && r.resends && w.chance.IntN(2) == 0 {
		r.calmDown(ctx)
		got, err = s.Apply(ctx, shard, a, p.durable, p.ops...)
	}
	if err == nil && r.resends && w.chance.IntN(8) == 0 {
		again, errAgain := s.Apply(ctx, shard, a, p.durable, p.ops...)
		if errAgain == nil && (!again.Repeated || !same(got, again)) {
			r.mu.Lock()
			r.breaches = append(r.breaches, fmt.Sprintf("%s: first %+v, the same attempt again %+v", p.name, got, again))
			r.mu.Unlock()
		}
	}
	return output{known: err == nil, outcome: got}, err
}

// calmDown waits for the end of a fault: somebody who cannot be served comes
// back later, and open calls stay few enough to be checked.
func (r *run) calmDown(ctx context.Context) {
	if over := r.trouble.Load(); over != nil {
		select {
		case <-*over:
		case <-ctx.Done():
		}
	}
}

// verdict is what the check of a run found.
type verdict struct {
	Operations int `json:"operations"` // answered or not, reads included
	Unanswered int `json:"unanswered"` // changes that may have happened
	Shards     int `json:"shards"`
	InFaults   int `json:"operations_during_faults"`
	Taken      int `json:"values_taken"`
	Twice      int `json:"values_taken_twice"`
	Illegal    int `json:"histories_not_linearizable"`
	Unknown    int `json:"histories_not_decided"`
	Losses     int `json:"histories_that_show_a_loss"` // of what was not durable, which is allowed

	example porcupine.LinearizationInfo
	model   porcupine.Model
}

// check decides every shard's history, and counts what was given out.
func (r *run) check(patience time.Duration) verdict {
	trailing := slices.ContainsFunc(r.endings, func(s span) bool { return s.fate == trails })
	v := verdict{Shards: len(r.shards), model: contract(trailing)}
	var mu sync.Mutex // guards v
	var all sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, h := range r.shards {
		r.count(h, &v)
		if r.divided {
			continue
		}
		ops := r.complete(h, false)
		var kept []porcupine.Operation
		if trailing {
			kept = r.complete(h, true)
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			got := porcupine.CheckOperationsTimeout(v.model, ops, patience)
			mu.Lock()
			defer mu.Unlock()
			switch got {
			case porcupine.Illegal:
				if v.Illegal++; v.Illegal == 1 {
					_, v.example = porcupine.CheckOperationsVerbose(v.model, ops, patience)
				}
			case porcupine.Unknown:
				v.Unknown++
			case porcupine.Ok:
				if trailing && porcupine.CheckOperationsTimeout(v.model, kept, patience) == porcupine.Illegal {
					v.Losses++
				}
			}
		})
	}
	all.Wait()
	return v
}

// count adds a history to the figures. A value is unique, a family's together
// with its generation, so whoever was given one that was given before has taken
// it twice.
func (r *run) count(h *history, v *verdict) {
	seen := map[string]bool{}
	for _, o := range h.ops {
		v.Operations++
		out := o.Output.(output)
		if !out.known {
			v.Unanswered++
		}
		own := span{from: o.Call, to: min(o.Return, math.MaxInt64-1)}
		if slices.ContainsFunc(r.windows, own.meets) {
			v.InFaults++
		}
		for _, taken := range handedOut(o.Input.(input).ops, out.outcome.Taken) {
			v.Taken++
			if seen[string(taken)] {
				v.Twice++
			}
			seen[string(taken)] = true
		}
	}
}

// handedOut leaves out what ops only looked at: a code, a pass and a generation
// are for one, a fetched value is for all.
func handedOut(ops []store.Op, taken [][]byte) [][]byte {
	var out [][]byte
	for _, op := range ops {
		if len(taken) == 0 || !gives(op) {
			continue
		}
		if op.Kind != store.Fetch {
			out = append(out, taken[0])
		}
		taken = taken[1:]
	}
	return out
}

// complete adds to a history the endings it went through, and the ghosts of what
// was sent while something was lost.
func (r *run) complete(h *history, kept bool) []porcupine.Operation {
	ops := slices.Clone(h.ops)
	whole := h.span()
	for _, e := range r.endings {
		if !e.meets(whole) {
			continue
		}
		if kept {
			e.fate = keeps
		}
		ops = append(ops, porcupine.Operation{ClientId: callers, Input: input{kind: ending, fate: e.fate}, Call: e.from, Return: e.to, Output: output{}})
		for _, o := range h.ops {
			in := o.Input.(input)
			if e.fate == keeps || in.kind != apply || !e.meets(span{from: o.Call, to: o.Return}) {
				continue
			}
			in.kind = ghost
			ops = append(ops, porcupine.Operation{ClientId: callers, Input: in, Call: o.Call, Return: o.Return, Output: output{}})
		}
	}
	return ops
}
