package providers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const testReceipt = "0123456789abcdef0123456789abcdef"

func testContact() Contact {
	return Contact{Name: "홍길동", Birthdate: "19900512", Phone: "01000000000"}
}

func testPending(ref string) Pending {
	c := testContact()
	return Pending{Ref: ref, Opaque: carried{Token: testNonce, Phone: c.Phone, Birthdate: c.Birthdate}.opaque()}
}

// legOf runs one leg of a push and tells what came of it; AuthTime, which is
// now, is left out.
func legOf(t *testing.T, p Pusher, leg, ref string) outcome {
	switch leg {
	case "push":
		pending, err := p.Push(t.Context(), testAsk(), testContact(), "붉은 여우")
		if err != nil {
			return told(Identity{}, err)
		}
		if len(pending.Opaque) > maxOpaque || !pending.Expires.After(time.Now()) {
			t.Errorf("got pending %+v", pending)
		}
		return outcome{Ref: pending.Ref}
	case "poll":
		progress, err := p.Poll(t.Context(), testPending(ref))
		if err != nil {
			return told(Identity{}, err)
		}
		return outcome{Progress: map[Progress]string{Waiting: "waiting", Approved: "approved"}[progress]}
	}
	id, err := p.Result(t.Context(), testPending(ref))
	if err == nil && id.AuthTime.IsZero() {
		t.Error("no AuthTime: every push is an act of its own")
	}
	id.AuthTime = time.Time{}
	return told(id, err)
}

func passSettings() Settings {
	return Settings{ID: "pass", Base: "https://pass.example", ClientID: "client", ClientSecret: "secret"}
}

func pusher(t testing.TB, s Settings, h hosts) Pusher {
	t.Helper()
	p, err := New(s, h.client())
	if err != nil {
		t.Fatal(err)
	}
	return p.(Pusher)
}

func (s scene) atPass(t *testing.T) outcome {
	h := func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "client" || secret != "secret" {
			t.Errorf("got credentials %q %q", id, secret)
		}
		want := map[string]string{
			"push": "POST /pass/requests", "poll": "GET /pass/requests/" + testReceipt,
			"result": "POST /pass/requests/" + testReceipt + "/verify",
		}[s.Leg]
		if got := r.Method + " " + r.URL.Path; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		s.Answer.serve(w, r)
	}
	return legOf(t, pusher(t, s.settings(t, passSettings()), hosts{"pass.example": http.HandlerFunc(h)}), s.Leg, testReceipt)
}

func TestPassRequestIsAsAgreed(t *testing.T) {
	var got map[string]any
	h := hosts{"pass.example": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewDecoder(r.Body).Decode(&got)
		fmt.Fprintf(w, `{"receiptID":%q}`, testReceipt)
	})}
	if _, err := pusher(t, passSettings(), h).Push(t.Context(), testAsk(), testContact(), "붉은 여우"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"receiverName": "홍길동", "receiverBirthday": "19900512", "receiverHP": "01000000000",
		"reqMessage": "붉은 여우", "expireIn": 300.0, "token": testNonce,
	} {
		if got[key] != want {
			t.Errorf("got %s %v, want %v", key, got[key], want)
		}
	}
}

// A Pending that is not ours reaches no vendor.
func TestForeignPendingIsRefused(t *testing.T) {
	f := newTossFake(t)
	for name, p := range map[string]Pusher{
		"pass": pusher(t, passSettings(), hosts{}), "toss": pusher(t, f.settings(), hosts{}),
	} {
		for what, pending := range map[string]Pending{
			"a path":        {Ref: "../../admin", Opaque: "{}"},
			"nothing":       {},
			"no opaque":     {Ref: testReceipt},
			"a long opaque": {Ref: testReceipt, Opaque: `{"t":"` + strings.Repeat("x", 512) + `"}`},
			"a line break":  {Ref: "tx\r\nHost: x", Opaque: "{}"},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				_, err := p.Poll(t.Context(), pending)
				if what == "a path" && name == "toss" {
					wantError(t, err, Down, "connection") // no path there: it travels in JSON
					return
				}
				wantError(t, err, BadCode, "pending")
				_, err = p.Result(t.Context(), pending)
				wantError(t, err, BadCode, "pending")
			})
		}
	}
}

// A mistyped contact reaches no vendor.
func TestMistypedContactIsRefused(t *testing.T) {
	f := newTossFake(t)
	for _, p := range []Pusher{pusher(t, passSettings(), hosts{}), pusher(t, f.settings(), hosts{})} {
		_, err := p.Push(t.Context(), testAsk(), Contact{Name: "홍길동", Birthdate: "19900512", Phone: "021234567"}, "x")
		wantError(t, err, BadCode, "contact")
	}
}

// tossFake holds the vendor's side of the encryption.
type tossFake struct {
	t   *testing.T
	key *rsa.PrivateKey

	mu       sync.Mutex // guards the rest
	tokens   int
	calls    map[string]int
	keys     map[string]bool
	refuse   int // so many calls get 401
	notReady int // so many results are not ready
	expires  int
	answer   func(leg string, w http.ResponseWriter, r *http.Request, open func(string) string, seal func(string) string)
	onToken  http.HandlerFunc
}

func newTossFake(t *testing.T) *tossFake {
	return &tossFake{
		t: t, key: testKeys()["RS256"].(*rsa.PrivateKey), calls: map[string]int{}, keys: map[string]bool{}, expires: 31536000,
	}
}

func (f *tossFake) settings() Settings {
	der, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	return Settings{
		ID: "toss", Base: "https://toss.example", ClientID: "client", ClientSecret: "secret",
		PublicKeyPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}
}

func (f *tossFake) hosts() hosts { return hosts{"toss.example": f} }

func (f *tossFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/token" {
		f.tokens++
		r.ParseForm()
		if f.onToken != nil {
			f.mu.Unlock()
			f.onToken(w, r)
			f.mu.Lock()
			return
		}
		if r.PostForm.Get("grant_type") != "client_credentials" || r.PostForm.Get("scope") != "ca" ||
			r.PostForm.Get("client_id") != "client" || r.PostForm.Get("client_secret") != "secret" {
			f.t.Errorf("got token request %v", r.PostForm)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","scope":"ca","token_type":"Bearer","expires_in":%d}`, f.tokens, f.expires)
		return
	}
	leg := strings.TrimPrefix(r.URL.Path, "/api/v2/sign/user/auth/id/")
	f.calls[leg]++
	if f.refuse > 0 {
		f.refuse--
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if got, want := r.Header.Get("Authorization"), fmt.Sprintf("Bearer token-%d", f.tokens); got != want {
		f.t.Errorf("got %q, want %q", got, want)
	}
	var body map[string]string
	json.NewDecoder(r.Body).Decode(&body)
	var open, seal func(string) string
	if key := body["sessionKey"]; key != "" {
		if f.keys[key] {
			f.t.Error("a session key was used twice")
		}
		f.keys[key] = true
		open, seal = f.session(key)
	}
	if leg == "request" {
		for field, want := range map[string]string{"userName": "홍길동", "userPhone": "01000000000", "userBirthday": "19900512"} {
			if got := open(body[field]); got != want {
				f.t.Errorf("got %s %q, want %q", field, got, want)
			}
		}
		if body["requestType"] != "USER_PERSONAL" || body["triggerType"] != "PUSH" || body["requestTitle"] != "붉은 여우" {
			f.t.Errorf("got request %v", body)
		}
	} else if body["txId"] != "tx-1" && f.answer == nil {
		f.t.Errorf("got txId %q", body["txId"])
	}
	if leg == "result" && f.notReady > 0 {
		f.notReady--
		fmt.Fprint(w, `{"resultType":"FAIL","error":{"errorCode":"CE3102"},"success":null}`)
		return
	}
	if f.answer != nil {
		f.answer(leg, w, r, open, seal)
		return
	}
	switch leg {
	case "request":
		fmt.Fprint(w, `{"resultType":"SUCCESS","success":{"txId":"tx-1"}}`)
	case "status":
		fmt.Fprint(w, `{"resultType":"SUCCESS","success":{"txId":"tx-1","status":"COMPLETED"}}`)
	case "result":
		fmt.Fprintf(w, `{"resultType":"SUCCESS","success":{"txId":"tx-1","status":"COMPLETED","personalData":{"di":%q,"name":%q,"birthday":%q}}}`,
			seal(strings.Repeat("D", 64)), seal("홍길동"), seal("19900512"))
	}
}

// session unwraps a session key as the vendor does.
func (f *tossFake) session(framed string) (open, seal func(string) string) {
	parts := strings.Split(framed, "$")
	if len(parts) != 3 || parts[0] != "v1" || len(parts[1]) != 36 {
		f.t.Errorf("got session key %q", framed)
	}
	wrapped, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		f.t.Error(err)
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, f.key, wrapped, nil)
	if err != nil || len(secret) != 32 {
		f.t.Errorf("got %d bytes of key, %v", len(secret), err)
	}
	block, _ := aes.NewCipher(secret)
	aead, _ := cipher.NewGCM(block)
	open = func(v string) string {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(v, "v1$"+parts[1]+"$"))
		if err != nil || len(raw) < 12 {
			f.t.Errorf("got value %q, %v", v, err)
			return ""
		}
		plain, err := aead.Open(nil, raw[:12], raw[12:], nil)
		if err != nil {
			f.t.Error(err)
		}
		return string(plain)
	}
	seal = func(v string) string {
		nonce := make([]byte, 12)
		rand.Read(nonce)
		return "v1$" + parts[1] + "$" + base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(v), nil))
	}
	return open, seal
}

func (s scene) atToss(t *testing.T) outcome {
	f := newTossFake(t)
	f.answer = func(leg string, w http.ResponseWriter, r *http.Request, _, seal func(string) string) {
		if want := map[string]string{"push": "request", "poll": "status", "result": "result"}[s.Leg]; leg != want {
			t.Errorf("got leg %s, want %s", leg, want)
		}
		a := *s.Answer
		var body map[string]any
		if json.Unmarshal(a.Body, &body) == nil && seal != nil {
			if done, _ := body["success"].(map[string]any); done != nil {
				person, _ := done["personalData"].(map[string]any)
				for k, v := range person {
					if plain, ok := v.(string); ok && !strings.HasPrefix(plain, "v1$") {
						person[k] = seal(plain)
					}
				}
			}
			a.Body, _ = json.Marshal(body)
		}
		a.serve(w, r)
	}
	return legOf(t, pusher(t, s.settings(t, f.settings()), f.hosts()), s.Leg, "tx-1")
}

// Every push journey is fresh and has probes that need no token.
func TestPushInfo(t *testing.T) {
	f := newTossFake(t)
	for id, want := range map[string]string{
		"pass": "https://pass.example/pass/requests/" + strings.Repeat("0", 32), "toss": "https://toss.example/token",
	} {
		s := passSettings()
		if id == "toss" {
			s = f.settings()
		}
		info := pusher(t, s, hosts{}).Info()
		if info.Shape != Push || info.Fresh != FreshProved || info.Origin != "" || len(info.Probes) != 1 || info.Probes[0].URL != want {
			t.Errorf("got %+v", info)
		}
	}
}
