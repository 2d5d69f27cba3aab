package providers

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// ourKeys are keys of our own, as PEM, by the algorithm they sign with.
var ourKeys = sync.OnceValue(func() map[string]any {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]any{"RS256": testKeys()["RS256"], "ES256": testKeys()["ES256"], "EdDSA": edwards, "P-384": p384}
})

func asPEM(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func publicOf(key any) any {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key.Public()
	case *ecdsa.PrivateKey:
		return key.Public()
	}
	return key.(ed25519.PrivateKey).Public()
}

// wantAssertion checks a client assertion (RFC 7523 section 3) and gives its jti.
func wantAssertion(t *testing.T, form url.Values, alg, kid, audience string) string {
	t.Helper()
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") || form.Get("client_id") != "client" {
		t.Fatalf("got form %v", form)
	}
	jws, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	key := ourKeys()[strings.Replace(alg, "PS", "RS", 1)]
	payload, err := jws.Verify(publicOf(key))
	if err != nil {
		t.Fatal(err)
	}
	if got := jws.Signatures[0].Header.KeyID; got != kid {
		t.Errorf("got kid %q, want %q", got, kid)
	}
	var c struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	life := time.Unix(c.Exp, 0).Sub(time.Unix(c.Iat, 0))
	if c.Iss != "client" || c.Sub != "client" || c.Aud != audience || len(c.Jti) < 22 || life != assertionLife {
		t.Errorf("got %+v", c)
	}
	return c.Jti
}

// With a key of ours each token request carries an assertion of its own, for the
// issuer alone unless the settings say otherwise, and no secret.
func TestPrivateKeyJWT(t *testing.T) {
	for _, tt := range []struct {
		name, key, kid, audience, alg string
		theirs                        []string
		want                          string
	}{
		{"P-256", "ES256", "k-2027", "", "ES256", nil, testIssuer},
		{"Ed25519 for the token endpoint", "EdDSA", "", "token_endpoint", "EdDSA", nil, testIssuer + "/token"},
		{"RSA", "RS256", "", "issuer", "RS256", nil, testIssuer},
		{"RSA where both are taken", "RS256", "", "", "RS256", []string{"PS256", "RS256"}, testIssuer},
		{"RSA where PS256 alone is taken", "RS256", "", "", "PS256", []string{"ES256", "PS256"}, testIssuer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}
			if tt.theirs != nil {
				u.metadata["token_endpoint_auth_signing_alg_values_supported"] = tt.theirs
			}
			s := u.settings()
			s.ClientSecret, s.PrivateKeyPEM, s.KeyID, s.AssertionAudience = "", asPEM(t, ourKeys()[tt.key]), tt.kid, tt.audience
			p := redirector(t, s, u.hosts(t).client())
			used := map[string]bool{}
			for range 3 {
				if _, err := p.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
					t.Fatal(err)
				}
				used[wantAssertion(t, u.form, tt.alg, tt.kid, tt.want)] = true
			}
			if len(used) != 3 {
				t.Errorf("got %d ids for 3 assertions", len(used))
			}
		})
	}
}

// Our assertion is for the issuer we are set to, whatever endpoints its metadata
// names: one made for another provider's would be a login there (CVE-2025-27370).
func TestAttackAudienceOfOurAssertionsInjected(t *testing.T) {
	u := newUpstream(t, "oidc")
	u.metadata = map[string]any{"token_endpoint": "https://kauth.kakao.com/oauth/token"}
	s := u.settings()
	s.ClientSecret, s.PrivateKeyPEM = "", asPEM(t, ourKeys()["ES256"])
	if _, err := redirector(t, s, u.hosts(t).client()).Exchange(t.Context(), testAsk(), codeParams()); err != nil {
		t.Fatal(err)
	}
	wantAssertion(t, u.form, "ES256", "", testIssuer)
}

// The settings' way goes before the metadata's.
func TestAuthMethodOfTheSettings(t *testing.T) {
	for method, inBody := range map[string]bool{"client_secret_post": true, "client_secret_basic": false} {
		u := newUpstream(t, "oidc")
		u.metadata = map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"}}
		s := u.settings()
		s.AuthMethod = method
		if _, err := redirector(t, s, u.hosts(t).client()).Exchange(t.Context(), testAsk(), codeParams()); err != nil {
			t.Fatal(err)
		}
		if u.form.Has("client_secret") != inBody {
			t.Errorf("%s: got form %v", method, u.form)
		}
	}
}

func TestMistakesAboutClientAuthentication(t *testing.T) {
	good := func() Settings {
		return Settings{ID: "op", Kind: "oidc", Name: Text{"가", "A"}, Issuer: testIssuer, ClientID: "c"}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	key := asPEM(t, ourKeys()["ES256"])
	for _, tt := range []struct {
		name   string
		change func(*Settings)
		want   string // "": nothing wrong
	}{
		{"a key", func(s *Settings) { s.PrivateKeyPEM = key }, ""},
		{"a key and its method", func(s *Settings) { s.PrivateKeyPEM, s.AuthMethod = key, "private_key_jwt" }, ""},
		{"nothing at all", func(s *Settings) { s.AuthMethod = "none" }, ""},
		{"an unknown method", func(s *Settings) { s.AuthMethod = "tls_client_auth" }, "AuthMethod"},
		{"two proofs", func(s *Settings) { s.PrivateKeyPEM, s.ClientSecret = key, "s" }, "keep one"},
		{"a method without its secret", func(s *Settings) { s.AuthMethod = "client_secret_basic" }, "ClientSecret is needed"},
		{"a method without its key", func(s *Settings) { s.AuthMethod = "private_key_jwt" }, "PrivateKeyPEM is needed"},
		{"a key and none", func(s *Settings) { s.PrivateKeyPEM, s.AuthMethod = key, "none" }, "remove"},
		{"a key and the other method", func(s *Settings) { s.PrivateKeyPEM, s.AuthMethod = key, "client_secret_post" }, "ClientSecret is needed"},
		{"a kid without a key", func(s *Settings) { s.KeyID = "k" }, "PrivateKeyPEM is needed"},
		{"an audience of somebody's", func(s *Settings) { s.PrivateKeyPEM, s.AssertionAudience = key, "https://x.example" }, "AssertionAudience"},
		{"no PEM", func(s *Settings) { s.PrivateKeyPEM = "x" }, "is not PEM"},
		{"a public key", func(s *Settings) { s.PrivateKeyPEM = newTossFake(t).settings().PublicKeyPEM }, "PKCS #8"},
		{"a short RSA key", func(s *Settings) { s.PrivateKeyPEM = asPEM(t, small) }, "2048"},
		{"a curve nobody takes", func(s *Settings) { s.PrivateKeyPEM = asPEM(t, ourKeys()["P-384"]) }, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(with(good(), tt.change), http.DefaultClient)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "MIG"):
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
}

// Where it is offered the request is pushed (RFC 9126) with our proof, and the
// address carries its name and nothing else.
func TestPushedRequests(t *testing.T) {
	offered := map[string]any{"pushed_authorization_request_endpoint": testIssuer + "/par"}
	demanded := map[string]any{"pushed_authorization_request_endpoint": testIssuer + "/par", "require_pushed_authorization_requests": true}
	basic := map[string]any{"pushed_authorization_request_endpoint": testIssuer + "/par", "token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}
	for _, tt := range []struct {
		name     string
		metadata map[string]any
		change   func(*Settings)
		pushed   bool
		header   string // begins the Authorization header
	}{
		{"not offered", nil, nil, false, ""},
		{"offered", offered, nil, true, ""},
		{"offered, and not wanted", offered, func(s *Settings) { s.PlainRequests = true }, false, ""},
		{"demanded, wanted or not", demanded, func(s *Settings) { s.PlainRequests = true }, true, ""},
		{"by a header", basic, nil, true, "Basic "},
		{"by an assertion", offered, func(s *Settings) { s.ClientSecret, s.PrivateKeyPEM = "", asPEM(t, ourKeys()["ES256"]) }, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = tt.metadata
			s := u.settings()
			if tt.change != nil {
				tt.change(&s)
			}
			ask := testAsk()
			ask.LoginHint = "hong"
			to, err := redirector(t, s, u.hosts(t).client()).AuthURL(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			at, err := url.Parse(to)
			if err != nil || strings.Contains(to, "hong") == tt.pushed {
				t.Fatalf("got %s, %v", to, err)
			}
			if !tt.pushed {
				if u.count("pushed") != 0 {
					t.Error("it was pushed all the same")
				}
				return
			}
			want := url.Values{"client_id": {"client"}, "request_uri": {"urn:ietf:params:oauth:request_uri:one"}}
			if diff := cmp.Diff(want, at.Query()); diff != "" {
				t.Errorf("address (-want +got):\n%s", diff)
			}
			for name, value := range map[string]string{"state": testState, "nonce": testNonce, "login_hint": "hong", "response_type": "code", "code_challenge_method": "S256", "client_id": "client"} {
				if u.pushed.Get(name) != value {
					t.Errorf("got %s %q, want %q", name, u.pushed.Get(name), value)
				}
			}
			if !strings.HasPrefix(u.pushedBy, tt.header) || (u.pushedBy == "") != (tt.header == "") || (s.ClientSecret != "" && tt.header == "") != u.pushed.Has("client_secret") {
				t.Errorf("got header %.8q and %v", u.pushedBy, u.pushed)
			}
			if s.PrivateKeyPEM != "" {
				wantAssertion(t, u.pushed, "ES256", "", testIssuer)
			}
		})
	}
}

// A push that fails is classed like any other leg, within its time.
func TestPushedRequestsThatFail(t *testing.T) {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		class  Class
		code   string
	}{
		{"a bad client", say(401, `{"error":"invalid_client"}`), Configuration, "invalid_client"},
		{"a bad redirect URI", say(400, `{"error":"invalid_request"}`), Configuration, "invalid_request"},
		{"throttled", say(429, ``), Throttled, "http-429"},
		{"broken", say(500, `{"error":"server_error"}`), Down, "http-500"},
		{"a page", say(201, `<html>`), Down, "request-uri"},
		{"no name", say(201, `{}`), Down, "request-uri"},
		{"a name with a line break", say(201, `{"request_uri":"urn:x\r\nSet-Cookie: x"}`), Down, "request-uri"},
		{"a name without end", say(201, `{"request_uri":"urn:`+strings.Repeat("x", 600)+`"}`), Down, "request-uri"},
		{"nobody there", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Down, "connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = map[string]any{"pushed_authorization_request_endpoint": testIssuer + "/par"}
			u.override["pushed"] = tt.answer
			_, err := u.provider(t).AuthURL(t.Context(), testAsk())
			wantError(t, err, tt.class, tt.code)
		})
	}
}
