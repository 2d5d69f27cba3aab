package providers

import (
	"net/http"
	"strings"
	"testing"
)

func TestSettingsMistakes(t *testing.T) {
	good := func() Settings {
		return Settings{ID: "op", Kind: "oidc", Name: Text{"가", "A"}, Issuer: "https://op.example", ClientID: "c"}
	}
	naver := func() Settings { return Settings{ID: "naver", ClientID: "c", ClientSecret: "s"} }
	proved, unknown := FreshProved, Freshness(9)
	tests := []struct {
		name string
		s    Settings
		want []string // parts of the error; none means good
	}{
		{"a public generic client", good(), nil},
		{"naver by its id alone", naver(), nil},
		{"nothing at all", Settings{}, []string{"ID", "Kind"}},
		{"an id that is no path segment", with(good(), func(s *Settings) { s.ID = "a/b" }), []string{"ID"}},
		{"a reserved id", with(good(), func(s *Settings) { s.ID = "continue" }), []string{"reserved"}},
		{"an unknown kind", with(good(), func(s *Settings) { s.Kind = "saml" }), []string{"kakao naver oidc pass toss"}},
		{"everything at once", Settings{ID: "X", Kind: "oidc", CIClaim: "ci", PublicKeyPEM: "x"}, []string{"ID", "Name", "ClientID", "Issuer", "AssertsCI", "PublicKeyPEM"}},
		{"plain http", with(good(), func(s *Settings) { s.Issuer = "http://op.example" }), []string{"https"}},
		{"plain http at home", with(good(), func(s *Settings) { s.Issuer = "http://127.0.0.1:8094" }), nil},
		{"an issuer with a query", with(good(), func(s *Settings) { s.Issuer = "https://op.example?x=1" }), []string{"query"}},
		{"a user in an address", with(good(), func(s *Settings) { s.TokenURL = "https://u:p@op.example/" }), []string{"TokenURL"}},
		{"CI without a claim", with(good(), func(s *Settings) { s.AssertsCI = true }), []string{"CIClaim"}},
		{"a trust framework of an asserting provider", with(good(), func(s *Settings) { s.TrustFramework = "x" }), []string{"TrustFramework"}},
		{"alg none", with(good(), func(s *Settings) { s.Algorithms = []string{"none"} }), []string{"none"}},
		{"alg HS256", with(good(), func(s *Settings) { s.Algorithms = []string{"HS256"} }), []string{"HS256"}},
		{"answers by form", with(good(), func(s *Settings) { s.ResponseMode = "form_post" }), nil},
		{"answers nobody could read", with(good(), func(s *Settings) { s.ResponseMode = "fragment" }), []string{"ResponseMode", "form_post"}},
		{"naver answers its own way", with(naver(), func(s *Settings) { s.ResponseMode = "form_post" }), []string{"ResponseMode is not read"}},
		{"codes explained", with(good(), func(s *Settings) { s.Errors = []ErrorCode{{"age_limit", "under-14"}, {"-1.x", "down"}} }), nil},
		{"codes nobody could explain", with(good(), func(s *Settings) {
			s.Errors = []ErrorCode{{"", "down"}, {"a b", "down"}, {"twice", "down"}, {"twice", "policy"}, {"x", "child"}}
		}), []string{`""`, `"a b"`, "twice", "child"}},
		{"levels", with(good(), func(s *Settings) { s.ACRValues = []string{"2", "urn:x"} }), nil},
		{"levels that are no words", with(good(), func(s *Settings) { s.ACRValues = []string{"2 3"} }), []string{"ACRValues"}},
		{"paths", with(good(), func(s *Settings) { s.Claims = ClaimPaths{Name: "https://op.example/name", Phone: "phones.0.number"} }), nil},
		{"paths that lead nowhere", with(good(), func(s *Settings) {
			s.Claims = ClaimPaths{Name: "a..b", Phone: ".a", Email: "a.", DI: strings.Repeat("a.", 9) + "a", Gender: strings.Repeat("a", 201)}
		}), []string{"to Name", "to Phone", "to Email", "to DI", "to Gender"}},
		{"a path to CI that leads nowhere", with(good(), func(s *Settings) { s.AssertsCI, s.CIClaim = true, "a..b" }), []string{"to CIClaim"}},
		{"paths of a vendor that is known", with(naver(), func(s *Settings) { s.Claims.Name = "x" }), []string{"Claims is not read"}},
		{"an unknown need", with(good(), func(s *Settings) { s.Needs = []string{"shoe size"} }), []string{"shoe size"}},
		{"an unknown freshness", with(good(), func(s *Settings) { s.Fresh = &unknown }), []string{"Fresh"}},
		{"an unknown assurance", with(good(), func(s *Settings) { s.Assurance = 7 }), []string{"Assurance"}},
		{"naver verifies nobody", with(naver(), func(s *Settings) { s.Assurance = Verified }), []string{"does not verify"}},
		{"naver by its older path", with(naver(), func(s *Settings) { s.OAuth2 = true }), nil},
		{"keys where there is no ID token", with(naver(), func(s *Settings) { s.OAuth2, s.JWKSURL = true, "https://x.example/keys" }), []string{"OAuth2", "JWKSURL"}},
		{"the older path of another", with(good(), func(s *Settings) { s.OAuth2 = true }), []string{"OAuth2 is not read"}},
		{"naver sends no CI", with(naver(), func(s *Settings) { s.AssertsCI = true }), []string{"no CI"}},
		{"naver proves no fresh login", with(naver(), func(s *Settings) { s.Fresh = &proved }), []string{"does not prove"}},
		{"naver without a secret", with(naver(), func(s *Settings) { s.ClientSecret = "" }), []string{"ClientSecret"}},
		{"kakao verifies nobody", Settings{ID: "kakao", ClientID: "c", ClientSecret: "s", Assurance: Verified}, []string{"does not verify"}},
		{"a base with a slash", with(naver(), func(s *Settings) { s.Base = "https://x.example/" }), []string{"slash"}},
		{"discovery of a vendor that is known", with(naver(), func(s *Settings) { s.DiscoveryURL = "https://x.example" }), []string{"DiscoveryURL is not read"}},
		{"pass without an address", Settings{ID: "pass", ClientID: "c"}, []string{"Base", "ClientSecret"}},
		{"pass with scopes", with(passSettings(), func(s *Settings) { s.Scopes = []string{"openid"} }), []string{"Scopes"}},
		{"toss without a key", Settings{ID: "toss", Base: "https://t.example", ClientID: "c", ClientSecret: "s"}, []string{"PublicKeyPEM"}},
		{"toss with a page for a key", Settings{ID: "toss", Base: "https://t.example", ClientID: "c", ClientSecret: "s", PublicKeyPEM: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}, []string{"PublicKeyPEM"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.s, http.DefaultClient)
			if (err == nil) != (len(tt.want) == 0) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
}

func with(s Settings, change func(*Settings)) Settings {
	change(&s)
	return s
}

func TestNewNeedsAClient(t *testing.T) {
	if _, err := New(passSettings(), nil); err == nil {
		t.Error("got no error without an HTTP client")
	}
}

// Two generic providers stand side by side.
func TestKindsAreNotIDs(t *testing.T) {
	for _, id := range []string{"first", "second"} {
		p, err := New(Settings{ID: id, Kind: "oidc", Name: Text{"가", "A"}, Issuer: "https://" + id + ".example", ClientID: "c"}, http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Info().ID; got != id {
			t.Errorf("got %q, want %q", got, id)
		}
	}
}
