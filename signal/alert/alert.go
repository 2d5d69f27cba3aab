// Package alert tells endpoints of the operator's that lights have changed, by
// signed webhooks. What each has been told, and what it is still to be told,
// stands in the store; all nodes work on it and each change is told once
// (docs/decisions/0031-alerts.md).
//
// It decides no light: it compares the boards it is shown. It knows nothing of
// logins or people.
package alert

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sinho/reach"
	"sinho/signal"
	"sinho/store"
)

// queue is the queue's name in the store.
const queue = "alerts"

// How endpoints are told.
const (
	callWait  = 5 * time.Second // one request, from dialling to the answer's end
	mostUnder = 16              // endpoints a node has under way
	inARow    = 8               // messages of one lease: all of them end within it
	lastRetry = time.Hour
	giveUp    = 24 * time.Hour
)

// Results, as Config.Delivered is told them.
const (
	ResultTold    = "told"    // the endpoint has answered 2xx
	ResultRefused = "refused" // 410: it wants no more
	ResultRetry   = "retry"   // no answer, or another one: to be tried again
	ResultGivenUp = "given_up"
)

// Results are all of them.
func Results() []string {
	return []string{ResultTold, ResultRefused, ResultRetry, ResultGivenUp}
}

// Target is one endpoint and what it wants to hear.
type Target struct {
	ID  string // 1 to 32 bytes; what is told is kept under it
	URL string
	// Secrets sign every message, each for itself; one at least.
	Secrets [][]byte
	// Lights are told when a provider enters or leaves one of them; none means all.
	Lights []signal.Light
	// Providers by id; none means all.
	Providers []string
	// Quiet are the times at which nothing is sent (signal.Next).
	Quiet []signal.Maintenance
	// English: the text is in English, else in Korean.
	English bool
}

// Store is what alerts need of one.
type Store interface {
	Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error)
	Read(ctx context.Context, shard store.Shard, key string) ([]byte, error)
}

// Config is everything alerts depend on. Issuer, Board, Store and Queue are
// needed.
type Config struct {
	Issuer string
	// Board is the lights as this node shows them. It must not block.
	Board func() signal.Board
	Store Store
	Queue store.Queue
	// Transport carries the requests (nil: one that reaches no inside address, see
	// package reach).
	Transport http.RoundTripper
	// Delivered counts what became of a message or a try, by target and Result (nil:
	// nobody).
	Delivered func(target, result string)
	Log       *slog.Logger     // nil: none
	Now       func() time.Time // nil: time.Now
}

// rhythm is how often what is done; tests hurry.
type rhythm struct {
	look  time.Duration // the speaker compares
	renew time.Duration // who speaks says so again, and who does not asks
	speak time.Duration // how long a speaker that says nothing is one
	sweep time.Duration // messages that wait are pushed again
	poll  time.Duration // for something to send
	lease time.Duration // nobody else sends to that endpoint meanwhile
	retry time.Duration // after the first failure; doubled from then on
}

func usual() rhythm {
	return rhythm{
		look: time.Second, renew: 3 * time.Second, speak: 10 * time.Second, sweep: 10 * time.Second,
		poll: 2 * time.Second, lease: time.Minute, retry: 10 * time.Second,
	}
}

// Alerts tells endpoints. It is safe for concurrent use.
type Alerts struct {
	cfg    Config
	pace   rhythm
	node   string
	http   *http.Client
	nudge  chan struct{}
	target atomic.Pointer[[]Target]

	mu    sync.Mutex // guards wrong
	wrong bool       // the store failed last
}

// New checks cfg. Nobody is told before Use.
func New(cfg Config) (*Alerts, error) {
	if cfg.Issuer == "" || cfg.Board == nil || cfg.Store == nil || cfg.Queue == nil {
		return nil, errors.New("new alerts: Issuer, Board, Store and Queue are needed")
	}
	if cfg.Delivered == nil {
		cfg.Delivered = func(string, string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Alerts{cfg: cfg, pace: usual(), node: rand.Text(), nudge: make(chan struct{}, 1), http: reach.Client(cfg.Transport, callWait)}
	a.Use(nil)
	return a, nil
}

// Use makes targets the ones that are told. Without any the store is left alone.
func (a *Alerts) Use(targets []Target) { a.target.Store(&targets) }

func (a *Alerts) targets() []Target { return *a.target.Load() }

// find is a target by its id.
func (a *Alerts) find(id string) (Target, bool) {
	for _, t := range a.targets() {
		if t.ID == id {
			return t, true
		}
	}
	return Target{}, false
}

// Run speaks and sends until ctx ends, and returns nil then. What is under way
// ends first, within its time.
func (a *Alerts) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { a.speak(ctx) })
	both.Go(func() { a.send(ctx) })
	both.Wait()
	return nil
}

// Waiting is how many endpoints have messages that wait, and since when the
// oldest does.
func (a *Alerts) Waiting(ctx context.Context) (n int, oldest time.Time, err error) {
	return a.cfg.Queue.Len(ctx, queue)
}

// note logs when the store begins to fail, and when it works again.
func (a *Alerts) note(ctx context.Context, err error) {
	a.mu.Lock()
	was := a.wrong
	a.wrong = err != nil
	a.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil && !was:
		a.cfg.Log.WarnContext(ctx, "alerts wait for the store", "error", err)
	case err == nil && was:
		a.cfg.Log.InfoContext(ctx, "alerts go on")
	}
}

// trouble logs what went wrong with one endpoint's ledger.
func (a *Alerts) trouble(ctx context.Context, target string, err error) {
	switch {
	case err == nil, errors.Is(err, errRace):
	case errors.Is(err, store.ErrUnavailable):
		a.note(ctx, err)
	default:
		a.cfg.Log.ErrorContext(ctx, "alerts cannot be told", "alert", target, "error", err)
	}
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration, nudge <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-nudge:
	case <-timer.C:
	}
	return ctx.Err() == nil
}
