package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// pemType is PKCS#8, unencrypted (RFC 7468 §10).
const pemType = "PRIVATE KEY"

// Headers of a PEM block, with the time line of its key; those of zero time are
// left out, and so is the algorithm but for a key of PS256, which looks like one
// of RS256. Programs that know no headers take them for nothing.
const (
	headerAlg   = "Algorithm"
	headerMade  = "Made"
	headerFrom  = "Signs-From"
	headerUntil = "Until"
)

// Marshal gives all private keys as PKCS#8 PEM with their time lines as headers,
// in order. Whoever reads it can sign as us: it belongs in a file of mode 0600
// or a secret store.
func (s *Set) Marshal() ([]byte, error) {
	var out bytes.Buffer
	for _, k := range s.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, fmt.Errorf("keys: marshal %s: %w", k.kid, err)
		}
		if err := pem.Encode(&out, &pem.Block{Type: pemType, Headers: headersOf(k), Bytes: der}); err != nil {
			return nil, fmt.Errorf("keys: marshal %s: %w", k.kid, err)
		}
	}
	return out.Bytes(), nil
}

// Parse reads what Marshal wrote, or a hand-made file of PKCS#8 PEM blocks: at
// least one P-256 and one RSA key of 2048 to 4096 bits, and perhaps Ed25519 keys
// and RSA keys with the header Algorithm: PS256. Of each algorithm the one signs
// whose Signs-From came last, without headers the first; the others are published
// and recognised until their end. Text before a block is a comment; any other header or kind of block, a damaged one, or text after the last is an
// error, so that a file cut short is noticed. Errors never quote the file.
func Parse(data []byte) (*Set, error) {
	var private []spanned
	blocks := bytes.Count(data, []byte("-----BEGIN "))
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("keys: parse: something that is not PEM")
		}
		if block.Type != pemType {
			return nil, fmt.Errorf("keys: parse: key %d is a %q, want a PKCS#8 %q", len(private)+1, block.Type, pemType)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("keys: parse: key %d: %w", len(private)+1, err)
		}
		signer, ok := parsed.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("keys: parse: key %d: a %T cannot sign", len(private)+1, parsed)
		}
		one := spanned{private: signer}
		if err := one.read(block.Headers); err != nil {
			return nil, fmt.Errorf("keys: parse: key %d: %w", len(private)+1, err)
		}
		private = append(private, one)
		data = rest
	}
	switch {
	case len(private) == 0:
		return nil, errors.New("keys: parse: no keys")
	case len(private) != blocks: // pem.Decode skips what it cannot read
		return nil, fmt.Errorf("keys: parse: %d of %d PEM blocks are damaged", blocks-len(private), blocks)
	}
	return newSet(private...)
}

func headersOf(k *key) map[string]string {
	all := map[string]string{}
	for name, at := range map[string]time.Time{headerMade: k.Made, headerFrom: k.From, headerUntil: k.Until} {
		if !at.IsZero() {
			all[name] = stampOf(at)
		}
	}
	if k.alg == jose.PS256 {
		all[headerAlg] = PS256
	}
	return all
}

// read takes the headers of a block.
func (s *spanned) read(headers map[string]string) (err error) {
	known := map[string]*time.Time{headerMade: &s.span.Made, headerFrom: &s.span.From, headerUntil: &s.span.Until}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if name == headerAlg {
			s.alg = jose.SignatureAlgorithm(headers[name])
			if !slices.Contains(order, s.alg) {
				return fmt.Errorf("%s is none of %v", name, order)
			}
			continue
		}
		at := known[name]
		if at == nil {
			return fmt.Errorf("a header %q, want %s, %s, %s or %s", printable(name), headerAlg, headerMade, headerFrom, headerUntil)
		}
		if *at, err = ParseTime(headers[name]); err != nil {
			return fmt.Errorf("%s is not a time such as 2026-01-02T03:04:05Z", name)
		}
	}
	return nil
}

// printable is a name short enough and plain enough for a message: what stands
// in the place of one may be the key itself.
func printable(name string) string {
	if len(name) > 20 {
		return name[:4] + "…"
	}
	return name
}
