package providers

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

func TestAuthURL(t *testing.T) {
	usual := func(more url.Values) url.Values {
		v := url.Values{
			"client_id": {"client"}, "response_type": {"code"}, "redirect_uri": {"https://sinho.example/callback/x"},
			"state": {testState}, "nonce": {testNonce}, "code_challenge_method": {"S256"},
			"code_challenge": {oauth2.S256ChallengeFromVerifier(testVerifier)},
		}
		maps.Copy(v, more)
		return v
	}
	kakaoScope := "openid profile_nickname account_email name gender birthyear birthday phone_number"
	none, proved := NoFresh, FreshProved
	tests := []struct {
		name   string
		kind   string
		change func(*Settings, *Ask)
		page   string
		want   url.Values
	}{
		{"naver", "naver", nil, "https://nid.naver.com/oauth2/authorize", usual(url.Values{"scope": {"openid profile"}})},
		{
			"naver forces a password for a fresh login", "naver", func(_ *Settings, a *Ask) { a.Fresh = true },
			"https://nid.naver.com/oauth2/authorize", usual(url.Values{"scope": {"openid profile"}, "auth_type": {"reauthenticate"}}),
		},
		{
			"naver by its older path", "naver", func(s *Settings, a *Ask) { s.OAuth2, a.Fresh = true, true },
			"https://nid.naver.com/oauth2.0/authorize", func() url.Values {
				v := usual(url.Values{"auth_type": {"reauthenticate"}})
				v.Del("nonce")
				return v
			}(),
		},
		{"kakao", "kakao", nil, "https://kauth.kakao.com/oauth/authorize", usual(url.Values{"scope": {kakaoScope}})},
		{
			"kakao asks for CI where it is believed", "kakao", func(s *Settings, a *Ask) { s.AssertsCI, a.Fresh = true, true },
			"https://kauth.kakao.com/oauth/authorize", usual(url.Values{"scope": {kakaoScope + " account_ci"}, "prompt": {"login"}}),
		},
		{
			"kakao scopes never lose openid", "kakao", func(s *Settings, a *Ask) { s.Scopes, a.LoginHint = []string{"name"}, "t@example.com" },
			"https://kauth.kakao.com/oauth/authorize", usual(url.Values{"scope": {"openid name"}, "login_hint": {"t@example.com"}}),
		},
		{
			"any other", "oidc", func(_ *Settings, a *Ask) { a.UILocale, a.LoginHint = "ko", "hong" }, testIssuer + "/authorize",
			usual(url.Values{"scope": {"openid profile email"}, "ui_locales": {"ko"}, "login_hint": {"hong"}}),
		},
		{
			"any other, fresh", "oidc", func(s *Settings, a *Ask) { s.Fresh, a.Fresh = &proved, true }, testIssuer + "/authorize",
			usual(url.Values{"scope": {"openid profile email"}, "prompt": {"login"}, "max_age": {"0"}}),
		},
		{
			"one that proves it may answer by a login that is young enough", "oidc", func(s *Settings, a *Ask) { s.Fresh, a.Fresh, a.MaxAge = &proved, true, 300 }, testIssuer + "/authorize",
			usual(url.Values{"scope": {"openid profile email"}, "max_age": {"300"}}),
		},
		{
			"one that proves nothing has to ask anew", "oidc", func(_ *Settings, a *Ask) { a.Fresh, a.MaxAge = true, 300 }, testIssuer + "/authorize",
			usual(url.Values{"scope": {"openid profile email"}, "prompt": {"login"}, "max_age": {"0"}}),
		},
		{"one that answers by form", "oidc", func(s *Settings, _ *Ask) { s.ResponseMode = "form_post" }, testIssuer + "/authorize", usual(url.Values{"scope": {"openid profile email"}, "response_mode": {"form_post"}})},
		{
			"one that cannot be asked is not asked", "oidc", func(s *Settings, a *Ask) { s.Fresh, a.Fresh = &none, true },
			testIssuer + "/authorize", usual(url.Values{"scope": {"openid profile email"}}),
		},
		{
			"a vendor at another address", "naver", func(s *Settings, _ *Ask) { s.Base = "http://localhost:8090" },
			"http://localhost:8090/oauth2/authorize", usual(url.Values{"scope": {"openid profile"}}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, tt.kind)
			s, ask := u.settings(), testAsk()
			if tt.change != nil {
				tt.change(&s, &ask)
			}
			got, err := redirector(t, s, u.hosts(t).client()).AuthURL(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			page, query, _ := strings.Cut(got, "?")
			values, err := url.ParseQuery(query)
			if err != nil || page != tt.page {
				t.Errorf("got page %s (%v), want %s", page, err, tt.page)
			}
			if diff := cmp.Diff(tt.want, values); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}

// PASS as an OpenID Provider: it is asked for a level, and for claims verified
// under the agreed framework where its metadata says that it takes that.
func TestVerifiedClaimsAreAskedFor(t *testing.T) {
	can := map[string]any{"claims_parameter_supported": true, "verified_claims_supported": true}
	inToken := maps.Clone(can)
	inToken["userinfo_endpoint"] = ""
	for name, tt := range map[string]struct {
		metadata map[string]any
		change   func(*Settings)
		want     string
	}{
		"asked at userinfo":       {can, func(*Settings) {}, `{"userinfo":{"verified_claims":{"claims":{"birthdate":null,"ci":null,"gender":null,"name":null,"phone_number":null,"telco":null},"verification":{"trust_framework":{"value":"kr_identity_verification"}}}}}`},
		"asked in the ID token":   {inToken, func(s *Settings) { s.AssertsCI, s.CIClaim, s.Claims = false, "", ClaimPaths{} }, `{"id_token":{"verified_claims":{"claims":{"birthdate":null,"gender":null,"name":null,"phone_number":null},"verification":{"trust_framework":{"value":"kr_identity_verification"}}}}}`},
		"not without a framework": {can, func(s *Settings) { s.TrustFramework = "" }, ""},
		"not of one that cannot":  {map[string]any{"claims_parameter_supported": true}, func(*Settings) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = tt.metadata
			s := u.settings()
			s.Assurance, s.TrustFramework, s.ACRValues = Verified, "kr_identity_verification", []string{"3", "2"}
			s.AssertsCI, s.CIClaim, s.Claims = true, "ci", ClaimPaths{Carrier: "telco", DI: "a.di"}
			tt.change(&s)
			to, err := redirector(t, s, u.hosts(t).client()).AuthURL(t.Context(), testAsk())
			if err != nil {
				t.Fatal(err)
			}
			at, err := url.Parse(to)
			if err != nil || at.Query().Get("claims") != tt.want || at.Query().Get("acr_values") != "3 2" {
				t.Errorf("got claims %s and acr_values %q (%v), want %s", at.Query().Get("claims"), at.Query().Get("acr_values"), err, tt.want)
			}
		})
	}
}
