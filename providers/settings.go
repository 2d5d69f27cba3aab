package providers

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Settings of one provider. ID is ours, Kind says which adapter serves it, so
// two generic OIDC providers can stand side by side. Fields a kind does not
// read must be empty. The zero value of every optional field works.
type Settings struct {
	// ID is the provider's name in URLs and logs, [a-z0-9-]{1,32}.
	ID string
	// Kind is oidc, naver, kakao, pass or toss; empty: the ID.
	Kind string
	// Name shown to people; an empty language takes the kind's own name, which
	// the oidc kind does not have.
	Name Text

	// Base moves every endpoint of a vendor whose paths are known to another
	// host (naver, kakao: empty means the vendor's own hosts; pass, toss:
	// needed). No trailing slash. Not for oidc.
	Base string
	// Issuer is compared exactly. Needed for oidc; naver and kakao: empty means
	// Base, or the vendor's own. pass and toss have none of their own: it names
	// the people they vouch for, empty means Base; set it before Base ever moves.
	Issuer string
	// Endpoint overrides; each empty one comes from discovery or from Base.
	DiscoveryURL, AuthorizeURL, TokenURL, UserinfoURL, JWKSURL string

	ClientID string
	// ClientSecret may be empty for oidc only (a public client, PKCE alone, or one
	// that has a key).
	ClientSecret string
	// AuthMethod is how we prove ourselves to an oidc provider:
	// client_secret_post, client_secret_basic, private_key_jwt or none. Empty:
	// private_key_jwt with PrivateKeyPEM; else, with a secret, as its metadata
	// says, in the body where it takes both.
	AuthMethod string
	// PrivateKeyPEM signs our assertions (RFC 7523): PKCS #8, RSA of at least 2,048
	// bits, P-256 or Ed25519. KeyID is the kid it is registered under, empty for
	// none.
	PrivateKeyPEM, KeyID string
	// AssertionAudience is whom they are for: issuer (which empty means too), or
	// token_endpoint.
	AssertionAudience string
	// PlainRequests: what an oidc provider is asked travels in the address even
	// where it would take the request beforehand (RFC 9126), unless it demands that.
	PlainRequests bool
	// ProbeToken: the token endpoint is probed too, with a code nobody was given.
	// Redirect kinds only.
	ProbeToken bool
	// OAuth2: naver by its older path, OAuth 2 without an ID token.
	OAuth2 bool
	// Scopes asked for; openid is always among them. Empty: the kind's own.
	Scopes []string
	// Algorithms an ID token may be signed with, out of RS256, ES256, PS256 and
	// EdDSA. Empty: RS256 for naver and kakao, all four for oidc.
	Algorithms []string

	// AssertsCI: the CI this provider sends is believed. Not for naver, which
	// sends none.
	AssertsCI bool
	// CIClaim is the claim in which an oidc provider sends CI, a path as in
	// ClaimPaths; needed there with AssertsCI, and only there.
	CIClaim string
	// Claims say where an oidc provider's values stand, for one that does not use
	// the standard names.
	Claims ClaimPaths
	// Assurance of this provider's identities; zero: Asserted. naver and kakao
	// assert, and cannot be set higher.
	Assurance Assurance
	// TrustFramework, for an oidc provider that is Verified: only an answer whose
	// verified_claims name this trust framework (OpenID Identity Assurance 1.0)
	// is Verified; any other is Asserted. Empty: plain claims are verified too.
	TrustFramework string
	// ACRValues are the levels of assurance an oidc provider is asked for, by its own
	// names, the most wanted first (OpenID Connect Core 3.1.2.1).
	ACRValues []string
	// ResponseMode is how an oidc provider is asked to send people back: form_post,
	// or empty for its own way, the query.
	ResponseMode string
	// Fresh overrides what the kind can do about fresh logins. Push is always
	// FreshProved.
	Fresh *Freshness
	// Needs are the values (name birthdate gender phone email ci) without which
	// a login ends in class Consent. nil: name and birthdate for kakao, none
	// elsewhere. CI is always needed of kakao when AssertsCI.
	Needs []string

	// Errors say what codes of the vendor's mean that nobody has published, or that
	// mean something else here. A status that is the provider's fault goes first.
	Errors []ErrorCode

	// PublicKeyPEM is the key Toss publishes for requests: PKIX, RSA of at least
	// 2,048 bits. toss only.
	PublicKeyPEM string
}

// kind is one adapter: its defaults and how it is made.
type kind struct {
	name   Text
	shape  Shape
	fresh  Freshness
	scopes []string
	algs   []string
	needs  []string
	errors map[string]string // what codes mean that Settings.Errors does not name
	check  func(Settings) []error
	make   func(Settings, line) (Provider, error)
}

// kinds lists the adapters: a new provider is a file and a line here.
func kinds() map[string]kind {
	return map[string]kind{
		"oidc":  oidcKind(),
		"naver": naverKind(),
		"kakao": kakaoKind(),
		"pass":  passKind(),
		"toss":  tossKind(),
	}
}

// Kinds are the names a Settings.Kind may have, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds())) }

// New makes the adapter of s. It does no I/O. Every leg goes over hc, whose
// own time-outs bound it and whose transport measures it. The error reports
// every mistake in s at once.
func New(s Settings, hc *http.Client) (Provider, error) { return NewAt(s, hc, nil) }

// NewAt is New with a clock for what vendors date; nil is the machine's.
func NewAt(s Settings, hc *http.Client, now func() time.Time) (Provider, error) {
	if hc == nil {
		return nil, fmt.Errorf("new provider %q: no HTTP client", s.ID)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("new provider %q: %w", s.ID, err)
	}
	k := kinds()[s.kind()]
	p, err := k.make(s.filled(k), line{provider: s.ID, hc: bounded(hc), now: now, meanings: s.meanings(k)})
	if err != nil {
		return nil, fmt.Errorf("new provider %q: %w", s.ID, err)
	}
	return p, nil
}

func (s Settings) kind() string {
	if s.Kind == "" {
		return s.ID
	}
	return s.Kind
}

// filled is s with the defaults of its kind.
func (s Settings) filled(k kind) Settings {
	if s.Name.KO == "" {
		s.Name.KO = k.name.KO
	}
	if s.Name.EN == "" {
		s.Name.EN = k.name.EN
	}
	if s.Assurance == 0 {
		s.Assurance = Asserted
	}
	if s.Fresh == nil {
		s.Fresh = &k.fresh
	}
	if len(s.Scopes) == 0 {
		s.Scopes = k.scopes
	}
	if k.shape == Redirect && !slices.Contains(s.Scopes, "openid") {
		s.Scopes = append([]string{"openid"}, s.Scopes...)
	}
	if len(s.Algorithms) == 0 {
		s.Algorithms = k.algs
	}
	if s.Needs == nil {
		s.Needs = k.needs
	}
	return s
}

// Title is the name people will see: the set one, or the kind's own.
func (s Settings) Title() Text { return s.filled(kinds()[s.kind()]).Name }

func (s Settings) info(k Shape) Info {
	return Info{
		ID: s.ID, Name: s.Name, Shape: k, Assurance: s.Assurance, AssertsCI: s.AssertsCI, Fresh: *s.Fresh,
	}
}

// Validate reports every mistake at once and changes nothing.
func (s Settings) Validate() error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !regexp.MustCompile(`^[a-z0-9-]{1,32}$`).MatchString(s.ID) {
		say("ID %q must be 1 to 32 of a-z, 0-9 and -", s.ID)
	}
	if s.ID == "continue" {
		say("ID %q is reserved", s.ID)
	}
	k, known := kinds()[s.kind()]
	if !known {
		say("Kind %q must be one of %s", s.kind(), strings.Join(Kinds(), " "))
		return errors.Join(wrong...)
	}
	if full := s.filled(k); full.Name.KO == "" || full.Name.EN == "" {
		say("Name must be given in Korean and English")
	}
	if s.ClientID == "" {
		say("ClientID is needed")
	}
	for _, u := range s.addresses() {
		if err := goodURL(u.value); u.value != "" && err != nil {
			say("%s %q %w", u.name, u.value, err)
		}
	}
	if strings.HasSuffix(s.Base, "/") {
		say("Base %q must not end in a slash", s.Base)
	}
	if s.Assurance > Verified {
		say("Assurance %d is unknown", s.Assurance)
	}
	if s.Fresh != nil && *s.Fresh > FreshProved {
		say("Fresh %d is unknown", *s.Fresh)
	}
	for _, n := range s.Needs {
		if !slices.Contains([]string{"name", "birthdate", "gender", "phone", "email", "ci"}, n) {
			say("Needs has %q, which is not a value an identity can have", n)
		}
	}
	for _, a := range s.ACRValues {
		if !printable(a, 200) {
			say("ACRValues has %.80q, which is no word", a)
		}
	}
	for _, a := range s.Algorithms {
		if !slices.Contains(safeAlgorithms(), a) {
			say("Algorithms has %q, which is not one of %s", a, strings.Join(safeAlgorithms(), " "))
		}
	}
	wrong = append(wrong, s.errorMistakes()...)
	wrong = append(wrong, s.misplaced(k.shape)...)
	wrong = append(wrong, k.check(s)...)
	return errors.Join(wrong...)
}

type address struct{ name, value string }

func (s Settings) addresses() []address {
	return []address{
		{"Base", s.Base},
		{"DiscoveryURL", s.DiscoveryURL},
		{"AuthorizeURL", s.AuthorizeURL},
		{"TokenURL", s.TokenURL},
		{"UserinfoURL", s.UserinfoURL},
		{"JWKSURL", s.JWKSURL},
	}
}

// misplaced are the settings this kind would silently ignore.
func (s Settings) misplaced(shape Shape) []error {
	var wrong []error
	given := map[string]bool{
		"DiscoveryURL": s.DiscoveryURL != "", "CIClaim": s.CIClaim != "", "TrustFramework": s.TrustFramework != "",
		"PublicKeyPEM": s.PublicKeyPEM != "", "Base": s.Base != "", "TokenURL": s.TokenURL != "",
		"AuthorizeURL": s.AuthorizeURL != "", "UserinfoURL": s.UserinfoURL != "", "JWKSURL": s.JWKSURL != "",
		"Scopes": len(s.Scopes) > 0, "Algorithms": len(s.Algorithms) > 0, "Fresh": s.Fresh != nil,
		"ResponseMode": s.ResponseMode != "", "Claims": s.Claims != ClaimPaths{},
		"AuthMethod": s.AuthMethod != "", "PrivateKeyPEM": s.PrivateKeyPEM != "", "KeyID": s.KeyID != "",
		"AssertionAudience": s.AssertionAudience != "", "PlainRequests": s.PlainRequests, "ProbeToken": s.ProbeToken,
		"OAuth2": s.OAuth2, "ACRValues": len(s.ACRValues) > 0,
	}
	read := map[string][]string{
		"oidc": {
			"DiscoveryURL", "CIClaim", "TrustFramework", "TokenURL", "AuthorizeURL", "UserinfoURL",
			"JWKSURL", "Scopes", "Algorithms", "Fresh", "ResponseMode", "Claims",
			"ACRValues", "AuthMethod", "PrivateKeyPEM", "KeyID", "AssertionAudience", "PlainRequests", "ProbeToken",
		},
		"naver": {"ProbeToken", "OAuth2", "Base", "TokenURL", "AuthorizeURL", "UserinfoURL", "JWKSURL", "Scopes", "Algorithms", "Fresh"},
		"kakao": {"ProbeToken", "Base", "TokenURL", "AuthorizeURL", "UserinfoURL", "JWKSURL", "Scopes", "Algorithms", "Fresh"},
		"pass":  {"Base"},
		"toss":  {"Base", "TokenURL", "PublicKeyPEM"},
	}[s.kind()]
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] && !slices.Contains(read, name) {
			wrong = append(wrong, fmt.Errorf("setting %s is not read by kind %s", name, s.kind()))
		}
	}
	if shape == Push && len(s.Needs) > 0 {
		wrong = append(wrong, fmt.Errorf("setting Needs is not read by kind %s", s.kind()))
	}
	return wrong
}

// goodURL wants https, or http to this very machine, and nothing but host and
// path.
func goodURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an absolute URL")
	case u.User != nil || u.Fragment != "" || u.RawQuery != "" || u.ForceQuery || strings.HasSuffix(raw, "#"):
		return errors.New("must have no user, query or fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("must be https (http only to a loopback host)")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// origin is scheme and host of a URL, "" when it has none.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// or is the first that is not empty.
func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// endpointURL is goodURL for what metadata names, where a query is allowed
// (RFC 6749 section 3.1).
func endpointURL(raw string) error {
	plain, _, _ := strings.Cut(raw, "?")
	return goodURL(plain)
}

// isLocal says whether a URL names this very machine.
func isLocal(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && isLoopback(u.Hostname())
}
