package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// material is private keys of clients, made once for the whole run.
type material struct {
	ec, other *ecdsa.PrivateKey
	rsa       *rsa.PrivateKey
	ed        ed25519.PrivateKey
}

var shared = sync.OnceValue(func() (m material) {
	m.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.other, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	m.ed = ed25519.NewKeyFromSeed([]byte("the seed of a client in the tests"[:32]))
	return m
})

func jwk(public crypto.PublicKey, kid, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: alg}
}

func jwks(keys ...jose.JSONWebKey) *jose.JSONWebKeySet { return &jose.JSONWebKeySet{Keys: keys} }

// bank proves itself by its key.
func bank(change func(*Client)) Client {
	return with(func(c *Client) {
		c.SecretHash, c.AuthMethod = [32]byte{}, AuthPrivateKeyJWT
		c.Keys = jwks(jwk(shared().ec.Public(), "a", ""))
		change(c)
	})
}

func app(change func(*Client)) Client {
	return with(func(c *Client) {
		c.SecretHash, c.Public = [32]byte{}, true
		change(c)
	})
}

func none(*Client) {}

func TestOneMistakeOfARuleAtATime(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	weak := &rsa.PublicKey{N: shared().rsa.Primes[0], E: 65537}
	even := &rsa.PublicKey{N: shared().rsa.N, E: 2}
	ec, other := shared().ec.Public(), shared().other.Public()
	keys := func(all ...jose.JSONWebKey) Client { return bank(func(c *Client) { c.Keys = jwks(all...) }) }
	for _, tc := range []struct {
		name   string
		client Client
		want   string // "" for none
	}{
		{"a secret by basic alone", with(func(c *Client) { c.AuthMethod = AuthSecretBasic }), ""},
		{"a secret by post alone", with(func(c *Client) { c.AuthMethod = AuthSecretPost }), ""},
		{"a method without its secret", with(func(c *Client) { c.AuthMethod, c.SecretHash = AuthSecretPost, [32]byte{} }), "shop secret_hash"},
		{"a JWT by a shared secret", with(func(c *Client) { c.AuthMethod = "client_secret_jwt" }), "shop auth_method"},
		{"a key", bank(none), ""},
		{"a key and a secret", bank(func(c *Client) { c.SecretHash[0] = 1 }), "shop secret_hash"},
		{"a key that is missing", bank(func(c *Client) { c.Keys = nil }), "shop jwks"},
		{"a key of a public client", app(func(c *Client) { c.AuthMethod, c.Keys = AuthPrivateKeyJWT, jwks(jwk(ec, "", "")) }), "shop auth_method"},
		{"no method of a public client", app(func(c *Client) { c.AuthMethod = AuthNone }), ""},
		{"no method of a client with a secret", with(func(c *Client) { c.AuthMethod = AuthNone }), "shop auth_method"},
		{"no method and not public", with(func(c *Client) { c.AuthMethod, c.SecretHash = AuthNone, [32]byte{} }), "shop auth_method"},
		{"a method of secrets for a public client", app(func(c *Client) { c.AuthMethod = AuthSecretBasic }), "shop auth_method"},

		{"an audience of assertions", bank(func(c *Client) { c.AssertionAudience = AudienceTokenEndpoint }), ""},
		{"an audience that is an address", bank(func(c *Client) { c.AssertionAudience = "https://id.example.kr" }), "shop assertion_audience"},
		{"an audience without assertions", with(func(c *Client) { c.AssertionAudience = AudienceIssuer }), "shop assertion_audience"},

		{"signed requests with a secret and keys", with(func(c *Client) { c.RequireSignedRequest, c.Keys = true, jwks(jwk(ec, "", "")) }), ""},
		{"signed requests without keys", with(func(c *Client) { c.RequireSignedRequest = true }), "shop jwks"},
		{"every requirement", bank(func(c *Client) { c.RequirePKCE, c.RequirePAR, c.RequireSignedRequest = true, true, true }), ""},

		{"every kind of key", keys(jwk(ec, "a", "ES256"), jwk(shared().rsa.Public(), "b", "PS256"), jwk(shared().ed.Public(), "c", "")), ""},
		{"no keys in a set", keys(), "shop jwks"},
		{"too many keys", keys(make([]jose.JSONWebKey, 17)...), "shop jwks"},
		{"a private key", keys(jwk(shared().ec, "a", "")), "shop jwks.keys[0]"},
		{"a private RSA key", keys(jwk(shared().rsa, "a", "")), "shop jwks.keys[0]"},
		{"a private Ed25519 key", keys(jwk(shared().ed, "a", "")), "shop jwks.keys[0]"},
		{"a shared secret as a key", keys(jwk([]byte("0123456789abcdef0123456789abcdef"), "a", "")), "shop jwks.keys[0]"},
		{"a key that is nothing", keys(jose.JSONWebKey{}), "shop jwks.keys[0]"},
		{"another curve", keys(jwk(p384.Public(), "a", "")), "shop jwks.keys[0]"},
		{"a short RSA key", keys(jwk(weak, "a", "")), "shop jwks.keys[0]"},
		{"an RSA key of an even exponent", keys(jwk(even, "a", "")), "shop jwks.keys[0]"},
		{"a short Ed25519 key", keys(jwk(ed25519.PublicKey("short"), "a", "")), "shop jwks.keys[0]"},
		{"an alg of another kind", keys(jwk(ec, "a", "RS256")), "shop jwks.keys[0]"},
		{"an alg that nobody takes", keys(jwk(shared().rsa.Public(), "a", "RS512")), "shop jwks.keys[0]"},
		{"a key for encryption", keys(jose.JSONWebKey{Key: ec, Use: "enc"}), "shop jwks.keys[0]"},
		{"one key without a kid", keys(jwk(ec, "", "")), ""},
		{"a kid missing among several", keys(jwk(ec, "a", ""), jwk(other, "", "")), "shop jwks.keys[1]"},
		{"a kid twice", keys(jwk(ec, "a", ""), jwk(other, "a", "")), "shop jwks.keys[1]"},
		{"a kid too long", keys(jwk(ec, strings.Repeat("a", 129), "")), "shop jwks.keys[0]"},
		{"a kid with a line break", keys(jwk(ec, "a\nb", "")), "shop jwks.keys[0]"},

		{"PS256", with(func(c *Client) { c.Algorithm = PS256 }), ""},
		{"EdDSA", with(func(c *Client) { c.Algorithm = EdDSA }), ""},
		{"PS384", with(func(c *Client) { c.Algorithm = "PS384" }), "shop algorithm"},

		{"refresh tokens", with(func(c *Client) { c.Refresh, c.RefreshTTL = RefreshRotating, time.Hour }), ""},
		{"refresh tokens for a year", with(func(c *Client) { c.Refresh, c.RefreshTTL = RefreshConstant, 365*24*time.Hour }), ""},
		{"refresh tokens for longer", with(func(c *Client) { c.Refresh, c.RefreshTTL = RefreshConstant, 366*24*time.Hour }), "shop refresh_lifetime"},
		{"refresh tokens for a minute", with(func(c *Client) { c.Refresh, c.RefreshTTL = RefreshRotating, time.Minute }), "shop refresh_lifetime"},
		{"refresh tokens of negative life", with(func(c *Client) { c.Refresh, c.RefreshTTL = RefreshRotating, -time.Hour }), "shop refresh_lifetime"},
		{"a lifetime of no refresh tokens", with(func(c *Client) { c.RefreshTTL = time.Hour }), "shop refresh_lifetime"},
		{"refresh tokens of another kind", with(func(c *Client) { c.Refresh = "yes" }), "shop refresh"},
		{"rotating refresh tokens of an app", app(func(c *Client) { c.Refresh = RefreshRotating }), ""},
		{"constant refresh tokens of an app", app(func(c *Client) { c.Refresh = RefreshConstant }), "shop refresh"},
		{"offline_access without refresh", with(func(c *Client) { c.Scopes = []string{"openid", ScopeOffline} }), "shop scopes[1]"},
		{"offline_access with refresh", with(func(c *Client) { c.Scopes, c.Refresh = []string{"openid", ScopeOffline}, RefreshRotating }), ""},
		{"another session rule", with(func(c *Client) { c.SessionRule = "always" }), "shop session"},
		{"no push", with(func(c *Client) { c.PushRule = PushNone }), ""},
		{"another push rule", with(func(c *Client) { c.PushRule = "never" }), "shop push"},

		{"logout behind", with(func(c *Client) { c.BackchannelLogoutURI, c.BackchannelSession = "https://logout.a.kr/b?x=1", true }), ""},
		{"logout behind on loopback", with(func(c *Client) { c.BackchannelLogoutURI = "http://127.0.0.1:3000/b" }), ""},
		{"logout behind, unencrypted", with(func(c *Client) { c.BackchannelLogoutURI = "http://a.kr/b" }), "shop backchannel_logout_uri"},
		{"logout behind in an app", app(func(c *Client) { c.Native, c.BackchannelLogoutURI = true, "com.example.app:/b" }), "shop backchannel_logout_uri"},
		{"logout behind with a fragment", with(func(c *Client) { c.BackchannelLogoutURI = "https://a.kr/b#x" }), "shop backchannel_logout_uri"},
		{"a session without logout behind", with(func(c *Client) { c.BackchannelSession = true }), "shop backchannel_logout_session_required"},
		{"logout in front", with(func(c *Client) {
			c.FrontchannelLogoutURI, c.FrontchannelSession = "https://shop.example.kr/f?x=1", true
		}), ""},
		{"logout in front at another host", with(func(c *Client) { c.FrontchannelLogoutURI = "https://a.kr/f" }), "shop frontchannel_logout_uri"},
		{"logout in front at a longer host", with(func(c *Client) { c.FrontchannelLogoutURI = "https://shop.example.kr.evil.example/f" }), "shop frontchannel_logout_uri"},
		{"logout in front at another port", with(func(c *Client) { c.FrontchannelLogoutURI = "https://shop.example.kr:8443/f" }), "shop frontchannel_logout_uri"},
		{"logout in front at a user of the host", with(func(c *Client) { c.FrontchannelLogoutURI = "https://shop.example.kr@evil.example/f" }), "shop frontchannel_logout_uri"},
		{"logout in front that has a sid", with(func(c *Client) { c.FrontchannelLogoutURI = "https://shop.example.kr/f?sid=1" }), "shop frontchannel_logout_uri"},
		{"a session without logout in front", with(func(c *Client) { c.FrontchannelSession = true }), "shop frontchannel_logout_session_required"},

		{"resources", with(func(c *Client) { c.Resources = []string{"https://api.a.kr/v1", "urn:kr:a:api", "http://api"} }), ""},
		{"a resource twice", with(func(c *Client) { c.Resources = []string{"urn:a:b", "urn:a:b"} }), "shop resources[1]"},
		{"a resource with a fragment", with(func(c *Client) { c.Resources = []string{"https://a.kr/#x"} }), "shop resources[0]"},
		{"a resource that is a path", with(func(c *Client) { c.Resources = []string{"/api"} }), "shop resources[0]"},
		{"a resource that is a word", with(func(c *Client) { c.Resources = []string{"api"} }), "shop resources[0]"},
		{"a resource that is empty", with(func(c *Client) { c.Resources = []string{""} }), "shop resources[0]"},
		{"a resource of a scheme alone", with(func(c *Client) { c.Resources = []string{"urn:"} }), "shop resources[0]"},
		{"a resource without a host", with(func(c *Client) { c.Resources = []string{"https:///x"} }), "shop resources[0]"},
		{"a resource in capitals", with(func(c *Client) { c.Resources = []string{"HTTPS://a.kr"} }), "shop resources[0]"},
		{"a resource at a capital host", with(func(c *Client) { c.Resources = []string{"https://A.kr"} }), "shop resources[0]"},
		{"a resource with a user", with(func(c *Client) { c.Resources = []string{"https://u@a.kr"} }), "shop resources[0]"},
		{"too many resources", with(func(c *Client) { c.Resources = many(65) }), "shop resources"},
		{"a resource server", with(func(c *Client) { c.Serves = []string{"https://api.a.kr/"} }), ""},
		{"a resource server nobody logs in to", with(func(c *Client) { c.Serves, c.RedirectURIs = []string{"https://api.a.kr/"}, nil }), ""},
		{"a resource server that is public", app(func(c *Client) { c.Serves = []string{"https://api.a.kr/"} }), "shop serves"},

		{"policy and terms", with(func(c *Client) { c.PolicyURI, c.TermsURI = "https://a.kr/p", "https://a.kr/t" }), ""},
		{"a policy in a script", with(func(c *Client) { c.PolicyURI = "javascript:alert(1)" }), "shop policy_uri"},
		{"terms that are not https", with(func(c *Client) { c.TermsURI = "http://localhost/t" }), "shop terms_uri"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewRegistry(tc.client)
			if got := strings.Join(mistakes(err), ", "); got != tc.want || (err != nil) != (tc.want != "") {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

func TestRulesHaveTheirDefaults(t *testing.T) {
	r, err := NewRegistry(
		bank(func(c *Client) { c.ID = "bank"; c.Refresh = RefreshConstant }),
		app(func(c *Client) { c.ID = "app" }),
		with(func(c *Client) { c.ID, c.Serves, c.RedirectURIs = "api", []string{"urn:a:b"}, nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	bank, _ := r.Lookup("bank")
	if bank.AssertionAudience != AudienceIssuer || bank.Refresh != RefreshConstant || bank.RefreshTTL != 30*24*time.Hour || bank.SessionRule != SessionShared || bank.PushRule != PushAllowed {
		t.Errorf("bank: got %+v, want the issuer as audience, refresh for 30 days, shared sessions, pushes allowed", bank)
	}
	app, _ := r.Lookup("app")
	if app.AuthMethod != AuthNone || !app.RequirePKCE || app.Refresh != RefreshNone || app.AssertionAudience != "" {
		t.Errorf("app: got %+v, want no method and PKCE", app)
	}
	if api, _ := r.Lookup("api"); api.Sector != "client:api" {
		t.Errorf("api: got sector %q, want one of its own", api.Sector)
	}
}

func TestTheRegistryKeepsItsOwnKeys(t *testing.T) {
	mine := bank(none)
	r, err := NewRegistry(mine)
	if err != nil {
		t.Fatal(err)
	}
	mine.Keys.Keys[0] = jwk(shared().other.Public(), "a", "")
	if c, _ := r.Lookup("shop"); !shared().ec.PublicKey.Equal(c.Keys.Keys[0].Key) {
		t.Error("got the caller's later key, want what was registered")
	}
}

func TestScopesAClientMayBeGiven(t *testing.T) {
	for _, tc := range []struct {
		name   string
		client Client
		want   []string
	}{
		{"none named", with(none), []string{"openid", "email"}},
		{"none named, refresh", with(func(c *Client) { c.Refresh = RefreshRotating }), []string{"openid", "email", "offline_access"}},
		{"some named", with(func(c *Client) { c.Scopes = []string{"openid"} }), []string{"openid"}},
		{"identity named", with(func(c *Client) { c.Scopes = []string{"openid", "identity"} }), []string{"openid", "identity"}},
		{"refresh, and offline_access not named", with(func(c *Client) { c.Scopes, c.Refresh = []string{"openid"}, RefreshConstant }), []string{"openid"}},
		{"an unknown client", Client{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, s := range []string{"openid", "email", "identity", "offline_access"} {
				if tc.client.AllowsScope(s) {
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysAreReadAndPrivateOnesRefused(t *testing.T) {
	public := func(keys ...any) string {
		var all []string
		for _, key := range keys {
			raw, err := (&jose.JSONWebKey{Key: key, KeyID: "a"}).MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(raw))
		}
		return `{"keys":[` + strings.Join(all, ",") + `]}`
	}
	m := shared()
	set, err := ParseKeys([]byte(public(m.ec.Public(), m.rsa.Public(), m.ed.Public())))
	if err != nil || len(set.Keys) != 3 || !m.ec.PublicKey.Equal(set.Keys[0].Key) || set.Keys[0].KeyID != "a" {
		t.Fatalf("got %v, %v, want three keys", set, err)
	}
	if set, err := ParseKeys([]byte(`{"keys":[]}`)); err != nil || len(set.Keys) != 0 {
		t.Errorf("got %v, %v, want an empty set, for the registry to refuse", set, err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "is no JWK set"},
		{"one key", `{"kty":"EC"}`, "is no JWK set"},
		{"a list", `[]`, "is no JWK set"},
		{"no list", `{"keys":{}}`, "is no JWK set"},
		{"an address", `"https://a.kr/jwks"`, "is no JWK set"},
		{"a private EC key", public(m.ec.Public(), m.ec), "keys[1] has a private part (d)"},
		{"a private RSA key", public(m.rsa), "keys[0] has a private part (d)"},
		{"a private Ed25519 key", public(m.ed), "keys[0] has a private part (d)"},
		{"a shared secret", public([]byte("hush-hush-hush-hush")), "keys[0] has a private part (k)"},
		{"primes alone", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","p":"AQAB"}]}`, "private part (p)"},
		{"an unknown kind", `{"keys":[{"kty":"XYZ"}]}`, "keys[0] is no public key"},
		{"a point beside the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`, "keys[0] is no public key"},
		{"a key that is null", `{"keys":[null]}`, "keys[0] is no public key"},
		{"a megabyte", `{"keys":[` + strings.Repeat(" ", 1<<20) + `]}`, "at most"},
	} {
		set, err := ParseKeys([]byte(tc.text))
		if err == nil || set != nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "AQAB") {
			t.Errorf("%s: got %v, %v, want %q and no key in it", tc.name, set, err, tc.want)
		}
	}
}
