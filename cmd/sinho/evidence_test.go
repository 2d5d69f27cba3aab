package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// evidence is one long or heavy run as docs/evidence/NAME.json keeps it; e2e has
// the same for what it runs.
type evidence struct {
	Name     string         `json:"name"`
	Commit   string         `json:"commit"`
	Machine  string         `json:"machine"`
	Seed     uint64         `json:"seed"`
	Began    time.Time      `json:"began"`
	Seconds  float64        `json:"duration_s"`
	Figures  map[string]any `json:"figures"`
	Verdict  string         `json:"verdict"`
	failures []string
}

// collecting says whether this run is for evidence: full length, with the
// published limits. Otherwise the same code runs as a miniature and judges
// correctness alone.
func collecting() bool { return os.Getenv("SINHO_EVIDENCE") != "" }

func newEvidence(name string, seed uint64) *evidence {
	return &evidence{Name: name, Seed: seed, Began: time.Now().UTC(), Figures: map[string]any{}, Machine: machine(), Commit: commit()}
}

// demand notes a published limit that was missed.
func (e *evidence) demand(holds bool, what string) {
	if !holds {
		e.failures = append(e.failures, what)
	}
}

// close writes the file when collecting and fails the test on a missed limit.
func (e *evidence) close(t *testing.T) {
	t.Helper()
	if !collecting() {
		for _, missed := range e.failures {
			t.Error(missed)
		}
		return
	}
	e.Seconds = time.Since(e.Began).Seconds()
	e.Verdict = "met"
	if len(e.failures) > 0 {
		e.Verdict = "missed: " + strings.Join(e.failures, "; ")
		t.Error(e.Verdict)
	}
	body, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(os.Getenv("SINHO_EVIDENCE"), e.Name+".json")
	if err := os.WriteFile(path, append(body, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote %s:\n%s", path, body)
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
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return model + ", " + runtime.GOOS + "/" + runtime.GOARCH + ", " + itoa(runtime.NumCPU()) + " cores, " + runtime.Version()
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}
