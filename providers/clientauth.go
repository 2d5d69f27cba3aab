package providers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Ways to prove ourselves to a provider (OpenID Connect Core section 9).
const (
	secretPost  = "client_secret_post"
	secretBasic = "client_secret_basic"
	privateKey  = "private_key_jwt"
	noAuth      = "none"
)

// assertionLife is how long a client assertion may be used; it is used at once.
const assertionLife = time.Minute

// method is how we prove ourselves, given what the provider takes. It is decided
// from metadata and never by trying, which would spend a code.
func (s Settings) method(theirs []string) string {
	switch {
	case s.AuthMethod != "":
		return s.AuthMethod
	case s.PrivateKeyPEM != "":
		return privateKey
	case s.ClientSecret == "":
		return noAuth
	case slices.Contains(theirs, secretBasic) && !slices.Contains(theirs, secretPost):
		return secretBasic
	}
	return secretPost
}

// proofChecks reports what does not go together.
func (s Settings) proofChecks() []error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	secret, key := s.AuthMethod == secretPost || s.AuthMethod == secretBasic, s.AuthMethod == privateKey
	switch {
	case !slices.Contains([]string{"", secretPost, secretBasic, privateKey, noAuth}, s.AuthMethod):
		say("AuthMethod %q must be %s, %s, %s, %s or nothing", s.AuthMethod, secretPost, secretBasic, privateKey, noAuth)
	case s.ClientSecret != "" && s.PrivateKeyPEM != "":
		say("ClientSecret and PrivateKeyPEM are two proofs: keep one")
	case secret && s.ClientSecret == "":
		say("ClientSecret is needed for AuthMethod %s", s.AuthMethod)
	case key && s.PrivateKeyPEM == "":
		say("PrivateKeyPEM is needed for AuthMethod %s", s.AuthMethod)
	case s.AuthMethod == noAuth && (s.ClientSecret != "" || s.PrivateKeyPEM != ""):
		say("AuthMethod none proves nothing: remove ClientSecret and PrivateKeyPEM")
	}
	if s.PrivateKeyPEM == "" && (s.KeyID != "" || s.AssertionAudience != "") {
		say("PrivateKeyPEM is needed for KeyID and AssertionAudience")
	}
	if a := s.AssertionAudience; a != "" && a != "issuer" && a != "token_endpoint" {
		say("AssertionAudience %q must be issuer, token_endpoint or nothing", a)
	}
	if s.PrivateKeyPEM != "" {
		if _, _, err := assertionKey(s.PrivateKeyPEM, nil); err != nil {
			say("PrivateKeyPEM %w", err)
		}
	}
	return wrong
}

// assertionKey reads a private key, and says what it signs with: what the
// provider takes, where a key has a choice.
func assertionKey(text string, theirs []string) (crypto.Signer, jose.SignatureAlgorithm, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", errors.New("is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, "", errors.New("is not a private key in PKCS #8") // the cause may quote it
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 2048 {
			return nil, "", errors.New("is an RSA key of less than 2048 bits")
		}
		if slices.Contains(theirs, string(jose.PS256)) && !slices.Contains(theirs, string(jose.RS256)) {
			return key, jose.PS256, nil
		}
		return key, jose.RS256, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return key, jose.ES256, nil
		}
	case ed25519.PrivateKey:
		return key, jose.EdDSA, nil
	}
	return nil, "", errors.New("is neither RSA, P-256 nor Ed25519")
}

// assertion is our proof as a signed assertion (RFC 7523 section 2.2), each with
// a jti of its own; nothing where we prove ourselves otherwise. Its audience is
// the issuer unless the settings say otherwise: an endpoint is what metadata says,
// and whoever forges that could have assertions made for somebody else.
func (f *codeFlow) assertion(e endpoints) (url.Values, error) {
	const op = "sign client assertion"
	if e.method != privateKey {
		return nil, nil //nolint:nilnil // no parameters are none
	}
	key, alg, err := assertionKey(f.set.PrivateKeyPEM, e.proofAlgs)
	if err != nil {
		return nil, f.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if f.set.KeyID != "" {
		options = options.WithHeader("kid", f.set.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		return nil, f.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	audience := f.set.Issuer
	if f.set.AssertionAudience == "token_endpoint" {
		audience = e.token
	}
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // never fails (crypto/rand)
	now := f.time()
	payload, err := json.Marshal(map[string]any{
		"iss": f.set.ClientID, "sub": f.set.ClientID, "aud": audience, "jti": base64.RawURLEncoding.EncodeToString(jti[:]),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, f.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return nil, f.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		return nil, f.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {compact},
	}, nil
}
