// Package evidence keeps what a long or heavy run has shown, as
// docs/evidence/NAME.json. The same test runs as a miniature when nobody
// collects. Only tests import it, and it knows nothing of what is shown.
package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Run is one run, and the file it leaves.
type Run struct {
	Name    string         `json:"name"`
	Commit  string         `json:"commit"`
	Machine string         `json:"machine"`
	Seed    uint64         `json:"seed"`
	Began   time.Time      `json:"began"`
	Seconds float64        `json:"duration_s"`
	Figures map[string]any `json:"figures"`
	Verdict string         `json:"verdict"`

	missed []string
}

// folder is where files go, "" when nobody collects.
func folder() string { return os.Getenv("SINHO_EVIDENCE") }

// Collecting says whether this run is for evidence: full length, with the
// published limits. Otherwise the same code runs as a miniature and judges
// correctness alone.
func Collecting() bool { return folder() != "" }

// New begins a run of this name.
func New(name string, seed uint64) *Run {
	return &Run{Name: name, Seed: seed, Began: time.Now().UTC(), Figures: map[string]any{}, Machine: machine(), Commit: commit()}
}

// Demand notes a published limit that was missed. It counts when collecting; a
// miniature does not judge it.
func (r *Run) Demand(holds bool, what string) {
	if !holds {
		r.missed = append(r.missed, what)
	}
}

// Must is what has to hold in a miniature too.
func (r *Run) Must(t testing.TB, holds bool, what string) {
	t.Helper()
	r.Demand(holds, what)
	if !holds && !Collecting() {
		t.Error(what)
	}
}

// Close writes the file when collecting, and fails the test on whatever was
// missed.
func (r *Run) Close(t testing.TB) {
	t.Helper()
	if !Collecting() {
		return
	}
	r.Seconds = time.Since(r.Began).Seconds()
	if t.Failed() {
		r.missed = append(r.missed, "a check failed")
	}
	r.Verdict = "met"
	if len(r.missed) > 0 {
		r.Verdict = "missed: " + strings.Join(r.missed, "; ")
		t.Error(r.Verdict)
	}
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder(), r.Name+".json")
	if err := os.WriteFile(path, append(body, '\n'), 0o644); err != nil { //nolint:gosec // to be read by all
		t.Fatal(err)
	}
	t.Logf("wrote %s:\n%s", path, body)
}

// commit is the one checked out, marked when anything else than evidence differs
// from it.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output() //nolint:noctx // a moment
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if exec.Command("git", "diff", "--quiet", "HEAD", "--", ":/", ":(top,exclude)docs/evidence").Run() != nil { //nolint:noctx // the same
		name += "-dirty"
	}
	return name
}

func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %s/%s, %d cores, %s", model, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
