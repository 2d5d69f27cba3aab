package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sinho/providers/sim"
)

// receiver takes OTLP over HTTP as a collector does.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex // guards what follows
	raw []byte
	all []*spans.Span
	bad []error
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		var batch collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &batch)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil || q.URL.Path != "/v1/traces" {
			r.bad = append(r.bad, fmt.Errorf("%s: %w", q.URL.Path, err))
		}
		r.raw = append(r.raw, body...)
		for _, one := range batch.ResourceSpans {
			for _, scope := range one.ScopeSpans {
				r.all = append(r.all, scope.Spans...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// textOf an attribute of a span.
func textOf(s *spans.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// spy is a transport that keeps whatever must not be written anywhere: what is
// unguessable in addresses, forms, cookies and answers.
type spy struct {
	base http.RoundTripper

	mu      sync.Mutex // guards what follows
	secrets map[string]string
}

func (s *spy) keep(what string, values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if len(v) >= 8 {
			s.secrets[v] = what
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if v, err := url.ParseQuery(string(body)); err == nil {
			s.values("form", v)
		}
	}
	s.values("query", r.URL.Query())
	resp, err := s.base.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	for _, c := range resp.Cookies() {
		s.keep("cookie "+c.Name, c.Value)
	}
	if at, err := resp.Location(); err == nil {
		s.values("location", at.Query())
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && r.Method == http.MethodPost {
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		var doc map[string]any
		if err == nil && json.Unmarshal(body, &doc) == nil {
			for _, name := range []string{"access_token", "id_token"} {
				if v, ok := doc[name].(string); ok {
					s.keep(name, v)
				}
			}
		}
	}
	return resp, nil
}

func (s *spy) values(where string, v url.Values) {
	for _, name := range []string{"r", "code", "state", "nonce", "code_verifier", "code_challenge", "id_token_hint", "posted", "out", "confirm", "client_secret"} {
		s.keep(where+" "+name, v[name]...)
	}
}

// personal is what is known of the people of the simulators.
func personal() []string {
	var all []string
	for _, p := range sim.People() {
		all = append(all, p.Name, p.Phone, strings.TrimPrefix(p.Phone, "0"), p.Birthdate, digits(p.Birthdate), p.Email, p.CI)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
