package sim

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is how every server leg is answered instead of as it should be.
type Fault string

const (
	// NoFault: as it should be.
	NoFault Fault = ""
	// Drip: a header at once, then one byte a second.
	Drip Fault = "drip"
	// Flood: 100 MB.
	Flood Fault = "flood"
	// Loop: a redirect to the same address.
	Loop Fault = "redirect"
	// Throttle: HTTP 429.
	Throttle Fault = "throttle"
	// Quota: the vendor's own words for too much; Kakao's are HTTP 400 with -10.
	Quota Fault = "quota"
	// NoKeys: the keys are not found; every other leg works.
	NoKeys Fault = "keys"
)

func faults() []Fault { return []Fault{NoFault, Drip, Flood, Loop, Throttle, Quota, NoKeys} }

const (
	floodBytes = 100 << 20
	dripEvery  = time.Second
)

// upset answers a server leg by the fault in force, if there is one for it.
func (s *Sim) upset(w http.ResponseWriter, r *http.Request) bool {
	f := s.desk.control().Fault
	if f == NoFault || f == NoKeys && !strings.Contains(r.URL.Path, "jwks") || !slices.Contains(faults(), f) {
		return false
	}
	s.tally.failed.Add(1)
	switch f {
	case Drip:
		s.drip(w, r)
	case Flood:
		s.flood(w, r)
	case Loop:
		answer(w, nil, &refusal{
			status: http.StatusTemporaryRedirect, header: map[string]string{"Location": s.cfg.Base + r.URL.RequestURI()}, body: struct{}{},
		})
	case Throttle:
		no := s.vendor.trouble(r.URL.Path, http.StatusTooManyRequests)
		answer(w, nil, &refusal{status: no.status, header: map[string]string{"Retry-After": "1"}, body: no.body})
	case Quota:
		answer(w, nil, s.vendor.trouble(r.URL.Path, http.StatusServiceUnavailable))
	default: // NoKeys
		answer(w, nil, &refusal{status: http.StatusNotFound, body: map[string]string{"error": "not_found"}})
	}
	return true
}

// drip sends a byte a second of something that looks like JSON, for as long as a
// hung request would be held.
func (s *Sim) drip(w http.ResponseWriter, r *http.Request) {
	if s.held.Add(1) > maxHeld {
		s.held.Add(-1)
		s.abort()
	}
	defer s.held.Add(-1)
	began(w)
	tick := time.NewTicker(dripEvery)
	defer tick.Stop()
	enough := time.NewTimer(maxHold)
	defer enough.Stop()
	next := byte('{')
	for {
		_, changed, cut := s.desk.look()
		if s.desk.control().Fault != Drip {
			s.abort() // half an answer is none
		}
		select {
		case <-tick.C:
			if _, err := w.Write([]byte{next}); err != nil || http.NewResponseController(w).Flush() != nil {
				s.abort()
			}
			next = ' '
		case <-changed:
		case <-r.Context().Done():
			s.abort()
		case <-cut:
			s.abort()
		case <-enough.C:
			s.abort()
		}
	}
}

// flood sends 100 MB of something that looks like JSON, as fast as it is taken.
func (s *Sim) flood(w http.ResponseWriter, r *http.Request) {
	began(w)
	chunk := bytes.Repeat([]byte("가나다라"), 1<<12)
	_, _ = w.Write([]byte(`{"access_token":"`))
	for sent := 0; sent < floodBytes; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil || r.Context().Err() != nil {
			s.abort()
		}
	}
	_, _ = w.Write([]byte(`"}`))
}

// began sends the header of an answer that will look well for a while.
func began(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // the body follows anyhow
}
