package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sinho/store"
)

const (
	tagAccessShard byte = iota + 1
	tagAccessName
	tagAccessClaims
)

// sealAccess makes the access token: opaque, with the answer of userinfo
// inside, under a key that needs the share in the store.
func (b *Broker) sealAccess(k *code, g *grant, share []byte, subject string) (string, error) {
	expires := b.now().Add(accessTTL)
	name := accessName(k.Secret)
	claims, err := json.Marshal(claimsOf(g, subject))
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	inner, err := b.box.claims.With(share).Seal(claims, expires, b.issuer, encode(name))
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	raw, err := strict64.DecodeString(inner)
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	f := newForm(len(raw) + 64)
	f.text(tagAccessShard, string(k.Shard))
	f.bytes(tagAccessName, name)
	f.bytes(tagAccessClaims, raw)
	return b.box.access.Seal(f, expires, b.issuer)
}

// userinfo answers with the claims of an access token (OpenID Connect Core
// §5.3): one read.
func (b *Broker) userinfo(w http.ResponseWriter, r *http.Request) error {
	token, err := bearer(w, r)
	if err != nil {
		return err
	}
	dead := &clientError{
		status: http.StatusUnauthorized, code: "invalid_token", desc: "the access token is wrong, expired or revoked",
		challenge: `Bearer realm="sinho", error="invalid_token", error_description="the access token is wrong, expired or revoked"`,
	}
	plain, err := b.box.access.Open(token, b.now(), b.issuer)
	if err != nil {
		return dead
	}
	var (
		shard        store.Shard
		name, claims []byte
	)
	if err := fields(plain, func(tag byte, v []byte) {
		switch tag {
		case tagAccessShard:
			shard = store.Shard(v)
		case tagAccessName:
			name = v
		case tagAccessClaims:
			claims = v
		}
	}); err != nil {
		return dead
	}
	share, err := b.store.Read(r.Context(), shard, accessKey(name))
	switch {
	case errors.Is(err, store.ErrAbsent):
		return dead
	case err != nil:
		return unavailable(fmt.Errorf("read access record: %w", away(err)))
	}
	body, err := b.box.claims.With(share).Open(encode(claims), b.now(), b.issuer, encode(name))
	if err != nil {
		return dead
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

// bearer takes the token from the header or from a form body (RFC 6750 §2), not
// both and never from the query.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	bad := func(desc string) error {
		return &clientError{
			status: http.StatusBadRequest, code: "invalid_request", desc: desc,
			challenge: `Bearer realm="sinho", error="invalid_request", error_description="` + desc + `"`,
		}
	}
	var tokens []string
	if h := r.Header.Values("Authorization"); len(h) > 1 {
		return "", bad("more than one Authorization header")
	} else if len(h) == 1 {
		scheme, value, _ := strings.Cut(h[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", bad("the Authorization header must be of type Bearer")
		}
		tokens = append(tokens, strings.TrimSpace(value))
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		v, err := form16k(w, r)
		switch {
		case err == nil:
			tokens = append(tokens, v["access_token"]...)
		case errors.As(err, new(*http.MaxBytesError)):
			return "", bad("the body has more than 16384 bytes")
		case len(tokens) == 0:
			return "", bad("the body must be a form")
		}
	}
	switch len(tokens) {
	case 0:
		return "", &clientError{status: http.StatusUnauthorized, code: "invalid_request", desc: "an access token is needed", challenge: `Bearer realm="sinho"`}
	case 1:
		return tokens[0], nil
	}
	return "", bad("more than one access token")
}
