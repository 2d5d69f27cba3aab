package alert

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// endpoint is whom alerts go to. It checks signatures as a receiver would.
type endpoint struct {
	*httptest.Server
	secret []byte

	mu     sync.Mutex // guards what follows
	status []int      // of the next answers; the last one stays
	got    []received
	then   func() // called before it answers
}

type received struct {
	id, said string
	body     string
}

func newEndpoint(t *testing.T, status ...int) *endpoint {
	t.Helper()
	e := &endpoint{status: status, secret: []byte("a secret of an endpoint, long enough")}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// ServeHTTP takes a message.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m envelope
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, e.secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	said := "?"
	if err == nil && r.Header.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) && r.Method == http.MethodPost && id != "" {
		m2 := message{}
		for _, c := range m.Data.Changes {
			m2.Changes = append(m2.Changes, change(c))
		}
		if m.Data.Since != nil {
			m2.Quiet = *m.Data.Since
		}
		said = m2.said()
	}
	e.mu.Lock()
	e.got = append(e.got, received{id, said, string(body)})
	status, then := e.status[0], e.then
	if len(e.status) > 1 {
		e.status = e.status[1:]
	}
	e.mu.Unlock()
	if then != nil {
		then()
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
}

func (e *endpoint) said() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.got {
		all = append(all, r.said)
	}
	return all
}

func (e *endpoint) all() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]received(nil), e.got...)
}

// hears waits for the messages, and demands that these are all of them.
func (e *endpoint) hears(t *testing.T, want ...string) {
	t.Helper()
	redistest.Eventually(t, fmt.Sprintf("%d messages", len(want)), func() bool { return len(e.said()) >= len(want) })
	if d := cmp.Diff(want, e.said()); d != "" {
		t.Fatalf("messages (-want +got):\n%s", d)
	}
}

// target is the endpoint as settings have it.
func (e *endpoint) target(change ...func(*Target)) Target {
	t := Target{ID: "ops", URL: e.URL + "/hook", Secrets: [][]byte{e.secret}}
	for _, c := range change {
		c(&t)
	}
	return t
}

// kept is a store with its queue.
type kept interface {
	store.Store
	store.Queue
}

// mortal is a node's way to its store, which ends when the node is killed.
type mortal struct {
	kept

	dead  atomic.Bool
	mute  atomic.Bool  // it finds nothing to send
	alone atomic.Bool  // its board is its own measurement
	push  func() error // before each Push, unless nil
}

var errDead = fmt.Errorf("killed: %w", store.ErrUnavailable)

func (m *mortal) Apply(ctx context.Context, shard store.Shard, id store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	if m.dead.Load() {
		return store.Outcome{}, errDead
	}
	return m.kept.Apply(ctx, shard, id, durable, ops...)
}

func (m *mortal) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.kept.Read(ctx, shard, key)
}

func (m *mortal) Push(ctx context.Context, q, id string, item []byte, due time.Time) error {
	if m.push != nil {
		if err := m.push(); err != nil {
			return err
		}
	}
	if m.dead.Load() {
		return errDead
	}
	return m.kept.Push(ctx, q, id, item, due)
}

func (m *mortal) Lease(ctx context.Context, q string, most int, hide time.Duration) ([]store.Leased, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	if m.mute.Load() {
		return nil, nil
	}
	return m.kept.Lease(ctx, q, most, hide)
}

func (m *mortal) Done(ctx context.Context, q, id, lease string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.kept.Done(ctx, q, id, lease)
}

func (m *mortal) Later(ctx context.Context, q, id, lease string, due time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.kept.Later(ctx, q, id, lease, due)
}

// world is a store, a board that all nodes show, and a clock.
type world struct {
	t     *testing.T
	open  func() kept
	board atomic.Pointer[signal.Board]
	looks atomic.Int64 // at the board
	ahead atomic.Int64

	mu      sync.Mutex // guards results
	results []string
}

// stores runs a test on each kind of store.
func stores(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("embedded", func(t *testing.T) {
		s, err := embedded.Open(filepath.Join(t.TempDir(), "sinho.db"), embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		test(t, newWorld(t, func() kept { return s }))
	})
	t.Run("redis", func(t *testing.T) {
		sv := redistest.Start(t)
		test(t, newWorld(t, func() kept {
			s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{sv.Addr}, Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}))
	})
}

func newWorld(t *testing.T, open func() kept) *world {
	w := &world{t: t, open: open}
	w.shows("naver green, kakao green")
	return w
}

func (w *world) shows(text string) {
	b := boardOf(text)
	w.board.Store(&b)
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.results...)
}

// node is one that runs, in a hurry, until the test ends or it is stopped.
type node struct {
	*Alerts
	store *mortal
	stop  func()
}

func (w *world) node(targets ...Target) *node {
	w.t.Helper()
	return w.hurried(func(*rhythm, *mortal) {}, targets...)
}

func (w *world) hurried(change func(*rhythm, *mortal), targets ...Target) *node {
	w.t.Helper()
	m := &mortal{kept: w.open()}
	a, err := New(Config{
		Issuer: "https://id.example.kr", Store: m, Queue: m, Now: w.now,
		Board: func() signal.Board {
			w.looks.Add(1)
			b := *w.board.Load()
			b.Local = m.alone.Load()
			return b
		},
		Delivered: func(target, result string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.results = append(w.results, target+" "+result)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	const ms = time.Millisecond
	a.pace = rhythm{look: 5 * ms, renew: 20 * ms, speak: 300 * ms, sweep: 50 * ms, poll: 10 * ms, lease: time.Minute, retry: 40 * ms}
	change(&a.pace, m)
	a.Use(targets)
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return &node{a, m, stop}
}

// begun waits until the endpoint's ledger is there.
func (w *world) begun(n *node, targets ...string) {
	w.t.Helper()
	for _, id := range append(targets, "ops") {
		redistest.Eventually(w.t, "a ledger of "+id, func() bool {
			raw, err := n.store.kept.Read(w.t.Context(), ledgerShard(id), ledgerKey)
			return err == nil && raw != nil
		})
	}
}

// idle waits until nothing is left to send.
func (w *world) idle(n *node) {
	w.t.Helper()
	redistest.Eventually(w.t, "an empty queue", func() bool {
		left, _, err := n.store.Len(w.t.Context(), queue)
		return err == nil && left == 0
	})
}
