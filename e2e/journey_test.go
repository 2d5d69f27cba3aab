package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sinho/citizen"
)

// gate answers the requests it matches itself and keeps the first of them: a
// phone that lost its network just there, or a site that is not running.
type gate struct {
	match func(*url.URL) bool
	once  bool // let later ones through
	mu    sync.Mutex
	kept  string
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	stopped := g.match(r.URL) && (!g.once || g.kept == "")
	if stopped && g.kept == "" {
		g.kept = r.URL.String()
	}
	g.mu.Unlock()
	if !stopped {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"text/html"}},
		Body:    io.NopCloser(strings.NewReader("<title>stopped here</title>")),
		Request: r,
	}, nil
}

// approveAtKakao walks from an authorization request through Kakao's page; the
// gate decides where it stops.
func approveAtKakao(t *testing.T, authorize string, at *gate) *citizen.Browser {
	t.Helper()
	b := citizen.New(citizen.Config{Transport: at})
	page, err := b.Open(t.Context(), authorize)
	if err == nil {
		page, err = b.Click(t.Context(), page, "#login-kakao")
	}
	if err == nil {
		_, err = b.Click(t.Context(), page, "#approve")
	}
	if err != nil {
		t.Fatal(err)
	}
	if at.kept == "" {
		t.Fatal("the walk never came to the gate")
	}
	return b
}

func testForeignCallback(t *testing.T, d *demo) {
	lost := &gate{once: true, match: func(u *url.URL) bool { return u.Path == "/callback/kakao" }}
	mine := approveAtKakao(t, d.authorize(), lost)
	a := fetch(t, stranger(t, true), http.MethodGet, lost.kept, nil)
	expectPage(t, a, http.StatusBadRequest, "문의번호", "브라우저")
	if strings.Contains(a.location, "code=") {
		t.Error("another browser was given the code")
	}
	page, err := mine.Open(t.Context(), lost.kept)
	if err != nil {
		t.Fatal(err)
	}
	// The site never began this login, so it refuses; that we got there is the point.
	if !strings.HasPrefix(page.URL.String(), d.url(atBooking, "/")) {
		t.Errorf("the rightful browser ended at %s, want the booking site", page.URL)
	}
}

// testReplayedCode redeems a code twice as the public playground client.
func testReplayedCode(t *testing.T, d *demo) {
	const redirect = "http://localhost:3000/callback"
	site := &gate{match: func(u *url.URL) bool { return u.Port() == "3000" }}
	approveAtKakao(t, d.authorize("client_id", "playground", "redirect_uri", redirect), site)
	back, err := url.Parse(site.kept)
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("came back to the site as %q (%v), want a code", site.kept, err)
	}
	if got := back.Query().Get("iss"); got != d.url(atBroker, "") {
		t.Errorf("iss is %q, want %q (RFC 9207)", got, d.url(atBroker, ""))
	}
	redeem := func() answer {
		return fetch(t, stranger(t, false), http.MethodPost, d.url(atBroker, "/token"), url.Values{
			"grant_type": {"authorization_code"}, "client_id": {"playground"}, "redirect_uri": {redirect},
			"code": {back.Query().Get("code")}, "code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
		})
	}
	first := redeem()
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(first.body), &tokens); err != nil || first.status != http.StatusOK {
		t.Fatalf("first redemption: %d %s (%v)", first.status, first.body, err)
	}
	if second := redeem(); second.status != http.StatusBadRequest || !strings.Contains(second.body, `"invalid_grant"`) {
		t.Errorf("second redemption: got %d %s, want 400 invalid_grant", second.status, second.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url(atBroker, "/userinfo"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token of a replayed code: got status %d at userinfo, want 401", resp.StatusCode)
	}
}
