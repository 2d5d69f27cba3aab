package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/broker"
	"sinho/providers"
	"sinho/providers/guard"
)

// guards bound what each provider may cost (docs/decisions/0030-containment.md).
// They belong to the lights: new settings of a provider do not make it innocent.
type guards map[string]*guard.Guard

func newGuards(ids []string, now func() time.Time) guards {
	all := guards{}
	for _, id := range ids {
		all[id] = guard.New(guard.DefaultRules(), now)
	}
	return all
}

// reading of a provider's guard, and how many requests may be under way at best.
func (all guards) reading(id string) (r guard.Reading, most int) {
	g := all[id]
	if g == nil {
		return r, 0
	}
	return g.Reading(), guard.DefaultRules().Most
}

// client of a provider's adapter: guarded without, measured within, so that what
// the guard refuses is in no light.
func (l *lights) client(id string) *http.Client {
	c := l.Client(id)
	if g := l.guards[id]; g != nil {
		return g.Client(c)
	}
	return c
}

// contained is h, with the guards asked before anybody is sent away, and told of
// failures that no request showed.
func (all guards) contained(h broker.Hooks) broker.Hooks {
	admit, ended := h.Admit, h.Ended
	h.Admit = func(provider string) string {
		if notice := admit(provider); notice != "" {
			return notice
		}
		if g := all[provider]; g != nil && g.TurnsAway() {
			return broker.NoticeBusy
		}
		return ""
	}
	h.Ended = func(t broker.Trip) {
		if g := all[t.Provider]; g != nil && t.Err != nil && t.Err.Colours() && !t.Err.Seen {
			g.Trouble()
		}
		ended(t)
	}
	return h
}

// tendEvery is how often what providers publish is looked after.
const tendEvery = time.Minute

// tend has adapters renew what their providers publish before it is too old, so
// that the first person after a quiet night does not wait for it. A failure is
// tried again, and shows in the lights.
func (n *node) tend(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			warmAll(ctx, n.current.Load().adapters, func(providers.Provider, error) {})
		}
	}
}

// guardFigures tell what guards do, of the lights that current gives.
type guardFigures struct {
	current func() *lights

	limit, underWay, open, refused, repeated *prometheus.Desc
}

func newGuardFigures(current func() *lights) *guardFigures {
	return &guardFigures{
		current:  current,
		limit:    desc("provider_request_limit", "Requests to a provider that may be under way at this node; fewer after failures.", "provider"),
		underWay: desc("provider_requests_under_way", "Requests to a provider that are, until their answer is read.", "provider"),
		open:     desc("provider_breaker_open", "1 while this node asks a provider by one trial at a time because it fails everything, else 0.", "provider"),
		refused:  desc("provider_refused_total", "Requests to a provider that this node did not make: full (as many as may be were under way) or open (the breaker), and people it did not send there for the latter, chooser. They colour no light.", "provider", "reason"),
		repeated: desc("provider_repeated_total", "Requests to a provider that were made once more.", "provider"),
	}
}

// Describe implements prometheus.Collector.
func (f *guardFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.limit, f.underWay, f.open, f.refused, f.repeated} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f *guardFigures) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	}
	for id, g := range f.current().guards {
		r := g.Reading()
		tell(f.limit, prometheus.GaugeValue, float64(r.Limit), id)
		tell(f.underWay, prometheus.GaugeValue, float64(r.UnderWay), id)
		tell(f.open, prometheus.GaugeValue, truth(r.Open), id)
		tell(f.refused, prometheus.CounterValue, float64(r.Full), id, "full")
		tell(f.refused, prometheus.CounterValue, float64(r.Opened), id, "open")
		tell(f.refused, prometheus.CounterValue, float64(r.TurnedAway), id, "chooser")
		tell(f.repeated, prometheus.CounterValue, float64(r.Repeated), id)
	}
}
