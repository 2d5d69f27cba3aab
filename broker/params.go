package broker

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sinho/broker/client"
	"sinho/providers"
)

// Authentication context classes a site may ask for by acr_values and gets as
// acr.
const (
	ACRAsserted = "urn:sinho:acr:asserted" // the provider says so
	ACRVerified = "urn:sinho:acr:verified" // an identity verification agency vouches
)

// scope is a set of granted scopes.
type scope uint16

const (
	scopeOpenID scope = 1 << iota
	scopeProfile
	scopeEmail
	scopePhone
	scopeAddress
	scopeOffline
	scopeIdentity
)

var scopeNames = [...]string{"openid", "profile", "email", "phone", "address", "offline_access", "identity"}

func (s scope) has(x scope) bool { return s&x != 0 }

// String is the set as the wire spells it.
func (s scope) String() string {
	var names []string
	for i, n := range scopeNames {
		if s.has(1 << i) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

// prompt is the set of prompt values (OpenID Connect Core §3.1.2.1).
type prompt uint8

const (
	promptNone prompt = 1 << iota
	promptLogin
	promptConsent
	promptSelect
)

func (p prompt) has(x prompt) bool { return p&x != 0 }

// known parameters of an authorization request: only these must not be
// repeated. Anything else is ignored (RFC 6749 §3.1).
var known = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "prompt", "max_age", "acr_values", "login_hint",
	"ui_locales", "id_token_hint", "request", "request_uri", "registration", "display", "claims",
	"claims_locales",
}

// validate turns parameters into a request not yet bound to a browser. The
// error is a *Problem until the redirect URI is proven, then a *siteError.
func (b *Broker) validate(v url.Values) (*request, client.Client, error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(v[name]) > 1 {
			return nil, client.Client{}, b.fault(http.StatusBadRequest, ProblemRequest, nil).tell("%s: sent %d times, want once", name, len(v[name]))
		}
	}
	c, found := b.clients.Lookup(v.Get("client_id"))
	if !found {
		return nil, c, b.fault(http.StatusBadRequest, ProblemClient, nil).tell("client_id received: %s", shown(v.Get("client_id"))).tell("client_id registered: no such client")
	}
	redirect := v.Get("redirect_uri")
	if !c.AllowsRedirect(redirect) {
		p := b.fault(http.StatusBadRequest, ProblemRedirect, nil).tell("redirect_uri received: %s", shown(redirect))
		for _, u := range c.RedirectURIs {
			p = p.tell("redirect_uri registered: %s", shown(u))
		}
		p.Site = &Site{ID: c.ID, Name: c.Name, Start: c.Start}
		return nil, c, p
	}
	now := b.now()
	q := &request{
		ID: newID(), Ref: NewReference(), Began: now, Expires: now.Add(requestTTL),
		Client: c.ID, RedirectURI: redirect, State: v.Get("state"), MaxAge: -1, Need: c.MinAssurance,
	}
	refuse := func(code, format string, args ...any) error {
		return &siteError{q: q, code: code, desc: fmt.Sprintf(format, args...)}
	}
	for _, name := range known {
		if len(v[name]) > 1 {
			return nil, c, refuse("invalid_request", "%s is sent more than once", name)
		}
	}
	for _, l := range []struct {
		name string
		most int
	}{{"state", maxState}, {"nonce", maxNonce}, {"scope", maxScope}, {"acr_values", maxScope}, {"prompt", maxScope}} {
		if n := len(v.Get(l.name)); n > l.most {
			return nil, c, refuse("invalid_request", "%s has %d bytes, at most %d", l.name, n, l.most)
		}
	}
	switch {
	case v.Get("request") != "":
		return nil, c, refuse("request_not_supported", "request objects are not supported")
	case v.Get("request_uri") != "":
		return nil, c, refuse("request_uri_not_supported", "request_uri is not supported")
	case v.Get("registration") != "":
		return nil, c, refuse("registration_not_supported", "registration is not supported")
	}
	switch v.Get("response_type") {
	case "code":
	case "":
		return nil, c, refuse("invalid_request", "response_type is missing")
	default:
		return nil, c, refuse("unsupported_response_type", "response_type must be code")
	}
	if m := v.Get("response_mode"); m != "" && m != "query" {
		return nil, c, refuse("invalid_request", "response_mode must be query")
	}
	q.Nonce = v.Get("nonce")
	if q.Scope = grantable(c, v.Get("scope")); !q.Scope.has(scopeOpenID) {
		return nil, c, refuse("invalid_scope", "scope must contain openid")
	}
	if why := q.readPKCE(c, v); why != "" {
		return nil, c, refuse("invalid_request", "%s", why)
	}
	if why := q.readPrompt(v); why != "" {
		return nil, c, refuse("invalid_request", "%s", why)
	}
	q.Need = max(q.Need, readACR(v.Get("acr_values")))
	q.Locale = locale(v.Get("ui_locales"))
	if h := v.Get("login_hint"); len(h) <= maxHint {
		if _, is := b.providers[h]; is {
			q.Hint = h
		} else {
			q.LoginHint = h
		}
	}
	q.HintSub = b.hintedSub(c, v.Get("id_token_hint"))
	if !b.possible(q) {
		return nil, c, refuse("unmet_authentication_requirements", "no identity provider here can meet acr_values and freshness together")
	}
	return q, c, nil
}

// grantable are the scopes asked for that we know and the client may have.
// Unknown ones are ignored (OpenID Connect Core §3.1.2.1).
func grantable(c client.Client, asked string) scope {
	var s scope
	for name := range strings.FieldsSeq(asked) {
		if i := slices.Index(scopeNames[:], name); i >= 0 && c.AllowsScope(name) {
			s |= 1 << i
		}
	}
	return s
}

// readPKCE takes S256 only (RFC 7636, RFC 9700 §2.1.1); a public client must
// use it. A method that is left out means plain, which is refused.
func (q *request) readPKCE(c client.Client, v url.Values) (why string) {
	challenge, method := v.Get("code_challenge"), v.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return "code_challenge is missing"
	case challenge == "" && c.Public:
		return "code_challenge is required of public clients"
	case challenge == "":
		return ""
	case method != "S256":
		return "code_challenge_method must be S256"
	}
	if raw, err := strict64.DecodeString(challenge); err != nil || len(raw) != 32 || len(challenge) != 43 {
		return "code_challenge must be 43 characters of base64url"
	}
	q.Challenge = challenge
	return ""
}

var strict64 = base64.RawURLEncoding.Strict()

func (q *request) readPrompt(v url.Values) (why string) {
	for value := range strings.FieldsSeq(v.Get("prompt")) {
		switch value {
		case "none":
			q.Prompt |= promptNone
		case "login":
			q.Prompt |= promptLogin
		case "consent":
			q.Prompt |= promptConsent
		case "select_account":
			q.Prompt |= promptSelect
		default:
			return "prompt has an unknown value"
		}
	}
	if q.Prompt.has(promptNone) && q.Prompt != promptNone {
		return "prompt none stands alone"
	}
	if age := v.Get("max_age"); age != "" {
		n, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return "max_age must be a number of seconds"
		}
		q.MaxAge = int64(n)
	}
	return ""
}

// readACR is the least that satisfies any of the values we know; values nobody
// knows ask for nothing, for acr_values is a wish (OpenID Connect Core §3.1.2.1).
func readACR(values string) providers.Assurance {
	var need providers.Assurance
	for v := range strings.FieldsSeq(values) {
		switch v {
		case ACRAsserted:
			return providers.Asserted
		case ACRVerified:
			need = providers.Verified
		}
	}
	return need
}

// locale is the first of the languages asked for that we speak.
func locale(tags string) string {
	if len(tags) > maxScope {
		return ""
	}
	for tag := range strings.FieldsSeq(tags) {
		switch lang, _, _ := strings.Cut(strings.ToLower(tag), "-"); lang {
		case "ko", "en":
			return lang
		}
	}
	return ""
}

// hintedSub is the subject of a token we issued to c, "" for anything else: a
// bad hint never breaks a request.
func (b *Broker) hintedSub(c client.Client, token string) string {
	t, ok := b.openHint(token)
	if !ok || t.Audience != c.ID {
		return ""
	}
	return t.Subject
}

// hint is what is read of an ID token of ours that comes back.
type hint struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Session  string `json:"sid"`
}

// openHint verifies an id_token_hint. An expired one is fine.
func (b *Broker) openHint(token string) (hint, bool) {
	var t hint
	if token == "" || len(token) > maxHintToken {
		return t, false
	}
	payload, err := b.keys.Verify(token)
	if err != nil || json.Unmarshal(payload, &t) != nil {
		return t, false
	}
	return t, t.Issuer == b.issuer && t.Subject != ""
}

// shown bounds and quotes what strangers sent, for a developer's eyes.
func shown(s string) string {
	const most = 300
	if len(s) > most {
		return strconv.Quote(s[:most]) + " …"
	}
	return strconv.Quote(s)
}
