package client

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of what clients sign.
const (
	maxSigned = 8 << 10 // bytes
	// skew by which a client's clock may be ahead of ours. FAPI 2.0 §5.3.2.1 wants
	// 10 s taken and 60 s refused.
	skew = 30 * time.Second
)

// taken are the algorithms of clients' signatures (FAPI 2.0 §5.4.1, and RS256 for
// older libraries).
var taken = []string{ES256, PS256, EdDSA, RS256}

// headers that a signature may come with. The last two name certificates, which
// are not looked at; crit, zip, and keys or addresses of some are refused.
var headers = []string{"alg", "kid", "typ", "x5t", "x5t#S256"}

// open gives the claims of a compact JWS (RFC 7515 §7.1) that one of the client's
// registered keys has signed. Its typ is absent or one of types. Nothing that the
// token carries or names is used as a key. ErrUnsupported for one that is not
// signed, or is encrypted, and for a client without keys.
func (c Client) open(token string, types ...string) (claims, error) {
	header, err := readHeader(token)
	if err != nil {
		return nil, err
	}
	if c.Keys == nil {
		return nil, fmt.Errorf("the client has no keys: %w", ErrUnsupported)
	}
	alg, _, err := header.text("alg")
	switch {
	case err != nil:
		return nil, err
	case alg == "none":
		return nil, fmt.Errorf("is not signed: %w", ErrUnsupported)
	case !slices.Contains(taken, alg):
		return nil, errors.New("alg is none that is taken")
	}
	typ, found, err := header.text("typ")
	fits := func(t string) bool { return strings.EqualFold(t, typ) } // RFC 7515 §4.1.9
	if err != nil || found && !slices.ContainsFunc(types, fits) {
		return nil, errors.New("typ is that of something else")
	}
	key, err := c.key(header, alg)
	if err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return nil, errors.New("signature does not verify")
	}
	return readClaims(payload)
}

// readHeader reads the first part of a token whose three parts are base64url,
// each in its one encoding.
func readHeader(token string) (claims, error) {
	if len(token) > maxSigned {
		return nil, fmt.Errorf("has %d bytes, at most %d", len(token), maxSigned)
	}
	parts := strings.Split(token, ".")
	if len(parts) == 5 {
		return nil, fmt.Errorf("is encrypted: %w", ErrUnsupported)
	}
	if len(parts) != 3 {
		return nil, errors.New("is no compact JWS")
	}
	var first []byte
	for i, part := range parts {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, errors.New("is not in base64url")
		}
		if i == 0 {
			first = raw
		}
	}
	header, err := readClaims(first)
	if err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	for name := range header {
		if !slices.Contains(headers, name) {
			return nil, errors.New("header has what is not taken")
		}
	}
	return header, nil
}

// key finds the registered key that the header names, or without a kid the only
// one that fits the algorithm.
func (c Client) key(header claims, alg string) (found jose.JSONWebKey, err error) {
	kid, named, err := header.text("kid")
	if err != nil || named && kid == "" {
		return found, errors.New("kid is no text")
	}
	fit := 0
	for _, key := range c.Keys.Keys {
		if signs(key, alg) && (!named || key.KeyID == kid) {
			found = key
			fit++
		}
	}
	switch {
	case fit == 0:
		return found, errors.New("no key of the client's fits kid and alg")
	case fit > 1:
		return found, errors.New("no kid, and several keys of the client's fit")
	}
	return found, nil
}

// signs tells whether the key may have signed with alg.
func signs(key jose.JSONWebKey, alg string) bool {
	return slices.Contains(algorithmsOf(key), alg) && (key.Algorithm == "" || key.Algorithm == alg)
}
