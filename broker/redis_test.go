package broker

import (
	"bytes"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/shared"
)

// startRedis starts a redis-server of our own that ends with the test.
func startRedis(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", t.TempDir(), "--save", "", "--maxmemory-policy", "noeviction")
	ready := &readiness{is: make(chan struct{})}
	cmd.Stdout = ready
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server (make tools installs it): %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		<-ended
	})
	select {
	case <-ready.is:
	case <-ended:
		t.Fatalf("redis-server ended: %s", ready.said.String())
	case <-time.After(30 * time.Second):
		t.Fatal("redis-server does not get ready")
	}
	return address
}

// readiness closes is once the server has said that it is ready.
type readiness struct {
	mu   sync.Mutex // guards what follows
	said bytes.Buffer
	done bool
	is   chan struct{}
}

func (r *readiness) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said.Write(p)
	if !r.done && bytes.Contains(r.said.Bytes(), []byte("Ready to accept connections")) {
		r.done = true
		close(r.is)
	}
	return len(p), nil
}

// threeOnRedis are three nodes with connections of their own to one server; w
// itself is the first of them.
func threeOnRedis(t *testing.T) (*world, []http.Handler) {
	t.Helper()
	address := startRedis(t)
	w := tokenWorld(t)
	var nodes []http.Handler
	for range 3 {
		w.cfg.Store = openRedis(t, address)
		b := w.node()
		nodes = append(nodes, b.Handler())
		if len(nodes) == 1 {
			w.b, w.h = b, nodes[0]
		}
	}
	return w, nodes
}

// openRedis is one node's connections to a server.
func openRedis(t *testing.T, address string) store.Store {
	t.Helper()
	// A machine that is busy with other things must not look like a store that is
	// away: the patience of both ends is the longest there is.
	s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{address}, Timeout: 30 * time.Second, ReplicaWait: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The attack on the real thing: one code, three nodes, a hundred takers.
func TestAttackParallelRedemptionsOfOneCodeOverThreeNodesOnRedis(t *testing.T) {
	w, nodes := threeOnRedis(t)
	for _, scope := range []string{"openid", "openid offline_access"} {
		location := w.browser().login("naver", at("rotating", "scope", scope, "prompt", "consent")...)
		body := codeForm(query(t, location).Get("code"), "redirect_uri", "https://rotating.example/cb").Encode()
		won := inParallel(t, nodes, body, "rotating")
		if len(won) != 1 {
			t.Fatalf("%s: got %d winners, want 1", scope, len(won))
		}
		w.wantInfo(won[0].Access, http.StatusUnauthorized)
		if won[0].Refresh != "" {
			w.wantError(w.as("rotating", "/token", refreshForm(won[0].Refresh)), http.StatusBadRequest, "invalid_grant")
		}
	}
}

func TestAttackParallelUsesOfOneRefreshTokenOverThreeNodesOnRedis(t *testing.T) {
	w, nodes := threeOnRedis(t)
	first := w.offline("rotating")
	w.clock.add(time.Minute)
	won := inParallel(t, nodes, refreshForm(first.Refresh).Encode(), "rotating")
	if len(won) != 100 {
		t.Fatalf("got %d answers, want 100 alike", len(won))
	}
	for _, tok := range won {
		if old, err := w.b.openRefresh(tok.Refresh, "rotating"); err != nil || old.Generation != 2 {
			t.Fatalf("got generation %d %v, want 2", old.Generation, err)
		}
	}
	w.wantInfo(first.Access, http.StatusOK)
	w.wantInfo(won[99].Access, http.StatusOK)
	w.clock.add(20 * time.Second)
	if again := inParallel(t, nodes, refreshForm(first.Refresh).Encode(), "rotating"); len(again) != 0 {
		t.Errorf("got %d answers after the grace, want none", len(again))
	}
	w.wantInfo(won[0].Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(won[0].Refresh)), http.StatusBadRequest, "invalid_grant")
}

func TestAttackClientAssertionReplayedOverThreeNodesOnRedis(t *testing.T) {
	w, nodes := threeOnRedis(t)
	body := asserting(codeForm("x"), w.proof("signer")).Encode()
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		got = map[string]int{}
	)
	for i := range 100 {
		wg.Go(func() {
			said := decode[tokens](t, raw(nodes[i%len(nodes)], "/token", body)).Error
			mu.Lock()
			defer mu.Unlock()
			got[said]++
		})
	}
	wg.Wait()
	if got["invalid_grant"] != 1 || got["invalid_client"] != 99 {
		t.Errorf("got %v, want one that was taken and 99 invalid_client", got)
	}
}
