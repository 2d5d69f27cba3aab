package signal

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func statuses(lights ...Light) []Status {
	out := make([]Status, len(lights))
	for i, l := range lights {
		out[i] = Status{ID: string(rune('a' + i)), Light: l}
	}
	return out
}

func sharesOf(s []Status) []float64 {
	out := make([]float64, len(s))
	for i := range s {
		out[i] = s[i].Share
	}
	return out
}

func TestSharesFollowCapacityAndLight(t *testing.T) {
	for _, tt := range []struct {
		name     string
		lights   []Light
		capacity []float64
		want     []float64
	}{
		{"all green share evenly", []Light{Green, Green, Green, Green, Green}, nil, []float64{0.2, 0.2, 0.2, 0.2, 0.2}},
		{"a bigger one gets more", []Light{Green, Green}, []float64{3, 1}, []float64{0.75, 0.25}},
		{"yellow keeps a quarter, red a trickle, grey nothing", []Light{Green, Yellow, Red, Grey}, nil, []float64{0.7813, 0.1953, 0.0234, 0}},
		{"all grey are even and none is choosable", []Light{Grey, Grey, Grey, Grey}, []float64{9, 1, 1, 1}, []float64{0.25, 0.25, 0.25, 0.25}},
		{"one red alone gets all", []Light{Red, Grey}, nil, []float64{1, 0}},
		{"nonsense capacity counts as one", []Light{Green, Green}, []float64{-1, math.Inf(1)}, []float64{0.5, 0.5}},
	} {
		s := statuses(tt.lights...)
		Shares(DefaultRules(), s, tt.capacity)
		if diff := cmp.Diff(tt.want, sharesOf(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		var sum float64
		for _, x := range sharesOf(s) {
			sum += x
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: shares sum to %v, want 1", tt.name, sum)
		}
	}
	Shares(DefaultRules(), nil, nil)
}

// orderVector is testdata/order.json, against which the pages' JavaScript is
// checked too.
type orderVector struct {
	About     string          `json:"about"`
	Uniforms  []uniformVector `json:"uniforms"`
	Orders    []orderCase     `json:"orders"`
	Tolerance float64         `json:"tolerance"`
}

type uniformVector struct {
	Seed  string  `json:"seed"`
	Epoch int64   `json:"epoch"`
	ID    string  `json:"id"`
	U     float64 `json:"u"`
}

type orderCase struct {
	Seed      string             `json:"seed"`
	Epoch     int64              `json:"epoch"`
	Providers []orderProvider    `json:"providers"`
	Factors   map[string]float64 `json:"factors,omitempty"`
	Order     []string           `json:"order"`
}

type orderProvider struct {
	ID    string  `json:"id"`
	Light Light   `json:"light"`
	Share float64 `json:"share"`
}

func (c orderCase) order() []string {
	s := make([]Status, len(c.Providers))
	for i, p := range c.Providers {
		s[i] = Status{ID: p.ID, Light: p.Light, Share: p.Share}
	}
	return Order(s, c.Seed, c.Epoch, func(id string) float64 {
		if f, ok := c.Factors[id]; ok {
			return f
		}
		return 1
	})
}

func orderCases() (cases []orderCase) {
	ids := []string{"naver", "kakao", "pass", "toss", "oidc"}
	lights := [][]Light{
		{Green, Green, Green, Green, Green},
		{Green, Yellow, Green, Red, Grey},
		{Grey, Grey, Grey, Grey, Grey},
		{Red, Grey, Yellow, Grey, Green},
	}
	for i, ls := range lights {
		for j, seed := range []string{"", "a", "Zk3vQm-_01", "씨앗🌱", "0123456789abcdef0123456789abcdef"} {
			s := make([]Status, len(ids))
			for k, id := range ids {
				s[k] = Status{ID: id, Light: ls[k]}
			}
			Shares(DefaultRules(), s, nil)
			c := orderCase{Seed: seed, Epoch: int64(59_000_000 + 7*i + 1000*j)}
			for _, one := range s {
				c.Providers = append(c.Providers, orderProvider{one.ID, one.Light, one.Share})
			}
			if j%2 == 1 {
				c.Factors = map[string]float64{ids[i%len(ids)]: 0.1}
			}
			if j == 4 { // one certificate is on the device, another route has just failed
				c.Factors = map[string]float64{}
				for _, id := range ids {
					c.Factors[id] = 0.1
				}
				c.Factors[ids[0]] = 0.01
				c.Factors[ids[(i+1)%len(ids)]] = 1
			}
			c.Order = c.order()
			cases = append(cases, c)
		}
	}
	return cases
}

func TestOrderMatchesTheSharedVector(t *testing.T) {
	const file = "../testdata/order.json"
	if *update {
		v := orderVector{
			About:     "U = (h+0.5)/2^32, h = murmur3 fmix32 of FNV-1a 32 over UTF-8 of seed|epoch|id; order: ascending -ln(U)/(share*factor), grey last as they stand",
			Tolerance: 1e-12,
			Orders:    orderCases(),
		}
		for _, c := range v.Orders[:5] {
			for _, p := range c.Providers {
				v.Uniforms = append(v.Uniforms, uniformVector{c.Seed, c.Epoch, p.ID, Uniform(c.Seed, c.Epoch, p.ID)})
			}
		}
		raw, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v orderVector
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Orders) < 20 || len(v.Uniforms) < 20 {
		t.Fatalf("got %d orders and %d numbers, want at least 20 of each", len(v.Orders), len(v.Uniforms))
	}
	for _, u := range v.Uniforms {
		if got := Uniform(u.Seed, u.Epoch, u.ID); math.Abs(got-u.U) > v.Tolerance {
			t.Errorf("uniform of %q %d %q: got %v, want %v", u.Seed, u.Epoch, u.ID, got, u.U)
		}
	}
	for _, c := range v.Orders {
		if diff := cmp.Diff(c.Order, c.order()); diff != "" {
			t.Errorf("order of %q %d (-want +got):\n%s", c.Seed, c.Epoch, diff)
		}
	}
}

func TestFirstSuggestionsFollowTheShares(t *testing.T) {
	s := statuses(Green, Green, Green, Yellow, Red, Grey)
	Shares(DefaultRules(), s, []float64{4, 2, 1, 1, 1, 1})
	const people = 40_000
	first := map[string]int{}
	for i := range people {
		order := Order(s, fmt.Sprintf("seed-%d", i), int64(i/1000), nil)
		first[order[0]]++
		if order[len(order)-1] != "f" {
			t.Fatalf("got %v, want the grey one last", order)
		}
	}
	for _, one := range s {
		want := one.Share * people
		// Five standard deviations of a binomial.
		if got := float64(first[one.ID]); math.Abs(got-want) > 5*math.Sqrt(want)+1 {
			t.Errorf("first suggestions of %s: got %v, want about %v", one.ID, got, want)
		}
	}
}

func TestAnOrderIsStableAndOnesOwn(t *testing.T) {
	s := statuses(Green, Green, Green, Green, Green)
	Shares(DefaultRules(), s, nil)
	a := Order(s, "a", 1, nil)
	if !slices.Equal(a, Order(s, "a", 1, nil)) {
		t.Error("got another order on a reload, want the same")
	}
	others := 0
	for i := range 20 {
		if !slices.Equal(a, Order(s, fmt.Sprint("b", i), 1, nil)) {
			others++
		}
	}
	if others < 15 {
		t.Errorf("got %d of 20 people with another order, want most", others)
	}
	last := Order(s, "a", 1, func(id string) float64 {
		if id == a[0] {
			return 0
		}
		return 1
	})
	if got := last[len(last)-1]; got != a[0] {
		t.Errorf("a provider with factor 0: got %v, want %s last", last, a[0])
	}
}

func TestNoShareIsMoreThanItsContractWhileOthersHaveRoom(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lights []Light
		caps   []float64
		demand float64 // of all of them
		want   []float64
	}{
		{"nobody comes", []Light{Green, Green}, []float64{10, 0}, 0, []float64{0.5, 0.5}},
		{"less than the contract", []Light{Green, Green}, []float64{10, 0}, 19, []float64{0.5, 0.5}},
		{"more than the contract", []Light{Green, Green}, []float64{10, 0}, 100, []float64{0.1, 0.9}},
		{"one takes the other's, and is then full as well", []Light{Green, Green, Green}, []float64{10, 40, 0}, 100, []float64{0.1, 0.4, 0.5}},
		{"what is over goes by shares", []Light{Green, Yellow, Green}, []float64{10, 0, 0}, 100, []float64{0.1, 0.18, 0.72}},
		{"red gets no more for it", []Light{Green, Red}, []float64{10, 0}, 100, []float64{0.9709, 0.0291}},
		{"red keeps to its own contract", []Light{Red, Green}, []float64{1, 0}, 100, []float64{0.01, 0.99}},
		{"all are full", []Light{Green, Green}, []float64{10, 30}, 100, []float64{0.25, 0.75}},
		{"grey stays at none", []Light{Grey, Green}, []float64{10, 30}, 100, []float64{0, 1}},
		{"all are grey", []Light{Grey, Grey}, []float64{10, 30}, 100, []float64{0.5, 0.5}},
	} {
		s := statuses(tt.lights...)
		bounds, capacities := make([]Bounds, len(s)), make([]Capacity, len(s))
		for i := range s {
			bounds[i] = Bounds{Prior: 1, Cap: tt.caps[i]}
			capacities[i].heldArrivals = tt.demand / float64(len(s))
		}
		Shares(DefaultRules(), s, nil)
		Limit(s, bounds, capacities)
		if diff := cmp.Diff(tt.want, sharesOf(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	Limit(nil, nil, nil)
}

// TestLimitedSharesSumToOne at random, keep grey at none, and exceed no contract
// while a green light has room.
func TestLimitedSharesSumToOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + rng.IntN(6)
		s, bounds, capacities := make([]Status, n), make([]Bounds, n), make([]Capacity, n)
		var demand float64
		unbound := false
		for i := range s {
			s[i] = Status{Light: Light(1 + rng.IntN(4))}
			if bounds[i].Prior = 1 + 9*rng.Float64(); rng.IntN(3) > 0 {
				bounds[i].Cap = 1 + 50*rng.Float64()
			}
			unbound = unbound || s[i].Light == Green && bounds[i].Cap == 0
			capacities[i].heldArrivals = 40 * rng.Float64()
			demand += capacities[i].heldArrivals
		}
		Shares(DefaultRules(), s, Capacities(DefaultRules(), bounds, capacities))
		Limit(s, bounds, capacities)
		var sum float64
		for i := range s {
			sum += s[i].Share
			if s[i].Share < 0 || unbound && s[i].Light == Grey && s[i].Share > 0 {
				t.Fatalf("got share %v of a %s light in %+v", s[i].Share, s[i].Light, s)
			}
			if unbound && bounds[i].Cap > 0 && s[i].Share*demand > bounds[i].Cap+demand*2/shareGrain {
				t.Fatalf("got %v a second to a contract of %v in %+v", s[i].Share*demand, bounds[i].Cap, s)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("shares sum to %v in %+v", sum, s)
		}
	}
}
