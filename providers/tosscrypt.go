package providers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// tossSession encrypts the values of one call: AES-256-GCM under a fresh key
// that travels under the vendor's RSA key.
type tossSession struct {
	id   string // UUID, named in every value
	key  string // the session key as sent
	aead cipher.AEAD
}

// newTossSession makes a fresh key for one call.
func newTossSession(vendor *rsa.PublicKey) (*tossSession, error) {
	secret := make([]byte, 32)
	id := make([]byte, 16)
	_, _ = rand.Read(secret) // crypto/rand never fails
	_, _ = rand.Read(id)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // RFC 9562 version 4
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, vendor, secret, nil)
	if err != nil {
		return nil, fmt.Errorf("wrap session key: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("session cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("session cipher: %w", err)
	}
	s := &tossSession{id: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), aead: aead}
	s.key = s.frame(wrapped)
	return s, nil
}

func (s *tossSession) frame(raw []byte) string {
	return "v1$" + s.id + "$" + base64.StdEncoding.EncodeToString(raw)
}

// seal encrypts one value under a random nonce.
func (s *tossSession) seal(plain string) string {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return s.frame(s.aead.Seal(nonce, nonce, []byte(plain), nil))
}

// errTossValue is a value that is not of this session.
var errTossValue = errors.New("a value is not encrypted for this call")

// open decrypts one value of the answer; "" stays "".
func (s *tossSession) open(framed string) (string, error) {
	if framed == "" {
		return "", nil
	}
	encoded, ok := strings.CutPrefix(framed, "v1$"+s.id+"$")
	if !ok {
		return "", errTossValue
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return "", errTossValue
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], nil)
	if err != nil {
		return "", errTossValue
	}
	return string(plain), nil
}

// tossKey reads the vendor's published key: PEM, PKIX, RSA of at least 2,048
// bits.
func tossKey(published string) (*rsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(published))
	if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("PublicKeyPEM must be one PEM block PUBLIC KEY")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("PublicKeyPEM: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return nil, errors.New("PublicKeyPEM must be an RSA key of at least 2048 bits")
	}
	return key, nil
}
