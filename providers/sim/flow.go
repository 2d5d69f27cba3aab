package sim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeLife    = 5 * time.Minute
	tokenLife   = time.Hour
	renewalLife = 24 * time.Hour
	// shelfLimit of codes, tokens, renewals and pushes: memory stays flat
	// whatever the load.
	shelfLimit = 1024
)

// flow is the authorization code flow (RFC 6749 4.1, RFC 7636) that the
// redirect simulators share; the vendors word its answers.
type flow struct {
	sim *Sim
	// hasty spends a code before it looks at who redeems it, as Naver does: a
	// client that tries the wrong way to authenticate first has lost its code.
	hasty    bool
	codes    *shelf[grant]
	tokens   *shelf[grant]
	renewals *shelf[grant]
}

// grant is what one person allowed, kept under a code, a token or a renewal.
type grant struct {
	person      int
	door        string // path of the authorize page it came through
	redirectURI string
	scope       string
	nonce       string
	challenge   string
	authTime    time.Time
}

func newFlow(s *Sim) *flow {
	return &flow{
		sim:      s,
		codes:    newShelf[grant](codeLife, shelfLimit),
		tokens:   newShelf[grant](tokenLife, shelfLimit),
		renewals: newShelf[grant](renewalLife, shelfLimit),
	}
}

// fault is why a token is not given.
type fault uint8

const (
	sound fault = iota
	unknownClient
	wrongSecret
	unsupportedGrant
	badCode
	badVerifier
	wrongRedirect
)

// redeem takes the code of a token request; id and secret are how the client
// showed itself. Codes of another door do not fit.
func (f *flow) redeem(form url.Values, id, secret, door string) (grant, fault) {
	var g grant
	var ok bool
	if f.hasty {
		g, ok = f.codes.take(form.Get("code"))
	}
	if why := f.client(id, secret); why != sound {
		return grant{}, why
	}
	if form.Get("grant_type") != "authorization_code" {
		return grant{}, unsupportedGrant
	}
	if !f.hasty {
		g, ok = f.codes.take(form.Get("code"))
	}
	switch {
	case !ok || g.door != door:
		return grant{}, badCode
	case form.Get("redirect_uri") != g.redirectURI:
		return grant{}, wrongRedirect
	case !fits(form.Get("code_verifier"), g.challenge):
		return grant{}, badVerifier
	}
	return g, sound
}

// renew answers a refresh_token request.
func (f *flow) renew(form url.Values, id, secret string) (grant, fault) {
	if why := f.client(id, secret); why != sound {
		return grant{}, why
	}
	g, ok := f.renewals.look(form.Get("refresh_token"))
	if !ok {
		return grant{}, badCode
	}
	g.nonce = ""
	return g, sound
}

func (f *flow) client(id, secret string) fault {
	switch {
	case !same(id, f.sim.cfg.ClientID):
		return unknownClient
	case !same(secret, f.sim.cfg.ClientSecret):
		return wrongSecret
	}
	return sound
}

// fits checks a verifier against an S256 challenge; a verifier nobody
// announced is refused too (RFC 9700 2.1.1).
func fits(verifier, challenge string) bool {
	if verifier == "" || challenge == "" {
		return verifier == challenge
	}
	sum := sha256.Sum256([]byte(verifier))
	return same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// access gives a token for g.
func (f *flow) access(g grant) string {
	name := token()
	f.tokens.put(name, g)
	return name
}

// renewal gives a refresh token for g.
func (f *flow) renewal(g grant) string {
	name := token()
	f.renewals.put(name, g)
	return name
}

// bearer finds the grant of the access token r carries: in the header
// (RFC 6750 2.1), or in the form of a POST (2.2).
func (f *flow) bearer(r *http.Request) (grant, bool) {
	name, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found && r.Method == http.MethodPost {
		name = r.PostFormValue("access_token")
	}
	return f.tokens.look(name)
}

// idClaims are the claims every ID token here has.
func (f *flow) idClaims(g grant, subject string) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": f.sim.cfg.Base, "aud": f.sim.cfg.ClientID, "sub": subject,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return claims
}

// has says whether a space-separated list has the word.
func has(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

// posted reads the form of a token request from the body alone; a secret in
// the query is not looked at.
func posted(r *http.Request) url.Values {
	if r.ParseForm() != nil {
		return url.Values{}
	}
	return r.PostForm
}

// with copies base and lays more over it.
func with(base, more map[string]any) map[string]any {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}
