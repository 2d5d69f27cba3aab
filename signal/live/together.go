package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sinho/signal"
	"sinho/store"
)

// The hours of a second, and how long a node waits for an exchange.
const (
	// afterSealed is how long after a second is sealed the node that advanced the
	// last state looks; the others give it turnWait and a little more of their own,
	// so that mostly one of them does the work and the rest adopt it.
	afterSealed = 40 * time.Millisecond
	turnWait    = 40 * time.Millisecond
	turnSpread  = 60 * time.Millisecond

	leaveWithin = 200 * time.Millisecond
	meetWithin  = 500 * time.Millisecond
	// aloneAfter is how long the last board stands before a node that cannot meet
	// the others shows its own measurement.
	aloneAfter = 3 * time.Second
	// staleAfter is after how many seconds without a report a lamp no longer says
	// what a light is, and dropAfter when one is dropped that no node here has.
	staleAfter, dropAfter = 60, 600
	// mostRaces a node loses in one second before it lets the second go.
	mostRaces = 3
)

// together is what a node knows of the others. Only Run uses it.
type together struct {
	exchange Exchange
	version  string // of the state adopted last
	second   int64  // taken in last by the lamps, with the others or alone
	seq      int64  // of the state, and what its content was
	shown    string
	fetched  int64               // what others left is known up to here
	flights  map[string]flight   // changed under Live.turn
	others   []signal.SharedLamp // of providers this node does not have
	foreign  []signal.SharedCapacity
	heard    time.Time // when it met the others last
	leads    bool      // it advanced the last state
	apart    bool      // it has shown its own measurement since
}

func newTogether(x Exchange) together {
	return together{exchange: x, flights: map[string]flight{}}
}

// errRaces says that others were quicker all the time.
var errRaces = errors.New("lost too many races")

// runTogether leaves and meets once a second until ctx ends.
func (l *Live) runTogether(ctx context.Context, probes *sync.WaitGroup) {
	l.meet(ctx, probes) // there may be a state already
	for {
		now := l.now()
		end := now.Truncate(time.Second).Add(time.Second)
		if !l.pause(ctx, end.Add(grace).Sub(now)) {
			return
		}
		l.leave(ctx)
		wait := store.Sealed + afterSealed
		if !l.together.leads {
			wait += turnWait + rand.N(turnSpread) //nolint:gosec // keeps nodes apart, hides nothing
		}
		if !l.pause(ctx, end.Add(wait).Sub(l.now())) {
			return
		}
		l.meet(ctx, probes)
	}
}

// leave tells the others what this node has measured in the second that is over.
// What is not taken in time is lost to them.
func (l *Live) leave(ctx context.Context) {
	now := l.now()
	l.seal(now)
	report := signal.Report{Second: now.Unix() - 1}
	for _, p := range l.providers {
		if n := len(p.own); n > 0 && p.own[n-1].Second == report.Second {
			report.Providers = append(report.Providers, signal.Measured{ID: p.ID, Bucket: p.own[n-1], InFlight: p.flight})
		}
	}
	if len(report.Providers) == 0 {
		return
	}
	raw, err := report.MarshalBinary()
	if err != nil {
		l.log.ErrorContext(ctx, "lights: report", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	// Whether it went wrong or came late, meeting the others will tell.
	_, _ = l.together.exchange.Leave(ctx, report.Second, raw, l.Board().Seq)
}

// meet takes the lights one second further together with the others, or by
// itself when they cannot be met for a while.
func (l *Live) meet(ctx context.Context, probes *sync.WaitGroup) {
	t := &l.together
	upto := l.now().Add(-store.Sealed).Unix() - 1
	bounded, cancel := context.WithTimeout(ctx, meetWithin)
	due, err := l.agree(bounded, upto)
	cancel()
	now := l.now()
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		if t.apart {
			t.apart = false
			l.log.InfoContext(ctx, "lights together with the other nodes again")
		}
		t.heard = now
		for _, p := range due {
			l.startProbes(ctx, p, probes)
		}
		return
	case now.Sub(t.heard).Abs() < aloneAfter:
		return // the board stands a little longer
	}
	if !t.apart {
		t.apart = true
		l.log.WarnContext(ctx, "lights by this node's own measurement: the others cannot be met", "error", err)
	}
	l.local.Store(true)
	l.alone(ctx, now, probes)
	t.second, t.leads = now.Unix()-1, false
}

// agree adopts the state of second upto, made by this node or another. due are
// the providers whose probes are this node's to do.
func (l *Live) agree(ctx context.Context, upto int64) (due []*provider, err error) {
	t := &l.together
	for range mostRaces {
		known := t.version
		if t.apart {
			known = "" // the lamps are no longer those of that state
		}
		sight, err := t.exchange.Look(ctx, max(t.fetched, upto-int64(l.rules.LongWindow)), upto, known)
		if err != nil {
			return nil, err
		}
		upto = min(upto, sight.Sealed)
		if err := l.learn(sight, upto); err != nil {
			return nil, err
		}
		if sight.Version != "" && sight.Version == t.version && sight.Second >= upto {
			t.leads = t.leads && sight.State == nil
			l.showState(ctx)
			return nil, nil
		}
		due, won, err := l.advance(ctx, sight, upto)
		if won || err != nil {
			return due, err
		}
	}
	return nil, errRaces
}

// learn takes in what was found: reports of sealed seconds, and the state that
// stands unless it is of no use.
func (l *Live) learn(sight store.Sight, upto int64) error {
	t := &l.together
	var state signal.State
	// A state from the future was made before the store's clock went back. One that
	// nobody has touched for as long as this node was alone is older than its own.
	adopt := sight.State != nil && sight.Second <= upto+store.Ahead &&
		sight.Second >= min(t.second, upto-int64(aloneAfter.Seconds()))
	if adopt {
		if err := state.UnmarshalBinary(sight.State); err != nil {
			return fmt.Errorf("read the lights' state: %w", err)
		}
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	if t.second > upto+store.Ahead {
		l.startOver(upto)
	}
	for _, left := range sight.Left {
		l.learnSecond(left)
	}
	t.fetched = max(t.fetched, upto)
	t.land(upto)
	if adopt {
		l.adopt(state)
		t.version = sight.Version
	}
	return nil
}

// learnSecond takes in what all nodes measured in a second. A report nobody here
// can read is as one that was not left.
func (l *Live) learnSecond(left store.Left) {
	nodes := make(map[string]signal.Nodes, len(l.providers))
	for node, raw := range left.By {
		var r signal.Report
		if r.UnmarshalBinary(raw) != nil || r.Second != left.Second {
			continue
		}
		f := flight{second: r.Second, legs: make(map[string]signal.Histogram, len(r.Providers))}
		for _, m := range r.Providers {
			f.legs[m.ID] = m.InFlight
			if nodes[m.ID] == nil {
				nodes[m.ID] = signal.Nodes{}
			}
			nodes[m.ID][node] = m.Bucket
		}
		if l.together.flights[node].second < f.second {
			l.together.flights[node] = f
		}
	}
	for id, all := range nodes {
		if p := l.byID[id]; p != nil {
			p.mu.Lock()
			p.buckets = lastOf(put(p.buckets, all.Sum()), l.rules.LongWindow)
			p.mu.Unlock()
		}
	}
}

// put adds a bucket in its place, instead of one of the same second.
func put(list []signal.Bucket, b signal.Bucket) []signal.Bucket {
	i, found := slices.BinarySearchFunc(list, b.Second, func(have signal.Bucket, second int64) int {
		return cmp.Compare(have.Second, second)
	})
	if found {
		list[i] = b
		return list
	}
	return slices.Insert(list, i, b)
}

// adopt goes on from a state as if this node had made it. l.turn is held.
func (l *Live) adopt(s signal.State) {
	t, at := &l.together, time.Unix(s.Second+1, 0).UTC()
	t.second, t.seq, t.shown, t.others, t.foreign = s.Second, s.Seq, s.Shown, nil, nil
	l.began.Store(s.Began.Unix())
	for _, shared := range s.Lamps {
		p := l.byID[shared.ID]
		if p == nil {
			t.others = append(t.others, shared)
			continue
		}
		p.mu.Lock()
		l.show(p, shared.Lamp)
		p.probeNext = shared.ProbeNext
		p.expire(at)
		p.begun(shared.Lamp, at)
		p.mu.Unlock()
	}
	for _, shared := range s.Capacities {
		if p := l.byID[shared.ID]; p != nil {
			p.mu.Lock()
			p.capacity = shared.Capacity
			p.mu.Unlock()
			continue
		}
		t.foreign = append(t.foreign, shared)
	}
}

// startOver forgets every light: what is known of them is from a time that is
// yet to come. l.turn is held.
func (l *Live) startOver(upto int64) {
	l.log.Warn("lights begin anew: the store's clock went back")
	t := &l.together
	*t = together{exchange: t.exchange, seq: t.seq, flights: map[string]flight{}, heard: t.heard, apart: t.apart}
	for _, p := range l.providers {
		p.mu.Lock()
		l.show(p, signal.Lamp{}.Step(l.rules, signal.Sample{}, time.Unix(upto, 0)))
		p.capacity = signal.Capacity{}.Step(l.rules, p.bounds(), p.lamp, signal.Sample{})
		p.buckets, p.probeNext = nil, time.Time{}
		p.mu.Unlock()
	}
}

// advance proposes the state of second upto. When another node's stands by then,
// nothing has happened.
func (l *Live) advance(ctx context.Context, sight store.Sight, upto int64) (due []*provider, won bool, err error) {
	t := &l.together
	at := time.Unix(upto+1, 0).UTC()
	next, anew := l.propose(upto, at)
	told := func(i int, p *provider) (signal.Status, signal.Capacity) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.told(next[i].Lamp, at), next[i].capacity
	}
	statuses, capacities := l.all(told)
	signal.Recommend(l.rules, statuses, l.bounds, capacities)
	for i := range next {
		next[i].capacity = capacities[i]
	}
	state := signal.State{
		Second: upto, Seq: max(t.seq, sight.Floor), Began: time.Unix(l.began.Load(), 0).UTC(),
	}
	for _, other := range t.others {
		if upto-other.Lamp.Seen() <= dropAfter {
			state.Lamps = append(state.Lamps, other)
		}
	}
	for _, other := range t.foreign {
		if upto-other.Capacity.Seen() <= dropAfter {
			state.Capacities = append(state.Capacities, other)
		}
	}
	for _, n := range next {
		state.Lamps = append(state.Lamps, n.SharedLamp)
		state.Capacities = append(state.Capacities, signal.SharedCapacity{ID: n.ID, Capacity: n.capacity})
	}
	if state.Shown, err = etagOf(l.board(at, false, told)); err != nil {
		return nil, false, err
	}
	if state.Shown != t.shown {
		state.Seq++
	}
	raw, err := state.MarshalBinary()
	if err != nil {
		return nil, false, err
	}
	version, won, err := t.exchange.Advance(ctx, sight.Version, upto, raw)
	if err != nil || !won {
		return nil, false, err
	}
	t.version, t.second, t.seq, t.shown, t.leads = version, upto, state.Seq, state.Shown, true
	l.turn.Lock()
	for i, p := range l.providers {
		p.mu.Lock()
		l.show(p, next[i].Lamp)
		p.capacity, p.probeNext = next[i].capacity, next[i].ProbeNext
		if p.anew.Equal(anew[i]) {
			p.anew = time.Time{}
		}
		p.mu.Unlock()
		if next[i].due {
			due = append(due, p)
		}
	}
	l.turn.Unlock()
	l.showState(ctx)
	return due, true, nil
}

// propose is what every lamp becomes at second upto, and which ends of overrides
// that has seen.
func (l *Live) propose(upto int64, at time.Time) (next []stepped, anew []time.Time) {
	t := &l.together
	for _, p := range l.providers {
		inFlight, _ := t.inFlight(p.ID, upto)
		p.mu.Lock()
		p.expire(at)
		before := p.lamp.Seen()
		one := l.step(p, inFlight, at)
		anew = append(anew, p.anew)
		p.mu.Unlock()
		if before > 0 && upto-before > staleAfter {
			one.Lamp = one.Lamp.Forgotten(at)
		}
		next = append(next, one)
	}
	return next, anew
}

// showState shows the board of the state this node has.
func (l *Live) showState(ctx context.Context) {
	at := time.Unix(l.together.second+1, 0).UTC()
	l.turn.Lock()
	defer l.turn.Unlock()
	for _, p := range l.providers {
		p.mu.Lock()
		p.expire(at)
		p.mu.Unlock()
	}
	l.local.Store(false)
	l.publish(ctx, at, l.together.seq)
}
