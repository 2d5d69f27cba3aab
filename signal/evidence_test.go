package signal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	proof "sinho/evidence" // this package has an evidence of its own
)

// broken is a fault of the table of reactions, and within how many seconds at ten
// logins a second and more each light has to be there; 0 asks nothing.
type broken struct {
	name             string
	weather          weather
	median           float64 // of a server leg; 0: 0.3 s
	stays            bool    // green: nobody waits longer than a second
	yellow, red, due float64 // due: grey
}

func breaks() []broken {
	return []broken{
		{name: "server legs refused", weather: weather{refuse: true}, yellow: 5, red: 10, due: 20},
		{name: "server legs refused, probes do not see it", weather: weather{refuse: true, blind: true}, yellow: 5, red: 10, due: 20},
		{name: "server legs hang", weather: weather{hang: true}, yellow: 5, red: 10, due: 20},
		{name: "server legs hang, probes do not see it", weather: weather{hang: true, blind: true}, yellow: 5, red: 10, due: 20},
		{name: "page dead", weather: weather{page: true}, yellow: 15, red: 30},
		{name: "page dead, probes do not see it", weather: weather{page: true, blind: true}, yellow: 15, red: 30},
		{name: "six times slower, usually 0.3 s", weather: weather{slower: 6}, yellow: 6, red: 12},
		{name: "six times slower, usually 0.1 s", weather: weather{slower: 6}, median: 0.1, stays: true},
	}
}

const (
	lightsSeed = 20210809
	warmFor    = 600 // seconds before anything breaks
	breakFor   = 120
	healFor    = 240
)

var lightRates = []float64{0.5, 2, 10, 30}

// reaction is when each light was first shown after the fault began, and green
// after it ended, in seconds; math.Inf for never.
type reaction struct{ yellow, red, grey, green float64 }

// react breaks a street at some moment of its second.
func react(b broken, rate float64, seed uint64) reaction {
	s := newStreet(seed, rate)
	if b.median > 0 {
		s.median = b.median
		s.week.P90 = Bound(Index(time.Duration(b.median * math.Exp(1.2816*0.3) * float64(time.Second))))
	}
	onset := warmFor + 10*rand.New(rand.NewPCG(seed, 77)).Float64()
	s.fault = func(at float64) weather {
		if at >= onset && at < onset+breakFor {
			return b.weather
		}
		return weather{}
	}
	never := math.Inf(1)
	r := reaction{never, never, never, never}
	for s.now < warmFor+breakFor+healFor {
		s.tick()
		at := float64(s.now) + seen
		switch {
		case at < onset:
		case at < onset+breakFor:
			for l, first := range map[Light]*float64{Yellow: &r.yellow, Red: &r.red, Grey: &r.grey} {
				if !l.Worse(s.light) {
					*first = min(*first, at-onset)
				}
			}
		case s.light == Green:
			r.green = min(r.green, at-onset-breakFor)
		}
	}
	return r
}

// spreadOf are the median, the 95th percentile and the worst of some seconds.
func spreadOf(all []float64) string {
	slices.Sort(all)
	at := func(q float64) string {
		v := all[min(int(q*float64(len(all))), len(all)-1)]
		if math.IsInf(v, 1) {
			return "never"
		}
		return fmt.Sprintf("%.1f", v)
	}
	return at(0.5) + ", " + at(0.95) + ", " + at(1)
}

// TestLightsFollowFaults is `make evidence-lights`: how soon lights follow a fault,
// how often they turn without one, and how restless they are under a square wave,
// by the shipped Lamp in virtual time. As a miniature it runs a corner of that.
func TestLightsFollowFaults(t *testing.T) {
	seeds, hours, rates, waves := 40, 7*24, lightRates, 900
	if !proof.Collecting() {
		seeds, hours, rates, waves = 2, 1, []float64{10}, 120
	}
	e := proof.New("lights", lightsSeed)
	defer e.Close(t)
	e.Figures["runs of a cell"], e.Figures["seconds, of each"] = seeds, "median, 95th percentile, worst"

	jobs := newCrew()
	reactions := map[string]map[string]string{}
	for _, b := range breaks() { // all of them before anything runs beside this
		reactions[b.name] = map[string]string{}
	}
	for _, b := range breaks() {
		for _, rate := range rates {
			jobs.do(func() func() {
				var y, r, g, ok []float64
				for seed := range uint64(seeds) {
					one := react(b, rate, lightsSeed+seed)
					y, r, g, ok = append(y, one.yellow), append(r, one.red), append(g, one.grey), append(ok, one.green)
				}
				return func() {
					at := fmt.Sprintf("%g logins a second", rate)
					reactions[b.name][at] = fmt.Sprintf("yellow %s; red %s; grey %s; green again %s", spreadOf(y), spreadOf(r), spreadOf(g), spreadOf(ok))
					e.Must(t, math.IsInf(y[len(y)/2], 1) == b.stays, b.name+" at "+at+": mostly another light than it should be")
					if rate < 10 {
						return
					}
					for _, limit := range []struct {
						light string
						most  float64
						took  []float64
					}{{"yellow", b.yellow, y}, {"red", b.red, r}, {"grey", b.due, g}} {
						worst := slices.Max(limit.took)
						e.Demand(limit.most == 0 || worst <= limit.most, fmt.Sprintf("%s at %s: %s after %.1f s at worst, at most %g", b.name, at, limit.light, worst, limit.most))
					}
				}
			})
		}
	}
	e.Figures["reactions, by fault"] = reactions

	quiet := map[string]string{}
	for _, rate := range rates {
		jobs.do(func() func() {
			n, naive, why := falseChanges(rate, hours, true)
			first, _, whyFirst := falseChanges(rate, hours, false)
			return func() {
				at := fmt.Sprintf("%g logins a second", rate)
				quiet[at] = fmt.Sprintf("%d in %g days %v; where no week is known %d %v; a p95 of ten seconds above t1 instead: %d", n, float64(hours)/24, why, first, whyFirst, naive)
				most := max(hours/(7*24), 1)
				e.Must(t, n <= most && first <= most, at+": "+quiet[at]+", at most one a week")
			}
		})
	}
	e.Figures["lights that turned for nothing"] = quiet

	stalls := map[string]string{}
	for _, rate := range rates {
		for _, length := range []float64{1, 1.5, 2, 3, 5, 8} {
			jobs.do(func() func() {
				server, page := 0, 0
				for seed := range uint64(seeds) {
					server += stallTurns(rate, length, false, lightsSeed+seed)
					page += stallTurns(rate, length, true, lightsSeed+seed)
				}
				return func() {
					stalls[fmt.Sprintf("%g logins a second, %g s", rate, length)] = fmt.Sprintf("of the server %d, of the page %d, of %d", server, page, seeds)
				}
			})
		}
	}
	e.Figures["a standstill: how many turn a light"] = stalls

	most := map[string]string{}
	for _, b := range breaks() {
		for _, rate := range rates {
			jobs.do(func() func() {
				worst, at := squareWave(b, rate, waves)
				return func() {
					most[fmt.Sprintf("%s, %g logins a second", b.name, rate)] = fmt.Sprintf("%d, %s", worst, at)
					e.Must(t, worst <= 4, fmt.Sprintf("square wave of %s at %g/s: %d changes in a minute (%s), at most 4", b.name, rate, worst, at))
				}
			})
		}
	}
	e.Figures["most changes in any minute under a square wave"] = most
	jobs.wait()
}

// falseChanges counts worsenings while nothing is wrong: times that wobble by a
// tenth, a leg in a thousand that fails, moods of people, bursts at the full hour,
// and every ten minutes or so a hiccup, in which the server stands still for 0.2
// to 1.5 s and the page three times as long.
//
// naive is how often the simplest light would have turned in the same time: the
// 95th percentile of the last ten seconds above t1.
func falseChanges(rate float64, hours int, known bool) (n, naive int, why map[string]int) {
	s := newStreet(lightsSeed+uint64(10*rate), rate)
	s.noisy = true
	if !known {
		s.week = Week{}
	}
	hiccups := rand.New(rand.NewPCG(lightsSeed, 5))
	from, length := 0.0, 0.0
	within := func(at, times float64) float64 {
		for at >= from+60 { // long after it; moments come a little out of order
			from, length = from+60+600*hiccups.ExpFloat64(), 0.2+1.3*hiccups.Float64()
		}
		if at >= from && at < from+times*length {
			return from + times*length
		}
		return at
	}
	s.legStall = func(at float64) float64 { return within(at, 1) }
	s.pageStall = func(at float64) float64 { return within(at, 3) }
	why = map[string]int{}
	last, over := Grey, true
	for s.now < int64(hours)*3600 {
		s.tick()
		if s.light.Worse(last) {
			n++
			why[s.lamp.Reason.Code]++
		}
		last = s.light
		var recent Histogram
		for _, b := range s.buckets[max(len(s.buckets)-10, 0):] {
			recent.Add(&b.Legs)
		}
		now := recent.Quantile(0.95) > s.lamp.Slow
		if now && !over {
			naive++
		}
		over = now
	}
	return n, naive, why
}

// stallTurns is 1 when a light turns by everything standing still once.
func stallTurns(rate, length float64, page bool, seed uint64) int {
	s := newStreet(seed, rate)
	from := warmFor + 10*rand.New(rand.NewPCG(seed, 78)).Float64()
	stall := func(at float64) float64 {
		if at >= from && at < from+length {
			return from + length
		}
		return at
	}
	if page {
		s.pageStall = stall
	} else {
		s.legStall = stall
	}
	for s.now < warmFor+60 {
		if s.tick(); float64(s.now) > from && s.light.Worse(Green) {
			return 1
		}
	}
	return 0
}

// squareWave is the most changes in any minute while a fault comes and goes, and
// under which wave.
func squareWave(b broken, rate float64, lasts int) (worst int, wave string) {
	for _, period := range []int{6, 11, 20, 27, 35, 45, 70, 100} {
		for _, part := range []float64{0.25, 0.5, 0.75} {
			s := newStreet(lightsSeed+uint64(period), rate)
			if b.median > 0 {
				s.median = b.median
			}
			s.fault = func(at float64) weather {
				if at >= 120 && math.Mod(at-120, float64(period)) < part*float64(period) {
					return b.weather
				}
				return weather{}
			}
			var changes []int64
			last := s.light
			for s.now < int64(120+lasts) {
				if s.tick(); s.light != last && s.now > 120 {
					changes = append(changes, s.now)
				}
				last = s.light
			}
			for i, at := range changes {
				n := 0
				for _, other := range changes[i:] {
					if other < at+60 {
						n++
					}
				}
				if n > worst {
					worst, wave = n, fmt.Sprintf("%g of %d s", part*float64(period), period)
				}
			}
		}
	}
	return worst, wave
}

// crew does jobs side by side; what each gives is called one after the other.
type crew struct {
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex // held while what a job gave is called
}

func newCrew() *crew { return &crew{slots: make(chan struct{}, runtime.NumCPU())} }

func (c *crew) do(job func() func()) {
	c.wg.Go(func() {
		c.slots <- struct{}{}
		defer func() { <-c.slots }()
		note := job()
		c.mu.Lock()
		defer c.mu.Unlock()
		note()
	})
}

func (c *crew) wait() { c.wg.Wait() }
