package main

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/config"
	"sinho/signal"
	"sinho/signal/alert"
	"sinho/store"
)

// alerting tells endpoints of the operator's that lights have changed, by the
// settings of the current generation. It lives as long as its node.
type alerting struct {
	*alert.Alerts

	counts *prometheus.CounterVec // nil: nobody counts
}

// newAlerting tells nobody before use.
func newAlerting(issuer string, board func() signal.Board, st store.Store, queue store.Queue, m *metrics, now func() time.Time, log *slog.Logger) (*alerting, error) {
	a := &alerting{counts: m.alerts()}
	var err error
	a.Alerts, err = alert.New(alert.Config{
		Issuer: issuer, Board: board, Store: st, Queue: queue, Log: log, Now: now,
		Delivered: func(target, result string) {
			if a.counts != nil {
				a.counts.WithLabelValues(target, result).Inc()
			}
		},
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
	a.Use(targets)
	if a.counts == nil {
		return
	}
	for _, t := range targets {
		for _, result := range alert.Results() {
			a.counts.WithLabelValues(t.ID, result)
		}
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
