package broker

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// The authorization endpoint (OpenID Connect Core §3.1.2), as the plans Basic
// and Config OP ask for it.

// chosen says what an answer of /authorize is: an error, "code" or "chooser".
func chosen(t testing.TB, location string) string {
	t.Helper()
	switch q := query(t, location); {
	case q.Has("error"):
		return q.Get("error")
	case q.Has("code"):
		return "code"
	case strings.HasPrefix(location, "/login?r="):
		return "chooser"
	}
	return location
}

func TestAuthTimeIsTheProvidersWhereItGivesOne(t *testing.T) {
	w := newWorld(t)
	w.naver.who.AuthTime = w.clock.Now().Add(-time.Hour)
	br := w.browser()
	first := w.claims(w.redeem(br.login("naver")))
	if first.AuthTime != w.clock.Now().Add(-time.Hour).Unix() {
		t.Errorf("got %d, want the provider's", first.AuthTime)
	}
	w.clock.add(time.Minute)
	same := w.claims(w.redeem(br.authorize("prompt", "none")))
	if same.AuthTime != first.AuthTime {
		t.Errorf("under prompt=none: got %d, want %d", same.AuthTime, first.AuthTime)
	}
	w.naver.who.AuthTime = w.clock.Now()
	later := w.claims(w.redeem(br.login("naver", "prompt", "login")))
	if later.AuthTime <= first.AuthTime {
		t.Errorf("after prompt=login: got %d, want later than %d", later.AuthTime, first.AuthTime)
	}
}

func TestAuthTimeIsTheCallbacksOnlyWhenAFreshLoginWasRequested(t *testing.T) {
	for _, fresh := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "10000"}, {"claims", `{"id_token":{"auth_time":{"essential":true}}}`}} {
		w := newWorld(t)
		if c := w.claims(w.redeem(w.browser().login("naver", fresh...))); c.AuthTime != w.clock.Now().Unix() {
			t.Errorf("%v: got %d, want the callback's", fresh, c.AuthTime)
		}
	}
	w := newWorld(t)
	br := w.browser()
	if c := w.claims(w.redeem(br.login("naver"))); c.AuthTime != 0 {
		t.Errorf("got %d, want none: nobody knows when they logged in over there", c.AuthTime)
	}
	for _, aged := range [][]string{{"max_age", "10000"}, {"claims", `{"id_token":{"auth_time":{"essential":true}}}`}} {
		if got := chosen(t, br.authorize(aged...)); got != "chooser" {
			t.Errorf("%v by a session of unknown age: got %s, want the chooser", aged, got)
		}
	}
	if got := chosen(t, br.authorize()); got != "code" {
		t.Errorf("without a condition: got %s, want a code", got)
	}
}

func TestMaxAgeOneLogsInAgainAndTenThousandDoesNot(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := w.claims(w.redeem(br.login("naver", "max_age", "10000")))
	w.clock.add(2 * time.Second)
	if got := chosen(t, br.authorize("max_age", "1")); got != "chooser" {
		t.Errorf("max_age=1: got %s, want the chooser", got)
	}
	long := br.authorize("max_age", "10000")
	if got := chosen(t, long); got != "code" {
		t.Fatalf("max_age=10000: got %s, want a code", got)
	}
	if c := w.claims(w.redeem(long)); c.AuthTime != first.AuthTime || c.AuthTime == 0 {
		t.Errorf("got auth_time %d, want %d", c.AuthTime, first.AuthTime)
	}
}

func TestACRValuesAreAnsweredByAnACR(t *testing.T) {
	for _, c := range []struct {
		name, values, provider, want string
	}{
		{"nothing asked, asserted", "", "naver", ACRAsserted},
		{"nothing asked, an approval on the phone", "", "pass", ACRVerifiedFresh},
		{"asserted", ACRAsserted, "naver", ACRAsserted},
		{"verified", ACRVerified, "pass", ACRVerified},
		{"verified and fresh", ACRVerifiedFresh, "pass", ACRVerifiedFresh},
		{"either", ACRVerifiedFresh + " " + ACRVerified, "pass", ACRVerifiedFresh},
		{"unknown ones", "1 2 urn:x", "naver", ACRAsserted},
		{"an unknown one and verified", "1 " + ACRVerified, "pass", ACRVerified},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			var site string
			if c.provider == "pass" {
				site = pushed(t, w, br, "acr_values", c.values)
			} else {
				site = br.login(c.provider, "acr_values", c.values)
			}
			if got := w.claims(w.redeem(site)).ACR; got != c.want {
				t.Errorf("got acr %q, want %q", got, c.want)
			}
		})
	}
	only := newWorld(t, func(c *Config) { c.Providers = c.Providers[:2] })
	if c := only.claims(only.redeem(only.browser().login("naver", "acr_values", ACRVerified))); c.ACR != ACRAsserted {
		t.Errorf("a wish nobody can meet: got acr %q, want the one that is true", c.ACR)
	}
}

func TestACRFreshIsALoginOfItsOwnAndNeverASessions(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.redeem(pushed(t, w, br))
	silent := br.authorize()
	if c := w.claims(w.redeem(silent)); c.ACR != ACRVerified {
		t.Errorf("by a session: got acr %q, want %q", c.ACR, ACRVerified)
	}
	r := sealedIn(t, br.authorize("acr_values", ACRVerifiedFresh))
	if l, err := br.resume(r); err != nil || l.Continue || len(l.Routes) != 1 || l.Routes[0].ID != "pass" {
		t.Errorf("got %+v %v, want pass alone and no way to continue", l, err)
	}
	if got := chosen(t, br.authorize("acr_values", ACRVerifiedFresh, "prompt", "none")); got != "login_required" {
		t.Errorf("silently: got %s, want login_required", got)
	}
	// A verified provider that tells of an old login has not proven a fresh one.
	w = newWorld(t, func(c *Config) {
		for _, p := range c.Providers {
			if v, is := p.(redirector); is && v.info.ID == "kakao" {
				v.info.Assurance, v.who.Assurance = providers.Verified, providers.Verified
				v.who.AuthTime = time.Unix(1_800_000_000, 0).Add(-time.Hour)
			}
		}
	})
	if c := w.claims(w.redeem(w.browser().login("kakao"))); c.ACR != ACRVerified {
		t.Errorf("an old login: got acr %q, want %q", c.ACR, ACRVerified)
	}
}

func TestPromptCombinations(t *testing.T) {
	for prompt, want := range map[string]string{
		"login consent": "chooser", "consent select_account": "chooser", "login login": "chooser", " login ": "chooser",
		"none consent": "invalid_request", "none none": "code", "create": "invalid_request", "": "code",
	} {
		w := newWorld(t)
		br := w.browser()
		br.login("naver")
		if got := chosen(t, br.authorize("prompt", prompt)); got != want {
			t.Errorf("prompt %q: got %s, want %s", prompt, got, want)
		}
	}
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	l, err := br.resume(br.chooser("prompt", "consent"))
	if err != nil || !l.Continue {
		t.Errorf("prompt=consent: got %+v %v, want to be asked whether to continue", l, err)
	}
	l, err = br.resume(br.chooser("prompt", "select_account"))
	if err != nil || len(l.Routes) != 3 {
		t.Errorf("prompt=select_account: got %+v %v, want every route", l, err)
	}
}

func TestAClientWithoutSharedSessionsNeverUsesOne(t *testing.T) {
	clinic := func(changes ...string) []string {
		return append([]string{"client_id", "clinic", "redirect_uri", "https://clinic.example/cb"}, changes...)
	}
	w := protocolWorld(t)
	br := w.browser()
	br.login("naver")
	r := br.chooser(clinic()...)
	if l, err := br.resume(r); err != nil || l.Continue {
		t.Errorf("got %+v %v, want no way to continue", l, err)
	}
	s, err := br.proceed(r)
	w.wantNotice(s, err, NoticeSession)
	to := must2(t)(br.begin(r, "naver", nil))
	must2(t)(br.finish("naver", approve(t, to.Redirect)))
	if got := chosen(t, br.authorize(clinic("prompt", "none")...)); got != "login_required" {
		t.Errorf("its own session: got %s, want login_required", got)
	}
}

func TestHintsNeverBreakARequest(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		changes []string
		hint    string
	}{
		{[]string{"provider_hint", "kakao"}, "kakao"},
		{[]string{"kc_idp_hint", "kakao"}, "kakao"},
		{[]string{"login_hint", "kakao"}, "kakao"},
		{[]string{"provider_hint", "naver", "kc_idp_hint", "kakao"}, "naver"},
		{[]string{"provider_hint", "nobody", "kc_idp_hint", "kakao"}, "kakao"},
		{[]string{"provider_hint", "nobody"}, ""},
		{[]string{"provider_hint", strings.Repeat("x", 5000)}, ""},
		{[]string{"login_hint", "hong@example.com"}, ""},
		{[]string{"claims_locales", "ko en-US xx"}, ""},
		{[]string{"display", "touch"}, ""},
		{[]string{"display", "nonsense"}, ""},
		{[]string{"ui_locales", "xx-YY"}, ""},
		{[]string{"id_token_hint", "a.b.c"}, ""},
		{[]string{"extra", "foobar"}, ""},
		{[]string{"nonce", ""}, ""},
	} {
		br := w.browser()
		l, err := br.resume(br.chooser(c.changes...))
		if err != nil || l.Hint != c.hint || len(l.Routes) != 3 {
			t.Errorf("%v: got hint %q and %d routes, %v, want %q and 3", c.changes, l.Hint, len(l.Routes), err, c.hint)
		}
	}
	for _, path := range []string{"provider_hint", "kc_idp_hint", "claims", "response_mode"} {
		v := params(path, "x")
		v.Add(path, "y")
		refusedWith(t, w.browser().do(http.MethodGet, "/authorize?"+v.Encode(), nil), "invalid_request")
	}
}

func TestScopesAreGivenToClientsThatMayHaveThem(t *testing.T) {
	all := "openid profile email phone address offline_access identity unknown"
	for _, c := range []struct {
		name   string
		change func(*client.Client)
		want   string
	}{
		{"a client as it comes", func(*client.Client) {}, "openid profile email phone address"},
		{"one with refresh tokens", func(c *client.Client) { c.Refresh = client.RefreshRotating }, "openid profile email phone address offline_access"},
		{"one that names the scope identity", func(c *client.Client) { c.Scopes = []string{"openid", "identity"} }, "openid identity"},
	} {
		w := protocolWorld(t, c.change)
		if got := w.browser().wanted("scope", all).Scope.String(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	w := newWorld(t)
	if got := w.discovered()["scopes_supported"].([]any); !slices.Contains(got, any("identity")) || !slices.Contains(got, any("offline_access")) || len(got) != 7 {
		t.Errorf("scopes_supported: got %v, want all seven", got)
	}
}

func TestResourcesAreTheClientsOwnOrAnInvalidTarget(t *testing.T) {
	w := protocolWorld(t, func(c *client.Client) {
		c.Resources = []string{"https://api.example/a", "https://api.example/b?x=1"}
	})
	ask := func(resources ...string) url.Values {
		v := params()
		v["resource"] = resources
		return v
	}
	for name, bad := range map[string][]string{
		"none of the client's": {"https://api.example/c"}, "with a fragment": {"https://api.example/a#x"}, "relative": {"/a"}, "another spelling": {"https://api.example/a/"},
		"one of two": {"https://api.example/a", "https://evil.example"}, "five": {"https://api.example/a", "https://api.example/a", "https://api.example/a", "https://api.example/a", "https://api.example/a"},
	} {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, w.browser().do(http.MethodGet, "/authorize?"+ask(bad...).Encode(), nil), "invalid_target")
		})
	}
	br := w.browser()
	rec := br.do(http.MethodGet, "/authorize?"+ask("https://api.example/a", "https://api.example/b?x=1", "https://api.example/a").Encode(), nil)
	q, _, p := br.b.openRequest(br.request(http.MethodGet, "/login", nil), sealedIn(t, rec.Header().Get("Location")))
	if p != nil || !slices.Equal(q.Resources, []string{"https://api.example/a", "https://api.example/b?x=1"}) {
		t.Errorf("got %v %v, want both", q.Resources, p)
	}
}

func TestPKCEIsRequiredOfThoseRegisteredSo(t *testing.T) {
	w := protocolWorld(t, func(c *client.Client) { c.RequirePKCE = true })
	refusedWith(t, w.browser().ask("code_challenge", "", "code_challenge_method", ""), "invalid_request")
	refusedWith(t, w.browser().ask("code_challenge_method", "plain"), "invalid_request")
	w.browser().chooser()
}

func TestDiscoverySaysWhatAuthorizeTakes(t *testing.T) {
	doc := protocolWorld(t).discovered()
	for name, want := range map[string]any{
		"claims_parameter_supported": true, "request_parameter_supported": true, "request_uri_parameter_supported": false,
		"pushed_authorization_request_endpoint": issuer + "/par", "require_pushed_authorization_requests": nil,
		"authorization_response_iss_parameter_supported": true,
	} {
		if doc[name] != want {
			t.Errorf("%s: got %v, want %v", name, doc[name], want)
		}
	}
	for name, want := range map[string][]any{
		"response_modes_supported": {"query", "form_post"}, "acr_values_supported": {ACRAsserted, ACRVerified, ACRVerifiedFresh},
		"request_object_signing_alg_values_supported": {"RS256", "PS256", "ES256", "EdDSA"},
	} {
		if got, _ := doc[name].([]any); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got := newWorld(t).discovered()["response_modes_supported"].([]any); !slices.Equal(got, []any{"query"}) {
		t.Errorf("without a page: got %v, want query alone", got)
	}
}
