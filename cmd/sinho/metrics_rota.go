package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"sinho/broker"
	"sinho/config"
)

// newRotaRefusals counts logins that a rota refuses. Whose, and of which site, is
// told nowhere.
func newRotaRefusals() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sinho_rota_refused_total",
		Help: "Logins that a rota refused, by rota; by when: before_provider (by a session, so that no provider was asked) or after_provider; and by reason: turn (it is not the person's) or birthdate (nobody vouches for one).",
	}, []string{"rota", "when", "reason"})
}

// rotaRefused counts one. It is of the broker's hooks.
func (m *metrics) rotaRefused(r broker.RotaRefusal) {
	when, reason := "after_provider", "turn"
	if r.Session {
		when = "before_provider"
	}
	if r.Birthdate {
		reason = "birthdate"
	}
	m.turned.WithLabelValues(r.Rota, when, reason).Inc()
}

// expectRotas shows the counters of rotas from zero.
func (m *metrics) expectRotas(rotas []config.Rota) {
	if m == nil {
		return
	}
	for _, r := range rotas {
		for _, when := range []string{"before_provider", "after_provider"} {
			for _, reason := range []string{"turn", "birthdate"} {
				m.turned.WithLabelValues(r.ID, when, reason)
			}
		}
	}
}
