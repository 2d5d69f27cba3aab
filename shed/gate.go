package shed

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Gate admits requests of one node. Its methods may be called from any
// goroutine.
//
// Handlers that only compute never meet each other inside: a goroutine that is
// given a processor runs its handler to the end, and what waits, waits unseen in
// the runtime's queue. So the gate does not count who is at work. It counts who
// was admitted since a goroutine of its own last went through that queue (a
// round), and admits no more than a few until it has: a long queue makes long
// rounds. A request that is parked meanwhile costs next to nothing, so the queue
// is soon one of Finishing, which does not wait for rounds.
type Gate struct {
	rules  [classes]rule
	share  int // admitted in a round, but for Finishing
	zero   time.Time
	round  func()            // goes once through the queue for the processors
	parked func(wait func()) // in tests, how a goroutine waits

	mu       sync.Mutex // guards what follows
	queues   [classes]queue
	passed   [classes]int // grants to others while one of this class waited
	granted  int          // in this round
	rounding bool         // a goroutine goes round
	ended    uint64       // rounds
	inside   int          // admitted, and not done
	pace     pace
	again    again
	tick     *time.Timer // until the pace lets the next one go
	ticking  bool
	readings [classes]Reading
}

// New is a gate in front of so many processors, at least one.
func New(processors int) *Gate {
	processors = max(1, processors)
	g := &Gate{rules: rules(), share: sharePerProcessor * processors, zero: time.Now(), round: runtime.Gosched}
	g.parked = func(wait func()) { wait() }
	g.pace.processors = float64(processors)
	g.pace.saved = g.pace.rate()
	g.again.processors = float64(processors)
	return g
}

func (g *Gate) now() time.Duration { return time.Since(g.zero) }

// outcome of asking to be let in.
type outcome int

const (
	admitted outcome = iota
	full             // as many wait as may
	late             // it has waited as long as it may
	left             // its client went away
)

// enter waits for a slot. Without one, after is how long to ask to stay away.
func (g *Gate) enter(ctx context.Context, c Class) (s *slot, out outcome, after time.Duration) {
	g.mu.Lock()
	now := g.now()
	q, r := &g.queues[c], &g.rules[c]
	if q.length == 0 && g.may(c, now) {
		s = g.admit(c)
		g.wake(now)
		g.readings[c].waited(0)
		g.mu.Unlock()
		return s, admitted, 0
	}
	if q.length >= r.depth {
		if r.short == 0 {
			defer g.mu.Unlock()
			return nil, full, g.refuse(c, full, now)
		}
		oldest := q.first
		q.remove(oldest)
		oldest.dropped = true
		close(oldest.ready)
	}
	w := &waiter{ready: make(chan struct{}), since: now, round: g.ended}
	patience := r.patience
	if q.overloaded(r, now) {
		patience = r.short
	}
	q.push(w)
	g.wake(now)
	g.mu.Unlock()
	g.parked(func() { g.wait(ctx, w, patience) })
	return g.called(ctx, w, c)
}

// wait until w is called, gone or out of patience. When the machine stood still
// meanwhile it has waited for nothing, and waits once more.
func (g *Gate) wait(ctx context.Context, w *waiter, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for once := true; ; once = false {
		select {
		case <-w.ready:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if !once || !g.stood(w) {
			return
		}
		timer.Reset(patience)
	}
}

// stood reports whether a round goes that went when w came.
func (g *Gate) stood(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rounding && g.ended == w.round
}

// called says what became of w; a slot that came as its client went is given on.
func (g *Gate) called(ctx context.Context, w *waiter, c Class) (*slot, outcome, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, gone := g.now(), ctx.Err() != nil
	switch {
	case w.slot != nil && gone:
		g.end(now)
	case w.slot != nil:
		w.slot.began = now // it runs from here on
		g.readings[c].waited(now - w.since)
		return w.slot, admitted, 0
	case !w.dropped:
		g.queues[c].remove(w)
	}
	switch {
	case gone:
		g.readings[c].Left++
		return nil, left, 0
	case w.dropped:
		return nil, full, g.refuse(c, full, now)
	}
	return nil, late, g.refuse(c, late, now)
}

// refuse is called with mu held.
func (g *Gate) refuse(c Class, why outcome, now time.Duration) time.Duration {
	if why == full {
		g.readings[c].Full++
	} else {
		g.readings[c].Late++
	}
	return g.again.after(now)
}

// may report whether one of c may be admitted now, whoever waits. Called with mu
// held, as all that follow.
func (g *Gate) may(c Class, now time.Duration) bool {
	if g.inside >= g.rules[c].inside || c != Finishing && g.granted >= g.share {
		return false
	}
	return c != Departing || g.pace.due(now) == 0
}

func (g *Gate) admit(c Class) *slot {
	if c == Departing {
		g.pace.spend()
	}
	if c != Finishing {
		g.granted++
	}
	g.inside++
	return &slot{gate: g, began: g.now()}
}

// end of one that was admitted.
func (g *Gate) end(now time.Duration) {
	g.inside--
	if g.waiting() {
		g.call(now)
	}
}

// next is the class of which one is called now, or Open: the first that waits
// and may, unless one below has been passed over too often.
func (g *Gate) next(now time.Duration) Class {
	turn := Open
	for c := range Open {
		if g.queues[c].length == 0 {
			g.passed[c] = 0
			continue
		}
		if !g.may(c, now) {
			continue
		}
		if turn == Open || g.passed[c] >= fairEvery {
			turn = c
		}
	}
	if turn == Open {
		return Open
	}
	g.passed[turn] = 0
	for c := turn + 1; c < Open; c++ {
		if g.queues[c].length > 0 {
			g.passed[c]++
		}
	}
	return turn
}

// call lets in whoever may come.
func (g *Gate) call(now time.Duration) {
	for g.waiting() {
		c := g.next(now)
		if c == Open {
			break
		}
		w := g.queues[c].take(&g.rules[c], now)
		w.slot = g.admit(c)
		close(w.ready)
	}
	g.wake(now)
}

func (g *Gate) waiting() bool {
	for i := range g.queues {
		if g.queues[i].length > 0 {
			return true
		}
	}
	return false
}

// wake sees to it that those who wait are called: by the end of a round, or of
// the pace's pause. For a place inside it is who leaves that calls.
func (g *Gate) wake(now time.Duration) {
	waiting := g.waiting()
	if !g.rounding && (g.granted > g.share/2 || g.granted > 0 && waiting) {
		g.rounding = true
		go g.rounds()
	}
	if !waiting || g.ticking || g.queues[Departing].length == 0 {
		return
	}
	due := g.pace.due(now)
	if due == 0 {
		return
	}
	g.ticking = true
	if g.tick == nil {
		g.tick = time.AfterFunc(due, g.ticked)
		return
	}
	g.tick.Reset(due)
}

// rounds goes through the queue for the processors as long as somebody is
// admitted.
func (g *Gate) rounds() {
	for more := true; more; {
		g.round()
		g.mu.Lock()
		before := g.granted
		g.granted = 0
		g.ended++
		g.call(g.now())
		more = before+g.granted > 0
		g.rounding = more
		g.mu.Unlock()
	}
}

func (g *Gate) ticked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ticking = false
	g.call(g.now())
}
