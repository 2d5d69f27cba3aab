package sim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func quirksCall(s *Sim, method, kind, body string) result {
	r := httptest.NewRequest(method, quirksPath, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return ask(s, r)
}

// Quirks are switched by PUT and by the page's form, both all at once; what this
// vendor does not do is refused by name and changes nothing.
func TestQuirksAreSwitched(t *testing.T) {
	s := build(t, config("kakao"))
	if got := s.Quirks(); len(got) != 0 {
		t.Errorf("got %v to begin with, want none", got)
	}
	want := func(what string, on ...Quirk) {
		t.Helper()
		if got := s.Quirks(); !slices.Equal(got, on) {
			t.Errorf("%s: got %v, want %v", what, got, on)
		}
	}
	if res := quirksCall(s, http.MethodPut, "application/json", `["under-14","lunar"]`); res.status != http.StatusOK || res.body != `["lunar","under-14"]` {
		t.Errorf("got %d %q", res.status, res.body)
	}
	want("by PUT", QuirkLunar, QuirkUnder14)
	for _, body := range []string{`["not-final"]`, `["lunar","x"]`, `{}`, `null`, `lunar`, ``} {
		var wrong FieldError
		res := quirksCall(s, http.MethodPut, "application/json", body)
		if err := json.Unmarshal([]byte(res.body), &wrong); err != nil || res.status != http.StatusBadRequest || wrong.Reason == "" {
			t.Errorf("%s: got %d %s", body, res.status, res.body)
		}
		want("after "+body, QuirkLunar, QuirkUnder14)
	}
	page := get(s, panelPath).body
	if !strings.Contains(page, `id="quirk-lunar" name="quirk" value="lunar" checked`) || strings.Contains(page, "not-final") {
		t.Error("the page does not show what is on, or shows another vendor's")
	}
	form := url.Values{"quirk": {"types", "withheld"}}.Encode()
	if res := quirksCall(s, http.MethodPost, "application/x-www-form-urlencoded", form); res.status != http.StatusSeeOther || res.header.Get("Location") != panelPath {
		t.Errorf("got %d to %q", res.status, res.header.Get("Location"))
	}
	want("by form", QuirkTypes, QuirkWithheld)
	if res := quirksCall(s, http.MethodPost, "application/x-www-form-urlencoded", "quirk=ci"); res.status != http.StatusBadRequest || !strings.Contains(res.body, `id="wrong"`) {
		t.Errorf("another vendor's by form: got %d", res.status)
	}
	if res := quirksCall(s, http.MethodPost, "application/x-www-form-urlencoded", ""); res.status != http.StatusSeeOther {
		t.Errorf("none by form: got %d", res.status)
	}
	want("none")
	if got := get(s, quirksPath); got.body != "[]" {
		t.Errorf("got %q, want an empty list", got.body)
	}
	elsewhere := httptest.NewRequest(http.MethodPost, quirksPath, strings.NewReader("quirk=lunar"))
	elsewhere.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	elsewhere.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := ask(s, elsewhere); res.status != http.StatusForbidden || len(s.Quirks()) != 0 {
		t.Errorf("by another site: got %d, %v", res.status, s.Quirks())
	}
	if _, err := New(Config{ID: "pass", Base: "http://localhost:1", ClientID: "a", ClientSecret: "b", Quirks: []Quirk{"lunar"}}); err == nil {
		t.Error("got no error for a quirk of another vendor")
	}
}

// The table of docs/providers.md has every quirk and whose it is.
func TestTheTableOfQuirksIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Simulators\n")
	got := map[Quirk]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| [^|]+ \\| ([a-z ]+) \\|$").FindAllStringSubmatch(section, -1) {
		got[Quirk(m[1])] = m[2]
	}
	want := map[Quirk]string{}
	for _, id := range all() {
		for _, q := range QuirksOf(id) {
			want[q] = strings.TrimSpace(want[q] + " " + id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/providers.md (-want +got):\n%s", diff)
	}
}

// Every quirk of every vendor has words on its page.
func TestEveryQuirkHasWords(t *testing.T) {
	for _, id := range all() {
		s := build(t, config(id))
		for _, v := range s.quirkViews() {
			if v.KO == "" || v.EN == "" {
				t.Errorf("%s: %s has no words", id, v.Name)
			}
		}
		if len(s.quirkViews()) == 0 {
			t.Errorf("%s has no quirks", id)
		}
	}
}
