package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// site is the relying party on whose behalf people log in: a public client with
// PKCE. Its redirect URI is never dialled; whoever walks stops at it.
type site struct {
	issuer, clientID, redirectURI, scope string

	authorize, token, userinfo string
	verifier                   *oidc.IDTokenVerifier
}

// newSite asks the issuer for its configuration. The site keeps ctx for
// fetching keys.
func newSite(ctx context.Context, rt http.RoundTripper, s site) (*site, error) {
	client := &http.Client{Transport: rt, Timeout: 10 * time.Second}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), s.issuer)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("nobody listens at the issuer %s; start one with `sinho demo --rate 0`, or name another with --issuer", s.issuer)
	case err != nil:
		return nil, fmt.Errorf("ask %s for its configuration (is it an OpenID issuer, spelled exactly as it spells itself?): %w", s.issuer, err)
	}
	end := provider.Endpoint()
	s.authorize, s.token, s.userinfo = end.AuthURL, end.TokenURL, provider.UserInfoEndpoint()
	if s.authorize == "" || s.token == "" || s.userinfo == "" {
		return nil, fmt.Errorf("the configuration of %s lacks an authorization, token or userinfo endpoint", s.issuer)
	}
	s.verifier = provider.VerifierContext(oidc.ClientContext(ctx, client), &oidc.Config{ClientID: s.clientID})
	return &s, nil
}

// carrier for requests of this site's people.
func (s *site) carrier(rt http.RoundTripper) (*carrier, error) {
	issuer, err := url.Parse(s.issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", s.issuer, err)
	}
	c := &carrier{rt: rt, answers: new(answers), origin: issuer.Scheme + "://" + issuer.Host}
	for to, from := range map[*string]string{&c.authorize: s.authorize, &c.token: s.token, &c.userinfo: s.userinfo} {
		u, err := url.Parse(from)
		if err != nil {
			return nil, fmt.Errorf("endpoint %q of %s: %w", from, s.issuer, err)
		}
		*to = u.Path
	}
	return c, nil
}

// login is what the site remembers of one person on their way.
type login struct{ state, nonce, verifier string }

func newLogin() login {
	return login{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
}

// ask are the parameters of the authorization request (OpenID Connect Core
// §3.1.2.1, RFC 7636).
func (s *site) ask(l login) url.Values {
	sum := sha256.Sum256([]byte(l.verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {s.clientID}, "redirect_uri": {s.redirectURI}, "scope": {s.scope},
		"state": {l.state}, "nonce": {l.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

// start is the address a person is sent to.
func (s *site) start(l login) string {
	sep := "?"
	if strings.Contains(s.authorize, "?") {
		sep = "&"
	}
	return s.authorize + sep + s.ask(l).Encode()
}

// came says whether an address is the redirect URI with an answer, and gives
// the answer.
func (s *site) came(to string) (url.Values, bool) {
	rest, ok := strings.CutPrefix(to, s.redirectURI)
	if !ok || rest != "" && rest[0] != '?' && rest[0] != '&' {
		return nil, false
	}
	if rest == "" {
		return url.Values{}, true
	}
	rest, _, _ = strings.Cut(rest[1:], "#")
	v, err := url.ParseQuery(rest)
	if err != nil {
		v = url.Values{}
	}
	return v, true
}

// failure is a login that did not get in: what it counts as, and why.
type failure struct {
	kind string
	err  error
	page bool // a page failed or never came: the back button may help
}

func (f *failure) Error() string { return f.kind + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(kind, format string, args ...any) *failure {
	return &failure{kind: kind, err: fmt.Errorf(format, args...)}
}

// finish takes the answer at the redirect URI to the end: code for tokens, the
// ID token verified (signature, issuer, audience, expiry, nonce, at_hash), and
// userinfo telling the same subject.
func (s *site) finish(ctx context.Context, c *carrier, buf *bytes.Buffer, led *ledger, l login, back url.Values) *failure {
	if back.Get("state") != l.state || back.Has("iss") && back.Get("iss") != s.issuer {
		return failed(kindState, "state or iss of the answer are not this login's")
	}
	if code := back.Get("error"); code != "" {
		return failed(kindRefused+"-"+code, "%s: %s", code, back.Get("error_description"))
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {s.redirectURI},
		"client_id": {s.clientID}, "code_verifier": {l.verifier},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.token, strings.NewReader(form.Encode()))
	if err != nil {
		return &failure{kind: kindToken, err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := c.do(req, buf, led)
	if err != nil {
		return &failure{kind: kindOf(err), err: err}
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(a.body, &tokens); err != nil || a.status != http.StatusOK {
		if tokens.Error == "" {
			tokens.Error = fmt.Sprint(a.status)
		}
		return failed(kindToken+"-"+tokens.Error, "status %d: %s", a.status, tokens.Description)
	}
	id, err := s.verifier.Verify(ctx, tokens.IDToken)
	if err != nil {
		return &failure{kind: kindIDToken, err: err}
	}
	if id.Nonce != l.nonce {
		return failed(kindIDToken, "the nonce is not this login's")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(tokens.AccessToken); err != nil {
			return &failure{kind: kindIDToken, err: err}
		}
	}
	return s.compare(ctx, c, buf, led, tokens.AccessToken, id.Subject)
}

// compare asks userinfo, whose sub must be the ID token's (OpenID Connect Core
// §5.3.2).
func (s *site) compare(ctx context.Context, c *carrier, buf *bytes.Buffer, led *ledger, access, sub string) *failure {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.userinfo, nil)
	if err != nil {
		return &failure{kind: kindUserinfo, err: err}
	}
	req.Header.Set("Authorization", "Bearer "+access)
	a, err := c.do(req, buf, led)
	if err != nil {
		return &failure{kind: kindOf(err), err: err}
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if a.status != http.StatusOK {
		return failed(fmt.Sprintf("%s-%d", kindUserinfo, a.status), "status %d", a.status)
	}
	if err := json.Unmarshal(a.body, &claims); err != nil {
		return &failure{kind: kindUserinfo, err: err}
	}
	if claims.Subject == "" || claims.Subject != sub {
		return failed(kindUserinfo, "userinfo tells another subject than the ID token")
	}
	return nil
}
