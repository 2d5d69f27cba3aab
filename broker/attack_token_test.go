package broker

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// Each test is one attack on tokens that has worked on systems like this one.

func TestAttackClientAssertionReplayed(t *testing.T) {
	w := tokenWorld(t)
	nodes := three(w)
	body := asserting(codeForm("x"), w.proof("signer")).Encode()
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		got = map[string]int{}
	)
	for i := range 100 {
		wg.Go(func() {
			rec := raw(nodes[i%len(nodes)], "/token", body)
			mu.Lock()
			defer mu.Unlock()
			got[decode[tokens](t, rec).Error]++
		})
	}
	wg.Wait()
	if got["invalid_grant"] != 1 || got["invalid_client"] != 99 {
		t.Errorf("got %v, want one that was taken and 99 invalid_client", got)
	}
	w.clock.add(40 * time.Second) // still within its life
	w.wantError(raw(w.h, "/introspect", body), http.StatusUnauthorized, "invalid_client")
	same := newID().String()
	for _, id := range []string{"signer", "lenient"} { // a jti is its client's own
		token := signAs(t, client.ES256, "ec", w.assertionOf(id, map[string]any{"jti": same}))
		w.wantError(w.post("/token", asserting(codeForm("x"), token)), http.StatusBadRequest, "invalid_grant")
	}
}

func TestAttackClientAssertionAudienceInjected(t *testing.T) {
	w := tokenWorld(t)
	for _, aud := range []any{
		[]string{issuer, "https://evil.example"}, []string{issuer}, issuer + "/token", issuer + "#", issuer + "\u0000", strings.ToUpper(issuer), " " + issuer, map[string]any{"a": issuer}, nil,
	} {
		token := signAs(t, client.ES256, "ec", w.assertionOf("signer", map[string]any{"aud": aud}))
		w.wantError(w.post("/token", asserting(codeForm("x"), token)), http.StatusUnauthorized, "invalid_client")
	}
}

// raw posts a body to one node.
func raw(h http.Handler, path, body string, auth ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(auth) == 2 {
		r.SetBasicAuth(auth[0], auth[1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// One code, three nodes, a hundred takers: one wins, and the replay revokes its
// refresh token too, even while it is being issued.
func TestAttackParallelRedemptionsOfOneCodeRevokeTheFamily(t *testing.T) {
	w := tokenWorld(t)
	location := w.browser().login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
	body := codeForm(query(t, location).Get("code"), "redirect_uri", "https://rotating.example/cb").Encode()
	won := inParallel(t, three(w), body, "rotating")
	if len(won) != 1 {
		t.Fatalf("got %d winners, want 1", len(won))
	}
	w.wantInfo(won[0].Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(won[0].Refresh)), http.StatusBadRequest, "invalid_grant")
}

// three nodes on one store.
func three(w *world) []http.Handler {
	return []http.Handler{w.h, w.node().Handler(), w.node().Handler()}
}

// inParallel sends one body a hundred times to three nodes and gives the answers
// that succeeded; the others must be invalid_grant.
func inParallel(t *testing.T, nodes []http.Handler, body, id string) (won []tokenSet) {
	t.Helper()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for i := range 100 {
		wg.Go(func() {
			rec := raw(nodes[i%len(nodes)], "/token", body, id, secretOf(id))
			tok := decode[tokenSet](t, rec)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case rec.Code == http.StatusOK:
				won = append(won, tok)
			case rec.Code != http.StatusBadRequest || tok.Error != "invalid_grant":
				t.Errorf("got %d %s, want invalid_grant", rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
	return won
}

// A hundred uses of one rotating token at once are one use: one generation
// follows, however it is spelled, and after the grace the token is reuse.
func TestAttackParallelUsesOfOneRefreshToken(t *testing.T) {
	w := tokenWorld(t)
	first := w.offline("rotating")
	w.clock.add(time.Minute)
	won := inParallel(t, three(w), refreshForm(first.Refresh).Encode(), "rotating")
	if len(won) != 100 {
		t.Fatalf("got %d answers, want 100 alike", len(won))
	}
	for _, tok := range won {
		if old, err := w.b.openRefresh(tok.Refresh, "rotating"); err != nil || old.Generation != 2 {
			t.Fatalf("got generation %d %v, want 2", old.Generation, err)
		}
		w.wantInfo(tok.Access, http.StatusOK)
	}
	w.clock.add(20 * time.Second)
	if again := inParallel(t, three(w), refreshForm(first.Refresh).Encode(), "rotating"); len(again) != 0 {
		t.Errorf("got %d answers after the grace, want none", len(again))
	}
	for _, tok := range won[:3] {
		w.wantInfo(tok.Access, http.StatusUnauthorized)
		w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
}

func TestAttackRefreshTokenReusedRevokesTheFamily(t *testing.T) {
	w := tokenWorld(t)
	stolen := w.offline("rotating")
	w.clock.add(time.Minute)
	own := w.refreshed("rotating", stolen.Refresh)
	w.clock.add(time.Minute)
	w.wantError(w.as("rotating", "/token", refreshForm(stolen.Refresh)), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(stolen.Access, http.StatusUnauthorized)
	w.wantInfo(own.Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(own.Refresh)), http.StatusBadRequest, "invalid_grant")
	if !strings.Contains(w.logs.String(), "refresh token reused") {
		t.Error("nobody was warned")
	}
	if !slices.ContainsFunc(w.store.durable, func(k string) bool { return strings.HasPrefix(k, "a:") }) {
		t.Errorf("the deletion was not durable: %v", w.store.durable)
	}
}

// Once its successor has been used the answer was not lost: no grace for a thief.
func TestAttackRefreshTokenReusedWithinTheGraceAfterItsSuccessor(t *testing.T) {
	w := tokenWorld(t)
	stolen := w.offline("rotating").Refresh
	w.clock.add(time.Minute)
	own := w.refreshed("rotating", w.refreshed("rotating", stolen).Refresh)
	w.wantError(w.as("rotating", "/token", refreshForm(stolen)), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(own.Access, http.StatusUnauthorized)
}

// Dead is dead, in the grace as well: an answer that could be repeated is not.
func TestAttackRefreshTokenAfterRevocation(t *testing.T) {
	for name, revoke := range map[string]func(w *world, first, next tokenSet, code string){
		"the refresh token": func(w *world, _, next tokenSet, _ string) { w.revoked("rotating", next.Refresh) },
		"the one before":    func(w *world, first, _ tokenSet, _ string) { w.revoked("rotating", first.Refresh) },
		"an access token":   func(w *world, first, _ tokenSet, _ string) { w.revoked("rotating", first.Access) },
		"by a replay": func(w *world, _, _ tokenSet, code string) {
			w.as("rotating", "/token", codeForm(code, "redirect_uri", "https://rotating.example/cb"))
		},
		"by losing the record": func(w *world, _, _ tokenSet, _ string) { w.store.drop("f:") },
	} {
		t.Run(name, func(t *testing.T) {
			w := tokenWorld(t)
			location := w.browser().login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
			first := w.spend("rotating", location)
			next := w.refreshed("rotating", first.Refresh)
			revoke(w, first, next, query(t, location).Get("code"))
			for _, tok := range []tokenSet{first, next} {
				w.wantInfo(tok.Access, http.StatusUnauthorized)
				w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
		})
	}
}

// A code redeemed by another client is refused before it costs its owner anything.
func TestAttackCodeOfAnotherClientWithOfflineAccess(t *testing.T) {
	w := tokenWorld(t)
	location := w.browser().login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
	w.store.waited()
	w.wantError(w.as("rival", "/token", codeForm(query(t, location).Get("code"), "redirect_uri", "https://rotating.example/cb")), http.StatusBadRequest, "invalid_grant")
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
	w.spend("rotating", location)
}

// One encoding only, of every token.
func TestAttackTokenMalleabilityOfAFamily(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	for _, token := range []string{tok.Access, tok.Refresh} {
		last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token[len(token)-1])
		for _, other := range []string{
			token + "=", token + "\n", " " + token, token[:len(token)-1], token + "A",
			token[:len(token)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1]),
		} {
			if got := w.introspected("rotating", other); got["active"] != false {
				t.Errorf("%.8q… is taken in a second spelling", other)
			}
			w.as("rotating", "/revoke", url.Values{"token": {other}})
		}
	}
	w.wantInfo(tok.Access, http.StatusOK)
}

// A secret is compared in time that does not depend on the client or on how much
// of it is right: every way to fail makes the same hash and comparison, and the
// answer is the same byte for byte.
func TestAttackEnumerationOfClients(t *testing.T) {
	w := tokenWorld(t)
	var first string
	for _, id := range []string{"plain", "nobody", "mobile", "signer", "poster"} {
		rec := w.post("/token", codeForm("x"), id, "wrong")
		if first == "" {
			first = rec.Body.String()
		}
		if rec.Code != http.StatusUnauthorized || rec.Body.String() != first {
			t.Errorf("%s: got %d %s, want %s", id, rec.Code, rec.Body, first)
		}
	}
}

// A store or a log that leaks tells nothing of anybody.
func TestNothingReadableOfAFamilyIsStoredOrLogged(t *testing.T) {
	w := tokenWorld(t)
	tok := w.offline("rotating")
	next := w.refreshed("rotating", tok.Refresh)
	w.introspected("rotating", next.Access)
	w.clock.add(time.Minute)
	w.as("rotating", "/token", refreshForm(tok.Refresh)) // reuse
	stored, logged := string(w.store.everything()), w.logs.String()
	for _, value := range []string{"홍길동", "hong@example.com", "1990-05-12", "1000000000", "upstream-subject", tok.Refresh, next.Access, w.payload(tok.IDToken)["sub"].(string)} {
		if strings.Contains(stored, value) || strings.Contains(logged, value) {
			t.Errorf("%.12s… can be read", value)
		}
	}
	if !strings.Contains(stored, "f:") || logged == "" {
		t.Error("nothing was stored or logged: the test sees nothing")
	}
}

func TestAttackRefreshTokenUsedAfterLogout(t *testing.T) {
	w := tokenWorld(t)
	br := w.browser()
	tok := w.spend("rotating", br.login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...))
	w.clock.add(time.Minute)
	next := w.refreshed("rotating", tok.Refresh)
	if rec := br.do(http.MethodGet, "/logout?id_token_hint="+next.IDToken, nil); rec.Code != http.StatusSeeOther {
		t.Fatalf("log-out: got %d %s", rec.Code, rec.Body)
	}
	for _, one := range []tokenSet{tok, next} { // the second could still be repeated
		w.wantInfo(one.Access, http.StatusUnauthorized)
		w.wantError(w.as("rotating", "/token", refreshForm(one.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
}

// An error while revoking is told, wherever it happens.
func TestAttackRevocationErrorSwallowed(t *testing.T) {
	w := tokenWorld(t)
	location := w.browser().login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
	tok := w.spend("rotating", location)
	w.clock.add(21 * time.Second) // the code still lives
	next := w.refreshed("rotating", tok.Refresh)
	w.clock.add(21 * time.Second)
	w.store.refuses(func(op store.Op) bool { return op.Kind == store.Delete })
	w.wantError(w.as("rotating", "/token", codeForm(query(t, location).Get("code"), "redirect_uri", "https://rotating.example/cb")), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh)), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.wantError(w.as("rotating", "/revoke", url.Values{"token": {next.Access}}), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.store.refuses(nil)
	w.refreshed("rotating", next.Refresh)
}

// What is huge, nested or compressed is bounded before work is done.
func TestAttackGiantAssertions(t *testing.T) {
	w := tokenWorld(t)
	parts := strings.Split(w.proof("signer"), ".")
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	for name, token := range map[string]string{
		"9 KiB of claims":  signAs(t, client.ES256, "ec", w.assertionOf("signer", map[string]any{"x": strings.Repeat("x", 9<<10)})),
		"nested":           parts[0] + "." + encode([]byte(`{"sub":"signer","x":`+deep+`}`)) + "." + parts[2],
		"compressed":       encode([]byte(`{"alg":"ES256","kid":"ec","zip":"DEF"}`)) + "." + parts[1] + "." + parts[2],
		"a thousand parts": strings.Repeat("e30.", 1000),
		"encrypted":        encode([]byte(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`)) + "..AAAA." + parts[1] + ".AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.wantError(w.post("/token", asserting(codeForm("x"), token)), http.StatusUnauthorized, "invalid_client")
		})
	}
	w.t = t
	w.wantError(w.post("/token", asserting(codeForm("x"), strings.Repeat("A", 1<<20))), http.StatusRequestEntityTooLarge, "invalid_request")
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
}
