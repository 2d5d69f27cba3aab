package sim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// The vendor's own words for everything that can be wrong with a token call.
func TestTokenFaultsAreWordedByTheVendor(t *testing.T) {
	verifier := oauth2.GenerateVerifier()
	token := map[string]string{"naver": "/oauth2/token", "kakao": "/oauth/token", "oidc": "/token"}
	page := map[string]string{"naver": naverDoor, "kakao": kakaoDoor, "oidc": genericDoor}
	for _, tt := range []struct {
		name, key, value string
		want             map[string]string // status and a piece of the body
	}{
		{"a wrong secret", "client_secret", "wrong", map[string]string{"naver": "401 invalid_client", "kakao": "401 KOE010", "oidc": "401 invalid_client"}},
		{"no secret", "client_secret", "", map[string]string{"naver": "401 invalid_client", "kakao": "401 KOE010", "oidc": "401 invalid_client"}},
		{"an unknown client", "client_id", "other", map[string]string{"naver": "401 invalid_client", "kakao": "401 KOE101", "oidc": "401 invalid_client"}},
		{"an unknown code", "code", "x", map[string]string{"naver": "400 invalid_request", "kakao": "400 KOE320", "oidc": "400 invalid_grant"}},
		{"another redirect URI", "redirect_uri", "http://other.test/", map[string]string{"naver": "400 invalid_grant", "kakao": "400 KOE303", "oidc": "400 invalid_grant"}},
		{"another verifier", "code_verifier", strings.Repeat("a", 43), map[string]string{"naver": "400 invalid_grant", "kakao": "400 KOE320", "oidc": "400 invalid_grant"}},
		{"no verifier", "code_verifier", "", map[string]string{"naver": "400 invalid_grant", "kakao": "400 KOE320", "oidc": "400 invalid_grant"}},
		{"another grant", "grant_type", "password", map[string]string{"naver": "400 unsupported_grant_type", "kakao": "400 unsupported_grant_type", "oidc": "400 unsupported_grant_type"}},
	} {
		for id, want := range tt.want {
			t.Run(id+" is asked with "+tt.name, func(t *testing.T) {
				s := build(t, config(id))
				code := codeOf(t, s, page[id], oauth2.S256ChallengeFromVerifier(verifier))
				form := url.Values{
					"grant_type": {"authorization_code"}, "client_id": {testClient}, "client_secret": {testSecret},
					"code": {code}, "redirect_uri": {testBack}, "code_verifier": {verifier},
				}
				form.Set(tt.key, tt.value)
				res := postForm(s, token[id], form)
				status, body, _ := strings.Cut(want, " ")
				if status != strconv.Itoa(res.status) || !strings.Contains(res.body, body) {
					t.Errorf("got %d %s, want %s", res.status, res.body, want)
				}
			})
		}
	}
}

// codeOf presses approve for the first person without a network.
func codeOf(t *testing.T, s *Sim, page, challenge string) string {
	t.Helper()
	form := url.Values{
		"client_id": {testClient}, "redirect_uri": {testBack}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s"}, "person": {"0"}, "approve": {"yes"},
	}
	if challenge != "" {
		form.Set("code_challenge", challenge)
		form.Set("code_challenge_method", "S256")
	}
	res := postForm(s, page, form)
	to, err := url.Parse(res.header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("got %d to %q, want a code", res.status, res.header.Get("Location"))
	}
	return to.Query().Get("code")
}

func TestAVerifierNobodyAnnouncedIsRefused(t *testing.T) {
	s := build(t, config("oidc"))
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {testClient}, "client_secret": {testSecret},
		"code": {codeOf(t, s, genericDoor, "")}, "redirect_uri": {testBack}, "code_verifier": {strings.Repeat("a", 43)},
	}
	if res := postForm(s, "/token", form); res.status != http.StatusBadRequest {
		t.Errorf("got %d, want 400", res.status)
	}
	form.Set("code", codeOf(t, s, genericDoor, ""))
	form.Del("code_verifier")
	if res := postForm(s, "/token", form); res.status != http.StatusOK {
		t.Errorf("got %d without PKCE on either side, want 200", res.status)
	}
}

func TestCodesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("oidc"))
		code := codeOf(t, s, genericDoor, "")
		time.Sleep(codeLife)
		res := postForm(s, "/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {testClient}, "client_secret": {testSecret},
			"code": {code}, "redirect_uri": {testBack},
		})
		if res.status != http.StatusBadRequest || !strings.Contains(res.body, "invalid_grant") {
			t.Errorf("got %d %s, want invalid_grant", res.status, res.body)
		}
	})
}

func TestABadAccessTokenIsWordedByTheVendor(t *testing.T) {
	for _, tt := range []struct{ id, path, want string }{
		{"naver", "/v1/nid/me", `"resultcode":"024"`},
		{"kakao", "/v2/user/me", `"code":-401`},
		{"kakao", "/v1/oidc/userinfo", `"code":-401`},
		{"oidc", "/userinfo", `"invalid_token"`},
	} {
		if res := get(build(t, config(tt.id)), tt.path); res.status != http.StatusUnauthorized || !strings.Contains(res.body, tt.want) {
			t.Errorf("%s %s: got %d %s, want 401 with %s", tt.id, tt.path, res.status, res.body, tt.want)
		}
	}
}

func TestMemoryIsBoundedWhateverComes(t *testing.T) {
	s := build(t, config("pass"))
	for range shelfLimit + 100 {
		s.pushes.begin(receipt(), 0, "t", "p", "n", time.Minute)
	}
	if got := s.pushes.kept.size(); got != shelfLimit {
		t.Errorf("got %d pushes kept, want %d", got, shelfLimit)
	}
}
