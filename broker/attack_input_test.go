package broker

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Each test is one attack that has worked on systems like this one.

func TestAttackRedirectURI(t *testing.T) {
	w := newWorld(t)
	for _, uri := range []string{
		"", callback + "/", callback + "?", callback + "#x", callback + "?a=b", "https://booking.example/callback/../steal",
		"https://booking.example@evil.example/callback", "https://booking.example.evil.example/callback", "https://BOOKING.example/callback",
		"https://booking.example./callback", "https://booking.example/%63allback", "https://booking.example/callback%2f", "http://booking.example/callback",
		"https://booking.example:443/callback", "//booking.example/callback", "javascript:alert(1)", "https://booking.example/callback\n", " " + callback,
		"https://school.example/cb?x=1", "http://127.0.0.1:80/cb",
	} {
		rec := w.browser().do(http.MethodGet, "/authorize?"+params("redirect_uri", uri).Encode(), nil)
		if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" {
			t.Errorf("redirect_uri %q: got %d %q, want a page", uri, rec.Code, rec.Header().Get("Location"))
		}
		if !strings.Contains(rec.Body.String(), callback) || !strings.Contains(rec.Body.String(), "received") {
			t.Errorf("redirect_uri %q: the page does not tell received from registered: %s", uri, rec.Body)
		}
	}
	v := params()
	v.Add("redirect_uri", "https://evil.example/")
	if rec := w.browser().do(http.MethodGet, "/authorize?"+v.Encode(), nil); rec.Code != http.StatusBadRequest {
		t.Errorf("two redirect URIs: got %d, want 400", rec.Code)
	}
	for _, uri := range []string{"http://127.0.0.1:1234/cb", "http://127.0.0.1/cb"} {
		w.browser().chooser("client_id", "app", "redirect_uri", uri)
	}
}

func TestAttackPostLogoutRedirectURI(t *testing.T) {
	w := newWorld(t)
	for _, uri := range []string{"https://booking.example/bye/", "https://evil.example/bye", callback, "https://booking.example/bye#x"} {
		br := w.browser()
		tok := w.redeem(br.login("naver"))
		rec := br.do(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {tok.IDToken}, "post_logout_redirect_uri": {uri}}.Encode(), nil)
		if got := rec.Header().Get("Location"); got != loggedOut {
			t.Errorf("%s: got %d %q, want our own page", uri, rec.Code, got)
		}
	}
}

func TestAttackLogoutByForeignLink(t *testing.T) {
	w := newWorld(t)
	br, mallory := w.browser(), w.browser()
	br.login("naver")
	w.naver.who.Subject = "mallory"
	theirs := w.redeem(mallory.login("naver"))
	for name, target := range map[string]string{
		"no hint":                    "/logout",
		"a client alone":             "/logout?client_id=booking&post_logout_redirect_uri=https%3A%2F%2Fbooking.example%2Fbye",
		"somebody else's hint":       "/logout?id_token_hint=" + theirs.IDToken,
		"a changed hint":             "/logout?id_token_hint=" + flip(theirs.IDToken),
		"another client than hinted": "/logout?client_id=school&id_token_hint=" + theirs.IDToken,
	} {
		rec := br.do(http.MethodGet, target, nil)
		if got := rec.Header().Get("Location"); !strings.HasPrefix(got, loggedOut+"?confirm=") {
			t.Errorf("%s: got %d %q, want a question", name, rec.Code, got)
		}
		if got := br.authorize("prompt", "none"); !query(t, got).Has("code") {
			t.Fatalf("%s: the session is gone: %s", name, got)
		}
	}
	ask := br.do(http.MethodGet, "/logout", nil).Header().Get("Location")
	foreign := mallory.do(http.MethodGet, "/logout", nil).Header().Get("Location")
	rec := br.do(http.MethodPost, "/logout", url.Values{"confirm": {query(t, foreign).Get("confirm")}})
	if got := rec.Header().Get("Location"); !strings.HasPrefix(got, loggedOut+"?confirm=") {
		t.Errorf("a foreign confirmation: got %q, want a question", got)
	}
	rec = br.do(http.MethodPost, "/logout", url.Values{"confirm": {query(t, ask).Get("confirm")}})
	if got := rec.Header().Get("Location"); got != loggedOut {
		t.Errorf("got %q, want %s", got, loggedOut)
	}
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("after the log-out: got %q, want login_required", got)
	}
}

func TestAttackTokenMalleability(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	r := br.chooser()
	site := br.login("naver")
	code := query(t, site).Get("code")
	tok := w.redeem(site)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	variants := func(s string) []string {
		last := strings.IndexByte(alphabet, s[len(s)-1])
		return []string{s + "=", s + "==", s + "\n", " " + s, s[:len(s)-1] + string(alphabet[last^1]), s[:len(s)-1], s + "A", flip(s)}
	}
	for _, v := range variants(code) {
		if rec := w.post("/token", codeForm(v), "booking", secret); rec.Code != http.StatusBadRequest {
			t.Errorf("code %q: got %d", v, rec.Code)
		}
	}
	for _, v := range variants(r) {
		if _, err := br.resume(v); problemCode(err) != ProblemTampered {
			t.Errorf("r %q: got %v", v, err)
		}
	}
	for _, v := range variants(tok.Access)[:2] {
		if rec := w.info(v); rec.Code != http.StatusUnauthorized {
			t.Errorf("access token %q: got %d", v, rec.Code)
		}
	}
	if rec := w.info(flip(tok.Access)); rec.Code != http.StatusUnauthorized {
		t.Errorf("got %d for a changed access token", rec.Code)
	}
	if rec := w.info(tok.Access); rec.Code != http.StatusOK {
		t.Errorf("got %d for the true one: a wrong code must not revoke", rec.Code)
	}
}

func TestAttackOversizedInput(t *testing.T) {
	w := newWorld(t)
	long := func(n int) string { return strings.Repeat("s", n) }
	for _, c := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"state over 1 KB", []string{"state", long(1025)}, "state has 1025 bytes, at most 1024"},
		{"nonce over 1 KB", []string{"nonce", long(1025)}, "nonce has 1025 bytes, at most 1024"},
		{"a thousand scopes", []string{"scope", "openid " + strings.Repeat("x ", 1000)}, "at most 512"},
		{"a thousand acr values", []string{"acr_values", strings.Repeat("x ", 1000)}, "at most 512"},
		{"both at their limits", []string{"state", long(1024), "nonce", long(1024)}, "2400 bytes when sealed"},
	} {
		q := query(t, w.browser().authorize(c.changes...))
		if q.Get("error") != "invalid_request" || !strings.Contains(q.Get("error_description"), c.want) || q.Get("iss") != issuer {
			t.Errorf("%s: got %v, want %q", c.name, q, c.want)
		}
	}
	for _, ok := range [][]string{
		{"state", long(1024)},
		{"nonce", long(1024)},
		{"ui_locales", strings.Repeat("xx ", 1000)},
		{"login_hint", long(2000)},
		{"id_token_hint", long(5000)},
		{"unknown", long(5000)},
		{"display", "popup"},
		{"claims_locales", "ko"},
	} {
		w.browser().chooser(ok...)
	}
	rec := w.browser().do(http.MethodGet, "/authorize?"+params("state", long(1<<20)).Encode(), nil)
	if rec.Code != http.StatusRequestURITooLong {
		t.Errorf("GET with 1 MB: got %d, want 414", rec.Code)
	}
	for _, path := range []string{"/authorize", "/token", "/userinfo", "/logout"} {
		rec := w.post(path, params("state", long(1<<20)))
		if rec.Code != http.StatusRequestEntityTooLarge && (path != "/userinfo" || rec.Code != http.StatusBadRequest) {
			t.Errorf("POST %s with 1 MB: got %d, want 413", path, rec.Code)
		}
	}
}

func TestAttackFloodOfStrangersStoresNothing(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		br := w.browser()
		br.cookies["__Host-sinho-s"] = fmt.Sprintf("forged-%d", i)
		r := br.chooser()
		if _, err := br.resume(r); err != nil {
			t.Fatal(err)
		}
		br.authorize("prompt", "none")
		br.authorize("prompt", "login")
		to := must2(t)(br.begin(r, "naver", nil))
		must2(t)(br.begin(r, "pass", contact))
		_, _ = br.proceed(r)
		_, _ = br.finish("kakao", approve(t, to.Redirect))
		_, _ = br.finish("naver", url.Values{"state": query(t, to.Redirect)["state"], "error": {"access_denied"}})
		br.do(http.MethodGet, "/logout", nil)
		br.do(http.MethodPost, "/logout", url.Values{"confirm": {"x"}})
		br.do(http.MethodPost, "/authorize", params())
		w.info("forged")
		w.post("/token", codeForm("forged"), "booking", secret)
		w.post("/token", codeForm("forged"), "nobody", "x")
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store accesses by strangers, want 0", n)
	}
}

func TestAttackClientEnumeration(t *testing.T) {
	w := newWorld(t)
	known := w.post("/token", codeForm("x"), "booking", "wrong")
	unknown := w.post("/token", codeForm("x"), "nobody", "wrong")
	if known.Code != http.StatusUnauthorized || known.Code != unknown.Code || known.Body.String() != unknown.Body.String() ||
		known.Header().Get("WWW-Authenticate") == "" || known.Header().Get("WWW-Authenticate") != unknown.Header().Get("WWW-Authenticate") {
		t.Errorf("got\n%d %s\n%d %s\nwant one answer", known.Code, known.Body, unknown.Code, unknown.Body)
	}
}

func TestAttackHeaderInjectionThroughStateAndErrors(t *testing.T) {
	w := newWorld(t)
	nasty := "a\r\nSet-Cookie: x=y\"<script>\xff\x00&code=forged#frag"
	site := w.browser().login("naver", "state", nasty)
	if strings.ContainsAny(site, "\r\n\"<>\x00#") || query(t, site).Get("state") != nasty {
		t.Errorf("got %q", site)
	}
	u := query(t, w.browser().authorize("state", nasty, "prompt", "none"))
	if u.Get("state") != nasty || u.Get("error") != "login_required" || u.Has("code") {
		t.Errorf("got %v", u)
	}
	if got := printable("a\r\n\"\\\t가"); got != "a'''''''"[:len(got)] || strings.ContainsAny(got, "\r\n\t\"\\") {
		t.Errorf("got %q", got)
	}
}
