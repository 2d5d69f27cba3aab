// Package live runs the lights of one node: it measures providers by the
// requests and journeys that pass through, ticks the pure rules of package
// signal once a second, by itself or together with other nodes, probes where it
// is quiet or suspicious, and shows the board to whoever watches, by poll,
// WebSocket or event stream.
//
// It decides nothing itself and knows no store; what colour a light has is
// package signal's business, what a login is the broker's, and where nodes meet
// is an Exchange's (docs/decisions/0008-one-light.md).
package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sinho/signal"
)

// Probe is a request worth making when traffic is low: a GET of URL without
// credentials, any status below 500 but 429 counting as alive, or what Ask does.
// The name "page" marks the page people see; every other name is a server leg.
type Probe struct {
	Name string
	URL  string
	// Ask, if not nil, makes its request by hc, which is not measured and bounded in
	// time, and reports whether it was answered as it should be.
	Ask func(ctx context.Context, hc *http.Client) bool
}

// Provider is one provider to be measured.
type Provider struct {
	ID   string
	Name signal.Text
	// Capacity is how many logins a second it is believed to take, or a weight
	// towards the others; 0 counts as 1. CapacityCap is how many it may be sent at
	// most by contract, 0 for no such bound.
	Capacity, CapacityCap float64
	// Probes are asked for at each round: an adapter may learn its URLs late. It
	// must not block. Nil, or none, is a provider nobody probes.
	Probes func() []Probe
}

// Timeouts of every request to a provider. Zero fields take the defaults.
type Timeouts struct {
	Connect time.Duration // 2 s
	Header  time.Duration // 5 s, until the answer's header
	Total   time.Duration // 8 s, until the body is read
	Probe   time.Duration // 3 s, a whole probe
}

// Config of a Live. Providers is needed; everything else has a default.
type Config struct {
	Providers []Provider
	Rules     *signal.Rules // nil: signal.DefaultRules
	Timeouts  Timeouts
	// MaxWatchers bounds WebSockets and event streams together; 0 is 10,000.
	MaxWatchers int
	// Transport carries the requests to providers and the probes; nil is a pooled
	// one with the time-outs above.
	Transport http.RoundTripper
	// Exchange is where this node meets the others, which then show one light; nil
	// is a node by itself.
	Exchange Exchange
	Log      *slog.Logger
	// Now is the node's clock, nil the machine's. With an Exchange it must be the
	// store's as far as the node knows it.
	Now func() time.Time
}

// Live is the lights of one node. Its methods may be called from any goroutine.
type Live struct {
	rules     signal.Rules
	log       *slog.Logger
	now       func() time.Time
	timeouts  Timeouts
	probing   *http.Client
	providers []*provider
	byID      map[string]*provider
	bounds    []signal.Bounds // by provider
	hub       *hub
	began     atomic.Int64 // Unix second since when honesty counts
	local     atomic.Bool  // the board is by this node's own measurement, though it should not be
	together  together

	turn sync.Mutex // held while lamps or overrides change until the board shows it
}

// provider is one provider's meter and lamp.
type provider struct {
	Provider
	meter  *meter
	client *http.Client
	rounds atomic.Int32 // probe rounds under way

	// Only Run uses these.
	own    []signal.Bucket  // what this node measured and sealed, at most a minute
	flight signal.Histogram // its legs under way, as of the last of them

	mu        sync.Mutex // guards the fields below
	lamp      signal.Lamp
	capacity  signal.Capacity
	buckets   []signal.Bucket // sealed, of all nodes together, at most a minute
	probeNext time.Time
	override  *signal.Override // this node's, over whatever the lamp says
	anew      time.Time        // an override ended then, and no lamp has begun anew since
	planned   []signal.Maintenance
	// week is what is usual as the lamp is judged by it, fresh as it was told last.
	week, fresh signal.Week
}

// New is a Live that measures nothing until Run. It reports every mistake in
// the configuration at once.
func New(cfg Config) (*Live, error) {
	l := &Live{
		rules:    signal.DefaultRules(),
		log:      cfg.Log,
		now:      cfg.Now,
		timeouts: cfg.Timeouts,
		byID:     make(map[string]*provider, len(cfg.Providers)),
	}
	if cfg.Rules != nil {
		l.rules = *cfg.Rules
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.now == nil {
		l.now = time.Now
	}
	l.timeouts.Connect = cmp.Or(l.timeouts.Connect, 2*time.Second)
	l.timeouts.Header = cmp.Or(l.timeouts.Header, 5*time.Second)
	l.timeouts.Total = cmp.Or(l.timeouts.Total, 8*time.Second)
	l.timeouts.Probe = cmp.Or(l.timeouts.Probe, 3*time.Second)
	l.probing = probeClient(cfg.Transport, l.timeouts)
	began := l.now()
	l.began.Store(began.Unix())

	var errs []error
	if len(cfg.Providers) == 0 {
		errs = append(errs, errors.New("no providers"))
	}
	for _, p := range cfg.Providers {
		if p.ID == "" {
			errs = append(errs, errors.New("a provider without id"))
		}
		if l.byID[p.ID] != nil {
			errs = append(errs, fmt.Errorf("provider %q twice", p.ID))
		}
		m := newMeter(l.now, l.timeouts.Total)
		q := &provider{Provider: p, meter: m, client: measuredClient(cfg.Transport, m, l.timeouts)}
		q.lamp = q.lamp.Step(l.rules, signal.Sample{}, began)
		q.capacity = q.capacity.Step(l.rules, q.bounds(), q.lamp, signal.Sample{})
		l.byID[p.ID] = q
		l.providers = append(l.providers, q)
		l.bounds = append(l.bounds, q.bounds())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("lights: %w", err)
	}
	l.together = newTogether(cfg.Exchange)
	l.local.Store(cfg.Exchange != nil) // until it has met the others
	board := l.look(began)
	board.Seq = 1
	first, err := newFrame(board)
	if err != nil {
		return nil, err
	}
	l.hub = newHub(first, cmp.Or(cfg.MaxWatchers, 10_000))
	return l, nil
}

// bounds are what the operator knows of its capacity.
func (p *provider) bounds() signal.Bounds {
	return signal.Bounds{Prior: p.Capacity, Cap: p.CapacityCap}
}

// Board is the board as published last. Its slice is shared: read only.
func (l *Live) Board() signal.Board { return l.hub.latest().board }

// Load is what the providers take together that can be chosen now, logins a second,
// and how many of those under way are more than they serve soon (signal.Capacity).
// It is asked once a second at most: it locks each provider.
func (l *Live) Load() (capacity, backlog float64) {
	statuses, capacities := l.all(current(l.now()))
	for i, s := range statuses {
		if s.Light == signal.Grey { // whom an operator has disabled, too
			continue
		}
		takes, waits := capacities[i].Load(l.rules, l.bounds[i])
		capacity, backlog = capacity+takes, backlog+waits
	}
	return capacity, backlog
}

// Light is the colour of a provider's light as published last, "" for one that
// is not measured here.
func (l *Live) Light(provider string) string {
	for _, s := range l.Board().Providers {
		if s.ID == provider {
			return s.Light.String()
		}
	}
	return ""
}

// Admit refuses a provider that cannot be chosen now, with "closed"; "" admits.
func (l *Live) Admit(provider string) string {
	if l.Light(provider) == signal.Grey.String() {
		return "closed"
	}
	return ""
}

// Client is the HTTP client for a provider's adapter: it measures every server
// leg and bounds it in time. An unknown provider gets a client that is bounded
// but not measured.
func (l *Live) Client(provider string) *http.Client {
	if p := l.byID[provider]; p != nil {
		return p.client
	}
	return &http.Client{Timeout: l.timeouts.Total}
}
