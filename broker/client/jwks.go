package client

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a client's keys.
const (
	maxKeys = 16
	maxKid  = 128
	maxJWKS = 64 << 10 // bytes
	rsaBits = 2048     // and twice as many at most
)

// ParseKeys reads the public keys of a client from a JWK set (RFC 7517 §5).
// Private parts, symmetric keys and unknown kinds are errors, which never quote
// what stands there; what else the keys must be, NewRegistry says.
func ParseKeys(data []byte) (*jose.JSONWebKeySet, error) {
	if len(data) > maxJWKS {
		return nil, fmt.Errorf("has %d bytes, at most %d", len(data), maxJWKS)
	}
	var doc struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New(`is no JWK set, which is JSON with a list of keys: {"keys": […]}`)
	}
	set := &jose.JSONWebKeySet{}
	for i, members := range doc.Keys {
		// "k" is the whole of a symmetric key, "priv" of RFC 9964's.
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
			if _, private := members[name]; private {
				return nil, fmt.Errorf("keys[%d] has a private part (%s): the site keeps that to itself, and needs a new key if this one was sent anywhere", i, name)
			}
		}
		var key jose.JSONWebKey
		raw, err := json.Marshal(members)
		if err == nil {
			err = key.UnmarshalJSON(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("keys[%d] is no public key of RSA, P-256 or Ed25519 that can be read", i)
		}
		set.Keys = append(set.Keys, key)
	}
	return set, nil
}

// keys checks the client's public keys.
func (k *check) keys() {
	set := k.client.Keys
	switch {
	case set == nil && k.client.AuthMethod == AuthPrivateKeyJWT:
		k.wrong("jwks", "is missing: private_key_jwt needs the client's public keys")
	case set == nil && k.client.RequireSignedRequest:
		k.wrong("jwks", "is missing: require_signed_request needs the client's public keys")
	case set == nil:
	case len(set.Keys) == 0:
		k.wrong("jwks", "has no keys")
	case len(set.Keys) > maxKeys:
		k.wrong("jwks", "has %d keys, at most %d", len(set.Keys), maxKeys)
	default:
		for i, key := range set.Keys {
			at := fmt.Sprintf("jwks.keys[%d]", i)
			if err := checkKey(key); err != nil {
				k.wrong(at, "%v", err)
			}
			same := func(other jose.JSONWebKey) bool { return other.KeyID == key.KeyID }
			switch {
			case key.KeyID == "" && len(set.Keys) > 1:
				k.wrong(at, "has no kid, and there are others")
			case len(key.KeyID) > maxKid || strings.ContainsFunc(key.KeyID, func(c rune) bool { return c < ' ' || c > '~' }):
				k.wrong(at, "has a kid that is not 1 to %d printable ASCII characters", maxKid)
			case slices.ContainsFunc(set.Keys[:i], same):
				k.wrong(at, "has the kid of another")
			}
		}
	}
}

// checkKey takes a public key that a signature of ours to check may name.
func checkKey(key jose.JSONWebKey) error {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if public.N == nil || public.N.BitLen() < rsaBits || public.N.BitLen() > 2*rsaBits || public.E < 3 || public.E%2 == 0 {
			return fmt.Errorf("is no RSA key of %d to %d bits", rsaBits, 2*rsaBits)
		}
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return errors.New("is of another curve than P-256")
		}
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return errors.New("is no Ed25519 key")
		}
	default:
		return errors.New("is no public key of RSA, P-256 or Ed25519")
	}
	if key.Use != "" && key.Use != "sig" {
		return fmt.Errorf("has use %q, which is not for signatures: leave it out", key.Use)
	}
	if key.Algorithm != "" && !slices.Contains(algorithmsOf(key), key.Algorithm) {
		return fmt.Errorf("has alg %q, want %s", key.Algorithm, strings.Join(algorithmsOf(key), " or "))
	}
	return nil
}

// algorithmsOf a kind of key that we take.
func algorithmsOf(key jose.JSONWebKey) []string {
	switch key.Key.(type) {
	case *rsa.PublicKey:
		return []string{PS256, RS256}
	case *ecdsa.PublicKey:
		return []string{ES256}
	case ed25519.PublicKey:
		return []string{EdDSA}
	}
	return nil
}
