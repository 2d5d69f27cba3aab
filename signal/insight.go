package signal

import "time"

// View is what a light is judged by, in numbers, for whoever asks why. Shares
// are 0..1; the least ones are one-sided 95 % lower bounds (Wilson), which are
// what the rules compare.
type View struct {
	Seconds int // length of the window
	// N are the observations in it: server legs that ended, and those under way
	// for longer than t1. Of them Slow took longer than t1, VerySlow than t2, and
	// Failed failed.
	N, Slow, VerySlow, Failed              int
	LeastSlow, LeastVerySlow, LeastFailed  float64
	SlowShare, VerySlowShare, FailedShare  float64
	Usual                                  time.Duration // 90th percentile as learned; 0: not yet
	FailuresInRow, ProbesInRow, PagesInRow int
	// People expected back and come back, while too few do.
	Due, Came float64
}

// View is the evidence of sample s under rules r as this lamp sees it.
func (l Lamp) View(r Rules, s Sample) View {
	p90 := r.usualP90(&s.Week, &l.usual)
	t := r.gather(s.Buckets, &s.InFlight, r.limits(p90), l.from)
	v := View{
		Seconds: t.seconds, N: t.n, Slow: t.slow, VerySlow: t.verySlow, Failed: min(t.failed, t.n), Usual: p90,
		FailuresInRow: l.legs.n, ProbesInRow: l.probes.n, PagesInRow: l.pages.n,
	}
	if l.crowd.judgedBad(&r.Person) {
		v.Due, v.Came = l.crowd.due, l.crowd.came
	}
	if v.N > 0 {
		n := float64(v.N)
		v.SlowShare, v.VerySlowShare, v.FailedShare = float64(v.Slow)/n, float64(v.VerySlow)/n, float64(v.Failed)/n
		v.LeastSlow, v.LeastVerySlow, v.LeastFailed = LowerBound(v.Slow, v.N), LowerBound(v.VerySlow, v.N), LowerBound(v.Failed, v.N)
	}
	return v
}
