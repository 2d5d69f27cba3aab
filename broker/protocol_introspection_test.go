package broker

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (w *world) introspected(id, token string) map[string]any {
	w.t.Helper()
	rec := w.as(id, "/introspect", url.Values{"token": {token}})
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" || rec.Header().Get("Cache-Control") != "no-store" {
		w.t.Fatalf("POST /introspect: got %d %v %s, want 200 JSON", rec.Code, rec.Header(), rec.Body)
	}
	return decode[map[string]any](w.t, rec)
}

// RFC 7662 §2.2: what an active token says, to its client.
func TestIntrospectionOfOnesOwnTokens(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	began := float64(w.clock.Now().Unix())
	subject := w.payload(tok.IDToken)["sub"]
	w.clock.add(time.Minute)
	want := map[string]any{
		"active": true, "scope": "openid email offline_access", "client_id": "rotating", "sub": subject, "iat": began, "exp": began + 600,
		"aud": []any{issuer}, "iss": issuer, "token_type": "Bearer",
	}
	if diff := cmp.Diff(want, w.introspected("rotating", tok.Access)); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	want["token_type"], want["exp"] = "refresh_token", began+month.Seconds()
	if diff := cmp.Diff(want, w.introspected("rotating", tok.Refresh)); diff != "" {
		t.Errorf("refresh token (-want +got):\n%s", diff)
	}
}

// RFC 7662 §4: a resource server learns of tokens for what it serves, and the
// subject is the one in the token.
func TestIntrospectionByTheServerOfAResource(t *testing.T) {
	w := tokenWorld(t)
	tok := w.spend("rotating", w.browser().asking("naver", func(q *request) {
		q.Resources = []string{apiResource, otherResource}
	}, at("rotating", "scope", "openid email")...))
	got := w.introspected("api", tok.Access)
	if got["active"] != true || got["client_id"] != "rotating" || got["sub"] != w.payload(tok.IDToken)["sub"] || got["email"] != nil {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff([]any{apiResource, otherResource}, got["aud"]); diff != "" {
		t.Errorf("aud (-want +got):\n%s", diff)
	}
	other := w.spend("rotating", w.browser().asking("naver", func(q *request) { q.Resources = []string{otherResource} }, at("rotating")...))
	if got := w.introspected("api", other.Access); len(got) != 1 || got["active"] != false {
		t.Errorf("a token for another resource: got %v, want not active and no more", got)
	}
}

// RFC 7662 §2.2: anything else is not active, and nothing is said of it.
func TestIntrospectionOfAnythingElseIsNotActive(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	code := query(t, w.browser().login("naver", at("rotating")...)).Get("code")
	inactive := func(name, id, token string) {
		t.Helper()
		if diff := cmp.Diff(map[string]any{"active": false}, w.introspected(id, token)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	w.store.waited()
	inactive("another client's access token", "rival", tok.Access)
	inactive("another client's refresh token", "rival", tok.Refresh)
	inactive("nonsense", "rotating", "nonsense")
	inactive("a code", "rotating", code)
	inactive("an ID token", "rotating", tok.IDToken)
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
	next := w.refreshed("rotating", tok.Refresh)
	inactive("a refresh token that was rotated", "rotating", tok.Refresh)
	if got := w.introspected("rotating", next.Refresh); got["active"] != true {
		t.Errorf("its successor: got %v, want active: looking is no use", got)
	}
	w.clock.add(accessTTL)
	inactive("an expired access token", "rotating", next.Access)
	w.as("rotating", "/revoke", url.Values{"token": {next.Refresh}})
	inactive("a revoked refresh token", "rotating", next.Refresh)
}

// RFC 7662 §2.1, §2.3: only clients that authenticate may ask.
func TestIntrospectionIsForClientsThatAuthenticate(t *testing.T) {
	w := tokenWorld(t)
	form := url.Values{"token": {"x"}}
	w.wantError(w.post("/introspect", form), http.StatusUnauthorized, "invalid_client")
	w.wantError(w.post("/introspect", form, "rotating", "no"), http.StatusUnauthorized, "invalid_client")
	w.wantError(w.as("mobile", "/introspect", url.Values{"token": {"x"}}), http.StatusUnauthorized, "invalid_client")
	w.wantError(w.as("rotating", "/introspect", url.Values{}), http.StatusBadRequest, "invalid_request")
	tok := w.offline("rotating")
	w.store.breaks(errors.New("gone"))
	w.wantError(w.as("rotating", "/introspect", url.Values{"token": {tok.Access}}), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.wantError(w.as("rotating", "/introspect", url.Values{"token": {tok.Refresh}}), http.StatusServiceUnavailable, "temporarily_unavailable")
}
