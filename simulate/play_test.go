package simulate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

const kakao = 1

// twinsAt plays both ways with the same done to both.
func twinsAt(seed uint64, script func(p *Play)) (left, right *Play) {
	left, right = NewPlay(LeastLatency, seed), NewPlay(Ours, seed)
	script(left)
	script(right)
	return left, right
}

func stormAndBreak(p *Play) {
	p.Advance(2)
	p.Storm()
	p.Advance(5)
	p.Break(kakao, Hangs)
	p.Advance(PlayFor)
}

func TestTwinsMeetTheSamePeople(t *testing.T) {
	left, right := twinsAt(7, stormAndBreak)
	who := func(p *Play) (all []float64) {
		for i := range p.w.people {
			one := &p.w.people[i]
			all = append(all, one.arrived, one.gives, one.decide, one.first)
		}
		return all
	}
	if diff := cmp.Diff(who(left), who(right)); diff != "" {
		t.Errorf("other people came (-left +right):\n%.400s", diff)
	}
	if left.first != right.first || left.first < 500 {
		t.Errorf("counting begins with person %d and %d, want the same, after the warm-up", left.first, right.first)
	}
}

func TestAPlayCountsEverybodyOnce(t *testing.T) {
	for seed := range uint64(4) {
		p := NewPlay(Ours, seed)
		for second := range int(PlayFor) {
			switch second {
			case 10:
				p.Storm()
			case 20:
				p.Break(kakao, Dead)
			case 60:
				p.Break(kakao, Well)
				p.Calm()
			}
			p.Advance(float64(second))
			s := p.Look()
			if s.In+s.GaveUp+s.Left+s.Outside != s.Came || s.Came > PlayPeople {
				t.Fatalf("seed %d, second %d: %+v does not add up", seed, second, s)
			}
			there := make([]int, PlayDoors)
			for _, at := range p.at {
				if at >= 0 {
					there[at]++
				}
			}
			var shown []int
			var advised float64
			for _, d := range s.Doors {
				shown, advised = append(shown, d.There), advised+d.Advised
			}
			if !slices.Equal(there, shown) || advised < 0.999 || advised > 1.001 {
				t.Fatalf("seed %d, second %d: %v are at the doors, %v are shown, advice sums to %v", seed, second, there, shown, advised)
			}
			if p.Over() {
				break
			}
		}
		if s := p.Look(); !p.Over() || s.Came != PlayPeople || s.Outside != 0 || s.In < 900 {
			t.Errorf("seed %d: %+v, want the whole crowd, and nearly all of it in", seed, s)
		} else if s.Again < s.GaveUp || s.Again > PlayPeople/2 {
			t.Errorf("seed %d: %d were let down, %d gave up", seed, s.Again, s.GaveUp)
		}
	}
}

// TestWhoIsAtADoorIsThereIndeed compares the book with the world: people who are
// away will come back, and a leg under way is somebody's.
func TestWhoIsAtADoorIsThereIndeed(t *testing.T) {
	p := NewPlay(LeastLatency, 3)
	for second := range 120 {
		if second == 5 {
			p.Break(kakao, Hangs)
		}
		p.Advance(float64(second))
		for i := range p.w.providers {
			one := &p.w.providers[i]
			legs := one.ages(p.w.now)
			if low := one.away + legs.Total(); p.there[i] < low || p.there[i] > low+25 { // between two legs
				t.Fatalf("second %d: %d are at %s, want %d or a few more", second, p.there[i], name(i), low)
			}
		}
	}
}

func TestABrokenDoorTurnsItsLightInAPlay(t *testing.T) {
	for fault, want := range map[Fault][]signal.Light{
		Well: {signal.Green}, Hangs: {signal.Grey}, Gone: {signal.Grey, signal.Red}, Dead: {signal.Yellow, signal.Red}, Slow: {signal.Yellow, signal.Red, signal.Grey},
	} {
		p := NewPlay(Ours, 1)
		p.Break(kakao, fault)
		p.Advance(40)
		if got := p.Look().Doors[kakao]; !slices.Contains(want, got.Light) {
			t.Errorf("fault %d: light %v with %v advised, want one of %v", fault, got.Light, got.Advised, want)
		}
	}
}

// TestTheFastestIsNotADoorThatNobodyAsks: told the fastest, people are not sent
// where the guard lets nobody ask.
func TestTheFastestIsNotADoorThatNobodyAsks(t *testing.T) {
	for seed := range uint64(4) {
		p := NewPlay(LeastLatency, seed)
		p.Break(kakao, Hangs)
		for second := range 120 {
			p.Advance(float64(second))
			if d := p.Look().Doors[kakao]; second > 20 && d.Advised > 0 {
				t.Fatalf("seed %d, second %d: a door that hangs is told to be the fastest", seed, second)
			}
		}
	}
}

func TestASeedRepeatsAPlay(t *testing.T) {
	one, _ := twinsAt(5, stormAndBreak)
	same, _ := twinsAt(5, stormAndBreak)
	other, _ := twinsAt(6, stormAndBreak)
	if diff := cmp.Diff(one.Look(), same.Look()); diff != "" {
		t.Errorf("the same seed played otherwise:\n%s", diff)
	}
	if cmp.Equal(one.Look(), other.Look()) {
		t.Error("another seed played the same")
	}
}

// TestTwinsThatAreToldTheFastestFareWorse is why the stage shows them: over some
// seeds together no more get in, more have to try again, and it takes longer.
func TestTwinsThatAreToldTheFastestFareWorse(t *testing.T) {
	const seeds = 8
	for what, script := range map[string]func(*Play){
		"a storm":            func(p *Play) { p.Storm(); p.Advance(PlayFor) },
		"Kakao hangs":        func(p *Play) { p.Break(kakao, Hangs); p.Advance(PlayFor) },
		"a dead page":        func(p *Play) { p.Break(kakao, Dead); p.Advance(PlayFor) },
		"a storm and a hang": stormAndBreak,
	} {
		var inLeft, inRight, againLeft, againRight int
		var mostLeft, mostRight float64
		var log string
		for seed := range uint64(seeds) {
			l, r := twinsAt(seed, script)
			a, b := l.Look(), r.Look()
			againLeft, againRight = againLeft+a.Again, againRight+b.Again
			inLeft, inRight, mostLeft, mostRight = inLeft+a.In, inRight+b.In, mostLeft+a.Most, mostRight+b.Most
			log += fmt.Sprintf("  %d: %d (%.0f, %.0f s, %d again) and %d (%.0f, %.0f s, %d again)\n", seed, a.In, a.Half, a.Most, a.Again, b.In, b.Half, b.Most, b.Again)
		}
		told := fmt.Sprintf("told the fastest %d in, 95%% within %.1f s, %d had to try again; by Sinho %d, %.1f s, %d",
			inLeft, mostLeft/seeds, againLeft, inRight, mostRight/seeds, againRight)
		t.Logf("%s: %s\n%s", what, told, log)
		if inRight < inLeft || mostRight >= mostLeft || againRight > againLeft {
			t.Errorf("%s: %s; want no fewer, sooner, with no more in vain", what, told)
		}
	}
}
