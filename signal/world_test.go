package signal

import (
	"math"
	"math/rand/v2"
	"time"
)

// world is a model of one provider and the people who use it, for tests: it
// makes the bucket of every second. Nothing of it is the product's.
type world struct {
	rng    *rand.Rand
	rate   float64                    // starts a second
	away   func(*rand.Rand) float64   // seconds a person takes there
	vanish float64                    // share of people who never come back
	leg    func(*rand.Rand) float64   // seconds a server leg takes
	errors float64                    // share of legs that fail fast
	legs   int                        // server legs of a login
	light  Light                      // shown now
	shed   map[Light]float64          // what is left of the rate under a light
	second int64                      // sealed last
	back   map[int64]map[int64]uint32 // return second → start second → people
	// faults
	pageDead bool
	restless bool // hiccups, wobble, bursts and moods, none of them a fault
	buckets  []Bucket
}

func newWorld(seed uint64, rate float64) *world {
	return &world{
		rng: rand.New(rand.NewPCG(seed, 2)), rate: rate, vanish: 0.05, legs: 3, light: Yellow,
		away:   func(r *rand.Rand) float64 { return 0.1 + 2.9*r.Float64() },
		leg:    func(r *rand.Rand) float64 { return 0.08 + 0.06*r.Float64() },
		back:   map[int64]map[int64]uint32{},
		second: 1_700_000_000,
	}
}

// lognormal people: half of them are back within median seconds.
func lognormal(median, sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return median * math.Exp(sigma*r.NormFloat64()) }
}

func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())), 0)
	}
	n, p, floor := 0, r.Float64(), math.Exp(-mean)
	for p > floor {
		n, p = n+1, p*r.Float64()
	}
	return n
}

// mood is how today differs: the wobble of times, and of people who leave; it is
// 1 unless the world is restless.
func (w *world) mood() (slower, leaving, rate float64) {
	if !w.restless {
		return 1, 1, 1
	}
	at := float64(w.second % 86_400)
	rate = 1
	if w.second%3600 < 60 {
		rate = 5 // a burst at the full hour
	}
	return 1 + 0.1*math.Sin(at/40), 1 + 0.5*math.Sin(at/600), rate
}

// hiccup reports whether the page stalls: three seconds in every ten minutes,
// after which everybody who waited is back at once.
func (w *world) hiccup() bool { return w.restless && w.second%600 < 3 }

func (w *world) rateNow() float64 {
	if left, ok := w.shed[w.light]; ok {
		return w.rate * left
	}
	return w.rate
}

// tick makes the next second and returns the sample that ends with it.
func (w *world) tick() (Sample, time.Time) {
	w.second++
	b := Bucket{Second: w.second}
	slower, leaving, rate := w.mood()
	for range poisson(w.rng, w.rateNow()*rate) {
		b.Started++
		if w.light == Green {
			b.StartedGreen++
		}
		at := w.rng.Float64()
		if w.rng.Float64() < w.vanish*leaving || w.pageDead {
			continue
		}
		to := w.second + int64(at+slower*w.away(w.rng))
		if w.back[to] == nil {
			w.back[to] = map[int64]uint32{}
		}
		w.back[to][w.second]++
	}
	if w.hiccup() {
		if w.back[w.second+1] == nil {
			w.back[w.second+1] = map[int64]uint32{}
		}
		for start, n := range w.back[w.second] {
			w.back[w.second+1][start] += n
		}
		delete(w.back, w.second)
	}
	for start, n := range w.back[w.second] {
		if w.pageDead {
			break
		}
		b.Came(start, n, 0)
		for range int(n) * w.legs {
			b.Legs.Observe(time.Duration(w.leg(w.rng) * float64(time.Second)))
			if w.rng.Float64() < w.errors {
				b.Errors[Faulty]++
			}
		}
	}
	delete(w.back, w.second)
	w.buckets = append(w.buckets, b)
	if len(w.buckets) > 60 {
		w.buckets = w.buckets[1:]
	}
	return Sample{Buckets: w.buckets}, time.Unix(w.second+1, 0)
}

// run ticks the lamp for some seconds; each, if set, sees every state.
func (w *world) run(l Lamp, r Rules, seconds int, each func(second int, l Lamp)) Lamp {
	for i := 1; i <= seconds; i++ {
		s, now := w.tick()
		l = l.Step(r, s, now)
		w.light = l.Light
		if each != nil {
			each(i, l)
		}
	}
	return l
}
