package peers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// between stands before an upstream at its public address, as any balancer
// does, and can be a bad provider in its place: it publishes a key of its own
// beside the upstream's, so that a token it has changed is refused for what it
// says and not for its signature.
type between struct {
	t      *testing.T
	server *httptest.Server
	issuer string
	alg    jose.SignatureAlgorithm
	own    jose.JSONWebKey // private
	paths  paths

	mu       sync.Mutex // guards what follows
	now      meddling
	keysRead int
	read     chan struct{}     // closed with each
	keys     []jose.JSONWebKey // the upstream's own, as last read
	asked    url.Values        // the last token request
	tokens   []string          // ID tokens that passed, as the upstream made them
}

// paths of an upstream's endpoints.
type paths struct{ authorize, pushed, token, userinfo, keys string }

// meddling changes what passes by; nil changes nothing.
type meddling struct {
	authorize func(url.Values)     // what an authorization request asks, pushed (RFC 9126) or not
	token     func(url.Values)     // a token request
	client    string               // the client that all these come from
	tokens    func(map[string]any) // the answer to a token request
	userinfo  func(map[string]any) // the claims of userinfo
	// status of the answers of token and userinfo, 0 for the upstream's.
	tokenStatus, userinfoStatus int
}

func newBetween(t *testing.T, address string, one upstream) *between {
	t.Helper()
	b := &between{
		t: t, read: make(chan struct{}), alg: jose.SignatureAlgorithm(one.alg),
		own: jose.JSONWebKey{Key: signingKey(t, one.alg), KeyID: "between", Use: "sig"},
	}
	b.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: address})
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding")
			b.change(r.Out)
		},
		ModifyResponse: b.answer,
	})
	t.Cleanup(b.server.Close)
	_, port, _ := strings.Cut(b.server.Listener.Addr().String(), ":")
	b.issuer = "http://localhost:" + port + one.path
	return b
}

// learn reads where the endpoints are.
func (b *between) learn(t *testing.T) {
	t.Helper()
	metadata := readJSON(t, b.issuer+"/.well-known/openid-configuration")
	path := func(name string) string {
		address, ok := metadata[name].(string)
		u, err := url.Parse(address)
		if !ok && strings.HasPrefix(name, "pushed_") {
			return "" // not every provider has one
		}
		if err != nil || u.Path == "" {
			t.Fatalf("metadata of %s: %s is %q", b.issuer, name, address)
		}
		return u.Path
	}
	b.paths = paths{
		path("authorization_endpoint"), path("pushed_authorization_request_endpoint"), path("token_endpoint"),
		path("userinfo_endpoint"), path("jwks_uri"),
	}
}

// during lets one thing happen while it is meddled with.
func (b *between) during(now meddling, happens func()) {
	b.mu.Lock()
	b.now = now
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.now = meddling{}
		b.mu.Unlock()
	}()
	happens()
}

// reads is how often the broker has read the keys to verify by them.
func (b *between) reads() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keysRead
}

// wait waits until they have been read n times.
func (b *between) wait(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		b.mu.Lock()
		have, more := b.keysRead, b.read
		b.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("the keys of %s were read %d times after 30 s, want %d", b.issuer, have, n)
		}
	}
}

// last is the latest ID token that the upstream made, and its kid.
func (b *between) last() (token, kid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.tokens) == 0 {
		return "", ""
	}
	token = b.tokens[len(b.tokens)-1]
	return token, kidOf(token)
}

// lastRequest is the latest token request that passed.
func (b *between) lastRequest() url.Values {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func kidOf(token string) string {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return jws.Signatures[0].Header.KeyID
}

func (b *between) change(r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.paths.token == "": // not learned yet
	case r.URL.Path == b.paths.authorize:
		q := r.URL.Query()
		if b.now.authorize != nil && !q.Has("request_uri") { // else it was changed when it was pushed
			b.now.authorize(q)
		}
		if b.now.client != "" {
			q.Set("client_id", b.now.client)
		}
		r.URL.RawQuery = q.Encode()
	case r.URL.Path == b.paths.token:
		b.changeForm(r, b.now.token)
	case r.URL.Path == b.paths.pushed:
		b.changeForm(r, b.now.authorize)
	}
}

// changeForm changes what a client posts, and as whom. Called with mu held.
func (b *between) changeForm(r *http.Request, change func(url.Values)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Errorf("read %s: %v", r.URL.Path, err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		b.t.Errorf("%s: %q: %v", r.URL.Path, body, err)
	}
	if change != nil {
		change(form)
	}
	if b.now.client != "" {
		if _, secret, basic := r.BasicAuth(); basic { // as it is encoded (RFC 6749 section 2.3.1)
			r.SetBasicAuth(b.now.client, secret)
		}
		if form.Has("client_id") {
			form.Set("client_id", b.now.client)
		}
	}
	if r.URL.Path == b.paths.token {
		b.asked = form
	}
	body = []byte(form.Encode())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func (b *between) answer(resp *http.Response) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.paths.keys != "" && resp.Request.URL.Path == b.paths.keys:
		if resp.Request.UserAgent() != "sinho-probe" { // which only looks whether anybody answers
			b.keysRead++
			close(b.read)
			b.read = make(chan struct{})
		}
		return b.rewrite(resp, 0, b.publish)
	case b.paths.token != "" && resp.Request.URL.Path == b.paths.token:
		return b.rewrite(resp, b.now.tokenStatus, func(doc map[string]any) {
			if raw, ok := doc["id_token"].(string); ok {
				b.tokens = append(b.tokens, raw)
			}
			if b.now.tokens != nil {
				b.now.tokens(doc)
			}
		})
	case b.paths.userinfo != "" && resp.Request.URL.Path == b.paths.userinfo:
		return b.rewrite(resp, b.now.userinfoStatus, b.now.userinfo)
	}
	return nil
}

// publish adds its own key to a JWKS. Called with mu held.
func (b *between) publish(doc map[string]any) {
	raw, err := json.Marshal(doc)
	if err != nil {
		b.t.Error(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		b.t.Errorf("keys of %s: %v", b.issuer, err)
	}
	b.keys = set.Keys
	list, _ := doc["keys"].([]any)
	doc["keys"] = append(list, b.own.Public())
}

// rewrite changes a JSON answer. Called with mu held.
func (b *between) rewrite(resp *http.Response, status int, change func(map[string]any)) error {
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		return err
	}
	resp.Body.Close()
	if change != nil {
		change(doc)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if status != 0 {
		resp.StatusCode = status
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// says is a meddling with the claims of the ID token, signed by its own key.
func (b *between) says(change func(map[string]any)) meddling {
	return b.signs(func(claims map[string]any) string {
		change(claims)
		return b.sign(b.alg, b.own.Key, b.own.KeyID, claims)
	})
}

// signs is a meddling that puts another ID token in the place of the one with
// these claims.
func (b *between) signs(forge func(claims map[string]any) string) meddling {
	return meddling{tokens: func(doc map[string]any) {
		raw, _ := doc["id_token"].(string)
		jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
		if err != nil {
			b.t.Errorf("the upstream's ID token: %v", err)
			return
		}
		var claims map[string]any
		decoder := json.NewDecoder(bytes.NewReader(jws.UnsafePayloadWithoutVerification()))
		decoder.UseNumber()
		if err := decoder.Decode(&claims); err != nil {
			b.t.Errorf("the upstream's ID token: %v", err)
			return
		}
		doc["id_token"] = forge(claims)
	}}
}

func (b *between) sign(alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	options := &jose.SignerOptions{}
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		b.t.Errorf("sign: %v", err)
		return ""
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		b.t.Error(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		b.t.Errorf("sign: %v", err)
		return ""
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		b.t.Error(err)
	}
	return token
}

// published is the upstream's own key that signs, as last read.
func (b *between) published() jose.JSONWebKey {
	for _, key := range b.keys {
		if key.KeyID == kidOf(b.tokens[len(b.tokens)-1]) {
			return key
		}
	}
	b.t.Errorf("%s signs with a key that it does not publish", b.issuer)
	return jose.JSONWebKey{}
}

// signingKey is a private key of the kind that alg signs with.
func signingKey(t *testing.T, alg string) crypto.Signer {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}
