// Package keys is the broker's signing keys: what signs ID tokens, what the
// world may read of them, and what recognises our own tokens again.
//
// It signs and verifies bytes; claims, expiry and audience are its callers'.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms, of RFC 7518 §3.1. A set always has the first two.
const (
	ES256 = string(jose.ES256)
	RS256 = string(jose.RS256)
	PS256 = string(jose.PS256)
	EdDSA = string(jose.EdDSA) // with Ed25519, of RFC 8037 §3.1
)

// ErrAlgorithm: asked to sign with an algorithm we have no key for.
var ErrAlgorithm = errors.New("no key for this algorithm")

const (
	rsaBits = 2048
	// signers remembered per key, one for each typ; callers use a few constants.
	maxTypes = 16
)

// order in which algorithms are named and keys generated; everything else is
// refused everywhere. A set must have needed ones and may have the rest.
var (
	order  = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA}
	needed = order[:2]
)

// Set is immutable and safe for concurrent use. For each algorithm one key
// signs at any moment; others of the same algorithm are published and
// recognised, so that keys can change without anybody noticing (see Span).
type Set struct {
	now   func() time.Time
	keys  []*key
	byKid map[string]*key
	byAlg map[jose.SignatureAlgorithm][]*key
	jwks  atomic.Pointer[publication] // as last asked for
}

// key is one signing key. A go-jose signer has no state of its own, so one may
// be used by many goroutines at once.
type key struct {
	Span

	kid       string
	alg       jose.SignatureAlgorithm
	private   crypto.Signer
	public    jose.JSONWebKey
	published []byte // public, as the JWKS has it

	mu      sync.RWMutex // guards signers
	signers map[string]jose.Signer
}

// Generate makes an ES256 key (P-256) and an RS256 key (2048 bits) that sign at
// once. The latter takes a fraction of a second.
func Generate() (*Set, error) { return fresh(needed) }

// GenerateAll is Generate with a PS256 key (2048 bits) and an EdDSA key (Ed25519)
// beside them.
func GenerateAll() (*Set, error) { return fresh(order) }

func fresh(algs []jose.SignatureAlgorithm) (*Set, error) {
	born := Span{Made: now()}
	var all []spanned
	for _, alg := range algs {
		private, err := generate(alg)
		if err != nil {
			return nil, err
		}
		all = append(all, spanned{alg, private, born})
	}
	return newSet(all...)
}

// SetClock gives the set the clock by which a key begins to sign and ends,
// instead of the machine's. It is called before the set is used.
func (s *Set) SetClock(now func() time.Time) { s.now = now }

// generate makes a private key for alg.
func generate(alg jose.SignatureAlgorithm) (private crypto.Signer, err error) {
	switch alg {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: generate %s: %w", alg, err)
	}
	return private, nil
}

// now is the present as time lines have it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// spanned is a private key with its algorithm and time line.
type spanned struct {
	alg     jose.SignatureAlgorithm // "": the first that such a key is used for
	private crypto.Signer
	span    Span
}

// newSet wants a key of each needed algorithm; and of each that there is, one
// that signs now and one for every moment to come. Of those that may sign the
// newest does, of equals the first.
func newSet(all ...spanned) (*Set, error) {
	s := &Set{now: time.Now, byKid: make(map[string]*key, len(all)), byAlg: map[jose.SignatureAlgorithm][]*key{}}
	for i, p := range all {
		k, err := newKey(p)
		if err != nil {
			return nil, fmt.Errorf("keys: key %d: %w", i+1, err)
		}
		if s.byKid[k.kid] != nil {
			return nil, fmt.Errorf("keys: key %d is there twice (%s)", i+1, k.kid)
		}
		s.byKid[k.kid] = k
		s.keys = append(s.keys, k)
		s.byAlg[k.alg] = append(s.byAlg[k.alg], k)
	}
	for _, alg := range needed {
		if len(s.byAlg[alg]) == 0 {
			return nil, fmt.Errorf("keys: %s: %w", alg, ErrAlgorithm)
		}
	}
	for _, alg := range s.algorithms() {
		if err := CheckLine(s.line(alg), time.Now()); err != nil {
			return nil, fmt.Errorf("keys: %s: %w", alg, err)
		}
	}
	return s, nil
}

func newKey(of spanned) (*key, error) {
	alg, err := algorithmOf(of)
	if err != nil {
		return nil, err
	}
	k := &key{Span: of.span, alg: alg, private: of.private, signers: make(map[string]jose.Signer)}
	k.public = jose.JSONWebKey{Key: k.private.Public(), Algorithm: string(k.alg), Use: "sig"}
	thumbprint, err := k.public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("thumbprint: %w", err)
	}
	k.kid = base64.RawURLEncoding.EncodeToString(thumbprint)
	k.public.KeyID = k.kid
	if k.published, err = json.Marshal(k.public); err != nil {
		return nil, fmt.Errorf("marshal JWK: %w", err)
	}
	// The usual types now, so that a key that cannot sign is found at once.
	for _, typ := range []string{"", "JWT"} {
		if _, err := k.signer(typ); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// algorithmOf a private key that is strong enough to be one of ours.
func algorithmOf(of spanned) (jose.SignatureAlgorithm, error) {
	var fit []jose.SignatureAlgorithm // the usual one first
	switch p := of.private.(type) {
	case *ecdsa.PrivateKey:
		if p.Curve != elliptic.P256() {
			return "", fmt.Errorf("curve %s, want P-256", p.Curve.Params().Name)
		}
		fit = []jose.SignatureAlgorithm{jose.ES256}
	case *rsa.PrivateKey:
		if bits := p.N.BitLen(); bits < rsaBits || bits > 4096 {
			return "", fmt.Errorf("RSA of %d bits, want %d to 4096", bits, rsaBits)
		}
		fit = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}
	case ed25519.PrivateKey:
		fit = []jose.SignatureAlgorithm{jose.EdDSA}
	default:
		return "", fmt.Errorf("%T is none of P-256, RSA and Ed25519", of.private)
	}
	switch {
	case of.alg == "":
		return fit[0], nil
	case !slices.Contains(fit, of.alg):
		return "", fmt.Errorf("a %T is not for %s", of.private, of.alg)
	}
	return of.alg, nil
}

// Sign makes a compact JWS (RFC 7515 §7.1) of payload with the key of alg. Its
// protected header has alg, kid and, unless empty, typ: a constant such as JWT
// or logout+jwt. ErrAlgorithm when alg is not one of Algorithms.
func (s *Set) Sign(alg string, payload []byte, typ string) (string, error) {
	k := s.signing(jose.SignatureAlgorithm(alg), s.now())
	if k == nil {
		return "", fmt.Errorf("keys: sign with %q: %w", alg, ErrAlgorithm)
	}
	signer, err := k.signer(typ)
	if err != nil {
		return "", fmt.Errorf("keys: sign with %s: %w", alg, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("keys: sign with %s: %w", alg, err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("keys: sign with %s: %w", alg, err)
	}
	return token, nil
}

// Algorithms that Sign takes, the default first: those the set has keys of.
func (s *Set) Algorithms() []string {
	var all []string
	for _, alg := range s.algorithms() {
		all = append(all, string(alg))
	}
	return all
}

// algorithms there are keys of, in order.
func (s *Set) algorithms() []jose.SignatureAlgorithm {
	return slices.DeleteFunc(slices.Clone(order), func(alg jose.SignatureAlgorithm) bool { return len(s.byAlg[alg]) == 0 })
}

// String hides the keys.
func (s *Set) String() string { return fmt.Sprintf("keys.Set(%d keys)", len(s.keys)) }

// GoString hides the keys from %#v.
func (s *Set) GoString() string { return s.String() }

// signing is the key of alg that signs at now, nil of none.
func (s *Set) signing(alg jose.SignatureAlgorithm, now time.Time) *key {
	var best *key
	for _, k := range s.byAlg[alg] { // as ActiveAt, without making a line of it
		if !k.From.After(now) && !k.Ended(now) && (best == nil || k.From.After(best.From)) {
			best = k
		}
	}
	return best
}

// line is the time lines of the keys of alg.
func (s *Set) line(alg jose.SignatureAlgorithm) []Span { return lineOf(s.spanned(alg)) }

// signer for a typ: making one costs a tenth of an ES256 signature, so they are
// kept.
func (k *key) signer(typ string) (jose.Signer, error) {
	k.mu.RLock()
	signer := k.signers[typ]
	k.mu.RUnlock()
	if signer != nil {
		return signer, nil
	}
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: k.alg,
		Key:       jose.JSONWebKey{Key: k.private, KeyID: k.kid},
	}, options)
	if err != nil {
		return nil, fmt.Errorf("new signer: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.signers) < maxTypes {
		k.signers[typ] = signer
	}
	return signer, nil
}
