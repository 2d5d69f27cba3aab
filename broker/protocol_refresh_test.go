package broker

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"sinho/broker/client"
)

// Core §12.2: new iat; the same iss, sub, aud, auth_time; no new azp; no nonce.
func TestRefreshGivesANewIDTokenOfTheSameLogin(t *testing.T) {
	w := tokenWorld(t)
	for _, id := range []string{"rotating", "constant", "mobile"} {
		t.Run(id, func(t *testing.T) {
			first := w.offline(id)
			w.clock.add(5 * time.Minute)
			next := w.refreshed(id, first.Refresh)
			was, is := w.payload(first.IDToken), w.payload(next.IDToken)
			for _, same := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid", "txn"} {
				if was[same] == nil || was[same] != is[same] {
					t.Errorf("%s: got %v, want %v again", same, is[same], was[same])
				}
			}
			for _, other := range []string{"iat", "exp", "at_hash"} {
				if is[other] == nil || was[other] == is[other] {
					t.Errorf("%s: got %v again", other, is[other])
				}
			}
			for _, none := range []string{"nonce", "azp"} {
				if is[none] != nil {
					t.Errorf("%s is %v, want it absent", none, is[none])
				}
			}
			if next.Type != "Bearer" || next.Expires != 600 || next.Scope != "openid email offline_access" {
				t.Errorf("got %+v", next)
			}
			if got := w.wantInfo(next.Access, http.StatusOK); got["email"] != "hong@example.com" || got["sub"] != is["sub"] {
				t.Errorf("got %v, want the claims of the login", got)
			}
			if got := w.wantInfo(first.Access, http.StatusOK); got["sub"] != is["sub"] {
				t.Error("the first access token ended before its time")
			}
		})
	}
}

// offline_access (Core §11) of clients that may refresh, and of nobody else.
func TestRefreshTokensAreForClientsThatMayHaveThem(t *testing.T) {
	w := tokenWorld(t)
	for _, c := range []struct {
		id, scope string
		want      bool
	}{
		{"rotating", "openid", false},
		{"rotating", "openid offline_access", true},
		{"constant", "openid offline_access", true},
		{"mobile", "openid offline_access", true},
		{"poster", "openid offline_access", false},
	} {
		form := codeForm(query(t, w.browser().login("naver", at(c.id, "scope", c.scope, "prompt", "consent")...)).Get("code"), "redirect_uri", "https://"+c.id+".example/cb")
		if c.id == "poster" {
			form.Set("client_id", "poster")
			form.Set("client_secret", secretOf("poster"))
			rec := w.post("/token", form)
			if tok := decode[tokenSet](t, rec); rec.Code != http.StatusOK || tok.Refresh != "" || tok.Scope != "openid" {
				t.Errorf("%s: got %d %+v, want no refresh token", c.id, rec.Code, tok)
			}
			continue
		}
		tok := decode[tokenSet](t, w.as(c.id, "/token", form))
		if got := tok.Refresh != ""; got != c.want {
			t.Errorf("%s with %s: got a refresh token %v, want %v", c.id, c.scope, got, c.want)
		}
	}
	rec := w.post("/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {w.offline("rotating").Refresh}, "client_id": {"poster"}, "client_secret": {secretOf("poster")},
	})
	w.wantError(rec, http.StatusBadRequest, "unauthorized_client")
}

// RFC 9700 §4.14.2: each use gives another token; FAPI 2.0 §5.3.2.1: none.
func TestRefreshTokensAreRotatedOrStay(t *testing.T) {
	w := tokenWorld(t)
	token := w.offline("rotating").Refresh
	for range 5 {
		w.clock.add(time.Minute)
		next := w.refreshed("rotating", token)
		if next.Refresh == "" || next.Refresh == token {
			t.Fatalf("got refresh token %q, want another", next.Refresh)
		}
		token = next.Refresh
	}
	token = w.offline("constant").Refresh
	for range 5 {
		w.clock.add(time.Minute)
		if next := w.refreshed("constant", token); next.Refresh != "" {
			t.Fatalf("got refresh token %q, want none: the old one stays", next.Refresh)
		}
	}
}

// RFC 6749 §6: scope may be narrowed, never widened.
func TestRefreshMayNarrowTheScopeNeverWidenIt(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	for _, asked := range []string{"openid profile", "openid email nonsense", "identity"} {
		w.store.waited()
		w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh, "scope", asked)), http.StatusBadRequest, "invalid_scope")
		if n := w.store.waited(); n != 0 {
			t.Errorf("scope %s: got %d store waits, want a refusal before the store", asked, n)
		}
	}
	next := w.refreshed("rotating", tok.Refresh, "scope", "openid")
	if next.Scope != "openid" || w.wantInfo(next.Access, http.StatusOK)["email"] != nil {
		t.Errorf("got %+v, want openid only", next)
	}
	w.clock.add(time.Minute)
	third := w.refreshed("rotating", next.Refresh, "scope", "email")
	if third.IDToken != "" || third.Scope != "email" {
		t.Errorf("without openid: got %+v, want no ID token", third)
	}
	w.wantInfo(third.Access, http.StatusForbidden)
	w.clock.add(time.Minute)
	if all := w.refreshed("rotating", third.Refresh); all.Scope != "openid email offline_access" {
		t.Errorf("got scope %q, want the whole grant again", all.Scope)
	}
}

// What a client's settings no longer allow is no longer given.
func TestRefreshFollowsTheClientsSettings(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	fewer, err := client.NewRegistry(site("rotating", func(c *client.Client) {
		c.Scopes, c.Refresh, c.RefreshTTL = []string{"openid", "offline_access"}, client.RefreshRotating, month
	}))
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Clients = fewer
	w.h = w.node().Handler()
	next := w.refreshed("rotating", tok.Refresh)
	if next.Scope != "openid offline_access" || w.wantInfo(next.Access, http.StatusOK)["email"] != nil {
		t.Errorf("got %+v, want no e-mail", next)
	}
	w.disabled["naver"] = true // an operator's override is for logins
	w.clock.add(time.Minute)
	w.refreshed("rotating", next.Refresh)
}

// Refused alike: another client's token, an expired one, one that was changed.
func TestRefreshTokensOfOthersExpiredOrChangedAreInvalid(t *testing.T) {
	w := tokenWorld(t)
	token := w.offline("rotating").Refresh
	w.store.waited()
	changed := []byte(token)
	changed[len(changed)/2] ^= 1
	for _, name := range []string{"rival", "constant", "mobile"} {
		w.wantError(w.as(name, "/token", refreshForm(token)), http.StatusBadRequest, "invalid_grant")
	}
	w.wantError(w.as("rotating", "/token", refreshForm(string(changed))), http.StatusBadRequest, "invalid_grant")
	w.wantError(w.as("rotating", "/token", refreshForm(token+"=")), http.StatusBadRequest, "invalid_grant")
	w.wantError(w.as("rotating", "/token", refreshForm("")), http.StatusBadRequest, "invalid_request")
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want a refusal before the store", n)
	}
	w.clock.add(time.Minute)
	next := w.refreshed("rotating", token) // nobody's attempt has cost the owner anything
	w.clock.add(month)
	w.wantError(w.as("rotating", "/token", refreshForm(next.Refresh)), http.StatusBadRequest, "invalid_grant")
}

// RefreshTTL counts from the login, however often the token is used.
func TestRefreshTokensEndWithTheirFamily(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	for day := range 29 {
		w.clock.add(24 * time.Hour)
		tok = w.refreshed("rotating", tok.Refresh)
		if tok.Expires != 600 {
			t.Fatalf("day %d: got expires_in %d, want 600", day, tok.Expires)
		}
	}
	w.clock.add(24*time.Hour - 5*time.Minute)
	tok = w.refreshed("rotating", tok.Refresh)
	if tok.Expires != 300 {
		t.Errorf("in the last five minutes: got expires_in %d, want 300", tok.Expires)
	}
	w.wantInfo(tok.Access, http.StatusOK)
	w.clock.add(5 * time.Minute)
	w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(tok.Access, http.StatusUnauthorized)
}

// A lost answer is repeated within the grace of 10 to 20 s, on any node.
func TestALostAnswerToARefreshIsRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		start, again time.Duration // of the slot, later
		ok           bool
	}{
		"at once": {0, 0, true}, "in the same slot": {0, 9 * time.Second, true}, "in the next slot": {9 * time.Second, 2 * time.Second, true},
		"at the end of the next slot": {0, 19 * time.Second, true}, "after the next slot": {0, 20 * time.Second, false},
		"at the end of the shortest grace": {9 * time.Second, 10 * time.Second, true}, "by a node whose clock is behind": {time.Second, -2 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := tokenWorld(t)
			tok := w.offline("rotating")
			w.clock.add(time.Minute + tc.start) // the clock began with a slot
			first := w.refreshed("rotating", tok.Refresh)
			w.clock.add(tc.again)
			w.h = w.node().Handler()
			rec := w.as("rotating", "/token", refreshForm(tok.Refresh))
			if !tc.ok {
				w.wantError(rec, http.StatusBadRequest, "invalid_grant")
				w.wantInfo(first.Access, http.StatusUnauthorized)
				return
			}
			second := decode[tokenSet](t, rec)
			if rec.Code != http.StatusOK {
				t.Fatalf("got %d %s, want the answer again", rec.Code, rec.Body)
			}
			w.wantInfo(second.Access, http.StatusOK)
			w.wantInfo(first.Access, http.StatusOK)
			w.clock.add(time.Minute)
			w.refreshed("rotating", second.Refresh) // either spelling is the one token
			w.refreshed("rotating", first.Refresh)
		})
	}
}

// A failover that lost a generation costs nobody anything (invariant 9).
func TestARefreshTokenNewerThanTheStoreRaisesIt(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	w.clock.add(time.Minute)
	w.store.mu.Lock()
	before := maps.Clone(w.store.records)
	w.store.mu.Unlock()
	for range 3 {
		tok = w.refreshed("rotating", tok.Refresh)
		w.clock.add(time.Minute)
	}
	w.store.mu.Lock()
	w.store.records = before
	clear(w.store.attempts)
	w.store.mu.Unlock()
	next := w.refreshed("rotating", tok.Refresh)
	w.clock.add(time.Minute)
	w.refreshed("rotating", next.Refresh)
}

// A store that is away is told as such, and the token is not spent by it.
func TestRefreshWithoutTheStoreIsTemporarilyUnavailable(t *testing.T) {
	w := tokenWorld(t)
	for _, id := range []string{"rotating", "constant"} {
		tok := w.offline(id)
		w.store.breaks(errors.New("gone"))
		rec := w.as(id, "/token", refreshForm(tok.Refresh))
		w.wantError(rec, http.StatusServiceUnavailable, "temporarily_unavailable")
		if rec.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.store.breaks(nil)
		w.refreshed(id, tok.Refresh)
	}
}

// Generations and revocations survive a failover.
func TestGenerationsAndRevocationsAreDurable(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	if len(w.store.durable) != 0 {
		t.Errorf("a login waited for replicas: %v", w.store.durable)
	}
	next := w.refreshed("rotating", tok.Refresh)
	w.as("rotating", "/revoke", url.Values{"token": {next.Refresh}})
	var kinds []string
	for _, key := range w.store.durable {
		kinds = append(kinds, key[:2])
	}
	if want := []string{"f:", "a:", "f:"}; !slices.Equal(kinds, want) {
		t.Errorf("got durable writes %v, want %v", kinds, want)
	}
}

// A family whose client was rotating keeps its generations under a client that
// is constant now: what was rotated away stays so, and is reuse.
func TestRotatedTokensStayDeadWhenTheClientBecomesConstant(t *testing.T) {
	w := tokenWorld(t)
	first := w.offline("rotating")
	w.clock.add(time.Minute)
	next := w.refreshed("rotating", first.Refresh)
	r, err := client.NewRegistry(site("rotating", func(c *client.Client) { c.Refresh, c.RefreshTTL = client.RefreshConstant, month }))
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Clients = r
	w.h = w.node().Handler()
	w.refreshed("rotating", next.Refresh)
	w.refreshed("rotating", next.Refresh)
	w.wantError(w.as("rotating", "/token", refreshForm(first.Refresh)), http.StatusBadRequest, "invalid_grant")
	w.wantError(w.as("rotating", "/token", refreshForm(next.Refresh)), http.StatusBadRequest, "invalid_grant")
}

// Nothing is kept that no later answer needs.
func TestTheSnapshotHasNoNonce(t *testing.T) {
	w := tokenWorld(t)
	old, err := w.b.openRefresh(w.offline("rotating").Refresh, "rotating")
	if err != nil {
		t.Fatal(err)
	}
	_, share, err := w.b.family(t.Context(), &old)
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.b.openSnapshot(&old, share, "rotating")
	if err != nil || g.Nonce != "" || g.Who.Name != "홍길동" {
		t.Errorf("got %+v %v", g, err)
	}
}
