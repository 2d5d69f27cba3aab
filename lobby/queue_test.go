package lobby

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// opened is a room without an opening, at noon.
func opened(next uint64) Queue {
	return Queue{Epoch: 1, Drawn: true, Second: noon.Unix(), Main: Lane{Next: next}}
}

func after(seconds float64) time.Time {
	return time.Unix(noon.Unix(), 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestTheRateFollowsTheProviders(t *testing.T) {
	for name, tc := range map[string]struct {
		rules             Rules
		capacity, backlog float64
		want              float64
	}{
		"0.97 of the capacity":                 {Rules{}, 100, 0, 97},
		"less what works a backlog off":        {Rules{}, 100, 70, 87},
		"in the time that is said":             {Rules{Tau: 8 * time.Second}, 100, 80, 87},
		"nobody while the backlog is high":     {Rules{}, 100, 7000, 0},
		"nobody while no provider takes any":   {Rules{}, 0, 0, 0},
		"an operator's least":                  {Rules{Min: 5}, 0, 0, 5},
		"an operator's most":                   {Rules{Max: 20}, 100, 0, 20},
		"the least where it is above the most": {Rules{Min: 30, Max: 20}, 100, 0, 30},
		"what is no number counts as none":     {Rules{}, math.NaN(), math.Inf(1), 0},
	} {
		if got := tc.rules.Rate(tc.capacity, tc.backlog); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestASecondCallsOnceAndEvenly(t *testing.T) {
	q := opened(10_000).Step(Rules{}, Sample{Capacity: 100}, after(1))
	if q.Main.Serving != 97 {
		t.Fatalf("got %d called, want 97", q.Main.Serving)
	}
	if again := q.Step(Rules{}, Sample{Capacity: 1000}, after(1.9)); cmp.Diff(q, again, cmp.AllowUnexported(Queue{})) != "" {
		t.Errorf("a second step in one second: got %+v, want %+v", again, q)
	}
	if back := q.Step(Rules{}, Sample{Capacity: 1000}, after(-30)); back.Main.Serving != 97 {
		t.Errorf("a clock that went back: got %d, want 97", back.Main.Serving)
	}
	before := uint64(0)
	for tenth := range 11 {
		at := q.Main.at(q.Second, after(1+float64(tenth)/10))
		if at-before > 10 || at < before {
			t.Errorf("in tenth %d: from %d to %d, want 10 at most", tenth, before, at)
		}
		before = at
	}
	if before != 97 {
		t.Errorf("got %d at the end, want 97", before)
	}
	if q = q.Step(Rules{}, Sample{Capacity: 100}, after(60)); q.Main.Serving != 194 {
		t.Errorf("a minute later: got %d, want what one second lets through, 194", q.Main.Serving)
	}
}

// Whatever somebody has written for a capacity, other nodes can read what comes of it.
func TestAnEndlessCapacityBreaksNoCounters(t *testing.T) {
	for _, capacity := range []float64{1e9, 1e16, 1e300, math.MaxFloat64} {
		q := opened(5)
		for i := range 200 {
			q = q.Step(Rules{}, Sample{Capacity: capacity}, after(float64(i+1)))
		}
		var read Queue
		if err := read.Unmarshal(q.Marshal()); err != nil || read.Allowed > 1<<40 || read.Main.Serving > 1<<30 {
			t.Errorf("%v a second: %v, %+v", capacity, err, q)
		}
	}
}

func TestPartsOfPeopleAddUp(t *testing.T) {
	q := opened(1000)
	for i := range 1000 {
		q = q.Step(Rules{Max: 0.3}, Sample{Capacity: 100}, after(float64(i+1)))
	}
	if q.Main.Serving < 299 || q.Main.Serving > 300 {
		t.Errorf("got %d in a thousand seconds of 0.3, want 300", q.Main.Serving)
	}
}

func TestNobodyWaitsWithCapacityToSpare(t *testing.T) {
	random, q := rand.New(rand.NewPCG(1, 2)), opened(0)
	q.Second--
	q = q.Step(Rules{}, Sample{Capacity: 100}, after(0))
	q = q.Step(Rules{}, Sample{Capacity: 100}, after(1))
	for ms := range 300_000 { // seventy a second
		now := after(1 + float64(ms)/1000)
		q = q.Step(Rules{}, Sample{Capacity: 100}, now)
		if random.Float64() < 0.070 {
			ticket := Ticket{Number: q.Main.Next}
			q.Main.Next++
			if err := q.Admits(&ticket, [SeedSize]byte{}, now); err != nil {
				t.Fatalf("number %d after %d ms: got %v, want it through", ticket.Number, ms, err)
			}
		}
	}
	if lead := q.Main.Serving - q.Main.Next; lead > 147 {
		t.Errorf("got %d called in advance, want one and a half seconds' at most", lead)
	}
}

func TestWhoComesAfterAQuietHourIsNotLate(t *testing.T) {
	q := opened(0)
	for i := range 3600 {
		q = q.Step(Rules{}, Sample{Capacity: 100}, after(float64(i+1)))
	}
	if err := q.Admits(&Ticket{Number: 0}, [SeedSize]byte{}, after(3600.5)); err != nil {
		t.Errorf("got %v, want them through", err)
	}
}

func TestNoShowsMoveTheQueueOn(t *testing.T) {
	q := opened(10_000)
	q.Main.Serving = 500
	live := []uint32{250, 200, 1000, 0, 1000, 1000, 1000, 1000, 1000, 1000}
	for name, tc := range map[string]struct {
		live   []uint32
		people float64
		want   uint64
	}{
		"all there":                        {nil, 300, 300},
		"half there":                       {live, 100, 200},
		"a fifth in the next thousand":     {live, 350, 500 + 500},
		"everybody in the one after":       {live, 250 + 200 + 40, 500 + 1000 + 40},
		"nobody is never believed":         {live, 250 + 200 + 1000 + 20, 500 + 2000 + 100},
		"more than there are is all there": {[]uint32{5000, 5000}, 300, 300},
	} {
		q := q.Step(Rules{Min: tc.people}, Sample{Live: tc.live}, after(1))
		if q.Main.Step != tc.want {
			t.Errorf("%s: got %d numbers for %v people, want %d", name, q.Main.Step, tc.people, tc.want)
		}
	}
}

func TestTheLateLaneHasAFifthAndAllWhenNobodyElseWaits(t *testing.T) {
	q := opened(1000)
	q.Late.Next = 50
	q = q.Step(Rules{Max: 100}, Sample{Capacity: 1000}, after(1))
	if q.Late.Step != 20 || q.Main.Step != 80 {
		t.Errorf("got %d late and %d others, want 20 and 80", q.Late.Step, q.Main.Step)
	}
	q.Main.Serving = 1000
	q = q.Step(Rules{Max: 100}, Sample{Capacity: 1000}, after(2))
	if q.Late.Step != 30 {
		t.Errorf("got %d late alone, want all 30", q.Late.Step)
	}
}

// However slow the room is: a fifth of less than five people is no whole one.
func TestTheLateLaneHasItsFifthOfASlowRoomToo(t *testing.T) {
	for _, rate := range []float64{0.25, 0.7, 1, 2, 3.9, 4.999, 7, 9.5} {
		q := opened(1_000_000)
		q.Late.Next = 1_000_000
		for i := range 1000 {
			q = q.Step(Rules{Max: rate}, Sample{Capacity: 100}, after(float64(i+1)))
		}
		late, all := float64(q.Late.Serving), float64(q.Late.Serving+q.Main.Serving)
		if late < 200*rate-3 || late > 200*rate+1 || all < 1000*rate-3 || all > 1000*rate {
			t.Errorf("%v a second: got %v late of %v in a thousand seconds, want %v of %v", rate, late, all, 200*rate, 1000*rate)
		}
		if q.Owed > 3000 {
			t.Errorf("%v a second: %d thousandths are owed", rate, q.Owed)
		}
		q.Late.Next = q.Late.Serving
		if q = q.Step(Rules{Max: rate}, Sample{Capacity: 100}, after(1001)); q.Owed != 0 {
			t.Errorf("%v a second: %d thousandths are owed to nobody", rate, q.Owed)
		}
	}
}

func TestALateComerHasTheLateLaneAndKeepsTheirPlace(t *testing.T) {
	q, seed := opened(100_000), [SeedSize]byte{}
	for i := range 300 {
		q = q.Step(Rules{Max: 10}, Sample{Capacity: 100}, after(float64(i+1)))
	}
	now := after(301)
	ticket := Ticket{Number: 10}
	if err := q.Admits(&ticket, seed, now); !errors.Is(err, ErrTooLate) {
		t.Errorf("called five minutes ago: got %v, want ErrTooLate", err)
	}
	ticket.Late = q.Late.Next + 1
	q.Late.Next++
	if err := q.Admits(&ticket, seed, now); !errors.Is(err, ErrNotCalled) {
		t.Errorf("in the late lane: got %v, want ErrNotCalled", err)
	}
	q = q.Step(Rules{Max: 10}, Sample{Capacity: 100}, now)
	if err := q.Admits(&ticket, seed, after(302)); err != nil {
		t.Errorf("a second later: got %v, want them through", err)
	}
	for place, want := range map[uint64]error{q.Main.Serving - 1: nil, q.Main.Serving - 1190: nil, q.Main.Serving: ErrNotCalled, q.Main.Serving - 1400: ErrTooLate} {
		if err := q.Admits(&Ticket{Number: place}, seed, after(302)); !errors.Is(err, want) {
			t.Errorf("%d behind the front: got %v, want %v", q.Main.Serving-place, err, want)
		}
	}
}

// A pre-queue has no places and calls nobody, not even after the draw, until
// the seed may be known.
func TestBeforeTheOpeningNobodyHasAPlace(t *testing.T) {
	opens, seed := after(10), seedOf(4)
	q := Queue{Epoch: 1, Second: noon.Unix(), Main: Lane{Next: 500}}
	step := func(s float64) { q = q.Step(Rules{}, Sample{Capacity: 1000}, after(s)) }
	step(9)
	if err := q.Admits(&Ticket{Number: 0}, seed, after(9.5)); !errors.Is(err, ErrNotCalled) || q.Main.Serving != 0 {
		t.Errorf("before the opening: got %v and %d called, want ErrNotCalled and none", err, q.Main.Serving)
	}
	if f := q.Frame("room", Opening{opens, seed}, 0); f.Opens != opens.Unix() || f.Seed != "" || f.Proof == "" {
		t.Errorf("got the frame %+v, want opening and proof and no seed", f)
	}
	q = q.Draw(opens)
	q.Main.Next = 700
	if again := q.Draw(opens.Add(time.Hour)); again.Crowd != 500 || again.From != q.From {
		t.Errorf("drawn twice: got %d from %d, want 500 from %d", again.Crowd, again.From, q.From)
	}
	for _, s := range []float64{10, 11, 12} {
		step(s)
		f := q.Frame("room", Opening{opens, seed}, 0)
		view, err := f.View(3, 0, 0)
		if q.Main.Serving != 0 || f.Seed != "" || err != nil || view != (View{}) {
			t.Errorf("%v s: got %d called, seed %q, view %+v, %v, want nothing told yet", s, q.Main.Serving, f.Seed, view, err)
		}
	}
	step(13)
	f := q.Frame("room", Opening{opens, seed}, 0)
	if f.Seed == "" || f.Crowd != 500 || q.Main.Serving == 0 {
		t.Errorf("got %+v, want the seed and people called", f)
	}
	shuffle := NewShuffle(seed, 500)
	for _, number := range []uint64{0, 499, 500, 699} {
		view, err := f.View(number, 0, 0)
		if err != nil || view.Place != shuffle.Place(number) {
			t.Errorf("number %d: got place %d, %v, want %d", number, view.Place, err, shuffle.Place(number))
		}
	}
}

func TestAClosedRoomCallsNobody(t *testing.T) {
	q := opened(100)
	q.Closed, q.Main.Serving = true, 50
	q = q.Step(Rules{}, Sample{Capacity: 1000}, after(1))
	if err := q.Admits(&Ticket{Number: 3}, [SeedSize]byte{}, after(2)); !errors.Is(err, ErrClosed) || q.Main.Serving != 50 {
		t.Errorf("got %v and %d called, want ErrClosed and 50", err, q.Main.Serving)
	}
}

// Whatever happens to a queue, what it has said stays true: numbers only grow.
func TestNumbersOnlyGrow(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		q, now := Queue{Epoch: 1}, after(0)
		seen, called, latest := q, uint64(0), now
		for range 300 {
			now = now.Add(time.Duration(random.IntN(2500)-300) * time.Millisecond)
			before := q
			switch random.IntN(6) {
			case 0:
				q = q.Draw(now)
				q.Seed = seedOf(4)
			case 1:
				q.Main.Next += random.Uint64N(300)
			case 2: // the store has lost the last minutes, or everything
				q = Queue{Epoch: random.Uint64()}.Raise(seen)
				before.Epoch = q.Epoch
			case 3:
				q.Closed, before.Closed = !q.Closed, !q.Closed
			default:
				live := make([]uint32, random.IntN(4))
				for i := range live {
					live[i] = random.Uint32N(1200)
				}
				q = q.Step(Rules{Min: float64(random.IntN(5))}, Sample{100 * random.ExpFloat64(), 200 * random.Float64(), live}, now)
			}
			seen = seen.Raise(q)
			if q.Main.Serving < before.Main.Serving || q.Late.Serving < before.Late.Serving || q.Main.Next < before.Main.Next || q.Fresh() < before.Fresh() || before.Drawn && q.Crowd != before.Crowd {
				t.Fatalf("from %+v to %+v", before, q)
			}
			if now.After(latest) { // of a clock that went back nothing is asked but the above
				latest = now
				at := q.Main.at(q.Second, now)
				if at < called {
					t.Fatalf("a place that was called is not: %d after %d", at, called)
				}
				called = at
			}
			var read Queue
			if err := read.Unmarshal(q.Marshal()); err != nil || cmp.Diff(q, read, cmp.AllowUnexported(Queue{})) != "" {
				t.Fatalf("got %+v, %v, want %+v", read, err, q)
			}
		}
	}
}

func TestAQueueKeepsWhatALaterVersionAdded(t *testing.T) {
	q := opened(5)
	later := append(q.Marshal(), tagQueueEnd+7, 3, 'n', 'e', 'w')
	var read Queue
	if err := read.Unmarshal(later); err != nil {
		t.Fatal(err)
	}
	if got := read.Step(Rules{}, Sample{}, after(1)).Draw(noon); !bytes.HasSuffix(got.Marshal(), later[len(later)-5:]) {
		t.Errorf("got %x, want the field of the later version kept", got.Marshal())
	}
}

func FuzzQueueForm(f *testing.F) {
	q := opened(5).Step(Rules{}, Sample{Capacity: 3}, after(1))
	f.Add(q.Marshal())
	f.Add([]byte{1, tagQueueEpoch, 1, 1, tagQueueMark, 3, 1, 2, 3, 200, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		var one, two Queue
		if one.Unmarshal(p) != nil {
			return
		}
		if err := two.Unmarshal(one.Marshal()); err != nil || cmp.Diff(one, two, cmp.AllowUnexported(Queue{})) != "" {
			t.Errorf("got %+v, %v, want %+v", two, err, one)
		}
		one.Fresh()
		one.Step(Rules{}, Sample{Capacity: 10, Live: []uint32{1}}, noon)
	})
}
