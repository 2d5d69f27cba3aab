package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// pemType is PKCS#8, unencrypted (RFC 7468 §10).
const pemType = "PRIVATE KEY"

// Marshal gives all private keys as PKCS#8 PEM, in order. Whoever reads it can
// sign as us: it belongs in a file of mode 0600 or a secret store.
func (s *Set) Marshal() ([]byte, error) {
	var out bytes.Buffer
	for _, k := range s.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, fmt.Errorf("keys: marshal %s: %w", k.kid, err)
		}
		if err := pem.Encode(&out, &pem.Block{Type: pemType, Bytes: der}); err != nil {
			return nil, fmt.Errorf("keys: marshal %s: %w", k.kid, err)
		}
	}
	return out.Bytes(), nil
}

// Parse reads what Marshal wrote, or a hand-made file of PKCS#8 PEM blocks: at
// least one P-256 and one RSA key of 2048 to 4096 bits. The first of each kind
// signs, the others are published and recognised. Text before a block is a
// comment; any other kind of block, a damaged one, or text after the last is an
// error, so that a file cut short is noticed. Errors never quote the file.
func Parse(data []byte) (*Set, error) {
	var private []crypto.Signer
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
		private = append(private, signer)
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
