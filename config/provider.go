package config

// Provider is one identity provider.
type Provider struct {
	// Our name for it, in addresses and logs: 1 to 32 of a-z 0-9 and -. Needed.
	// What is registered there as redirect URI is public_url/callback/ and this.
	ID string `yaml:"id"`
	// oidc, naver, kakao, pass or toss. Left out: the id.
	Kind string `yaml:"kind"`
	// What people read, in both languages. Left out: the kind's own; oidc has none.
	Name Text `yaml:"name"`
	// false leaves it out, as if it were not here.
	Enabled bool `yaml:"enabled"`
	// Lower comes first where the lights say nothing else; equals stand as
	// written.
	Order int `yaml:"order"`
	// Logins a second it is believed to take, or a weight towards the others where
	// nobody knows: how new logins are shared out until congestion shows what it
	// does take. More than 0.
	Capacity float64 `yaml:"capacity"`
	// Logins begun a second that it may be sent at most by contract: no more is ever
	// counted on, whatever is measured, and what is beyond is recommended to green
	// and yellow providers with room. It refuses nobody. 0 is no such bound.
	CapacityCap float64 `yaml:"capacity_cap"`
	// Times at which it is away: nobody can choose it then, people read until when,
	// and an hour before that it will be. Who is on the way may finish.
	Maintenance []Maintenance `yaml:"maintenance"`
	// The clients whose people may log in by it, by their ids; for others it is not
	// there. Left out: all.
	Clients []string `yaml:"clients"`
	// What of its answers is used at all: name birthdate gender phone email carrier
	// foreigner nickname picture profile address di. The rest is dropped before
	// anything is kept. Left out: everything; [] for nothing but who it is.
	Attributes *[]string `yaml:"attributes"`
	// A line that people read beside it while they choose, in one language at least,
	// 100 characters each.
	Notice Text `yaml:"notice"`
	// For whoever reads this file; nothing else reads it. What people read is notice.
	Notes string `yaml:"notes"`

	// Moves every endpoint of a known vendor to another address. Needed for pass
	// and toss, not for oidc. No slash at the end.
	Base string `yaml:"base"`
	// The issuer, compared exactly. Needed for oidc. For pass and toss it names
	// the people they vouch for, so set it before base ever moves.
	Issuer string `yaml:"issuer"`
	// Where the metadata is, when not at the usual place. oidc only.
	DiscoveryURL string `yaml:"discovery_url"`
	// Overrides what metadata or base say.
	AuthorizeURL string `yaml:"authorize_url"`
	// Overrides what metadata or base say.
	TokenURL string `yaml:"token_url"`
	// Overrides what metadata or base say.
	UserinfoURL string `yaml:"userinfo_url"`
	// Overrides what metadata or base say.
	JWKSURL string `yaml:"jwks_url"`

	// Who we are there. Needed.
	ClientID string `yaml:"client_id"`
	// The secret as `${NAME}` from the environment, if not by the next two. Only
	// oidc can do without.
	Secret Secret `yaml:"secret"`
	// The environment variable that holds the secret.
	SecretEnv string `yaml:"secret_env"`
	// The file that holds the secret.
	SecretFile string `yaml:"secret_file"`
	// How we prove ourselves to an oidc provider: client_secret_post,
	// client_secret_basic, private_key_jwt or none. Left out: private_key_jwt with a
	// private_key; else as its metadata says, in the body where it takes both.
	AuthMethod string `yaml:"auth_method"`
	// For private_key_jwt, the key that signs our assertions (RFC 7523), PKCS #8 in
	// PEM: RSA of 2048 bits or more, P-256 or Ed25519. As `${NAME}`, if not by the
	// next two. Instead of a secret.
	PrivateKey Secret `yaml:"private_key"`
	// The environment variable that holds it.
	PrivateKeyEnv string `yaml:"private_key_env"`
	// The file that holds it.
	PrivateKeyFile string `yaml:"private_key_file"`
	// The kid under which the provider knows the public key. Left out: none is
	// sent.
	KeyID string `yaml:"key_id"`
	// Whom assertions are for: issuer, or token_endpoint for providers that want
	// that. Left out: issuer.
	AssertionAudience string `yaml:"assertion_audience"`
	// true: what is asked of an oidc provider travels in the address even where it
	// takes requests beforehand (PAR, RFC 9126), unless it demands that. For one
	// whose endpoint for them is slower than its page.
	PlainRequests bool `yaml:"plain_requests"`
	// true: where few people log in, its token endpoint is asked too whether it
	// answers, with a code that nobody was given, which it has to refuse
	// (invalid_grant). Only if the provider agrees: to its watchmen it may look like
	// somebody who guesses codes. Not for pass and toss.
	ProbeToken bool `yaml:"probe_token"`

	// true: naver by its older path, OAuth 2 without an ID token, for an application
	// that is not open to OpenID Connect. People stay the same when it changes.
	OAuth2 bool `yaml:"oauth2"`
	// Scopes asked for; openid is always among them. Left out: the kind's own.
	Scopes []string `yaml:"scopes"`
	// What its ID tokens may be signed with, of RS256, ES256, PS256 and EdDSA.
	// Left out: RS256 for naver and kakao, all four for oidc.
	Algorithms []string `yaml:"algorithms"`
	// Its CI (연계정보) is believed: the same person over every such provider.
	// Not for naver, which sends none.
	AssertsCI bool `yaml:"asserts_ci"`
	// The claim in which an oidc provider sends CI, or the path to it as in claims;
	// needed with asserts_ci there.
	CIClaim string `yaml:"ci_claim"`
	// Where an oidc provider's values stand, when not under the standard names.
	Claims *Claims `yaml:"claims"`
	// asserted, or verified: its answers count as those of an identity
	// verification agency. Not for naver and kakao.
	Assurance Assurance `yaml:"assurance"`
	// For a verified oidc provider: only answers whose verified_claims name this
	// trust framework count as verified.
	TrustFramework string `yaml:"trust_framework"`
	// Levels of assurance an oidc provider is asked for by its own names, the most
	// wanted first. With a trust_framework, verified_claims are asked for besides,
	// where its metadata says that they can be.
	ACRValues []string `yaml:"acr_values"`
	// form_post: an oidc provider is asked to send people back by a form, so that
	// no code stands in an address. Left out: its own way, the query.
	ResponseMode string `yaml:"response_mode"`
	// none, requested or proved: what it can do when a site asks for a fresh
	// login. Left out: the kind's own.
	Fresh *Freshness `yaml:"fresh"`
	// Values without which a login ends with a question for consent: name
	// birthdate gender phone email ci. Left out: name and birthdate for kakao,
	// none elsewhere; [] for none.
	Needs *[]string `yaml:"needs"`
	// What codes of its errors mean, where nobody has published it or it means
	// something else to you.
	Errors []ErrorCode `yaml:"errors"`
	// The key that Toss publishes for requests, in PEM.
	PublicKeyPEM string `yaml:"public_key_pem"`
	// The file that holds it.
	PublicKeyFile string `yaml:"public_key_file"`
}

func defaultProvider() Provider { return Provider{Enabled: true, Capacity: 1} }
