package evidence

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// judged is a test that is told of failures and does not fail by them.
type judged struct {
	testing.TB

	errors []string
}

func (j *judged) Helper()             {}
func (j *judged) Logf(string, ...any) {}
func (j *judged) Failed() bool        { return len(j.errors) > 0 }
func (j *judged) Error(args ...any) {
	for _, a := range args {
		j.errors = append(j.errors, a.(string))
	}
}

func TestAMissedLimitIsWrittenAndFails(t *testing.T) {
	for name, tc := range map[string]struct {
		run     func(r *Run, j *judged)
		verdict string
	}{
		"met":                  {func(r *Run, _ *judged) { r.Demand(true, "fast") }, "met"},
		"missed":               {func(r *Run, _ *judged) { r.Demand(false, "slow"); r.Demand(false, "late") }, "missed: slow; late"},
		"missed what must be":  {func(r *Run, j *judged) { r.Must(j, false, "lost") }, "missed: lost"},
		"failed along the way": {func(_ *Run, j *judged) { j.Error("wrong") }, "missed: a check failed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("SINHO_EVIDENCE", dir)
			j := &judged{TB: t}
			r := New("trial", 7)
			tc.run(r, j)
			r.Close(j)
			body, err := os.ReadFile(filepath.Join(dir, "trial.json"))
			if err != nil {
				t.Fatal(err)
			}
			var got Run
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if got.Verdict != tc.verdict || got.Seed != 7 || got.Commit == "" {
				t.Errorf("got %+v, want verdict %q", got, tc.verdict)
			}
			if failed := j.Failed(); failed != (tc.verdict != "met") {
				t.Errorf("got failed %t with verdict %q", failed, got.Verdict)
			}
		})
	}
}

func TestAMiniatureJudgesOnlyWhatMustBe(t *testing.T) {
	t.Setenv("SINHO_EVIDENCE", "")
	j := &judged{TB: t}
	r := New("trial", 1)
	r.Demand(false, "slow")
	r.Close(j)
	if j.Failed() {
		t.Errorf("a limit was judged: %v", j.errors)
	}
	r.Must(j, false, "lost")
	if strings.Join(j.errors, "") != "lost" {
		t.Errorf("got %v, want what must be", j.errors)
	}
}
