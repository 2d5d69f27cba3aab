// Package e2e runs the built program as its users meet it: over HTTP, and in a
// real browser at phone and desktop width. It knows the program by its command
// line, its ports and its pages alone.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sinho/store/redistest"
)

// binary is the program, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	if spec := os.Getenv(askedForFloor); spec != "" {
		fmt.Fprintln(os.Stderr, runFloor(spec))
		os.Exit(1)
	}
	redistest.Quiet()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sinho-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "sinho")
		build := exec.Command("go", "build", "-o", binary, "sinho/cmd/sinho")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build sinho:", err)
			return 1
		}
		return m.Run()
	}())
}

// demo is one running `sinho demo`.
type demo struct {
	*process

	base int
}

// lines keeps what a process printed and lets one wait for a line.
type lines struct {
	mu   sync.Mutex
	text []string
	more chan struct{}
}

func (l *lines) add(s string) {
	l.mu.Lock()
	l.text = append(l.text, s)
	close(l.more)
	l.more = make(chan struct{})
	l.mu.Unlock()
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "\n")
}

func (l *lines) wait(ctx context.Context, match func(string) bool) error {
	seen := 0
	for {
		l.mu.Lock()
		for ; seen < len(l.text); seen++ {
			if match(l.text[seen]) {
				l.mu.Unlock()
				return nil
			}
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// runsGiven counts the runs of ports that freeBase has looked at.
var runsGiven atomic.Int64

// freeBase finds a run of fifteen free ports for one demo or fleet. They lie below
// those that outgoing connections take, so that they stay free; no other test of this
// process is given them.
func freeBase(t *testing.T) int {
	t.Helper()
	const first, last, run = 10_000, 32_700, 20
	for range (last - first) / run {
		base := first + (os.Getpid()+int(runsGiven.Add(1)))*run%(last-first)
		free := true
		for offset := range 15 {
			l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", base+offset))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free run of ports for a demo")
	return 0
}

// startDemo runs the program and waits for its ready line. The program is
// ended, and its clean end checked, when the test is over.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	return startDemoAt(t, freeBase(t), args...)
}

func startDemoAt(t *testing.T, base int, args ...string) *demo {
	t.Helper()
	args = append([]string{"demo", "--base-port", fmt.Sprint(base)}, args...)
	d := &demo{base: base, process: launch(t, nil, fmt.Sprintf("ready http://localhost:%d", base), binary, args...)}
	t.Cleanup(d.stop)
	return d
}

// stop ends the program as Ctrl-C would and demands exit code 0 within 10 s.
func (d *demo) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	select {
	case <-d.ended:
		if d.err != nil {
			d.t.Errorf("sinho demo ended with %v, want exit code 0; it printed:\n%s", d.err, tail(d.out.all(), 60))
		}
	case <-time.After(10 * time.Second):
		d.t.Errorf("sinho demo did not end within 10 s of an interrupt") // it is ended by launch
	}
}

func tail(s string, n int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// url of a place of the demo by its offset from the base port.
func (d *demo) url(offset int, path string) string {
	return fmt.Sprintf("http://localhost:%d%s", d.base+offset, path)
}

// offsets of the demo's places.
const (
	atBroker  = 0
	atBooking = 1
	atSchool  = 2
)

var simAt = map[string]int{"naver": 10, "kakao": 11, "pass": 12, "toss": 13, "oidc": 14}

// control sets a simulator's fault and returns its full state.
func (d *demo) control(provider, body string) map[string]any {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPut, d.url(simAt[provider], "/control"), strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	return d.json(req)
}

func (d *demo) json(req *http.Request) map[string]any {
	d.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s %s: status %d: %s", req.Method, req.URL, resp.StatusCode, body)
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		d.t.Fatalf("%s %s: %v in %s", req.Method, req.URL, err, body)
	}
	return v
}

// getJSON reads a JSON document of the demo.
func (d *demo) getJSON(offset int, path string) map[string]any {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url(offset, path), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.json(req)
}

// light of a provider as /signal tells it, with its reason code.
func (d *demo) light(provider string) (light, reason string) {
	d.t.Helper()
	for _, p := range d.getJSON(atBroker, "/signal")["providers"].([]any) {
		m := p.(map[string]any)
		if m["id"] == provider {
			return m["light"].(string), m["reason"].(map[string]any)["code"].(string)
		}
	}
	d.t.Fatalf("/signal has no provider %q", provider)
	return "", ""
}

// waitFor polls a condition until it holds or the time is over.
func waitFor(t *testing.T, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("%s: not within %s", what, limit)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	return time.Since(began)
}
