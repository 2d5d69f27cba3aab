package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sinho/broker"
	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
	"sinho/providers/sim"
	"sinho/seal"
	"sinho/store/embedded"
)

// settled is a provider at which one person has logged in already: its adapter
// made this Identity of what its simulator answered.
type settled struct {
	info providers.Info
	who  providers.Identity
}

// Info implements providers.Provider.
func (s settled) Info() providers.Info { return s.info }

// AuthURL implements providers.Redirector.
func (s settled) AuthURL(_ context.Context, ask providers.Ask) (string, error) {
	return "https://" + s.info.ID + ".example/?" + url.Values{"state": {ask.State}}.Encode(), nil
}

// Exchange implements providers.Redirector.
func (s settled) Exchange(context.Context, providers.Ask, url.Values) (providers.Identity, error) {
	return s.who, nil
}

// ways are the providers of this test: what their adapters are set to, and
// whether the broker may take a CI from them.
var ways = []struct {
	id, vendor string
	change     func(*providers.Settings)
	quirks     []sim.Quirk
	ci         bool
}{
	{"naver", "naver", nil, nil, false},
	{"naver-older", "naver", func(s *providers.Settings) { s.OAuth2 = true }, nil, false},
	{"kakao", "kakao", nil, nil, true},
	{"kakao-plain", "kakao", func(s *providers.Settings) { s.AssertsCI, s.Issuer = false, "" }, nil, false},
	{"pass", "pass", nil, nil, true},
	{"toss", "toss", nil, nil, true},
	{"oidc", "oidc", nil, nil, false},
	{"oidc-that-sends-ci", "oidc", nil, []sim.Quirk{sim.QuirkCI}, false},
	{"oidc-that-may", "oidc", func(s *providers.Settings) { s.AssertsCI, s.CIClaim = true, "ci" }, []sim.Quirk{sim.QuirkCI}, true},
	{"agency", "oidc", func(s *providers.Settings) {
		s.AssertsCI, s.CIClaim, s.Assurance = true, "ci", providers.Verified
	}, []sim.Quirk{sim.QuirkCI}, true},
}

// logins lets one person log in by every way there is.
func logins(t *testing.T, person int) []providers.Provider {
	t.Helper()
	var all []providers.Provider
	for _, w := range ways {
		m := meet(t, w.vendor, func(s *providers.Settings) {
			if w.change != nil {
				w.change(s)
			}
		}, w.quirks...)
		who, err := m.login(person)
		if err != nil {
			t.Fatalf("%s: %v", w.id, err)
		}
		info := m.adapter.Info()
		info.ID, info.Shape, who.Provider = w.id, providers.Redirect, w.id
		if (who.CI != providers.CI{}) != w.ci || info.AssertsCI != w.ci {
			t.Errorf("%s: got a CI %v, want %v", w.id, who.CI != providers.CI{}, w.ci)
		}
		all = append(all, settled{info, who})
	}
	return all
}

const citizenSite = "https://booking.example/callback"

// counter is a broker with one site, and the people at its providers.
func counter(t *testing.T, at []providers.Provider) *broker.Broker {
	t.Helper()
	set, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing("test", seal.Key{Version: 1, Secret: []byte(strings.Repeat("s", 32))})
	if err != nil {
		t.Fatal(err)
	}
	file, err := embedded.Open(filepath.Join(t.TempDir(), "sinho.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	registry, err := client.NewRegistry(client.Client{
		ID: "booking", SecretHash: sha256.Sum256([]byte("secret")), Name: providers.Text{KO: "예약", EN: "Booking"},
		RedirectURIs: []string{citizenSite}, Scopes: []string{"openid", "profile", "phone", "identity"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.New(broker.Config{
		Issuer: "https://id.example.kr", Clients: registry, Keys: set, Ring: ring, Store: file,
		Pepper: []byte(strings.Repeat("p", 32)), Providers: at,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// visitor is a browser of its own.
type visitor struct {
	t       *testing.T
	b       *broker.Broker
	cookies []*http.Cookie
}

func (v *visitor) request(method, to string, form url.Values) (*httptest.ResponseRecorder, *http.Request) {
	r := httptest.NewRequest(method, to, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	return httptest.NewRecorder(), r
}

// heard is what a site learns: sub and acr of the ID token, and userinfo.
type heard struct {
	sub, acr string
	info     map[string]any
}

// login goes by one provider, from the site and back to it.
func (v *visitor) login(provider string) heard {
	v.t.Helper()
	const issuer = "https://id.example.kr"
	rec, r := v.request(http.MethodGet, issuer+"/authorize?"+url.Values{
		"client_id": {"booking"}, "redirect_uri": {citizenSite}, "response_type": {"code"},
		"scope": {"openid profile phone identity"}, "state": {"s"}, "nonce": {"n"},
	}.Encode(), nil)
	v.b.Handler().ServeHTTP(rec, r)
	v.cookies = append(v.cookies, rec.Result().Cookies()...)
	sealed := query(v.t, rec.Header().Get("Location")).Get("r")
	rec, r = v.request(http.MethodPost, issuer+"/login/"+provider, url.Values{"r": {sealed}})
	step, err := v.b.Begin(rec, r, sealed, provider, nil)
	if err != nil {
		v.t.Fatalf("%s: %v", provider, err)
	}
	v.cookies = append(v.cookies, rec.Result().Cookies()...)
	back := url.Values{"code": {"c"}, "state": {query(v.t, step.Redirect).Get("state")}}
	rec, r = v.request(http.MethodGet, issuer+"/callback/"+provider+"?"+back.Encode(), nil)
	r.SetPathValue("provider", provider)
	if step, err = v.b.Finish(rec, r, provider); err != nil {
		v.t.Fatalf("%s: %v", provider, err)
	}
	rec, r = v.request(http.MethodPost, issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {query(v.t, step.Redirect).Get("code")}, "redirect_uri": {citizenSite},
		"client_id": {"booking"}, "client_secret": {"secret"},
	})
	v.b.Handler().ServeHTTP(rec, r)
	var tokens struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	var claims struct{ Sub, ACR string }
	if err := json.Unmarshal(rec.Body.Bytes(), &tokens); err != nil || tokens.ID == "" {
		v.t.Fatalf("%s: got %d %s at the token endpoint (sent to %s)", provider, rec.Code, rec.Body, step.Redirect)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.ID, ".")[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		v.t.Fatalf("%s: %v", provider, err)
	}
	rec, r = v.request(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.Access)
	v.b.Handler().ServeHTTP(rec, r)
	got := heard{sub: claims.Sub, acr: claims.ACR}
	if err := json.Unmarshal(rec.Body.Bytes(), &got.info); err != nil {
		v.t.Fatalf("%s: got %d %s of userinfo", provider, rec.Code, rec.Body)
	}
	return got
}

func query(t *testing.T, to string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// One citizen is one subject over any two providers that are set to send CI, and
// somebody else over every other; a generic provider that sends a CI it is not set
// to changes nothing. What is asserted is never told as verified.
func TestOneCitizenOverAnyTwoProviders(t *testing.T) {
	at := logins(t, 0)
	b := counter(t, at)
	site := map[string]heard{}
	for _, p := range at {
		id := p.Info().ID
		site[id] = (&visitor{t: t, b: b}).login(id)
	}
	// People stay who they are when Naver's path changes, or a setting that is not
	// about CI; a CI that nobody asked for is no difference.
	twins := map[string]string{"naver-older": "naver", "oidc-that-sends-ci": "oidc"}
	who := func(i int) string {
		switch id := ways[i].id; {
		case ways[i].ci:
			return "the citizen"
		case twins[id] != "":
			return twins[id]
		default:
			return id
		}
	}
	for i := range ways {
		for j := range i {
			one, other := ways[i].id, ways[j].id
			if want, got := who(i) == who(j), site[one].sub == site[other].sub; got != want {
				t.Errorf("%s and %s: got the same subject %v, want %v", one, other, got, want)
			}
		}
	}
	for i, w := range ways {
		verified := at[i].Info().Assurance == providers.Verified
		got := site[w.id]
		if (got.info["identity"] != nil) != verified || (got.info["assurance"] == "verified") != verified || strings.HasPrefix(got.acr, "urn:sinho:acr:verified") != verified {
			t.Errorf("%s: got acr %s, assurance %v, identity %v; verified is %v", w.id, got.acr, got.info["assurance"], got.info["identity"], verified)
		}
		raw, err := json.Marshal(got.info)
		if err != nil || len(got.info) < 3 || strings.Contains(string(raw)+got.sub, sim.People()[0].CI) {
			t.Errorf("%s: the CI went out, or nothing did: %s (%v)", w.id, raw, err)
		}
	}
}

// Another citizen is another subject over every provider.
func TestTwoCitizensAreTwo(t *testing.T) {
	one, two := logins(t, 0), logins(t, 1)
	for i := range ways {
		a, b := one[i].(settled).who, two[i].(settled).who
		if a.CI == b.CI && ways[i].ci || a.Subject == b.Subject {
			t.Errorf("%s: two citizens are one", ways[i].id)
		}
	}
}
