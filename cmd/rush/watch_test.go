package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

func TestFramesAreBookedAsTheyCome(t *testing.T) {
	f := newFrames()
	now := time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC)
	board := func(seq, second int) []byte {
		return fmt.Appendf(nil, `{"seq":%d,"at":"2026-01-01T00:00:%02dZ","providers":[]}`, seq, second)
	}
	var a, b *frame
	a = f.received(board(5, 1), a, now)                              // an opening, however old
	b = f.received(board(5, 1), b, now.Add(time.Second))             // another one
	a = f.received(board(6, 10), a, now.Add(100*time.Millisecond))   // in order
	b = f.received(board(6, 10), b, now.Add(130*time.Millisecond))   // 30 ms behind the first
	a = f.received(board(6, 10), a, now.Add(200*time.Millisecond))   // the very same again: nothing
	a = f.received(board(6, 11), a, now.Add(1100*time.Millisecond))  // the same state, sent again
	a = f.received(board(9, 12), a, now.Add(2100*time.Millisecond))  // two left out
	a = f.received([]byte("hello"), a, now.Add(3*time.Second))       // no board
	b = f.received(board(2, 13), b, now.Add(3200*time.Millisecond))  // another node
	_ = f.received(board(10, 14), a, now.Add(4100*time.Millisecond)) // 9 was not forgotten over "hello"
	got := f.count()
	if got.received != 10 || got.opening != 2 || got.repeated != 1 || got.gaps != 2 || got.back != 1 || got.unread != 1 || got.distinct != 6 || got.fine {
		t.Errorf("got %d received, %d openings, %d repeats, %d gaps, %d back, %d unread, %d distinct, fine %v",
			got.received, got.opening, got.repeated, got.gaps, got.back, got.unread, got.distinct, got.fine)
	}
	if d := got.delay.spread(); d.Count != 6 || d.P50 < 100 || d.P50 > 101 || d.Max != 200 {
		t.Errorf("delay: got %+v, want 6 with a median of 100 ms and at most 200", d)
	}
	if d := got.behind.spread(); d.Count != 6 || d.P50 != 0 || d.Max != 30 {
		t.Errorf("behind: got %+v, want one 30 ms behind and five first", d)
	}
	_ = b
}

func TestWaitsBeforeComingBackAreJitteredAndHeedTheServer(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 1))
	lost := errors.New("lost")
	for _, c := range []struct {
		name      string
		err       error
		attempt   int
		low, high time.Duration
	}{
		{"after a connection that ended", nil, 0, 0, time.Second},
		{"after the third failure", lost, 3, 0, 8 * time.Second},
		{"after very many", lost, 100, 0, 2 * time.Minute},
		{"told to wait", &refusal{503, 40 * time.Second}, 0, 40 * time.Second, 44 * time.Second},
		{"refused without a word", &refusal{503, 0}, 1, 0, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			least, most := time.Hour, time.Duration(0)
			for range 2000 {
				d := backoff(c.err, c.attempt, chance)
				least, most = min(least, d), max(most, d)
			}
			room := (c.high - c.low) / 50
			if least < c.low || most > c.high || least > c.low+room || most < c.high-room {
				t.Errorf("waits go from %v to %v, want all of %v to %v", least, most, c.low, c.high)
			}
		})
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "30": 30 * time.Second, "999999": time.Hour,
		"Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "Wed, 31 Dec 2025 00:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

// quiet is a connection that says nothing until it is closed.
func quiet() *connection {
	gone := make(chan struct{})
	var once sync.Once
	return &connection{
		next:  func(*bytes.Buffer) error { <-gone; return io.EOF },
		close: func() { once.Do(func() { close(gone) }) },
	}
}

func TestWatchersComeOverTheRampAndGoAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var first, last time.Duration
		var mu sync.Mutex
		s := newSwarm(watchOptions{watchers: 500, slow: 10, span: time.Minute, ramp: 10 * time.Second, seed: 1}, func(context.Context, int, bool) (*connection, error) {
			mu.Lock()
			defer mu.Unlock()
			if last = time.Since(began); first == 0 {
				first = last
			}
			return quiet(), nil
		})
		var there int64
		s.run(t.Context(), func() { there = s.connected.Load() })
		if first > time.Second || last < 9*time.Second || last > 10*time.Second {
			t.Errorf("connections from %v to %v, want them over 10 s", first, last)
		}
		if there != 500 || s.atEnd != 500 || s.connected.Load() != 0 || s.made != 500 || len(s.endings) != 0 || s.slowHeld != 10 {
			t.Errorf("%d at the end, %d after it, %d made, endings %v, %d slow held; want 500, 0, 500, none and 10", there, s.connected.Load(), s.made, s.endings, s.slowHeld)
		}
	})
}

func TestAShareHangsUpAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(watchOptions{watchers: 1000, span: 2 * time.Minute, ramp: time.Second, reconnect: 0.5, seed: 1}, func(context.Context, int, bool) (*connection, error) { return quiet(), nil })
		s.run(t.Context(), func() {})
		if s.hungUp < 900 || s.hungUp > 1100 || s.atEnd < 950 || s.made != s.hungUp+1000 && s.made < s.hungUp+950 {
			t.Errorf("%d hung up in two minutes, %d made, %d there at the end; want about 1000, 2000 and 1000", s.hungUp, s.made, s.atEnd)
		}
	})
}

func TestARefusedWatcherStaysAwayAsLongAsItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		s := newSwarm(watchOptions{watchers: 1, span: 10 * time.Minute, ramp: time.Millisecond, seed: 1}, func(context.Context, int, bool) (*connection, error) {
			tries = append(tries, time.Since(began))
			if len(tries) < 3 {
				return nil, &refusal{503, time.Minute}
			}
			return quiet(), nil
		})
		s.run(t.Context(), func() {})
		for i := 1; i < len(tries); i++ {
			if wait := tries[i] - tries[i-1]; wait < time.Minute || wait > 66*time.Second {
				t.Errorf("came back after %v, want 60 to 66 s", wait)
			}
		}
		if len(tries) != 3 || s.failures["refused-503"] != 2 || s.atEnd != 1 {
			t.Errorf("%d tries, failures %v, %d there; want 3, two refused and 1", len(tries), s.failures, s.atEnd)
		}
	})
}

// lights is a socket server that sends numbered boards to everybody.
func lights(t *testing.T, refuse func(n int) bool) string {
	t.Helper()
	var mu sync.Mutex
	asked := 0
	up := websocket.Upgrader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked++
		no := r.URL.Path != "/signal/ws" || refuse(asked)
		mu.Unlock()
		if no {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		go func() { _, _, _ = c.NextReader() }()
		for seq := 1; ; seq += 2 {
			body := fmt.Sprintf(`{"seq":%d,"at":%q}`, seq, time.Now().Format(time.RFC3339Nano))
			if c.WriteMessage(websocket.TextMessage, []byte(body)) != nil {
				return
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestASwarmWatchesRealSockets(t *testing.T) {
	o := watchOptions{
		issuer: lights(t, func(n int) bool { return n == 3 }), watchers: 20, slow: 2,
		span: 400 * time.Millisecond, ramp: 50 * time.Millisecond, each: 15_000, from: "127.1.1.1",
	}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	if err := runWatch(t.Context(), o, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"20 watchers", "2 did not read", "refused-503", "one clock", "bytes a watcher", "behind the first"} {
		if !strings.Contains(stdout.String(), words) {
			t.Errorf("the table lacks %q:\n%s", words, stdout.String())
		}
	}
	if strings.Contains(stdout.String(), " 0 gaps") {
		t.Errorf("every second number was left out and no gap was seen:\n%s", stdout.String())
	}
}

func TestLightsThatAreNotThereAreToldBeforeTheSwarmComes(t *testing.T) {
	o := watchOptions{issuer: "http://127.0.0.1:1", watchers: 10, span: time.Second, each: 10}
	err := runWatch(t.Context(), o, &strings.Builder{}, &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "ws://127.0.0.1:1/signal/ws") {
		t.Errorf("got %v, want an error that names the address", err)
	}
	o.watchers = 999_999
	o.each = 28_000
	if err := runWatch(t.Context(), o, &strings.Builder{}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "too few file descriptors") {
		t.Errorf("got %v, want too few file descriptors", err)
	}
}

func TestSourceAddressesAreSpread(t *testing.T) {
	for _, c := range []struct {
		name string
		o    watchOptions
		want string
	}{
		{"one is enough", watchOptions{issuer: "http://localhost:1", watchers: 10, each: 10}, "[]"},
		{"two are needed here", watchOptions{issuer: "http://localhost:1", watchers: 11, each: 10}, "[127.1.1.1 127.1.1.2]"},
		{"as told", watchOptions{issuer: "http://a.test", watchers: 25, each: 10, from: "10.0.0.255"}, "[10.0.0.255 10.0.1.0 10.0.1.1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.o.sources()
			if err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("got %v (%v), want %s", got, err, c.want)
			}
		})
	}
	if _, err := (watchOptions{issuer: "http://a.test", watchers: 11, each: 10}).sources(); err == nil || !strings.Contains(err.Error(), "--from") {
		t.Errorf("got %v, want an error that names --from", err)
	}
}

func TestTheWatchDocumentKeepsItsShape(t *testing.T) {
	s := newSwarm(watchOptions{watchers: 2, slow: 1, span: time.Second, reconnect: 0.5, seed: 1}, nil)
	s.began, s.took = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Second
	s.made, s.most, s.atEnd, s.hungUp, s.slowHeld = 3, 2, 2, 1, 1
	s.failures["refused-503"] = 2
	s.endings["closed-1001"] = 1
	s.shake.observe(2 * time.Millisecond)
	last := s.frames.received([]byte(`{"seq":1,"at":"2026-01-02T03:04:05Z"}`), nil, s.began)
	s.frames.received([]byte(`{"seq":3,"at":"2026-01-02T03:04:06Z"}`), last, s.began.Add(1250*time.Millisecond))
	doc := s.report("ws://localhost:8080/signal/ws", []*process{{
		pid: 42, name: "sinho", first: reading{rss: 1 << 20}, last: reading{cpu: time.Millisecond, rss: 1<<20 + 8192}, most: 2 << 20,
	}})
	golden(t, "watch.json", doc)
	if diff := cmp.Diff(delayNote(s.frames.count()), doc.DelayNote); diff != "" {
		t.Error(diff)
	}
}
