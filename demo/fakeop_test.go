package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// world is a network in memory: hosts by name.
type world map[string]http.Handler

func (w world) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := w[r.URL.Host]
	if !ok {
		return nil, fmt.Errorf("no host %s", r.URL.Host)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	done := make(chan *http.Response, 1)
	go func() {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		resp := rec.Result()
		resp.Request = r
		done <- resp
	}()
	select {
	case resp := <-done:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// fakeOP is a minimal OpenID Provider with a chooser of its own.
type fakeOP struct {
	t      *testing.T
	issuer string
	secret string
	routes []string // providers on the chooser
	idp    string   // origin of the providers' pages
	now    func() time.Time
	signer jose.Signer
	key    *ecdsa.PrivateKey

	mu sync.Mutex // guards all below
	// bend changes the ID token's claims before signing.
	bend     func(map[string]any)
	codes    map[string]url.Values // code to authorization request
	fail     string                // error sent back instead of a code
	notices  int                   // how many choices come back with a notice
	seen     []url.Values          // authorization requests
	logouts  []url.Values
	authTime time.Time
	away     bool // discovery answers 503
}

func newFakeOP(t *testing.T, issuer string) *fakeOP {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeOP{
		t: t, issuer: issuer, secret: "s3cret", routes: []string{"kakao", "naver"}, idp: "http://idp.test",
		now: time.Now, signer: signer, key: key, codes: map[string]url.Values{},
	}
}

// with changes settings while requests may be running.
func (o *fakeOP) with(f func(*fakeOP)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
}

func (o *fakeOP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		if o.away {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		reply(w, map[string]any{
			"issuer": o.issuer, "authorization_endpoint": o.issuer + "/authorize", "token_endpoint": o.issuer + "/token",
			"userinfo_endpoint": o.issuer + "/userinfo", "jwks_uri": o.issuer + "/jwks", "end_session_endpoint": o.issuer + "/logout",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case "/jwks":
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	case "/authorize":
		o.seen = append(o.seen, r.Form)
		http.Redirect(w, r, "/login?r="+url.QueryEscape(r.Form.Encode()), http.StatusSeeOther)
	case "/login":
		o.chooser(w, r)
	case "/token":
		o.token(w, r)
	case "/userinfo":
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer at-") {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		reply(w, map[string]any{"sub": "person-1", "name": "홍길동", "birthdate": "1990-05-12", "assurance": "verified"})
	case "/logout":
		o.logouts = append(o.logouts, r.Form)
		http.Redirect(w, r, r.Form.Get("post_logout_redirect_uri"), http.StatusSeeOther)
	default:
		if provider, ok := strings.CutPrefix(r.URL.Path, "/login/"); ok {
			http.Redirect(w, r, o.idp+"/"+provider+"?r="+url.QueryEscape(r.Form.Get("r")), http.StatusSeeOther)
			return
		}
		if provider, ok := strings.CutPrefix(r.URL.Path, "/callback/"); ok {
			o.callback(w, r, provider)
			return
		}
		http.NotFound(w, r)
	}
}

func (o *fakeOP) chooser(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, p := range o.routes {
		fmt.Fprintf(w, `<form method="post" action="/login/%s"><input type="hidden" name="r" value="%s"><button id="login-%s">%s</button></form>`,
			p, html.EscapeString(r.Form.Get("r")), p, p)
	}
}

func (o *fakeOP) callback(w http.ResponseWriter, r *http.Request, provider string) {
	if o.notices > 0 {
		o.notices--
		http.Redirect(w, r, "/login?notice=failed&from="+provider+"&r="+url.QueryEscape(r.Form.Get("r")), http.StatusSeeOther)
		return
	}
	ask, err := url.ParseQuery(r.Form.Get("r"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {ask.Get("state")}, "iss": {o.issuer}}
	if o.fail != "" {
		back.Set("error", o.fail)
	} else {
		code := rand.Text()
		o.codes[code] = ask
		back.Set("code", code)
	}
	http.Redirect(w, r, ask.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (o *fakeOP) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	ask, known := o.codes[r.Form.Get("code")]
	delete(o.codes, r.Form.Get("code"))
	sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	if !known || secret != o.secret || ask.Get("client_id") != id ||
		ask.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || ask.Get("redirect_uri") != r.Form.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, map[string]string{"error": "invalid_grant"})
		return
	}
	at := o.authTime
	if at.IsZero() {
		at = o.now()
	}
	c := map[string]any{
		"iss": o.issuer, "sub": "person-1", "aud": id, "exp": o.now().Add(time.Minute).Unix(), "iat": o.now().Unix(),
		"auth_time": at.Unix(), "nonce": ask.Get("nonce"), "acr": "urn:sinho:acr:verified",
	}
	if o.bend != nil {
		o.bend(c)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		o.t.Error(err)
	}
	signed, err := o.signer.Sign(payload)
	if err != nil {
		o.t.Error(err)
		return
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		o.t.Error(err)
	}
	reply(w, map[string]any{"access_token": "at-" + rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": compact})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// fakeIDP is every provider's page: approve leads to the OP's callback. Paths
// in hang never answer.
func fakeIDP(op string, hang ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		provider := strings.TrimPrefix(r.URL.Path, "/")
		if slices.Contains(hang, provider) {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<form action="%s/callback/%s"><input type="hidden" name="r" value="%s"><button id="approve">ok</button><button name="cancel" value="1">no</button></form>`,
			op, provider, html.EscapeString(r.URL.Query().Get("r")))
	})
}
