package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	// patience of AuthURL with metadata that is not there yet.
	patience = 2 * time.Second
	// maxCode bounds what comes back through the browser, in bytes.
	maxCode = 4 << 10
)

// endpoints of a provider, with what its metadata says about how to speak to
// it (RFC 8414, OpenID Connect Discovery 1.0).
type endpoints struct {
	authorize, token, userinfo, keys string
	pushed                           string   // takes the request first (RFC 9126); empty: none, or not to be used
	algs                             []string // empty: not told
	method                           string   // of client authentication; empty: the secret, if any, in the body
	proofAlgs                        []string // of client assertions; empty: not told
	iss                              bool     // sends iss with every answer (RFC 9207)
	verifies                         bool     // takes the claims parameter, for verified_claims too
}

// dialect is how one vendor departs from the common flow.
type dialect interface {
	// ask adds to the authorization request.
	ask(Ask, endpoints) []oauth2.AuthCodeOption
	// redeem adds to the token request.
	redeem(Ask) []oauth2.AuthCodeOption
	// refusal reads the vendor's own error from an answer; class zero when it
	// says nothing the common rules do not.
	refusal(reply) (class Class, code string)
	// identify fills who the token is about; issuer, subject and AuthTime are
	// there already. In a plain flow t is nil, and it fills the subject too.
	identify(ctx context.Context, f *codeFlow, e endpoints, access string, t *idToken, id *Identity) error
}

// codeFlow is the authorization code flow with PKCE (RFC 6749 4.1, RFC 7636,
// OpenID Connect Core 3.1) that every redirect provider shares.
type codeFlow struct {
	line
	set     Settings
	about   Info
	dialect dialect
	// fixed endpoints; nil when they are discovered.
	fixed *endpoints
	found *behind[endpoints]
	keys  *keyring
	// plain OAuth 2: no ID token and so no nonce, no keys, no proof of when. Who it
	// is comes over TLS with the access token, which PKCE and state bind to the
	// browser.
	plain bool
}

// newCodeFlow takes fixed endpoints; with nil they are discovered.
func newCodeFlow(s Settings, l line, d dialect, fixed *endpoints) *codeFlow {
	f := &codeFlow{line: l, set: s, about: s.info(Redirect), dialect: d, fixed: fixed}
	if fixed == nil {
		f.found = &behind[endpoints]{
			fetch: f.discover,
			life:  func(endpoints) (time.Duration, time.Duration) { return time.Hour, 0 },
		}
	}
	f.keys = newKeyring(l, s.Algorithms, func(ctx context.Context) (string, error) {
		e, err := f.endpoints(ctx)
		return e.keys, err
	})
	return f
}

func (f *codeFlow) endpoints(ctx context.Context) (endpoints, error) {
	if f.fixed != nil {
		return *f.fixed, nil
	}
	e, _, err := f.found.get(ctx)
	return e, err
}

// Info is the provider as pages, policy and probes see it. What only metadata
// tells is there once the metadata is.
func (f *codeFlow) Info() Info {
	info := f.about
	var e endpoints
	if f.fixed != nil {
		e = *f.fixed
	} else {
		e, _ = f.found.peek()
	}
	info.Origin = origin(or(e.authorize, f.set.AuthorizeURL, f.set.Issuer))
	if f.plain {
		info.Probes = append([]Probe{{Name: "page", URL: e.authorize}}, f.tokenProbes(e)...)
		return info
	}
	for _, p := range []Probe{
		{Name: "discovery", URL: f.discovery()},
		{Name: "keys", URL: or(e.keys, f.set.JWKSURL)},
		{Name: "page", URL: or(e.authorize, f.set.AuthorizeURL)},
	} {
		if p.URL != "" {
			info.Probes = append(info.Probes, p)
		}
	}
	info.Probes = append(info.Probes, f.tokenProbes(e)...)
	return info
}

// discovery is where the metadata is (OpenID Connect Discovery 1.0 section 4).
func (f *codeFlow) discovery() string {
	return or(f.set.DiscoveryURL, strings.TrimSuffix(f.set.Issuer, "/")+"/.well-known/openid-configuration")
}

// Warm fetches metadata and keys ahead of the first login. Nobody has to call
// it, and nobody has to wait for it: a failure is tried again on first need.
func (f *codeFlow) Warm(ctx context.Context) error {
	if f.plain {
		return nil // nothing of it is fetched ahead
	}
	if _, _, err := f.keys.cache.get(ctx); err != nil {
		return f.excuse(ctx, "warm up", err)
	}
	return nil
}

// AuthURL is where the browser goes. It waits at most two seconds for metadata.
func (f *codeFlow) AuthURL(ctx context.Context, ask Ask) (string, error) {
	if err := f.whole(ask); err != nil {
		return "", err
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := f.endpoints(short)
	if err != nil {
		return "", f.excuse(ctx, "find endpoints", err)
	}
	options := append(f.dialect.ask(ask, e), oauth2.S256ChallengeOption(ask.Verifier))
	if !f.plain {
		f.keys.cache.ahead(ctx) // while the person is away
		options = append(options, oauth2.SetAuthURLParam("nonce", ask.Nonce))
	}
	to := f.client(e, ask).AuthCodeURL(ask.State, options...)
	if e.pushed != "" {
		return f.push(ctx, e, to)
	}
	return to, nil
}

// whole refuses to begin without every protection in place.
func (f *codeFlow) whole(ask Ask) error {
	if ask.RedirectURI == "" || ask.State == "" || ask.Nonce == "" || len(ask.Verifier) < 43 {
		return f.fail(Configuration, "ask", errors.New("redirect URI, state, nonce and a PKCE verifier of 43 characters are needed"))
	}
	return nil
}

// excuse classes an error of waiting: the fetch's own *Error stays, ctx's
// becomes one that nobody has counted.
func (f *codeFlow) excuse(ctx context.Context, op string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	e = f.broken(ctx, op, err)
	e.Seen = false
	return e
}

func (f *codeFlow) client(e endpoints, ask Ask) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if e.method == secretBasic {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID: f.set.ClientID, ClientSecret: f.set.ClientSecret, RedirectURL: ask.RedirectURI, Scopes: f.set.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.authorize, TokenURL: e.token, AuthStyle: style},
	}
}

// Exchange turns the callback's parameters into an Identity. Everything needed
// to judge the answer is at hand before the code is spent.
func (f *codeFlow) Exchange(ctx context.Context, ask Ask, params url.Values) (Identity, error) {
	if err := f.whole(ask); err != nil {
		return Identity{}, err
	}
	e, err := f.endpoints(ctx)
	if err != nil {
		return Identity{}, f.excuse(ctx, "find endpoints", err)
	}
	code, err := f.callback(e, params)
	if err != nil {
		return Identity{}, err
	}
	if !f.plain {
		if _, _, err := f.keys.cache.get(ctx); err != nil {
			return Identity{}, f.excuse(ctx, "read keys", err)
		}
	}
	token, err := f.redeem(ctx, e, ask, code)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Provider: f.set.ID, Issuer: f.set.Issuer, Assurance: f.set.Assurance}
	var t *idToken
	if !f.plain {
		if t, err = f.proof(ctx, e, ask, token); err != nil {
			return Identity{}, err
		}
		id.Subject, id.AuthTime = t.Subject, t.authTime
	}
	if err := f.dialect.identify(ctx, f, e, token.AccessToken, t, &id); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// proof is the ID token that came with an access token, verified.
func (f *codeFlow) proof(ctx context.Context, e endpoints, ask Ask, token *oauth2.Token) (*idToken, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		// A request whose scopes lack openid loses it.
		return nil, f.fail(Configuration, "no-id-token", errors.New("redeem code: no ID token in the answer"))
	}
	t, err := f.verify(ctx, e, raw, token.AccessToken, ask.Nonce)
	if err != nil {
		return nil, err
	}
	if ask.Fresh && *f.set.Fresh == FreshProved && t.authTime.IsZero() {
		return nil, f.fail(BadCode, "auth-time", errors.New("verify ID token: a fresh login was asked for and no auth_time came"))
	}
	return t, nil
}

// callback judges what came back through the browser: who it says it is from
// (RFC 9207, against mix-up), then whether it is an error, then the code.
func (f *codeFlow) callback(e endpoints, params url.Values) (string, error) {
	for _, name := range []string{"iss", "error", "code", "state"} {
		if len(params[name]) > 1 {
			return "", f.fail(BadCode, "parameter", fmt.Errorf("callback: %s is there %d times", name, len(params[name])))
		}
	}
	if iss := params.Get("iss"); iss != f.set.Issuer && (iss != "" || params.Has("iss") || e.iss) {
		return "", f.fail(BadCode, "iss", errors.New("callback: iss is not this provider's"))
	}
	if params.Has("error") {
		return "", f.refused(params)
	}
	code := params.Get("code")
	if code == "" || len(code) > maxCode {
		return "", f.fail(BadCode, "code", errors.New("callback: no code, or one that is too long"))
	}
	return code, nil
}

// refused reads an error that came through the browser (RFC 6749 4.1.2.1,
// OpenID Connect Core 3.1.2.6).
func (f *codeFlow) refused(params url.Values) error {
	code := params.Get("error")
	class := oauthClass(code)
	switch code {
	case "access_denied":
		class = Cancelled
	case "consent_required":
		class = Consent
	}
	if class == 0 {
		class = Configuration
	}
	return f.fail(class, code, errors.New("callback: the provider sent the person back with an error"))
}

// oauthClass is the class of an OAuth error code (RFC 6749 4.1.2.1 and 5.2),
// zero when it is not one of theirs.
func oauthClass(code string) Class {
	switch code {
	case "invalid_grant":
		return BadCode
	case "server_error", "temporarily_unavailable":
		return Down
	case "slow_down":
		return Throttled
	case "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type",
		"unsupported_response_type", "invalid_scope":
		return Configuration
	}
	return 0
}

// redeem spends the code at the token endpoint.
func (f *codeFlow) redeem(ctx context.Context, e endpoints, ask Ask, code string) (*oauth2.Token, error) {
	const op = "redeem code"
	options := append(f.dialect.redeem(ask), oauth2.VerifierOption(ask.Verifier))
	assertion, err := f.assertion(e)
	if err != nil {
		return nil, err
	}
	for name, values := range assertion {
		options = append(options, oauth2.SetAuthURLParam(name, values[0]))
	}
	token, err := f.client(e, ask).Exchange(f.carry(ctx), code, options...)
	var refusal *oauth2.RetrieveError
	var unanswered *url.Error
	switch {
	case err == nil && !strings.EqualFold(token.Type(), "bearer"):
		return nil, f.nonsense(op, "token-type")
	case err == nil:
		return token, nil
	case errors.As(err, &refusal):
		e := f.refuse(op, reply{refusal.Response.StatusCode, refusal.Body}, refusal.ErrorCode)
		e.Spent = e.Class == BadCode
		return nil, e
	case errors.As(err, &unanswered):
		return nil, f.broken(ctx, op, err)
	case tooLarge(err):
		return nil, f.nonsense(op, "too-large")
	case ctx.Err() != nil || strings.Contains(err.Error(), "cannot fetch token"):
		// oauth2 flattens the error of a body that breaks off into text.
		gone := f.broken(ctx, op, errors.New("the answer broke off"))
		if strings.Contains(err.Error(), "Client.Timeout") || strings.Contains(err.Error(), "deadline exceeded") {
			gone.Code = "timeout"
		}
		return nil, gone
	}
	return nil, f.nonsense(op, "token")
}

// refuse classes an answer that is an error: a status that is the provider's
// fault, then its own words, then OAuth's, then the status.
func (f *codeFlow) refuse(op string, r reply, code string) *Error {
	class, own := f.dialect.refusal(r)
	byStatus := f.status(op, r.status)
	switch {
	case byStatus.Colours():
		if class == Down || class == Throttled {
			byStatus.Code = tidyCode(own)
		}
		return byStatus
	case class != 0, f.knows(own):
		code = own
	case oauthClass(code) != 0:
		class = oauthClass(code)
	case r.status >= 300:
		return byStatus
	default:
		class, code = Down, or(code, "error") // a 200 that is an unknown error
	}
	return f.fail(class, code, fmt.Errorf("%s: HTTP status %d", op, r.status))
}

// missing is the first needed value an identity lacks.
func (f *codeFlow) missing(id *Identity) string {
	for _, v := range []struct{ name, value string }{
		{"name", id.Name},
		{"birthdate", id.Birthdate},
		{"gender", id.Gender},
		{"phone", id.Phone},
		{"email", id.Email},
		{"ci", id.CI.Reveal()},
	} {
		if v.value == "" && slices.Contains(f.set.Needs, v.name) {
			return v.name
		}
	}
	return ""
}
