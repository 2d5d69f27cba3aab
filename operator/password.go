package operator

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Hash is a password as it may be written down: argon2id in the PHC string
// format, $argon2id$v=19$m=…,t=…,p=…$salt$hash.
type Hash struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, sum    []byte
}

// What a new hash costs (RFC 9106 and the OWASP cheat sheet's first choice for
// 19 MiB), and the most that is taken from a configuration.
const (
	hashMemory, mostMemory = 19 << 10, 256 << 10
	hashTime, mostTime     = 2, 16
	hashLen                = 32
)

// Bounds of a password, in characters and bytes.
const (
	LeastPassword = 12
	MostPassword  = 1024
)

// NewHash hashes a password with a salt of its own. It refuses one that is too
// short, too long or not text.
func NewHash(password string) (Hash, error) {
	switch n := utf8.RuneCountInString(password); {
	case n < LeastPassword:
		return Hash{}, fmt.Errorf("the password has %d characters, and %d are the least", n, LeastPassword)
	case len(password) > MostPassword:
		return Hash{}, fmt.Errorf("the password has more than %d bytes", MostPassword)
	case !utf8.ValidString(password):
		return Hash{}, errors.New("the password is not text in UTF-8")
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	h := Hash{memory: hashMemory, time: hashTime, threads: 1, salt: salt}
	h.sum = h.of(password, hashLen)
	return h, nil
}

func (h Hash) of(password string, n uint32) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, n)
}

// Matches takes some tens of milliseconds and the hash's memory.
func (h Hash) Matches(password string) bool {
	if len(h.sum) == 0 || len(password) > MostPassword {
		return false
	}
	return subtle.ConstantTimeCompare(h.of(password, uint32(len(h.sum))), h.sum) == 1 //nolint:gosec // at most 64
}

// String is the hash in the PHC string format.
func (h Hash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.sum))
}

// ParseHash reads what String wrote. No message quotes the hash.
func ParseHash(text string) (Hash, error) {
	var h Hash
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return h, errors.New("is no argon2id hash")
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, fmt.Errorf("is not of argon2 version %d", argon2.Version)
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, errors.New("has no m=…,t=…,p=…")
	}
	if h.memory < 8<<10 || h.memory > mostMemory || h.time < 1 || h.time > mostTime || h.threads < 1 || h.threads > 16 {
		return h, fmt.Errorf("costs too little or too much: m from %d to %d, t from 1 to %d, p from 1 to 16", 8<<10, mostMemory, mostTime)
	}
	var err, err2 error
	h.salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errors.New("has a salt or sum that is cut short or no base64")
	}
	return h, nil
}
