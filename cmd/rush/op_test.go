package main

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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fakeOP is a small broker: kakao is a redirect, pass a push that is approved
// at the second look. It keeps nothing but codes.
type fakeOP struct {
	t      *testing.T
	url    string
	idp    string
	signer jose.Signer
	key    *ecdsa.PrivateKey

	mu    sync.Mutex            // guards the rest
	codes map[string]url.Values // by code, the authorization request
	looks map[string]int        // at a push, by its request
	// What goes wrong, by name; see the tests.
	fault string
	// again is how many callbacks lead to the provider once more.
	again int
	// notices is how many choices come back to the chooser.
	notices int
	// gone is how many answers are a balancer's 502, at gonePath.
	gone     int
	gonePath string
	typed    []url.Values // push forms
	served   int
	shown    int     // pages of the provider
	room     *opRoom // nil: there is no waiting room
}

// startOP starts a broker and a provider, which are two origins.
func startOP(t *testing.T) *fakeOP {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &fakeOP{t: t, signer: signer, key: key, codes: map[string]url.Values{}, looks: map[string]int{}}
	op, idp := httptest.NewServer(o), httptest.NewServer(http.HandlerFunc(o.provider))
	t.Cleanup(op.Close)
	t.Cleanup(idp.Close)
	o.url, o.idp = op.URL, idp.URL
	return o
}

func (o *fakeOP) breakWith(fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = fault
}

func (o *fakeOP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.served++
	_ = r.ParseForm()
	sealed := r.Form.Get("r")
	switch path := r.URL.Path; {
	case o.room != nil && o.room.serve(w, r):
	case o.gone > 0 && path == o.gonePath:
		o.gone--
		trouble(w, http.StatusBadGateway, "<h1>Bad Gateway</h1>")
	case path == "/.well-known/openid-configuration":
		send(w, map[string]any{
			"issuer": o.url, "authorization_endpoint": o.url + "/authorize", "token_endpoint": o.url + "/token",
			"userinfo_endpoint": o.url + "/userinfo", "jwks_uri": o.url + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case path == "/jwks":
		send(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case path == "/authorize":
		if r.Form.Get("client_id") != "playground" {
			trouble(w, http.StatusBadRequest, `<h1>등록되지 않은 사이트</h1><pre><code>client_id registered: &#34;no such client&#34;</code></pre>`)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "1", Path: "/", HttpOnly: true, MaxAge: 60})
		http.Redirect(w, r, "/login?r="+url.QueryEscape(r.Form.Encode()), http.StatusSeeOther)
	case path == "/login":
		o.chooser(w, r)
	case strings.HasPrefix(path, "/login/"):
		o.begin(w, r, strings.TrimPrefix(path, "/login/"))
	case path == "/wait/1":
		if o.looks[sealed]++; o.looks[sealed] < 3 {
			page(w, `<noscript><meta http-equiv="refresh" content="0.01"></noscript><form method=post action=/wait/1/leave><button>leave</button></form>`)
			return
		}
		o.answer(w, r, sealed)
	case path == "/callback/kakao" && o.fault == "kakao fails":
		http.Redirect(w, r, "/login?notice=failed&from=kakao&r="+url.QueryEscape(sealed), http.StatusSeeOther)
	case path == "/callback/kakao" && o.again > 0:
		o.again--
		http.Redirect(w, r, o.idp+"/authorize?r="+url.QueryEscape(sealed), http.StatusSeeOther)
	case path == "/callback/kakao" && o.room != nil && !o.room.spend(w, r):
	case path == "/callback/kakao":
		o.answer(w, r, sealed)
	case path == "/token":
		o.token(w, r)
	case path == "/userinfo":
		sub := "person"
		if o.fault == "another sub" {
			sub = "somebody"
		}
		send(w, map[string]string{"sub": sub})
	default:
		http.NotFound(w, r)
	}
}

func (o *fakeOP) chooser(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("b"); err != nil || c.Value != "1" || o.fault == "no chooser" {
		trouble(w, http.StatusServiceUnavailable, "<h1>Too many people</h1>")
		return
	}
	r2 := html.EscapeString(r.Form.Get("r"))
	page(w, `<!-- <form> --><script>"<form action=/no>"</script>
<form method="post" action="/login/continue"><input type=hidden name=r value="`+r2+`"><button id="login-continue">계속</button></form>
<ol><li data-light="green"><form method="post" action="/login/kakao"><input type="hidden" name="r" value="`+r2+`"><button id="login-kakao" type="submit">카카오</button></form></li></ol>
<form method="post" action="/login/naver"><fieldset disabled><button id="login-naver">네이버</button></fieldset></form>
<ol><li data-light="yellow"><form method="post" action="/login/pass"><input type="hidden" name="r" value="`+r2+`"><fieldset>
<input name="name" required><input name="birthdate" required><input name="phone" type="tel" required>
<button id="login-pass">PASS</button></fieldset></form></li></ol>`)
}

func (o *fakeOP) begin(w http.ResponseWriter, r *http.Request, provider string) {
	sealed := url.QueryEscape(r.Form.Get("r"))
	switch {
	case o.fault == "busy" || o.notices > 0:
		o.notices--
		http.Redirect(w, r, "/login?notice=busy&from="+provider+"&r="+sealed, http.StatusSeeOther)
	case provider == "pass":
		o.typed = append(o.typed, r.PostForm)
		http.Redirect(w, r, "/wait/1?r="+sealed, http.StatusSeeOther)
	default:
		http.Redirect(w, r, o.idp+"/authorize?r="+sealed, http.StatusSeeOther)
	}
}

// answer goes back to the site.
func (o *fakeOP) answer(w http.ResponseWriter, r *http.Request, sealed string) {
	ask, _ := url.ParseQuery(sealed)
	back := url.Values{"state": {ask.Get("state")}, "iss": {o.url}, "code": {rand.Text()}}
	switch o.fault {
	case "wrong state":
		back.Set("state", "another")
	case "access denied":
		back.Set("error", "access_denied")
	case "no code":
	default:
		o.codes[back.Get("code")] = ask
	}
	http.Redirect(w, r, ask.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (o *fakeOP) token(w http.ResponseWriter, r *http.Request) {
	ask, known := o.codes[r.Form.Get("code")]
	delete(o.codes, r.Form.Get("code"))
	sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	if !known || ask.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || ask.Get("redirect_uri") != r.Form.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		send(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{
		"iss": o.url, "sub": "person", "aud": "playground", "nonce": ask.Get("nonce"),
		"exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
	}
	switch o.fault {
	case "another nonce":
		claims["nonce"] = "another"
	case "another audience":
		claims["aud"] = "another"
	}
	payload, _ := json.Marshal(claims)
	signed, err := o.signer.Sign(payload)
	if err != nil {
		o.t.Error(err)
		return
	}
	compact, _ := signed.CompactSerialize()
	send(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": compact})
}

// provider is the page of kakao: the first button approves.
func (o *fakeOP) provider(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	fault := o.fault
	o.shown++
	o.mu.Unlock()
	switch {
	case fault == "provider down":
		trouble(w, http.StatusBadGateway, "")
	case fault == "provider drops":
		panic(http.ErrAbortHandler)
	case fault == "provider hangs":
		<-r.Context().Done()
	case fault == "provider without a form":
		page(w, "nothing here")
	case r.Method == http.MethodPost:
		_ = r.ParseForm()
		if r.PostForm.Get("approve") != "yes" || r.PostForm.Get("person") != "2" {
			o.t.Errorf("the provider got %v, want the checked person and the first button", r.PostForm)
		}
		http.Redirect(w, r, o.url+"/callback/kakao?r="+url.QueryEscape(r.PostForm.Get("r")), http.StatusFound)
	default:
		page(w, `<form method="post"><input type="hidden" name="r" value="`+html.EscapeString(r.URL.Query().Get("r"))+`">
<input type="radio" name="person" value="1"><input type="radio" name="person" value="2" checked>
<button name="approve" value="yes">동의</button><button name="cancel" value="yes">취소</button></form>`)
	}
}

// pages of the provider that were asked for.
func (o *fakeOP) pages() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.shown
}

func page(w http.ResponseWriter, body string) { trouble(w, http.StatusOK, body) }

func trouble(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
