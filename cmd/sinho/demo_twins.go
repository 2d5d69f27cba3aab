package main

import (
	"maps"
	"sync"
	"time"

	"sinho/demo"
	"sinho/simulate"
)

// twinPace is how many seconds of the twins' clock pass in one on the wall.
const twinPace = 4

// twins are the two lanes of the stage: one crowd, modelled twice (package
// simulate), told the fastest on the left and advised by Sinho's own code on the
// right. They advance when somebody looks, so that they cost nothing while
// nobody does.
type twins struct {
	doors []string // ids of the providers, in the demo's order
	seed  uint64
	now   func() time.Time

	mu          sync.Mutex // guards all below
	plays       int
	left, right *simulate.Play
	began       time.Time
	storm       bool
	fault       map[string]string // stays from play to play until everything recovers
}

// newTwins are those of the demo's providers.
func newTwins(seed uint64, now func() time.Time) *twins {
	t := &twins{seed: seed, now: now, fault: map[string]string{}}
	for _, p := range simulatedProviders()[:simulate.PlayDoors] {
		t.doors = append(t.doors, p.id)
	}
	return t
}

// demoTwins are what the stage needs of them.
func demoTwins(seed uint64, now func() time.Time) *demo.Twins {
	t := newTwins(seed, now)
	return &demo.Twins{Press: t.press, Look: t.look}
}

// twinFaults are the stage's breakings in the model.
var twinFaults = map[string]simulate.Fault{
	"server": simulate.Hangs, "page": simulate.Dead, "slow": simulate.Slow, "down": simulate.Gone,
}

// press does the same to both, at the same moment of theirs.
func (t *twins) press(provider, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance()
	switch _, breaks := twinFaults[what]; {
	case what == "recover":
		t.storm = false
		clear(t.fault)
		if !t.on() {
			return
		}
	case what == "storm":
		t.storm = true
		t.begin()
		t.each(func(p *simulate.Play) { p.Storm() })
		return
	case breaks:
		t.fault[provider] = what
		t.begin()
	default:
		return
	}
	t.each(func(p *simulate.Play) {
		if !t.storm {
			p.Calm()
		}
		for i, id := range t.doors {
			p.Break(i, twinFaults[t.fault[id]])
		}
	})
}

// begin starts a play unless one is under way. What is broken is broken in it.
func (t *twins) begin() {
	if t.on() {
		return
	}
	t.plays++
	seed := t.seed + uint64(t.plays) //nolint:gosec // not negative
	t.left, t.right = simulate.NewPlay(simulate.LeastLatency, seed), simulate.NewPlay(simulate.Ours, seed)
	t.began = t.now()
	t.each(func(p *simulate.Play) {
		for i, id := range t.doors {
			p.Break(i, twinFaults[t.fault[id]])
		}
	})
}

func (t *twins) on() bool { return t.left != nil && (!t.left.Over() || !t.right.Over()) }

func (t *twins) each(do func(*simulate.Play)) {
	do(t.left)
	do(t.right)
}

// advance brings both to the same moment. A play that is over stands still, and
// a storm is over with it.
func (t *twins) advance() {
	if !t.on() {
		return
	}
	at := t.now().Sub(t.began).Seconds() * twinPace
	t.each(func(p *simulate.Play) { p.Advance(at) })
	if !t.on() {
		t.storm = false
	}
}

// look is how both stand.
func (t *twins) look() demo.TwinState {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance()
	s := demo.TwinState{
		Play: t.plays, On: t.on(), Pace: twinPace, People: simulate.PlayPeople, Storm: t.storm, Fault: maps.Clone(t.fault),
	}
	if t.left == nil {
		s.Left, s.Right = t.quiet(), t.quiet()
		return s
	}
	left, right := t.left.Look(), t.right.Look()
	s.Seconds = max(left.Seconds, right.Seconds)
	s.Left, s.Right = t.lane(left), t.lane(right)
	return s
}

// quiet is a lane before the first play.
func (t *twins) quiet() (l demo.TwinLane) {
	for _, id := range t.doors {
		l.Doors = append(l.Doors, demo.TwinDoor{ID: id})
	}
	return l
}

func (t *twins) lane(s simulate.Scene) demo.TwinLane {
	l := demo.TwinLane{
		Came: s.Came, In: s.In, GaveUp: s.GaveUp, Left: s.Left, Outside: s.Outside, Again: s.Again, Half: s.Half, Most: s.Most,
	}
	for i, id := range t.doors {
		d := s.Doors[i]
		l.Doors = append(l.Doors, demo.TwinDoor{ID: id, Light: d.Light.String(), Advised: d.Advised, There: d.There})
	}
	return l
}
