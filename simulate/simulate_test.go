package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

func small(p Policy, scenario string) Config {
	c := Base(p, scenario)
	c.Capacity = 10
	return c
}

func TestEverybodyWhoCameIsSomewhere(t *testing.T) {
	for _, scenario := range Scenarios() {
		for _, p := range Policies() {
			r, err := Run(small(p, scenario))
			if err != nil {
				t.Fatal(err)
			}
			if r.Came < 500 || r.In+r.GaveUp+r.Left+r.UnderWay != r.Came {
				t.Errorf("%s, %s: %d in, %d gave up, %d left, %d under way of %d", scenario, p, r.In, r.GaveUp, r.Left, r.UnderWay, r.Came)
			}
			came, in := 0, 0
			for _, m := range r.Course {
				came, in = came+m.Came, in+m.In
			}
			if came != r.Came || in != r.In {
				t.Errorf("%s, %s: the course has %d come and %d in, want %d and %d", scenario, p, came, in, r.Came, r.In)
			}
			for name, v := range r.Figures {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					t.Errorf("%s, %s: %s is %v", scenario, p, name, v)
				}
			}
		}
	}
}

func TestTheSamePeopleComeWhateverThePolicy(t *testing.T) {
	var want []float64
	for _, p := range Policies() {
		w := newWorld(small(p, "storm-gate"))
		w.run()
		var got []float64
		for i := range w.people {
			got = append(got, w.people[i].arrived, w.people[i].gives, w.people[i].decide)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: other people came (-want +got):\n%.400s", p, diff)
		}
	}
}

func TestNothingIsUnderWayAtTheEndOfAQuietRun(t *testing.T) {
	w := newWorld(small(Ours, "outage"))
	w.run()
	for i := range w.providers {
		p := &w.providers[i]
		if flight := p.ages(w.now); p.away != 0 || p.station.busy != 0 || p.station.waiting() != 0 ||
			flight.Total() != 0 || p.line.guard.Reading().UnderWay != 0 {
			t.Errorf("provider %s: %d away, %d busy, %d waiting, %d in flight, %d at the guard, want none", name(i), p.away,
				p.station.busy, p.station.waiting(), flight.Total(), p.line.guard.Reading().UnderWay)
		}
	}
}

// fill is a small plan.
func fill(t *testing.T, workers int, cells ...Config) Report {
	t.Helper()
	r, err := Plan{Seeds: 3, Cells: cells}.Fill(t.Context(), workers, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOneSeedGivesTheSameBytes(t *testing.T) {
	cells := append(Grid(small(0, ""), []Policy{Greens, TwoChoices, Ours, Oracle}, []string{"dead-page"}),
		Removals(small(0, ""), []string{"outage"})...)
	var want []byte
	for _, workers := range []int{1, 3} {
		r := fill(t, workers, cells...)
		got, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var table bytes.Buffer
		if err := r.Table(&table); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := r.Plot(dir); err != nil {
			t.Fatal(err)
		}
		plots, err := filepath.Glob(filepath.Join(dir, "*.svg"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, table.Bytes()...)
		for _, file := range plots {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, raw...)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%d workers: other bytes than with one", workers)
		}
	}
	other := cells[0]
	other.Seed += 100
	if cmp.Equal(fill(t, 1, cells[0]).Cells[0].Figures, fill(t, 1, other).Cells[0].Figures) {
		t.Error("another seed gave the same figures")
	}
}

// TestOursIsBetweenRandomAndTheOracle where random overloads the small ones,
// though all together could take everybody, and where nobody could.
func TestOursIsBetweenRandomAndTheOracle(t *testing.T) {
	for scenario, load := range map[string]float64{"steady": 1.2, "overload": 1} {
		point := Base(0, "")
		point.Load, point.Capacity = load, 60
		r := fill(t, 2, Grid(point, []Policy{Random, Ours, Oracle}, []string{scenario})...)
		at := func(p Policy, figure string) Estimate { return r.Cell("base", scenario, p).Figures[figure] }
		// Each one's best is not below the worst of the next one down.
		for _, figure := range []string{Goodput, Success} {
			if at(Oracle, figure).High < at(Ours, figure).Low || at(Ours, figure).High < at(Random, figure).Low {
				t.Errorf("%s, %s of oracle, ours and random: got %v, %v, %v, want no less than the next", scenario, figure,
					at(Oracle, figure), at(Ours, figure), at(Random, figure))
			}
		}
		if ours, random := at(Ours, P95), at(Random, P95); scenario == "steady" && ours.High >= random.Low {
			t.Errorf("%s, p95 wait: got %v, want clearly below random's %v", scenario, ours, random)
		}
	}
}

func TestAnOutageTurnsTheLightAndEmptiesTheShare(t *testing.T) {
	r, err := Run(Base(Ours, "outage"))
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Course[int(warm)-1]; m.Lights[0] != signal.Green || m.Shares[0] < 0.1 {
		t.Errorf("before: got %v with a share of %v, want green with its part, less those who go there by habit", m.Lights[0], m.Shares[0])
	}
	if m := r.Course[int(warm)+100]; m.Lights[0] != signal.Grey || m.Shares[0] != 0 {
		t.Errorf("in the outage: got %v with a share of %v, want grey with none", m.Lights[0], m.Shares[0])
	}
	if m := r.Course[int(until)-1]; !m.Lights[0].Choosable() || m.Used[0] == 0 {
		t.Errorf("a minute after: got %v with %v in use, want it back", m.Lights[0], m.Used[0])
	}
}

func TestEachPartCanBeLeftOut(t *testing.T) {
	base := Base(Ours, "outage")
	base.Capacity = 60
	whole, err := Run(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range Ablations() {
		c := base
		c.Without = part
		r, err := Run(c)
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(whole.Figures, r.Figures) {
			t.Errorf("without %s: nothing changed", part)
		}
	}
}

func TestWhatCannotBeRunIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"scenario":  func(c *Config) { c.Scenario = "sunday" },
		"policy":    func(c *Config) { c.Policy = policies },
		"without":   func(c *Config) { c.Without = "people" },
		"capacity":  func(c *Config) { c.Capacity = math.NaN() },
		"follow":    func(c *Config) { c.Follow = 1.1 },
		"refresh":   func(c *Config) { c.Refresh = 0 },
		"load":      func(c *Config) { c.Load = -1 },
		"follow -1": func(c *Config) { c.Follow = -1 },
	} {
		c := Base(Ours, "steady")
		change(&c)
		if _, err := Run(c); err == nil || !strings.Contains(err.Error(), strings.Fields(name)[0]) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
	if _, err := (Plan{}).Fill(t.Context(), 1, nil); err == nil {
		t.Error("an empty plan was filled")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Plan{Seeds: 1, Cells: []Config{Base(Ours, "steady")}}).Fill(ctx, 1, nil); err == nil {
		t.Error("a plan went on after its context had ended")
	}
}

func TestAnIntervalIsStudents(t *testing.T) {
	// Two standard errors of 1 to 5 are 2·0.7071; t of four degrees is 2.776.
	got := estimate([]float64{1, 2, 3, 4, 5})
	if want := (Estimate{3, 1.037, 4.963}); math.Abs(got.Low-want.Low) > 5e-4 || math.Abs(got.High-want.High) > 5e-4 || got.Mean != 3 {
		t.Errorf("got %+v, want about %+v", got, want)
	}
	if got := estimate([]float64{7}); got != (Estimate{7, 7, 7}) {
		t.Errorf("of one: got %+v", got)
	}
	if student(500) != 2.042 || student(1) != 12.706 {
		t.Errorf("got %v and %v", student(500), student(1))
	}
}
