package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/citizen"
)

// crowd logs people in, one after the other in each of a few browsers, until it
// is stopped.
type crowd struct {
	w    *world
	stop context.CancelFunc
	done sync.WaitGroup
	in   atomic.Int64
	some chan struct{} // one for each login, if somebody waits
}

func (w *world) crowd(browsers int) *crowd {
	ctx, stop := context.WithCancel(w.t.Context())
	c := &crowd{w: w, stop: stop, some: make(chan struct{})}
	for i := range browsers {
		c.done.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				out := w.login(w.t.Context(), citizen.Named([]string{"naver", "oidc"}[n%2]))
				if !out.In {
					w.t.Errorf("login %d of browser %d: got %s (%v) after %v, want it in", n, i, out.Why, out.Err, out.Tries)
					return
				}
				c.in.Add(1)
				select {
				case c.some <- struct{}{}:
				case <-ctx.Done():
				default:
				}
			}
		})
	}
	return c
}

// more waits for n more logins.
func (c *crowd) more(n int) {
	for want := c.in.Load() + int64(n); c.in.Load() < want; {
		if c.w.t.Failed() {
			return
		}
		<-c.some
	}
}

func (c *crowd) home() {
	c.stop()
	c.done.Wait()
}

func TestPeopleLogInThroughServe(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	for _, id := range []string{"naver", "oidc"} {
		if out := w.login(t.Context(), citizen.Named(id)); !out.In {
			t.Errorf("by %s: got %s (%v), want it in; log:\n%s", id, out.Why, out.Err, r.log)
		}
	}
	for _, private := range []string{"홍길동", "01000000000", "+8210", "hong@example.com", w.secret, "127.0.0.1:0"} {
		if strings.Contains(r.log.String(), private) {
			t.Errorf("the log has %q in it:\n%s", private, r.log)
		}
	}
}

// TestReloadsLoseNoLogin changes the configuration under people who log in:
// once so that the lights stay, once so that they begin anew.
func TestReloadsLoseNoLogin(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	c := w.crowd(4)
	defer c.home()
	c.more(8)

	r.reload(w.text("pushes_per_minute: 5\nlog: {level: debug}\n"), `"lights_began_anew":false`)
	c.more(8)
	r.reload(w.text("", "capacity: 1", "capacity: 3, notes: more room"), `"lights_began_anew":true`)
	c.more(8)
	c.home()
	if n := r.log.count("configuration taken"); n != 2 {
		t.Errorf("got %d configurations taken, want 2; log:\n%s", n, r.log)
	}
}

func TestABadConfigurationIsRefusedAndTheOldOneStays(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	for name, bad := range map[string]struct{ text, want string }{
		"not YAML":            {"public_url: [", "this is not YAML"},
		"an unknown key":      {w.text("pushes: 3\n"), `"setting":"pushes"`},
		"no clients' secret":  {w.text("", "secret_sha256", "secret_sha265"), `did you mean`},
		"another store":       {w.text("", "./data/sinho.db", "./data/other.db"), `"setting":"store","wrong":"cannot change while the broker runs"`},
		"another public_url":  {w.text("", "public_url: http://127.0.0.1", "public_url: http://localhost"), `"setting":"public_url","wrong":"cannot change`},
		"more watchers":       {w.text("max_watchers: 5\n"), `"setting":"max_watchers"`},
		"an empty file":       {"", "the file says nothing"},
		"a secret not set":    {w.text("", "SECRET_naver", "GONE"), "the environment has no variable GONE"},
		"two mistakes at all": {w.text("lisen: 1\nporviders: 2\n"), `"setting":"porviders"`},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.reload(bad.text, bad.want)
			if r.log.count("configuration taken") > 0 {
				t.Fatalf("it was taken; log:\n%s", r.log)
			}
			if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
				t.Errorf("got %s (%v), want people to log in as before", out.Why, out.Err)
			}
		})
	}
	r.t = t
	r.reload(w.text("pushes_per_minute: 4\n"), "configuration taken")
}

func TestAChangedFileIsTakenWithoutASignal(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	r.look <- time.Time{} // nothing has changed
	w.write(w.text("", "Booking", "Booking of vaccines"))
	r.look <- time.Time{}
	r.log.waitFor(t, "configuration taken", 1)
	if n := r.log.count("configuration taken"); n != 1 {
		t.Errorf("got %d configurations taken, want 1; log:\n%s", n, r.log)
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	r.look <- time.Time{}
	r.log.waitFor(t, "cannot be read", 1)
	r.look <- time.Time{} // the same as before is not tried again
	r.look <- time.Time{}
	if n := r.log.count("configuration refused"); n != 1 {
		t.Errorf("got %d refusals, want 1; log:\n%s", n, r.log)
	}
}

// TestWhoWatchesIsSentToTheNewLights: when the list of providers changes, open
// sockets end, and a new one shows the new list.
func TestWhoWatchesIsSentToTheNewLights(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	socket := func() *websocket.Conn {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.public, "http")+"/signal/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	old := socket()
	if _, first, err := old.ReadMessage(); err != nil || !strings.Contains(string(first), "naver") {
		t.Fatalf("got %s (%v), want a board with naver", first, err)
	}
	text := w.text("")
	at := strings.Index(text, "  - {id: naver")
	r.reload(text[:at]+text[at+strings.Index(text[at:], "\n")+1:], "configuration taken")
	for {
		if _, _, err := old.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("got %v, want the old socket closed as going away", err)
			}
			break
		}
	}
	if _, board, err := socket().ReadMessage(); err != nil || strings.Contains(string(board), "naver") || !strings.Contains(string(board), "oidc") {
		t.Errorf("got %s (%v), want a board without naver", board, err)
	}
}

func TestItDrainsBeforeItEnds(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text("", "delay: 0s", "delay: 30s"))
	r := w.serve()
	if status, doc := w.getJSON("/readyz"); status != http.StatusOK || doc["status"] != "ready" || doc["durability"] != "disk" {
		t.Errorf("got %d %v, want 200, ready, disk", status, doc)
	}
	slow := w.halfARequest()

	r.stop()
	if d := <-r.leaving; d != 30*time.Second {
		t.Errorf("got a delay of %v, want 30s", d)
	}
	if status, doc := w.getJSON("/readyz"); status != http.StatusServiceUnavailable || doc["status"] != "draining" {
		t.Errorf("got %d %v, want 503 and draining", status, doc)
	}
	if status, _ := w.getJSON("/healthz"); status != http.StatusOK {
		t.Errorf("got %d from /healthz, want 200: the process lives", status)
	}
	if out := w.login(t.Context(), citizen.Named("oidc")); !out.In {
		t.Errorf("during the delay: got %s (%v), want people to log in", out.Why, out.Err)
	}

	close(r.release)
	for { // the listener closes while our request is under way
		conn, err := net.Dial("tcp", w.door.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	if status := slow(); status != http.StatusBadRequest && status != http.StatusUnauthorized {
		t.Errorf("got status %d for the request that was under way, want an answer of the broker", status)
	}
	r.end()
}

// halfARequest begins a request to /token and returns when its handler waits
// for the rest; what it returns sends that and gives the answer's status.
func (w *world) halfARequest() func() int {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.door.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	body := "grant_type=authorization_code"
	fmt.Fprintf(conn, "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		w.door.Addr(), len(body))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		w.t.Fatalf("got %q (%v), want 100 Continue", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		w.t.Fatal(err)
	}
	return func() int {
		fmt.Fprint(conn, body)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
}

// runOnce runs serve to its end, which must come by itself, with an error.
func (w *world) runOnce() error {
	w.t.Helper()
	never := make(chan time.Time)
	err := runServe(w.t.Context(), serveOptions{
		path: w.path, env: w.env, stdout: newLines(), stderr: newLines(), listen: listenTCP,
		look: never, after: func(time.Duration) <-chan time.Time { return never },
	})
	if err == nil {
		w.t.Fatal("got no error, want serve to refuse")
	}
	return err
}

func TestAnotherPepperIsRefused(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	w.serve().end()
	before, err := openVault(filepath.Join(w.dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(w.dir, "others")
	if err := newVault(other); err != nil {
		t.Fatal(err)
	}
	after, err := openVault(other)
	if err != nil {
		t.Fatal(err)
	}
	w.write(w.text("", "keys_dir: ./keys", "keys_dir: ./others"))
	err = w.runOnce()
	for _, want := range []string{"pepper", fingerprint(before.pepper), fingerprint(after.pepper), "copy keys_dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
}

func TestServeMakesNoKeys(t *testing.T) {
	w := newWorld(t, "http")
	for name, tc := range map[string]struct{ change, want string }{
		"for one node":       {"keys_dir: ./none", "make them with: sinho keys init --dir " + filepath.Join(w.dir, "none")},
		"for a shared store": {"keys_dir: ./none\nredis: {prefix: x}", "copy " + filepath.Join(w.dir, "none") + " from another node"},
	} {
		text := w.text("", "keys_dir: ./keys", tc.change)
		if strings.Contains(tc.change, "redis") {
			text = strings.Replace(text, "./data/sinho.db", "redis://127.0.0.1:1", 1)
		}
		w.write(text)
		if err := w.runOnce(); !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "pepper.key") {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "none")); err == nil {
		t.Error("the folder was made")
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	w := newWorld(t, "http") // its door is open
	w.write(w.text(""))
	err := w.runOnce()
	for _, want := range []string{"sinho.yaml:2:", "listen[0]", w.door.Addr().String(), "end the program"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestATakenPortForMetricsIsNamedAndNothingStaysOpen(t *testing.T) {
	w := newWorld(t, "http")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w.door.Close()
	w.write(w.text("", `metrics_listen: ""`, "metrics_listen: "+taken.Addr().String()))
	err = w.runOnce()
	for _, want := range []string{"sinho.yaml:3:", "metrics_listen", taken.Addr().String(), "end the program"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	again, err := net.Listen("tcp", w.door.Addr().String())
	if err != nil {
		t.Fatalf("got %v, want the public port free again", err)
	}
	again.Close()
}
