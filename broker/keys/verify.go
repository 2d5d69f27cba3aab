package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ErrNotOurs: the token was not signed by this set as a JWT.
var ErrNotOurs = errors.New("token is not ours")

// maxToken bounds in bytes what is looked at.
const maxToken = 16 << 10

// Verify gives the payload of a token this set has signed, such as an
// id_token_hint. It fails with ErrNotOurs for a kid that is unknown or missing,
// for an algorithm other than that of the key, none among them, for a typ other
// than JWT or none (a logout token is no ID token, RFC 8725 §3.11), for any
// other header and for any second encoding of a token. Keys named or carried by
// the token are never used. An expired token passes: whether that matters is the
// caller's to say, as are iss, aud and sub.
func (s *Set) Verify(token string) ([]byte, error) {
	payload, err := s.verify(token)
	if err != nil {
		return nil, fmt.Errorf("keys: verify: %w", err)
	}
	return payload, nil
}

func (s *Set) verify(token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", len(token), maxToken, ErrNotOurs)
	}
	if !canonical(token) {
		return nil, fmt.Errorf("not a compact JWS: %w", ErrNotOurs)
	}
	signed, err := jose.ParseSignedCompact(token, order)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if len(signed.Signatures) != 1 {
		return nil, fmt.Errorf("%d signatures: %w", len(signed.Signatures), ErrNotOurs)
	}
	header := signed.Signatures[0].Protected
	k := s.byKid[header.KeyID]
	if k == nil || k.Ended(s.now()) {
		return nil, fmt.Errorf("unknown kid: %w", ErrNotOurs)
	}
	if header.Algorithm != string(k.alg) {
		return nil, fmt.Errorf("alg is not that of its kid: %w", ErrNotOurs)
	}
	if header.JSONWebKey != nil || header.Nonce != "" {
		return nil, fmt.Errorf("a header we never write: %w", ErrNotOurs)
	}
	for name, value := range header.ExtraHeaders {
		if name != jose.HeaderType || value != "JWT" {
			return nil, fmt.Errorf("a header we never write: %w", ErrNotOurs)
		}
	}
	payload, err := signed.Verify(k.public.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	return payload, nil
}

// canonical: three parts of base64url, each in its one encoding. go-jose would
// let stray trailing bits and line breaks pass.
func canonical(token string) bool {
	strict := base64.RawURLEncoding.Strict()
	parts := 0
	for part := range strings.SplitSeq(token, ".") {
		parts++
		if parts > 3 || strings.ContainsAny(part, "\r\n") {
			return false
		}
		if _, err := strict.DecodeString(part); err != nil {
			return false
		}
	}
	return parts == 3
}
