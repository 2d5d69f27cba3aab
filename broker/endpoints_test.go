package broker

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sinho/providers"
)

func TestTokenEndpointErrors(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		form   url.Values
		auth   []string
		status int
		code   string
	}{
		{"no client at all", codeForm("x"), nil, 401, "invalid_client"},
		{"a confidential client without its secret", codeForm("x", "client_id", "booking"), nil, 401, "invalid_client"},
		{"a wrong secret by post", codeForm("x", "client_id", "booking", "client_secret", "no"), nil, 401, "invalid_client"},
		{"the right secret by post", codeForm("x", "client_id", "booking", "client_secret", secret), nil, 400, "invalid_grant"},
		{"a public client with a secret", codeForm("x", "client_id", "app", "client_secret", "no"), nil, 401, "invalid_client"},
		{"a public client", codeForm("x", "client_id", "app"), nil, 400, "invalid_grant"},
		{"two methods", codeForm("x", "client_secret", secret), []string{"booking", secret}, 400, "invalid_request"},
		{"another client_id in the body", codeForm("x", "client_id", "school"), []string{"booking", secret}, 400, "invalid_request"},
		{"the same client_id in the body", codeForm("x", "client_id", "booking"), []string{"booking", secret}, 400, "invalid_grant"},
		{"an assertion", codeForm("x", "client_assertion", "x"), nil, 401, "invalid_client"},
		{"no grant type", codeForm("x", "grant_type", ""), []string{"booking", secret}, 400, "invalid_request"},
		{"password grant", codeForm("x", "grant_type", "password"), []string{"booking", secret}, 400, "unsupported_grant_type"},
		{"no code", codeForm("", "code", ""), []string{"booking", secret}, 400, "invalid_request"},
		{"two codes", url.Values{"grant_type": {"authorization_code"}, "code": {"a", "b"}}, []string{"booking", secret}, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := w.post("/token", c.form, c.auth...)
			var body map[string]string
			if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if rec.Code != c.status || body["error"] != c.code {
				t.Errorf("got %d %s, want %d %s", rec.Code, rec.Body, c.status, c.code)
			}
			if len(body) != 2 || rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %v %v", body, rec.Header())
			}
			for _, r := range body["error_description"] {
				if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
					t.Errorf("error_description has %q", r)
				}
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/token?client_id=app&code=x&grant_type=authorization_code", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	if rec.Code != http.StatusBadRequest {
		t.Errorf("JSON and a query: got %d %s, want 400", rec.Code, rec.Body)
	}
}

func TestAllAuthenticationMethodsAndAlgorithms(t *testing.T) {
	w := newWorld(t)
	code := query(t, w.browser().login("naver")).Get("code")
	if rec := w.post("/token", codeForm(code, "client_id", "booking", "client_secret", secret)); rec.Code != http.StatusOK {
		t.Errorf("client_secret_post: got %d %s", rec.Code, rec.Body)
	}
	app := []string{"client_id", "app", "redirect_uri", "http://127.0.0.1:999/cb"}
	code = query(t, w.browser().login("naver", app...)).Get("code")
	if rec := w.post("/token", codeForm(code, app...)); rec.Code != http.StatusOK {
		t.Errorf("none with PKCE: got %d %s", rec.Code, rec.Body)
	}
	code = query(t, w.browser().login("naver", school()...)).Get("code")
	rec := w.post("/token", codeForm(code, "redirect_uri", "https://school.example/cb?x=1"), "school", secret+"2")
	if rec.Code != http.StatusOK {
		t.Fatalf("client_secret_basic: got %d %s", rec.Code, rec.Body)
	}
	head, _, _ := strings.Cut(decode[tokens](t, rec).IDToken, ".")
	raw, err := strict64.DecodeString(head)
	if err != nil || !strings.Contains(string(raw), `"RS256"`) {
		t.Errorf("got header %s %v, want RS256", raw, err)
	}
}

func TestUserinfoByEveryWay(t *testing.T) {
	w := newWorld(t)
	tok := w.redeem(w.browser().login("naver", "scope", "openid email")).Access
	do := func(method, header string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/userinfo", strings.NewReader(form.Encode()))
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		return rec
	}
	form := url.Values{"access_token": {tok}}
	for _, c := range []struct {
		name, method, header string
		form                 url.Values
		status               int
		challenge            string
	}{
		{"GET with header", "GET", "Bearer " + tok, nil, 200, ""},
		{"GET with a lower-case scheme", "GET", "bearer " + tok, nil, 200, ""},
		{"POST with header", "POST", "Bearer " + tok, nil, 200, ""},
		{"POST with form", "POST", "", form, 200, ""},
		{"both ways at once", "POST", "Bearer " + tok, form, 400, `error="invalid_request"`},
		{"two in the form", "POST", "", url.Values{"access_token": {tok, tok}}, 400, `error="invalid_request"`},
		{"nothing", "GET", "", nil, 401, `Bearer realm="sinho"`},
		{"basic", "GET", "Basic eDp4", nil, 400, `error="invalid_request"`},
		{"nonsense", "GET", "Bearer x", nil, 401, `error="invalid_token"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := do(c.method, c.header, c.form)
			if rec.Code != c.status || !strings.Contains(rec.Header().Get("WWW-Authenticate"), c.challenge) {
				t.Errorf("got %d %q, want %d %q", rec.Code, rec.Header().Get("WWW-Authenticate"), c.status, c.challenge)
			}
			if rec.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Error("scripts cannot read it")
			}
			if rec.Code != http.StatusOK {
				return
			}
			u := decode[map[string]any](t, rec)
			if u["email"] != "hong@example.com" || u["name"] != nil || u["phone_number"] != nil || u["birthdate"] != nil {
				t.Errorf("got %v, want e-mail and nothing that was not granted", u)
			}
		})
	}
}

func TestDiscoveryAndKeys(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	var doc map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" || doc["issuer"] != issuer ||
		!strings.Contains(rec.Header().Get("Cache-Control"), "max-age") || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %v %v", rec.Code, rec.Header(), doc)
	}
	for name, value := range doc {
		if s, ok := value.(string); ok && !strings.HasPrefix(s, "https://") {
			t.Errorf("%s is %s, want https", name, s)
		}
	}
	for name, want := range map[string]string{
		"id_token_signing_alg_values_supported": "RS256", "scopes_supported": "openid", "response_types_supported": "code",
		"subject_types_supported": "pairwise", "claims_supported": "birthdate", "code_challenge_methods_supported": "S256",
		"token_endpoint_auth_methods_supported": "client_secret_post", "grant_types_supported": "authorization_code",
	} {
		if list, ok := doc[name].([]any); !ok || !slices.Contains(list, any(want)) {
			t.Errorf("%s is %v, want %s in it", name, doc[name], want)
		}
	}
	for name, want := range map[string]bool{
		"request_parameter_supported": true, "request_uri_parameter_supported": false, "claims_parameter_supported": true,
		"authorization_response_iss_parameter_supported": true,
	} {
		if doc[name] != want {
			t.Errorf("%s is %v, want %v", name, doc[name], want)
		}
	}
	rec = httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	if rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), `"d"`) || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	rec = httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodOptions, "/userinfo", nil))
	if rec.Code != http.StatusNoContent || !strings.Contains(rec.Header().Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: got %d %v", rec.Code, rec.Header())
	}
}

func TestAuthorizeAnswersToTheSite(t *testing.T) {
	w := newWorld(t)
	dup := params()
	dup.Add("scope", "openid")
	for _, c := range []struct {
		name string
		v    url.Values
		want string
	}{
		{"response_type missing", params("response_type", ""), "invalid_request"},
		{"response_type token", params("response_type", "token"), "unsupported_response_type"},
		{"scope without openid", params("scope", "profile"), "invalid_scope"},
		{"scope missing", params("scope", ""), "invalid_scope"},
		{"a parameter twice", dup, "invalid_request"},
		{"a request object", params("request", "eyJ"), "request_not_supported"},
		{"a request URI", params("request_uri", "https://x.example"), "request_uri_not_supported"},
		{"registration", params("registration", "{}"), "registration_not_supported"},
		{"an unsupported response mode", params("response_mode", "fragment"), "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				var rec *httptest.ResponseRecorder
				if method == http.MethodGet {
					rec = w.browser().do(method, "/authorize?"+c.v.Encode(), nil)
				} else {
					rec = w.browser().do(method, "/authorize", c.v)
				}
				to := rec.Header().Get("Location")
				q := query(t, to)
				if rec.Code != http.StatusSeeOther || !strings.HasPrefix(to, callback+"?error=") || q.Get("error") != c.want ||
					q.Get("state") != "the-state" || q.Get("iss") != issuer {
					t.Errorf("%s: got %d %s, want %s", method, rec.Code, to, c.want)
				}
			}
		})
	}
	rec := w.browser().do(http.MethodGet, "/authorize?"+params("client_id", "nobody").Encode(), nil)
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "nobody") || rec.Header().Get("Location") != "" {
		t.Errorf("unknown client: got %d %s", rec.Code, rec.Body)
	}
	for _, harmless := range [][]string{{"ui_locales", "fr-CA ko-KR en"}, {"foo", "bar"}, {"id_token_hint", "junk"}, {"acr_values", "0 1 2"}, {"display", "popup"}} {
		br := w.browser()
		l, err := br.resume(br.chooser(harmless...))
		if err != nil || len(l.Routes) != 3 {
			t.Errorf("%v broke the request: %+v %v", harmless, l, err)
		}
		if harmless[0] == "ui_locales" && l.Locale != "ko" {
			t.Errorf("got locale %q, want ko", l.Locale)
		}
	}
	br := w.browser()
	l, err := br.resume(br.chooser("login_hint", "kakao"))
	if err != nil || l.Hint != "kakao" || l.Seed == "" || l.Site.Origin != "https://booking.example" || l.Site.Name.KO != "예약" {
		t.Errorf("got %+v %v", l, err)
	}
	again, err := br.resume(br.chooser())
	if err != nil || again.Seed != l.Seed {
		t.Errorf("the browser's seed is not stable: %q and %q", again.Seed, l.Seed)
	}
}

func TestRPInitiatedLogout(t *testing.T) {
	for _, post := range []bool{false, true} {
		w := newWorld(t)
		br := w.browser()
		tok := w.redeem(br.login("naver"))
		v := url.Values{"id_token_hint": {tok.IDToken}, "post_logout_redirect_uri": {"https://booking.example/bye"}, "state": {"a b&c"}, "client_id": {"booking"}}
		target := "/logout?" + v.Encode()
		if post {
			rec := w.browser().do(http.MethodPost, "/logout", v) // cross-site: no cookies
			target = rec.Header().Get("Location")
			if !strings.HasPrefix(target, "/logout?out=") {
				t.Fatalf("got %d %q", rec.Code, target)
			}
		}
		w.store.waited()
		rec := br.do(http.MethodGet, target, nil)
		if got, want := rec.Header().Get("Location"), "https://booking.example/bye?state=a+b%26c"; got != want {
			t.Errorf("got %d %q, want %q", rec.Code, got, want)
		}
		if all := w.store.durable; len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "s:") {
			t.Errorf("got durable writes %v, want the session's end at last", all)
		}
		if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
			t.Errorf("prompt=none afterwards: got %q, want login_required", got)
		}
		rec = br.do(http.MethodGet, target, nil) // again, without a session
		if got := rec.Header().Get("Location"); !strings.HasPrefix(got, "https://booking.example/bye") {
			t.Errorf("without a session: got %q", got)
		}
	}
}

func TestANewLoginReplacesTheSession(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	must2(t)(br.proceed(br.chooser(school()...)))
	stolen := w.browser()
	maps.Copy(stolen.cookies, br.cookies)
	br.login("naver", "prompt", "login")
	if got := br.authorize(school("prompt", "none")...); !query(t, got).Has("code") {
		t.Errorf("where the person had agreed they are asked again: %s", got)
	}
	if got := query(t, stolen.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("the session before: got %q, want login_required", got)
	}
}

func TestALogoutBetweenReadingAndUsingASessionWins(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	w.store.read = func() { // the other tab logs out right now
		for k := range w.store.records {
			if strings.Contains(k, "/s:") {
				delete(w.store.records, k)
			}
		}
	}
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("got %q, want login_required", got)
	}
}

func TestIDTokenHintOfAnotherPerson(t *testing.T) {
	w := newWorld(t)
	br, other := w.browser(), w.browser()
	mine := w.redeem(br.login("naver"))
	w.naver.who.Subject = "other"
	theirs := w.redeem(other.login("naver"))
	if got := br.authorize("prompt", "none", "id_token_hint", mine.IDToken); !query(t, got).Has("code") {
		t.Errorf("one's own hint: got %s", got)
	}
	if got := query(t, br.authorize("prompt", "none", "id_token_hint", theirs.IDToken)).Get("error"); got != "login_required" {
		t.Errorf("another's hint: got %q, want login_required", got)
	}
}

func TestNewReportsEverythingWrong(t *testing.T) {
	_, err := New(Config{Issuer: "http://example.com", Pepper: []byte("short"), Providers: []providers.Provider{
		redirector{&vendor{info: providers.Info{ID: "continue", Shape: providers.Redirect, Assurance: providers.Asserted}}},
		redirector{&vendor{info: providers.Info{ID: "x", Shape: providers.Push, Assurance: providers.Asserted}}},
	}})
	for _, want := range []string{"issuer", "pepper", "are needed", `"continue"`, "no Pusher"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	for issuer, ok := range map[string]bool{
		"https://login.example": true, "http://localhost:8080": true, "http://127.0.0.1:1": true, "http://[::1]:1": true,
		"http://10.0.0.1": false, "https://login.example/": false, "https://login.example/a": false, "https://u@login.example": false,
		"https://LOGIN.example": false, "login.example": false, "": false, "https://login.example?x": false, "ftp://localhost": false,
	} {
		if _, err := checkIssuer(issuer); (err == nil) != ok {
			t.Errorf("issuer %q: got %v, want ok %v", issuer, err, ok)
		}
	}
}

func TestCookiesOnLoopbackAndTLS(t *testing.T) {
	for issuer, name := range map[string]string{issuer: "__Host-sinho-b", "http://localhost:8080": "sinho-b"} {
		w := newWorld(t, func(c *Config) { c.Issuer = issuer })
		br := w.browser()
		rec := br.do(http.MethodGet, "/authorize?"+params().Encode(), nil)
		c := rec.Result().Cookies()[0]
		if c.Name != name || c.Secure != strings.HasPrefix(issuer, "https") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: got %s", issuer, c)
		}
	}
}
