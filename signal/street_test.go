package signal

import (
	"math"
	"math/rand/v2"
	"time"
)

// weather is what is wrong at a moment.
type weather struct {
	refuse, hang bool    // of server legs
	page         bool    // the page people see is dead
	slower       float64 // server legs take so many times as long; 0 is 1
	blind        bool    // and probes do not notice any of it
}

// The street's people and provider. Times in seconds.
const (
	legTimeout   = 5.0  // a leg's answer is awaited so long
	probeTimeout = 3.0  // and a probe's
	seen         = 0.35 // after the end of a second its light is shown (decision 0008)
)

// street is one provider and its people in continuous time, for what is measured
// of the lights: legs begin and end at moments, and are in flight meanwhile. It
// makes the sample of every second as a node does. Nothing of it is the product's.
type street struct {
	rng    *rand.Rand
	rate   float64 // people a second
	median float64 // of a server leg; log-normal, σ 0.3
	vanish float64
	noisy  bool
	fault  func(at float64) weather
	// Nobody is served before until: at the page, and by the server; nil: never.
	pageStall, legStall func(at float64) (until float64)

	now     int64 // the second under way, from 0 on
	light   Light
	week    Week
	lamp    Lamp
	buckets []Bucket
	coming  map[int64][]comer
	ending  map[int64][]ended
	probed  map[int64]Bucket
	flight  []ended
	next    time.Time // round of probes
}

// comer is somebody on the way back, and ended a server leg with its end.
type comer struct{ left, at float64 }

type ended struct {
	began, at float64
	class     Class
	failed    bool
}

const streetEpoch = 1_699_999_980 // a full minute

func newStreet(seed uint64, rate float64) *street {
	s := &street{
		rng: rand.New(rand.NewPCG(seed, 0x5117)), rate: rate, median: 0.3, vanish: 0.08, light: Yellow,
		fault:  func(float64) weather { return weather{} },
		coming: map[int64][]comer{}, ending: map[int64][]ended{}, probed: map[int64]Bucket{},
		week: Week{Legs: 1_000_000, Failed: 1_000},
	}
	s.week.P90 = Bound(Index(time.Duration(s.median * math.Exp(1.2816*0.3) * float64(time.Second))))
	for i := range s.week.Hours {
		s.week.Hours[i] = Returns{Started: 100_000, Returned: 92_000}
	}
	return s
}

// left is what of the people still goes there under a light that is not green.
func (s *street) left() float64 {
	switch {
	case s.light == Grey:
		return 0
	case s.light.Worse(Green):
		return 0.4
	}
	return 1
}

// leave lets people go there in this second.
func (s *street) leave(b *Bucket) {
	rate, vanish := s.rate*s.left(), s.vanish
	if s.noisy {
		if s.now%3600 < 60 {
			rate *= 5 // a burst at the full hour
		}
		vanish *= 1 + 0.5*math.Sin(float64(s.now)/600)
	}
	for range poisson(s.rng, rate) {
		at := float64(s.now) + s.rng.Float64()
		b.Started++
		away := 6 * math.Exp(0.8*s.rng.NormFloat64())
		if s.rng.Float64() >= vanish && !s.fault(at).page {
			s.back(comer{left: at, at: at + away})
		}
	}
}

func (s *street) back(c comer) { s.coming[int64(c.at)] = append(s.coming[int64(c.at)], c) }

// arrive lets people back in this second, whose legs begin then.
func (s *street) arrive(b *Bucket) {
	for i := 0; i < len(s.coming[s.now]); i++ {
		c := s.coming[s.now][i]
		if s.fault(c.at).page {
			continue
		}
		if until := stalled(s.pageStall, c.at); until > c.at {
			s.back(comer{c.left, until})
			continue
		}
		b.Came(streetEpoch+int64(c.left), 1, 0)
		for at, n := c.at, 0; n < 2; n++ {
			one := s.leg(at)
			s.ending[int64(one.at)] = append(s.ending[int64(one.at)], one)
			s.flight = append(s.flight, one)
			if one.failed {
				break
			}
			at = one.at
		}
	}
	delete(s.coming, s.now)
}

func stalled(stall func(float64) float64, at float64) float64 {
	if stall == nil {
		return at
	}
	return max(stall(at), at)
}

// leg is a server leg that begins at a moment.
func (s *street) leg(at float64) ended {
	w := s.fault(at)
	switch {
	case w.refuse:
		return ended{began: at, at: at + 0.05, class: Refused, failed: true}
	case w.hang:
		return ended{began: at, at: at + legTimeout, class: TimedOut, failed: true}
	}
	took := s.median * math.Exp(0.3*s.rng.NormFloat64()) * max(w.slower, 1)
	if s.noisy {
		took *= 1 + 0.1*math.Sin(at/40)
		if s.rng.Float64() < 0.001 {
			return ended{began: at, at: at + took, class: Faulty, failed: true}
		}
	}
	took += stalled(s.legStall, at) - at
	if took > legTimeout {
		return ended{began: at, at: at + legTimeout, class: TimedOut, failed: true}
	}
	return ended{began: at, at: at + took}
}

// ages of the legs under way, as signal/live tells them: by quarter seconds, the
// youngest each can be.
func (s *street) ages(now float64) (h Histogram) {
	kept := s.flight[:0]
	for _, f := range s.flight {
		if f.at < now {
			continue
		}
		kept = append(kept, f)
		if f.began < now {
			age := max(now-(math.Floor(f.began*4)+1)/4, 0)
			h.Observe(time.Duration(age * float64(time.Second)))
		}
	}
	s.flight = kept
	return h
}

// probe starts a round when one is due, in the way signal/live does.
func (s *street) probe(now time.Time, at float64) {
	every := s.lamp.ProbeEvery
	if every == 0 {
		s.next = time.Time{}
		return
	}
	if s.next.IsZero() || s.next.After(now.Add(every)) {
		s.next = now
	}
	if now.Before(s.next) {
		return
	}
	s.next = now.Add(every - time.Second/2)
	w := s.fault(at)
	if w.blind {
		w = weather{}
	}
	answer := at + seen + 0.1
	if w.hang {
		answer += probeTimeout
	}
	b := s.probed[int64(answer)]
	if w.refuse || w.hang {
		b.ProbesFailed += 2 // discovery and keys
	} else {
		b.ProbesOK++
	}
	if w.page {
		b.PagesFailed++
	} else {
		b.PagesOK++
	}
	s.probed[int64(answer)] = b
}

// tick is one second; the lamp is a second further then.
func (s *street) tick() {
	b := Bucket{Second: streetEpoch + s.now}
	s.leave(&b)
	s.arrive(&b)
	for _, one := range s.ending[s.now] {
		b.Legs.Observe(time.Duration((one.at - one.began) * float64(time.Second)))
		if one.failed {
			b.Errors[one.class]++
		}
	}
	delete(s.ending, s.now)
	p := s.probed[s.now]
	delete(s.probed, s.now)
	b.ProbesOK, b.ProbesFailed, b.PagesOK, b.PagesFailed = p.ProbesOK, p.ProbesFailed, p.PagesOK, p.PagesFailed
	if s.buckets = append(s.buckets, b); len(s.buckets) > 60 {
		s.buckets = append(s.buckets[:0], s.buckets[1:]...)
	}
	s.now++
	now := time.Unix(streetEpoch+s.now, 0)
	s.lamp = s.lamp.Step(DefaultRules(), Sample{Buckets: s.buckets, InFlight: s.ages(float64(s.now)), Week: s.week}, now)
	s.light = s.lamp.Light
	s.probe(now, float64(s.now))
}
