package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/broker/client"
	"sinho/providers"
)

// Request objects by value (RFC 9101), at /authorize and at /par.

// siteKey is the key of a site that signs.
var siteKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// signing lets a client sign with siteKey.
func signing(c *client.Client) {
	c.Keys = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: siteKey().Public(), KeyID: "one", Algorithm: client.ES256, Use: "sig"}}}
}

// object signs the parameters of booking with changes, whose nil leaves one out.
func (w *world) object(changes map[string]any) string {
	w.t.Helper()
	return w.signed(siteKey(), changes)
}

func (w *world) signed(key any, changes map[string]any) string {
	w.t.Helper()
	now := w.clock.Now()
	all := map[string]any{"iss": "booking", "aud": issuer, "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for name, v := range params() {
		all[name] = v[0]
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	body, err := json.Marshal(all)
	if err != nil {
		w.t.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithType("oauth-authz-req+jwt").WithHeader("kid", "one")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// unsigned has the algorithm none.
func unsigned(t testing.TB, all map[string]any) string {
	t.Helper()
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(body) + "."
}

// bring is a browser that comes with a request object and parameters outside it.
func (br *browser) bring(object string, outside ...string) *httptest.ResponseRecorder {
	v := url.Values{"client_id": {"booking"}, "request": {object}}
	for i := 0; i+1 < len(outside); i += 2 {
		v.Set(outside[i], outside[i+1])
	}
	return br.do(http.MethodGet, "/authorize?"+v.Encode(), nil)
}

func TestJARRequestObjectLogsIn(t *testing.T) {
	w := protocolWorld(t, signing, func(c *client.Client) { c.RequireSignedRequest = true })
	br := w.browser()
	object := w.object(map[string]any{"max_age": 600, "claims": map[string]any{"id_token": map[string]any{"email": nil}}})
	r := sealedIn(t, br.bring(object).Header().Get("Location"))
	q, _, p := br.b.openRequest(br.request(http.MethodGet, "/login", nil), r)
	if p != nil || q.MaxAge != 600 || q.Wants.IDToken != claimNamed("email") {
		t.Errorf("got max_age %d and wants %+v %v", q.MaxAge, q.Wants, p)
	}
	to := must2(t)(br.begin(r, "naver", nil))
	site := must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect
	if c := w.claims(w.redeem(site)); c.Nonce != "the-nonce" || query(t, site).Get("state") != "the-state" {
		t.Errorf("got nonce %q at %s", c.Nonce, site)
	}
}

func TestJARParametersOutsideAreIgnored(t *testing.T) {
	w := protocolWorld(t, signing)
	outside := []string{
		"redirect_uri", "https://evil.example/", "state", "forged", "scope", "profile", "nonce", "forged", "prompt", "none",
		"response_mode", "form_post", "max_age", "0", "acr_values", ACRVerified, "login_hint", "kakao",
	}
	br := w.browser()
	r := sealedIn(t, br.bring(w.object(nil), outside...).Header().Get("Location"))
	q, _, p := br.b.openRequest(br.request(http.MethodGet, "/login", nil), r)
	if p != nil {
		t.Fatal(p)
	}
	if q.RedirectURI != callback || q.State != "the-state" || q.Nonce != "the-nonce" || q.FormPost || q.MaxAge != -1 || q.Need != providers.Asserted || q.Hint != "" || q.Prompt != 0 {
		t.Errorf("got %+v", q)
	}
	// What is left out of the object is left out, wherever else it stands.
	refusedWith(t, br.bring(w.object(map[string]any{"response_type": nil}), "response_type", "code"), "invalid_request")
	refusedWith(t, br.bring(w.object(map[string]any{"code_challenge": nil}), "code_challenge", pkce), "invalid_request")
	wantPage(t, br.bring(w.object(map[string]any{"redirect_uri": nil}), "redirect_uri", callback), ProblemRedirect)
}

func TestJARRequestObjectThatCannotBeBelievedIsRefused(t *testing.T) {
	w := protocolWorld(t, signing, func(c *client.Client) { c.RequireSignedRequest = true })
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	outside := []string{"redirect_uri", callback, "state", "the-state"}
	for name, object := range map[string]string{
		"another's key":           w.signed(other, nil),
		"another client":          w.object(map[string]any{"client_id": "school"}),
		"another issuer":          w.object(map[string]any{"iss": "school"}),
		"for another server":      w.object(map[string]any{"aud": "https://other.example"}),
		"over":                    w.object(map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"without an end":          w.object(map[string]any{"exp": nil}),
		"begun over an hour ago":  w.object(map[string]any{"nbf": now.Add(-61 * time.Minute).Unix()}),
		"for longer than an hour": w.object(map[string]any{"exp": now.Add(61 * time.Minute).Unix()}),
		"a request within":        w.object(map[string]any{"request": "a.b.c"}),
		"a request_uri within":    w.object(map[string]any{"request_uri": "urn:x"}),
		"alg none":                unsigned(t, map[string]any{"client_id": "booking", "redirect_uri": callback}),
		"changed":                 flip(w.object(nil)),
		"nonsense":                "nonsense",
		"dots":                    "..",
	} {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, w.browser().bring(object, outside...), "invalid_request_object")
			rec := w.post("/par", url.Values{"request": {object}}, asBooking...)
			if body := decode[map[string]string](t, rec); rec.Code != http.StatusBadRequest || body["error"] != "invalid_request_object" {
				// Without a redirect URI there is no site, and a client is told all the same.
				t.Errorf("POST /par: got %d %v, want invalid_request_object", rec.Code, body)
			}
		})
	}
	wantPage(t, w.browser().bring("nonsense"), "invalid_request_object")
	wantPage(t, w.browser().bring("nonsense", "redirect_uri", "https://evil.example/"), "invalid_request_object")
	refusedWith(t, w.browser().ask(), "invalid_request") // unsigned parameters
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
}

func TestJARIsNotSupportedForThoseWithoutKeysNorUnsigned(t *testing.T) {
	refusedWith(t, protocolWorld(t).browser().ask("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported")
	w := protocolWorld(t, signing)
	refusedWith(t, w.browser().ask("request", unsigned(t, map[string]any{"client_id": "booking"})), "request_not_supported")
	twice := params("request", w.object(nil))
	twice.Add("request", w.object(nil))
	refusedWith(t, w.browser().do(http.MethodGet, "/authorize?"+twice.Encode(), nil), "invalid_request")
}

func TestJARIsPushedToo(t *testing.T) {
	w := protocolWorld(t, signing, func(c *client.Client) { c.RequireSignedRequest, c.RequirePAR = true, true })
	br := w.browser()
	rec := w.post("/par", url.Values{"request": {w.object(nil)}}, asBooking...)
	if rec.Code != http.StatusCreated {
		t.Fatalf("got %d %s, want 201", rec.Code, rec.Body)
	}
	if got := chosen(t, br.come("booking", decode[pushedAnswer](t, rec).RequestURI).Header().Get("Location")); got != "chooser" {
		t.Errorf("got %s, want the chooser", got)
	}
	if rec := w.post("/par", params(), asBooking...); decode[map[string]string](t, rec)["error"] != "invalid_request" {
		t.Errorf("unsigned parameters: got %d %s, want invalid_request", rec.Code, rec.Body)
	}
	refusedWith(t, br.bring(w.object(nil)), "invalid_request") // by value, not pushed
}

func FuzzRequestObjectAtAuthorize(f *testing.F) {
	w := protocolWorld(f, signing)
	good := w.object(nil)
	for _, seed := range []string{
		good, flip(good), unsigned(f, map[string]any{"client_id": "booking"}), "..", "", "a.b.c.d.e", good + "=", strings.Replace(good, ".", "..", 1),
		w.object(map[string]any{"claims": map[string]any{"id_token": []int{1}}}), w.object(map[string]any{"prompt": []string{"none", "login"}}),
		w.object(map[string]any{"state": 1e300, "max_age": -1, "scope": map[string]any{}}), w.object(map[string]any{"redirect_uri": []string{callback, "https://evil.example"}}),
	} {
		f.Add(seed, params().Encode())
	}
	f.Fuzz(func(t *testing.T, object, outside string) {
		v, err := url.ParseQuery(outside)
		if err != nil || len(outside)+len(object) > 6000 {
			return
		}
		v.Set("client_id", "booking")
		v.Set("request", object)
		rec := w.browser().do(http.MethodGet, "/authorize?"+v.Encode(), nil)
		to := rec.Header().Get("Location")
		switch {
		case rec.Code >= 500:
			t.Errorf("%q: got %d", object, rec.Code)
		case to != "" && !strings.HasPrefix(to, "/login?r=") && !strings.HasPrefix(to, callback+"?error="):
			t.Errorf("%q leads to %q", object, to)
		case strings.HasPrefix(to, "/login?r=") && object != "" && !strings.HasPrefix(object, good[:20]):
			t.Errorf("%q was believed", object)
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store", object)
		}
	})
}
