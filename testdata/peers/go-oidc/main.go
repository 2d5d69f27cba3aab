// A small site that logs people in with go-oidc and x/oauth2. docs/integrate
// shows its parts; ./peers runs it. Sessions are in memory: fine for one
// process.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// region: configure

// party is this site as the broker knows it.
type party struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	config   oauth2.Config
	issuer   string
	site     string
}

func newParty(ctx context.Context, issuer, clientID, secret, site string, scopes ...string) (*party, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // client_secret_basic
	if secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client
	}
	return &party{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: clientID}),
		config: oauth2.Config{
			ClientID: clientID, ClientSecret: secret, Endpoint: endpoint,
			RedirectURL: site + "/callback", Scopes: scopes,
		},
		issuer: issuer, site: site,
	}, nil
}

// endregion

// region: login

// pending is what a session keeps until the person is back.
type pending struct{ state, nonce, verifier string }

// login is where to send somebody.
func (p *party) login(query url.Values) (string, *pending) {
	now := &pending{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(now.nonce), oauth2.S256ChallengeOption(now.verifier)}
	// What a page of ours may ask for by its link, and nothing else of it.
	for _, name := range []string{"prompt", "max_age", "acr_values"} {
		if query.Has(name) {
			options = append(options, oauth2.SetAuthURLParam(name, query.Get(name)))
		}
	}
	return p.config.AuthCodeURL(now.state, options...), now
}

// endregion

// region: callback

// person is somebody who has logged in.
type person struct {
	Claims   json.RawMessage `json:"claims"`
	Userinfo json.RawMessage `json:"userinfo"`
	tokens   *oauth2.Token
	idToken  string // for the logout
}

// callback checks the answer in query against what its question left behind.
func (p *party) callback(ctx context.Context, query url.Values, was *pending) (*person, error) {
	switch {
	case was == nil || query.Get("state") != was.state:
		return nil, errors.New("state is not the one of this session")
	case query.Get("iss") != p.issuer: // go-oidc leaves RFC 9207 to you
		return nil, errors.New("iss: this answer is not of our broker")
	case query.Get("error") != "":
		return nil, fmt.Errorf("%s: %s", query.Get("error"), query.Get("error_description"))
	}
	tokens, err := p.config.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(was.verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != was.nonce {
		return nil, errors.New("nonce is not the one of this session")
	}
	if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
		return nil, err
	}
	who := &person{tokens: tokens, idToken: raw}
	if err := idToken.Claims(&who.Claims); err != nil {
		return nil, err
	}
	if err := p.ask(ctx, who, idToken.Subject); err != nil {
		return nil, err
	}
	return who, nil
}

// ask fetches userinfo, which must be about the person of the ID token.
func (p *party) ask(ctx context.Context, who *person, subject string) error {
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(who.tokens))
	if err != nil {
		return err
	}
	if info.Subject != subject {
		return errors.New("userinfo is about somebody else")
	}
	return info.Claims(&who.Userinfo)
}

// endregion

// region: refresh

func (p *party) refresh(ctx context.Context, who *person) error {
	old := &oauth2.Token{RefreshToken: who.tokens.RefreshToken}
	tokens, err := p.config.TokenSource(ctx, old).Token() // with the refresh token to use next
	if err != nil {
		return err
	}
	who.tokens = tokens
	if raw, ok := tokens.Extra("id_token").(string); ok {
		idToken, err := p.verifier.Verify(ctx, raw)
		if err != nil {
			return err
		}
		if err := idToken.Claims(&who.Claims); err != nil {
			return err
		}
	}
	var was struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(who.Claims, &was); err != nil {
		return err
	}
	return p.ask(ctx, who, was.Subject)
}

// endregion

// region: logout

func (p *party) logout(who *person) (string, error) {
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := p.provider.Claims(&metadata); err != nil {
		return "", err
	}
	return metadata.EndSession + "?" + url.Values{
		"id_token_hint":            {who.idToken},
		"post_logout_redirect_uri": {p.site + "/"},
	}.Encode(), nil
}

// endregion

// What follows has nothing to do with OpenID Connect: cookies, routes, pages.

type session struct {
	pending *pending
	person  *person
}

type site struct {
	*party
	cookie string

	mu       sync.Mutex // guards sessions
	sessions map[string]*session
}

func (s *site) session(r *http.Request) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(s.cookie); err == nil && s.sessions[c.Value] != nil {
		return *s.sessions[c.Value]
	}
	return session{}
}

// keep puts a session behind a new cookie: nobody can have prepared it.
func (s *site) keep(w http.ResponseWriter, r *http.Request, one session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(s.cookie); err == nil {
		delete(s.sessions, c.Value)
	}
	id := rand.Text()
	s.sessions[id] = &one
	http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (s *site) answer(w http.ResponseWriter, r *http.Request) (to string, err error) {
	one := s.session(r)
	switch r.Method + " " + r.URL.Path {
	case "GET /login":
		to, one.pending = s.login(r.URL.Query())
		s.keep(w, r, one)
		return to, nil
	case "GET /callback":
		who, err := s.callback(r.Context(), r.URL.Query(), one.pending)
		s.keep(w, r, session{person: who}) // without pending: one answer for one question
		return "/", err
	}
	if one.person == nil {
		return "/", nil
	}
	if r.URL.Path == "/refresh" {
		return "/", s.refresh(r.Context(), one.person)
	}
	s.keep(w, r, session{})
	return s.logout(one.person)
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/" {
		page(w, s.session(r).person)
		return
	}
	to, err := s.answer(w, r)
	if err != nil {
		log.Printf("login failed: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		page(w, nil)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func page(w http.ResponseWriter, who *person) {
	fmt.Fprint(w, `<!doctype html><title>site</title><form id="login" action="/login"><button>login</button></form>`)
	if who == nil {
		return
	}
	text, err := json.Marshal(who)
	if err != nil {
		log.Print(err)
	}
	fmt.Fprintf(w, `<pre id="person">%s</pre>
<form id="refresh" method="post" action="/refresh"><button>refresh</button></form>
<form id="logout" method="post" action="/logout"><button>logout</button></form>`, html.EscapeString(string(text)))
}

func main() {
	port, scope := os.Getenv("PORT"), os.Getenv("SCOPE")
	if port == "" {
		port = "3000"
	}
	if scope == "" {
		scope = "openid profile email"
	}
	p, err := newParty(context.Background(), os.Getenv("ISSUER"), os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"),
		"http://localhost:"+port, strings.Fields(scope)...)
	if err != nil {
		log.Fatal(err)
	}
	s := &site{party: p, cookie: "site-" + port, sessions: map[string]*session{}}
	http.Handle("/", s)
	fmt.Println("ready http://localhost:" + port)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
