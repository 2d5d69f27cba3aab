package broker

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/broker/client"
)

// Pushed authorization requests (RFC 9126), as FAPI 2.0 asks for them.

// push gives a request_uri of booking, or of what changes name.
func (w *world) push(auth []string, changes ...string) string {
	w.t.Helper()
	rec := w.post("/par", params(changes...), auth...)
	if rec.Code != http.StatusCreated {
		w.t.Fatalf("POST /par: got %d %s, want 201", rec.Code, rec.Body)
	}
	return decode[pushedAnswer](w.t, rec).RequestURI
}

var asBooking = []string{"booking", secret}

// come is a browser that comes with a request_uri.
func (br *browser) come(client, uri string, more ...string) *httptest.ResponseRecorder {
	v := url.Values{"client_id": {client}, "request_uri": {uri}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return br.do(http.MethodGet, "/authorize?"+v.Encode(), nil)
}

func wantPage(t testing.TB, rec *httptest.ResponseRecorder, problem string) {
	t.Helper()
	if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" || !strings.Contains(rec.Body.String(), problem) {
		t.Errorf("got %d %q %s, want a page that says %s", rec.Code, rec.Header().Get("Location"), rec.Body, problem)
	}
}

func TestPARAnswers201WithARequestURIAndStoresNothing(t *testing.T) {
	w := protocolWorld(t)
	rec := w.post("/par", params(), asBooking...)
	body := decode[map[string]any](t, rec)
	if uri, _ := body["request_uri"].(string); rec.Code != http.StatusCreated || len(body) != 2 || body["expires_in"] != 60.0 || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") {
		t.Errorf("got %d %v", rec.Code, body)
	}
	if rec.Header().Get("Content-Type") != "application/json" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", rec.Header())
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
}

func TestPARTakesPOSTOnly(t *testing.T) {
	w := protocolWorld(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		r := httptest.NewRequest(method, "/par", strings.NewReader(params().Encode()))
		r.SetBasicAuth("booking", secret)
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q, want 405 and POST", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

func TestPARErrorsAreJSON(t *testing.T) {
	w := protocolWorld(t)
	two := params()
	two.Add("scope", "openid")
	for _, c := range []struct {
		name   string
		v      url.Values
		auth   []string
		status int
		code   string
	}{
		{"no client", params("client_id", ""), nil, 401, "invalid_client"},
		{"a client without its secret", params(), nil, 401, "invalid_client"},
		{"a wrong secret", params(), []string{"booking", "x"}, 401, "invalid_client"},
		{"another client_id", params("client_id", "school"), asBooking, 400, "invalid_request"},
		{"a request_uri inside", params("request_uri", "https://x.example"), asBooking, 400, "invalid_request"},
		{"a pushed request_uri inside", params("request_uri", w.push(asBooking)), asBooking, 400, "invalid_request"},
		{"an unregistered redirect_uri", params("redirect_uri", "https://evil.example/"), asBooking, 400, "invalid_request"},
		{"no response_type", params("response_type", ""), asBooking, 400, "invalid_request"},
		{"response_type token", params("response_type", "token"), asBooking, 400, "unsupported_response_type"},
		{"no openid", params("scope", "profile"), asBooking, 400, "invalid_scope"},
		{"plain PKCE", params("code_challenge_method", "plain"), asBooking, 400, "invalid_request"},
		{"a parameter twice", two, asBooking, 400, "invalid_request"},
		{"an unknown resource", params("resource", "https://api.example"), asBooking, 400, "invalid_target"},
		{"a request object without keys", params("request", "a.b.c"), asBooking, 400, "request_not_supported"},
		{"unattainable", params("claims", `{"id_token":{"acr":{"essential":true,"value":"x"}}}`), asBooking, 400, "unmet_authentication_requirements"},
		{"too much when sealed", params("state", strings.Repeat("s", 1024), "nonce", strings.Repeat("n", 1024)), asBooking, 400, "invalid_request"},
		{"over 16 KB", params("extra", strings.Repeat("s", 17<<10)), asBooking, 413, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := w.post("/par", c.v, c.auth...)
			body := decode[map[string]string](t, rec)
			if rec.Code != c.status || body["error"] != c.code || len(body) != 2 || rec.Header().Get("Location") != "" {
				t.Errorf("got %d %v, want %d %s", rec.Code, body, c.status, c.code)
			}
		})
	}
}

func TestPARRequestLogsInAndAddsOneStoreWait(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	uri := w.push(asBooking)
	r := sealedIn(t, br.come("booking", uri).Header().Get("Location"))
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits at /authorize, want 1", n)
	}
	to := must2(t)(br.begin(r, "naver", nil))
	site := must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect
	c := w.claims(w.redeem(site))
	if n := w.store.waited(); n != 2 {
		t.Errorf("got %d store waits for the rest of the login, want 2", n)
	}
	if q := query(t, site); q.Get("state") != "the-state" || q.Get("iss") != issuer || c.Nonce != "the-nonce" {
		t.Errorf("got %v, nonce %q", q, c.Nonce)
	}
}

func TestPARParametersOutsideAreIgnored(t *testing.T) {
	w := protocolWorld(t)
	rec := w.browser().come("booking", w.push(asBooking), "redirect_uri", "https://evil.example/", "state", "forged", "prompt", "none", "scope", "x", "response_type", "token")
	if got := chosen(t, rec.Header().Get("Location")); got != "chooser" {
		t.Errorf("got %d %s, want the chooser", rec.Code, got)
	}
}

func TestPARRequestURIIsBoundToItsClientAndExpires(t *testing.T) {
	w := protocolWorld(t)
	uri := w.push(asBooking)
	wantPage(t, w.browser().come("school", uri), ProblemTampered)
	wantPage(t, w.browser().come("nobody", uri), ProblemClient)
	wantPage(t, w.browser().come("booking", uri+"A"), ProblemTampered)
	wantPage(t, w.browser().come("booking", pushedPrefix), ProblemTampered)
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits by strangers, want 0", n)
	}
	w.clock.add(59 * time.Second)
	if got := chosen(t, w.browser().come("booking", uri).Header().Get("Location")); got != "chooser" {
		t.Errorf("after 59 s: got %s, want the chooser", got)
	}
	w.clock.add(2 * time.Second)
	refusedWith(t, w.browser().come("booking", uri), "invalid_request_uri")
}

func TestPARRequestURIIsForOneBrowserThatMayReloadUntilItHasLoggedIn(t *testing.T) {
	w := protocolWorld(t)
	br, other := w.browser(), w.browser()
	uri := w.push(asBooking)
	for range 3 {
		if got := chosen(t, br.come("booking", uri).Header().Get("Location")); got != "chooser" {
			t.Fatalf("a reload: got %s, want the chooser", got)
		}
	}
	wantPage(t, other.come("booking", uri), ProblemOtherBrowser)
	other.b = w.node() // and on another node
	other.h = other.b.Handler()
	wantPage(t, other.come("booking", uri), ProblemOtherBrowser)

	r := sealedIn(t, br.come("booking", uri).Header().Get("Location"))
	to := must2(t)(br.begin(r, "naver", nil))
	if got := chosen(t, br.come("booking", uri).Header().Get("Location")); got != "chooser" {
		t.Errorf("a reload while away: got %s, want the chooser", got)
	}
	must2(t)(br.finish("naver", approve(t, to.Redirect)))
	refusedWith(t, br.come("booking", uri), "invalid_request_uri")
}

func TestPARRequestURIGivesOneCodeBySingleSignOn(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	br.login("naver")
	uri := w.push(asBooking)
	w.store.waited()
	first := br.come("booking", uri).Header().Get("Location")
	if n := w.store.waited(); n != 3 { // claim, session, code
		t.Errorf("got %d store waits, want 3", n)
	}
	w.redeem(first)
	refusedWith(t, br.come("booking", uri), "invalid_request_uri")

	uri = w.push(asBooking, "prompt", "consent")
	r := sealedIn(t, br.come("booking", uri).Header().Get("Location"))
	w.redeem(must2(t)(br.proceed(r)).Redirect)
	refusedWith(t, br.come("booking", uri), "invalid_request_uri")

	// Two at the same time, before either answer has arrived, are one code.
	uri = w.push(asBooking)
	twin := w.browser()
	maps.Copy(twin.cookies, br.cookies)
	one, two := br.come("booking", uri).Header().Get("Location"), twin.come("booking", uri).Header().Get("Location")
	w.redeem(two)
	rec := w.post("/token", codeForm(query(t, one).Get("code")), asBooking...)
	if decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("the other spelling of one code: got %d %s, want invalid_grant", rec.Code, rec.Body)
	}
}

func TestPARRequestURIOfAPublicClientIsALinkAndStoresNothing(t *testing.T) {
	w := protocolWorld(t)
	app := []string{"client_id", "app", "redirect_uri", "http://127.0.0.1:999/cb"}
	uri := w.push(nil, app...)
	a, b := w.browser(), w.browser()
	ra := sealedIn(t, a.come("app", uri).Header().Get("Location"))
	rb := sealedIn(t, b.come("app", uri).Header().Get("Location"))
	la, err := a.resume(ra)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.resume(rb); problemCode(err) != ProblemOtherBrowser {
		t.Errorf("got %v for another browser's request", err)
	}
	if n := w.store.waited(); n != 0 || la.Ref == "" {
		t.Errorf("got %d store waits for somebody who proved nothing, want 0", n)
	}
}

func TestPARRequestURIByPOST(t *testing.T) {
	w := protocolWorld(t)
	br, cookieless := w.browser(), w.browser()
	uri := w.push(asBooking)
	v := url.Values{"client_id": {"booking"}, "request_uri": {uri}}
	rec := cookieless.do(http.MethodPost, "/authorize", v)
	bounced := rec.Header().Get("Location")
	if n := w.store.waited(); n != 0 || !strings.HasPrefix(bounced, "/authorize?posted=") {
		t.Fatalf("got %d %s and %d store waits, want a bounce and 0", rec.Code, bounced, n)
	}
	w.clock.add(59 * time.Second) // the bounce may take as long again
	for range 2 {
		if got := chosen(t, br.do(http.MethodGet, bounced, nil).Header().Get("Location")); got != "chooser" {
			t.Errorf("got %s, want the chooser", got)
		}
	}
	wantPage(t, w.browser().do(http.MethodGet, bounced, nil), ProblemOtherBrowser)
}

func TestPARIsRequiredOfThoseRegisteredSo(t *testing.T) {
	w := protocolWorld(t, func(c *client.Client) { c.RequirePAR = true })
	for _, v := range []url.Values{params(), params("request_uri", "https://booking.example/request.jwt")} {
		rec := w.browser().do(http.MethodGet, "/authorize?"+v.Encode(), nil)
		if got := answered(t, rec).Get("error"); got != "invalid_request" && got != "request_uri_not_supported" {
			t.Errorf("got %d %s, want an error", rec.Code, got)
		}
	}
	if got := chosen(t, w.browser().come("booking", w.push(asBooking)).Header().Get("Location")); got != "chooser" {
		t.Errorf("pushed: got %s, want the chooser", got)
	}
}

func TestPARWithTheStoreAwayIsToldToTheSite(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	uri := w.push(asBooking)
	w.store.breaks(errors.New("gone"))
	refusedWith(t, br.come("booking", uri), "temporarily_unavailable")
	w.store.breaks(nil)
	if got := chosen(t, br.come("booking", uri).Header().Get("Location")); got != "chooser" {
		t.Errorf("afterwards: got %s, want the chooser", got)
	}
}

func TestAttackSSRFThroughRequestURI(t *testing.T) {
	w := protocolWorld(t)
	for _, uri := range []string{"https://evil.example/r.jwt", "http://127.0.0.1:1/", "http://169.254.169.254/latest", "file:///etc/passwd", "urn:x", "urn:ietf:params:oauth:request_uri"} {
		refusedWith(t, w.browser().ask("request_uri", uri), "request_uri_not_supported")
		wantPage(t, w.browser().come("booking", uri), ProblemRedirect)
	}
	// Nothing here fetches: the package holds no HTTP client at all. What is left
	// to show is that both at once are refused.
	refusedWith(t, w.browser().ask("request_uri", "urn:x", "request", "a.b.c"), "invalid_request")
	refusedWith(t, w.browser().ask("request_uri", w.push(asBooking), "request", "a.b.c"), "invalid_request")
}

func TestAttackFloodWithOneRequestURIStoresOneRecord(t *testing.T) {
	w := protocolWorld(t)
	uri := w.push(asBooking)
	w.browser().come("booking", uri)
	for i := range 100 {
		br := w.browser()
		br.cookies["__Host-sinho-b"] = newID().String()
		if rec := br.come("booking", uri); rec.Code != http.StatusBadRequest {
			t.Errorf("browser %d: got %d", i, rec.Code)
		}
	}
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits, want the first browser's alone", n)
	}
}

func TestAttackOneRequestURIInManyBrowsersAtOnce(t *testing.T) {
	w := protocolWorld(t)
	uri := w.push(asBooking)
	nodes := []*Broker{w.b, w.node(), w.node()}
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		won []string
	)
	for i := range 30 {
		br := w.browser()
		br.b = nodes[i%len(nodes)]
		br.h = br.b.Handler()
		wg.Go(func() {
			if rec := br.come("booking", uri); rec.Code == http.StatusSeeOther {
				mu.Lock()
				won = append(won, fmt.Sprint(maps.Clone(br.cookies)))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("got %d browsers let in, want 1: %v", len(won), won)
	}
}

func FuzzPushedRequestURI(f *testing.F) {
	w := protocolWorld(f)
	uri := w.push(asBooking)
	for _, seed := range []string{uri, uri[:len(uri)-1], uri + "=", pushedPrefix, pushedPrefix + "AQEEdGVzdA", "urn:", "", "https://x.example/\x00", strings.ToUpper(uri)} {
		f.Add("booking", seed)
	}
	f.Add("school", uri)
	f.Fuzz(func(t *testing.T, client, s string) {
		if s == uri && client == "booking" || len(s) > 8000 {
			return
		}
		rec := w.browser().come(client, s)
		if rec.Code != http.StatusBadRequest && rec.Code != http.StatusRequestURITooLong || rec.Header().Get("Location") != "" {
			t.Errorf("%q: got %d %q, want a page", s, rec.Code, rec.Header().Get("Location"))
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store", s)
		}
	})
}
