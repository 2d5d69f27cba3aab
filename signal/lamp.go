package signal

import (
	"math"
	"slices"
	"time"
)

// Sample is what is known of one provider at one tick.
type Sample struct {
	// Buckets are the sealed seconds, oldest first, at most the last minute of
	// them. A second that was measured and empty is an empty Bucket; a second
	// missing here was not measured.
	Buckets []Bucket
	// InFlight are the server legs under way, by age.
	InFlight Histogram
	// Week is what is usual, as far as whoever asks knows it.
	Week Week
}

// Lamp is the state of one provider's light: a value, advanced once a second.
// The zero Lamp is "not yet known" from its first Step on.
type Lamp struct {
	// Light, with Reason, as it stands by itself; see Status for overrides.
	Light    Light
	Measured bool // false: "little data"
	Since    time.Time
	Epoch    int64 // grows by one with every change of Light
	Reason   Reason
	// ProbeEvery is how often this provider wants a round of probes, 0 for not.
	ProbeEvery time.Duration
	// Slow and VerySlow are t1 and t2 in force.
	Slow, VerySlow time.Duration
	// Honest counts what became of logins begun on green.
	Honest Honesty

	override *Override

	seen       int64    // second taken in last
	from       int64    // seconds before this one count no more
	trickle    bool     // lifted from grey and not yet improved
	targets    [4]Light // judged at the last ticks, latest last
	calm       int
	changes    [4]time.Time // latest last
	improved   time.Time    // when the light improved last
	relapsed   bool         // it got worse again soon after
	renewed    time.Time    // when Reason's numbers were
	enoughAt   time.Time    // when there was last enough to say green
	usual      baseline
	crowd      crowd
	legs       row
	probes     row
	pages      row
	lastGood   int64
	lastProbe  int64
	goodRounds int // since grey
	relapses   int // greys soon after a lift
	lifted     time.Time
	lately     lately
}

// Step is the lamp one tick later: it takes in the seconds of the sample it has
// not seen, judges, and moves. It reads no clock; now is the tick.
func (l Lamp) Step(r Rules, s Sample, now time.Time) Lamp {
	if l.Light == 0 {
		l.Light, l.Since = Yellow, now
		l.targets = [4]Light{Green, Green, Green, Green}
		l.Reason = finding{light: Yellow, code: CodeLittleData}.reason()
		l.renewed = now
	}
	th := r.limits(r.usualP90(&s.Week, &l.usual))
	for i := range s.Buckets {
		if s.Buckets[i].Second > l.seen {
			l.take(&r, &s.Buckets[i], th)
		}
	}
	p90 := r.usualP90(&s.Week, &l.usual)
	th = r.limits(p90)
	l.Slow, l.VerySlow = Bound(th.slow), Bound(th.verySlow)

	e := evidence{
		tally: r.gather(s.Buckets, &s.InFlight, th, l.from),
		th:    th, p90: p90, now: l.seen,
		overdue: s.InFlight.Above(th.overdue),
		stuck:   s.InFlight.Above(th.slow),
		legs:    l.legs, probes: l.probes, pages: l.pages,
		lastGood: l.lastGood,
		crowd:    &l.crowd,
		week:     &s.Week,
		people:   l.lately.against(&r.Returns, &s.Week, l.seen),
	}
	if e.ended >= r.GreenNeeds {
		l.enoughAt = now
	}
	e.enough = e.ended >= r.GreenNeeds ||
		l.Light == Green && l.Measured && now.Sub(l.enoughAt) < r.GreenKeeps

	if l.override != nil && !l.override.Active(now) {
		l = l.unknown(now) // nobody was sent there meanwhile: begin anew
	} else {
		l.move(&r, r.judge(&e), now)
	}
	l.ProbeEvery = l.pace(&r, s.Buckets)
	return l
}

// take lets one sealed second into the memory of the lamp.
func (l *Lamp) take(r *Rules, b *Bucket, th thresholds) {
	if gap := b.Second - l.seen; l.seen > 0 && gap > 1 {
		// Seconds nobody measured: whoever was away then is not judged by them.
		l.crowd.forget()
		l.lately = lately{}
	}
	if l.seen == 0 {
		l.lastGood, l.lastProbe = b.Second-1, b.Second-1
	}
	l.seen = b.Second

	good := b.Succeeded() > 0
	switch {
	case good:
		l.legs, l.probes, l.lastGood = row{}, row{}, b.Second
	default:
		// People who gave up after waiting longer than t2 saw no success either.
		l.legs.fail(b.Failed()+b.Left.Above(th.verySlow), b.Second)
		if b.ProbesOK > 0 {
			l.probes = row{}
		} else {
			l.probes.fail(int(b.ProbesFailed), b.Second)
		}
	}
	for _, w := range []*row{&l.legs, &l.probes, &l.pages} {
		if w.n > 0 && b.Second-w.last > int64(r.BreakerForgets.Seconds()) {
			*w = row{}
		}
	}
	switch {
	case b.PagesOK > 0:
		l.pages = row{}
	case b.PagesFailed > 0:
		if l.pages.n == 0 {
			l.crowd.pagesStart()
		}
		l.pages.fail(int(b.PagesFailed), b.Second)
	}
	if b.ProbesOK+b.ProbesFailed+b.PagesOK+b.PagesFailed > 0 {
		l.lastProbe = b.Second
	}
	switch {
	case b.ProbesFailed > 0 || b.Failed() > 0:
		l.goodRounds = 0
	case b.ProbesOK > 0 || good:
		l.goodRounds++
	}

	// What is usual is learned only while green: a long incident never becomes it.
	vanished := l.crowd.take(&r.Person, b, l.Light == Green)
	l.lately.take(b, l.Light.Worse(Yellow) || l.crowd.judgedBad(&r.Person))
	if l.Light == Green {
		l.usual.learn(&b.Legs, math.Exp2(-1/r.BaselineHalfLife.Seconds()))
	}
	l.Honest.take(b, vanished)
}

// move turns the light, if it is time, and keeps its reason fresh.
func (l *Lamp) move(r *Rules, f finding, now time.Time) {
	copy(l.targets[:], l.targets[1:])
	l.targets[len(l.targets)-1] = f.light
	switch {
	case l.Light == Grey:
		l.lift(r, now)
		return
	case !l.Measured && !l.trickle:
		// Not yet known: the first measured light applies at once.
		if f.known() && (f.light == l.Light || l.changesWithin(r.ChangeSpan, now) < r.MostChanges) {
			l.turn(f, now)
			return
		}
	case f.light.Worse(l.Light):
		l.calm = 0
		l.worsen(r, f, now)
		return
	case l.Light.Worse(f.light):
		l.calm++
		if l.calm >= r.CalmTicks && l.mayImprove(r, now) && l.changesWithin(r.ChangeSpan, now) <= r.MaxChanges {
			if step := l.Light - 1; step.Worse(f.light) {
				f = f.recovering(step)
			}
			l.trickle, l.improved, l.relapsed = false, now, false
			l.turn(f, now)
			return
		}
		if l.calm >= r.CalmTicks/2 && !l.trickle {
			l.explain(r, f.recovering(l.Light), now)
		}
		return
	}
	l.calm = 0
	l.trickle = l.trickle && !f.known()
	if l.trickle {
		return
	}
	if l.Light == f.light {
		l.Measured = f.measured
		l.explain(r, f, now)
	}
}

// worsen turns to a worse light when the last ticks all say worse: to the newest
// of them, but to grey only when all say grey. The last change that is left waits
// for more ticks, so that a provider that fails altogether is grey by it.
func (l *Lamp) worsen(r *Rules, f finding, now time.Time) {
	mildest := slices.Min(l.targets[len(l.targets)-min(max(r.WorsenTicks, 1), len(l.targets)):])
	left := r.MostChanges - l.changesWithin(r.ChangeSpan, now)
	if left == 1 && mildest != Grey {
		mildest = slices.Min(l.targets[:])
	}
	if left <= 0 || !mildest.Worse(l.Light) {
		return
	}
	if f.light == Grey && mildest != Grey {
		if l.trickle {
			return // a trial that fails goes back to grey, not by red
		}
		f.light = Red
	}
	if !f.light.Worse(l.Light) {
		return
	}
	// Worse again soon after it improved: the next improvement takes longer.
	l.relapsed = !l.improved.IsZero() && now.Sub(l.improved) < r.RelapseSpan
	if f.light == Grey {
		l.greyed(r, now)
	}
	l.trickle = false
	l.turn(f, now)
}

// mayImprove reports whether the light has stood, and been quiet, for long
// enough. A light that keeps going to and fro is held where it is worse.
func (l *Lamp) mayImprove(r *Rules, now time.Time) bool {
	dwell := r.Dwell
	if l.relapsed {
		dwell = r.RelapseDwell
	}
	return now.Sub(l.Since) >= dwell
}

// turn sets the light and its reason.
func (l *Lamp) turn(f finding, now time.Time) {
	if f.light != l.Light {
		if began, any := l.trouble(); any && f.light.Worse(Yellow) {
			l.crowd.blame(began, l.seen)
		}
		copy(l.changes[:], l.changes[1:])
		l.changes[len(l.changes)-1] = now
		l.Since, l.Epoch = now, l.Epoch+1
	}
	l.Light, l.Measured, l.calm = f.light, f.measured, 0
	l.Reason, l.renewed = f.reason(), now
}

// trouble is the second in which the failures began that stand in a row now.
func (l *Lamp) trouble() (began int64, any bool) {
	for _, w := range []*row{&l.legs, &l.probes, &l.pages} {
		if w.n > 0 && (!any || w.first < began) {
			began, any = w.first, true
		}
	}
	return began, any
}

// explain renews the reason: at once when it is another one, else now and then,
// so that numbers alone do not make a new board every second.
func (l *Lamp) explain(r *Rules, f finding, now time.Time) {
	if f.code != l.Reason.Code || now.Sub(l.renewed) >= r.ReasonEvery {
		l.Reason, l.renewed = f.reason(), now
	}
}

func (l *Lamp) changesWithin(span time.Duration, now time.Time) int {
	n := 0
	for _, at := range l.changes {
		if !at.IsZero() && now.Sub(at) < span {
			n++
		}
	}
	return n
}

// Override is the operator's word in force at now, or nil.
func (l Lamp) Override(now time.Time) *Override {
	if l.override.Active(now) {
		return l.override
	}
	return nil
}

// Overridden is the lamp under an operator's override, or without any (nil).
// Where one ends the light is "not yet known": nobody was sent there meanwhile.
func (l Lamp) Overridden(o *Override, now time.Time) Lamp {
	had := l.override != nil
	l.override = o
	if had && o == nil {
		l = l.unknown(now)
	}
	return l
}

// unknown is the lamp with its light forgotten but not what is usual.
func (l Lamp) unknown(now time.Time) Lamp {
	l.override = nil
	l.from = l.seen + 1
	l.legs, l.probes, l.pages = row{}, row{}, row{}
	l.crowd.forget()
	l.lately = lately{}
	l.trickle = false
	l.turn(finding{light: Yellow, code: CodeLittleData}, now)
	return l
}

// Status is the light as everybody sees it; its share is not set.
func (l Lamp) Status(id string, name Text, now time.Time) Status {
	s := Status{
		ID: id, Name: name,
		Light: l.Light, Measured: l.Measured, Since: l.Since.UTC().Truncate(time.Second), Reason: l.Reason,
	}
	if o := l.Override(now); o != nil {
		until := o.Until.UTC().Truncate(time.Second)
		s.Light, s.Measured, s.Until, s.Reason = Grey, false, &until, o.reason()
	}
	return s
}
