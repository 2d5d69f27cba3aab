package signal

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// fault is what a square wave switches on.
type fault struct {
	name   string
	leg    time.Duration // 0: as usual
	errors float64
	probes bool // probes fail too
}

func faults() []fault {
	return []fault{
		{name: "slow", leg: 1500 * time.Millisecond},
		{name: "very slow", leg: 5 * time.Second},
		{name: "some errors", errors: 0.12},
		{name: "many errors", errors: 0.4},
		{name: "outage", errors: 1, probes: true},
	}
}

// wave runs a square wave of a fault and tells each change of light.
func wave(seed uint64, rate float64, f fault, period, bad, seconds int, change func(second int, from, to Lamp)) {
	w := newWorld(seed, rate)
	usual := w.leg
	l := w.run(Lamp{}, DefaultRules(), 60, nil)
	for second := range seconds {
		w.leg, w.errors = usual, 0
		faulty := second%period < bad
		if faulty {
			w.errors = f.errors
			if f.leg > 0 {
				w.leg = func(*rand.Rand) float64 { return f.leg.Seconds() }
			}
		}
		w.shed = map[Light]float64{Yellow: 0.5, Red: 0.3, Grey: 0}
		s, now := w.tick()
		if l.ProbeEvery == time.Second || l.ProbeEvery > 0 && second%5 == 0 {
			b := &s.Buckets[len(s.Buckets)-1]
			if faulty && f.probes {
				b.ProbesFailed += 2
			} else {
				b.ProbesOK++
			}
		}
		next := l.Step(DefaultRules(), s, now)
		if next.Light != l.Light {
			change(second, l, next)
		}
		l = next
		w.light = l.Light
	}
}

func TestASquareWaveChangesALightAtMostFourTimesAMinute(t *testing.T) {
	for _, f := range faults() {
		const most = 4
		for _, rate := range []float64{2, 10} {
			for _, period := range []int{6, 11, 20, 27, 35, 45, 70} {
				for _, bad := range []int{period / 4, period / 2, 3 * period / 4} {
					var at []int
					wave(uint64(period), rate, f, period, max(bad, 1), 900, func(second int, _, _ Lamp) {
						at = append(at, second)
					})
					for i := range at {
						n := 0
						for _, other := range at[i:] {
							if other < at[i]+60 {
								n++
							}
						}
						if n > most {
							t.Errorf("%s, %d of %d s, %g/s: got %d changes in the minute from %d s, want at most %d (%v)", f.name, bad, period, rate, n, at[i], most, at)
							break
						}
					}
					if len(at) > 4*15 {
						t.Errorf("%s, %d of %d s, %g/s: got %d changes in 15 minutes, want at most 4 a minute", f.name, bad, period, rate, len(at))
					}
				}
			}
		}
	}
}

func TestALightNeverSkipsAStepUp(t *testing.T) {
	for _, f := range faults() {
		for seed := range uint64(4) {
			wave(seed, 8, f, 50, 20, 900, func(second int, from, to Lamp) {
				if !from.Light.Worse(to.Light) {
					return
				}
				lifted := from.Light == Grey && to.Light == Yellow && to.Reason.Code == CodeTrickle && !to.Measured
				if step := from.Light - to.Light; step != 1 && !lifted {
					t.Errorf("%s, second %d: got %v after %v, want one step or a lift", f.name, second, to.Light, from.Light)
				}
			})
		}
	}
}

func TestMoreErrorsNeverMakeABetterLight(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	rules := DefaultRules()
	for range 400 {
		w := newWorld(r.Uint64(), 0.5+10*r.Float64())
		w.errors = []float64{0, 0.02, 0.1, 0.5}[r.IntN(4)]
		l := w.run(Lamp{}, rules, 20+r.IntN(60), nil)
		s, now := w.tick()
		last := &s.Buckets[len(s.Buckets)-1]
		worst := Light(0)
		for failed := 0; failed <= last.Legs.Total(); failed++ {
			last.Errors = [classes]uint32{Faulty: uint32(failed)}
			next := l.Step(rules, s, now)
			judged := next.targets[len(next.targets)-1]
			if worst.Worse(judged) {
				t.Fatalf("with %d of %d failed: got %v, want at least %v as with one less", failed, last.Legs.Total(), judged, worst)
			}
			worst = judged
		}
	}
}

func TestTheFirstMeasuredLightAppliesAtOnce(t *testing.T) {
	w := newWorld(1, 20)
	var l Lamp
	l = l.Step(DefaultRules(), Sample{}, time.Unix(w.second, 0))
	if l.Light != Yellow || l.Measured || l.Reason.Code != CodeLittleData {
		t.Fatalf("got %v measured=%t %s, want an unmeasured yellow with little data", l.Light, l.Measured, l.Reason.Code)
	}
	greenAt := 0
	w.run(l, DefaultRules(), 10, func(second int, l Lamp) {
		if l.Light == Green && l.Measured && greenAt == 0 {
			greenAt = second
		}
	})
	if greenAt == 0 || greenAt > 5 {
		t.Errorf("got green at second %d, want within 5 s of the first logins", greenAt)
	}
}

func TestPeopleAndPagesAloneNeverMakeGrey(t *testing.T) {
	w := newWorld(3, 50)
	l := w.run(Lamp{}, DefaultRules(), 300, nil)
	w.pageDead = true
	for second := range 300 {
		s, now := w.tick()
		b := &s.Buckets[len(s.Buckets)-1]
		b.PagesFailed++
		b.ProbesOK++
		l = l.Step(DefaultRules(), s, now)
		if l.Light == Grey {
			t.Fatalf("second %d: got grey (%s), want red at most", second, l.Reason.Code)
		}
	}
	if l.Light != Red {
		t.Errorf("got %v at the end, want red", l.Light)
	}
}

func TestAFailingPageProbeIsIgnoredWhilePeopleComeBack(t *testing.T) {
	w := newWorld(4, 5)
	l := w.run(Lamp{}, DefaultRules(), 120, nil)
	for second := range 120 {
		s, now := w.tick()
		s.Buckets[len(s.Buckets)-1].PagesFailed++
		l = l.Step(DefaultRules(), s, now)
		if l.Light != Green {
			t.Fatalf("second %d: got %v (%s), want green: people come back", second, l.Light, l.Reason.Code)
		}
	}
}

func TestSecondsNobodyMeasuredSayNothing(t *testing.T) {
	w := newWorld(6, 10)
	l := w.run(Lamp{}, DefaultRules(), 300, nil)
	w.second += 120 // the machine slept
	clear(w.back)
	w.run(l, DefaultRules(), 60, func(second int, l Lamp) {
		if l.Light != Green {
			t.Fatalf("second %d after a sleep: got %v (%s), want green", second, l.Light, l.Reason.Code)
		}
	})
}

func TestSustainedErrorsNeverBecomeUsual(t *testing.T) {
	w := newWorld(7, 10)
	l := w.run(Lamp{}, DefaultRules(), 600, nil)
	before := l.usual
	w.leg = func(*rand.Rand) float64 { return 2.5 }
	l = w.run(l, DefaultRules(), 1800, nil)
	if l.Light != Red {
		t.Errorf("after half an hour of 2.5 s: got %v, want red", l.Light)
	}
	if got, want := l.usual.p90(50), before.p90(50); got != want {
		t.Errorf("usual time after half an hour of 2.5 s: got %v, want %v", got, want)
	}
}

func TestGreenHonestyCountsThoseWhoVanish(t *testing.T) {
	w := newWorld(8, 10)
	l := w.run(Lamp{}, DefaultRules(), 600, nil)
	if v := l.Honest.Vanished; v != 0 {
		t.Fatalf("while all is well: got %v vanished, want none", v)
	}
	w.pageDead = true
	before := l.Honest.Begun
	l = w.run(l, DefaultRules(), 120, nil)
	begun := float64(l.Honest.Begun - before)
	// Those begun on green since the page died, and the few who were there.
	if v := l.Honest.Vanished; v < 0.7*begun || v > begun+30 {
		t.Errorf("got %v vanished of %v begun on green after the page died, want nearly all", v, begun)
	}
	if share, ok := l.Honest.Share(); !ok || share > 0.5 {
		t.Errorf("honesty with only vanished people judged: got %v %t, want a low share", share, ok)
	}
	if _, ok := (Honesty{}).Share(); ok {
		t.Error("honesty of nobody: got a share, want none")
	}
	sum := Honesty{Ended: 90, Failed: 1}.Add(Honesty{Ended: 8, Slow: 1, Vanished: 2})
	if share, _ := sum.Share(); fmt.Sprintf("%.3f", share) != "0.960" {
		t.Errorf("got %v, want 0.960", share)
	}
}

func TestAnOverrideShowsAndExpires(t *testing.T) {
	w := newWorld(9, 10)
	r := DefaultRules()
	l := w.run(Lamp{}, r, 60, nil)
	now := time.Unix(w.second+1, 0)
	until := now.Add(5 * time.Second)
	l = l.Overridden(&Override{Reason: Text{KO: "점검 중입니다.", EN: "Maintenance."}, Until: until}, now)
	s := l.Status("kakao", Text{}, now)
	if s.Light != Grey || s.Until == nil || !s.Until.Equal(until) || s.Reason.KO != "점검 중입니다." || s.Reason.Code != CodeOperator {
		t.Errorf("got %+v, want the operator's grey with its reason and end", s)
	}
	l = w.run(l, r, 6, nil)
	if s := l.Status("kakao", Text{}, time.Unix(w.second+1, 0)); s.Light == Green && !s.Measured || s.Light == Grey || s.Until != nil {
		t.Errorf("after its end: got %+v, want measured anew", s)
	}
	l = l.Overridden(&Override{Disabled: true, Until: until.Add(time.Hour)}, now)
	if got := l.Status("kakao", Text{}, now).Reason.Code; got != CodeDisabled {
		t.Errorf("got reason %s, want %s", got, CodeDisabled)
	}
	l = l.Overridden(nil, now)
	if l.Light != Yellow || l.Measured {
		t.Errorf("taken back: got %v measured=%t, want not yet known", l.Light, l.Measured)
	}
}
