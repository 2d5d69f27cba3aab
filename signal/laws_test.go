package signal

import (
	"math/rand/v2"
	"testing"
	"time"
)

// fickle is weather that changes at random, every second to every minute, the same
// at a moment however often it is asked.
func fickle(seed uint64, seconds int) func(at float64) weather {
	r := rand.New(rand.NewPCG(seed, 31))
	kinds := []weather{
		{},
		{},
		{},
		{refuse: true},
		{refuse: true, blind: true},
		{hang: true},
		{hang: true, blind: true},
		{page: true},
		{page: true, blind: true},
		{slower: 6},
		{slower: 12},
	}
	all := make([]weather, seconds+1)
	for at := 0; at <= seconds; {
		now, lasts := kinds[r.IntN(len(kinds))], 1+r.IntN(60)
		for ; lasts > 0 && at <= seconds; at, lasts = at+1, lasts-1 {
			all[at] = now
		}
	}
	return func(at float64) weather { return all[min(max(int(at), 0), seconds)] }
}

// TestLawsHoldInAnyWeather: a light improves by one step, or is lifted, or is the
// first one measured; it changes at most four times in any minute; and green is
// never unmeasured, and never shown where no leg has ended well lately.
func TestLawsHoldInAnyWeather(t *testing.T) {
	const seconds = 900
	for seed := range uint64(24) {
		s := newStreet(seed, []float64{0.2, 1, 5, 20}[seed%4])
		s.noisy = seed%3 == 0
		s.fault = fickle(seed, seconds)
		if seed%5 == 0 {
			s.week = Week{} // the first week
		}
		var changes []int64
		for s.now < seconds {
			before := s.lamp
			s.tick()
			now := s.lamp
			if before.Light == 0 || now.Light == before.Light {
				continue
			}
			changes = append(changes, s.now)
			n := 0
			for _, at := range changes {
				if at > s.now-60 {
					n++
				}
			}
			if n > 4 {
				t.Errorf("seed %d, second %d: got %d changes in a minute, want at most 4", seed, s.now, n)
			}
			first := !before.Measured && !before.trickle
			lift := before.Light == Grey && now.Light == Yellow && now.trickle
			if before.Light.Worse(now.Light) && before.Light-now.Light != 1 && !lift && !first {
				t.Errorf("seed %d, second %d: got %v after %v, want one step", seed, s.now, now.Light, before.Light)
			}
			if now.Light == Green && (!now.Measured || now.seen-now.lastGood > 60) {
				t.Errorf("seed %d, second %d: got a green that nobody has measured", seed, s.now)
			}
		}
	}
}

// TestProbesAloneNeverMakeGreen: they worsen, and they lift grey to yellow.
func TestProbesAloneNeverMakeGreen(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 13))
		var l Lamp
		var buckets []Bucket
		seen := map[Light]bool{}
		well := true
		for second := int64(streetEpoch); second < streetEpoch+600; second++ {
			if r.IntN(30) == 0 {
				well = !well
			}
			b := Bucket{Second: second}
			if well {
				b.ProbesOK, b.PagesOK = 1, 1
			} else {
				b.ProbesFailed, b.PagesFailed = 2, 1
			}
			buckets = append(buckets, b)
			buckets = buckets[max(len(buckets)-60, 0):]
			l = l.Step(DefaultRules(), Sample{Buckets: buckets}, time.Unix(second+1, 0))
			seen[l.Light] = true
			if l.Light == Green {
				t.Fatalf("seed %d: got green by probes", seed)
			}
		}
		if !seen[Grey] || !seen[Yellow] {
			t.Errorf("seed %d: got %v, want them to worsen and to lift", seed, seen)
		}
	}
}

// TestAWorseSampleIsNeverJudgedBetter turns good observations of a sample into
// bad ones, one by one and in every way there is, and never sees a better judgement.
func TestAWorseSampleIsNeverJudgedBetter(t *testing.T) {
	rules := DefaultRules()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 17))
		s := newStreet(seed, 0.5+10*r.Float64())
		if r.IntN(2) == 0 {
			s.fault = fickle(seed, 200)
		}
		for range 30 + r.IntN(150) {
			s.tick()
		}
		sample := Sample{Buckets: append([]Bucket(nil), s.buckets...), InFlight: s.ages(float64(s.now)), Week: s.week}
		last := &sample.Buckets[len(sample.Buckets)-1]
		last.Second = s.lamp.seen + 1 // a second it has not seen
		now := time.Unix(last.Second+1, 0)
		slow := rules.limits(rules.usualP90(&sample.Week, &s.lamp.usual)).slow + 1
		judged := func() Light {
			l := s.lamp.Step(rules, sample, now)
			return l.targets[len(l.targets)-1]
		}
		worst := judged()
		for step := range 60 {
			switch r.IntN(3) {
			case 0: // one more fails
				if last.Failed() >= last.Legs.Total() {
					continue
				}
				last.Errors[Class(r.IntN(int(classes)))]++
			case 1: // one takes longer
				i := r.IntN(HistogramBuckets - 1)
				if last.Legs[i] == 0 {
					continue
				}
				last.Legs[i]--
				last.Legs[i+1+r.IntN(HistogramBuckets-1-i)]++
			case 2: // one under way is older; one that becomes slow dilutes the failures
				i := slow + r.IntN(HistogramBuckets-1-slow)
				if sample.InFlight[i] == 0 {
					continue
				}
				sample.InFlight[i]--
				sample.InFlight[i+1+r.IntN(HistogramBuckets-1-i)]++
			}
			if got := judged(); worst.Worse(got) {
				t.Fatalf("seed %d, after %d things went worse: got %v, want at least %v", seed, step+1, got, worst)
			} else {
				worst = got
			}
		}
	}
}

// TestAFaultThatComesBackIsGreyAsSoon: it fails again while the changes of its
// recovery are less than a minute old, and there are not many left.
func TestAFaultThatComesBackIsGreyAsSoon(t *testing.T) {
	for seed := range uint64(12) {
		for name, kind := range map[string]weather{"hang": {hang: true}, "refuse": {refuse: true}} {
			s := newStreet(seed, 10)
			var again float64
			s.fault = func(at float64) weather {
				if at >= 100 && at < 160 || again > 0 && at >= again {
					return kind
				}
				return weather{}
			}
			greyed := 0.0
			for s.now < 400 && greyed == 0 {
				s.tick()
				at := float64(s.now)
				switch {
				case again == 0 && at > 165 && s.lamp.Light == Green:
					again = at + 1 + float64(seed%4)
				case again > 0 && at > again && s.lamp.Light == Grey:
					greyed = at - again
				}
			}
			if greyed == 0 || greyed > 15 {
				t.Errorf("%s, seed %d: grey %.0f s after it failed again at %.0f, want within 15 as the first time", name, seed, greyed, again)
			}
		}
	}
}
