package providers

import (
	"net/http"
	"strings"
	"testing"
)

// tokenProbe is the probe of an upstream whose settings allow it.
func tokenProbe(t *testing.T, u *upstream) Probe {
	t.Helper()
	s := u.settings()
	s.ProbeToken = true
	p := redirector(t, s, &http.Client{Transport: hosts{}}) // nobody is asked by the measured client
	if p.fixed == nil {
		warm := u.provider(t)
		if err := warm.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.found = warm.found
	}
	probes := p.Info().Probes
	last := probes[len(probes)-1]
	if last.Name != "token" || last.Ask == nil {
		t.Fatalf("got %+v, want a probe of the token endpoint", probes)
	}
	return last
}

// TestTheTokenEndpointIsProbedOnlyWhereAllowed and refuses what nobody was given.
func TestTheTokenEndpointIsProbedOnlyWhereAllowed(t *testing.T) {
	for _, kind := range []string{"naver", "kakao", "oidc"} {
		u := newUpstream(t, kind)
		u.tokenAt, u.token = http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
		if !tokenProbe(t, u).Ask(t.Context(), u.hosts(t).client()) {
			t.Errorf("%s: refused with invalid_grant, got a failure", kind)
		}
		f := u.form
		if f.Get("grant_type") != "authorization_code" || !strings.HasPrefix(f.Get("code"), "sinho-probe-") || len(f.Get("code_verifier")) < 43 || f.Get("client_id") != "client" || f.Get("client_secret") != "secret" || f.Has("redirect_uri") {
			t.Errorf("%s: got form %v", kind, f)
		}
		for _, p := range u.provider(t).Info().Probes {
			if p.Ask != nil {
				t.Errorf("%s: got %s without being allowed", kind, p.Name)
			}
		}
	}
}

func TestWhatAProbeOfTheTokenEndpointTakesForAnAnswer(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>점검 중</html>")) }
	for _, tt := range []struct {
		name     string
		status   int
		body     map[string]any
		override http.HandlerFunc
		alive    bool
	}{
		{name: "invalid_grant", status: 400, body: map[string]any{"error": "invalid_grant"}, alive: true},
		{name: "our own settings are wrong", status: 401, body: map[string]any{"error": "invalid_client"}, alive: true},
		{name: "a request it does not like", status: 400, body: map[string]any{"error": "invalid_request"}, alive: true},
		{name: "503", status: 503, body: map[string]any{"error": "invalid_grant"}},
		{name: "429", status: 429, body: map[string]any{"error": "invalid_grant"}},
		{name: "its own fault in words", status: 400, body: map[string]any{"error": "server_error"}},
		{name: "a token for nobody", status: 200, body: map[string]any{"access_token": "at", "token_type": "Bearer"}, alive: false},
		{name: "a page", override: page},
		{name: "no answer in time", override: never},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			probe := tokenProbe(t, u)
			u.tokenAt, u.token = tt.status, tt.body
			if tt.override != nil {
				u.override["token"] = tt.override
			}
			hc := u.hosts(t).client()
			hc.Timeout = hc.Timeout / 50
			if got := probe.Ask(t.Context(), hc); got != tt.alive {
				t.Errorf("got alive %t, want %t", got, tt.alive)
			}
		})
	}
}
