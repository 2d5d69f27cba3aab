package broker

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
)

// Core §9: exactly one method, and the registered one where there is one.
func TestAClientProvesItselfByItsOwnMethodOnly(t *testing.T) {
	w := tokenWorld(t)
	basic := func(id string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return w.post("/token", codeForm("x"), id, secretOf(id)) }
	}
	post := func(id string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder {
			return w.post("/token", codeForm("x", "client_id", id, "client_secret", secretOf(id)))
		}
	}
	assert := func(id string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return w.post("/token", asserting(codeForm("x"), w.proof(id))) }
	}
	none := func(id string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return w.post("/token", codeForm("x", "client_id", id)) }
	}
	for name, tc := range map[string]struct {
		call func() *httptest.ResponseRecorder
		ok   bool
	}{
		"unset, basic": {basic("plain"), true}, "unset, post": {post("plain"), true}, "unset, assertion": {assert("plain"), false}, "unset, none": {none("plain"), false},
		"basic, basic": {basic("basic"), true}, "basic, post": {post("basic"), false}, "basic, assertion": {assert("basic"), false},
		"post, basic": {basic("poster"), false}, "post, post": {post("poster"), true}, "post, none": {none("poster"), false},
		"private_key_jwt, assertion": {assert("signer"), true}, "private_key_jwt, none": {none("signer"), false}, "private_key_jwt, basic": {basic("signer"), false},
		"private_key_jwt, post": {post("signer"), false}, "none, none": {none("mobile"), true}, "none, basic": {basic("mobile"), false}, "none, assertion": {assert("mobile"), false},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			rec := tc.call()
			if tc.ok {
				w.wantError(rec, http.StatusBadRequest, "invalid_grant") // the client, not its code
				return
			}
			w.wantError(rec, http.StatusUnauthorized, "invalid_client")
			if got := rec.Header().Get("WWW-Authenticate") != ""; got != strings.HasSuffix(name, " basic") {
				t.Errorf("got WWW-Authenticate %q, want it where the header was used (RFC 6749 §5.2)", rec.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

// RFC 6749 §2.3: a client must not use more than one method in a request.
func TestMoreThanOneMethodIsRefused(t *testing.T) {
	w := tokenWorld(t)
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"basic and post":               w.post("/token", codeForm("x", "client_secret", secretOf("plain")), "plain", secretOf("plain")),
		"basic and assertion":          w.post("/token", asserting(codeForm("x"), w.proof("signer")), "plain", secretOf("plain")),
		"post and assertion":           w.post("/token", asserting(codeForm("x", "client_id", "plain", "client_secret", secretOf("plain")), w.proof("signer"))),
		"assertion of another client":  w.post("/token", asserting(codeForm("x", "client_id", "plain"), w.proof("signer"))),
		"basic with another client_id": w.post("/token", codeForm("x", "client_id", "rival"), "plain", secretOf("plain")),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wantError(rec, http.StatusBadRequest, "invalid_request")
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(codeForm("x").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header["Authorization"] = []string{"Basic eDp4", "Basic eDp4"}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	w.wantError(rec, http.StatusBadRequest, "invalid_request")
}

// RFC 7523 §3 by every algorithm that discovery names, at every endpoint.
func TestPrivateKeyJWTByEveryAlgorithmAtEveryEndpoint(t *testing.T) {
	w := tokenWorld(t)
	for _, alg := range assertionAlgorithms {
		token := signAs(t, alg, kidOf[alg], w.assertionOf("signer", nil))
		location := w.browser().login("naver", at("signer")...)
		form := asserting(codeForm(query(t, location).Get("code"), "redirect_uri", "https://signer.example/cb", "client_id", "signer"), token)
		if rec := w.post("/token", form); rec.Code != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", alg, rec.Code, rec.Body)
		}
	}
	for _, path := range []string{"/introspect", "/revoke"} {
		if rec := w.post(path, asserting(url.Values{"token": {"x"}}, w.proof("signer"))); rec.Code != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", path, rec.Code, rec.Body)
		}
	}
}

// The audience is the issuer, or any of our addresses where a client may.
func TestTheAudienceOfAnAssertion(t *testing.T) {
	w := tokenWorld(t)
	for _, tc := range []struct {
		id, path string
		aud      any
		ok       bool
	}{
		{"signer", "/token", issuer, true},
		{"signer", "/token", issuer + "/token", false},
		{"signer", "/token", []string{issuer}, false},
		{"signer", "/revoke", issuer + "/revoke", false},
		{"signer", "/token", issuer + "/", false},
		{"lenient", "/token", issuer, true},
		{"lenient", "/token", issuer + "/token", true},
		{"lenient", "/token", []string{issuer, issuer + "/token"}, true},
		{"lenient", "/token", []string{issuer, "https://evil.example"}, false},
		{"lenient", "/revoke", issuer + "/token", true},
		{"lenient", "/revoke", issuer + "/revoke", true},
		{"lenient", "/token", issuer + "/revoke", false},
		{"lenient", "/token", "https://evil.example", false},
	} {
		form := codeForm("x")
		want := http.StatusBadRequest // the client, not its code
		if tc.path != "/token" {
			form, want = url.Values{"token": {"x"}}, http.StatusOK
		}
		if !tc.ok {
			want = http.StatusUnauthorized
		}
		rec := w.post(tc.path, asserting(form, signAs(t, client.ES256, "ec", w.assertionOf(tc.id, map[string]any{"aud": tc.aud}))))
		if rec.Code != want {
			t.Errorf("%s at %s for %v: got %d %s, want %d", tc.id, tc.path, tc.aud, rec.Code, rec.Body, want)
		}
	}
}

// What does not fit is invalid_client, before the store.
func TestAnAssertionThatDoesNotFitIsRefused(t *testing.T) {
	w := tokenWorld(t)
	now := w.clock.Now()
	sign := func(changes map[string]any) string {
		return signAs(t, client.ES256, "ec", w.assertionOf("signer", changes))
	}
	right := sign(nil)
	head, rest, _ := strings.Cut(right, ".")
	w.store.waited()
	for name, form := range map[string]url.Values{
		"of a stranger's key": asserting(codeForm("x"), signAs(t, client.ES256, "stranger", w.assertionOf("signer", nil))),
		"expired":             asserting(codeForm("x"), sign(map[string]any{"exp": now.Add(-time.Minute).Unix()})),
		"to come":             asserting(codeForm("x"), sign(map[string]any{"iat": now.Add(2 * time.Minute).Unix()})),
		"without exp":         asserting(codeForm("x"), sign(map[string]any{"exp": nil})),
		"without jti":         asserting(codeForm("x"), sign(map[string]any{"jti": nil})),
		"without sub":         asserting(codeForm("x"), sign(map[string]any{"sub": nil})),
		"by another iss":      asserting(codeForm("x"), sign(map[string]any{"iss": "rival"})),
		"for another client":  asserting(codeForm("x"), sign(map[string]any{"sub": "lenient"})),
		"unsigned":            asserting(codeForm("x"), head+"."+strings.SplitN(rest, ".", 2)[0]+"."),
		"cut short":           asserting(codeForm("x"), right[:len(right)-4]),
		"empty":               asserting(codeForm("x", "client_id", "signer"), ""),
		"of another type": func() url.Values {
			v := asserting(codeForm("x"), right)
			v.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
			return v
		}(),
		"without a type":    codeForm("x", "client_assertion", right),
		"a type only":       codeForm("x", "client_assertion_type", assertionType),
		"as a secret":       codeForm("x", "client_id", "signer", "client_secret", right),
		"of an unknown one": asserting(codeForm("x"), signAs(t, client.ES256, "ec", w.assertionOf("nobody", nil))),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wantError(w.post("/token", form), http.StatusUnauthorized, "invalid_client")
		})
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
}

// A store that is away is no proof against the client.
func TestAnAssertionWithoutTheStoreIsTemporarilyUnavailable(t *testing.T) {
	w := tokenWorld(t)
	token := w.proof("signer")
	w.store.breaks(errors.New("gone"))
	w.wantError(w.post("/token", asserting(codeForm("x"), token)), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.store.breaks(nil)
	w.wantError(w.post("/token", asserting(codeForm("x"), token)), http.StatusBadRequest, "invalid_grant")
}
