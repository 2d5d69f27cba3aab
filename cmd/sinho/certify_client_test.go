package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"sinho/citizen"
)

// tester is the suite as a client of the broker, in one browser.
type tester struct {
	*certification

	t       *testing.T
	plan    suiteSettings
	client  suiteClient
	post    bool   // client_secret_post
	mode    string // response_mode, "" for none said
	alg     string
	op      *oidc.Provider
	browser *citizen.Browser
}

func (c *certification) tester(t *testing.T, file string) *tester {
	t.Helper()
	s := c.plan(file)
	issuer := strings.TrimSuffix(s.Server.Discovery, "/.well-known/openid-configuration")
	op, err := oidc.NewProvider(oidc.ClientContext(t.Context(), c.http), issuer)
	if err != nil {
		t.Fatal(err)
	}
	alg := "RS256"
	if s.Client.JWKS != nil {
		alg = "PS256"
	}
	return &tester{certification: c, t: t, plan: s, client: s.Client, alg: alg, op: op, browser: c.browser()}
}

// attempt is one authorization request and what is needed to redeem its code.
type attempt struct {
	state, nonce, verifier string
	redirect               string
	params                 url.Values
}

// request is one with everything a plan usually sends; more are parameters
// beside it, an empty one takes away.
func (w *tester) request(scope string, more ...string) attempt {
	a := attempt{state: strings.Repeat(rand.Text(), 5)[:128], nonce: rand.Text(), verifier: rand.Text() + rand.Text(), redirect: w.suite.URL + "/test/a/smoke/callback"}
	sum := sha256.Sum256([]byte(a.verifier))
	a.params = url.Values{
		"client_id": {w.client.ID}, "redirect_uri": {a.redirect}, "response_type": {"code"}, "scope": {scope},
		"state": {a.state}, "nonce": {a.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if w.mode != "" {
		a.params.Set("response_mode", w.mode)
	}
	for i := 0; i < len(more); i += 2 {
		if a.params.Set(more[i], more[i+1]); more[i+1] == "" {
			a.params.Del(more[i])
		}
	}
	return a
}

// answer walks to the end and gives what came to the redirect URI.
func (w *tester) answer(a attempt) (url.Values, visit) {
	w.t.Helper()
	w.suite.quiet(w.t, "")
	at := w.visit(w.t, w.browser, w.plan, w.op.Endpoint().AuthURL+"?"+a.params.Encode())
	if !strings.HasPrefix(at.URL.String(), a.redirect) {
		w.t.Fatalf("got to %s (%d), want the redirect URI:\n%s", at.URL, at.Status, at.Text())
	}
	v := w.suite.next(w.t, "callback")
	answer := v.query
	if v.method == http.MethodPost {
		answer = v.form
	}
	if form := a.params.Get("response_mode") == "form_post"; form != (v.method == http.MethodPost) || form && len(v.query) != 0 {
		w.t.Errorf("got %s with query %v, want a POST with nothing in the query: %v", v.method, v.query, form)
	}
	if answer.Get("state") != a.params.Get("state") {
		w.t.Errorf("got state %q, want %q", answer.Get("state"), a.params.Get("state"))
	}
	if answer.Get("iss") != w.base {
		w.t.Errorf("got iss %q, want %q", answer.Get("iss"), w.base)
	}
	return answer, v
}

// tokens of a token response that was in order, and the ID token's claims.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	claims  map[string]any
}

// login walks a whole login and demands that it ends well.
func (w *tester) login(scope string, more ...string) tokens {
	w.t.Helper()
	a := w.request(scope, more...)
	answer, _ := w.answer(a)
	code := answer.Get("code")
	if code == "" {
		w.t.Fatalf("got %v, want a code", answer)
	}
	return w.redeem(a, code)
}

func (w *tester) redeem(a attempt, code string) tokens {
	w.t.Helper()
	status, head, body := w.token(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
	})
	tok := w.good(status, head, body)
	if tok.claims["nonce"] != a.nonce {
		w.t.Errorf("got nonce %v, want %v", tok.claims["nonce"], a.nonce)
	}
	return tok
}

// good checks a token response and its ID token.
func (w *tester) good(status int, head http.Header, body []byte) tokens {
	w.t.Helper()
	var tok tokens
	if err := json.Unmarshal(body, &tok); err != nil || status != http.StatusOK {
		w.t.Fatalf("token endpoint: got %d %s", status, body)
	}
	if tok.Access == "" || tok.Type != "Bearer" || tok.Expires <= 0 || !strings.Contains(head.Get("Cache-Control"), "no-store") || head.Get("Date") == "" {
		w.t.Errorf("got type %q, expires_in %d, Cache-Control %q, Date %q", tok.Type, tok.Expires, head.Get("Cache-Control"), head.Get("Date"))
	}
	verifier := w.op.VerifierContext(oidc.ClientContext(w.t.Context(), w.http), &oidc.Config{ClientID: w.client.ID, SupportedSigningAlgs: []string{w.alg}})
	id, err := verifier.Verify(w.t.Context(), tok.ID)
	if err != nil {
		w.t.Fatalf("ID token: %v", err)
	}
	if err := id.VerifyAccessToken(tok.Access); err != nil {
		w.t.Errorf("at_hash: %v", err)
	}
	if err := id.Claims(&tok.claims); err != nil {
		w.t.Fatal(err)
	}
	return tok
}

// token asks the token endpoint, with the client's own way to prove itself.
func (w *tester) token(form url.Values) (int, http.Header, []byte) {
	w.t.Helper()
	return w.send(w.op.Endpoint().TokenURL, form)
}

// send posts a form as the client.
func (w *tester) send(to string, form url.Values) (int, http.Header, []byte) {
	w.t.Helper()
	switch {
	case w.client.JWKS != nil:
		form.Set("client_id", w.client.ID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", w.assertion())
	case w.post:
		form.Set("client_id", w.client.ID)
		form.Set("client_secret", w.client.Secret)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w.client.JWKS == nil && !w.post {
		req.SetBasicAuth(url.QueryEscape(w.client.ID), url.QueryEscape(w.client.Secret))
	}
	return w.do(req)
}

func (w *tester) do(req *http.Request) (int, http.Header, []byte) {
	w.t.Helper()
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// assertion is the client's proof for private_key_jwt (RFC 7523 §3).
func (w *tester) assertion() string {
	w.t.Helper()
	now := time.Now()
	return w.signed(map[string]any{
		"iss": w.client.ID, "sub": w.client.ID, "aud": w.base, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}, "")
}

func (w *tester) signed(claims map[string]any, typ jose.ContentType) string {
	w.t.Helper()
	key := w.client.JWKS.Keys[0]
	o := &jose.SignerOptions{}
	if typ != "" {
		o = o.WithType(typ)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// userinfo asks for the claims, the token in the header, or with POST in a body.
func (w *tester) userinfo(method string, access string, inBody bool) map[string]any {
	w.t.Helper()
	var body io.Reader
	if inBody {
		body = strings.NewReader(url.Values{"access_token": {access}}.Encode())
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.op.UserInfoEndpoint(), body)
	if err != nil {
		w.t.Fatal(err)
	}
	if inBody {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	status, _, text := w.do(req)
	var claims map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&claims); err != nil || status != http.StatusOK {
		w.t.Fatalf("userinfo by %s: got %d %s", method, status, text)
	}
	return claims
}

// refusal is the error of a JSON answer that must be one.
func (w *tester) refusal(status int, body []byte) string {
	w.t.Helper()
	var e struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &e); err != nil || status < 400 || status > 499 || e.Error == "" {
		w.t.Errorf("got %d %s, want an error in JSON", status, body)
	}
	return e.Error
}
