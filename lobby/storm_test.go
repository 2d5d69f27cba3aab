package lobby

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// hall is a room of people in virtual time, in steps of a tenth of a second,
// before providers that finish so many logins a second.
type hall struct {
	q        Queue
	rules    Rules
	random   *rand.Rand
	capacity func(second float64) float64
	opening  Opening

	here    []bool // by place: whether they will come when called
	at      uint64 // places that have been called
	away    float64
	entered int
	left    float64 // logins finished
	time    float64
	called  []float64 // by place: when
}

func (h *hall) arrive(n int, show float64) {
	for range n {
		h.here = append(h.here, h.random.Float64() < show)
		h.called = append(h.called, math.Inf(1))
		h.q.Main.Next++
	}
}

// live counts those who wait by the thousand, as sockets would show.
func (h *hall) live() []uint32 {
	var live []uint32
	first := h.q.Main.Serving / Thousand
	for place := h.q.Main.Serving; place < h.q.Main.Next; place++ {
		i := int(place/Thousand - first)
		for len(live) <= i {
			live = append(live, 0)
		}
		if h.here[place] {
			live[i]++
		}
	}
	return live
}

// tenth moves everything on; whoever is called and there logs in at once.
func (h *hall) tenth() {
	h.time += 0.1
	now := after(h.time)
	if now.Unix() > h.q.Second {
		capacity := h.capacity(h.time)
		// A second of logins under way is usual.
		h.q = h.q.Step(h.rules, Sample{Capacity: capacity, Backlog: h.away - capacity, Live: h.live()}, now)
	}
	for at := min(h.q.Main.at(h.q.Second, now), h.q.Main.Next); h.at < at; h.at++ {
		h.called[h.at] = h.time
		if h.here[h.at] {
			h.away++
			h.entered++
		}
	}
	done := math.Min(h.away, h.capacity(h.time)/10)
	h.away -= done
	h.left += done
}

func newHall(capacity func(float64) float64) *hall {
	q := opened(0)
	q.Second--
	return &hall{q: q, random: rand.New(rand.NewPCG(5, 6)), capacity: capacity}
}

func steady(c float64) func(float64) float64 { return func(float64) float64 { return c } }

// A storm out of nothing: providers get what they can take, whoever shows up, and
// little of it lies idle.
func TestAStormStaysWithinTheCapacity(t *testing.T) {
	for name, show := range map[string]float64{"everybody shows up": 1, "seven of ten": 0.7, "three of ten": 0.3} {
		t.Run(name, func(t *testing.T) {
			const c = 100.0
			h := newHall(steady(c))
			for range 100 { // ten quiet seconds
				if h.random.IntN(10) < 2 {
					h.arrive(1, 1)
				}
				h.tenth()
			}
			h.arrive(60_000, show)
			began, entered, most := h.time, h.entered, 0.0
			for range 1800 {
				h.tenth()
				most = math.Max(most, h.away)
				if in, may := float64(h.entered-entered), c*(h.time-began)+c*Lead.Seconds()+c; in > may {
					t.Fatalf("after %.1f s %.0f have gone on, want %.0f at most", h.time-began, in, may)
				}
			}
			if most > 3*c {
				t.Errorf("got %.0f logins under way, want three seconds of the capacity at most", most)
			}
			if in := float64(h.entered - entered); in < 0.93*c*(h.time-began) {
				t.Errorf("got %.0f in %.0f s, want 0.97 of %.0f a second nearly", in, h.time-began, c)
			}
		})
	}
}

// A provider that fails takes half of the capacity away within a second; what is
// under way is worked off and stays bounded.
func TestABrownOutIsFollowed(t *testing.T) {
	h := newHall(func(second float64) float64 {
		if second > 60 && second < 180 {
			return 40
		}
		return 100
	})
	h.arrive(40_000, 0.8)
	most := 0.0
	for range 3000 {
		h.tenth()
		most = math.Max(most, h.away)
	}
	if most > 300 {
		t.Errorf("got %.0f under way, want 300 at most", most)
	}
	if want := 0.93 * (100*180 + 40*120); h.left < want {
		t.Errorf("got %.0f logins, want %.0f at least", h.left, want)
	}
}

// reading is what somebody was told, and when.
type reading struct {
	place uint64
	at    float64
	view  View
}

// look has somebody read the newest frame; nil when it is their turn.
func (h *hall) look(t *testing.T, number uint64) []reading {
	t.Helper()
	f := h.q.Frame("room", h.opening, 0)
	v, err := f.View(number, 0, after(h.time).Sub(time.Unix(h.q.Second, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Called || v.TooLate {
		return nil
	}
	if !v.Known {
		t.Fatalf("at %.1f s number %d is told nothing", h.time, number)
	}
	return []reading{{v.Place, h.time, v}}
}

// Each of a shuffled crowd looks as soon as there are places, whoever comes
// later as they come, and somebody any time: four of five wait as long as they
// read, within a fifth, and nine of ten no longer than the far end of the range.
func TestEstimatesHoldUnderASteadyRate(t *testing.T) {
	for name, show := range map[string]float64{"all there": 1, "seven of ten there": 0.7} {
		t.Run(name, func(t *testing.T) {
			h := newHall(steady(100))
			h.opening = Opening{At: after(5), Seed: seedOf(9)}
			h.q.Drawn = false
			h.arrive(12_000, show)
			h.q = h.q.Draw(h.opening.At)
			for h.q.Main.Serving == 0 {
				h.tenth()
			}
			var first, anytime []reading
			for number := range h.q.Crowd {
				first = append(first, h.look(t, number)...)
			}
			for range 700 {
				h.tenth()
				come := h.random.IntN(7) // thirty a second
				h.arrive(come, show)
				for i := range come {
					first = append(first, h.look(t, h.q.Main.Next-1-uint64(i))...)
				}
				for range 5 {
					anytime = append(anytime, h.look(t, h.random.Uint64N(h.q.Main.Next))...)
				}
			}
			for h.at < h.q.Main.Next {
				h.tenth()
			}
			h.judge(t, "at first sight", first)
			h.judge(t, "at any time", anytime)
		})
	}
}

// An opening while a part of the capacity goes away, for good or for a while, in
// seconds after it: what people were told when they first saw the room holds as well.
// (Half of all that providers can take is more than any estimate foresees.)
func TestEstimatesHoldWhenAProviderIsLost(t *testing.T) {
	for name, course := range map[string][][2]float64{
		"none is":                             nil,
		"one of four":                         {{60, 75}},
		"one of four, early":                  {{20, 75}},
		"one of four, late":                   {{120, 75}},
		"one of six":                          {{60, 83}},
		"half of one of four":                 {{60, 87.5}},
		"one of four, in two steps":           {{30, 87.5}, {90, 75}},
		"and the store is away in between":    {{30, 87.5}, {60, 0}, {63, 87.5}, {90, 75}},
		"one of four, for a minute":           {{40, 75}, {100, 100}},
		"one of four, twice for half as long": {{20, 75}, {50, 100}, {80, 75}, {110, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(func(second float64) float64 {
				takes := 100.0
				for _, step := range course {
					if second >= 6+step[0] {
						takes = step[1]
					}
				}
				return takes
			})
			h.judge(t, "at first sight", h.opens(t))
		})
	}
}

// opens has two thousand wait for an opening and five times the capacity come at it,
// a third of that every forty seconds; it gives what each was told first.
func (h *hall) opens(t *testing.T) (first []reading) {
	h.opening = Opening{At: after(5), Seed: seedOf(9)}
	h.q.Drawn = false
	h.arrive(2000, 0.95)
	h.q = h.q.Draw(h.opening.At)
	for h.q.Main.Serving == 0 {
		h.tenth()
	}
	for number := range h.q.Crowd {
		first = append(first, h.look(t, number)...)
	}
	come := 0.0
	for i := range 1600 {
		h.tenth()
		come += 50 * math.Exp(-float64(i)/400)
		h.arrive(int(come), 0.95)
		if h.q.Rate > 0 { // who comes while it stands is told nothing yet
			for n := range uint64(come) {
				first = append(first, h.look(t, h.q.Main.Next-1-n)...)
			}
		}
		come -= math.Floor(come)
	}
	for h.at < h.q.Main.Next {
		h.tenth()
	}
	return first
}

func (h *hall) judge(t *testing.T, when string, read []reading) {
	t.Helper()
	within, below := 0, 0
	for _, r := range read {
		waited := h.called[r.place] - r.at
		if math.Abs(r.view.P50-waited) <= 0.2*waited {
			within++
		}
		if waited <= r.view.P90 {
			below++
		}
	}
	if len(read) < 1000 {
		t.Fatalf("%s: got %d readings", when, len(read))
	}
	good, far := float64(within)/float64(len(read)), float64(below)/float64(len(read))
	t.Logf("%s: of %d waits %.3f within a fifth, %.3f within the range", when, len(read), good, far)
	if good < 0.8 {
		t.Errorf("%s: got %.3f within a fifth, want 0.8", when, good)
	}
	if far < 0.9 {
		t.Errorf("%s: got %.3f within the range, want 0.9", when, far)
	}
}
