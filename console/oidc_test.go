package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sinho/citizen"
	"sinho/providers/sim"
)

// organisation is an OpenID Provider with people, as a simulator.
func organisation(t *testing.T, r *room, cfg OIDCConfig) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	s, err := sim.New(sim.Config{
		ID: "oidc", Base: base, ClientID: "console", ClientSecret: "hush", RedirectURIs: []string{r.server.URL + "/callback"},
		Control: &sim.Control{CapacityPerS: 10_000, Approve: sim.Auto},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(func() { s.Close(); server.Close() })
	cfg.Name, cfg.Issuer, cfg.ClientID, cfg.ClientSecret = "조직", base, "console", "hush"
	if r.cfg.Ways.OIDC, err = NewOIDC(cfg, r.server.URL); err != nil {
		t.Fatal(err)
	}
}

// visit walks to the organisation's provider, approves there, and gives the page
// that follows.
func visit(t *testing.T, b *citizen.Browser, r *room) *citizen.Page {
	t.Helper()
	page, err := b.Open(t.Context(), r.server.URL+"/providers/kakao")
	if err == nil {
		page, err = b.Click(t.Context(), page, "#oidc")
	}
	if err == nil {
		page, err = b.Click(t.Context(), page, "#on")
	}
	if err == nil {
		page, err = b.Click(t.Context(), page, "#approve")
	}
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestWhoeverIsListedSignsInAtTheOrganisation(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  OIDCConfig
		in   bool
	}{
		{"a verified address, in whatever letters", OIDCConfig{Emails: []string{"Hong@Example.com"}}, true},
		{"a value of a claim", OIDCConfig{Claim: "name", Values: []string{"홍길동"}}, true},
		{"somebody else's address", OIDCConfig{Emails: []string{"haneul@example.com"}}, false},
		{"another value", OIDCConfig{Claim: "name", Values: []string{"길동"}}, false},
		{"another subject", OIDCConfig{Subjects: []string{"hong@example.com"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, jimin())
			organisation(t, r, tt.cfg)
			b := citizen.New(citizen.Config{})
			page := visit(t, b, r)
			if in := strings.HasSuffix(page.URL.Path, "/providers/kakao") && strings.Contains(page.Text(), "카카오"); in != tt.in {
				t.Fatalf("got in %t at %s, want %t:\n%s", in, page.URL, tt.in, page.Text())
			}
			if !tt.in {
				if !strings.Contains(page.Text(), "등록되어 있지 않습니다") {
					t.Errorf("got %s, want it said", page.Text())
				}
				return
			}
			audit, err := b.Open(t.Context(), r.server.URL+"/audit?of=sign-ins")
			if err != nil || !strings.Contains(audit.Text(), "hong@example.com") {
				t.Errorf("the trail: got %v, want the address", err)
			}
			// Whoever is taken off the list is out.
			r.cfg.Ways.OIDC.cfg.Emails, r.cfg.Ways.OIDC.cfg.Values = nil, nil
			if page, err = b.Open(t.Context(), r.server.URL+"/"); err != nil || !strings.Contains(page.Text(), "로그인 시간이 끝났습니다") {
				t.Errorf("taken off the list: got %v at %s, want them out", err, page.URL)
			}
		})
	}
}

func TestAnArrivalThatWasNotBegunHereIsRefused(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser()
	b.get("/callback?code=x&state=y").says(t, http.StatusNotFound)
	organisation(t, r, OIDCConfig{Emails: []string{"hong@example.com"}})
	b.get("/callback?code=x&state=y").says(t, http.StatusBadRequest, "시작한 로그인과 맞지 않거나")
	b.post("/sign-in/provider", "next", "/")
	b.get("/callback?code=x&state=y").says(t, http.StatusBadRequest, "시작한 로그인과 맞지 않거나")
	b.get("/callback").says(t, http.StatusBadRequest, "시작한 로그인과 맞지 않거나")
}

func TestAProviderThatIsAwayIsSaid(t *testing.T) {
	r := newRoom(t, jimin())
	gone := httptest.NewServer(nil)
	gone.Close()
	var err error
	if r.cfg.Ways.OIDC, err = NewOIDC(OIDCConfig{Issuer: gone.URL, ClientID: "x", Subjects: []string{"y"}}, r.server.URL); err != nil {
		t.Fatal(err)
	}
	r.browser().post("/sign-in/provider").says(t, http.StatusBadGateway, "조직의 로그인 서버")
	for _, bad := range []OIDCConfig{{}, {Issuer: "x", ClientID: "y"}, {Issuer: "x", ClientID: "y", Claim: "groups"}} {
		if _, err := NewOIDC(bad, "http://localhost"); err == nil {
			t.Errorf("%+v: got a way in, want it refused", bad)
		}
	}
}

func TestAnAddressThatIsNotVerifiedOpensNothing(t *testing.T) {
	cfg := OIDCConfig{Emails: []string{"hong@example.com"}, Claim: "groups", Values: []string{"sinho"}}
	for _, tt := range []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"sub": "1", "email": "hong@example.com"}, ""},
		{map[string]any{"sub": "1", "email": "hong@example.com", "email_verified": "true"}, ""},
		{map[string]any{"sub": "1", "email": "hong@example.com", "email_verified": true}, "email hong@example.com"},
		{map[string]any{"sub": "1", "groups": []any{"other", "sinho"}}, "claim sinho"},
		{map[string]any{"sub": "1", "groups": "sinho"}, "claim sinho"},
		{map[string]any{"sub": "1", "groups": []any{"sinho2", 7}}, ""},
		{map[string]any{"sub": 1, "groups": map[string]any{"sinho": true}}, ""},
	} {
		if got, _ := cfg.admit(personOf(tt.claims), tt.claims); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.claims, got, tt.want)
		}
	}
}
