package keys

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
)

// HalfHash is at_hash or c_hash of an ASCII value in an ID token signed with alg:
// the left half of its hash in base64url (OpenID Connect Core §3.1.3.6). The hash
// is SHA-256, or SHA-512 where Ed25519 signs. ErrAlgorithm for an alg that is
// none of ours.
func HalfHash(alg, value string) (string, error) {
	switch alg {
	case ES256, RS256, PS256:
		sum := sha256.Sum256([]byte(value))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]), nil
	case EdDSA:
		sum := sha512.Sum512([]byte(value))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]), nil
	}
	return "", fmt.Errorf("keys: half hash for %q: %w", alg, ErrAlgorithm)
}
