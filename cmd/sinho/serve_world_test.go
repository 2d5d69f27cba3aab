package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/citizen"
	"sinho/demo"
	"sinho/providers/sim"
)

// world is everything around a node of serve: two simulated providers, a site,
// a folder with configuration and keys. It listens on loopback only.
type world struct {
	t        *testing.T
	dir      string
	path     string // of sinho.yaml
	public   string // public_url
	door     net.Listener
	aside    net.Listener // for metrics_listen, nil while no test wants it
	site     *httptest.Server
	secret   string
	hash     string
	sims     map[string]string // base by id
	client   *http.Client      // of tests and the site
	starting func()            // once, when a node that starts has read its files
}

// newWorld prepares everything but the configuration.
func newWorld(t *testing.T, scheme string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), sims: map[string]string{}, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(w.client.CloseIdleConnections)
	w.path = filepath.Join(w.dir, "sinho.yaml")
	var err error
	if w.door, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.door.Close() })
	w.public = scheme + "://" + w.door.Addr().String()
	secret, hash := client.NewSecret()
	w.secret, w.hash = secret, hex.EncodeToString(hash[:])
	if err := keysInit(filepath.Join(w.dir, "keys"), io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"naver", "oidc"} {
		w.simulate(id)
	}
	w.site = httptest.NewUnstartedServer(nil)
	w.site.Config.Handler = w.booking("http://" + w.site.Listener.Addr().String())
	w.site.Start()
	t.Cleanup(w.site.Close)
	return w
}

func (w *world) simulate(id string) {
	w.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	one, err := sim.New(sim.Config{
		ID: id, Base: base, ClientID: "sinho", ClientSecret: "secret-of-" + id,
		RedirectURIs: []string{w.public + "/callback/" + id},
		Control:      &sim.Control{CapacityPerS: 10_000, Approve: sim.Auto}, SendCI: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	server.Config.Handler = one.Handler()
	server.Start()
	w.t.Cleanup(func() { one.Close(); server.Close() })
	w.sims[id] = base
}

func (w *world) booking(base string) http.Handler {
	w.t.Helper()
	site, err := demo.NewBooking(demo.SiteConfig{
		Base: base, Issuer: w.public, ClientID: "booking", ClientSecret: w.secret, Client: w.client,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return site.Handler()
}

// text is a configuration of this world; more is appended, and changes are
// pairs of what to replace by what.
func (w *world) text(more string, changes ...string) string {
	text := fmt.Sprintf(`public_url: %s
listen: ["%s"]
metrics_listen: ""
store: ./data/sinho.db
keys_dir: ./keys
drain: {delay: 0s, limit: 20s}
clients:
  - id: booking
    name: {ko: 예약, en: Booking}
    secret_sha256: "%s"
    redirect_uris: ["http://%s/callback"]
    start: http://%s/login
    sector: booking
providers:
  - {id: naver, client_id: sinho, secret: "${SECRET_naver}", base: %s, capacity: 1}
  - {id: oidc, client_id: sinho, secret: "${SECRET_oidc}", issuer: %s, name: {ko: 나라, en: Nara}}
`, w.public, w.door.Addr(), w.hash, w.site.Listener.Addr(), w.site.Listener.Addr(), w.sims["naver"], w.sims["oidc"]) + more
	return strings.NewReplacer(changes...).Replace(text)
}

// write replaces the configuration at once: a node may be looking just now.
func (w *world) write(text string) {
	w.t.Helper()
	writeFile(w.t, w.path+".new", text)
	if err := os.Rename(w.path+".new", w.path); err != nil {
		w.t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) env(name string) (string, bool) {
	id, ok := strings.CutPrefix(name, "SECRET_")
	return "secret-of-" + id, ok
}

// running is one node that serves.
type running struct {
	*world
	stop    context.CancelFunc
	ended   chan error
	hup     chan os.Signal
	look    chan time.Time
	leaving chan time.Duration // the node asks to be told when its delay is over …
	release chan time.Time     // … and this tells it
	log     *lines
}

// serve runs a node until the test ends or stops it, and demands a clean end.
func (w *world) serve() *running {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	r := &running{
		world: w, stop: stop, ended: make(chan error, 1), hup: make(chan os.Signal), look: make(chan time.Time),
		leaving: make(chan time.Duration, 1), release: make(chan time.Time), log: newLines(),
	}
	ready := newLines()
	o := serveOptions{
		path: w.path, env: w.env, stdout: ready, stderr: r.log, hup: r.hup, look: r.look,
		listen: w.listen,
		after: func(d time.Duration) <-chan time.Time {
			r.leaving <- d
			return r.release
		},
	}
	go func() { r.ended <- runServe(ctx, o) }()
	ready.wait(w.t, r.ended, "ready "+w.public)
	w.t.Cleanup(r.end)
	return r
}

// listen gives a node the listener that has the address already.
func (w *world) listen(_ context.Context, address string) (net.Listener, error) {
	if w.starting != nil {
		w.starting()
		w.starting = nil
	}
	for _, l := range []net.Listener{w.door, w.aside} {
		if l != nil && l.Addr().String() == address {
			return l, nil
		}
	}
	return nil, fmt.Errorf("nothing of this world is at %s", address)
}

// end stops the node and waits for it. It may be called again.
func (r *running) end() {
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("serve ended with %v, want a clean end; its log:\n%s", err, r.log)
	}
	close(r.ended)
	r.ended = make(chan error, 1)
	r.ended <- nil
}

// reload asks for the configuration anew and waits for what the log says.
func (r *running) reload(text, want string) {
	r.t.Helper()
	r.write(text)
	before := r.log.count(want)
	r.hup <- syscall.SIGHUP
	r.log.waitFor(r.t, want, before+1)
}

func (w *world) get(path string) (status int, body string) {
	w.t.Helper()
	resp, err := w.client.Get(w.public + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (w *world) getJSON(path string) (status int, doc map[string]any) {
	w.t.Helper()
	status, body := w.get(path)
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		w.t.Fatalf("%s: %v in %s", path, err, body)
	}
	return status, doc
}

// login walks one whole login in a browser of its own.
func (w *world) login(ctx context.Context, choose citizen.Policy) citizen.Outcome {
	b := citizen.New(citizen.Config{Transport: w.client.Transport})
	return citizen.Login(ctx, b, citizen.Walk{Start: w.site.URL + "/", Choose: choose})
}

func (w *world) trust(c *tls.Config) {
	w.client.Transport.(*http.Transport).TLSClientConfig = c
}

// lines is a writer whose lines one can wait for.
type lines struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	more chan struct{} // closed with each write
}

func newLines() *lines { return &lines{more: make(chan struct{})} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(part string) int { return strings.Count(l.String(), part) }

func (l *lines) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.more
}

// wait for a part of a line, or for the end of what writes.
func (l *lines) wait(t *testing.T, ended <-chan error, part string) {
	t.Helper()
	for {
		more := l.next()
		if l.count(part) > 0 {
			return
		}
		select {
		case <-more:
		case err := <-ended:
			t.Fatalf("ended with %v before it wrote %q", err, part)
		}
	}
}

// waitFor a part to have been written n times.
func (l *lines) waitFor(t *testing.T, part string, n int) {
	t.Helper()
	for {
		more := l.next()
		if l.count(part) >= n {
			return
		}
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatalf("no %q in:\n%s", part, l)
		}
	}
}
