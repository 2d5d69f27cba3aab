package linear

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"sinho/evidence"
)

// leastOperations of a full run.
const leastOperations = 100_000

// report adds up what all runs have shown.
type report struct {
	total    verdict
	faults   map[string]int
	stores   map[string]verdict
	breaches int
}

// TestStoresAreLinearizable is `make evidence-store`: every store, under every
// fault, and nothing is taken twice. As a miniature it does each fault once.
func TestStoresAreLinearizable(t *testing.T) {
	const seed = 1
	rounds, again := 1, 1
	if evidence.Collecting() {
		rounds, again = 6, 5
	}
	e := evidence.New("store", seed)
	defer e.Close(t)
	out := report{faults: map[string]int{}, stores: map[string]verdict{}}
	for _, w := range worlds(rounds, again) {
		for n := range w.again {
			t.Run(fmt.Sprintf("%s %d", w.name, n+1), func(t *testing.T) {
				r := w.make(t)
				r.seed = seed + uint64(n)
				r.drive(t)
				out.add(w.name, r, judge(t, r))
			})
		}
	}
	e.Figures = map[string]any{
		"total": out.total, "faults": out.faults, "stores": out.stores, "attempts_answered_anew": out.breaches,
	}
	e.Demand(out.total.Operations >= leastOperations, fmt.Sprintf("%d operations, want %d", out.total.Operations, leastOperations))
	e.Demand(out.total.Twice == 0, fmt.Sprintf("%d values taken twice", out.total.Twice))
	e.Demand(out.total.Illegal == 0 && out.total.Unknown == 0, fmt.Sprintf("%d histories not linearizable, %d not decided", out.total.Illegal, out.total.Unknown))
	e.Demand(out.breaches == 0, fmt.Sprintf("%d attempts answered anew", out.breaches))
}

// world is a store with what happens to it.
type world struct {
	name  string
	again int // fresh servers each time
	make  func(t *testing.T) *run
}

func worlds(rounds, again int) []world {
	return []world{
		{"embedded", 1, func(t *testing.T) *run { return embeddedFile(t, 3*rounds) }},
		{"redis with a journal", 1, func(t *testing.T) *run { return oneServer(t, true, rounds) }},
		{"redis in memory", 1, func(t *testing.T) *run { return oneServer(t, false, 2*rounds) }},
		{"redis under a sentinel", again, sentinel},
		{"redis under a sentinel, replica behind", again, behind},
		{"redis under a sentinel, master deposed alive", again, deposed},
		{"redis cluster", again, cluster},
	}
}

// judge decides a run and says what is wrong with it.
func judge(t *testing.T, r *run) verdict {
	t.Helper()
	v := r.check(time.Minute)
	t.Logf("%d operations on %d shards, %d of them during %d faults, %d without an answer, %d values taken, %d shards show a loss",
		v.Operations, v.Shards, v.InFaults, len(r.windows), v.Unanswered, v.Taken, v.Losses)
	if v.Twice > 0 || v.Illegal > 0 || v.Unknown > 0 {
		t.Errorf("taken twice %d, not linearizable %d, not decided %d, want none", v.Twice, v.Illegal, v.Unknown)
	}
	if len(r.breaches) > 0 {
		t.Errorf("%d attempts were answered anew: %s", len(r.breaches), r.breaches[0])
	}
	if v.InFaults == 0 || v.Taken == 0 {
		t.Error("no fault was felt, or nothing was taken: the run shows nothing")
	}
	if v.Illegal > 0 {
		file, err := os.Create(filepath.Join(t.ArtifactDir(), "history.html")) // kept with go test -artifacts
		if err == nil {
			defer file.Close()
			t.Logf("see %s: %v", file.Name(), porcupine.Visualize(v.model, v.example, file))
		}
	}
	return v
}

func (r *report) add(name string, of *run, v verdict) {
	for _, f := range of.windows {
		r.faults[f.name]++
	}
	r.breaches += len(of.breaches)
	r.stores[name] = sum(r.stores[name], v)
	r.total = sum(r.total, v)
}

func sum(a, b verdict) verdict {
	return verdict{
		Operations: a.Operations + b.Operations, Unanswered: a.Unanswered + b.Unanswered, Shards: a.Shards + b.Shards,
		InFaults: a.InFaults + b.InFaults, Taken: a.Taken + b.Taken, Twice: a.Twice + b.Twice,
		Illegal: a.Illegal + b.Illegal, Unknown: a.Unknown + b.Unknown, Losses: a.Losses + b.Losses,
	}
}
