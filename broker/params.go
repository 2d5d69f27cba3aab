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
	"unicode/utf8"

	"sinho/broker/client"
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
// repeated. Anything else is ignored (RFC 6749 §3.1); resource may be repeated
// (RFC 8707 §2).
var known = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "prompt", "max_age", "acr_values", "login_hint",
	"ui_locales", "id_token_hint", "request", "request_uri", "registration", "display", "claims",
	"claims_locales", "provider_hint", "kc_idp_hint",
}

// refusal is why a request cannot be taken, as a site is told (RFC 6749
// §4.1.2.1).
type refusal struct {
	code, desc string
	cause      error // for the log
}

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, desc: fmt.Sprintf(format, args...)}
}

// to tells the site of q.
func (f *refusal) to(q *request) *siteError {
	return &siteError{q: q, code: f.code, desc: f.desc, cause: f.cause}
}

// validate turns parameters into a request not yet bound to a browser. pushed
// says that an authenticated client sent them itself (RFC 9126). The error is a
// *Problem until the redirect URI is proven, then a *siteError.
func (b *Broker) validate(v url.Values, pushed bool) (*request, client.Client, error) {
	c, p := b.asking(v)
	if p != nil {
		return nil, c, p
	}
	outside := v
	v, signed, bad := b.unwrap(c, v)
	if bad != nil {
		v = outside
	}
	q, p := b.begun(c, v)
	switch {
	case p != nil && bad != nil && pushed: // the client itself is told
		return nil, c, bad.to(&request{Client: c.ID})
	case p != nil && bad != nil:
		return nil, c, p.tell("%s: %s", bad.code, bad.desc)
	case p != nil:
		return nil, c, p
	case bad != nil:
		return nil, c, bad.to(q)
	case c.RequirePAR && !pushed:
		return nil, c, refuse("invalid_request", "this client must push its requests to /par first (RFC 9126)").to(q)
	case c.RequireSignedRequest && !signed:
		return nil, c, refuse("invalid_request", "this client must sign its requests (RFC 9101)").to(q)
	}
	if bad := b.judged(q, c, v); bad != nil {
		return nil, c, bad.to(q)
	}
	return q, c, nil
}

// asking finds the client a request is of.
func (b *Broker) asking(v url.Values) (client.Client, *Problem) {
	if n := len(v["client_id"]); n > 1 {
		return client.Client{}, b.fault(http.StatusBadRequest, ProblemRequest, nil).tell("client_id: sent %d times, want once", n)
	}
	c, found := b.clients.Lookup(v.Get("client_id"))
	if !found {
		return c, b.fault(http.StatusBadRequest, ProblemClient, nil).tell("client_id received: %s", shown(v.Get("client_id"))).tell("client_id registered: no such client")
	}
	return c, nil
}

// begun is a request as far as it must be known to be answered: where to, how
// and with which state.
func (b *Broker) begun(c client.Client, v url.Values) (*request, *Problem) {
	redirect := v.Get("redirect_uri")
	if n := len(v["redirect_uri"]); n > 1 {
		return nil, b.fault(http.StatusBadRequest, ProblemRequest, nil).tell("redirect_uri: sent %d times, want once", n)
	}
	if !c.AllowsRedirect(redirect) {
		p := b.fault(http.StatusBadRequest, ProblemRedirect, nil).tell("redirect_uri received: %s", shown(redirect)).at(c)
		for _, u := range c.RedirectURIs {
			p = p.tell("redirect_uri registered: %s", shown(u))
		}
		return nil, p
	}
	now := b.now()
	q := &request{
		ID: newID(), Ref: NewReference(), Began: now, Expires: now.Add(requestTTL),
		Client: c.ID, RedirectURI: redirect, State: v.Get("state"), MaxAge: -1, Need: c.MinAssurance, Locale: locale(v.Get("ui_locales")),
	}
	if mode := v["response_mode"]; len(mode) == 1 && mode[0] == "form_post" {
		q.FormPost = b.formable(q) == nil
	}
	return q, nil
}

// judged reads everything else into q.
func (b *Broker) judged(q *request, c client.Client, v url.Values) *refusal {
	for _, name := range known {
		if len(v[name]) > 1 {
			return refuse("invalid_request", "%s is sent more than once", name)
		}
	}
	for _, l := range []struct {
		name string
		most int
	}{{"state", maxState}, {"nonce", maxNonce}, {"scope", maxScope}, {"acr_values", maxScope}, {"prompt", maxScope}, {"claims", maxClaims}} {
		if n := len(v.Get(l.name)); n > l.most {
			return refuse("invalid_request", "%s has %d bytes, at most %d", l.name, n, l.most)
		}
	}
	if v.Get("registration") != "" {
		return refuse("registration_not_supported", "registration is not supported")
	}
	if bad := b.readResponse(q, v); bad != nil {
		return bad
	}
	q.Nonce = v.Get("nonce")
	if q.Scope = grantable(c, v.Get("scope")); !q.Scope.has(scopeOpenID) {
		return refuse("invalid_scope", "scope must contain openid")
	}
	if why := q.readPKCE(c, v); why != "" {
		return refuse("invalid_request", "%s", why)
	}
	if why := q.readPrompt(v); why != "" {
		return refuse("invalid_request", "%s", why)
	}
	if bad := q.readResources(c, v["resource"]); bad != nil {
		return bad
	}
	b.readHints(q, c, v)
	q.ACR = acrsIn(v.Get("acr_values"))
	if bad := q.readClaims(c, v.Get("claims")); bad != nil {
		return bad
	}
	return b.attainable(q)
}

// readResponse: code only (RFC 9700 §2.1.2), by query or by form.
func (b *Broker) readResponse(q *request, v url.Values) *refusal {
	switch v.Get("response_type") {
	case "code":
	case "":
		return refuse("invalid_request", "response_type is missing")
	default:
		return refuse("unsupported_response_type", "response_type must be code")
	}
	switch v.Get("response_mode") {
	case "", "query":
		return nil
	case "form_post":
		return b.formable(q)
	}
	return refuse("invalid_request", "response_mode must be query%s", map[bool]string{true: " or form_post"}[b.post != nil])
}

// formable says whether an answer to q can travel in a form and arrive as it
// was sent.
func (b *Broker) formable(q *request) *refusal {
	switch {
	case b.post == nil:
		return refuse("invalid_request", "response_mode must be query")
	case !strings.HasPrefix(q.RedirectURI, "https://") && !strings.HasPrefix(q.RedirectURI, "http://"):
		return refuse("invalid_request", "response_mode form_post needs a redirect_uri of http or https")
	case strings.ContainsAny(q.State, "\x00\r\n") || !utf8.ValidString(q.State):
		return refuse("invalid_request", "state has characters that no form carries as they are")
	}
	return nil
}

// readHints takes what may be wrong without harm.
func (b *Broker) readHints(q *request, c client.Client, v url.Values) {
	// kc_idp_hint is what Keycloak calls it.
	for _, name := range []string{"provider_hint", "kc_idp_hint", "login_hint"} {
		if h := v.Get(name); q.Hint == "" && len(h) <= maxHint && b.providers[h] != nil {
			q.Hint = h
		}
	}
	if h := v.Get("login_hint"); len(h) <= maxHint && b.providers[h] == nil {
		q.LoginHint = h
	}
	q.HintSub = b.hintedSub(c, v.Get("id_token_hint"))
}

// readResources takes the registered ones only (RFC 8707 §2).
func (q *request) readResources(c client.Client, asked []string) *refusal {
	if len(asked) > maxResources {
		return refuse("invalid_target", "resource is sent %d times, at most %d", len(asked), maxResources)
	}
	for _, r := range asked {
		switch {
		case r == "":
		case !slices.Contains(c.Resources, r):
			return refuse("invalid_target", "resource is none of this client's")
		case !slices.Contains(q.Resources, r):
			q.Resources = append(q.Resources, r)
		}
	}
	return nil
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
// use it, and whoever is registered so. A method that is left out means plain, which is refused.
func (q *request) readPKCE(c client.Client, v url.Values) (why string) {
	challenge, method := v.Get("code_challenge"), v.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return "code_challenge is missing"
	case challenge == "" && c.Public:
		return "code_challenge is required of public clients"
	case challenge == "" && c.RequirePKCE:
		return "code_challenge is required of this client"
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
