package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// askedForFloor, when set, makes this test binary the floor: the least that can
// be called a broker, as a peer that is measured in the same run. It keeps
// everything in memory, believes everybody, seals nothing and has no lights. Its
// value is its own address, its issuer, the provider and the secret.
const askedForFloor = "SINHO_TEST_FLOOR"

// floor is the skeleton: one public client, one provider, real token exchange,
// verified ID token, userinfo, ES256.
type floor struct {
	issuer   string
	oauth    oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	client   *http.Client
	key      *ecdsa.PrivateKey
	signer   jose.Signer

	mu    sync.Mutex // guards what follows
	asked map[string]*journey
	codes map[string]*journey
	given map[string][]byte
}

type journey struct {
	ask      url.Values
	verifier string
	claims   map[string]any
}

func runFloor(spec string) error {
	parts := strings.Split(spec, " ")
	pool := &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 128}
	f := &floor{
		issuer: parts[1], client: &http.Client{Transport: pool},
		asked: map[string]*journey{}, codes: map[string]*journey{}, given: map[string][]byte{},
	}
	ctx := oidc.ClientContext(context.Background(), f.client)
	var err error
	if f.provider, err = oidc.NewProvider(ctx, parts[2]); err != nil {
		return err
	}
	f.verifier = f.provider.Verifier(&oidc.Config{ClientID: "sinho"})
	f.oauth = oauth2.Config{
		ClientID: "sinho", ClientSecret: parts[3], Endpoint: f.provider.Endpoint(), RedirectURL: f.issuer + "/callback/oidc",
		Scopes: []string{"openid", "profile", "email", "phone"},
	}
	if f.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	signing := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: f.key, KeyID: "k"}}
	if f.signer, err = jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT")); err != nil {
		return err
	}
	l, err := net.Listen("tcp", parts[0])
	if err != nil {
		return err
	}
	fmt.Println("ready", parts[1])
	return http.Serve(l, f)
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		f.send(w, map[string]any{
			"issuer": f.issuer, "authorization_endpoint": f.issuer + "/authorize", "token_endpoint": f.issuer + "/token",
			"userinfo_endpoint": f.issuer + "/userinfo", "jwks_uri": f.issuer + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case "/jwks":
		f.send(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case "/authorize":
		id := rand.Text()
		f.put(f.asked, id, &journey{ask: r.URL.Query(), verifier: oauth2.GenerateVerifier()})
		http.Redirect(w, r, "/login?r="+id, http.StatusSeeOther)
	case "/login":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><form method="post" action="/login/oidc"><input type="hidden" name="r" value="%s"><button id="login-oidc">oidc</button></form>`,
			html.EscapeString(r.URL.Query().Get("r")))
	case "/login/oidc":
		id := r.PostFormValue("r")
		if j := f.get(f.asked, id, false); j != nil {
			http.Redirect(w, r, f.oauth.AuthCodeURL(id, oauth2.S256ChallengeOption(j.verifier), oidc.Nonce(id)), http.StatusSeeOther)
			return
		}
		http.Error(w, "nobody asked", http.StatusBadRequest)
	case "/callback/oidc":
		f.callback(w, r)
	case "/token":
		f.token(w, r)
	case "/userinfo":
		f.mu.Lock()
		body := f.given[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	default:
		http.NotFound(w, r)
	}
}

func (f *floor) put(in map[string]*journey, id string, j *journey) {
	f.mu.Lock()
	in[id] = j
	f.mu.Unlock()
}

func (f *floor) get(in map[string]*journey, id string, once bool) *journey {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := in[id]
	if once {
		delete(in, id)
	}
	return j
}

func (f *floor) callback(w http.ResponseWriter, r *http.Request) {
	ctx := oidc.ClientContext(r.Context(), f.client)
	id := r.URL.Query().Get("state")
	j := f.get(f.asked, id, true)
	if j == nil {
		http.Error(w, "nobody asked", http.StatusBadRequest)
		return
	}
	tokens, err := f.oauth.Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(j.verifier))
	if err == nil {
		raw, _ := tokens.Extra("id_token").(string)
		var who *oidc.IDToken
		if who, err = f.verifier.Verify(ctx, raw); err == nil && who.Nonce != id {
			err = fmt.Errorf("another nonce")
		}
	}
	if err == nil {
		var info *oidc.UserInfo
		if info, err = f.provider.UserInfo(ctx, f.oauth.TokenSource(ctx, tokens)); err == nil {
			err = info.Claims(&j.claims)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	code := rand.Text()
	f.put(f.codes, code, j)
	back := url.Values{"code": {code}, "state": {j.ask.Get("state")}, "iss": {f.issuer}}
	http.Redirect(w, r, j.ask.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (f *floor) token(w http.ResponseWriter, r *http.Request) {
	j := f.get(f.codes, r.PostFormValue("code"), true)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if j == nil || j.ask.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now, access := time.Now().Unix(), rand.Text()
	payload, err := json.Marshal(map[string]any{
		"iss": f.issuer, "sub": j.claims["sub"], "aud": j.ask.Get("client_id"), "nonce": j.ask.Get("nonce"), "exp": now + 3600, "iat": now,
	})
	if err == nil {
		var signed *jose.JSONWebSignature
		if signed, err = f.signer.Sign(payload); err == nil {
			var info, id []byte
			info, err = json.Marshal(j.claims)
			compact, _ := signed.CompactSerialize()
			id = []byte(compact)
			f.mu.Lock()
			f.given[access] = info
			f.mu.Unlock()
			f.send(w, map[string]any{"access_token": access, "token_type": "Bearer", "id_token": string(id), "expires_in": 600})
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f *floor) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may have gone
}

// floor starts the skeleton where the broker would be.
func (a *apart) floor(t *testing.T) *process {
	t.Helper()
	secret, err := os.ReadFile(a.dir + "/secret")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := fmt.Sprintf("127.0.0.1:%d %s http://localhost:%d %s", a.base, a.issuer, a.base+simAt["oidc"], strings.TrimSpace(string(secret)))
	return launch(t, []string{askedForFloor + "=" + spec}, "ready ", program)
}
