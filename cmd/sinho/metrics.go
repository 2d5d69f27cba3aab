package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sinho/broker"
	"sinho/clock"
	"sinho/providers"
)

// metrics are what Prometheus is told of one node. Labels are ids of configured
// providers, rotas and rooms, or of clients where sites are told of log-outs, and words of small
// closed sets; nothing is about a person. They
// outlive generations; what lights count begins anew with them, which Prometheus
// takes for a restart.
//
// A nil *metrics counts nothing.
type metrics struct {
	registry  *prometheus.Registry
	started   *prometheus.CounterVec
	returned  *prometheus.CounterVec
	completed *prometheus.CounterVec
	failed    *prometheus.CounterVec
	turned    *prometheus.CounterVec // away by a rota
	store     *prometheus.HistogramVec
}

// newMetrics reads what is measured from the lights that current gives at each
// scrape.
func newMetrics(current func() *lights) *metrics {
	logins := func(what, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sinho_logins_" + what + "_total", Help: help}, append([]string{"provider"}, labels...))
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		started:   logins("started", "People sent to a provider, or pushes asked for."),
		returned:  logins("returned", "People who came back from a provider, with whatever."),
		completed: logins("completed", "Logins whose identity was read."),
		failed:    logins("failed", "Logins that ended otherwise, by the class of the failure; only throttled and down are the provider's fault; shed is our own refusal to ask it.", "class"),
		turned:    newRotaRefusals(),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sinho_store_operation_duration_seconds", Help: "Operations of the store by kind and outcome.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 3},
		}, []string{"operation", "outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sinho_build_info", Help: "1, with the version of this program.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.started, m.returned, m.completed, m.failed, m.turned, m.store, build, lightFigures(current), newGuardFigures(current),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for op, outcomes := range storeOutcomes() {
		for _, outcome := range outcomes {
			m.store.WithLabelValues(op, outcome)
		}
	}
	return m
}

// watchClock shows how far this node's machine is from the clock it goes by.
func (m *metrics) watchClock(c *clock.Clock) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sinho_clock_offset_seconds", Help: "How far the store's clock, which this node goes by, is ahead of this machine's.",
		}, func() float64 { ahead, _ := c.Offset(); return ahead.Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sinho_clock_corrections_total", Help: "How often this node was off by more than 2 s and corrected itself.",
		}, func() float64 { _, steps := c.Offset(); return float64(steps) }),
	)
}

// expect shows the counters of providers from zero, so that the first failure is
// a rise already.
func (m *metrics) expect(adapters []providers.Provider) {
	if m == nil {
		return
	}
	for _, p := range adapters {
		id := p.Info().ID
		for _, c := range []*prometheus.CounterVec{m.started, m.returned, m.completed} {
			c.WithLabelValues(id)
		}
		for class := providers.Cancelled; class <= providers.Shed; class++ {
			m.failed.WithLabelValues(id, class.String())
		}
	}
}

// counting is h, and what it tells is counted too.
func (m *metrics) counting(h broker.Hooks) broker.Hooks {
	if m == nil {
		return h
	}
	started, returned, ended := h.Started, h.Returned, h.Ended
	h.RotaRefused = m.rotaRefused
	h.Started = func(t broker.Trip) {
		m.started.WithLabelValues(t.Provider).Inc()
		started(t)
	}
	h.Returned = func(t broker.Trip) {
		m.returned.WithLabelValues(t.Provider).Inc()
		returned(t)
	}
	h.Ended = func(t broker.Trip) {
		if t.Err == nil {
			m.completed.WithLabelValues(t.Provider).Inc()
		} else {
			m.failed.WithLabelValues(t.Provider, t.Err.Class.String()).Inc()
		}
		ended(t)
	}
	return h
}

// server answers GET /metrics, and Go's profiles if they are wanted.
func (m *metrics) server(profiles bool) *http.Server {
	mux := http.NewServeMux()
	wait := 30 * time.Second
	if profiles {
		wait = 2 * time.Minute // a profile is collected that long at most
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	if m != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	}
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      wait,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// desc describes a figure that is read at the scrape.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sinho_"+name, help, labels, nil)
}

// truth is 1 or 0.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
