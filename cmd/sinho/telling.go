package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/broker"
	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/broker/logout"
	"sinho/console"
	"sinho/seal"
	"sinho/signal"
	"sinho/store"
)

// telling tells sites that sessions have ended, by the clients and keys of the
// current generation. It lives as long as its node.
type telling struct {
	*logout.Deliveries

	*tally

	voice atomic.Pointer[voice]
}

// voice is who is told, and with which keys.
type voice struct {
	clients *client.Registry
	keys    *keys.Set
	ring    *seal.Ring
}

// newTelling tells nobody before it has a voice.
func newTelling(issuer string, queue store.Queue, m *metrics, now func() time.Time, log *slog.Logger) (*telling, error) {
	t := &telling{tally: newTally(m.deliveries(), now)}
	t.voice.Store(&voice{})
	var err error
	t.Deliveries, err = logout.New(logout.Config{
		Issuer: issuer, Queue: queue, Log: log, Now: now, Delivered: t.count,
		Ring: func() *seal.Ring { return t.voice.Load().ring },
		Sign: func(algorithm string, claims []byte, typ string) (string, error) {
			return t.voice.Load().keys.Sign(algorithm, claims, typ)
		},
		Site: func(id string) (uri, algorithm string, wants bool) {
			c, known := t.voice.Load().clients.Lookup(id)
			return c.BackchannelLogoutURI, c.Algorithm, known && c.BackchannelLogoutURI != ""
		},
	})
	if err != nil {
		return nil, err
	}
	m.watchQueue(
		desc("logout_queue_length", "Messages to sites about ended sessions that wait, of all nodes together."),
		desc("logout_queue_oldest_age_seconds", "How long the oldest of them has been waiting, 0 for none."), t.Waiting, now,
	)
	return t, nil
}

// use makes clients and keys the ones by which sites are told. Counters of who
// wants to be told are shown from zero.
func (t *telling) use(clients *client.Registry, s secrets) {
	t.voice.Store(&voice{clients: clients, keys: s.keys, ring: s.ring})
	for c := range clients.All() {
		if c.BackchannelLogoutURI != "" {
			t.expect(c.ID, logout.Results())
		}
	}
}

// sites is how telling goes, for operators.
func (t *telling) sites(ctx context.Context) (s console.Sites, err error) {
	if s.Waiting, s.Oldest, err = t.Waiting(ctx); err != nil {
		return s, err
	}
	for c := range t.voice.Load().clients.All() {
		if c.BackchannelLogoutURI == "" {
			continue
		}
		s.Told = append(s.Told, console.SiteTold{
			ID: c.ID, Name: signal.Text{KO: c.Name.KO, EN: c.Name.EN}, Results: t.of(c.ID, logout.Results()),
		})
	}
	slices.SortFunc(s.Told, func(a, b console.SiteTold) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// tell is broker's hook.
func (t *telling) tell(ctx context.Context, e broker.Ending) error {
	return t.Tell(ctx, e.Client, e.Subject, e.Session)
}

// deliveries counts what becomes of messages; nil without metrics.
func (m *metrics) deliveries() *prometheus.CounterVec {
	if m == nil {
		return nil
	}
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sinho_logout_deliveries_total",
		Help: "Tries to tell a site that a session has ended (back-channel logout), by client and what became of them: told, refused, retry or given_up.",
	}, []string{"client", "result"})
	m.registry.MustRegister(counts)
	return counts
}

// queueLook bounds how long a scrape waits for the store.
const queueLook = time.Second

// watchQueue shows how much waits in a queue; while the store is away, nothing.
// length and oldest are its two figures.
func (m *metrics) watchQueue(length, oldest *prometheus.Desc, waiting func(context.Context) (int, time.Time, error), now func() time.Time) {
	if m != nil {
		m.registry.MustRegister(&queueFigures{waiting: waiting, now: now, length: length, age: oldest})
	}
}

type queueFigures struct {
	waiting     func(context.Context) (int, time.Time, error)
	now         func() time.Time
	length, age *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (q *queueFigures) Describe(out chan<- *prometheus.Desc) {
	out <- q.length
	out <- q.age
}

// Collect implements prometheus.Collector.
func (q *queueFigures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), queueLook)
	defer cancel()
	n, oldest, err := q.waiting(ctx)
	if err != nil {
		return
	}
	age := 0.0
	if n > 0 {
		age = max(q.now().Sub(oldest).Seconds(), 0)
	}
	out <- prometheus.MustNewConstMetric(q.length, prometheus.GaugeValue, float64(n))
	out <- prometheus.MustNewConstMetric(q.age, prometheus.GaugeValue, age)
}
