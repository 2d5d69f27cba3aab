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
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/providers"
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
	// RedirectURIs: see AllowsRedirect. One at least, but for a client that only
	// Serves resources.
	RedirectURIs []string
	// PostLogoutURIs of RP-initiated logout; may be empty.
	PostLogoutURIs []string
	// Start is the initiate_login_uri (OpenID Connect Core §4): the way on when a
	// request is gone. Empty: unknown.
	Start string
	// Sector of pairwise subjects (OpenID Connect Core §8.1), a host name. Empty
	// means the one host of RedirectURIs; several hosts need it said. A Native
	// client without a host of its own, or one without RedirectURIs, gets "client:"
	// and its ID.
	Sector string
	// PublicSubject asks for the same subject as every other such client sees.
	PublicSubject bool
	// MinAssurance a person must meet here. Zero means Asserted.
	MinAssurance providers.Assurance
	// Scopes the client may be given. Empty leaves it to the broker, but for
	// ScopeIdentity; otherwise openid is among them. See AllowsScope.
	Scopes []string
	// Algorithm its ID tokens are signed with. Empty means ES256.
	Algorithm string
	// Native: an app on the person's own device (RFC 8252). Loopback redirect
	// URIs then match on any port, and private-use schemes may be registered.
	Native bool
	// Support is how people reach the site's help, as plain text to show: at most
	// 200 bytes, one line, never made a link.
	Support string

	// AuthMethod is how it proves itself (token_endpoint_auth_method of OpenID
	// Connect Core §9): one of the Auth constants, and no other is then taken from
	// it. Empty means client_secret_basic or client_secret_post, as the client
	// likes; a public client has none.
	AuthMethod string
	// Keys are the public keys by which the client's own signatures are known:
	// RSA of 2048 to 4096 bits, P-256 or Ed25519. nil for a client that signs
	// nothing.
	Keys *jose.JSONWebKeySet
	// AssertionAudience is what an assertion must be made for: one of the Audience
	// constants, the issuer where empty. Only with private_key_jwt.
	AssertionAudience string
	// RequirePKCE wants a code challenge (RFC 7636), of method S256. Always true
	// for a public client.
	RequirePKCE bool
	// RequirePAR takes authorization requests only by way of the pushed
	// authorization request endpoint (RFC 9126 §6).
	RequirePAR bool
	// RequireSignedRequest takes authorization requests only as request objects
	// signed with one of Keys (RFC 9101 §10.5). See OpenRequest.
	RequireSignedRequest bool

	// Refresh is one of the Refresh constants: whether it may be given refresh
	// tokens, and what becomes of one that is used. Empty means none.
	Refresh string
	// RefreshTTL is how long after the login refresh tokens end, however often
	// they are used: 1 hour to 365 days. Zero means 30 days. Only with Refresh.
	RefreshTTL time.Duration
	// SessionRule is one of the Session constants. Empty means shared.
	SessionRule string
	// PushRule is one of the Push constants: whether its people may use a provider
	// that reaches a phone whose number they type. Empty means allowed.
	PushRule string
	// Rota names the rota by which its people log in: only those whose turn it is, by
	// their verified birthdate. Needs MinAssurance Verified. Empty: everybody.
	Rota string
	// OneDevice is one of the Device constants: whether each person may be in on one
	// device at a time, and what becomes of another. Needs MinAssurance Verified, for
	// the same person must be known over every provider. Empty: as many as they like.
	OneDevice string
	// DeviceGroup names the clients that have one lock together, 1 to 32 of a-z 0-9
	// and -; all have the same OneDevice and DeviceLock. Empty: a client by itself.
	DeviceGroup string
	// DeviceLock is how long a lock lasts after the last login, single sign-on or refresh: 1
	// minute to 12 hours. Zero means 10 minutes with DeviceRefuse, else 12 hours.
	DeviceLock time.Duration
	// PeoplePerDevice is how many different people may log in from one browser within
	// PeopleWindow, 1 to 10: advice for honest devices, since cookies can be cleared. 0:
	// any number.
	PeoplePerDevice int
	// PeopleWindow is 1 hour to MostPeopleWindow. Zero means 24 hours with
	// PeoplePerDevice.
	PeopleWindow time.Duration
	// Consent asks people before claims go out: for sites that are not the
	// operator's own.
	Consent bool
	// TellProvider: the site may learn which provider was used.
	TellProvider bool

	// BackchannelLogoutURI is told by the broker itself when a session ends
	// (OpenID Connect Back-Channel Logout §2.2). Empty: nobody is told.
	BackchannelLogoutURI string
	// BackchannelSession wants sid in every logout token.
	BackchannelSession bool
	// FrontchannelLogoutURI is shown in the person's browser when a session ends
	// (OpenID Connect Front-Channel Logout §2): scheme, host and port are those of
	// one of RedirectURIs. Empty: none.
	FrontchannelLogoutURI string
	// FrontchannelSession wants iss and sid in its query.
	FrontchannelSession bool

	// Resources the client may ask access tokens for (RFC 8707 §2): absolute URIs
	// without a fragment, compared exactly.
	Resources []string
	// Serves are the resources this client is the server of: it may introspect
	// (RFC 7662) tokens made for them. Not for a public client.
	Serves []string

	// PolicyURI and TermsURI are https pages shown where people are asked for
	// consent (OpenID Connect Registration §2). Empty: none.
	PolicyURI, TermsURI string
}

// Signing algorithms (RFC 7518 §3.1, RFC 8037 §3.1): of ID tokens, and of what
// clients sign.
const (
	ES256 = "ES256" // the default
	RS256 = "RS256"
	PS256 = "PS256"
	EdDSA = "EdDSA" // with Ed25519
)

// Ways to prove oneself at the token endpoint, of OpenID Connect Core §9.
const (
	AuthSecretBasic   = "client_secret_basic"
	AuthSecretPost    = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
	AuthNone          = "none" // public clients
)

// Audiences of an assertion.
const (
	// AudienceIssuer takes the issuer alone, as a plain string (FAPI 2.0 §5.3.2.1).
	AudienceIssuer = "issuer"
	// AudienceTokenEndpoint takes every address of ours that clients use as an
	// audience.
	AudienceTokenEndpoint = "token_endpoint"
)

// What becomes of a refresh token that is used.
const (
	RefreshNone     = "none"     // there are none
	RefreshRotating = "rotating" // it is spent, and another takes its place
	RefreshConstant = "constant" // it stays (FAPI 2.0 §5.3.2.1)
)

// Session rules.
const (
	SessionShared = "shared" // a login at one site serves at others
	SessionNone   = "none"   // every login is proven at a provider
)

// What becomes of a second device.
const (
	DeviceEndOlder = "end_older" // a login there ends the session at the first
	DeviceRefuse   = "refuse"    // it is refused until the lock ends
)

// Push rules.
const (
	PushAllowed = "allowed"
	PushNone    = "none" // no provider that reaches a phone by a number that is typed
)

// Scopes that are not given to everybody.
const (
	ScopeOffline  = "offline_access" // OpenID Connect Core §11: only where Refresh is not none
	ScopeIdentity = "identity"       // verified attributes: only where Scopes names it
)

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

// AllowsScope tells whether the client may be given a scope that the broker
// knows.
func (c Client) AllowsScope(scope string) bool {
	switch {
	case scope == ScopeOffline && (c.Refresh == "" || c.Refresh == RefreshNone):
		return false
	case len(c.Scopes) == 0:
		return c.ID != "" && scope != ScopeIdentity
	}
	return slices.Contains(c.Scopes, scope)
}

// NewSecret makes a client secret of 256 random bits, 43 characters of
// base64url, and the hash to register.
func NewSecret() (secret string, hash [32]byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	secret = base64.RawURLEncoding.EncodeToString(b)
	return secret, sha256.Sum256([]byte(secret))
}
