package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sinho/broker"
)

// handbook is docs/handbook.md.
func handbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/handbook.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// actAsSinho, in the environment, makes TestActAsSinho the program itself.
const actAsSinho = "SINHO_TEST_ACT_AS_SINHO"

// TestActAsSinho is no test but the program, in the shell of the handbook.
func TestActAsSinho(t *testing.T) {
	if os.Getenv(actAsSinho) == "" {
		return
	}
	if err := run(t.Context(), flag.Args(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sinho:", err)
		os.Exit(exitCode(err))
	}
	os.Exit(0)
}

func TestTheHandbooksCommandsRun(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```sh run\n(.*?)```").FindAllStringSubmatch(handbook(t), -1)
	if len(blocks) < 4 {
		t.Fatalf("got %d blocks to run", len(blocks))
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	program := "#!/bin/sh\nexec '" + own + "' -test.run='^TestActAsSinho$' -- \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "sinho"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", b[1])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), actAsSinho+"=1", "PATH="+bin+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v in\n%s\n%s", err, b[1], out)
		}
	}
}

func TestEveryAlertHasItsSectionInTheHandbookAndNoOther(t *testing.T) {
	text := handbook(t)
	_, chapter, ok := strings.Cut(text, "\n## Alerts\n")
	if !ok {
		t.Fatal("got no chapter of alerts")
	}
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	var told, ruled []string
	for _, section := range strings.Split(chapter, "\n### ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		told = append(told, name)
		if !strings.Contains(body, "**Means:**") || !strings.Contains(body, "**Do:**") {
			t.Errorf("%s: the handbook does not say what it means and what to do", name)
		}
	}
	for _, a := range alertRules(t) {
		ruled = append(ruled, a.Alert)
	}
	slices.Sort(told)
	slices.Sort(ruled)
	if !slices.Equal(told, ruled) {
		t.Errorf("got sections %v, want those of the rules %v", told, ruled)
	}
}

// Links, and the settings that the handbook names, lead somewhere.
func TestTheHandbookLeadsSomewhere(t *testing.T) {
	text := handbook(t)
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Errorf("a link to %s leads nowhere", m[1])
		}
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchors["#"+strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\]\((#[^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if !anchors[m[1]] {
			t.Errorf("a link to %s leads nowhere", m[1])
		}
	}
	reference, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(drain|redis|log)\\.([a-z_]+)(?::[^`]*)?`").FindAllStringSubmatch(text, -1) {
		_, group, _ := strings.Cut(string(reference), "\n## "+m[1]+"\n")
		group, _, _ = strings.Cut(group, "\n## ")
		if !strings.Contains(group, "| `"+m[2]+"` |") {
			t.Errorf("there is no setting %s.%s", m[1], m[2])
		}
	}
	for _, name := range []string{"public_url", "trusted_proxies", "keys_dir", "metrics_listen", "max_watchers", "drain"} {
		if !strings.Contains(text, "`"+name) || !strings.Contains(string(reference), "| `"+name+"` |") {
			t.Errorf("the handbook and the reference do not both know %s", name)
		}
	}
}

// A reference is searched in the log as it stands there, among the lines of
// systemd and of sinho check, which are no JSON.
func TestTheHandbookSearchesForAReferenceAsTheLogHasIt(t *testing.T) {
	m := regexp.MustCompile(`journalctl -u sinho -o cat \| jq (-\w+) '(.*\(\.ref == "([^"]*)"\))'`).FindStringSubmatch(handbook(t))
	if m == nil {
		t.Fatal("got no search for a reference")
	}
	if ref, readable := broker.ParseReference(m[3]); !readable || ref != m[3] {
		t.Errorf("got %q, want one as the log has it (%s)", m[3], ref)
	}
	if _, err := exec.LookPath("jq"); err != nil {
		t.Fatal("jq is missing; `make tools` installs it")
	}
	cmd := exec.CommandContext(t.Context(), "jq", m[1], m[2])
	line := `{"msg":"problem shown","ref":"` + m[3] + `"}`
	cmd.Stdin = strings.NewReader("sinho.yaml is good\n  clients     1: booking\nready https://id.example.kr\n42\n{\"msg\":\"serving\"}\n" + line + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != line+"\n" {
		t.Errorf("got %v and %q, want %s", err, out, line)
	}
}

// Of several packages go build leaves nothing but with -o.
func TestBuildsInTheDocsLeavePrograms(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	builds, build := 0, regexp.MustCompile(`(?m)^go build (.*)$`)
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range build.FindAllStringSubmatch(string(text), -1) {
			builds++
			if strings.Count(m[1], "./cmd/") > 1 && !strings.HasPrefix(m[1], "-o ") {
				t.Errorf("%s: %s leaves no program", file, m[0])
			}
		}
	}
	if builds == 0 {
		t.Error("got no build in the docs")
	}
}
