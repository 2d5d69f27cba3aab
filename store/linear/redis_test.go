package linear

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// open is a node's store.
func open(t *testing.T, o shared.Options) store.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// answers waits until every store does, with a durable change.
func answers(t *testing.T, shard store.Shard, stores ...store.Store) {
	t.Helper()
	n := 0
	for _, s := range stores {
		redistest.Eventually(t, "the store answers again", func() bool {
			n++
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := s.Apply(ctx, shard, store.Attempt{15: 1, 14: byte(n), 13: byte(n >> 8), 12: byte(time.Now().UnixNano())}, true,
				store.Op{Kind: store.Put, Key: "probe", TTL: time.Minute})
			return err == nil
		})
	}
}

// wire is a toxiproxy in front of a server.
type wire struct{ *toxiproxy.Proxy }

func startWire(t *testing.T, to string) *wire {
	t.Helper()
	log := zerolog.Nop()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), log)
	p := toxiproxy.NewProxy(api, "redis", "127.0.0.1:0", to)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &wire{p}
}

// poison puts a toxic on the wire for a while.
func (w *wire) poison(t *testing.T, toxic string, while time.Duration) {
	t.Helper()
	added, err := w.Toxics.AddToxicJson(strings.NewReader(toxic))
	if err != nil {
		t.Fatal(err)
	}
	rest(t, while)
	if err := w.Toxics.RemoveToxic(t.Context(), added.Name); err != nil {
		t.Fatal(err)
	}
}

// rest lets a fault last. Nothing is judged by how long it takes.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// oneServer is a redis-server behind a wire, and two nodes. With journal every
// change is in its file before it is answered.
func oneServer(t *testing.T, journal bool, rounds int) *run {
	args := []string{"--appendonly", "no"}
	if journal {
		args = []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	sv := redistest.Start(t, args...)
	w := startWire(t, sv.Addr)
	r := &run{groups: 12, calm: 1500, resends: journal}
	for range 2 {
		r.stores = append(r.stores, open(t, shared.Options{Addrs: []string{w.Listen}, Timeout: 400 * time.Millisecond}))
	}
	killed := fault{name: "redis killed", fate: forgets, do: func(t *testing.T) {
		sv.Kill()
		sv.Start(t)
		answers(t, "probe", r.stores...)
	}}
	if journal {
		killed.name, killed.fate = "redis killed, with a journal", keeps
	}
	faults := []fault{killed}
	if journal {
		faults = append(faults,
			fault{name: "redis paused", do: func(t *testing.T) {
				sv.Signal(t, syscall.SIGSTOP)
				rest(t, 700*time.Millisecond)
				sv.Signal(t, syscall.SIGCONT)
				answers(t, "probe", r.stores...)
			}},
			poisoned(r, w, "requests lost", `{"name":"x","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`),
			poisoned(r, w, "replies lost", `{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`),
			poisoned(r, w, "connections reset", `{"name":"x","type":"reset_peer","stream":"downstream","attributes":{"timeout":20}}`),
			poisoned(r, w, "slow and uneven", `{"name":"x","type":"latency","stream":"downstream","attributes":{"latency":150,"jitter":300}}`),
		)
	}
	for range rounds {
		r.faults = append(r.faults, faults...)
	}
	return r
}

func poisoned(r *run, w *wire, name, toxic string) fault {
	return fault{name: name, do: func(t *testing.T) {
		w.poison(t, toxic, 700*time.Millisecond)
		answers(t, "probe", r.stores...)
	}}
}
