package simulate

import (
	"math"
	"slices"

	"sinho/signal"
)

// A play's crowd, in parts of what all its providers take when well
// (docs/decisions/0035-twin-lanes.md).
const (
	playCapacity = 50.0 // logins a second
	playCalm     = 0.4
	playStorm    = 0.45 // more than calm when a storm begins: together less than all can take
	playDecay    = 40   // seconds, its time constant
	// PlayPeople are counted: those who come first after the beginning. Others
	// come before and after them, so that the doors are as busy as they were.
	PlayPeople = 1000
	// PlayFor is when a play is over at the latest, in seconds: who has not got in
	// by then and has not given up is counted as outside.
	PlayFor = 180.0
)

// Fault is how a provider of a play breaks.
type Fault uint8

// The faults of the stage's buttons.
const (
	Well  Fault = iota
	Hangs       // no leg is answered
	Dead        // its page does not open
	Slow        // it takes ten times as long
	Gone        // its page does not open and every leg fails at once
)

func (f Fault) state() state {
	s := well
	switch f {
	case Hangs:
		s.hangs = true
	case Dead:
		s.dead = true
	case Slow:
		s.speed = 0.1
	case Gone:
		s.dead, s.refuses = true, true
	case Well:
	}
	return s
}

// Play is a run whose course somebody decides while it goes: when a storm comes
// and what breaks. Two of one seed with other policies are twins: the same people
// come at the same times to the same providers, as long as the same is done to
// both at the same time. It begins when the lights know what is usual. It is not
// safe for concurrent use.
type Play struct {
	w     *world
	first int     // of the people who are counted
	storm float64 // when it began, by the world's clock; NaN for none
	at    []int8  // where each person is, -1 for nowhere
	there []int   // how many are at a provider
	took  []float64
	open  int // counted people whose fate is not known
}

// PlayDoors are how many providers a play has.
const PlayDoors = 5

// NewPlay is a play at its beginning.
func NewPlay(policy Policy, seed uint64) *Play {
	p := &Play{storm: math.NaN(), there: make([]int, PlayDoors), open: PlayPeople}
	c := Base(policy, "play")
	c.Seed, c.Capacity = seed, playCapacity
	p.w = newWorldOf(c, scenario{
		sizes: []float64{0.25, 0.25, 0.2, 0.2, 0.1},
		habit: []float64{0.25, 0.35, 0.15, 0.15, 0.1},
		load:  p.load, most: playCalm + playStorm,
	})
	p.first = math.MaxInt
	p.to(warm)
	p.first = len(p.w.people)
	return p
}

// load is arrivals at a time.
func (p *Play) load(at float64) float64 {
	if math.IsNaN(p.storm) {
		return playCalm
	}
	return playCalm + playStorm*math.Exp(-max(at-p.storm, 0)/playDecay)
}

// Storm begins a storm now: twice as many people and a little, fading.
func (p *Play) Storm() { p.storm = p.w.now }

// Calm ends a storm.
func (p *Play) Calm() { p.storm = math.NaN() }

// Break makes a provider, 0 to PlayDoors-1, what a fault says.
func (p *Play) Break(provider int, f Fault) {
	p.w.turnOver(phase{where: provider, state: f.state()})
}

// Advance lets the play go on until so many seconds after its beginning, at most
// PlayFor. Going back does nothing.
func (p *Play) Advance(seconds float64) { p.to(warm + min(seconds, PlayFor)) }

func (p *Play) to(at float64) {
	w := p.w
	for len(w.agenda.heap) > 0 && w.agenda.heap[0].at <= at {
		e, _ := w.agenda.next()
		w.now = e.at
		w.handle(&e)
		p.follow(&e)
	}
	w.now = max(w.now, at)
}

// follow keeps book of the person an event was about.
func (p *Play) follow(e *event) {
	w := p.w
	for len(p.at) < len(w.people) {
		p.at, p.took = append(p.at, -1), append(p.took, 0)
	}
	switch e.kind {
	case ticks:
		p.carry()
		return
	case arrives, probed, turnsOver:
		return
	default:
	}
	person, before := &w.people[e.who], p.at[e.who]
	now := before
	switch {
	case person.fate != underWay, person.looked == w.now: // over, or back at the chooser
		now = -1
	case e.kind == decides:
		now = person.where
	}
	if now != before {
		if before >= 0 {
			p.there[before]--
		}
		if now >= 0 {
			p.there[now]++
		}
		p.at[e.who] = now
	}
	if person.fate != underWay && p.took[e.who] == 0 {
		p.took[e.who] = w.now + distance - person.arrived
		if p.counts(int(e.who)) {
			p.open--
		}
	}
}

// carry lets a provider that nobody has asked for ten seconds, perhaps because
// the guard lets nobody, have the latency it had: it must not be told to be the
// fastest.
func (p *Play) carry() {
	boards := p.w.boards
	if len(boards) < 2 {
		return
	}
	last, before := boards[len(boards)-1].latency, boards[len(boards)-2].latency
	for i, took := range last {
		if took == 0 {
			last[i] = before[i]
		}
	}
}

// counts: the person is one of PlayPeople.
func (p *Play) counts(who int) bool { return who >= p.first && who-p.first < PlayPeople }

// Over says that everybody who counts is in or gone, or the time is up.
func (p *Play) Over() bool { return p.open == 0 || p.w.now >= warm+PlayFor }

// Scene is a play at one moment.
type Scene struct {
	Seconds float64 // since its beginning
	Doors   []Door
	// People who count: Came is the sum of the four that follow.
	Came, In, GaveUp, Left, Outside int
	// Again is how many of them a provider has let down at least once.
	Again int
	// Half of those who are in took at most Half seconds from their first look at
	// the chooser, 95 of a hundred at most Most; 0 while nobody is.
	Half, Most float64
}

// Door is a provider of a play.
type Door struct {
	Light   signal.Light
	Advised float64 // the part of people to whom it is the first suggestion, 0 to 1
	There   int     // people who are there now
}

// Look is the play as it stands.
func (p *Play) Look() Scene {
	w := p.w
	b := w.latest()
	s := Scene{Seconds: w.now - warm}
	fastest := -1
	if w.cfg.Policy == LeastLatency {
		fastest = quickest(b.latency, -1, func(int) bool { return true })
	}
	for i := range w.providers {
		d := Door{Light: b.statuses[i].Light, Advised: b.statuses[i].Share, There: p.there[i]}
		if fastest >= 0 {
			d.Advised = 0
			if i == fastest {
				d.Advised = 1
			}
		}
		s.Doors = append(s.Doors, d)
	}
	var took []float64
	for i := p.first; i < len(w.people) && p.counts(i); i++ {
		s.Came++
		if w.people[i].failed >= 0 {
			s.Again++
		}
		switch w.people[i].fate {
		case in:
			s.In++
			took = append(took, p.took[i])
		case gaveUp:
			s.GaveUp++
		case left:
			s.Left++
		case underWay:
			s.Outside++
		}
	}
	slices.Sort(took)
	s.Half, s.Most = quantile(took, 0.5), quantile(took, 0.95)
	return s
}
