package signal

import (
	"math/rand/v2"
	"testing"
	"time"
)

// minute is a part of all its seconds under one light.
func minute(l Light, people int64, took time.Duration) Parts {
	var r Rollup
	r.Lights[l] = 60
	r.Started, r.Returned = people, people*9/10
	r.Legs[Index(took)] = 2 * people
	return Parts{{Mask: wholeMinute, Rollup: r}}
}

func TestOnlyCalmMinutesAreUsual(t *testing.T) {
	var first, second Chapter
	for i := range first {
		first[i] = minute(Green, 100, 200*time.Millisecond)
	}
	second[0] = minute(Yellow, 100, 20*time.Second)
	second[1] = minute(Grey, 100, 20*time.Second)
	second[2] = minute(Green, 100, 20*time.Second)
	second[2][0].Lights[Red] = 1
	second[3] = minute(Green, 100, 20*time.Second)
	second[3][0].Overruled = 1
	second[4] = minute(Green, 100, 20*time.Second)
	second[4][0].Planned = 1
	second[5] = minute(Green, 100, 20*time.Second) // its light is known of half of it
	second[5][0].Lights[Green] = 30
	second[6] = nil // nobody measured
	c := CalmOf(first, second)
	if c.Started != 3000 || c.Returned != 2700 {
		t.Errorf("got %d sent and %d back, want those of thirty calm minutes", c.Started, c.Returned)
	}
	hour := int64(490_000)
	w := WeekOf(hour, map[int64]Calm{hour: c})
	if w.Legs != 6000 || w.P90 != Bound(Index(200*time.Millisecond)) {
		t.Errorf("got %d legs and %v, want 6000 of 0.2 s", w.Legs, w.P90)
	}
}

func TestAWeekIsSevenDaysByHourOfDay(t *testing.T) {
	last := int64(490_000)
	hours := map[int64]Calm{}
	for at := last - 400; at < last+50; at++ { // also older ones, and some yet to come
		hours[at] = Calm{Started: 10, Returned: 9, Legs: [HistogramBuckets]int64{20: 1}}
	}
	w := WeekOf(last, hours)
	if w.Legs != WeekHours {
		t.Errorf("got %d hours, want %d", w.Legs, WeekHours)
	}
	for h, r := range w.Hours {
		if r != (Returns{Started: 70, Returned: 63}) {
			t.Errorf("at %d o'clock: got %+v, want seven days of it", h, r)
		}
	}
	seoul := time.FixedZone("Seoul", 9*3600)
	for _, at := range []int64{0, 1_700_000_000, last * 3600} {
		if got, want := hourOfDay(at), time.Unix(at, 0).In(seoul).Hour(); got != want {
			t.Errorf("hour of %d: got %d, want %d", at, got, want)
		}
	}
}

// TestAWeekOutlivesTheLastMinutes: a node that has just begun judges by the week,
// where without it the objective alone would stand.
func TestAWeekOutlivesTheLastMinutes(t *testing.T) {
	r := DefaultRules()
	known := Week{Legs: r.WeekNeeds, P90: 400 * time.Millisecond}
	now := time.Unix(1_700_000_000, 0)
	if l := (Lamp{}).Step(r, Sample{Week: known}, now); l.Slow != time.Second || l.VerySlow != Bound(boundBelow(2*time.Second)) {
		t.Errorf("with a week: got %v and %v, want 1 s and 2 s", l.Slow, l.VerySlow)
	}
	known.Legs--
	if l := (Lamp{}).Step(r, Sample{Week: known}, now); l.Slow != Bound(boundBelow(r.Objective)) {
		t.Errorf("with too little of one: got %v, want the objective", l.Slow)
	}
	known = Week{Legs: r.WeekNeeds, P90: 20 * time.Second}
	if l := (Lamp{}).Step(r, Sample{Week: known}, now); l.Slow != Bound(boundBelow(r.Objective)) || l.VerySlow != Bound(boundBelow(2*r.Objective)) {
		t.Errorf("with a week that drifted: got %v and %v, want the objective and twice of it", l.Slow, l.VerySlow)
	}
}

// weekOf is what a world's week would have been.
func weekOf(w *world) Week {
	week := Week{Legs: 1_000_000, P90: 150 * time.Millisecond}
	for i := range week.Hours {
		week.Hours[i] = Returns{Started: 10_000, Returned: int64(10_000 * (1 - w.vanish))}
	}
	return week
}

// returning runs a world under the week it should have, with this share of people
// that vanish, and gives the seconds until it is yellow for that.
func returning(seed uint64, rate, vanish float64, seconds int) (yellow int) {
	w := newWorld(seed, rate)
	w.away = lognormal(6, 0.8)
	week := weekOf(w)
	rules := DefaultRules()
	step := func(l Lamp) Lamp {
		s, now := w.tick()
		s.Week = week
		l = l.Step(rules, s, now)
		w.light = l.Light
		return l
	}
	var l Lamp
	for range 600 {
		l = step(l)
	}
	before := w.vanish
	for second := range seconds {
		// It falls over ten minutes, so that the curve of the last minutes follows it.
		w.vanish = before + (vanish-before)*min(float64(second)/600, 1)
		if l = step(l); l.Light == Yellow && l.Reason.Code == CodeMissing {
			return second
		}
	}
	return never
}

func TestAFallOverMinutesIsSeenByTheHourOfAWeek(t *testing.T) {
	for _, rate := range []float64{0.5, 2, 10} {
		for seed := range uint64(5) {
			if got := returning(seed, rate, 0.5, 1500); got == never {
				t.Errorf("%g/s, seed %d: half of the people stay away and the light is green", rate, seed)
			}
			if got := returning(seed, rate, 0.05, 1500); got != never {
				t.Errorf("%g/s, seed %d: got yellow after %d s, want none: people come back as usual", rate, seed, got)
			}
		}
	}
}

// TestAWeekOfRestlessHoursIsNoFall: people's moods alone turn nothing.
func TestAWeekOfRestlessHoursIsNoFall(t *testing.T) {
	for _, rate := range []float64{0.5, 2, 10} {
		w := newWorld(11, rate)
		w.vanish, w.restless, w.away = 0.15, true, lognormal(25, 1)
		week, rules := weekOf(w), DefaultRules()
		var l Lamp
		for second := range 4 * 3600 {
			s, now := w.tick()
			s.Week = week
			l = l.Step(rules, s, now)
			w.light = l.Light
			if l.Reason.Code == CodeMissing {
				t.Fatalf("%g/s: got %q after %d s, want none of it", rate, l.Reason.EN, second)
			}
		}
	}
}

// TestADeadPageThatWorksAgainIsNotHeldAgainstIt: who vanished while another rule
// spoke is not counted once more by the hour of the week.
func TestADeadPageThatWorksAgainIsNotHeldAgainstIt(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(seed, 10)
		week, rules := weekOf(w), DefaultRules()
		var l Lamp
		green := 0
		for second := range 1200 {
			w.pageDead = second >= 600 && second < 720
			s, now := w.tick()
			s.Week = week
			l = l.Step(rules, s, now)
			w.light = l.Light
			if second >= 720 && l.Light == Green && green == 0 {
				green = second - 720
			}
			if green > 0 && l.Light != Green {
				t.Fatalf("seed %d, %d s after it worked again: got %v (%s)", seed, second-720, l.Light, l.Reason.EN)
			}
		}
		if green == 0 || green > 120 {
			t.Errorf("seed %d: got green %d s after it worked again, want within two minutes", seed, green)
		}
	}
}

func TestMinutesOfPeopleAreARing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	var l lately
	r, w := DefaultRules().Returns, Week{}
	for i := range w.Hours {
		w.Hours[i] = Returns{Started: 1000, Returned: 900}
	}
	second := int64(1_700_000_040)
	for range 20 * 60 {
		b := Bucket{Second: second, Started: 5}
		b.Came(second-int64(rng.IntN(90)), 4, 0)
		b.Came(second-3600, 100, 0) // of nobody the ring knows
		b.Came(second+60, 100, 0)   // a clock that is ahead
		l.take(&b, false)
		second++
	}
	c := l.against(&r, &w, second-1)
	if c.minutes != 2 || c.started != 600 || c.due != 540 || c.returned < 470 || c.returned > 490 {
		t.Errorf("got %+v, want two minutes of 300 with four in five of them back", c)
	}
	if c.short(&r) {
		t.Error("four in five of nine in ten: got short, want not")
	}
	l.take(&Bucket{Second: second}, true)
	if got := l.against(&r, &w, second+120); got.started != 0 && got.minutes < 3 {
		t.Errorf("two minutes that are spoiled: got %+v, want older ones", got)
	}
}
