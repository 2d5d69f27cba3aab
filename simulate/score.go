package simulate

import (
	"math"
	"slices"

	"sinho/signal"
)

// never is how long somebody waited who did not get in, in seconds.
const never = 300

// score counts what became of those who came after the warm-up.
type score struct {
	came, in, gaveUp, left, attempts int
	// Begun on green by them and judged, and of those what went wrong.
	greens, greenFailed, greenVanished, greenSlow int
	waits                                         []float64
	inTime                                        int       // in before nobody comes any more
	windows                                       []float64 // coefficients of variation of ten seconds each
	used                                          []float64 // server-seconds of each provider at the last second
	windowUsed                                    []float64 // at the last window's end
	moved                                         int       // seconds with other shares than the one before
}

func (s *score) sent(p *person) {
	if p.measured {
		s.attempts++
	}
}

func (s *score) well(p *person, slow bool) {
	if p.measured && p.green {
		s.greens++
		s.greenSlow += int(count(slow))
	}
}

func (s *score) failed(p *person) {
	if p.measured && p.green {
		s.greens++
		s.greenFailed++
	}
}

func (s *score) vanished(p *person) {
	if p.measured && p.green {
		s.greens++
		s.greenVanished++
	}
}

// end counts somebody's fate. Waiting is the time from the chooser to being in,
// without what the person took by their own pace: the first look, and being at
// the provider in the attempt that led in.
func (s *score) end(p *person, at float64) {
	if !p.measured {
		return
	}
	switch p.fate {
	case in:
		s.in++
		s.inTime += int(count(at < until))
		s.waits = append(s.waits, max(at-p.arrived-p.own, 0))
	case gaveUp:
		s.gaveUp++
		s.waits = append(s.waits, never)
	case left:
		s.left++
	case underWay:
	}
}

// moment is the second of the course a time is in.
func (w *world) moment(at float64) *Moment {
	return &w.course[min(int(at), len(w.course)-1)]
}

// note keeps the course and how evenly providers are used.
func (w *world) note(b *board) {
	m := Moment{}
	s := &w.score
	if s.used == nil {
		s.used, s.windowUsed = make([]float64, len(w.providers)), make([]float64, len(w.providers))
	}
	for i := range w.providers {
		st := &w.providers[i].station
		st.count(w.now)
		m.Lights = append(m.Lights, b.statuses[i].Light)
		m.Shares = append(m.Shares, b.statuses[i].Share)
		m.Used = append(m.Used, (st.used-s.used[i])/float64(st.servers))
		s.used[i] = st.used
	}
	if n := len(w.course); n > int(warm) && !slices.Equal(w.course[n-1].Shares, m.Shares) {
		s.moved++
	}
	w.course = append(w.course, m)
	if at := int(w.now); at%10 == 0 && at > int(warm) && at <= int(until) {
		w.window()
	}
	if int(w.now)%10 == 0 {
		copy(s.windowUsed, s.used)
	}
}

// window is how unevenly those providers that work were used in ten seconds.
func (w *world) window() {
	var all []float64
	for i := range w.providers {
		if p := &w.providers[i]; !p.state.down() {
			all = append(all, (w.score.used[i]-w.score.windowUsed[i])/(10*float64(p.station.servers)))
		}
	}
	if mean, deviation := moments(all); mean > 0 {
		w.score.windows = append(w.score.windows, deviation/mean)
	}
}

// moments are the mean and the standard deviation of a whole.
func moments(all []float64) (mean, deviation float64) {
	if len(all) == 0 {
		return 0, 0
	}
	for _, x := range all {
		mean += x
	}
	mean /= float64(len(all))
	for _, x := range all {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(all)))
}

// The figures of a run.
const (
	Success    = "success"         // % of those who did not leave by their own will
	Goodput    = "goodput"         // in a second, while people come
	P50        = "wait_p50"        // seconds; who did not get in waited 300
	P95        = "wait_p95"        //
	P99        = "wait_p99"        //
	GreenFail  = "green_failed"    // % of judged logins begun on green that failed or found no page
	Dishonesty = "green_dishonest" // % of them that failed, found no page, or were slow
	Unevenness = "use_cv"          // of providers' use in ten seconds, the mean
	Attempts   = "attempts"        // of each person
	Changes    = "changes"         // of a light, each minute and provider
	Boards     = "share_changes"   // of the shares shown, each minute
	SelfHonest = "honesty_self"    // % by the lamps' own count; 100 while nothing was judged
)

// Figures are their names.
func Figures() []string {
	return []string{Success, Goodput, P50, P95, P99, GreenFail, Dishonesty, Unevenness, Attempts, Changes, Boards, SelfHonest}
}

func (w *world) result() Result {
	r := Result{Came: len(w.people), Course: w.course}
	for i := range w.people {
		p := &w.people[i]
		if p.measured {
			w.score.came++
		}
		switch p.fate {
		case in:
			r.In++
		case gaveUp:
			r.GaveUp++
		case left:
			r.Left++
		case underWay:
			r.UnderWay++
			if p.measured {
				w.score.waits = append(w.score.waits, never)
			}
		}
	}
	var honest signal.Honesty
	changes := 0
	for i := range w.providers {
		honest = honest.Add(w.providers[i].meter.lamp.Honest)
		changes += w.providers[i].meter.changes
	}
	share, ok := honest.Share()
	if !ok {
		share = 1
	}
	s := &w.score
	slices.Sort(s.waits)
	uneven, _ := moments(s.windows)
	minutes := (until + drain - warm) / 60 * float64(len(w.providers))
	r.Figures = map[string]float64{
		Success:    100 * ratio(float64(s.in), float64(s.came-s.left), 1),
		Goodput:    float64(s.inTime) / (until - warm),
		P50:        quantile(s.waits, 0.5),
		P95:        quantile(s.waits, 0.95),
		P99:        quantile(s.waits, 0.99),
		GreenFail:  100 * ratio(float64(s.greenFailed+s.greenVanished), float64(s.greens), 0),
		Dishonesty: 100 * ratio(float64(s.greenFailed+s.greenVanished+s.greenSlow), float64(s.greens), 0),
		Unevenness: uneven,
		Attempts:   ratio(float64(s.attempts), float64(s.came), 0),
		Changes:    float64(changes) / minutes,
		Boards:     float64(w.score.moved) / ((until + drain - warm) / 60),
		SelfHonest: 100 * share,
	}
	return r
}

// ratio is none where there is nothing to divide by.
func ratio(a, b, none float64) float64 {
	if b == 0 {
		return none
	}
	return a / b
}

// quantile of a sorted list, by the nearest rank; 0 for an empty one.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
