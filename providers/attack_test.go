package providers

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An upstream proof replayed, forged, or meant for somebody else is refused.
func TestAttackForgedUpstreamProofs(t *testing.T) {
	unsigned := func(header string, c map[string]any) string {
		payload, _ := json.Marshal(c)
		enc := base64.RawURLEncoding
		return enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString(payload) + "."
	}
	other := testKeys()["other"]
	tests := []struct {
		name   string
		claims map[string]any
		token  func(t *testing.T, c map[string]any) string
		code   string
	}{
		{name: "another issuer", claims: map[string]any{"iss": "https://evil.example"}, code: "id-token"},
		{name: "an issuer that differs by a slash", claims: map[string]any{"iss": testIssuer + "/"}, code: "id-token"},
		{name: "another client's audience", claims: map[string]any{"aud": "somebody"}, code: "id-token"},
		{name: "no audience", claims: map[string]any{"aud": nil}, code: "id-token"},
		{name: "several audiences without azp", claims: map[string]any{"aud": []string{"client", "x"}}, code: "azp"},
		{name: "azp of another client", claims: map[string]any{"azp": "x"}, code: "azp"},
		{name: "several audiences and azp of another", claims: map[string]any{"aud": []string{"client", "x"}, "azp": "x"}, code: "azp"},
		{name: "another nonce", claims: map[string]any{"nonce": "replayed"}, code: "nonce"},
		{name: "no nonce", claims: map[string]any{"nonce": nil}, code: "nonce"},
		{name: "expired", claims: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, code: "id-token"},
		{name: "no exp", claims: map[string]any{"exp": nil}, code: "id-token"},
		{name: "no iat", claims: map[string]any{"iat": nil}, code: "iat"},
		{name: "iat in the future", claims: map[string]any{"iat": time.Now().Add(time.Hour).Unix()}, code: "iat"},
		{name: "no sub", claims: map[string]any{"sub": nil}, code: "sub"},
		{name: "an empty sub", claims: map[string]any{"sub": ""}, code: "sub"},
		{name: "a sub of 256 bytes", claims: map[string]any{"sub": strings.Repeat("x", 256)}, code: "sub"},
		{name: "auth_time in the future", claims: map[string]any{"auth_time": time.Now().Add(time.Hour).Unix()}, code: "auth-time"},
		{name: "at_hash of another token", claims: map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, code: "at-hash"},
		{name: "alg none", code: "id-token", token: func(_ *testing.T, c map[string]any) string {
			return unsigned(`{"alg":"none"}`, c)
		}},
		{name: "alg None in another case", code: "id-token", token: func(_ *testing.T, c map[string]any) string {
			return unsigned(`{"alg":"NoNe"}`, c)
		}},
		{name: "HS256 with the client secret", code: "id-token", token: func(t *testing.T, c map[string]any) string {
			return sign(t, "HS256", "k1", []byte("secretsecretsecretsecretsecretse"), c)
		}},
		{name: "the right kid and another key", code: "signature", token: func(t *testing.T, c map[string]any) string {
			return sign(t, "ES256", "k1", other, c)
		}},
		{name: "an unknown kid", code: "kid", token: func(t *testing.T, c map[string]any) string {
			return sign(t, "ES256", "k2", other, c)
		}},
		{name: "an unknown kid that is a path", code: "kid", token: func(t *testing.T, c map[string]any) string {
			return sign(t, "ES256", "../../dev/null", other, c)
		}},
		{name: "no kid and another key", code: "kid", token: func(t *testing.T, c map[string]any) string {
			return sign(t, "ES256", "", other, c)
		}},
		{name: "its own key in the header", code: "kid", token: func(t *testing.T, c map[string]any) string {
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other}, &jose.SignerOptions{EmbedJWK: true})
			if err != nil {
				t.Fatal(err)
			}
			payload, _ := json.Marshal(c)
			jws, err := s.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			compact, _ := jws.CompactSerialize()
			return compact
		}},
		{name: "a payload changed after signing", code: "signature", token: func(t *testing.T, c map[string]any) string {
			parts := strings.Split(sign(t, "ES256", "k1", testKeys()["ES256"], c), ".")
			c["sub"] = "somebody"
			return parts[0] + strings.TrimPrefix(unsigned("", c), "")[0:len(unsigned("", c))-1] + "." + parts[2]
		}},
		{name: "another's keys by jku", code: "kid", token: func(t *testing.T, c map[string]any) string {
			return signWith(t, "ES256", other, "stranger", c, "jku", "https://op.example/../evil/jwks")
		}},
		{name: "our kid and keys by jku", code: "signature", token: func(t *testing.T, c map[string]any) string {
			return signWith(t, "ES256", other, "k1", c, "jku", "https://evil.example/jwks")
		}},
		{name: "a critical extension nobody knows", code: "signature", token: func(t *testing.T, c map[string]any) string {
			return signWith(t, "ES256", testKeys()["ES256"], "k1", c, "crit", []string{"exp-at-will"}, "exp-at-will", true)
		}},
		{name: "an encrypted token of compressed claims", code: "id-token", token: func(t *testing.T, c map[string]any) string {
			e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: make([]byte, 32)}, &jose.EncrypterOptions{Compression: jose.DEFLATE})
			if err != nil {
				t.Fatal(err)
			}
			c["pad"] = strings.Repeat("x", 8<<20)
			payload, _ := json.Marshal(c)
			jwe, err := e.Encrypt(payload)
			if err != nil {
				t.Fatal(err)
			}
			compact, _ := jwe.CompactSerialize()
			return compact
		}},
		{name: "claims nested without end", code: "id-token", token: func(t *testing.T, _ map[string]any) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: testKeys()["ES256"], KeyID: "k1"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			jws, err := signer.Sign([]byte(strings.Repeat(`{"iss":`, 3000) + "1" + strings.Repeat("}", 3000)))
			if err != nil {
				t.Fatal(err)
			}
			compact, _ := jws.CompactSerialize()
			return compact
		}},
		{name: "not a token", code: "id-token", token: func(*testing.T, map[string]any) string { return "nonsense" }},
		{name: "JSON serialisation", code: "signature", token: func(t *testing.T, c map[string]any) string {
			parts := strings.Split(sign(t, "ES256", "k1", testKeys()["ES256"], c), ".")
			return `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`
		}},
		{name: "a giant token", code: "id-token", token: func(t *testing.T, c map[string]any) string {
			c["pad"] = strings.Repeat("x", 64<<10)
			return sign(t, "ES256", "k1", testKeys()["ES256"], c)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.claims = tt.claims
			if tt.token != nil {
				u.idToken = func(c map[string]any) string { return tt.token(t, c) }
			}
			_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
			e := wantError(t, err, BadCode, tt.code)
			if e.Colours() {
				t.Error("a forged proof colours the light")
			}
			if u.count("profile") != 0 {
				t.Error("the access token was used after its ID token was refused")
			}
		})
	}
}

// Mix-up between providers (RFC 9700 section 4.4): iss checked when it is there,
// and demanded of who promised it; before anything else is believed.
func TestAttackMixUpSeenByAdapters(t *testing.T) {
	with := func(more url.Values) url.Values {
		p := codeParams()
		maps.Copy(p, more)
		return p
	}
	tests := []struct {
		name     string
		promised bool
		params   url.Values
		class    Class
		code     string
	}{
		{"no iss from who never promised it", false, codeParams(), 0, ""},
		{"the right iss", true, with(url.Values{"iss": {testIssuer}}), 0, ""},
		{"another provider's iss", false, with(url.Values{"iss": {"https://evil.example"}}), BadCode, "iss"},
		{"an empty iss", false, with(url.Values{"iss": {""}}), BadCode, "iss"},
		{"no iss from who promised it", true, codeParams(), BadCode, "iss"},
		{"two iss", true, with(url.Values{"iss": {testIssuer, "https://evil.example"}}), BadCode, "parameter"},
		{"two codes", false, with(url.Values{"code": {"a", "b"}}), BadCode, "parameter"},
		{"another provider's error", false, url.Values{"error": {"server_error"}, "iss": {"https://evil.example"}}, BadCode, "iss"},
		{"no code", false, url.Values{}, BadCode, "code"},
		{"a code of a megabyte", false, url.Values{"code": {strings.Repeat("x", 1<<20)}}, BadCode, "code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = map[string]any{"authorization_response_iss_parameter_supported": tt.promised}
			_, err := u.provider(t).Exchange(t.Context(), testAsk(), tt.params)
			if tt.class == 0 {
				if err != nil {
					t.Fatalf("got %v, want an identity", err)
				}
				return
			}
			wantError(t, err, tt.class, tt.code)
			if u.count("token") != 0 {
				t.Error("the code was sent to the token endpoint")
			}
		})
	}
}

// The profile of somebody else is refused at every provider.
func TestProfileOfAnotherSubject(t *testing.T) {
	profiles := map[string]any{
		"oidc":  map[string]any{"sub": "person-2", "name": "홍길동"},
		"naver": map[string]any{"resultcode": "00", "response": map[string]any{"id": "person-2", "name": "홍길동"}},
		"kakao": map[string]any{"id": json.Number("9007199254740992"), "kakao_account": map[string]any{}},
	}
	for kind, profile := range profiles {
		t.Run(kind, func(t *testing.T) {
			u := newUpstream(t, kind)
			u.profile = profile
			_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
			wantError(t, err, BadCode, "sub-mismatch")
		})
	}
}

// Nothing begins without state, nonce and PKCE.
func TestNothingBeginsUnprotected(t *testing.T) {
	u := newUpstream(t, "oidc")
	p := u.provider(t)
	for name, spoil := range map[string]func(*Ask){
		"no state":         func(a *Ask) { a.State = "" },
		"no nonce":         func(a *Ask) { a.Nonce = "" },
		"no verifier":      func(a *Ask) { a.Verifier = "" },
		"a short verifier": func(a *Ask) { a.Verifier = "short" },
		"no redirect URI":  func(a *Ask) { a.RedirectURI = "" },
	} {
		t.Run(name, func(t *testing.T) {
			ask := testAsk()
			spoil(&ask)
			_, err := p.AuthURL(t.Context(), ask)
			wantError(t, err, Configuration, "ask")
			_, err = p.Exchange(t.Context(), ask, codeParams())
			wantError(t, err, Configuration, "ask")
		})
	}
}

// Metadata of another issuer, or that points back into our own machine, is not
// used.
func TestHostileMetadata(t *testing.T) {
	for name, tt := range map[string]struct {
		metadata map[string]any
		code     string
	}{
		"another issuer":          {map[string]any{"issuer": "https://evil.example"}, "issuer"},
		"keys over plain http":    {map[string]any{"jwks_uri": "http://op.example/jwks"}, "metadata"},
		"token on this machine":   {map[string]any{"token_endpoint": "http://127.0.0.1:6379/"}, "metadata"},
		"page on this machine":    {map[string]any{"authorization_endpoint": "https://localhost/"}, "metadata"},
		"no token endpoint":       {map[string]any{"token_endpoint": ""}, "metadata"},
		"keys in a file":          {map[string]any{"jwks_uri": "file:///etc/passwd"}, "metadata"},
		"pushes on this machine":  {map[string]any{"pushed_authorization_request_endpoint": "http://127.0.0.1:6379/"}, "metadata"},
		"pushes over plain http":  {map[string]any{"pushed_authorization_request_endpoint": "http://op.example/par"}, "metadata"},
		"pushes demanded nowhere": {map[string]any{"require_pushed_authorization_requests": true}, "metadata"},
		"a page that is a script": {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, "metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = tt.metadata
			_, err := u.provider(t).AuthURL(t.Context(), testAsk())
			wantError(t, err, Configuration, tt.code)
		})
	}
}
