package broker

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/seal"
	"sinho/store"
)

// tokenAnswer is RFC 6749 §5.1 with OpenID Connect Core §3.1.3.3.
type tokenAnswer struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Scope     string `json:"scope"`
	Refresh   string `json:"refresh_token,omitempty"`
	IDToken   string `json:"id_token,omitempty"`
}

// grants of the token endpoint, as discovery names them.
var grants = []string{"authorization_code", "refresh_token"}

func refuseToken(code, desc string) *clientError {
	return &clientError{status: http.StatusBadRequest, code: code, desc: desc}
}

// serverError is told to a client where we are to blame.
func serverError(desc string, cause error) *clientError {
	return &clientError{status: http.StatusInternalServerError, code: "server_error", desc: desc, cause: cause}
}

// token is the token endpoint. Everything that can be judged without the store
// is judged before its one Apply.
func (b *Broker) token(w http.ResponseWriter, r *http.Request) error {
	v, err := b.machineForm(w, r)
	if err != nil {
		return err
	}
	c, err := b.authenticate(r, v)
	if err != nil {
		return err
	}
	b.noted(r.Context(), "", c.ID)
	switch v.Get("grant_type") {
	case "authorization_code":
		return b.tokenByCode(w, r, c, v)
	case "refresh_token":
		return b.tokenByRefresh(w, r, c, v)
	case "":
		return refuseToken("invalid_request", "grant_type is missing")
	default:
		return refuseToken("unsupported_grant_type", "grant_type must be "+strings.Join(grants, " or "))
	}
}

func (b *Broker) tokenByCode(w http.ResponseWriter, r *http.Request, c client.Client, v url.Values) error {
	if v.Get("code") == "" {
		return refuseToken("invalid_request", "code is missing")
	}
	dead := refuseToken("invalid_grant", "the code is wrong, used, expired or for another client")
	k, err := b.openCode(v.Get("code"), c.ID)
	if err != nil {
		return dead
	}
	hash := sha256.Sum256([]byte(v.Get("redirect_uri")))
	if !equal(hash[:], k.Redirect) {
		return refuseToken("invalid_grant", "redirect_uri is not the one of the authorization request")
	}
	if !proves(v.Get("code_verifier"), k.Challenge) {
		return refuseToken("invalid_grant", "code_verifier does not match code_challenge")
	}
	for _, wanted := range v["resource"] {
		if !k.mayBeFor(wanted) {
			return refuseResource()
		}
	}
	g, share, err := b.redeem(r.Context(), &k, c.ID)
	switch {
	case errors.Is(err, errReplay):
		b.log(r.Context(), slog.LevelWarn, "code replayed, its tokens are revoked", NewReference(), "invalid_grant", nil, slog.String("client", c.ID))
		return dead
	case errors.Is(err, errSpent), errors.Is(err, seal.ErrExpired):
		return dead
	case errors.Is(err, store.ErrUnavailable):
		return unavailable(err)
	case err != nil:
		return serverError("the code could not be redeemed", err)
	}
	t := issued{
		shard: k.Shard, name: accessName(k.Secret), visit: k.Visit, share: share, scope: g.Scope, refreshUntil: k.Refresh,
		nonce: g.Nonce, generation: firstGeneration,
		hold: hold{Holder: k.Holder, Since: b.now(), Until: b.now().Add(c.DeviceLock)},
	}
	var missing string
	if t.resources, missing = narrowed(g.Resources, v["resource"]); missing != "" {
		return refuseResource()
	}
	return b.answerTokens(w, r, c, &g, &t)
}

func refuseResource() *clientError {
	return refuseToken("invalid_target", "resource is not one that was asked for at the authorization endpoint")
}

// narrowed are the resources wanted of those granted, all without a wish
// (RFC 8707 §2.2); missing is the first that was not granted.
func narrowed(granted, wanted []string) (resources []string, missing string) {
	for _, r := range wanted {
		if !slices.Contains(granted, r) {
			return nil, r
		}
	}
	if len(wanted) == 0 {
		return granted, ""
	}
	return wanted, ""
}

// issued is one answer of the token endpoint in the making.
type issued struct {
	shard     store.Shard
	name      []byte // of the access record or of the family
	visit     []byte // of the entry under which they are given
	share     []byte
	scope     scope    // of the access token
	resources []string // of the access token
	nonce     string   // for the ID token, "" for none
	// refreshUntil is the end of the family that the tokens hang from, zero for
	// none; generation is that of the refresh token to give, 0 for none.
	refreshUntil time.Time
	generation   uint64
	hold         hold // of the refresh token to give
}

// answerTokens makes and writes the tokens.
func (b *Broker) answerTokens(w http.ResponseWriter, r *http.Request, c client.Client, g *grant, t *issued) error {
	ref, _, _ := strings.Cut(g.Txn, ".")
	b.noted(r.Context(), ref, c.ID)
	answer, err := b.makeTokens(c, g, t)
	if err != nil {
		return serverError("the tokens could not be made", err)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (b *Broker) makeTokens(c client.Client, g *grant, t *issued) (*tokenAnswer, error) {
	now := b.now()
	subject := b.subject(c, g.Person)
	life := accessTTL
	if left := t.refreshUntil.Sub(now); !t.refreshUntil.IsZero() && left < life {
		life = left // its record ends then
	}
	access, err := b.sealAccess(c, g, t, subject, now, now.Add(life))
	if err != nil {
		return nil, err
	}
	answer := &tokenAnswer{Access: access, Type: "Bearer", ExpiresIn: int(life.Seconds()), Scope: t.scope.String()}
	if t.generation > 0 && !t.refreshUntil.IsZero() {
		if answer.Refresh, err = b.sealRefresh(c, g, t, now); err != nil {
			return nil, err
		}
	}
	if t.scope.has(scopeOpenID) {
		if answer.IDToken, err = b.signIDToken(c, g, t.nonce, subject, access, now); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// proves checks PKCE (RFC 7636 §4.6). A verifier without a challenge is as
// wrong as the reverse: somebody has taken the challenge away (RFC 9700
// §4.8.2).
func proves(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return equal([]byte(encode(sum[:])), []byte(challenge))
}
