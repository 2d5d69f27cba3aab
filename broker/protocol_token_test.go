package broker

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
	"sinho/broker/keys"
)

// Core §3.1.3.6: at_hash is of the hash of the token's own algorithm.
func TestAtHashFollowsTheAlgorithmOfTheIDToken(t *testing.T) {
	w := tokenWorld(t)
	for id, alg := range map[string]string{"rotating": client.ES256, "rs": client.RS256, "ps": client.PS256, "ed": client.EdDSA} {
		tok := w.spend(id, w.browser().login("naver", at(id)...))
		head, _, _ := strings.Cut(tok.IDToken, ".")
		raw, err := strict64.DecodeString(head)
		if err != nil || !strings.Contains(string(raw), `"alg":"`+alg+`"`) {
			t.Errorf("%s: got header %s %v, want %s", id, raw, err, alg)
		}
		want, err := keys.HalfHash(alg, tok.Access)
		if got := w.payload(tok.IDToken)["at_hash"]; got != want || err != nil {
			t.Errorf("%s: got at_hash %v, want %s (%v)", alg, got, want, err)
		}
	}
}

// Core §2, §3.1.3.3: what an ID token has, and what it has not unless asked.
func TestTheIDTokenHasWhatIsRequiredAndNoProfileData(t *testing.T) {
	w := tokenWorld(t)
	tok := w.spend("plain", w.browser().login("naver", at("plain", "scope", "openid email")...))
	got := w.payload(tok.IDToken)
	now := float64(w.clock.Now().Unix())
	for name, want := range map[string]any{
		"iss": issuer, "aud": "plain", "iat": now, "exp": now + 3600, "auth_time": now, "nonce": "the-nonce", "acr": ACRAsserted,
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"sub", "sid", "txn", "at_hash"} {
		if text, _ := got[name].(string); text == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if len(got) != 11 {
		t.Errorf("got %d claims, want 11: %v", len(got), got)
	}
	tok = w.spend("plain", w.browser().login("naver", at("plain", "nonce", "")...))
	if nonce, is := w.payload(tok.IDToken)["nonce"]; is {
		t.Errorf("without a nonce: got %q", nonce)
	}
}

// RFC 6749 §5.1: what a token response says, and that nobody keeps it.
func TestATokenResponseIsNotStored(t *testing.T) {
	w := tokenWorld(t)
	form := codeForm(query(t, w.browser().login("naver", at("rotating")...)).Get("code"), "redirect_uri", "https://rotating.example/cb")
	rec := w.as("rotating", "/token", form)
	tok := decode[tokenSet](t, rec)
	h := rec.Header()
	if rec.Code != http.StatusOK || h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" || tok.Type != "Bearer" || tok.Expires != 600 {
		t.Errorf("got %d %v %+v", rec.Code, h, tok)
	}
}

// RFC 6749 §5.2: JSON, the RFC's characters, no additional members, no-store.
func TestErrorsOfMachineEndpointsKeepToTheRFC(t *testing.T) {
	w := tokenWorld(t)
	allowed := regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)
	long := strings.Repeat("x", maxForm+1)
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"wrong secret":    w.post("/token", codeForm("x"), "plain", "no"),
		"no grant type":   w.as("plain", "/token", url.Values{}),
		"unknown grant":   w.as("plain", "/token", url.Values{"grant_type": {"urn:\r\n\"\\한글"}}),
		"no refresh":      w.as("rotating", "/token", url.Values{"grant_type": {"refresh_token"}}),
		"dead code":       w.as("plain", "/token", codeForm("x")),
		"repeated":        w.as("plain", "/token", url.Values{"grant_type": {"a", "b"}}),
		"too long":        w.as("plain", "/token", url.Values{"x": {long}}),
		"may not refresh": w.as("plain", "/token", refreshForm("x")),
		"no token":        w.as("plain", "/revoke", url.Values{}),
		"stranger":        w.post("/introspect", url.Values{"token": {"x"}}),
	} {
		body := decode[map[string]any](t, rec)
		code, _ := body["error"].(string)
		desc, _ := body["error_description"].(string)
		if len(body) != 2 || !allowed.MatchString(code) || !allowed.MatchString(desc) {
			t.Errorf("%s: got %s", name, rec.Body)
		}
		if h := rec.Header(); rec.Code < 400 || rec.Code > 499 || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d %v", name, rec.Code, h)
		}
	}
}

// RFC 8707 §2.2: a token is for what was granted, or less, never for more.
func TestResourcesMayBeNarrowedNeverWidened(t *testing.T) {
	w := tokenWorld(t)
	login := func() string {
		return w.browser().asking("naver", func(q *request) {
			q.Resources = []string{apiResource, otherResource}
		}, at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
	}
	audience := func(tok tokenSet, want ...any) {
		t.Helper()
		if diff := cmp.Diff(want, w.introspected("rotating", tok.Access)["aud"]); diff != "" {
			t.Errorf("aud (-want +got):\n%s", diff)
		}
	}
	tok := w.spend("rotating", login())
	audience(tok, apiResource, otherResource)
	audience(w.spend("rotating", login(), "resource", otherResource), otherResource)

	location := login()
	w.store.waited()
	for _, wrong := range []string{"https://api.example", apiResource + "/", "https://evil.example"} {
		form := codeForm(query(t, location).Get("code"), "redirect_uri", "https://rotating.example/cb")
		form["resource"] = []string{apiResource, wrong}
		w.wantError(w.as("rotating", "/token", form), http.StatusBadRequest, "invalid_target")
		w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh, "resource", wrong)), http.StatusBadRequest, "invalid_target")
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want a refusal before the store", n)
	}
	tok = w.refreshed("rotating", w.spend("rotating", location).Refresh, "resource", apiResource)
	audience(tok, apiResource)
	audience(w.refreshed("rotating", tok.Refresh), apiResource, otherResource)
	none := w.browser().login("naver", at("rotating")...)
	form := codeForm(query(t, none).Get("code"), "redirect_uri", "https://rotating.example/cb", "resource", apiResource)
	w.wantError(w.as("rotating", "/token", form), http.StatusBadRequest, "invalid_target")
}

// Browser apps read discovery, keys, tokens and userinfo, and may revoke.
// Introspection is for servers.
func TestScriptsOfAnyOriginMayReadWhatIsForThem(t *testing.T) {
	w := tokenWorld(t)
	ask := func(method, path string) http.Header {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Origin", "https://app.example")
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		return rec.Header()
	}
	for path, method := range map[string]string{
		"/.well-known/openid-configuration": "GET", "/jwks": "GET", "/token": "POST", "/userinfo": "GET", "/revoke": "POST",
	} {
		for _, m := range []string{method, http.MethodOptions} {
			h := ask(m, path)
			if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s: got %v", m, path, h)
			}
		}
		if h := ask(http.MethodOptions, path); !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("preflight of %s: got %v", path, h)
		}
	}
	for _, path := range []string{"/introspect", "/authorize", "/logout"} {
		for _, m := range []string{http.MethodPost, http.MethodOptions} {
			if h := ask(m, path); h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: got %v", m, path, h)
			}
		}
	}
}

// Discovery §3, RFC 8414 §2: what is accepted is named, and nothing else.
func TestDiscoveryNamesWhatTheTokenSideTakes(t *testing.T) {
	w := tokenWorld(t)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	doc := decode[map[string]any](t, rec)
	methods := []any{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
	algorithms := []any{"ES256", "PS256", "EdDSA", "RS256"}
	for name, want := range map[string]any{
		"introspection_endpoint": issuer + "/introspect", "revocation_endpoint": issuer + "/revoke",
		"grant_types_supported":                            []any{"authorization_code", "refresh_token"},
		"token_endpoint_auth_methods_supported":            methods,
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"revocation_endpoint_auth_methods_supported":       methods,
		"introspection_endpoint_auth_methods_supported":    methods[:3],
	} {
		if diff := cmp.Diff(want, doc[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	claims, _ := doc["claims_supported"].([]any)
	for _, want := range append([]string{"iss", "aud", "at_hash", "txn"}, claimNames[:]...) {
		found := false
		for _, c := range claims {
			found = found || c == any(want)
		}
		if !found {
			t.Errorf("claims_supported lacks %s", want)
		}
	}
}

// Invariant 2's table, of what machines ask.
func TestMachinesWaitForTheStoreAsOftenAsTheTableSays(t *testing.T) {
	w := tokenWorld(t)
	waits := func(what string, want int, call func() *httptest.ResponseRecorder) {
		t.Helper()
		w.store.waited()
		if rec := call(); rec.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", what, rec.Code, rec.Body)
		}
		if got := w.store.waited(); got != want {
			t.Errorf("%s: got %d store waits, want %d", what, got, want)
		}
	}
	form := func(id string) url.Values {
		location := w.browser().login("naver", at(id, "scope", "openid offline_access", "prompt", "consent")...)
		return codeForm(query(t, location).Get("code"), "redirect_uri", "https://"+id+".example/cb")
	}
	for _, id := range []string{"rotating", "plain"} {
		v := form(id)
		waits("redemption by "+id, 1, func() *httptest.ResponseRecorder { return w.as(id, "/token", v) })
	}
	v := form("signer")
	waits("redemption with an assertion", 2, func() *httptest.ResponseRecorder { return w.post("/token", asserting(v, w.proof("signer"))) })
	for _, id := range []string{"rotating", "constant"} {
		tok := w.offline(id)
		waits("refresh, "+id, 1, func() *httptest.ResponseRecorder { return w.as(id, "/token", refreshForm(tok.Refresh)) })
		waits("userinfo", 1, func() *httptest.ResponseRecorder { return w.info(tok.Access) })
		waits("introspection", 1, func() *httptest.ResponseRecorder {
			return w.as(id, "/introspect", url.Values{"token": {tok.Access}})
		})
		waits("revocation", 1, func() *httptest.ResponseRecorder { return w.as(id, "/revoke", url.Values{"token": {tok.Refresh}}) })
	}
	tok := w.offline("rotating")
	w.refreshed("rotating", tok.Refresh)
	waits("a repeated answer", 2, func() *httptest.ResponseRecorder { return w.as("rotating", "/token", refreshForm(tok.Refresh)) })
}
