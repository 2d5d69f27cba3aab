package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// maxBody of any request, in bytes.
	maxBody = 64 << 10
	// maxHeld requests hang at once; more are dropped.
	maxHeld = 4096
	// maxHold of one hung request; then it is dropped.
	maxHold = 2 * time.Minute
)

// call is one server leg: it returns what to answer as JSON (or a raw), or a
// *refusal; it writes nothing itself.
type call func(r *http.Request) (any, error)

// refusal is an answer other than 200, in the vendor's shape.
type refusal struct {
	status int
	header map[string]string
	body   any
}

// Error says the status; the body is for the client.
func (e *refusal) Error() string { return http.StatusText(e.status) }

// raw is an answer that is not JSON of a Go value.
type raw struct {
	kind string // Content-Type
	body []byte
}

// routes mounts the vendor's paths with the faults each kind of them has.
type routes struct {
	sim   *Sim
	mux   *http.ServeMux
	front *http.CrossOriginProtection
}

// leg mounts a server leg: queue, hang, fault, error rate.
func (rt *routes) leg(pattern string, c call) {
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { rt.sim.serve(w, r, c, true) })
}

// cheap mounts a server leg that comes from a cache (discovery, keys): hang,
// fault and error rate, no queue.
func (rt *routes) cheap(pattern string, c call) {
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { rt.sim.serve(w, r, c, false) })
}

// page mounts something a person sees: page_hang.
func (rt *routes) page(pattern string, h http.HandlerFunc) {
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !rt.sim.read(w, r) {
			return
		}
		rt.sim.hold(r.Context(), func(c Control) bool { return c.PageHang })
		h(w, r)
	})
}

func (s *Sim) mount() http.Handler {
	rt := &routes{sim: s, mux: http.NewServeMux(), front: http.NewCrossOriginProtection()}
	s.vendor.mount(rt)
	control := http.NewServeMux()
	s.mountControl(control, rt.mux, rt.front)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/control" || strings.HasPrefix(r.URL.Path, "/control/") {
			control.ServeHTTP(w, r)
			return
		}
		select {
		case <-s.cut():
			s.abort()
		default:
		}
		// What no route serves (a probe with another method, say) reaches the
		// vendor's server all the same, and shares its faults.
		if _, pattern := rt.mux.Handler(r); pattern == "" && !s.admit(w, r, true) {
			return
		}
		rt.mux.ServeHTTP(w, r)
	})
}

func (s *Sim) cut() <-chan struct{} {
	_, _, cut := s.desk.look()
	return cut
}

// abort drops the connection without an answer.
func (s *Sim) abort() {
	s.tally.dropped.Add(1)
	panic(http.ErrAbortHandler)
}

// serve answers one server leg.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, c call, queued bool) {
	if !s.admit(w, r, queued) {
		return
	}
	body, err := c(r)
	answer(w, body, err)
}

// admit takes a server leg through hang, fault, queue and luck, and says whether it
// is to be answered; when not, it has been.
func (s *Sim) admit(w http.ResponseWriter, r *http.Request, queued bool) bool {
	if !s.read(w, r) {
		return false
	}
	hang := func(c Control) bool { return c.Hang }
	s.hold(r.Context(), hang)
	if s.upset(w, r) {
		return false
	}
	if queued {
		s.seconds.add(time.Now(), func(one *Second) { one.Asked++ })
		switch s.queue.pass(r.Context(), s.cut()) {
		case served:
		case full:
			s.tally.refused.Add(1)
			answer(w, nil, s.vendor.trouble(r.URL.Path, http.StatusServiceUnavailable))
			return false
		default:
			s.abort()
		}
		s.hold(r.Context(), hang) // it may have begun to hang meanwhile
	}
	if s.unlucky(s.desk.control().ErrorRate) {
		s.tally.failed.Add(1)
		answer(w, nil, s.vendor.trouble(r.URL.Path, http.StatusInternalServerError))
		return false
	}
	s.tally.answered.Add(1)
	if queued {
		s.seconds.add(time.Now(), func(one *Second) { one.Answered++ })
	}
	return true
}

// read takes the whole body in, so that the server notices when the client
// goes, and says whether the request may go on.
func (s *Sim) read(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, http.StatusText(status), status)
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// hold keeps the request while stuck says so, and aborts it when the client
// has gone, the simulator is cut, or it has been held long enough.
func (s *Sim) hold(ctx context.Context, stuck func(Control) bool) {
	c, changed, cut := s.desk.look()
	if !c.Down && !stuck(c) {
		return
	}
	if s.held.Add(1) > maxHeld {
		s.held.Add(-1)
		s.abort()
	}
	defer s.held.Add(-1)
	enough := time.NewTimer(maxHold)
	defer enough.Stop()
	for c.Down || stuck(c) {
		select {
		case <-changed:
		case <-ctx.Done():
			s.abort()
		case <-cut:
			s.abort()
		case <-enough.C:
			s.abort()
		}
		c, changed, cut = s.desk.look()
	}
}

// agreed counts somebody who has agreed.
func (s *Sim) agreed() {
	s.tally.logins.Add(1)
	s.seconds.add(time.Now(), func(one *Second) { one.Logins++ })
}

// answer writes what a call returned.
func answer(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		no, ok := errors.AsType[*refusal](err)
		if !ok {
			no = &refusal{status: http.StatusInternalServerError, body: map[string]string{"error": "server_error"}}
		}
		status, body = no.status, no.body
		for k, v := range no.header {
			h.Set(k, v)
		}
	}
	page, ok := body.(raw)
	if !ok {
		h.Set("Cache-Control", "no-store")
		encoded, err := json.Marshal(body)
		if err != nil {
			status, encoded = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
		}
		page = raw{kind: "application/json; charset=utf-8", body: encoded}
	}
	h.Set("Content-Type", page.kind)
	w.WriteHeader(status)
	_, _ = w.Write(page.body)
}
