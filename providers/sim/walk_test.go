package sim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// walker is a plain OpenID Connect client on public libraries.
type walker struct {
	t        *testing.T
	sim      *Sim
	http     *http.Client
	provider *oidc.Provider
	oauth    oauth2.Config
	verifier string
}

func newWalker(t *testing.T, cfg Config, scopes ...string) *walker {
	t.Helper()
	s, client := start(t, cfg)
	w := &walker{t: t, sim: s, http: client, verifier: oauth2.GenerateVerifier()}
	p, err := oidc.NewProvider(w.ctx(), s.cfg.Base)
	if err != nil {
		t.Fatalf("discover: %v", err)
	}
	w.provider = p
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	w.oauth = oauth2.Config{
		ClientID: testClient, ClientSecret: testSecret, Endpoint: endpoint,
		RedirectURL: testBack, Scopes: append([]string{"openid"}, scopes...),
	}
	return w
}

func (w *walker) ctx() context.Context { return oidc.ClientContext(w.t.Context(), w.http) }

// approve asks for the page, presses a button for a person and gives the
// parameters that come back.
func (w *walker) press(button, person string, opts ...oauth2.AuthCodeOption) url.Values {
	w.t.Helper()
	opts = append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(w.verifier), oidc.Nonce("n-1")}, opts...)
	return w.answer(button, person, w.oauth.AuthCodeURL("st ate&1", opts...))
}

func (w *walker) answer(button, person, at string) url.Values {
	w.t.Helper()
	resp, err := w.http.Get(at)
	if err != nil {
		w.t.Fatalf("page: %v", err)
	}
	page := read(w.t, resp)
	if resp.StatusCode == http.StatusSeeOther {
		return back(w.t, resp)
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, `id="approve"`) || !strings.Contains(page, "신호") {
		w.t.Fatalf("got page %d %s, want it to ask for the client", resp.StatusCode, page)
	}
	asked, err := url.Parse(at)
	if err != nil {
		w.t.Fatal(err)
	}
	form := asked.Query() // what the hidden fields carry
	form.Set("person", person)
	form.Set(button, "yes")
	resp, err = w.http.PostForm(w.sim.cfg.Base+asked.Path, form)
	if err != nil {
		w.t.Fatalf("press %s: %v", button, err)
	}
	defer resp.Body.Close()
	return back(w.t, resp)
}

// back gives the parameters of a redirect to the client.
func back(t *testing.T, resp *http.Response) url.Values {
	t.Helper()
	to, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("got %d, %v, want a redirect", resp.StatusCode, err)
	}
	if !strings.HasPrefix(to.String(), testBack+"?") {
		t.Fatalf("got a redirect to %s, want %s", to, testBack)
	}
	return to.Query()
}

func (w *walker) exchange(code string, opts ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
	return w.oauth.Exchange(w.ctx(), code, append([]oauth2.AuthCodeOption{oauth2.VerifierOption(w.verifier)}, opts...)...)
}

func (w *walker) userinfo(access string) map[string]any {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.provider.UserInfoEndpoint(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.call(r, access)
}

func (w *walker) call(r *http.Request, access string) map[string]any {
	w.t.Helper()
	r.Header.Set("Authorization", "Bearer "+access)
	resp, err := w.http.Do(r)
	if err != nil {
		w.t.Fatalf("call: %v", err)
	}
	var claims map[string]any
	dec := json.NewDecoder(strings.NewReader(read(w.t, resp)))
	dec.UseNumber()
	if err := dec.Decode(&claims); err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("got %d, %v, want claims", resp.StatusCode, err)
	}
	return claims
}

func (w *walker) get(path, access string) map[string]any {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.sim.cfg.Base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.call(r, access)
}

func TestEachRedirectSimulatorWalksWithAPublicClient(t *testing.T) {
	for _, tt := range []struct {
		id, alg       string
		iss, authTime bool
	}{
		{"naver", "RS256", false, false},
		{"kakao", "RS256", false, true},
		{"oidc", "ES256", true, true},
	} {
		t.Run(tt.id, func(t *testing.T) {
			w := newWalker(t, config(tt.id))
			begun := time.Now().Add(-time.Second)
			params := w.press("approve", "2")
			if params.Get("state") != "st ate&1" {
				t.Errorf("got state %q, want it unchanged", params.Get("state"))
			}
			if got := params.Get("iss") != ""; got != tt.iss {
				t.Errorf("got iss %q, want it: %t", params.Get("iss"), tt.iss)
			}
			tok, err := w.exchange(params.Get("code"))
			if err != nil {
				t.Fatalf("exchange: %v", err)
			}
			raw, _ := tok.Extra("id_token").(string)
			id, err := w.provider.VerifierContext(w.ctx(), &oidc.Config{
				ClientID: testClient, SupportedSigningAlgs: []string{tt.alg},
			}).Verify(w.ctx(), raw)
			if err != nil {
				t.Fatalf("verify: %v", err)
			}
			var claims struct {
				AuthTime int64  `json:"auth_time"`
				AtHash   string `json:"at_hash"`
			}
			if err := id.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			if id.Nonce != "n-1" || id.Subject == "" {
				t.Errorf("got nonce %q and sub %q, want n-1 and one", id.Nonce, id.Subject)
			}
			if at := time.Unix(claims.AuthTime, 0); tt.authTime != at.After(begun.Add(-time.Second)) {
				t.Errorf("got auth_time %v, want it: %t", at, tt.authTime)
			}
			if claims.AtHash != "" {
				if err := id.VerifyAccessToken(tok.AccessToken); err != nil {
					t.Errorf("at_hash: %v", err)
				}
			}
			if _, err := w.exchange(params.Get("code")); err == nil {
				t.Error("got a token for a used code, want a refusal")
			}
			info := w.userinfo(tok.AccessToken)
			if tt.id == "naver" {
				info, _ = info["response"].(map[string]any)
				info["sub"] = info["id"]
			}
			if info["sub"] != id.Subject {
				t.Errorf("got userinfo of %v, want %s", info["sub"], id.Subject)
			}
		})
	}
}

func TestTheSameOrAnotherPersonIsTheSameOrAnotherSubject(t *testing.T) {
	for _, id := range []string{"naver", "kakao", "oidc"} {
		w := newWalker(t, config(id))
		var subs []string
		for _, person := range []string{"0", "0", "1"} {
			tok, err := w.exchange(w.press("approve", person).Get("code"))
			if err != nil {
				t.Fatalf("%s: exchange: %v", id, err)
			}
			raw, _ := tok.Extra("id_token").(string)
			tkn, err := w.provider.Verifier(&oidc.Config{ClientID: testClient}).Verify(w.ctx(), raw)
			if err != nil {
				t.Fatalf("%s: verify: %v", id, err)
			}
			subs = append(subs, tkn.Subject)
		}
		if subs[0] != subs[1] || subs[0] == subs[2] {
			t.Errorf("%s: got subjects %v, want one person twice and another", id, subs)
		}
	}
}

func TestTheOIDCSimulatorTakesBothWaysOfClientAuthentication(t *testing.T) {
	w := newWalker(t, config("oidc"))
	w.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if _, err := w.exchange(w.press("approve", "0").Get("code")); err != nil {
		t.Errorf("basic: %v", err)
	}
	w.oauth.ClientSecret = "wrong"
	if _, err := w.exchange(w.press("approve", "0").Get("code")); err == nil {
		t.Error("got a token for a wrong secret, want a refusal")
	}
}

// What happens to a library that tries Basic first: Naver has spent the code.
func TestNaverSpendsTheCodeBeforeItLooksAtTheClient(t *testing.T) {
	w := newWalker(t, config("naver"))
	code := w.press("approve", "0").Get("code")
	w.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if _, err := w.exchange(code); err == nil {
		t.Fatal("got a token by Basic, want a refusal")
	}
	w.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if _, err := w.exchange(code); err == nil {
		t.Error("got a token for a code that was spent, want a refusal")
	}
}

func TestALoginIsFreshAndSaysWhen(t *testing.T) {
	w := newWalker(t, config("oidc"))
	if got := w.press("approve", "0", oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0")); got.Get("code") == "" {
		t.Errorf("got %v for prompt=login and max_age=0, want a code after the page", got)
	}
	for name, tt := range map[string]struct{ key, value, want string }{
		"prompt=none":        {"prompt", "none", "login_required"},
		"an unknown prompt":  {"prompt", "login dance", "invalid_request"},
		"a negative max_age": {"max_age", "-1", "invalid_request"},
		"max_age in words":   {"max_age", "soon", "invalid_request"},
		"a request object":   {"request", "e30.e30.", "request_not_supported"},
		"a request by URI":   {"request_uri", "urn:x", "request_uri_not_supported"},
		"form_post":          {"response_mode", "form_post", "invalid_request"},
		"PKCE plain":         {"code_challenge_method", "plain", "invalid_request"},
		"a short challenge":  {"code_challenge", "abc", "invalid_request"},
		"an implicit flow":   {"response_type", "id_token", "unsupported_response_type"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.press("approve", "0", oauth2.SetAuthURLParam(tt.key, tt.value))
			if got.Get("error") != tt.want || got.Get("state") != "st ate&1" || got.Get("iss") != w.sim.cfg.Base || got.Has("code") {
				t.Errorf("got %v, want error %s with state and iss", got, tt.want)
			}
		})
	}
}

func TestSayingNoGoesBackWithAccessDenied(t *testing.T) {
	for _, id := range []string{"naver", "kakao", "oidc"} {
		w := newWalker(t, config(id))
		if got := w.press("cancel", "0"); got.Get("error") != "access_denied" || got.Get("state") == "" || got.Has("code") {
			t.Errorf("%s: got %v after cancel, want access_denied", id, got)
		}
		control(t, w.sim, `{"approve":"reject"}`)
		if got := w.press("approve", "0"); got.Get("error") != "access_denied" || got.Has("code") {
			t.Errorf("%s: got %v under reject, want access_denied", id, got)
		}
		control(t, w.sim, `{"approve":"manual"}`)
		if got := w.press("approve", "0"); !got.Has("code") {
			t.Errorf("%s: got %v under manual, want a code", id, got)
		}
	}
}

func TestNaverLegacyAnswersErrorsWith200(t *testing.T) {
	w := newWalker(t, config("naver"))
	at := w.sim.cfg.Base + naverPlain + "?" + url.Values{
		"client_id": {testClient}, "redirect_uri": {testBack}, "response_type": {"code"}, "state": {"s"},
	}.Encode()
	code := w.answer("approve", "0", at).Get("code")
	good := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {testClient}, "client_secret": {testSecret}, "code": {code}, "state": {"s"},
	}
	call := func(form url.Values) map[string]any {
		t.Helper()
		resp, err := w.http.Get(w.sim.cfg.Base + "/oauth2.0/token?" + form.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		if err := json.Unmarshal([]byte(read(t, resp)), &answer); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d, %v, want 200 with JSON", resp.StatusCode, err)
		}
		return answer
	}
	answer := call(good)
	if life, _ := answer["expires_in"].(string); life != "3600" || answer["access_token"] == nil || answer["id_token"] != nil {
		t.Errorf("got %v, want tokens, expires_in as a string and no ID token", answer)
	}
	if again := call(good); again["error"] != "invalid_request" || again["error_description"] != "no valid data in session" {
		t.Errorf("got %v for a used code, want invalid_request", again)
	}
	refresh, _ := answer["refresh_token"].(string)
	renewed := call(url.Values{"grant_type": {"refresh_token"}, "client_id": {testClient}, "client_secret": {testSecret}, "refresh_token": {refresh}})
	if access, _ := renewed["access_token"].(string); w.get("/v1/nid/me", access)["resultcode"] != "00" {
		t.Errorf("got %v, want a token that opens the profile", renewed)
	}
	// A code of one path is not one of the other.
	if _, err := w.exchange(w.answer("approve", "0", at).Get("code")); err == nil {
		t.Error("got tokens for a legacy code at the OpenID Connect path, want a refusal")
	}
}
