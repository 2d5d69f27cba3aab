package linear

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// collecting says whether this run is for docs/evidence: full length. Otherwise
// the same code runs as a miniature.
func collecting() bool { return os.Getenv("SINHO_EVIDENCE") != "" }

// leastOperations of a full run.
const leastOperations = 100_000

// report is docs/evidence/store.json.
type report struct {
	Name     string             `json:"name"`
	Commit   string             `json:"commit"`
	Machine  string             `json:"machine"`
	Seed     uint64             `json:"seed"`
	Began    time.Time          `json:"began"`
	Seconds  float64            `json:"duration_s"`
	Total    verdict            `json:"total"`
	Faults   map[string]int     `json:"faults"`
	Stores   map[string]verdict `json:"stores"`
	Breaches int                `json:"attempts_answered_anew"`
	Verdict  string             `json:"verdict"`
}

// TestStoresAreLinearizable is `make evidence-store`: every store, under every
// fault, and nothing is taken twice. As a miniature it does each fault once.
func TestStoresAreLinearizable(t *testing.T) {
	const seed = 1
	rounds, again := 1, 1
	if collecting() {
		rounds, again = 6, 5
	}
	out := report{
		Name: "store", Seed: seed, Began: time.Now().UTC(), Commit: commit(), Machine: machine(),
		Faults: map[string]int{}, Stores: map[string]verdict{},
	}
	worlds := []struct {
		name  string
		again int // fresh servers each time
		make  func(t *testing.T) *run
	}{
		{"embedded", 1, func(t *testing.T) *run { return embeddedFile(t, 3*rounds) }},
		{"redis with a journal", 1, func(t *testing.T) *run { return oneServer(t, true, rounds) }},
		{"redis in memory", 1, func(t *testing.T) *run { return oneServer(t, false, 2*rounds) }},
		{"redis under a sentinel", again, sentinel},
		{"redis under a sentinel, replica behind", again, behind},
		{"redis under a sentinel, master deposed alive", again, deposed},
		{"redis cluster", again, cluster},
	}
	for _, w := range worlds {
		for n := range w.again {
			t.Run(fmt.Sprintf("%s %d", w.name, n+1), func(t *testing.T) {
				r := w.make(t)
				r.seed = seed + uint64(n)
				r.drive(t)
				out.add(w.name, r, judge(t, r))
			})
		}
	}
	out.close(t)
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
		r.Faults[f.name]++
	}
	r.Breaches += len(of.breaches)
	r.Stores[name] = sum(r.Stores[name], v)
	r.Total = sum(r.Total, v)
}

func sum(a, b verdict) verdict {
	return verdict{
		Operations: a.Operations + b.Operations, Unanswered: a.Unanswered + b.Unanswered, Shards: a.Shards + b.Shards,
		InFaults: a.InFaults + b.InFaults, Taken: a.Taken + b.Taken, Twice: a.Twice + b.Twice,
		Illegal: a.Illegal + b.Illegal, Unknown: a.Unknown + b.Unknown, Losses: a.Losses + b.Losses,
	}
}

// close writes the file when collecting.
func (r *report) close(t *testing.T) {
	t.Helper()
	if !collecting() {
		return
	}
	r.Seconds = time.Since(r.Began).Seconds()
	var missed []string
	demand := func(holds bool, what string) {
		if !holds {
			missed = append(missed, what)
		}
	}
	demand(r.Total.Operations >= leastOperations, fmt.Sprintf("%d operations, want %d", r.Total.Operations, leastOperations))
	demand(r.Total.Twice == 0, fmt.Sprintf("%d values taken twice", r.Total.Twice))
	demand(r.Total.Illegal == 0 && r.Total.Unknown == 0, fmt.Sprintf("%d histories not linearizable, %d not decided", r.Total.Illegal, r.Total.Unknown))
	demand(r.Breaches == 0, fmt.Sprintf("%d attempts answered anew", r.Breaches))
	demand(!t.Failed(), "a test failed")
	r.Verdict = "met"
	if len(missed) > 0 {
		r.Verdict = "missed: " + strings.Join(missed, "; ")
		t.Error(r.Verdict)
	}
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("SINHO_EVIDENCE"), r.Name+".json"), append(body, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", body)
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	if i := slices.IndexFunc(strings.Split(string(info), "\n"), func(l string) bool { return strings.HasPrefix(l, "model name") }); i >= 0 {
		_, value, _ := strings.Cut(strings.Split(string(info), "\n")[i], ":")
		model = strings.TrimSpace(value)
	}
	return fmt.Sprintf("%s, %s/%s, %d cores, %s", model, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
