package broker

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
)

func (w *world) revoked(id, token string, more ...string) {
	w.t.Helper()
	form := url.Values{"token": {token}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	if rec := w.as(id, "/revoke", form); rec.Code != http.StatusOK || rec.Body.Len() != 0 || rec.Header().Get("Cache-Control") != "no-store" {
		w.t.Errorf("POST /revoke: got %d %s, want 200 and nothing", rec.Code, rec.Body)
	}
}

// RFC 7009 §2.1: a refresh token ends with all access tokens of its grant.
func TestRevocationOfARefreshTokenEndsItsFamily(t *testing.T) {
	w := tokenWorld(t)
	for _, id := range []string{"rotating", "constant", "mobile"} {
		first := w.offline(id)
		next := w.refreshed(id, first.Refresh)
		token := first.Refresh
		if next.Refresh != "" {
			token = next.Refresh
		}
		w.revoked(id, token)
		w.wantInfo(first.Access, http.StatusUnauthorized)
		w.wantInfo(next.Access, http.StatusUnauthorized)
		w.wantError(w.as(id, "/token", refreshForm(token)), http.StatusBadRequest, "invalid_grant")
	}
}

// RFC 7009 §2.1: an access token; with one of a family the grant may go too.
func TestRevocationOfAnAccessToken(t *testing.T) {
	w := tokenWorld(t)
	plain := w.spend("rotating", w.browser().login("naver", at("rotating", "scope", "openid")...))
	w.revoked("rotating", plain.Access)
	w.wantInfo(plain.Access, http.StatusUnauthorized)
	family := w.offline("rotating")
	w.revoked("rotating", family.Access)
	w.wantInfo(family.Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(family.Refresh)), http.StatusBadRequest, "invalid_grant")
}

// RFC 7009 §2.1: the hint helps or does not, it never hinders.
func TestRevocationWithAnyHint(t *testing.T) {
	w := tokenWorld(t)
	for _, hint := range []string{"access_token", "refresh_token", "nonsense"} {
		tok := w.offline("rotating")
		w.revoked("rotating", tok.Refresh, "token_type_hint", hint)
		w.wantInfo(tok.Access, http.StatusUnauthorized)
	}
}

// RFC 7009 §2.2: a token nobody knows is as good as revoked. Another client's is
// told the same, and lives.
func TestRevocationOfUnknownAndForeignTokens(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	w.store.waited()
	w.revoked("rotating", "nonsense")
	for _, token := range []string{tok.Access, tok.Refresh} {
		w.revoked("rival", token)
		w.revoked("mobile", token)
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
	w.wantInfo(tok.Access, http.StatusOK)
	w.refreshed("rotating", tok.Refresh)
}

func TestRevocationErrors(t *testing.T) {
	w := tokenWorld(t)
	w.wantError(w.post("/revoke", url.Values{"token": {"x"}}), http.StatusUnauthorized, "invalid_client")
	w.wantError(w.as("rotating", "/revoke", url.Values{}), http.StatusBadRequest, "invalid_request")
	w.wantError(w.as("rotating", "/revoke", url.Values{"token": {"a", "b"}}), http.StatusBadRequest, "invalid_request")
	tok := w.offline("rotating")
	w.store.breaks(errors.New("gone"))
	for _, token := range []string{tok.Access, tok.Refresh} {
		w.wantError(w.as("rotating", "/revoke", url.Values{"token": {token}}), http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	w.store.breaks(nil)
	w.wantInfo(tok.Access, http.StatusOK)
}
