package providers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// hosts answers for whole hosts without a socket, so that it also works where
// time is faked. A handler that returns after its request was given up, or
// panics, has given no answer.
type hosts map[string]http.Handler

func (h hosts) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	handler, ok := h[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	defer func() {
		if recover() != nil {
			resp, err = nil, errors.New("connection reset")
		}
	}()
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	handler.ServeHTTP(rec, r)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return rec.Result(), nil
}

func (h hosts) client() *http.Client { return &http.Client{Transport: h, Timeout: 5 * time.Second} }

// never answers.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// testKeys are made once: RSA keys are slow to make.
var testKeys = sync.OnceValue(func() map[string]any {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]any{"RS256": r, "ES256": e, "other": other}
})

func sign(t testing.TB, alg, kid string, key any, claims map[string]any) string {
	t.Helper()
	return signWith(t, alg, key, kid, claims)
}

// signWith signs with more headers, given as names and values.
func signWith(t testing.TB, alg string, key any, kid string, claims map[string]any, headers ...any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for i := 0; i < len(headers); i += 2 {
		o = o.WithHeader(jose.HeaderKey(headers[i].(string)), headers[i+1])
	}
	s, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: key, KeyID: kid},
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func public(t testing.TB, keys map[string]any) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for kid, key := range keys {
		jwk := jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"}
		set.Keys = append(set.Keys, jwk.Public())
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	testNonce    = "nonce-of-this-login"
	testState    = "state-of-this-login"
	testVerifier = "verifier-verifier-verifier-verifier-verifier"
	testIssuer   = "https://op.example"
)

func testAsk() Ask {
	return Ask{
		RedirectURI: "https://sinho.example/callback/x", State: testState, Nonce: testNonce, Verifier: testVerifier,
	}
}

// upstream is a redirect provider whose every answer a test can change.
type upstream struct {
	kind   string
	alg    string
	issuer string

	mu       sync.Mutex // guards the rest
	keys     map[string]any
	claims   map[string]any // laid over the usual; nil takes one away
	idToken  func(claims map[string]any) string
	token    map[string]any
	tokenAt  int
	profile  any
	profileA int
	metadata map[string]any
	calls    map[string]int
	form     url.Values
	pushed   url.Values
	pushedBy string
	override map[string]http.HandlerFunc
}

func newUpstream(t testing.TB, kind string) *upstream {
	u := &upstream{
		kind: kind, alg: "RS256", issuer: testIssuer, tokenAt: 200, profileA: 200,
		calls: map[string]int{}, override: map[string]http.HandlerFunc{},
		token: map[string]any{"access_token": "at", "token_type": "bearer", "expires_in": 3600},
	}
	switch kind {
	case "naver":
		u.issuer = "https://nid.naver.com"
		u.profile = map[string]any{"resultcode": "00", "response": map[string]any{"id": "person-1", "name": "홍길동"}}
	case "kakao":
		u.issuer = "https://kauth.kakao.com"
		u.profile = map[string]any{"id": json.Number("9007199254740993"), "kakao_account": map[string]any{"name": "홍길동"}}
	default:
		u.alg = "ES256"
		u.profile = map[string]any{"sub": "person-1", "name": "홍길동"}
	}
	u.keys = map[string]any{"k1": testKeys()[u.alg]}
	u.idToken = func(c map[string]any) string { return sign(t, u.alg, "k1", testKeys()[u.alg], c) }
	return u
}

func (u *upstream) subject() string {
	if u.kind == "kakao" {
		return "9007199254740993"
	}
	return "person-1"
}

func (u *upstream) settings() Settings {
	s := Settings{ID: u.kind, Kind: u.kind, ClientID: "client", ClientSecret: "secret"}
	if u.kind == "oidc" {
		s.Name, s.Issuer = Text{KO: "일반", EN: "Generic"}, u.issuer
	}
	return s
}

func (u *upstream) hosts(t testing.TB) hosts {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.serve(t, w, r) })
	return hosts{
		"nid.naver.com": h, "openapi.naver.com": h, "kauth.kakao.com": h, "kapi.kakao.com": h, "op.example": h,
	}
}

func (u *upstream) serve(t testing.TB, w http.ResponseWriter, r *http.Request) {
	leg := map[string]string{
		"/.well-known/openid-configuration": "discovery",
		"/oauth2/jwks":                      "keys", "/.well-known/jwks.json": "keys", "/jwks": "keys",
		"/oauth2/token": "token", "/oauth2.0/token": "token", "/oauth/token": "token", "/token": "token",
		"/v1/nid/me": "profile", "/v2/user/me": "profile", "/userinfo": "profile", "/par": "pushed",
	}[r.URL.Path]
	u.mu.Lock()
	u.calls[leg]++
	special := u.override[leg]
	u.mu.Unlock()
	if special != nil {
		special(w, r)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if raw, ok := v.([]byte); ok {
			w.Write(raw)
			return
		}
		json.NewEncoder(w).Encode(v)
	}
	switch leg {
	case "discovery":
		m := map[string]any{
			"issuer": u.issuer, "authorization_endpoint": u.issuer + "/authorize", "token_endpoint": u.issuer + "/token",
			"userinfo_endpoint": u.issuer + "/userinfo", "jwks_uri": u.issuer + "/jwks",
		}
		maps.Copy(m, u.metadata)
		say(200, m)
	case "keys":
		say(200, public(t, u.keys))
	case "token":
		r.ParseForm()
		u.form = r.PostForm
		answer := maps.Clone(u.token)
		if _, set := answer["id_token"]; !set && answer["access_token"] != nil {
			answer["id_token"] = u.idToken(u.allClaims())
		}
		say(u.tokenAt, answer)
	case "pushed":
		r.ParseForm()
		u.pushed, u.pushedBy = r.PostForm, r.Header.Get("Authorization")
		say(201, map[string]any{"request_uri": "urn:ietf:params:oauth:request_uri:one", "expires_in": 60})
	case "profile":
		say(u.profileA, u.profile)
	default:
		http.NotFound(w, r)
	}
}

func (u *upstream) allClaims() map[string]any {
	now := time.Now()
	all := map[string]any{
		"iss": u.issuer, "aud": "client", "sub": u.subject(), "nonce": testNonce,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for k, v := range u.claims {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return all
}

func (u *upstream) count(leg string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.calls[leg]
}

func (u *upstream) provider(t testing.TB) *codeFlow {
	t.Helper()
	return redirector(t, u.settings(), u.hosts(t).client())
}

func redirector(t testing.TB, s Settings, hc *http.Client) *codeFlow {
	t.Helper()
	p, err := New(s, hc)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*codeFlow)
}

func codeParams() url.Values { return url.Values{"code": {"the-code"}, "state": {testState}} }

// wantError checks class and code of an *Error and gives it.
func wantError(t testing.TB, err error, class Class, code string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *Error of class %v", err, class)
	}
	if e.Class != class || e.Code != code {
		t.Fatalf("got %v (%s), want %v (%s): %v", e.Class, e.Code, class, code, err)
	}
	if strings.Contains(err.Error(), "홍길동") {
		t.Fatalf("error tells who: %v", err)
	}
	return e
}
