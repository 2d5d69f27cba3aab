package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sinho/providers"
)

// browser keeps cookies and follows nothing.
type browser struct {
	w       *world
	b       *Broker
	h       http.Handler
	cookies map[string]string
}

func (w *world) browser() *browser {
	return &browser{w: w, b: w.b, h: w.h, cookies: map[string]string{}}
}

func (br *browser) request(method, target string, form url.Values) *http.Request {
	body := strings.NewReader(form.Encode())
	r := httptest.NewRequest(method, target, body)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range br.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (br *browser) absorb(rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	for _, c := range rec.Result().Cookies() {
		if len(c.Name)+len(c.Value) > 4096 {
			br.w.t.Errorf("cookie %s has %d bytes, which browsers drop", c.Name, len(c.Value))
		}
		if c.MaxAge < 0 {
			delete(br.cookies, c.Name)
		} else {
			br.cookies[c.Name] = c.Value
		}
	}
	if got := rec.Header().Get("Referrer-Policy"); got != "no-referrer" {
		br.w.t.Errorf("got Referrer-Policy %q, want no-referrer", got)
	}
	if got := rec.Header().Get("Cache-Control"); got != "no-store" {
		br.w.t.Errorf("got Cache-Control %q, want no-store", got)
	}
	return rec
}

func (br *browser) do(method, target string, form url.Values) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	br.h.ServeHTTP(rec, br.request(method, target, form))
	return br.absorb(rec)
}

func params(changes ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"booking"}, "redirect_uri": {callback}, "scope": {"openid profile email phone"},
		"state": {"the-state"}, "nonce": {"the-nonce"}, "code_challenge": {pkce}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			q.Del(changes[i])
		} else {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

func school(changes ...string) []string {
	return append([]string{"client_id", "school", "redirect_uri", "https://school.example/cb?x=1"}, changes...)
}

// authorize gives the location of the answer.
func (br *browser) authorize(changes ...string) string {
	br.w.t.Helper()
	rec := br.do(http.MethodGet, "/authorize?"+params(changes...).Encode(), nil)
	if rec.Code != http.StatusSeeOther {
		br.w.t.Fatalf("GET /authorize: got %d %s, want 303", rec.Code, rec.Body)
	}
	return rec.Header().Get("Location")
}

// chooser gives r.
func (br *browser) chooser(changes ...string) string {
	br.w.t.Helper()
	return sealedIn(br.w.t, br.authorize(changes...))
}

func sealedIn(t testing.TB, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Path != "/login" || u.Query().Get("r") == "" {
		t.Fatalf("got %q, want the chooser", location)
	}
	return u.Query().Get("r")
}

func (br *browser) resume(r string) (Login, error) {
	rec := httptest.NewRecorder()
	l, err := br.b.Resume(rec, br.request(http.MethodGet, "/login", nil), r)
	for _, c := range rec.Result().Cookies() {
		br.cookies[c.Name] = c.Value
	}
	return l, err
}

func (br *browser) step(method, target string, form url.Values, call func(http.ResponseWriter, *http.Request) (Step, error)) (Step, error) {
	rec := httptest.NewRecorder()
	step, err := call(rec, br.request(method, target, form))
	br.absorb(rec)
	return step, err
}

func (br *browser) begin(r, provider string, c *providers.Contact) (Step, error) {
	return br.step(http.MethodPost, "/login/"+provider, url.Values{"r": {r}}, func(w http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.Begin(w, q, r, provider, c)
	})
}

func (br *browser) proceed(r string) (Step, error) {
	return br.step(http.MethodPost, "/login/continue", nil, func(w http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.Continue(w, q, r)
	})
}

func (br *browser) finish(provider string, q url.Values) (Step, error) {
	return br.step(http.MethodGet, "/callback/"+provider+"?"+q.Encode(), nil, func(w http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.Finish(w, r, provider)
	})
}

func (br *browser) waiting(journey string) (Step, error) {
	return br.step(http.MethodGet, "/wait/"+journey, nil, func(w http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.Waiting(w, r, journey)
	})
}

func (br *browser) leave(journey string) (Step, error) {
	return br.step(http.MethodPost, "/wait/"+journey+"/leave", nil, func(w http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.Leave(w, r, journey)
	})
}

func must(t testing.TB, s Step, err error) Step {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func query(t testing.TB, location string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

var codes struct {
	sync.Mutex
	n int
}

// approve is the callback a provider makes of an authorization URL.
func approve(t testing.TB, authURL string) url.Values {
	codes.Lock()
	defer codes.Unlock()
	codes.n++
	return url.Values{"state": {query(t, authURL).Get("state")}, "code": {fmt.Sprintf("upstream-code-%d", codes.n)}}
}

// login walks from authorize to the site's callback, whose URL it returns.
func (br *browser) login(provider string, changes ...string) string {
	br.w.t.Helper()
	t := br.w.t
	to := must2(t)(br.begin(br.chooser(changes...), provider, nil))
	return must2(t)(br.finish(provider, approve(t, to.Redirect))).Redirect
}

func must2(t testing.TB) func(Step, error) Step {
	return func(s Step, err error) Step { t.Helper(); return must(t, s, err) }
}

// post is a machine's request.
func (w *world) post(path string, form url.Values, auth ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(auth) == 2 {
		r.SetBasicAuth(auth[0], auth[1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func codeForm(code string, changes ...string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			v.Del(changes[i])
		}
	}
	return v
}

type tokens struct {
	Access  string `json:"access_token"`
	IDToken string `json:"id_token"`
	Scope   string `json:"scope"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
}

func decode[T any](t testing.TB, rec *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	return v
}

// redeem expects success.
func (w *world) redeem(location string) tokens {
	w.t.Helper()
	rec := w.post("/token", codeForm(query(w.t, location).Get("code")), "booking", secret)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("POST /token: got %d %s, want 200\n%s", rec.Code, rec.Body, location)
	}
	return decode[tokens](w.t, rec)
}

func (w *world) claims(t tokens) idToken {
	w.t.Helper()
	payload, err := w.cfg.Keys.Verify(t.IDToken)
	if err != nil {
		w.t.Fatal(err)
	}
	var c idToken
	if err := json.Unmarshal(payload, &c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) info(access string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func problemCode(err error) string {
	if p, is := errors.AsType[*Problem](err); is {
		if len(p.Ref) != 9 {
			return p.Code + " without a reference"
		}
		return p.Code
	}
	return fmt.Sprint(err)
}

func (w *world) wantProblem(err error, want string) {
	w.t.Helper()
	if got := problemCode(err); got != want {
		w.t.Errorf("got problem %s (%v), want %s", got, err, want)
	}
}

func (w *world) wantNotice(s Step, err error, notice string) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("got %v, want the chooser with notice %q", err, notice)
	}
	if s.Proved != "" && notice != "" {
		w.t.Errorf("proved by %q, and back at the chooser with notice %q", s.Proved, notice)
	}
	r := sealedIn(w.t, s.Redirect)
	if got := query(w.t, s.Redirect).Get("notice"); got != notice {
		w.t.Errorf("got notice %q, want %q", got, notice)
	}
	return r
}

var contact = &providers.Contact{Name: "홍길동", Birthdate: "19900512", Phone: phone}
