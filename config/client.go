package config

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/broker/client"
)

// Client is one site.
type Client struct {
	// The client_id: 1 to 64 of A-Z a-z 0-9 . _ ~ - . Needed.
	ID string `yaml:"id"`
	// The SHA-256 of the client's secret, 64 hexadecimal digits. Needed but for a
	// public client and for private_key_jwt. A secret and its hash: `s=$(openssl rand -hex 32)`, then
	// `printf %s "$s" | sha256sum`.
	SecretSHA256 string `yaml:"secret_sha256"`
	// A client that can keep no secret, such as a page or an app: PKCE alone.
	Public bool `yaml:"public"`
	// What people read when they are asked to log in. One language at least.
	Name Text `yaml:"name"`
	// Where people may be sent back to, compared exactly. Needed, but for a client
	// that only serves resources.
	RedirectURIs []string `yaml:"redirect_uris"`
	// Where people may be sent after logging out.
	PostLogoutURIs []string `yaml:"post_logout_uris"`
	// The page of the site that begins a login (initiate_login_uri): the way on
	// for people whose request has expired.
	Start string `yaml:"start"`
	// The host name that subjects are made for: sites of one sector see the same
	// person under the same subject. Left out: the one host of redirect_uris.
	Sector string `yaml:"sector"`
	// The same subject as every other such client sees.
	PublicSubject bool `yaml:"public_subject"`
	// asserted, or verified: a person must have been verified by an identity
	// verification agency.
	MinAssurance Assurance `yaml:"min_assurance"`
	// Scopes it may be given, openid among them. Left out: all but identity, which
	// must be named. offline_access needs refresh.
	Scopes []string `yaml:"scopes"`
	// What its ID tokens are signed with: ES256, RS256, PS256 or EdDSA. keys_dir
	// must have a key of it.
	Algorithm string `yaml:"algorithm"`
	// An app on people's own devices: loopback redirect URIs match on any port,
	// and private-use schemes are allowed.
	Native bool `yaml:"native"`
	// How people reach the site's help; shown as it is, at most 200 bytes.
	Support string `yaml:"support"`

	// How the site proves itself to us: client_secret_basic, client_secret_post,
	// private_key_jwt (needs its keys), or none for a public client. Left out:
	// either of the first two, as the site likes; none for a public client.
	AuthMethod string `yaml:"auth_method"`
	// The site's public keys as a JWK set, written as JSON in a text or as a group:
	// RSA of 2048 to 4096 bits, P-256 or Ed25519, each with a kid of its own where
	// there are several. Never a private key.
	JWKS KeySet `yaml:"jwks"`
	// The file that holds them, as JSON. A changed file is taken while running.
	JWKSFile string `yaml:"jwks_file"`
	// For private_key_jwt, what the site's assertions must name as their audience:
	// issuer (public_url alone, as FAPI 2.0 wants it), or token_endpoint (that, the
	// token endpoint or the PAR endpoint). Left out: issuer.
	AssertionAudience string `yaml:"assertion_audience"`
	// Takes requests with a PKCE challenge only. Always so for a public client.
	RequirePKCE bool `yaml:"require_pkce"`
	// Takes requests by way of the PAR endpoint only.
	RequirePAR bool `yaml:"require_par"`
	// Takes requests only as request objects signed with one of its keys.
	RequireSignedRequest bool `yaml:"require_signed_request"`

	// Refresh tokens: none; rotating (each is spent when used, and another takes
	// its place); or constant (one stays, as FAPI 2.0 wants it; not for a public
	// client).
	Refresh string `yaml:"refresh"`
	// How long after the login refresh tokens end, however often they are used, 1h
	// to 8760h. Left out: 720h.
	RefreshLifetime time.Duration `yaml:"refresh_lifetime"`
	// shared: whoever has just logged in at another site need not log in again,
	// after one "Continue"; or none: every login is proven at a provider.
	Session string `yaml:"session"`
	// allowed; or none: no provider that reaches a phone whose number somebody types
	// (pass, toss) is offered to people of this site, nor is a login made so at
	// another site taken here. For sites where a push that a victim has approved for
	// somebody else would do most harm.
	Push string `yaml:"push"`
	// The rota by which its people log in, by its id: only those whose turn it is, by
	// their verified date of birth. Needs min_assurance: verified. Left out: everybody,
	// at any time.
	Rota string `yaml:"rota"`
	// Each person on one device at a time, whichever provider they use: end_older (a
	// login on another device ends the session at the first), or refuse (another
	// device is refused until device_lock is over). Needs min_assurance: verified, and
	// asserts_ci at every verified provider of this client. Left out: as many as they
	// like.
	OneDevice string `yaml:"one_device"`
	// A name that clients with one lock together share, 1 to 32 of a-z 0-9 and -; all
	// of them have the same one_device and device_lock. Left out: this client alone.
	DeviceGroup string `yaml:"device_group"`
	// How long a device counts as in use after the last login, single sign-on or refresh
	// there, 1m to 12h. Left out: 10m with refuse, 12h with end_older.
	DeviceLock time.Duration `yaml:"device_lock"`
	// How many different people may log in from one browser within people_window, 1 to
	// 10, for who books for others in rows. Kept in a cookie: whoever clears cookies
	// begins anew. Left out: any number.
	PeoplePerDevice int `yaml:"people_per_device"`
	// The time over which they are counted, 1h to 168h. Left out: 24h with
	// people_per_device.
	PeopleWindow time.Duration `yaml:"people_window"`
	// Asks people before the site learns anything of them. For sites that are not
	// your own.
	Consent bool `yaml:"consent"`
	// The site may learn which provider somebody used.
	TellProvider bool `yaml:"tell_provider"`

	// Where we tell the site's server that a session has ended. https, or http on a
	// loopback host. No other host may lead to a loopback or link-local address.
	BackchannelLogoutURI string `yaml:"backchannel_logout_uri"`
	// Names the session (sid) in every such logout token.
	BackchannelSession bool `yaml:"backchannel_logout_session_required"`
	// A page of the site that ends its session in the person's browser; its scheme,
	// host and port are those of one of redirect_uris.
	FrontchannelLogoutURI string `yaml:"frontchannel_logout_uri"`
	// Adds iss and sid to that page's query.
	FrontchannelSession bool `yaml:"frontchannel_logout_session_required"`

	// Resources it may ask access tokens for (RFC 8707): absolute URIs without a
	// fragment, compared exactly.
	Resources []string `yaml:"resources"`
	// Resources it is the server of: it may introspect access tokens for them. A
	// client that does nothing else needs no redirect_uris. Not for a public client.
	Serves []string `yaml:"serves"`
	// The site's privacy policy, https, shown where people are asked for consent.
	PolicyURI string `yaml:"policy_uri"`
	// The site's terms of use, https, shown there too.
	TermsURI string `yaml:"terms_uri"`
}

func defaultClient() Client {
	return Client{Algorithm: "ES256", Refresh: "none", Session: "shared", Push: "allowed"}
}

func (c Client) hash() (out [32]byte, err error) {
	if c.SecretSHA256 == "" {
		return out, nil
	}
	raw, err := hex.DecodeString(c.SecretSHA256)
	if err != nil || len(raw) != len(out) {
		return out, errors.New("is not a SHA-256")
	}
	return [32]byte(raw), nil
}

// keys are nil where none are written.
func (c Client) keys() (*jose.JSONWebKeySet, error) {
	if c.JWKS == "" && c.JWKSFile == "" {
		return nil, nil
	}
	return client.ParseKeys([]byte(c.JWKS))
}
