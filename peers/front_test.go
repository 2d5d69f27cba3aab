package peers

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// front stands before the broker at its public address, as any balancer does.
// It keeps what clients and broker said at the token endpoint, and changes what
// a test asks it to: so we see that libraries look at what they are sent.
type front struct {
	server *httptest.Server

	mu        sync.Mutex // guards what follows
	exchanges []exchange
	now       tampering
}

// tampering changes what passes by; nil changes nothing.
type tampering struct {
	authorize func(url.Values)                     // the query of an authorization request
	token     func(h http.Header, form url.Values) // a token request
	tokens    func(map[string]any)                 // its answer
	userinfo  func(map[string]any)                 // the claims of userinfo
}

// exchange is one visit to the token endpoint.
type exchange struct {
	user   string // of the Basic header
	basic  bool
	form   url.Values
	status int
	answer map[string]any
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{server: httptest.NewUnstartedServer(nil)}
	return f
}

// behind sends everything on to the broker at address.
func (f *front) behind(t *testing.T, address string) {
	t.Helper()
	f.server.Config.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: address})
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding")
			f.change(t, r.Out)
		},
		ModifyResponse: f.keep,
	}
	f.server.Start()
	t.Cleanup(f.server.Close)
}

// while lets what happens until the end of the test be tampered with.
func (f *front) while(t *testing.T, now tampering) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now = tampering{}
	})
}

// last is the latest visit to the token endpoint, and how many there have been.
func (f *front) last() (exchange, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.exchanges)
	if n == 0 {
		return exchange{}, 0
	}
	return f.exchanges[n-1], n
}

func (f *front) change(t *testing.T, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/authorize" && f.now.authorize != nil:
		q := r.URL.Query()
		f.now.authorize(q)
		r.URL.RawQuery = q.Encode()
	case r.URL.Path == "/token":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read token request: %v", err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Errorf("token request %q: %v", body, err)
		}
		user, _, basic := r.BasicAuth()
		if plain, err := url.QueryUnescape(user); err == nil { // RFC 6749 section 2.3.1
			user = plain
		}
		f.exchanges = append(f.exchanges, exchange{user: user, basic: basic, form: maps.Clone(form)})
		if f.now.token != nil {
			f.now.token(r.Header, form)
			body = []byte(form.Encode())
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
}

func (f *front) keep(resp *http.Response) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var change func(map[string]any)
	switch resp.Request.URL.Path {
	case "/token":
		change = f.now.tokens
	case "/userinfo":
		change = f.now.userinfo
	default:
		return nil
	}
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		return err
	}
	resp.Body.Close()
	if n := len(f.exchanges); resp.Request.URL.Path == "/token" && n > 0 {
		f.exchanges[n-1].status, f.exchanges[n-1].answer = resp.StatusCode, maps.Clone(doc)
	}
	if change != nil {
		change(doc)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
