// Package client is the relying parties: what each registered site may ask
// for, where it may be answered, and how it proves itself.
//
// It does no I/O: nothing a client names is ever fetched from here. PKCE,
// grants and consent are the broker's.
package client

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"sinho/providers"
)

// Signing algorithms of ID tokens (RFC 7518 §3.1).
const (
	ES256 = "ES256" // the default
	RS256 = "RS256"
)

// Client is a registered relying party. One from a Registry is valid, has its
// defaults filled in and must not be modified; the zero Client stands for an
// unknown one and allows nothing.
type Client struct {
	// ID is the client_id: 1 to 64 of A-Z a-z 0-9 . _ ~ -
	ID string
	// SecretHash is the SHA-256 of a secret from NewSecret (256 random bits need
	// no slower hash). Zero, and only zero, for a public client.
	SecretHash [32]byte
	// Public clients hold no secret (RFC 6749 §2.1): PKCE S256 is required.
	Public bool
	// Name is what people read; one language stands in for the other.
	Name providers.Text
	// RedirectURIs, one at least: see AllowsRedirect.
	RedirectURIs []string
	// PostLogoutURIs of RP-initiated logout; may be empty.
	PostLogoutURIs []string
	// Start is the initiate_login_uri (OpenID Connect Core §4): the way on when a
	// request is gone. Empty: unknown.
	Start string
	// Sector of pairwise subjects (OpenID Connect Core §8.1), a host name. Empty
	// means the one host of RedirectURIs; several hosts need it said. A Native
	// client without a host of its own gets "client:" and its ID.
	Sector string
	// PublicSubject asks for the same subject as every other such client sees.
	PublicSubject bool
	// MinAssurance a person must meet here. Zero means Asserted.
	MinAssurance providers.Assurance
	// Scopes the client may be given. Empty leaves it to the broker; otherwise
	// openid is among them.
	Scopes []string
	// Algorithm its ID tokens are signed with. Empty means ES256.
	Algorithm string
	// Native: an app on the person's own device (RFC 8252). Loopback redirect
	// URIs then match on any port, and private-use schemes may be registered.
	Native bool
	// Support is how people reach the site's help, as plain text to show: at most
	// 200 bytes, one line, never made a link.
	Support string
}

// CheckSecret tells whether secret is the client's, in time that depends on
// nothing but the length of what was presented. A client without a secret, and so the zero Client, never
// passes: asking it for an unknown client_id gives the same answer in the same
// time as a wrong secret.
func (c Client) CheckSecret(secret string) bool {
	got := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(got[:], c.SecretHash[:])
	var none [32]byte
	has := 1 - subtle.ConstantTimeCompare(c.SecretHash[:], none[:])
	return same&has == 1
}

// NewSecret makes a client secret of 256 random bits, 43 characters of
// base64url, and the hash to register.
func NewSecret() (secret string, hash [32]byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	secret = base64.RawURLEncoding.EncodeToString(b)
	return secret, sha256.Sum256([]byte(secret))
}
