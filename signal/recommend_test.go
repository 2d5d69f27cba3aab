package signal

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWaterStandsAtOneLevel(t *testing.T) {
	for _, tt := range []struct {
		name       string
		room, full []float64
		amount     float64
		want       []float64
	}{
		{"nothing is there: by room", []float64{3, 1}, []float64{0, 0}, 8, []float64{6, 2}},
		{"what is there counts", []float64{1, 1}, []float64{6, 0}, 10, []float64{2, 8}},
		{"who stands above the level gets none", []float64{1, 1, 1}, []float64{30, 1, 1}, 10, []float64{0, 5, 5}},
		{"leaving one out puts the next above it", []float64{1, 1, 1}, []float64{90, 20, 0}, 10, []float64{0, 0, 10}},
		{"no room is no share, whatever is there", []float64{0, 1}, []float64{0, 50}, 10, []float64{0, 10}},
		{"no room anywhere", []float64{0, 0}, []float64{1, 2}, 10, []float64{0, 0}},
		{"nobody to divide", nil, nil, 10, []float64{}},
	} {
		if diff := cmp.Diff(tt.want, waterfill(tt.room, tt.full, tt.amount)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestWaterIsNeitherLostNorPouredUphill at random: all of it is given, to one
// level, nothing to whoever stands above; and who had more before gets no more.
func TestWaterIsNeitherLostNorPouredUphill(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 5000 {
		n := 1 + rng.IntN(8)
		room, full := make([]float64, n), make([]float64, n)
		for i := range room {
			if rng.IntN(5) > 0 {
				room[i] = math.Exp(4 * rng.NormFloat64())
			}
			full[i] = 100 * rng.Float64() * float64(rng.IntN(2))
		}
		amount := 0.1 + 200*rng.Float64()
		parts := waterfill(room, full, amount)
		var sum, level float64
		for i := range parts {
			sum += parts[i]
			if parts[i] < 0 || math.IsNaN(parts[i]) || room[i] == 0 && parts[i] > 0 {
				t.Fatalf("got %v of room %v, full %v", parts, room, full)
			}
			if parts[i] > 0 {
				level = max(level, (full[i]+parts[i])/room[i])
			}
		}
		if slices.Max(room) == 0 {
			continue
		}
		if math.Abs(sum-amount) > 1e-9*amount*float64(n) {
			t.Fatalf("got %v of %v given", sum, amount)
		}
		for i := range parts {
			stands := (full[i] + parts[i]) / room[i]
			if room[i] > 0 && (stands < level*(1-1e-6) || parts[i] > 0 && stands > level*(1+1e-6)) {
				t.Fatalf("one stands at %v, the level is %v: %v of room %v, full %v", stands, level, parts, room, full)
			}
		}
		more := rng.IntN(n)
		before := parts[more]
		full[more] += 50 * rng.Float64()
		if after := waterfill(room, full, amount)[more]; after > before+1e-9*amount {
			t.Fatalf("with more on its way it got %v, before %v", after, before)
		}
	}
}

// advised are the shares after one second.
func advised(r Rules, s []Status, bounds []Bounds, capacities []Capacity) []float64 {
	Recommend(r, s, bounds, capacities)
	Advise(r, s, bounds, capacities)
	return sharesOf(s)
}

func TestWhatIsOnItsWayLowersAShare(t *testing.T) {
	slow := func(l Light, code string) Status { return Status{Light: l, Reason: Reason{Code: code}} }
	on := func(backlog, doubt float64) Capacity {
		return Capacity{Arrivals: 50, advice: advice{backlog: backlog, doubt: doubt}}
	}
	r := DefaultRules()
	r.Share.Habit = 0
	for _, tt := range []struct {
		name     string
		statuses []Status
		now      []Capacity
		want     []float64
	}{
		// Of 100 a second 0.6 follow, for 6 s: 360 are divided.
		{"alike", statuses(Green, Green), []Capacity{on(100, 0), on(100, 0)}, []float64{0.5, 0.5}},
		{"a hundred more on their way to one", statuses(Green, Green), []Capacity{on(200, 0), on(100, 0)}, []float64{0.3611, 0.6389}},
		{"more than it can take", statuses(Green, Green), []Capacity{on(900, 0), on(100, 0)}, []float64{0.0001, 0.9999}},
		{"slow, which congestion measures", []Status{slow(Red, CodeVerySlow), slow(Green, CodeOK)}, []Capacity{on(0, 0), on(0, 0)}, []float64{0.5, 0.5}},
		{"getting better", []Status{slow(Yellow, CodeRecovering), slow(Green, CodeOK)}, []Capacity{on(0, 0), on(0, 0)}, []float64{0.5, 0.5}},
		{"failing, which it does not", []Status{slow(Yellow, CodeErrors), slow(Green, CodeOK)}, []Capacity{on(0, 0), on(0, 0)}, []float64{0.2, 0.8}},
		{"nobody comes back", []Status{slow(Red, CodeMissing), slow(Green, CodeOK)}, []Capacity{on(0, 1), on(0, 0)}, []float64{0.0291, 0.9709}},
		{"half of a doubt", []Status{slow(Green, CodeOK), slow(Green, CodeOK)}, []Capacity{on(0, 0.5), on(0, 0)}, []float64{0.3846, 0.6154}},
		{"doubt says no more than its light", []Status{slow(Red, CodeMissing), slow(Green, CodeOK)}, []Capacity{on(0, 0), on(0, 0)}, []float64{0.0291, 0.9709}},
		{"grey", statuses(Grey, Green), []Capacity{on(0, 0), on(400, 0)}, []float64{0, 1}},
		{"all grey", statuses(Grey, Grey), []Capacity{on(9, 0), on(1, 0)}, []float64{0.5, 0.5}},
		{"at night one more is little", statuses(Green, Green), []Capacity{{Arrivals: 0.1, advice: advice{backlog: 1}}, {}}, []float64{0.49, 0.51}},
	} {
		got := advised(r, tt.statuses, make([]Bounds, len(tt.now)), tt.now)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := advised(r, nil, nil, nil); len(got) != 0 {
		t.Errorf("no providers: got %v", got)
	}
}

// TestHabitIsMadeUpFor: where four in ten go where they are used to, and people
// see a board of three seconds ago and come back after six, shares settle so that
// all are used alike, and do not swing about it.
func TestHabitIsMadeUpFor(t *testing.T) {
	r, bounds, now := DefaultRules(), make([]Bounds, 2), make([]Capacity, 2)
	habit := []float64{0.7, 0.3}
	shown := [][]float64{{0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}}
	away := make([][]float64, 2) // who began in each of the last six seconds
	least, most := 100.0, 0.0
	for second := range 300 {
		for i := range now {
			begin := 100 * (0.6*shown[second][i] + 0.4*habit[i])
			away[i] = append(away[i], begin)
			away[i] = away[i][max(len(away[i])-6, 0):]
			now[i].Arrivals += (begin - now[i].Arrivals) * 0.13
			now[i].advice.backlog = 0
			for _, n := range away[i] {
				now[i].advice.backlog += n
			}
			if i == 0 && second >= 120 {
				least, most = min(least, begin), max(most, begin)
			}
		}
		shown = append(shown, advised(r, statuses(Green, Green), bounds, now))
	}
	// By shares alone it would be 58 of a hundred.
	if least < 47 || most > 53 {
		t.Errorf("got %.1f to %.1f of a hundred at the one people are used to, want about half", least, most)
	}
}

func TestSharesAreNotPublishedForWhatChanceMoves(t *testing.T) {
	r, bounds := DefaultRules(), make([]Bounds, 2)
	r.Share.Habit = 0
	now := []Capacity{{Arrivals: 50}, {Arrivals: 50}}
	advised(r, statuses(Green, Green), bounds, now)
	now[0].advice.backlog = 20 // 20 of 360 are three hundredths of everybody
	if got := advised(r, statuses(Green, Green), bounds, now); got[0] != 0.5 {
		t.Errorf("a few more: got %v, want what was", got)
	}
	now[0].advice.backlog = 60
	if got := advised(r, statuses(Green, Green), bounds, now); got[0] >= 0.45 {
		t.Errorf("many more: got %v, want clearly fewer sent there", got)
	}
	// One that is small comes back all the same.
	small := []Capacity{{Arrivals: 99}, {Arrivals: 1}}
	priors := []Bounds{{Prior: 98}, {Prior: 2}}
	advised(r, statuses(Green, Grey), priors, small)
	if got := advised(r, statuses(Green, Green), priors, small); got[1] != 0.02 {
		t.Errorf("a small one is back: got %v, want its fiftieth", got)
	}
	// A light that shuts is out at once, and back in when it opens.
	held := now[0].advice.share
	if Advise(r, statuses(Grey, Green), bounds, now); now[0].advice.share != held {
		t.Error("showing shares changed them")
	}
}

// TestAdviceIsSound at random: shares sum to one, none is below zero or above it,
// grey has none, who can be chosen is sent somebody, and a contract with others
// to go to is kept.
func TestAdviceIsSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 2))
	r := DefaultRules()
	codes := []string{CodeOK, CodeSlow, CodeErrors, CodePage, CodeRecovering, CodeLittleData}
	for range 5000 {
		n := 1 + rng.IntN(6)
		s, bounds, now := make([]Status, n), make([]Bounds, n), make([]Capacity, n)
		var demand float64
		unbound, open := false, false
		for i := range s {
			s[i] = Status{Light: Light(1 + rng.IntN(4)), Reason: Reason{Code: codes[rng.IntN(len(codes))]}}
			bounds[i].Prior = math.Exp(3 * rng.NormFloat64())
			if rng.IntN(4) == 0 {
				bounds[i].Cap = 1 + 50*rng.Float64()
			}
			now[i] = Capacity{Arrivals: 60 * rng.Float64(), advice: advice{backlog: 500 * rng.Float64() * float64(rng.IntN(2)), doubt: rng.Float64()}}
			if rng.IntN(3) == 0 {
				now[i].Measured, now[i].heldEstimate, now[i].heldMost = true, 90*rng.Float64(), 90*rng.Float64()
			}
			now[i].heldArrivals = now[i].Arrivals
			demand += now[i].Arrivals
			open = open || s[i].Light.Choosable()
			unbound = unbound || s[i].Light == Green && bounds[i].Cap == 0
		}
		var sum float64
		for i, share := range advised(r, s, bounds, now) {
			sum += share
			if !(share >= 0 && share <= 1) || open && (share > 0) != s[i].Light.Choosable() {
				t.Fatalf("got %v for a %s light in %+v", share, s[i].Light, s)
			}
			if most := bounds[i].Cap; unbound && most > 0 && share*demand > most+demand*float64(n)/shareGrain {
				t.Fatalf("got %v a second to a contract of %v in %+v", share*demand, most, s)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("shares sum to %v in %+v", sum, s)
		}
	}
}
