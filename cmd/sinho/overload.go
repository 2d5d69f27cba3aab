package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/shed"
	"sinho/store"
)

// What goes first when more is asked of a node than it can do
// (docs/decisions/0039-overload.md). Health, metrics and the console do not pass
// here.

// kindOf is what a request is, by its path: nothing is opened or looked up for it.
func kindOf(r *http.Request) shed.Kind {
	head, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if same(r.Method, head) {
		return shed.Kind{Class: shed.Open}
	}
	switch head {
	case "callback":
		return shed.Kind{Class: shed.Finishing, Part: shed.Return, Foreign: true}
	case "token":
		return shed.Kind{Class: shed.Finishing, Part: shed.Redemption, Machine: true, Readable: true}
	case "userinfo":
		return shed.Kind{Class: shed.Finishing, Part: shed.Claims, Machine: true, Readable: true}
	case "introspect":
		return shed.Kind{Class: shed.Finishing, Machine: true}
	case "revoke":
		return shed.Kind{Class: shed.Finishing, Machine: true, Readable: true}
	case "logout":
		return shed.Kind{Class: shed.Finishing, Foreign: true}
	case "wait", "turn", "device", "logged-out":
		return shed.Kind{Class: shed.UnderWay}
	case "login":
		switch {
		case r.Method != http.MethodPost && holds(r, "p-"):
			return shed.Kind{Class: shed.UnderWay} // a turn that was waited for
		case r.Method != http.MethodPost:
			return shed.Kind{Class: shed.Beginning}
		case rest == "decline":
			return shed.Kind{Class: shed.UnderWay}
		}
		return shed.Kind{Class: shed.Departing} // with a pass too: callbacks must have room when they are back
	case "authorize":
		return shed.Kind{Class: shed.Beginning, Foreign: true}
	case "par":
		return shed.Kind{Class: shed.Beginning, Machine: true}
	case "certificates", "sessions":
		return shed.Kind{Class: shed.Beginning}
	case "queue":
		switch { // who has no number yet waits behind all
		case holds(r, "p-"):
			return shed.Kind{Class: shed.UnderWay}
		case holds(r, "t-"):
			return shed.Kind{Class: shed.Beginning}
		}
	}
	return shed.Kind{Class: shed.Rest}
}

// same reports whether the answer is the same bytes for all, or a socket, which has a
// bound of its own. What a method is not for is a page of its own everywhere.
func same(method, head string) bool {
	switch head {
	case "static", "embed":
		return method == http.MethodGet || method == http.MethodHead
	case "signal", "signal.jws", "jwks", ".well-known", "rooms":
		return true
	case "token", "userinfo", "revoke":
		return method == http.MethodOptions
	}
	return false
}

// outsideStore is a store whose time is not counted as work of a request.
type outsideStore struct{ store.Store }

// Apply implements store.Store.
func (s outsideStore) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	defer shed.Outside(ctx)()
	return s.Store.Apply(ctx, shard, attempt, durable, ops...)
}

// Read implements store.Store.
func (s outsideStore) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	defer shed.Outside(ctx)()
	return s.Store.Read(ctx, shard, key)
}

// ReadAll implements store.Store.
func (s outsideStore) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	defer shed.Outside(ctx)()
	return s.Store.ReadAll(ctx, shard, keys...)
}

// Now implements store.Store.
func (s outsideStore) Now(ctx context.Context) (time.Time, error) {
	defer shed.Outside(ctx)()
	return s.Store.Now(ctx)
}

// gateFigures tell what a gate does. It counts for itself.
type gateFigures struct {
	gate *shed.Gate

	inside, departures, queued, delay, refused, left *prometheus.Desc
}

// watchGate shows what waits and what is refused.
func (m *metrics) watchGate(g *shed.Gate) {
	m.registry.MustRegister(&gateFigures{
		gate:       g,
		inside:     desc("requests_inside", "Requests that were admitted and are not done, those that wait for the store or a provider too."),
		departures: desc("departures_limit_logins_per_second", "How many people a second this node sends to providers at most, by what it takes to finish them when they are back."),
		queued:     desc("requests_queued", "Requests that wait to be admitted.", "class"),
		delay:      desc("request_queue_delay_seconds", "How long admitted requests had waited.", "class"),
		refused:    desc("requests_refused_total", "Requests answered 503 because more is asked than this node can do: full (too many waited) or late (it had waited long enough).", "class", "reason"),
		left:       desc("requests_left_total", "Requests whose client went away while they waited; they were dropped.", "class"),
	})
}

// Describe implements prometheus.Collector.
func (f *gateFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.inside, f.departures, f.queued, f.delay, f.refused, f.left} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f *gateFigures) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	}
	s := f.gate.State()
	tell(f.inside, prometheus.GaugeValue, float64(s.Inside))
	tell(f.departures, prometheus.GaugeValue, s.Departures)
	for _, c := range shed.Classes() {
		r := s.Classes[c]
		tell(f.queued, prometheus.GaugeValue, float64(r.Queued), c.String())
		tell(f.refused, prometheus.CounterValue, float64(r.Full), c.String(), "full")
		tell(f.refused, prometheus.CounterValue, float64(r.Late), c.String(), "late")
		tell(f.left, prometheus.CounterValue, float64(r.Left), c.String())
		bounds := map[float64]uint64{}
		var n uint64
		for i, bound := range shed.DelayBounds() {
			n += r.Delays[i]
			bounds[bound.Seconds()] = n
		}
		to <- prometheus.MustNewConstHistogram(f.delay, r.Admitted(), r.Waited.Seconds(), bounds, c.String())
	}
}

// holds reports whether a request brings a waiting room's ticket (t-) or pass (p-)
// along, good or not: a made-up one gets a stranger no further than to be judged.
func holds(r *http.Request, paper string) bool {
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool {
		return strings.HasPrefix(strings.TrimPrefix(c.Name, "__Host-"), "sinho-"+paper)
	})
}
