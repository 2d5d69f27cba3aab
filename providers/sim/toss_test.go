package sim

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
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caller is the client's side of Toss, written from the wire's description.
type caller struct {
	t      *testing.T
	sim    *Sim
	access string
	public *rsa.PublicKey
}

func newCaller(t *testing.T, s *Sim) *caller {
	t.Helper()
	block, _ := pem.Decode([]byte(get(s, "/.well-known/toss-public-key.pem").body))
	if block == nil || string(pem.EncodeToMemory(block)) != string(s.TossPublicKey()) {
		t.Fatal("got another public key by HTTP than by method, or none")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatalf("parse public key: %v", err)
	}
	public, _ := parsed.(*rsa.PublicKey)
	res := postForm(s, "/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {testClient}, "client_secret": {testSecret}, "scope": {"ca"},
	})
	var answer struct {
		Access string `json:"access_token"`
		Scope  string `json:"scope"`
		Life   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(res.body), &answer); err != nil || answer.Access == "" || answer.Scope != "ca" || answer.Life != 31536000 {
		t.Fatalf("token: got %d %s, want a token for ca", res.status, res.body)
	}
	return &caller{t: t, sim: s, access: answer.Access, public: public}
}

// session makes a session key and its sealed form.
func (c *caller) session() (id string, aead cipher.AEAD, sealed string) {
	c.t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, c.public, key, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		c.t.Fatal(err)
	}
	if aead, err = cipher.NewGCM(block); err != nil {
		c.t.Fatal(err)
	}
	id = uuid()
	return id, aead, "v1$" + id + "$" + base64.StdEncoding.EncodeToString(box)
}

func sealed(id string, aead cipher.AEAD, plain string) string {
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return "v1$" + id + "$" + base64.StdEncoding.EncodeToString(append(nonce, aead.Seal(nil, nonce, []byte(plain), nil)...))
}

type tossAnswer struct {
	Result  string         `json:"resultType"`
	Success map[string]any `json:"success"`
	Error   struct {
		Code string `json:"errorCode"`
	} `json:"error"`
	status int
}

func (c *caller) call(what string, body map[string]any) (a tossAnswer) {
	c.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, tossSign+what, strings.NewReader(string(b)))
	r.Header.Set("Authorization", "Bearer "+c.access)
	res := ask(c.sim, r)
	if err := json.Unmarshal([]byte(res.body), &a); err != nil {
		c.t.Fatalf("%s: got %d %s, want JSON", what, res.status, res.body)
	}
	a.status = res.status
	return a
}

func (c *caller) request(phone string) map[string]any {
	id, aead, key := c.session()
	return map[string]any{
		"requestType": "USER_PERSONAL", "triggerType": "PUSH", "requestTitle": "푸른 바다", "sessionKey": key,
		"userName": sealed(id, aead, "홍길동"), "userPhone": sealed(id, aead, phone), "userBirthday": sealed(id, aead, "19900512"),
	}
}

func (c *caller) fails(want, what string, body map[string]any) {
	c.t.Helper()
	if a := c.call(what, body); a.Result != "FAIL" || a.Error.Code != want || a.Success != nil {
		c.t.Errorf("%s: got %+v, want FAIL %s", what, a, want)
	}
}

func TestTossWalksFromRequestToResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("toss"))
		c := newCaller(t, s)
		tx, _ := c.call("request", c.request("01000000000")).Success["txId"].(string)
		if tx == "" {
			t.Fatal("got no txId")
		}
		look := map[string]any{"txId": tx}
		status := func(want string) {
			t.Helper()
			if a := c.call("status", look); a.Success["status"] != want || a.Success["txId"] != tx {
				t.Errorf("got %+v, want %s", a, want)
			}
		}
		status("REQUESTED")
		if page := get(s, "/phone"); !strings.Contains(page.body, "푸른 바다") {
			t.Error("got a phone without the phrase")
		}
		status("IN_PROGRESS")
		_, _, key := c.session()
		c.fails(tossNotYet, "result", map[string]any{"txId": tx, "sessionKey": key})
		time.Sleep(2 * time.Second)
		status("COMPLETED")

		for range 2 {
			id, aead, key := c.session()
			a := c.call("result", map[string]any{"txId": tx, "sessionKey": key})
			data, _ := a.Success["personalData"].(map[string]any)
			open := func(name string) string {
				t.Helper()
				value, _ := data[name].(string)
				text, ok := strings.CutPrefix(value, "v1$"+id+"$")
				b, err := base64.StdEncoding.DecodeString(text)
				if !ok || err != nil || len(b) < 12 {
					t.Fatalf("%s: got %q, want it under %s", name, value, id)
				}
				plain, err := aead.Open(nil, b[:12], b[12:], nil)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return string(plain)
			}
			for name, want := range map[string]string{
				"ci": People()[0].CI, "name": "홍길동", "birthday": "19900512", "gender": "MALE", "nationality": "LOCAL",
			} {
				if got := open(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if got := len(open("di")); got != 64 {
				t.Errorf("got DI of %d, want 64", got)
			}
			if at, _ := a.Success["completedDt"].(string); !strings.HasSuffix(at, "+09:00") {
				t.Errorf("got completedDt %q, want Korean time", at)
			}
		}
		_, _, key = c.session()
		c.fails(tossGone, "result", map[string]any{"txId": tx, "sessionKey": key})
	})
}

func TestTossWantsAFreshKeyAndForgetsAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("toss"))
		c := newCaller(t, s)
		tx := c.call("request", c.request("01000000000")).Success["txId"]
		time.Sleep(2 * time.Second)
		_, _, key := c.session()
		body := map[string]any{"txId": tx, "sessionKey": key}
		if a := c.call("result", body); a.Result != "SUCCESS" {
			t.Fatalf("got %+v, want a result", a)
		}
		c.fails(tossBadRequest, "result", body)
		time.Sleep(tossReadable + time.Second)
		_, _, key = c.session()
		c.fails(tossGone, "result", map[string]any{"txId": tx, "sessionKey": key})
	})
}

func TestTossEndsInItsOwnWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("toss"))
		c := newCaller(t, s)
		for mode, want := range map[string]string{`{"approve":"reject"}`: "REJECTED", `{"approve":"manual"}`: "EXPIRED"} {
			control(t, s, mode)
			tx := c.call("request", c.request("01000000000")).Success["txId"]
			time.Sleep(tossLife)
			if a := c.call("status", map[string]any{"txId": tx}); a.Success["status"] != want {
				t.Errorf("under %s: got %+v, want %s", mode, a, want)
			}
		}
		c.fails(tossStranger, "request", c.request("01099999999"))
		c.fails(tossGone, "status", map[string]any{"txId": "none"})
		_, _, key := c.session()
		c.fails(tossGone, "result", map[string]any{"txId": "none", "sessionKey": key})
		for name, edit := range map[string]func(map[string]any){
			"no session key":           func(b map[string]any) { b["sessionKey"] = "" },
			"a key of nobody":          func(b map[string]any) { b["sessionKey"] = "v1$x$AAAA" },
			"a value under another id": func(b map[string]any) { b["userName"] = "v1$x$AAAAAAAAAAAAAAAAAAAAAAAA" },
			"a plain name":             func(b map[string]any) { b["userName"] = "홍길동" },
			"another trigger":          func(b map[string]any) { b["triggerType"] = "SMS" },
		} {
			body := c.request("01000000000")
			edit(body)
			if a := c.call("request", body); a.Result != "FAIL" || a.Error.Code != tossBadRequest {
				t.Errorf("%s: got %+v, want FAIL", name, a)
			}
		}
		c.access = "wrong"
		if a := c.call("status", map[string]any{"txId": "none"}); a.status != http.StatusUnauthorized || a.Error.Code != tossUnauthorized {
			t.Errorf("got %+v for a wrong token, want 401", a)
		}
		for name, form := range map[string]url.Values{
			"a wrong secret": {"grant_type": {"client_credentials"}, "client_id": {testClient}, "client_secret": {"x"}, "scope": {"ca"}},
			"another grant":  {"grant_type": {"password"}, "client_id": {testClient}, "client_secret": {testSecret}, "scope": {"ca"}},
			"another scope":  {"grant_type": {"client_credentials"}, "client_id": {testClient}, "client_secret": {testSecret}},
		} {
			if res := postForm(s, "/token", form); res.status != http.StatusUnauthorized && res.status != http.StatusBadRequest {
				t.Errorf("%s: got %d %s, want a refusal", name, res.status, res.body)
			}
		}
	})
}

func FuzzTossValues(f *testing.F) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "v1$u$AAAA", "v1$$", "v1$u$", "v2$u$AAAA", "v1$u$=", strings.Repeat("$", 9)} {
		f.Add(seed)
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := openKey(private, s); err == nil {
			t.Fatalf("got a key out of %q", s)
		}
		if _, err := (tossKey{id: "u", aead: aead}).open(s); err == nil {
			t.Fatalf("got a value out of %q", s)
		}
		key := tossKey{id: "u", aead: aead}
		if got, err := key.open(key.seal(s)); err != nil || got != s {
			t.Fatalf("got %q, %v, want %q back", got, err, s)
		}
	})
}
