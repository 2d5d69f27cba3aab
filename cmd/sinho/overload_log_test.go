package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/config"
	"sinho/shed"
)

// A real gate that is full refuses two thousand in a second and a few later: two
// lines, and none in the seconds between.
func TestWhatTheGateRefusesIsOneLineASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, out := shed.New(1), newLines()
		release := make(chan struct{})
		h := gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), kindOf, "")
		ask := func(n int, path string) {
			for range n {
				go func() {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
					r.Header.Set("Accept", "text/html")
					h.ServeHTTP(httptest.NewRecorder(), r)
				}()
			}
			synctest.Wait()
		}
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			tellRefusals(ctx, gate, slog.New(slog.NewJSONHandler(out, nil)))
			close(over)
		}()
		time.Sleep(5 * time.Second)
		if n := out.count("\n"); n != 0 {
			t.Errorf("got %d lines while nobody is refused:\n%s", n, out)
		}
		ask(6144, "/callback/naver") // and nobody but those who come back is let in from here on
		time.Sleep(time.Second + 100*time.Millisecond)
		ask(2000, "/nowhere") // 256 may wait, for a second at most
		ask(3, "/login")
		time.Sleep(5 * time.Second)
		ask(2, "/login")
		time.Sleep(1600 * time.Millisecond)
		stop() // amid a second: what is left is told
		<-over
		close(release)
		synctest.Wait()
		var got []map[string]any
		total := map[string]float64{}
		for line := range strings.Lines(out.String()) {
			var one map[string]any
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatal(err)
			}
			if one["level"] != "WARN" || one["msg"] != "requests refused" || one["inside"] != 6144.0 {
				t.Errorf("got %s, want a warning with who is inside", line)
			}
			got = append(got, one)
			for _, class := range []string{"rest", "beginning", "finishing"} {
				reasons, _ := one[class].(map[string]any)
				for reason, n := range reasons {
					total[class+" "+reason] += n.(float64)
				}
			}
		}
		if len(got) < 2 || len(got) > 4 {
			t.Errorf("got %d lines, want one for each of the few seconds:\n%s", len(got), out)
		}
		want := map[string]float64{"rest full": 2000 - 256, "rest late": 256, "beginning late": 5}
		if diff := cmp.Diff(want, total); diff != "" {
			t.Errorf("all together (-want +got):\n%s\n%s", diff, out)
		}
	})
}

// A node whose gate is full of people who come back tells whom it refuses.
func TestANodeLogsWhatItsGateRefuses(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	cfg, err := config.Load(w.path, w.env)
	if err != nil {
		t.Fatal(err)
	}
	out := newLines()
	n, err := newNode(t.Context(), serveOptions{path: w.path, env: w.env, stderr: out}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	behind, end := context.WithCancel(t.Context())
	n.start(behind)
	release := make(chan struct{})
	inside := n.gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), kindOf, "")
	var all sync.WaitGroup
	for range 6144 {
		all.Go(func() {
			inside.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/callback/naver", nil))
		})
	}
	for n.gate.State().Inside < 6144 {
		runtime.Gosched()
	}
	answer := httptest.NewRecorder()
	n.handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login", nil))
	if answer.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d, want it refused", answer.Code)
	}
	out.waitFor(t, `"msg":"requests refused","beginning":{"late":1},"inside":6144`, 1)
	close(release)
	all.Wait()
	n.dark()
	end()
	if err := n.close(t.Context()); err != nil {
		t.Error(err)
	}
}
