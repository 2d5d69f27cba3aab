package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sinho/signal"
)

// OIDCConfig is the organisation's own OpenID Provider, and who of its people
// may sign in: whoever is in one of the lists. One of them is needed.
type OIDCConfig struct {
	Name                           string // what the button says
	Issuer, ClientID, ClientSecret string
	Scopes                         []string // beside openid; nil: email and profile
	Subjects                       []string // exact
	Emails                         []string // verified ones, letters' case does not matter
	// Claim, of the ID token or else of userinfo, must be, or be a list with, one
	// of Values.
	Claim  string
	Values []string
	// Client reaches the provider; nil: one with a time-out of 5 s.
	Client *http.Client
}

// OIDC is a way to sign in. It finds the provider's metadata at its first use.
type OIDC struct {
	cfg      OIDCConfig
	redirect string

	mu       sync.Mutex // guards provider
	provider *oidc.Provider
}

// NewOIDC is one for the console at origin.
func NewOIDC(cfg OIDCConfig, origin string) (*OIDC, error) {
	if cfg.Issuer == "" || cfg.ClientID == "" {
		return nil, errors.New("console sign-in: issuer and client id are needed")
	}
	if len(cfg.Subjects)+len(cfg.Emails) == 0 && (cfg.Claim == "" || len(cfg.Values) == 0) {
		return nil, errors.New("console sign-in: nobody is allowed")
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Issuer
	}
	if cfg.Scopes == nil {
		cfg.Scopes = []string{"email", "profile"}
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 5 * time.Second}
	}
	return &OIDC{cfg: cfg, redirect: origin + "/callback"}, nil
}

// allows reports whether what let somebody in would still.
func (cfg OIDCConfig) allows(via string) bool {
	kind, value, _ := strings.Cut(via, " ")
	switch kind {
	case "sub":
		return slices.Contains(cfg.Subjects, value)
	case "email":
		return slices.ContainsFunc(cfg.Emails, func(e string) bool { return strings.EqualFold(e, value) })
	case "claim":
		return cfg.Claim != "" && slices.Contains(cfg.Values, value)
	}
	return false
}

// person of an ID token.
type person struct {
	Subject  string
	Email    string
	Verified bool
}

// admit says by what somebody may sign in, "" if by nothing, and what to call
// them.
func (cfg OIDCConfig) admit(p person, claims map[string]any) (via, by string) {
	by = p.Subject
	if p.Verified && p.Email != "" {
		by = p.Email
	}
	all := []string{"sub " + p.Subject}
	if p.Verified {
		all = append(all, "email "+p.Email)
	}
	if cfg.Claim != "" {
		for _, v := range textsOf(claims[cfg.Claim]) {
			all = append(all, "claim "+v)
		}
	}
	for _, v := range all {
		if cfg.allows(v) {
			return v, by
		}
	}
	return "", by
}

func textsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// client is the provider's metadata and our side of it. Metadata that cannot be
// had is asked for again at the next sign-in.
func (o *OIDC) client(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		// Keys are fetched later too, so the client is not this request's.
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.cfg.Client), o.cfg.Issuer)
		if err != nil {
			return nil, nil, err
		}
		o.provider = p
	}
	return o.provider, &oauth2.Config{
		ClientID: o.cfg.ClientID, ClientSecret: o.cfg.ClientSecret, Endpoint: o.provider.Endpoint(), RedirectURL: o.redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, o.cfg.Scopes...),
	}, nil
}

// voyage is a sign-in under way, in a sealed cookie.
type voyage struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
}

// voyageLimit is how long somebody may take at the provider.
const voyageLimit = 10 * time.Minute

// depart sends somebody to the organisation's provider. A page with a link
// follows, not a redirect: form-action would have to name every host the
// provider redirects to.
func (c *Console) depart(w http.ResponseWriter, r *http.Request) {
	o := c.cfg.Ways.OIDC
	if o == nil {
		c.problem(w, r, http.StatusNotFound, problemNotFound)
		return
	}
	if wait := c.limits.take(r.RemoteAddr); wait > 0 {
		c.tooMany(w, r, wait)
		return
	}
	_, client, err := o.client(r.Context())
	if err != nil {
		c.unreachable(w, r, err)
		return
	}
	t := voyage{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Next: ours(r.FormValue("next"))}
	body, err := json.Marshal(t)
	if err != nil {
		c.problem(w, r, http.StatusInternalServerError, problemInternal)
		return
	}
	end := c.cfg.Now().Add(voyageLimit)
	sealed, err := c.trips.Seal(body, end)
	if err != nil {
		c.problem(w, r, http.StatusInternalServerError, problemInternal)
		return
	}
	c.setCookie(w, "console-oidc", sealed, end)
	to := client.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier))
	// Refresh is a navigation of its own: form-action does not judge it.
	w.Header().Set("Refresh", "0; url="+to)
	c.render(w, "problem", http.StatusOK, problemView{frame: c.frame(r, visitor{}, "", "이동 중", "Going on"), To: to, trouble: trouble{
		What: signal.Text{KO: o.cfg.Name + " 로그인으로 갑니다", EN: "Going to " + o.cfg.Name},
		Do:   signal.Text{KO: "화면이 넘어가지 않으면 아래를 눌러 주세요.", EN: "If nothing happens, press below."},
	}})
}

// arrive takes somebody who comes back.
func (c *Console) arrive(w http.ResponseWriter, r *http.Request) {
	o := c.cfg.Ways.OIDC
	if o == nil {
		c.problem(w, r, http.StatusNotFound, problemNotFound)
		return
	}
	var t voyage
	cookie, err := r.Cookie(c.cookieName("console-oidc"))
	if err == nil {
		var body []byte
		if body, err = c.trips.Open(cookie.Value, c.cfg.Now()); err == nil {
			err = json.Unmarshal(body, &t)
		}
	}
	c.setCookie(w, "console-oidc", "", time.Time{})
	q := r.URL.Query()
	switch {
	case err != nil || q.Get("state") == "" || q.Get("state") != t.State:
		c.showSignIn(w, r, http.StatusBadRequest, &signal.Text{KO: "시작한 로그인과 맞지 않거나 시간이 지났습니다. 다시 시작해 주세요.", EN: "This is not the sign-in that was begun, or it took too long. Please begin again."})
		return
	case q.Get("error") != "":
		c.showSignIn(w, r, http.StatusUnauthorized, &signal.Text{KO: "로그인을 마치지 않고 돌아왔습니다.", EN: "You came back without signing in."})
		return
	}
	p, claims, err := o.redeem(r.Context(), q, t)
	if err != nil {
		c.unreachable(w, r, err)
		return
	}
	via, by := o.cfg.admit(p, claims)
	if via == "" {
		c.refuse(w, r, "", byOIDC)
		return
	}
	if err := c.enter(w, r, by, byOIDC, via, t.Next); err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "console sign-in", "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
	}
}

func (c *Console) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	c.cfg.Log.ErrorContext(r.Context(), "console sign-in at the organisation's provider", "error", err)
	c.showSignIn(w, r, http.StatusBadGateway, &signal.Text{KO: "조직의 로그인 서버와 확인을 마치지 못했습니다. 로그에 이유가 있습니다.", EN: "The organisation's provider did not confirm the sign-in. The log says why."})
}

// redeem exchanges the code and checks the ID token.
func (o *OIDC) redeem(ctx context.Context, q map[string][]string, t voyage) (p person, claims map[string]any, err error) {
	provider, client, err := o.client(ctx)
	if err != nil {
		return p, nil, err
	}
	code := ""
	if all := q["code"]; len(all) == 1 {
		code = all[0]
	}
	if iss := q["iss"]; len(iss) > 0 && iss[0] != o.cfg.Issuer { // RFC 9207
		return p, nil, fmt.Errorf("the answer is from %q", iss[0])
	}
	ctx = oidc.ClientContext(ctx, o.cfg.Client)
	tokens, err := client.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return p, nil, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: o.cfg.ClientID}).Verify(ctx, raw)
	if err != nil {
		return p, nil, err
	}
	if token.Nonce != t.Nonce {
		return p, nil, errors.New("the ID token is for another sign-in")
	}
	if err := token.Claims(&claims); err != nil {
		return p, nil, err
	}
	if via, _ := o.cfg.admit(personOf(claims), claims); via == "" && provider.UserInfoEndpoint() != "" {
		// Many providers tell addresses and groups there alone.
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return p, nil, err
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return p, nil, err
		}
		if info.Subject != token.Subject {
			return p, nil, errors.New("userinfo is about somebody else")
		}
		for name, v := range more {
			if _, told := claims[name]; !told {
				claims[name] = v
			}
		}
	}
	return personOf(claims), claims, nil
}

// personOf reads claims; a value of another type is as if it were not there.
func personOf(claims map[string]any) (p person) {
	p.Subject, _ = claims["sub"].(string)
	p.Email, _ = claims["email"].(string)
	p.Verified, _ = claims["email_verified"].(bool)
	return p
}
