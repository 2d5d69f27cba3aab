// Package live runs the lights of one node: it measures providers by the
// requests and journeys that pass through, ticks the pure rules of package
// signal once a second, probes where it is quiet or suspicious, and shows the
// board to whoever watches, by poll, WebSocket or event stream.
//
// It decides nothing itself and stores nothing; what colour a light has is
// package signal's business, what a login is the broker's.
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

// Probe is a URL worth asking without credentials when traffic is low. Any
// status below 500 but 429 counts as alive. The name "page" marks the page
// people see; every other name is a server leg.
type Probe struct {
	Name string
	URL  string
}

// Provider is one provider to be measured.
type Provider struct {
	ID   string
	Name signal.Text
	// Capacity is how many logins a second it is believed to take, in any unit
	// common to all; 0 counts as 1.
	Capacity float64
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
	Log       *slog.Logger
	Now       func() time.Time
}

// Live is the lights of one node. Its methods may be called from any goroutine.
type Live struct {
	rules     signal.Rules
	log       *slog.Logger
	now       func() time.Time
	timeouts  Timeouts
	probing   *http.Client
	began     time.Time
	providers []*provider
	byID      map[string]*provider
	capacity  []float64
	hub       *hub
}

// provider is one provider's meter and lamp.
type provider struct {
	Provider
	meter  *meter
	client *http.Client
	rounds atomic.Int32 // probe rounds under way

	mu        sync.Mutex // guards the fields below
	lamp      signal.Lamp
	buckets   []signal.Bucket // sealed, at most a minute
	probeNext time.Time
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
	l.began = l.now()

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
		q.lamp = q.lamp.Step(l.rules, signal.Sample{}, l.began)
		l.byID[p.ID] = q
		l.providers = append(l.providers, q)
		l.capacity = append(l.capacity, p.Capacity)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("lights: %w", err)
	}
	board := l.look(l.began)
	board.Seq = 1
	first, err := newFrame(board)
	if err != nil {
		return nil, err
	}
	l.hub = newHub(first, cmp.Or(cfg.MaxWatchers, 10_000))
	return l, nil
}

// Run ticks until ctx ends, which is not an error. It closes every watcher and
// waits for every probe before it returns. It may be called once.
func (l *Live) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	defer l.hub.close()
	timer := time.NewTimer(l.untilTick())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			l.tick(ctx, &probes)
			timer.Reset(l.untilTick())
		}
	}
}

// grace is how long after the end of a second it is sealed.
const grace = 20 * time.Millisecond

// untilTick is the time until shortly after the next full second.
func (l *Live) untilTick() time.Duration {
	now := l.now()
	return now.Truncate(time.Second).Add(time.Second + grace).Sub(now)
}

// tick seals what is over, advances every lamp, starts probes and publishes.
func (l *Live) tick(ctx context.Context, probes *sync.WaitGroup) {
	now := l.now()
	for _, p := range l.providers {
		if l.advance(p, now) {
			l.startProbes(ctx, p, probes)
		}
	}
	if err := l.hub.publish(l.look(now)); err != nil {
		l.log.ErrorContext(ctx, "lights: publish", "error", err)
	}
}

// advance steps one lamp and reports whether a round of probes is due.
func (l *Live) advance(p *provider, now time.Time) (probe bool) {
	sealed, inFlight := p.meter.seal(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buckets = append(p.buckets, sealed...)
	if over := len(p.buckets) - l.rules.LongWindow; over > 0 {
		p.buckets = append(p.buckets[:0], p.buckets[over:]...)
	}
	before := p.lamp.Light
	p.lamp = p.lamp.Step(l.rules, signal.Sample{Buckets: p.buckets, InFlight: inFlight}, now)
	p.meter.verySlow.Store(int64(p.lamp.VerySlow))
	if p.lamp.Light != before {
		l.log.Info("light", "provider", p.ID, "from", before.String(), "to", p.lamp.Light.String(),
			"reason", p.lamp.Reason.Code, "detail", p.lamp.Reason.EN)
	}
	every := p.lamp.ProbeEvery
	if every == 0 || p.Probes == nil {
		p.probeNext = time.Time{}
		return false
	}
	if soon := now.Add(every); p.probeNext.IsZero() || p.probeNext.After(soon) {
		p.probeNext = now
	}
	if now.Before(p.probeNext) {
		return false
	}
	// A little less than the pace, so that the tick at the next full second is due.
	p.probeNext = now.Add(every - time.Second/2)
	return true
}

// look is the board now, without its sequence number.
func (l *Live) look(now time.Time) signal.Board {
	b := signal.Board{At: now.UTC().Truncate(time.Second), Providers: make([]signal.Status, len(l.providers))}
	for i, p := range l.providers {
		p.mu.Lock()
		b.Providers[i] = p.lamp.Status(p.ID, p.Name, now)
		p.mu.Unlock()
	}
	signal.Shares(l.rules, b.Providers, l.capacity)
	return b
}

// Board is the board as published last. Its slice is shared: read only.
func (l *Live) Board() signal.Board { return l.hub.latest().board }

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

// Disabled reports whether an operator switched the provider off altogether, so
// that even people on their way back may not finish.
func (l *Live) Disabled(provider string) bool {
	p := l.byID[provider]
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lamp.Override(l.now())
	return o != nil && o.Disabled
}

// Override sets an operator's word on a light, or takes it back (nil). It shows
// with the next tick.
func (l *Live) Override(provider string, o *signal.Override) error {
	p := l.byID[provider]
	if p == nil {
		return fmt.Errorf("override light: no provider %q", provider)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lamp = p.lamp.Overridden(o, l.now())
	return nil
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
