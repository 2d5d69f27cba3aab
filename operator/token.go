package operator

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

// A read token lets a machine read the history, and nothing else. It has 130
// random bits, so a plain SHA-256 of it tells nobody what it is.
const (
	tokenPrefix = "sinho-read-" //nolint:gosec // what a token begins with, no token
	hashPrefix  = "sha256:"
)

// TokenHash is what is kept of a read token.
type TokenHash [sha256.Size]byte

// NewToken makes a read token and the hash of it.
func NewToken() (token string, hash TokenHash) {
	token = tokenPrefix + rand.Text()
	return token, sha256.Sum256([]byte(token))
}

// ErrTokenHash says that a text is no hash of a read token.
var ErrTokenHash = errors.New("is no hash of a read token")

// ParseTokenHash reads what String has written, else ErrTokenHash.
func ParseTokenHash(text string) (h TokenHash, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if raw, err := hex.DecodeString(digits); ok && err == nil && len(raw) == len(h) {
		copy(h[:], raw)
		return h, nil
	}
	return h, ErrTokenHash
}

// String is the hash for sinho.yaml.
func (h TokenHash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// Matches reports whether it is of token, in constant time.
func (h TokenHash) Matches(token string) bool {
	other := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}
