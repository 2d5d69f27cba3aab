package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"sinho/broker/client"
	"sinho/store"
)

// assertionType is the one client_assertion_type (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// What clients prove themselves by, as discovery names it; public ones by none.
var (
	authMethods         = []string{client.AuthSecretBasic, client.AuthSecretPost, client.AuthPrivateKeyJWT, client.AuthNone}
	assertionAlgorithms = []string{client.ES256, client.PS256, client.EdDSA, client.RS256}
)

// machineForm reads the form of an endpoint for clients. Parameters must not be
// repeated (RFC 6749 §3.2), but for resource (RFC 8707 §2).
func (b *Broker) machineForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	v, err := form16k(w, r)
	if err != nil {
		e := refuseToken("invalid_request", "the body must be a form of at most 16384 bytes")
		if errors.As(err, new(*http.MaxBytesError)) {
			e.status = http.StatusRequestEntityTooLarge
		}
		return nil, e
	}
	for name, values := range v {
		if len(values) > 1 && name != "resource" {
			return nil, refuseToken("invalid_request", "a parameter is sent more than once")
		}
	}
	return v, nil
}

// authenticate finds the client by exactly one method (RFC 6749 §2.3): the one
// registered for it, or with none registered client_secret_basic or
// client_secret_post; none is for public clients. Unknown clients and wrong
// secrets are told alike, in the same time. Only private_key_jwt asks the store.
func (b *Broker) authenticate(r *http.Request, v url.Values) (client.Client, error) {
	refused := &clientError{status: http.StatusUnauthorized, code: "invalid_client", desc: "the client is not known or not authenticated so"}
	var (
		headers   = r.Header.Values("Authorization")
		assertion = v.Has("client_assertion") || v.Has("client_assertion_type")
		posted    = v.Get("client_secret") != ""
		ways      int
	)
	for _, used := range []bool{len(headers) > 0, assertion, posted} {
		if used {
			ways++
		}
	}
	if ways > 1 || len(headers) > 1 {
		return client.Client{}, refuseToken("invalid_request", "more than one client authentication method")
	}
	switch {
	case len(headers) > 0:
		refused.challenge = `Basic realm="sinho", charset="UTF-8"`
		return b.authenticateBasic(r, v, refused)
	case assertion:
		return b.authenticateAssertion(r, v, refused)
	}
	c, known := b.clients.Lookup(v.Get("client_id"))
	if posted {
		if same := c.CheckSecret(v.Get("client_secret")); !same || !proven(c, client.AuthSecretPost) {
			return client.Client{}, refused
		}
		return c, nil
	}
	if !known || !c.Public {
		return client.Client{}, refused
	}
	return c, nil
}

// proven says that the client may prove itself by a method with its secret.
func proven(c client.Client, method string) bool {
	return !c.Public && (c.AuthMethod == "" || c.AuthMethod == method)
}

func (b *Broker) authenticateBasic(r *http.Request, v url.Values, refused *clientError) (client.Client, error) {
	user, secret, basic := r.BasicAuth()
	if !basic {
		return client.Client{}, refused
	}
	name, errName := url.QueryUnescape(user)
	pass, errPass := url.QueryUnescape(secret)
	c, _ := b.clients.Lookup(name)
	// Libraries that forget the form encoding of RFC 6749 §2.3.1 send it raw.
	encoded, raw := c.CheckSecret(pass) && errPass == nil, c.CheckSecret(secret)
	if same := encoded || raw; !same || errName != nil || !proven(c, client.AuthSecretBasic) {
		return client.Client{}, refused
	}
	if v.Has("client_id") && v.Get("client_id") != name {
		return client.Client{}, refuseToken("invalid_request", "client_id is not the authenticated client")
	}
	return c, nil
}

// authenticateAssertion takes private_key_jwt (OpenID Connect Core §9). An
// assertion is good once: its jti is kept until it has expired. That is the one
// trip of this method, and nobody gets so far who cannot sign for the client.
func (b *Broker) authenticateAssertion(r *http.Request, v url.Values, refused *clientError) (client.Client, error) {
	token := v.Get("client_assertion")
	name := claimedClient(token)
	c, known := b.clients.Lookup(name)
	switch {
	case v.Get("client_assertion_type") != assertionType, !known:
		return client.Client{}, refused
	case v.Has("client_id") && v.Get("client_id") != name:
		return client.Client{}, refuseToken("invalid_request", "client_id is not the client of the assertion")
	}
	now := b.now()
	a, err := c.CheckAssertion(token, b.audiences(r), now)
	if err != nil {
		b.log(r.Context(), slog.LevelInfo, "assertion refused", NewReference(), "invalid_client", err, slog.String("client", c.ID))
		return client.Client{}, refused
	}
	// Random, so that no second use is ever taken for the first one repeated.
	var once [16]byte
	_, _ = rand.Read(once[:]) // never fails, see crypto/rand
	done, err := b.store.Apply(r.Context(), assertionShard(c.ID, a.JTI), newAttempt(), true, store.Op{
		Kind: store.PutNew, Key: "jti", Value: once[:], TTL: max(a.Expires.Sub(now)+keySkew, store.MinTTL),
	})
	switch {
	case err != nil:
		return client.Client{}, unavailable(fmt.Errorf("take assertion: %w", away(err)))
	case done.Conflict != nil:
		b.log(r.Context(), slog.LevelWarn, "assertion replayed", NewReference(), "invalid_client", nil, slog.String("client", c.ID))
		return client.Client{}, refused
	}
	return c, nil
}

// audiences are our names in an assertion: the issuer, the token endpoint, and
// the endpoint it was sent to (RFC 9126 §2).
func (b *Broker) audiences(r *http.Request) []string {
	all := []string{b.issuer, b.issuer + "/token"}
	if r.URL.Path != "/token" {
		all = append(all, b.issuer+r.URL.Path)
	}
	return all
}

// claimedClient is whom an assertion says it is from, unproven: it only finds
// the keys by which that is judged.
func claimedClient(assertion string) string {
	_, rest, _ := strings.Cut(assertion, ".")
	body, _, _ := strings.Cut(rest, ".")
	raw, err := strict64.DecodeString(body)
	var claims struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// assertionShard spreads the jti of one client over the store.
func assertionShard(client, jti string) store.Shard {
	h := sha256.New()
	h.Write([]byte("sinho assertion"))
	for _, part := range []string{client, jti} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // within a form of 16 KiB
		h.Write([]byte(part))
	}
	return store.Shard(encode(h.Sum(nil)[:16]))
}
