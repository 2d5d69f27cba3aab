package broker

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sinho/broker/client"
	"sinho/providers"
)

// protocolWorld is a world with form_post and with sites that are held to more.
// The changes are made to the first of them, booking.
func protocolWorld(t testing.TB, changes ...func(*client.Client)) *world {
	t.Helper()
	base := testClients(t)
	var list []client.Client
	for _, name := range []string{"booking", "school", "app", "bank"} {
		c, known := base.Lookup(name)
		if !known {
			t.Fatalf("no client %s", name)
		}
		if c.Native {
			c.Sector = "" // a registry's own word, which it does not take
		}
		list = append(list, c)
	}
	for _, change := range changes {
		change(&list[0])
	}
	list = append(list, client.Client{
		ID: "clinic", SecretHash: sha256.Sum256([]byte(secret + "4")), Name: providers.Text{KO: "의원", EN: "Clinic"},
		RedirectURIs: []string{"https://clinic.example/cb"}, SessionRule: client.SessionNone,
	})
	r, err := client.NewRegistry(list...)
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, func(c *Config) {
		c.Clients = r
		c.Post = func(w http.ResponseWriter, _ *http.Request, p *FormPost) {
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(p); err != nil {
				t.Error(err)
			}
		}
	})
}

// fieldsOf are what a form_post sends.
func fieldsOf(p *FormPost) url.Values {
	v := url.Values{}
	if p != nil {
		for _, f := range p.Fields {
			v.Add(f.Name, f.Value)
		}
	}
	return v
}

// answered are the parameters a site gets from an endpoint, by whatever way.
func answered(t testing.TB, rec *httptest.ResponseRecorder) url.Values {
	t.Helper()
	switch rec.Code {
	case http.StatusSeeOther:
		return query(t, rec.Header().Get("Location"))
	case http.StatusOK:
		p := decode[FormPost](t, rec)
		return fieldsOf(&p)
	}
	return url.Values{}
}

// ask is a GET of /authorize.
func (br *browser) ask(changes ...string) *httptest.ResponseRecorder {
	return br.do(http.MethodGet, "/authorize?"+params(changes...).Encode(), nil)
}

// refusedWith wants an error at the site, by redirect, with state and iss.
func refusedWith(t testing.TB, rec *httptest.ResponseRecorder, code string) url.Values {
	t.Helper()
	got := answered(t, rec)
	if got.Get("error") != code || got.Get("state") != "the-state" || got.Get("iss") != issuer || got.Has("code") {
		t.Errorf("got %d %v, want %s with state and iss", rec.Code, got, code)
	}
	if d := got.Get("error_description"); d == "" || strings.ContainsFunc(d, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) {
		t.Errorf("got error_description %q, want one of RFC 6749's characters", d)
	}
	return got
}

// refusedWith2 is refusedWith for any state, which it gives.
func refusedWith2(t testing.TB, rec *httptest.ResponseRecorder, code string) string {
	t.Helper()
	got := answered(t, rec)
	if got.Get("error") != code || got.Get("iss") != issuer {
		t.Errorf("got %d %v, want %s", rec.Code, got, code)
	}
	return got.Get("state")
}

// discovered is the discovery document.
func (w *world) discovered() map[string]any {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	return decode[map[string]any](w.t, rec)
}
