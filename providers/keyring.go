package providers

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysFresh  = 15 * time.Minute
	keysUsable = 24 * time.Hour // a withdrawn key is not trusted longer
	maxKeys    = 64
	maxToken   = 32 << 10 // bytes of an ID token
)

// safeAlgorithms are the only signatures ever accepted: none and the
// symmetric ones are not among them, whatever a token or metadata says.
func safeAlgorithms() []string { return []string{"RS256", "ES256", "PS256", "EdDSA"} }

// keyring holds a provider's public keys (RFC 7517).
type keyring struct {
	line
	cache *behind[[]jose.JSONWebKey]
	algs  []jose.SignatureAlgorithm
}

// newKeyring reads keys from wherever place says at the time.
func newKeyring(l line, algs []string, place func(context.Context) (string, error)) *keyring {
	k := &keyring{line: l}
	for _, a := range algs {
		k.algs = append(k.algs, jose.SignatureAlgorithm(a))
	}
	k.cache = &behind[[]jose.JSONWebKey]{
		life: func([]jose.JSONWebKey) (time.Duration, time.Duration) { return keysFresh, keysUsable },
		fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) {
			url, err := place(ctx)
			if err != nil {
				return nil, err
			}
			return k.download(ctx, url)
		},
	}
	return k
}

func (k *keyring) download(ctx context.Context, url string) ([]jose.JSONWebKey, error) {
	const op = "read keys"
	r, err := k.get(ctx, op, url, "")
	if err != nil {
		return nil, err
	}
	switch e := k.status(op, r.status); {
	case r.status == 200:
	case e.Class == Configuration:
		// Nobody can log in without them, whoever has lost them.
		return nil, k.nonsense(op, e.Code)
	default:
		return nil, e
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if !r.decode(&set) || len(set.Keys) > maxKeys {
		return nil, k.nonsense(op, "keys")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// A key of a kind we do not know is somebody else's (RFC 7517 section 5).
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, k.nonsense(op, "keys")
	}
	return keys, nil
}

var (
	errUnknownKey = errors.New("no published key fits the token's kid and alg")
	errManyKeys   = errors.New("the token names no kid, and several published keys are of its kind")
	errSignature  = errors.New("the signature does not fit the key")
)

// open checks the signature of a compact JWS and gives its payload. An unknown
// kid makes the keys be read again, within behind's limit. Errors other than the
// three above are about reaching the keys.
func (k *keyring) open(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, k.algs)
	if err != nil {
		return nil, errSignature
	}
	keys, version, err := k.cache.get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := fit(jws, keys)
	if !errors.Is(err, errUnknownKey) {
		return payload, err
	}
	keys, younger, err := k.cache.newer(ctx, version)
	if err != nil {
		return nil, err
	}
	if younger == version {
		return nil, errUnknownKey
	}
	return fit(jws, keys)
}

// fit tries the keys that may have signed: same kid if the token names one,
// made for its algorithm, never one the token brings along. Without a kid there
// must be no choice (OpenID Connect Core 10.1).
func fit(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	header := jws.Signatures[0].Header
	var may []jose.JSONWebKey
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if header.KeyID != "" || ofKind(key, header.Algorithm) {
			may = append(may, key)
		}
	}
	if header.KeyID == "" && len(may) > 1 {
		return nil, errManyKeys
	}
	for _, key := range may {
		if payload, err := jws.Verify(key); err == nil {
			return payload, nil
		}
	}
	// A token without kid that nothing fits may be signed by a key not yet read.
	if len(may) == 0 || header.KeyID == "" {
		return nil, errUnknownKey
	}
	return nil, errSignature
}

// ofKind says that a key is of the type that one of safeAlgorithms signs with.
func ofKind(key jose.JSONWebKey, alg string) bool {
	switch key.Key.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" || alg == "PS256"
	case *ecdsa.PublicKey:
		return alg == "ES256"
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// witness is one verification's oidc.KeySet; it keeps the error that go-oidc
// turns into text.
type witness struct {
	*keyring
	err error
}

// VerifySignature makes a witness an oidc.KeySet.
func (w *witness) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := w.open(ctx, token)
	w.err = err
	return payload, err
}

// narrowed are our algorithms the provider says it uses, or all of ours when it
// says nothing.
func narrowed(ours, theirs []string) []string {
	if len(theirs) == 0 {
		return ours
	}
	var both []string
	for _, a := range ours {
		if slices.Contains(theirs, a) {
			both = append(both, a)
		}
	}
	return both
}
