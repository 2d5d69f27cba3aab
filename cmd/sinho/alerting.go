package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/config"
	"sinho/console"
	"sinho/signal"
	"sinho/signal/alert"
	"sinho/store"
)

// alerting tells endpoints of the operator's that lights have changed, by the
// settings of the current generation. It lives as long as its node.
type alerting struct {
	*alert.Alerts
	*tally

	ids atomic.Pointer[[]string] // of those that are told
}

// newAlerting tells nobody before use.
func newAlerting(issuer string, board func() signal.Board, st store.Store, queue store.Queue, m *metrics, now func() time.Time, log *slog.Logger) (*alerting, error) {
	a := &alerting{tally: newTally(m.alerts(), now)}
	a.ids.Store(&[]string{})
	var err error
	a.Alerts, err = alert.New(alert.Config{
		Issuer: issuer, Board: board, Store: st, Queue: queue, Log: log, Now: now, Delivered: a.count,
	})
	if err != nil {
		return nil, err
	}
	m.watchQueue(
		desc("alert_queue_length", "Endpoints that have alerts waiting, of all nodes together."),
		desc("alert_queue_oldest_age_seconds", "How long the first of them has been waiting, 0 for none."), a.Waiting, now,
	)
	return a, nil
}

// use makes the alerts of cfg the ones that are told. Their counters are shown
// from zero.
func (a *alerting) use(cfg *config.Config) {
	targets := cfg.Targets()
	var ids []string
	for _, t := range targets {
		a.expect(t.ID, alert.Results())
		ids = append(ids, t.ID)
	}
	a.ids.Store(&ids)
	a.Use(targets)
}

// beside adds to how telling sites goes how telling endpoints does.
func (a *alerting) beside(sites func(context.Context) (console.Sites, error)) func(context.Context) (console.Sites, error) {
	return func(ctx context.Context) (console.Sites, error) {
		s, err := sites(ctx)
		ids := *a.ids.Load()
		if err != nil || len(ids) == 0 {
			return s, err
		}
		s.Alerts = &console.Alerts{}
		for _, id := range ids {
			s.Alerts.Told = append(s.Alerts.Told, console.SiteTold{ID: id, Results: a.of(id, alert.Results())})
		}
		s.Alerts.Waiting, s.Alerts.Oldest, err = a.Waiting(ctx)
		return s, err
	}
}

// alerts counts what becomes of messages; nil without metrics.
func (m *metrics) alerts() *prometheus.CounterVec {
	if m == nil {
		return nil
	}
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sinho_alert_deliveries_total",
		Help: "Tries to tell an endpoint that lights have changed, by alert and what became of them: told, refused, retry or given_up.",
	}, []string{"alert", "result"})
	m.registry.MustRegister(counts)
	return counts
}
