package broker

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
)

const (
	apiResource   = "https://api.example/records"
	otherResource = "https://api.example/bookings"
	month         = 30 * 24 * time.Hour
)

// site is a client of these tests: its redirect URI and secret follow from its ID.
func site(id string, changes func(*client.Client)) client.Client {
	c := client.Client{
		ID: id, SecretHash: sha256.Sum256([]byte(secretOf(id))), Name: providers.Text{KO: id, EN: id},
		RedirectURIs: []string{"https://" + id + ".example/cb"},
	}
	changes(&c)
	return c
}

func secretOf(id string) string { return strings.Repeat(id+"-secret-", 4) }

var everyKey = sync.OnceValues(keys.GenerateAll)

var everyScope = []string{"openid", "profile", "email", "phone", "address", "offline_access", "identity"}

// tokenWorld has clients for every policy of tokens.
func tokenWorld(t testing.TB, tweaks ...func(*Config)) *world {
	t.Helper()
	r, err := client.NewRegistry(
		site("rotating", func(c *client.Client) {
			c.Scopes, c.Refresh, c.RefreshTTL, c.TellProvider = everyScope, client.RefreshRotating, month, true
			c.Resources = []string{apiResource, otherResource}
		}),
		site("rival", func(c *client.Client) { c.Refresh, c.RefreshTTL = client.RefreshRotating, month }),
		site("constant", func(c *client.Client) { c.Refresh, c.RefreshTTL = client.RefreshConstant, month }),
		site("plain", func(c *client.Client) { c.Scopes = []string{"openid", "email"} }),
		site("poster", func(c *client.Client) { c.AuthMethod = client.AuthSecretPost }),
		site("basic", func(c *client.Client) { c.AuthMethod = client.AuthSecretBasic }),
		site("rs", func(c *client.Client) { c.Algorithm = client.RS256 }),
		site("ps", func(c *client.Client) { c.Algorithm = client.PS256 }),
		site("ed", func(c *client.Client) { c.Algorithm = client.EdDSA }),
		site("signer", provingByKeys),
		site("lenient", func(c *client.Client) {
			provingByKeys(c)
			c.AssertionAudience = client.AudienceTokenEndpoint
		}),
		site("api", func(c *client.Client) { c.Serves = []string{apiResource} }),
		site("mobile", func(c *client.Client) {
			c.Public, c.SecretHash, c.Refresh, c.RefreshTTL = true, [32]byte{}, client.RefreshRotating, month
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	all, err := everyKey()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, append([]func(*Config){func(c *Config) { c.Clients, c.Keys = r, all }}, tweaks...)...)
	w.pass.who, w.naver.who = whole(w.pass.who), whole(w.naver.who)
	w.naver.who.AuthTime = w.clock.Now()
	return w
}

// whole is a person with every claim there is.
func whole(who providers.Identity) providers.Identity {
	native := false
	who.GivenName, who.FamilyName, who.MiddleName, who.Username = "길동", "홍", "중", "gildong"
	who.Profile, who.Website, who.ZoneInfo, who.Locale = "https://img.example/me", "https://hong.example", "Asia/Seoul", "ko-KR"
	who.Address = &providers.Address{Formatted: "서울", Country: "KR"}
	who.Carrier, who.Foreigner, who.EmailVerified = "SKT_MVNO", &native, true
	return who
}

// at is the beginning of an authorization request of a site.
func at(id string, changes ...string) []string {
	return append([]string{"client_id", id, "redirect_uri", "https://" + id + ".example/cb"}, changes...)
}

// asking logs in with a request that was changed after it was validated.
func (br *browser) asking(provider string, change func(*request), changes ...string) string {
	br.w.t.Helper()
	sealed := br.chooser(changes...)
	q, _, p := br.b.openRequest(br.request(http.MethodGet, "/login", nil), sealed)
	if p != nil {
		br.w.t.Fatal(p)
	}
	change(&q)
	r, err := br.b.sealRequest(&q)
	if err != nil {
		br.w.t.Fatal(err)
	}
	if provider == "pass" {
		step := must2(br.w.t)(br.begin(r, "pass", contact))
		br.w.pass.set(func() { br.w.pass.progress, br.w.pass.results = providers.Approved, 0 })
		br.w.clock.add(2 * time.Second)
		return must2(br.w.t)(br.waiting(strings.TrimPrefix(step.Redirect, "/wait/"))).Redirect
	}
	step := must2(br.w.t)(br.begin(r, provider, nil))
	return must2(br.w.t)(br.finish(provider, approve(br.w.t, step.Redirect))).Redirect
}

// tokenSet is everything a token endpoint says.
type tokenSet struct {
	tokens
	Refresh string `json:"refresh_token"`
}

// as posts a form as a client, by client_secret_basic unless it is public.
func (w *world) as(id, path string, form url.Values) *httptest.ResponseRecorder {
	if c, _ := w.cfg.Clients.Lookup(id); c.Public {
		form.Set("client_id", id)
		return w.post(path, form)
	}
	return w.post(path, form, id, secretOf(id))
}

// spend redeems the code of a location as a client; success is expected.
func (w *world) spend(id, location string, more ...string) tokenSet {
	w.t.Helper()
	form := codeForm(query(w.t, location).Get("code"), append([]string{"redirect_uri", "https://" + id + ".example/cb"}, more...)...)
	rec := w.as(id, "/token", form)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("POST /token: got %d %s, want 200 for %s", rec.Code, rec.Body, location)
	}
	return decode[tokenSet](w.t, rec)
}

// offline logs in at a client with offline_access.
func (w *world) offline(id string) tokenSet {
	w.t.Helper()
	return w.spend(id, w.browser().login("naver", at(id, "scope", "openid email offline_access", "prompt", "consent")...))
}

func refreshForm(token string, more ...string) url.Values {
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Add(more[i], more[i+1])
	}
	return v
}

// refreshed expects success.
func (w *world) refreshed(id, token string, more ...string) tokenSet {
	w.t.Helper()
	rec := w.as(id, "/token", refreshForm(token, more...))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("refresh: got %d %s, want 200", rec.Code, rec.Body)
	}
	return decode[tokenSet](w.t, rec)
}

// wantError expects an OAuth error.
func (w *world) wantError(rec *httptest.ResponseRecorder, status int, code string) {
	w.t.Helper()
	if got := decode[tokens](w.t, rec).Error; rec.Code != status || got != code {
		w.t.Errorf("got %d %s, want %d %s", rec.Code, rec.Body, status, code)
	}
}

// wantInfo expects a status of userinfo.
func (w *world) wantInfo(access string, status int) map[string]any {
	w.t.Helper()
	rec := w.info(access)
	if rec.Code != status {
		w.t.Errorf("userinfo: got %d %s, want %d", rec.Code, rec.Body, status)
	}
	return decode[map[string]any](w.t, rec)
}

// payload of an ID token of ours, as it stands there.
func (w *world) payload(token string) map[string]any {
	w.t.Helper()
	raw, err := w.cfg.Keys.Verify(token)
	if err != nil {
		w.t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	_, _ = rec.Write(raw)
	return decode[map[string]any](w.t, rec)
}

// newJSON is an answer with v.
func newJSON(t testing.TB, v any) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	writeJSON(rec, http.StatusOK, v)
	return rec
}
