package simulate

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"sinho/signal"
)

// Of people. Times in seconds.
const (
	leaves     = 0.03 // share who leave at the provider by their own will
	decideHalf = 4    // half decide on a first look within so many
	againHalf  = 2    // and so after a failure
	personHalf = 6    // half are back from the provider
	pageHalf   = 15   // half have given up a page that does not open
	patience   = 90   // half go on after a failure until so long after they came
	finger     = 0.5  // the list holds still before a choice
	shutAgain  = 5    // until somebody who found everything shut looks again
)

// person is a citizen who logs in.
type person struct {
	id      int32
	arrived float64 // let in to the chooser
	looked  float64 // the page's epoch
	gives   float64 // no new attempt from then on
	asked   float64 // the leg under way
	back    float64
	// Drawn when they come, so that the same people come whatever the policy; the
	// first attempt uses them up.
	decide, person, page, habit, follow float64
	own                                 float64 // their own pace in this attempt: looking and being there
	first                               float64 // looking at first
	sent                                int64   // second they were sent away
	gen                                 int32
	where, failed                       int8 // providers, -1 for none
	leg                                 int8
	green, leaves                       bool
	measured                            bool // counts in figures
	tries                               int16
	open                                *open // at the guard
	fate                                fate
}

// fate is what became of somebody.
type fate uint8

const (
	underWay fate = iota
	in
	gaveUp
	left // by their own will
)

// seed is what the server gave them for their order.
func (p *person) seed() string { return "s" + strconv.Itoa(int(p.id)) }

// around is lognormal with a median.
func around(half, sigma float64, chance *rand.Rand) float64 {
	return half * math.Exp(sigma*chance.NormFloat64())
}

// nextArrival plans the next one: a Poisson process of the scenario's rate, by
// thinning.
func (w *world) nextArrival(from float64) {
	most := w.scene.most * w.cfg.Load * w.cfg.Capacity
	if most <= 0 {
		return
	}
	for at := from; ; {
		if at += w.arriving.ExpFloat64() / most; at >= until {
			return
		}
		if w.arriving.Float64()*w.scene.most < w.scene.load(at) {
			w.agenda.plan(event{at: at, kind: arrives})
			return
		}
	}
}

// arrive is the next person, who waits at the gate if there is one.
func (w *world) arrive() {
	c := w.traits
	p := person{
		id: int32(len(w.people)), where: -1, failed: -1, measured: w.now >= warm, //nolint:gosec // bounded by Capacity
		gives:  around(patience, 0.5, c),
		decide: around(decideHalf, 0.5, c), person: around(personHalf, 0.6, c), page: around(pageHalf, 0.5, c),
		leaves: c.Float64() < leaves, habit: c.Float64(), follow: c.Float64(),
	}
	w.people = append(w.people, p)
	at := w.now
	if w.scene.gate > 0 {
		at = max(at, w.entered+1/(w.scene.gate*w.cfg.Capacity))
		w.entered = at
	}
	w.moment(w.now).Came++
	w.agenda.plan(event{at: at, kind: looks, who: p.id})
	w.nextArrival(w.now)
}

// look is the first sight of the chooser.
func (w *world) look(who int32) {
	p := &w.people[who]
	p.arrived, p.looked = w.now, w.now
	p.gives += w.now
	p.first = p.decide
	w.agenda.plan(event{at: w.now + p.decide, kind: decides, who: who})
}

// luck is the person's own for the first draw.
func (w *world) luck(p *person) float64 {
	if u := p.habit; u >= 0 {
		p.habit = -1
		return u
	}
	return w.later.Float64()
}

// decide picks a provider by the board the person sees.
func (w *world) decide(who int32) {
	p := &w.people[who]
	if w.now > p.gives {
		w.end(p, gaveUp)
		return
	}
	b := w.seen(p)
	follows := p.follow < w.cfg.Follow
	where := -1
	if follows {
		where = w.suggests(p, b)
	}
	if where < 0 {
		where = w.byHabit(p, b)
	}
	if w.cfg.Policy.shows() && (where < 0 || !w.latest().statuses[where].Light.Choosable()) {
		// Shut, or refused at the door because the board seen was old: the page is
		// there again with a new one.
		after := shutAgain
		if where >= 0 {
			after = againHalf
		}
		p.looked, p.follow = w.now, w.later.Float64()
		w.agenda.plan(event{at: w.now + float64(after), kind: decides, who: who})
		return
	}
	if where < 0 {
		where = w.byHabit(&person{failed: -1, habit: -1}, b) // everything is down, and nobody says so
	}
	w.send(p, max(where, 0))
}

// seen is the board on the person's screen: the latest, up to Refresh old.
func (w *world) seen(p *person) *board {
	age := float64(uint32(p.id)*2654435761)/(1<<32)*w.cfg.Refresh + finger //nolint:gosec // spread evenly
	return w.boardAt(w.now - age)
}

// send takes the person to a provider.
func (w *world) send(p *person, where int) {
	at := &w.providers[where]
	if !w.unguarded && at.line.guard.TurnsAway() {
		p.where = int8(where) //nolint:gosec // a handful
		w.again(p)
		return
	}
	p.where, p.tries, p.leg = int8(where), p.tries+1, 0 //nolint:gosec // a handful
	p.sent = unix(w.now)
	p.green = w.latest().statuses[where].Light == signal.Green
	at.meter.started(p.green)
	w.score.sent(p)
	takes := p.person
	if p.tries > 1 {
		takes, p.page = around(personHalf, 0.6, w.later), around(pageHalf, 0.5, w.later)
	}
	takes *= at.state.person
	p.own = p.first + takes
	switch {
	case at.state.dead:
		w.agenda.plan(event{at: w.now + p.page, kind: gives, who: p.id})
	case p.leaves:
		w.end(p, left)
	default:
		at.away++
		w.agenda.plan(event{at: w.now + takes, kind: returns, who: p.id})
	}
}

// comeBack is the callback: the broker's legs begin.
func (w *world) comeBack(who int32) {
	p := &w.people[who]
	at := &w.providers[p.where]
	at.away--
	at.meter.bucket.Came(p.sent, 1, count(p.green))
	p.back = w.now
	w.ask(who)
}

func count(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// answered is a leg that ended well; the next begins, or the person is in.
func (w *world) answered(who int32) {
	p := &w.people[who]
	m := &w.providers[p.where].meter
	w.landed(p, true)
	took := w.now + distance - p.asked
	m.leg(took)
	if p.leg++; p.leg < legs {
		w.agenda.plan(event{at: w.now + distance, kind: asks, who: who})
		return
	}
	m.bucket.Completed++
	slow := w.now+distance-p.back > m.lamp.VerySlow.Seconds()
	m.ended(p.green, false, slow)
	w.score.well(p, slow)
	w.end(p, in)
}

// legFailed is a failure of a leg that is still under way.
func (w *world) legFailed(e *event, class signal.Class) {
	p := &w.people[e.who]
	if p.gen != e.gen {
		return
	}
	m := &w.providers[p.where].meter
	w.landed(p, false)
	m.leg(w.now - p.asked)
	m.bucket.Errors[class]++
	m.tookSum += timeout - (w.now - p.asked) // least latency counts a failure as a time-out
	m.ended(p.green, true, false)
	w.score.failed(p)
	w.again(p)
}

// shed is somebody whose leg the guard did not let through: no failure of the
// provider's, and back at the chooser all the same.
func (w *world) shed(p *person) {
	w.providers[p.where].meter.ended(p.green, true, false)
	w.score.failed(p)
	w.again(p)
}

// giveUpPage is somebody whose page never opened.
func (w *world) giveUpPage(who int32) {
	p := &w.people[who]
	w.score.vanished(p)
	w.again(p)
}

// again is back at the chooser after a failure.
func (w *world) again(p *person) {
	p.failed, p.habit, p.follow = p.where, -1, w.later.Float64()
	p.looked = w.now
	w.agenda.plan(event{at: w.now + around(againHalf, 0.5, w.later), kind: decides, who: p.id})
}

// end settles what became of somebody.
func (w *world) end(p *person, f fate) {
	p.fate = f
	if f == in {
		w.moment(w.now).In++
	}
	w.score.end(p, w.now+distance)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
