package evidence_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sinho/evidence"
)

// What strangers and sites send to the OpenID Provider, what a waiting room hands
// to browsers and keeps, and the fuzz target that reads it, by package.
var fuzzed = []struct{ pkg, target string }{
	{"./seal", "FuzzOpen"}, // first: it is what a miniature runs
	{"./broker", "FuzzSealedValues"},
	{"./broker", "FuzzForms"},
	{"./broker", "FuzzTokenForms"},
	{"./broker", "FuzzRefreshToken"},
	{"./broker", "FuzzAuthorize"},
	{"./broker", "FuzzClaimsParameter"},
	{"./broker", "FuzzRequestObjectAtAuthorize"},
	{"./broker", "FuzzPushedRequestURI"},
	{"./broker", "FuzzClientAssertion"},
	{"./broker/client", "FuzzAllowsRedirect"},
	{"./broker/client", "FuzzRegisteredURI"},
	{"./broker/client", "FuzzOpenRequest"},
	{"./broker/client", "FuzzCheckAssertion"},
	{"./broker/keys", "FuzzVerify"},
	{"./lobby", "FuzzTicketForm"},
	{"./lobby", "FuzzPassForm"},
	{"./lobby", "FuzzQueueForm"},
	{"./lobby", "FuzzFrame"},
	{"./lobby/room", "FuzzOpenPapers"},
}

var executions = regexp.MustCompile(`execs: ([0-9]+)`)

// TestFuzzingFindsNothing is `make evidence-fuzz`: a minute of new inputs for
// every reader. As a miniature it gives one of them two seconds; the seeds of all
// run with their packages.
func TestFuzzingFindsNothing(t *testing.T) {
	e := evidence.New("fuzz", 0)
	defer e.Close(t)
	long, some := time.Minute, fuzzed
	if !evidence.Collecting() {
		long, some = 2*time.Second, fuzzed[:1]
	}
	for _, f := range some {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-run", "^$", "-fuzz", "^"+f.target+"$", "-fuzztime", long.String(), f.pkg)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		ran := 0
		for _, m := range executions.FindAllStringSubmatch(string(out), -1) {
			ran, _ = strconv.Atoi(m[1])
		}
		clean := err == nil && strings.Contains(string(out), "\nok") || err == nil && strings.HasPrefix(string(out), "ok")
		e.Figures[f.pkg+" "+f.target] = map[string]any{"executions": ran, "seconds": long.Seconds(), "clean": clean}
		e.Must(t, clean && ran > 0, fmt.Sprintf("%s %s: %d executions, %v", f.pkg, f.target, ran, err))
		if !clean {
			t.Logf("%s", out)
		}
	}
}
