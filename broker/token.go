package broker

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

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
	IDToken   string `json:"id_token"`
}

func refuseToken(code, desc string) *clientError {
	return &clientError{status: http.StatusBadRequest, code: code, desc: desc}
}

// token is the token endpoint. Everything that can be judged without the store
// is judged before its one Apply.
func (b *Broker) token(w http.ResponseWriter, r *http.Request) error {
	v, err := form16k(w, r)
	if err != nil {
		e := refuseToken("invalid_request", "the body must be a form of at most 16384 bytes")
		if errors.As(err, new(*http.MaxBytesError)) {
			e.status = http.StatusRequestEntityTooLarge
		}
		return e
	}
	for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		if len(v[name]) > 1 {
			return refuseToken("invalid_request", name+" is sent more than once")
		}
	}
	c, err := b.authenticate(r, v)
	if err != nil {
		return err
	}
	b.noted(r.Context(), "", c.ID)
	switch v.Get("grant_type") {
	case "authorization_code":
		return b.tokenByCode(w, r, c, v)
	case "":
		return refuseToken("invalid_request", "grant_type is missing")
	default:
		return refuseToken("unsupported_grant_type", "grant_type must be authorization_code")
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
		return &clientError{status: http.StatusInternalServerError, code: "server_error", desc: "the code could not be redeemed", cause: err}
	}
	ref, _, _ := strings.Cut(g.Txn, ".")
	b.noted(r.Context(), ref, c.ID)
	subject := b.subject(c, g.Person)
	access, err := b.sealAccess(&k, &g, share, subject)
	if err == nil {
		var signed string
		if signed, err = b.signIDToken(c, &g, subject, access, b.now()); err == nil {
			writeJSON(w, http.StatusOK, &tokenAnswer{
				Access: access, Type: "Bearer", ExpiresIn: int(accessTTL.Seconds()), Scope: g.Scope.String(), IDToken: signed,
			})
			return nil
		}
	}
	return &clientError{status: http.StatusInternalServerError, code: "server_error", desc: "the tokens could not be made", cause: err}
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

// authenticate finds the client by exactly one method: client_secret_basic,
// client_secret_post, or none for public clients. Unknown clients and wrong
// secrets are told alike, in the same time.
func (b *Broker) authenticate(r *http.Request, v url.Values) (client.Client, error) {
	refused := &clientError{status: http.StatusUnauthorized, code: "invalid_client", desc: "the client is not known or not authenticated so"}
	user, secret, basic := r.BasicAuth()
	switch {
	case r.Header.Get("Authorization") != "":
		refused.challenge = `Basic realm="sinho", charset="UTF-8"`
		if !basic {
			return client.Client{}, refused
		}
		if v.Has("client_secret") || v.Has("client_assertion") {
			return client.Client{}, refuseToken("invalid_request", "more than one client authentication method")
		}
		name, errName := url.QueryUnescape(user)
		pass, errPass := url.QueryUnescape(secret)
		c, _ := b.clients.Lookup(name)
		if same := c.CheckSecret(pass); !same || errName != nil || errPass != nil {
			return client.Client{}, refused
		}
		if v.Has("client_id") && v.Get("client_id") != name {
			return client.Client{}, refuseToken("invalid_request", "client_id is not the authenticated client")
		}
		return c, nil
	case v.Has("client_assertion"), v.Has("client_assertion_type"):
		return client.Client{}, refused
	}
	c, known := b.clients.Lookup(v.Get("client_id"))
	if v.Get("client_secret") != "" {
		if !c.CheckSecret(v.Get("client_secret")) {
			return client.Client{}, refused
		}
		return c, nil
	}
	if !known || !c.Public {
		return client.Client{}, refused
	}
	return c, nil
}
