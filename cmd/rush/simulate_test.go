package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// simulated is `rush simulate` with a small world.
func simulated(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, progress bytes.Buffer
	args = append([]string{"simulate", "--capacity", "15", "--seeds", "2", "--scenario", "steady,outage", "--policy", "greens,ours,oracle"}, args...)
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatal(err)
	}
	return out.String(), progress.String()
}

func TestSimulateWritesATableAndItsProgressApart(t *testing.T) {
	table, progress := simulated(t)
	for _, want := range []string{"steady, ", "outage, ", "greens", "ours", "oracle", "p99 s"} {
		if !strings.Contains(table, want) {
			t.Errorf("got a table without %q:\n%s", want, table)
		}
	}
	if !strings.Contains(progress, "12 of 12 runs") || strings.Contains(table, "12 of 12") {
		t.Errorf("got progress %q, want it on standard error alone", progress)
	}
	again, _ := simulated(t, "--workers", "1")
	if again != table {
		t.Errorf("the same seed gave another table:\n%s\n%s", table, again)
	}
}

func TestSimulateWritesJSONAndPlots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plots")
	raw, _ := simulated(t, "--json", "--plot", dir)
	var report struct {
		Seeds int
		Cells []struct {
			Policy  string
			Figures map[string]struct{ Mean, Low, High float64 }
		}
	}
	if err := json.Unmarshal([]byte(raw), &report); err != nil {
		t.Fatal(err)
	}
	if report.Seeds != 2 || len(report.Cells) != 6 || report.Cells[0].Figures["success"].Mean <= 0 {
		t.Errorf("got %+v, want six cells of two seeds", report)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "course-outage.svg"))
	if err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) || !bytes.Contains(svg, []byte(">oracle<")) {
		t.Errorf("got a plot of %d bytes, %v", len(svg), err)
	}
}

func TestSimulateSaysWhatItCannotDo(t *testing.T) {
	for _, args := range [][]string{
		{"--policy", "astrology"},
		{"--scenario", "sunday"},
		{"--seeds", "0"},
		{"--follow", "2"},
		{"--without", "people"},
	} {
		err := run(t.Context(), append([]string{"simulate", "--seeds", "1"}, args...), &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(args[0], "--")) {
			t.Errorf("%v: got %v, want an error that names it", args, err)
		}
	}
}
