package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sinho/deploy/haproxy"
)

// echoNode is a node that tells what it was asked with, and is silent, leaving
// or without its store when told to.
type echoNode struct {
	address string
	leaving atomic.Bool
	noStore atomic.Bool
	silent  atomic.Bool // answers nothing to what it has read
	asked   atomic.Int64
}

func newEchoNode(t *testing.T) *echoNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoNode{address: l.Addr().String()}
	server := &http.Server{Handler: e, MaxHeaderBytes: 64 << 10}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return e
}

func (e *echoNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		if e.leaving.Load() || e.noStore.Load() && r.URL.Query().Get("exclude") != "store" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	_, _ = io.ReadAll(r.Body)
	e.asked.Add(1)
	if e.silent.Load() {
		panic(http.ErrAbortHandler) // the connection ends without a word
	}
	for i := range 3 { // as large as answers get
		http.SetCookie(w, &http.Cookie{Name: fmt.Sprint("c", i), Value: strings.Repeat("x", 3900)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"host": r.Host, "header": r.Header})
}

func TestWhatTheBalancersTellAndNeverRepeat(t *testing.T) {
	for _, b := range balancers() {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, "https")
			secure := w.door.Addr().String()
			w.door.Close()
			w.trust(&tls.Config{RootCAs: w.certify(1, time.Now().Add(time.Hour))})
			nodes := []*echoNode{newEchoNode(t), newEchoNode(t)}
			b.start(t, w.dir, freeAddress(t), secure, []string{nodes[0].address, nodes[1].address, freeAddress(t)}) // nobody at the third

			ask := func(ctx context.Context, method, path string) (*http.Response, error) {
				req, err := http.NewRequestWithContext(ctx, method, w.public+path, strings.NewReader("code=1"))
				if err != nil {
					t.Fatal(err)
				}
				for name, value := range map[string]string{
					"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example",
					"Forwarded": "for=198.51.100.7", "X-Real-IP": "198.51.100.7", "Cookie": "a=" + strings.Repeat("x", 12<<10),
				} {
					req.Header.Set(name, value)
				}
				return w.client.Do(req)
			}
			// Nobody is at the third address, and still nothing is lost.
			for i := range 12 {
				resp, err := ask(t.Context(), []string{http.MethodGet, http.MethodPost}[i%2], "/token")
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Host   string
					Header http.Header
				}
				err = json.NewDecoder(resp.Body).Decode(&got)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("request %d: got %d (%v), want it answered by a node that is there", i, resp.StatusCode, err)
				}
				h := got.Header
				if got.Host != secure || strings.Join(h.Values("X-Forwarded-For"), "|") != "127.0.0.1" || h.Get("X-Forwarded-Proto") != "https" {
					t.Errorf("got host %s, X-Forwarded-For %q, X-Forwarded-Proto %q", got.Host, h.Values("X-Forwarded-For"), h.Get("X-Forwarded-Proto"))
				}
				for _, claimed := range []string{"Forwarded", "X-Forwarded-Host", "X-Real-Ip"} {
					if h.Get(claimed) != "" {
						t.Errorf("got %s %q, want what people claim removed", claimed, h.Get(claimed))
					}
				}
			}
			if nodes[0].asked.Load() == 0 || nodes[1].asked.Load() == 0 {
				t.Errorf("got %d and %d requests, want both nodes asked", nodes[0].asked.Load(), nodes[1].asked.Load())
			}

			// A node that has read a POST and falls silent: nobody is asked again.
			for _, e := range nodes {
				e.silent.Store(true)
				e.asked.Store(0)
			}
			// HAProxy ends the client's connection, too, where it had used the node's
			// before: the client has to know that it may repeat.
			if resp, err := ask(t.Context(), http.MethodPost, "/token"); err == nil {
				resp.Body.Close()
				if again := resp.Header.Get("Retry-After"); resp.StatusCode != http.StatusBadGateway || again != "" {
					t.Errorf("got %d, to be asked again after %q, want 502 and nothing asked again", resp.StatusCode, again)
				}
			}
			if n := nodes[0].asked.Load() + nodes[1].asked.Load(); n != 1 {
				t.Errorf("a POST to /token reached nodes %d times, want once", n)
			}
			// A GET may be asked again, of the other.
			nodes[0].asked.Store(0)
			nodes[1].asked.Store(0)
			if resp, err := ask(t.Context(), http.MethodGet, "/login"); err == nil {
				resp.Body.Close()
			}
			if nodes[0].asked.Load() == 0 || nodes[1].asked.Load() == 0 {
				t.Errorf("a GET reached the nodes %d and %d times, want the other one asked, too", nodes[0].asked.Load(), nodes[1].asked.Load())
			}
		})
	}
}

// TestHAProxyLeavesOutWhoeverIsNotReadyButNeverAll asks for the rule that sends
// people to nodes without a store once no others are left. Checks are quicker
// here than in the shipped file; nothing else differs.
func TestHAProxyLeavesOutWhoeverIsNotReadyButNeverAll(t *testing.T) {
	w := newWorld(t, "https")
	secure := w.door.Addr().String()
	w.door.Close()
	w.trust(&tls.Config{RootCAs: w.certify(1, time.Now().Add(time.Hour))})
	nodes := [3]*echoNode{newEchoNode(t), newEchoNode(t), newEchoNode(t)}
	place := haproxy.Place{Plain: freeAddress(t), Secure: secure, Certificate: chained(t, w.dir), Changes: []string{"inter 2s", "inter 50ms"}}
	for i, e := range nodes {
		place.Nodes[i] = e.address
	}
	haproxy.Start(t, place)

	// asked is which nodes answer when people come.
	asked := func() (who []int) {
		for _, e := range nodes {
			e.asked.Store(0)
		}
		for range 9 {
			if status, body := w.get("/login"); status != http.StatusOK {
				t.Fatalf("got %d %s, want a node's answer", status, body)
			}
		}
		for i, e := range nodes {
			if e.asked.Load() > 0 {
				who = append(who, i)
			}
		}
		return who
	}
	settles := func(what string, want ...int) {
		t.Helper()
		w.client.CloseIdleConnections()
		patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			got := asked()
			if slices.Equal(got, want) {
				return
			}
			select {
			case <-tick.C:
			case <-patience.Done():
				t.Fatalf("%s: got %v asked, want %v", what, got, want)
			}
		}
	}
	settles("all are ready", 0, 1, 2)
	nodes[0].noStore.Store(true)
	settles("one is cut off from the store", 1, 2)
	nodes[1].noStore.Store(true)
	nodes[2].noStore.Store(true)
	settles("the store is away", 0, 1, 2)
	nodes[2].leaving.Store(true)
	settles("the store is away and one leaves", 0, 1)
	nodes[2].leaving.Store(false)
	nodes[2].noStore.Store(false)
	settles("the first to find the store again does not get everybody", 0, 1, 2)
	nodes[1].noStore.Store(false)
	settles("two have the store", 1, 2)
	nodes[0].noStore.Store(false)
	nodes[1].leaving.Store(true)
	settles("one leaves", 0, 2)
	nodes[0].leaving.Store(true)
	nodes[2].leaving.Store(true)

	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		resp, err := w.client.Get(w.public + "/login")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			if err != nil || !strings.Contains(string(body), "새로고침") || !strings.Contains(string(body), "reload") || resp.Header.Get("Retry-After") == "" {
				t.Errorf("got %s (%v), want a page that says what to do", body, err)
			}
			return
		}
		if patience.Err() != nil {
			t.Fatalf("got %d while all leave, want 503", resp.StatusCode)
		}
	}
}
