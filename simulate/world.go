package simulate

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"sinho/signal"
)

// What is the same everywhere. Times in seconds.
const (
	legs     = 2    // requests of the broker's in a login: token, userinfo
	service  = 0.1  // a server's mean time for one
	distance = 0.04 // there and back
	timeout  = 5    // the broker's, for one leg
	backlog  = 4    // so many seconds of work at full speed may wait at a provider
	slots    = 64   // of a quarter second, for the ages of legs under way
)

// provider is one of them, and what is measured of it.
type provider struct {
	state   state
	station station
	line    line
	away    int // people there who will come back

	flight [slots]uint32 // legs under way by the quarter second they began in
	meter  meter
}

// world is one run.
type world struct {
	cfg       Config
	scene     scenario
	rules     signal.Rules
	bounds    []signal.Bounds
	forgetful bool // see Ablations
	unguarded bool
	providers []provider
	people    []person
	agenda    agenda
	now       float64
	boards    []board // latest last
	entered   float64 // when the gate let in the last one
	score     score
	course    []Moment
	// Each has its own stream, so that the same people come whatever the policy.
	arriving, traits, serving, later *rand.Rand
}

func newWorld(c Config) *world { return newWorldOf(c, scenarios[c.Scenario]) }

func newWorldOf(c Config, scene scenario) *world {
	w := &world{cfg: c, scene: scene, rules: signal.DefaultRules(), entered: -1}
	h := fnv.New64a()
	h.Write([]byte(c.Scenario))
	stream := func(n uint64) *rand.Rand {
		return rand.New(rand.NewPCG(c.Seed, h.Sum64()+n)) //nolint:gosec // a simulation
	}
	w.arriving, w.traits, w.serving, w.later = stream(1), stream(2), stream(3), stream(4)
	for _, size := range w.scene.sizes {
		takes := size * c.Capacity
		servers := max(int(takes*legs*service+0.5), 1)
		w.bounds = append(w.bounds, signal.Bounds{Prior: takes})
		w.providers = append(w.providers, provider{state: well, line: newLine(w.clock), station: station{
			servers: servers, mean: service, speed: 1, most: backlog * int(float64(servers)/service),
		}})
	}
	if change := ablations[c.Without]; change != nil {
		change(&w.rules, w)
	}
	for i, p := range w.scene.phases {
		w.agenda.plan(event{at: p.at, kind: turnsOver, who: int32(i)})
	}
	w.tick()
	w.nextArrival(0)
	return w
}

// clock is the time on the wall.
func (w *world) clock() time.Time {
	return time.Unix(epoch0, int64(w.now*float64(time.Second)))
}

// run handles every event up to the end.
func (w *world) run() {
	for {
		e, any := w.agenda.next()
		if !any || e.at >= until+drain {
			break
		}
		w.now = e.at
		w.handle(&e)
	}
	w.now = until + drain
}

func (w *world) handle(e *event) {
	switch e.kind {
	case arrives:
		w.arrive()
	case looks:
		w.look(e.who)
	case decides:
		w.decide(e.who)
	case returns:
		w.comeBack(e.who)
	case gives:
		w.giveUpPage(e.who)
	case asks:
		w.ask(e.who)
	case served:
		w.served(e)
	case fails:
		w.legFailed(e, signal.Class(e.what)) //nolint:gosec // a class
	case timesOut:
		w.legFailed(e, signal.TimedOut)
	case probed:
		w.probed(int(e.where), e.what == 1)
	case ticks:
		w.tick()
	case turnsOver:
		w.turnOver(w.scene.phases[e.who])
	}
}

// turnOver makes a provider what the phase says. Who waits at one that is down
// will not be served; who is in service still is.
func (w *world) turnOver(ph phase) {
	p := &w.providers[ph.where]
	p.state, p.station.speed = ph.state, ph.state.speed
	if ph.state.refuses || ph.state.hangs {
		p.station.clear()
	}
}

// ask sends the person's next leg.
func (w *world) ask(who int32) {
	p := &w.people[who]
	at := &w.providers[p.where]
	p.gen++
	p.asked = w.now
	if !w.unguarded {
		if p.open = at.line.enter(); p.open == nil {
			w.shed(p)
			return
		}
	}
	at.flight[slot(w.now)]++
	e := event{at: w.now + distance, kind: fails, who: who, gen: p.gen, where: p.where}
	out := event{at: w.now + timeout, kind: timesOut, who: who, gen: p.gen, where: p.where}
	switch {
	case at.state.refuses:
		e.what = int8(signal.Faulty)
		w.agenda.plan(e)
		return
	case at.state.hangs:
		w.agenda.plan(out)
		return
	}
	l := leg{who: who, gen: p.gen}
	begin, refused := at.station.take(l)
	switch {
	case refused:
		e.what = int8(signal.Throttled)
		w.agenda.plan(e)
	case begin:
		w.serve(p.where, l)
	default:
		w.agenda.plan(out)
	}
}

// serve begins a leg at a server.
func (w *world) serve(where int8, l leg) {
	s := &w.providers[where].station
	took := s.begin(w.now, w.serving)
	w.agenda.plan(event{at: w.now + took, kind: served, who: l.who, gen: l.gen, where: where})
	p := &w.people[l.who]
	if end := p.asked + timeout; p.gen == l.gen && w.now == p.asked && w.now+took+distance > end {
		w.agenda.plan(event{at: end, kind: timesOut, who: l.who, gen: l.gen, where: where})
	}
}

// served frees a server, answers its leg, and begins the next.
func (w *world) served(e *event) {
	s := &w.providers[e.where].station
	s.end(w.now)
	if p := &w.people[e.who]; p.gen == e.gen && w.now+distance < p.asked+timeout {
		w.answered(e.who)
	}
	for {
		l, any := s.next()
		if !any {
			return
		}
		w.serve(e.where, l)
	}
}

// landed is a leg that is under way no more.
func (w *world) landed(p *person, well bool) {
	w.providers[p.where].flight[slot(p.asked)]--
	p.gen++
	if p.open != nil {
		p.open.leave(well)
		p.open = nil
	}
}

func slot(at float64) int { return int(at*4) % slots }
