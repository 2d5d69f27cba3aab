package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// tossKey is one session key: "v1$" uuid "$" base64(RSA-OAEP-SHA256(AES key)).
type tossKey struct {
	id   string // the uuid
	aead cipher.AEAD
}

var errTossFormat = errors.New("not of the form v1$uuid$base64")

// part takes "v1$uuid$base64" apart.
func part(s string) (id string, body []byte, err error) {
	version, rest, _ := strings.Cut(s, "$")
	id, text, found := strings.Cut(rest, "$")
	if version != "v1" || !found || id == "" || len(id) > 64 {
		return "", nil, errTossFormat
	}
	body, err = base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", nil, errTossFormat
	}
	return id, body, nil
}

// openKey reads a session key sealed to us.
func openKey(private *rsa.PrivateKey, sealed string) (tossKey, error) {
	id, body, err := part(sealed)
	if err != nil {
		return tossKey{}, fmt.Errorf("session key: %w", err)
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, private, body, nil)
	if err != nil || len(secret) != 32 {
		return tossKey{}, errors.New("session key: does not open to 32 bytes")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return tossKey{}, fmt.Errorf("session key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return tossKey{}, fmt.Errorf("session key: %w", err)
	}
	return tossKey{id: id, aead: aead}, nil
}

// open reads "v1$" uuid "$" base64(nonce ‖ ciphertext) under the same uuid.
func (k tossKey) open(value string) (string, error) {
	id, body, err := part(value)
	if err != nil {
		return "", fmt.Errorf("value: %w", err)
	}
	if id != k.id || len(body) < k.aead.NonceSize() {
		return "", errors.New("value: of another session key")
	}
	nonce, text := body[:k.aead.NonceSize()], body[k.aead.NonceSize():]
	plain, err := k.aead.Open(nil, nonce, text, nil)
	if err != nil {
		return "", errors.New("value: does not open")
	}
	return string(plain), nil
}

// seal writes a value the way open reads it.
func (k tossKey) seal(plain string) string {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return "v1$" + k.id + "$" + base64.StdEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(plain), nil))
}
