package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sinho/store"
)

// How readiness looks at the store: at most so often, and so long.
const (
	readyEvery = time.Second
	readyWait  = 2 * time.Second
)

// readyShard has what readiness had kept last.
const readyShard = store.Shard("ready")

// health answers load balancers. /healthz: the process lives. /readyz: it can
// finish logins, and is not about to leave. /readyz?exclude=store: it is not
// about to leave, whatever its store does; the store is not asked. A balancer
// that has no node left by the first asks the second, so that people meet the
// node's own page and not the balancer's. All are public and say nothing a
// stranger could use.
type health struct {
	store      store.Store
	durability string
	now        func() time.Time
	leaving    atomic.Bool

	mu    sync.Mutex // guards the last look at the store
	asked time.Time
	last  error
}

// readiness is the body of /readyz.
type readiness struct {
	Status string `json:"status"` // ready, draining, or store
	// Durability of what must survive a failover: disk, replicas, or best-effort.
	Durability string `json:"durability"`
}

func (h *health) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, struct {
			Status string `json:"status"`
		}{"alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		out, status := readiness{"ready", h.durability}, http.StatusOK
		switch {
		case h.leaving.Load():
			out.Status, status = "draining", http.StatusServiceUnavailable
		case r.URL.Query().Get("exclude") == "store":
		case h.look(r.Context()) != nil:
			out.Status, status = "store", http.StatusServiceUnavailable
		}
		answerHealth(w, status, out)
	})
}

// look has the store keep something, or remembers what it said within readyEvery:
// strangers may ask as often as they like. One that is full, or a replica, still reads
// and finishes no login.
func (h *health) look(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); h.asked.IsZero() || now.Sub(h.asked) >= readyEvery {
		// One caller asks for all, so its own leaving must not decide.
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait)
		defer cancel()
		var attempt store.Attempt
		_, _ = rand.Read(attempt[:]) // never fails, see crypto/rand
		_, h.last = h.store.Apply(short, readyShard, attempt, false, store.Op{Kind: store.Put, Key: "asked", Value: []byte{1}, TTL: time.Minute})
		h.asked = h.now()
	}
	return h.last
}

func answerHealth(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked may have gone
}
