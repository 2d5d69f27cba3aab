package signal

import "time"

// row counts failures with no success among them.
type row struct {
	n     int
	first int64 // seconds of the first and the last of them
	last  int64
}

func (w *row) fail(n int, second int64) {
	if n <= 0 {
		return
	}
	if w.n == 0 {
		w.first = second
	}
	w.n, w.last = w.n+n, second
}

// evidence is everything one tick is judged by.
type evidence struct {
	tally
	th       thresholds
	p90      time.Duration
	now      int64 // second sealed last
	overdue  int   // legs in flight longer than 2·t2
	stuck    int   // and longer than t1
	legs     row   // failed legs in a row
	probes   row   // failed server probes in a row
	pages    row   // failed page probes in a row
	lastGood int64 // second of the last good leg
	crowd    *crowd
	people   compared // with the same hour of a week
	week     *Week
	enough   bool // logins to say green
}

// judge is the colour the evidence speaks for now, without any memory of the
// light shown. More failures never make it a better one.
func (r *Rules) judge(e *evidence) finding {
	worst := finding{light: Yellow, code: CodeLittleData, n: e.ended}
	if e.enough {
		worst = finding{light: Green, code: CodeOK, measured: true, n: e.n, limit: e.p90}
	}
	perMille, known := e.week.failing()
	found := false
	note := func(f finding) {
		if !found || f.light.Worse(worst.light) {
			worst, found = f, true
			worst.measured = true
		}
	}
	r.judgeBreaker(e, note)
	r.judgeErrors(e, note)
	r.judgeTimes(e, note)
	r.judgePeople(e, note)
	r.judgeProbes(e, note)
	worst.seen, worst.well, worst.within = e.n, max(e.n-max(e.slow, e.failed), 0), Bound(e.th.slow)
	worst.usual, worst.perMille, worst.perMilleKnown = e.p90, perMille, known
	return worst
}

// judgeBreaker: failures in a row over some seconds, whoever saw them. Legs
// overdue in flight are failures that have not been told yet.
func (r *Rules) judgeBreaker(e *evidence, note func(finding)) {
	n := e.legs.n + e.overdue + e.probes.n
	first := e.now
	if e.legs.n > 0 {
		first = min(first, e.legs.first)
	}
	if e.probes.n > 0 {
		first = min(first, e.probes.first)
	}
	if e.overdue > 0 {
		// The overdue ones were begun at least so long ago and nothing was good since.
		first = min(first, e.lastGood+1)
	}
	span := time.Duration(e.now-first+1) * time.Second
	quiet := time.Duration(e.now-e.lastGood) * time.Second
	if n >= r.BreakerFailures && span > r.BreakerSpan && quiet >= r.BreakerSpan {
		note(finding{light: Grey, code: CodeBreaker, k: n, span: min(span, quiet)})
	}
}

func (r *Rules) judgeErrors(e *evidence, note func(finding)) {
	if e.failed < r.EventsNeeded {
		return
	}
	f := finding{code: CodeErrors, n: e.n, k: min(e.failed, e.n)}
	switch lb := LowerBound(e.failed, e.n); {
	case lb > r.GreyErrors:
		f.light = Grey
	case lb > r.RedErrors:
		f.light = Red
	case lb > r.YellowErrors:
		f.light = Yellow
	default:
		return
	}
	note(f)
}

func (r *Rules) judgeTimes(e *evidence, note func(finding)) {
	if e.slow < r.EventsNeeded {
		return
	}
	stuck := e.stuck >= r.StuckLegs && e.now > e.lastGood
	slow := finding{code: CodeSlow, n: e.n, k: e.slow, limit: Bound(e.th.slow)}
	very := finding{code: CodeVerySlow, n: e.n, k: e.verySlow, limit: Bound(e.th.verySlow)}
	lb := LowerBound(e.slow, e.n)
	switch {
	case lb > r.RedSlow:
		slow.light = Red
		note(slow)
	case e.verySlow >= r.EventsNeeded && LowerBound(e.verySlow, e.n) > r.RedVerySlow:
		very.light = Red
		note(very)
	case lb > r.YellowSlow, stuck:
		slow.light = Yellow
		note(slow)
	}
}

// judgePeople: the person leg alone turns a light yellow or red, never grey. What
// it takes for usual is first the last minutes', then the same hour's of a week.
func (r *Rules) judgePeople(e *evidence, note func(finding)) {
	f := finding{code: CodeMissing, n: int(e.crowd.due + 0.5), k: int(e.crowd.came)}
	c := &e.people
	switch {
	case e.crowd.red >= r.Person.RedEvidence:
		f.light = Red
	case e.crowd.yellow >= r.Person.YellowEvidence:
		f.light = Yellow
	case c.short(&r.Returns):
		f = finding{
			light: Yellow, code: CodeMissing, n: int(c.started), k: c.returned,
			usualOf100: int(100*c.due/c.started + 0.5), span: time.Duration(c.minutes) * time.Minute,
		}
	default:
		return
	}
	note(f)
}

// judgeProbes: failed probes of the server legs say yellow before the breaker
// says grey; failed probes of the page say yellow, then red, never grey, and
// nothing while people keep coming back.
func (r *Rules) judgeProbes(e *evidence, note func(finding)) {
	if e.probes.n >= r.ProbesYellow {
		note(finding{light: Yellow, code: CodeProbes, k: e.probes.n})
	}
	if e.pages.n < r.PagesYellow || e.crowd.contradictsPages() {
		return
	}
	f := finding{light: Yellow, code: CodePage, k: e.pages.n}
	if e.pages.n >= r.PagesRed {
		f.light = Red
	}
	note(f)
}
