package broker

import (
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the plans look at on every answer, whichever module it is of.
// docs/certification-demands.md says which test proves what.

func TestStateAndNonceComeBackAsTheyWereSent(t *testing.T) {
	w := protocolWorld(t)
	for name, text := range map[string]string{
		"128 letters":       strings.Repeat("aZ9_", 32),
		"1024 letters":      strings.Repeat("0123456789abcdef", 64),
		"what URLs encode":  `a b+c%20d&e=f#g;h?i/j\k"l'm<n>o`,
		"other alphabets":   "상태 状態 état 🙂",
		"one that is blank": " ",
	} {
		for _, mode := range []string{"query", "form_post"} {
			br := w.browser()
			r := br.chooser("state", text, "response_mode", mode)
			to := must2(t)(br.begin(r, "naver", nil))
			step := must2(t)(br.finish("naver", approve(t, to.Redirect)))
			got := fieldsOf(step.Post)
			if mode == "query" {
				got = query(t, step.Redirect)
			}
			if got.Get("state") != text {
				t.Errorf("%s by %s: got state %q, want %q", name, mode, got.Get("state"), text)
			}
		}
		if c := w.claims(w.redeem(w.browser().login("naver", "nonce", text))); c.Nonce != text {
			t.Errorf("%s: got nonce %q, want %q", name, c.Nonce, text)
		}
	}
}

// RFC 6749 §4.1.2, §4.1.2.1, RFC 9207 §2: what a site gets, and no more.
func TestAnswersAtTheSiteHaveNoOtherParameters(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	names := func(v url.Values) string { return strings.Join(slices.Sorted(maps.Keys(v)), " ") }
	for _, tc := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"an error", []string{"prompt", "none"}, "error error_description iss state"},
		{"an error without a state", []string{"prompt", "none", "state", ""}, "error error_description iss"},
		{"an error of the request", []string{"response_type", "token"}, "error error_description iss state"},
		{"an error by form", []string{"prompt", "none", "response_mode", "form_post"}, "error error_description iss state"},
		{"an error at an address with a query", school("prompt", "none"), "error error_description iss state x"},
	} {
		if got := names(answered(t, br.ask(tc.changes...))); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
	if got := names(query(t, br.login("naver"))); got != "code iss state" {
		t.Errorf("a code: got %s", got)
	}
	if got := names(query(t, w.browser().login("naver", "state", ""))); got != "code iss" {
		t.Errorf("a code without a state: got %s", got)
	}
	if got := names(query(t, w.browser().login("naver", school()...))); got != "code iss state x" {
		t.Errorf("a code at an address with a query: got %s", got)
	}
}

// bitsOf is what an observer of one value may assume at most: Shannon's entropy
// of its characters, times their number, as the conformance suite counts.
func bitsOf(s string) float64 {
	times := map[rune]float64{}
	for _, c := range s {
		times[c]++
	}
	var bits float64
	n := float64(len(s))
	for _, k := range times {
		bits -= k / n * math.Log2(k/n)
	}
	return bits * n
}

// RFC 6749 §10.10: 128 bits at least of whatever must not be guessed.
func TestCodesAndTokensHave128BitsOfEntropy(t *testing.T) {
	w := tokenWorld(t)
	seen, secrets := map[string]bool{}, map[string]bool{}
	for range 20 {
		location := w.browser().login("naver", at("rotating", "scope", "openid offline_access", "prompt", "consent")...)
		text := query(t, location).Get("code")
		k, err := w.b.openCode(text, "rotating")
		if err != nil || len(k.Secret) != 32 || secrets[string(k.Secret)] {
			t.Fatalf("got a secret of %d bytes (%v), used before: %v", len(k.Secret), err, secrets[string(k.Secret)])
		}
		secrets[string(k.Secret)] = true
		tok := w.spend("rotating", location)
		for what, value := range map[string]string{"code": text, "access token": tok.Access, "refresh token": tok.Refresh} {
			if got := bitsOf(value); got < 128 || seen[value] {
				t.Errorf("%s: got %.0f bits, seen before: %v", what, got, seen[value])
			}
			seen[value] = true
		}
	}
}

// Core §2: sub never changes, and is never another's.
func TestTheSubjectIsTheSameAtEveryLogin(t *testing.T) {
	w := tokenWorld(t)
	first := w.offline("rotating")
	want := w.payload(first.IDToken)["sub"]
	w.clock.add(24 * time.Hour)
	w.naver.who.AuthTime = w.clock.Now()
	br := w.browser()
	same := map[string]any{
		"another browser": w.payload(w.spend("rotating", br.login("naver", at("rotating")...)).IDToken)["sub"],
		"prompt=none":     w.payload(w.spend("rotating", br.authorize(at("rotating", "prompt", "none")...)).IDToken)["sub"],
		"prompt=login":    w.payload(w.spend("rotating", br.login("naver", at("rotating", "prompt", "login")...)).IDToken)["sub"],
		"refresh":         w.payload(w.refreshed("rotating", first.Refresh).IDToken)["sub"],
	}
	for how, got := range same {
		if got != want || got == "" {
			t.Errorf("%s: got sub %v, want %v", how, got, want)
		}
	}
	w.naver.who.Subject = "another"
	if got := w.payload(w.offline("rotating").IDToken)["sub"]; got == want {
		t.Error("another person has the same sub")
	}
}

// Core §3.1.2.1, RFC 6749 §3.1.2.4: nobody is ever sent to an address that is not
// registered, whatever else is wrong or right with the request.
func TestAnUnregisteredRedirectURIIsAPageByEveryWay(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	br.login("naver")
	for name, more := range map[string][]string{
		"a plain request": nil, "prompt=none": {"prompt", "none"}, "form_post": {"response_mode", "form_post"},
		"response_type missing": {"response_type", ""}, "a request object": {"request", "a.b.c"}, "no scope": {"scope", ""},
	} {
		v := params(append([]string{"redirect_uri", callback + "2"}, more...)...)
		for _, rec := range []*httptest.ResponseRecorder{
			br.do(http.MethodGet, "/authorize?"+v.Encode(), nil), br.do(http.MethodPost, "/authorize", v),
		} {
			if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" {
				t.Errorf("%s: got %d %q, want a page", name, rec.Code, rec.Header().Get("Location"))
			}
		}
	}
}

// RFC 6749 §4.1.2: however much later, as long as it lives.
func TestACodeRedeemedAgainLaterRevokesTheToken(t *testing.T) {
	for _, later := range []time.Duration{time.Second, 30 * time.Second, codeTTL - time.Second} {
		w := newWorld(t)
		site := w.browser().login("naver")
		tok := w.redeem(site)
		w.clock.add(later)
		w.wantError(w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret), http.StatusBadRequest, "invalid_grant")
		w.wantInfo(tok.Access, http.StatusUnauthorized)
	}
}

// FAPI 2.0 Security Profile §5.3.4, RFC 9700 §4.3.2: no token and no secret is
// taken from an address.
func TestNothingSecretIsTakenFromAQuery(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tok := w.redeem(br.login("naver"))
	ask := func(method, target string) int {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		return rec.Code
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := ask(method, "/userinfo?access_token="+tok.Access); got != http.StatusUnauthorized {
			t.Errorf("%s /userinfo: got %d, want 401", method, got)
		}
	}
	form := codeForm(query(t, br.authorize()).Get("code"), "client_id", "booking", "client_secret", secret)
	if got := ask(http.MethodPost, "/token?"+form.Encode()); got != http.StatusUnauthorized {
		t.Errorf("POST /token: got %d, want 401", got)
	}
	if rec := w.post("/token", form); rec.Code != http.StatusOK {
		t.Errorf("the same as a form: got %d %s, want 200", rec.Code, rec.Body)
	}
}

// RFC 9126 §2 with FAPI 2.0 §5.3.2.1: a client proves itself at /par as at
// /token, to the issuer.
func TestPARTakesAnAssertionForTheIssuer(t *testing.T) {
	w := tokenWorld(t)
	for _, tc := range []struct {
		id   string
		aud  any
		want int
	}{
		{"signer", issuer, http.StatusCreated},
		{"signer", issuer + "/par", http.StatusUnauthorized},
		{"signer", issuer + "/token", http.StatusUnauthorized},
		{"signer", []string{issuer}, http.StatusUnauthorized},
		{"signer", []string{issuer, issuer + "/par"}, http.StatusUnauthorized},
		{"lenient", issuer + "/par", http.StatusCreated},
		{"lenient", issuer + "/token", http.StatusCreated},
		{"lenient", issuer + "/revoke", http.StatusUnauthorized},
	} {
		form := asserting(params(at(tc.id)...), signAs(t, "ES256", "ec", w.assertionOf(tc.id, map[string]any{"aud": tc.aud})))
		if rec := w.post("/par", form); rec.Code != tc.want {
			t.Errorf("%s for %v: got %d %s, want %d", tc.id, tc.aud, rec.Code, rec.Body, tc.want)
		}
	}
}

// RP-Initiated Logout 1.0 §3: only what the site sent goes back with the person.
func TestRPInitiatedLogoutCarriesNothingButState(t *testing.T) {
	for name, tc := range map[string]struct{ to, state, want string }{
		"a state":                {"https://booking.example/bye", "s 1", "https://booking.example/bye?state=s+1"},
		"no state":               {"https://booking.example/bye", "", "https://booking.example/bye"},
		"no address":             {"", "s", loggedOut},
		"neither":                {"", "", loggedOut},
		"a query added":          {"https://booking.example/bye?a=b", "s", loggedOut},
		"an address unknown":     {"https://booking.example/bye2", "s", loggedOut},
		"the site's own address": {callback, "s", loggedOut},
	} {
		w := newWorld(t)
		br := w.browser()
		v := url.Values{"id_token_hint": {w.redeem(br.login("naver")).IDToken}}
		if tc.to != "" {
			v.Set("post_logout_redirect_uri", tc.to)
		}
		if tc.state != "" {
			v.Set("state", tc.state)
		}
		if got := br.do(http.MethodGet, "/logout?"+v.Encode(), nil).Header().Get("Location"); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
		if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
			t.Errorf("%s: prompt=none afterwards: got %q, want login_required", name, got)
		}
	}
}
