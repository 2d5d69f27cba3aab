package signal

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCapacityTranscripts replays testdata/capacity, in the words of
// TestTranscripts and "done=N", logins that complete, "uncounted=N", nodes that
// do not tell of them. The first line says what the operator knows. Below "----"
// stand the estimate and what the shares go by at the end of each line, and on
// the way there.
func TestCapacityTranscripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/capacity/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d transcripts: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := bytes.Cut(raw, []byte("----\n"))
			got := replayCapacity(t, string(input))
			if *update {
				if err := os.WriteFile(file, []byte(string(input)+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("capacity differs (-want +got):\n%s", diff)
			}
		})
	}
}

// model is one provider's lamp and capacity, fed second by second.
type model struct {
	rules   Rules
	bounds  Bounds
	lamp    Lamp
	c       Capacity
	buckets []Bucket
	second  int64
}

func newModel(b Bounds) *model {
	return &model{rules: DefaultRules(), bounds: b, second: 1_700_000_000}
}

// tick takes in one second; change fills its bucket and what is in flight.
func (m *model) tick(change func(*Bucket, *Histogram)) {
	b := Bucket{Second: m.second}
	var inFlight Histogram
	if change != nil {
		change(&b, &inFlight)
	}
	m.buckets = append(m.buckets, b)
	m.buckets = m.buckets[max(len(m.buckets)-60, 0):]
	s := Sample{Buckets: m.buckets, InFlight: inFlight}
	m.second++
	m.lamp = m.lamp.Step(m.rules, s, time.Unix(m.second, 0))
	m.c = m.c.Step(m.rules, m.bounds, m.lamp, s)
}

// healthy is a second in which n logins come and go.
func healthy(n uint32) func(*Bucket, *Histogram) {
	return func(b *Bucket, _ *Histogram) {
		b.Started, b.Completed = n, n
		b.Came(b.Second-1, n, 0)
		b.Legs[Index(150*time.Millisecond)] += 3 * n
	}
}

// jammed is a second in which more come than complete.
func jammed(come, complete uint32) func(*Bucket, *Histogram) {
	return func(b *Bucket, inFlight *Histogram) {
		b.Started, b.Completed = come, complete
		b.Came(b.Second-1, come, 0)
		b.Legs[Index(2*time.Second)] += 3 * complete
		inFlight[Index(2*time.Second)] += 3 * (come - complete)
	}
}

func (m *model) seconds(n int, change func(*Bucket, *Histogram)) *model {
	for range n {
		m.tick(change)
	}
	return m
}

func replayCapacity(t *testing.T, input string) string {
	t.Helper()
	var m *model
	var out strings.Builder
	show := func(last int64, always bool) {
		at := m.second - 1_700_000_000
		every := int64(10)
		if last > 120 {
			every = last / 6
		}
		if !always && at%every != 0 {
			return
		}
		state := "said"
		switch {
		case m.c.Congested:
			state = "congested"
		case m.c.Measured:
			state = "measured"
		case m.c.Most > m.bounds.prior():
			state = "at least"
		}
		weight := Capacities(m.rules, []Bounds{m.bounds, {}}, []Capacity{m.c, {}})[0]
		fmt.Fprintf(&out, "%5d  %-9s %6.1f/s  arrive %5.1f  complete %5.1f  counts for %5.1f\n", at, state, m.c.Estimate, m.c.Arrivals, m.c.Completions, weight)
	}
	for line := range strings.Lines(input) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if m == nil {
			m = newModel(Bounds{})
			for _, word := range words {
				key, value, _ := strings.Cut(word, "=")
				switch key {
				case "prior":
					m.bounds.Prior = float64(atoi(t, value))
				case "cap":
					m.bounds.Cap = float64(atoi(t, value))
				default:
					t.Fatalf("first line %q", line)
				}
			}
			continue
		}
		span, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatalf("transcript line %q: %v", line, err)
		}
		last := int64(span.Seconds())
		fmt.Fprintln(&out, strings.Join(words, " "))
		for i := range last {
			m.tick(func(b *Bucket, inFlight *Histogram) {
				for _, word := range words[1:] {
					key, value, _ := strings.Cut(word, "=")
					apply(t, b, inFlight, key, value, int(i))
				}
			})
			show(last, i == last-1)
		}
	}
	return out.String()
}

func TestCapacityMovesByItsRule(t *testing.T) {
	warm := func() *model { return newModel(Bounds{Prior: 100}).seconds(120, healthy(40)) }
	for _, tt := range []struct {
		name        string
		m           *model
		measured    bool
		least, most float64
	}{
		{"nothing seen is what was said", newModel(Bounds{Prior: 100}).seconds(1, nil), false, 100, 100},
		{"light traffic leaves it", newModel(Bounds{Prior: 100}).seconds(900, healthy(2)), false, 100, 100},
		{"busy and well it is no more than was said", newModel(Bounds{Prior: 100}).seconds(300, healthy(90)), false, 100, 100},
		{"what completes proves more than was said", newModel(Bounds{Prior: 100}).seconds(300, healthy(150)), false, 149, 150},
		{"no figure at all, no traffic: the weight one", newModel(Bounds{}).seconds(1, nil), false, 1, 1},
		{"a cap bounds what was said", newModel(Bounds{Prior: 100, Cap: 30}).seconds(10, nil), false, 30, 30},
		{"a cap bounds what completes", newModel(Bounds{Prior: 100, Cap: 30}).seconds(300, healthy(90)), false, 30, 30},
		{"congested it falls to what completes", warm().seconds(60, jammed(40, 10)), true, 9.9, 10.5},
		{"congested it rises to what completes, too", warm().seconds(60, jammed(40, 10)).seconds(60, jammed(60, 25)), true, 24, 25.1},
		{"nothing completes: a fiftieth is left", warm().seconds(120, jammed(40, 0)), true, 2, 2},
		{"half of it after five seconds", warm().seconds(5, jammed(40, 0)), true, 49, 51},
		{"three in a hundred a second where people are sent", warm().seconds(60, jammed(40, 10)).seconds(20, healthy(40)), true, 15, 19},
		{"no further than the people sent show, fast", warm().seconds(60, jammed(40, 10)).seconds(60, healthy(14)), true, 19, 24},
		{"grown back to what was said", warm().seconds(60, jammed(40, 10)).seconds(120, healthy(90)), true, 100, 100},
		{"idle it is not forgotten in a minute", warm().seconds(60, jammed(40, 10)).seconds(60, nil), true, 10, 12},
		{"idle it is forgotten in half an hour", warm().seconds(60, jammed(40, 10)).seconds(1800, nil), true, 100, 100},
		{"an hour without congestion it is not measured", warm().seconds(60, jammed(40, 10)).seconds(3700, nil), false, 100, 100},
	} {
		if got := tt.m.c; got.Measured != tt.measured || got.Estimate < tt.least || got.Estimate > tt.most {
			t.Errorf("%s: got %.2f (measured %t), want %g to %g (measured %t)", tt.name, got.Estimate, got.Measured, tt.least, tt.most, tt.measured)
		}
	}
}

func TestOnlyAJamIsCongestion(t *testing.T) {
	usual := func() *model { return newModel(Bounds{Prior: 100}).seconds(60, healthy(10)) }
	legs := func(n uint32, took time.Duration) func(*Bucket, *Histogram) {
		return func(b *Bucket, _ *Histogram) { b.Legs[Index(took)] += n }
	}
	flying := func(n uint32, age time.Duration) func(*Bucket, *Histogram) {
		return func(b *Bucket, f *Histogram) {
			healthy(10)(b, f)
			f[Index(age)] += n
		}
	}
	for _, tt := range []struct {
		name   string
		m      *model
		second func(*Bucket, *Histogram)
		times  int
		want   bool
	}{
		{"as usual", usual(), healthy(10), 5, false},
		{"twice as slow, by nothing anybody notices", usual(), legs(30, 400*time.Millisecond), 5, false},
		{"four times as slow", usual(), legs(30, 600*time.Millisecond), 5, true},
		{"one slow second", usual(), legs(30, 900*time.Millisecond), 1, false},
		{"two slow legs at night", usual().seconds(30, nil), legs(2, 2*time.Second), 1, false},
		{"two legs that hang", usual(), flying(2, 5*time.Second), 5, false},
		{"three legs that hang", usual(), flying(3, 1100*time.Millisecond), 1, true},
		{"many young ones", usual(), flying(100, 200*time.Millisecond), 5, false},
		{"nothing usual known yet, and slow", newModel(Bounds{}), legs(30, 2*time.Second), 1, false},
		{"nothing usual known yet, and beyond any objective", newModel(Bounds{}), legs(30, 4*time.Second), 1, true},
	} {
		if got := tt.m.seconds(tt.times, tt.second).c.Congested; got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestCapacitiesAreOfOneUnit(t *testing.T) {
	at := func(estimate, most float64) Capacity {
		return Capacity{Estimate: estimate, Measured: true, Most: most, heldEstimate: estimate, heldMost: most}
	}
	seen := func(most float64) Capacity { return Capacity{Estimate: most, Most: most, heldMost: most} }
	for _, tt := range []struct {
		name   string
		bounds []Bounds
		now    []Capacity
		want   []float64
	}{
		{"nothing measured: the priors, whatever was seen", []Bounds{{Prior: 3}, {}}, []Capacity{seen(7), seen(90)}, []float64{3, 1}},
		{"logins a second: one measured at a tenth", []Bounds{{Prior: 100}, {Prior: 200}}, []Capacity{at(10, 40), seen(60)}, []float64{9.5, 200}},
		{"weights: what another is seen to take is a unit", []Bounds{{}, {}, {Prior: 2}}, []Capacity{at(10, 10), seen(25), seen(30)}, []float64{9.5, 25, 50}},
		{"a measured one never counts for more than it did", []Bounds{{Prior: 10}, {Prior: 10}}, []Capacity{at(500, 5), seen(5)}, []float64{10, 10}},
		{"a trickle is left", []Bounds{{Prior: 100}, {Prior: 100}}, []Capacity{at(0.1, 40), seen(40)}, []float64{2, 100}},
		{"a cap holds for whoever is not measured, too", []Bounds{{Prior: 100, Cap: 50}, {Prior: 100}}, []Capacity{seen(4), seen(4)}, []float64{50, 100}},
	} {
		if diff := cmp.Diff(tt.want, Capacities(DefaultRules(), tt.bounds, tt.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSharesDoNotTrembleWithTheEstimate: each change is a new board for every
// watcher.
func TestSharesDoNotTrembleWithTheEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := newModel(Bounds{Prior: 100}).seconds(120, healthy(40))
	changes, last := 0, 0.0
	for range 300 {
		n := uint32(poisson(rng, 40))
		m.tick(jammed(n, min(uint32(poisson(rng, 12)), n)))
		if now := Capacities(m.rules, []Bounds{m.bounds}, []Capacity{m.c})[0]; now != last {
			changes, last = changes+1, now
		}
	}
	if changes < 5 || changes > 40 {
		t.Errorf("got %d changes in five minutes of a jam, want the fall in steps and few more", changes)
	}
	if m.c.Estimate < 9 || m.c.Estimate > 15 || math.Abs(m.c.heldEstimate/m.c.Estimate-1) > 0.18 {
		t.Errorf("got %.1f, shares by %.1f, want about 12 for both", m.c.Estimate, m.c.heldEstimate)
	}
}

func TestWhoeverAdmitsByACapacityCanSendMoreThanBeforeUntilALimitIsSeen(t *testing.T) {
	r := DefaultRules()
	for name, c := range map[string]struct {
		capacity Capacity
		bounds   Bounds
		takes    float64
		waits    float64
	}{
		"nothing is known":                 {Capacity{}, Bounds{}, 2, 0},
		"as configured":                    {Capacity{}, Bounds{Prior: 50}, 100, 0},
		"more was seen":                    {Capacity{Most: 80}, Bounds{Prior: 50}, 160, 0},
		"a contract":                       {Capacity{Most: 80}, Bounds{Prior: 50, Cap: 90}, 90, 0},
		"measured":                         {Capacity{Measured: true, Estimate: 30, Most: 80}, Bounds{Prior: 50}, 30, 0},
		"measured, and more under way":     {Capacity{Measured: true, Estimate: 30, advice: advice{backlog: 200}}, Bounds{}, 30, 20},
		"measured, and fewer than usual":   {Capacity{Measured: true, Estimate: 30, advice: advice{backlog: 100}}, Bounds{}, 30, 0},
		"many under way, and no known end": {Capacity{advice: advice{backlog: 100}}, Bounds{}, 2, 0},
	} {
		if takes, waits := c.capacity.Load(r, c.bounds); takes != c.takes || waits != c.waits {
			t.Errorf("%s: got %v and %v waiting, want %v and %v", name, takes, waits, c.takes, c.waits)
		}
	}
}
