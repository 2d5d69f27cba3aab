package sim

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// inputs lists the form controls of a page in their order.
type input struct {
	tag, kind, name, value, id string
	checked                    bool
}

func inputs(t *testing.T, page string) []input {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("parse page: %v", err)
	}
	var all []input
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || (n.Data != "input" && n.Data != "button") {
			continue
		}
		in := input{tag: n.Data}
		for _, a := range n.Attr {
			switch a.Key {
			case "type":
				in.kind = a.Val
			case "name":
				in.name = a.Val
			case "value":
				in.value = a.Val
			case "id":
				in.id = a.Val
			case "checked":
				in.checked = true
			}
		}
		all = append(all, in)
	}
	return all
}

func wanted() url.Values {
	return url.Values{
		"client_id": {testClient}, "redirect_uri": {testBack}, "response_type": {"code"}, "scope": {"openid"},
		"state": {`"><script>alert(1)</script>`}, "nonce": {"n"}, "foreign": {"dropped"},
	}
}

func TestTheLoginPageIsAPlainForm(t *testing.T) {
	for id, path := range map[string]string{"naver": naverDoor, "kakao": kakaoDoor, "oidc": genericDoor} {
		t.Run(id, func(t *testing.T) {
			s := build(t, config(id))
			res := get(s, path+"?"+wanted().Encode())
			if res.status != http.StatusOK || strings.Contains(res.body, "<script") || !strings.Contains(res.body, "신호") {
				t.Fatalf("got %d %s, want a page without scripts that names the client", res.status, res.body)
			}
			var submits, people []input
			hidden := url.Values{}
			for _, in := range inputs(t, res.body) {
				switch in.kind {
				case "submit":
					submits = append(submits, in)
				case "radio":
					people = append(people, in)
				case "hidden":
					hidden.Set(in.name, in.value)
				}
			}
			if len(submits) != 2 || submits[0].name != "approve" || submits[0].id != "approve" || submits[1].name != "cancel" || submits[1].id != "cancel" {
				t.Errorf("got buttons %+v, want approve first and cancel second", submits)
			}
			if len(people) != len(Everybody()) || !people[0].checked || people[0].name != "person" || people[1].checked {
				t.Errorf("got people %+v, want all of them with the first chosen", people)
			}
			if hidden.Get("state") != `"><script>alert(1)</script>` || hidden.Has("foreign") || hidden.Get("nonce") != "n" {
				t.Errorf("got hidden fields %v, want the request's own and no others", hidden)
			}
			policy := res.header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http: https:"} {
				if !strings.Contains(policy, want) {
					t.Errorf("got policy %q, want %q in it", policy, want)
				}
			}
		})
	}
}

func TestNobodyIsSentToAnUnregisteredPlace(t *testing.T) {
	for _, tt := range []struct{ name, key, value, want string }{
		{"another redirect URI", "redirect_uri", "http://evil.test/", "KOE006"},
		{"a longer redirect URI", "redirect_uri", testBack + "/x", "KOE006"},
		{"a redirect URI with a query", "redirect_uri", testBack + "?a=b", "KOE006"},
		{"no redirect URI", "redirect_uri", "", "KOE006"},
		{"another client", "client_id", "other", "KOE101"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := build(t, config("kakao"))
			form := wanted()
			form.Set(tt.key, tt.value)
			form.Set("approve", "yes")
			form.Set("person", "0")
			for _, res := range []result{get(s, kakaoDoor+"?"+form.Encode()), postForm(s, kakaoDoor, form)} {
				if res.status != http.StatusBadRequest || !strings.Contains(res.body, tt.want) || res.header.Get("Location") != "" {
					t.Errorf("got %d to %q, want a page that shows %s", res.status, res.header.Get("Location"), tt.want)
				}
			}
		})
	}
}

func TestOnlyAPressedButtonApproves(t *testing.T) {
	s := build(t, config("oidc"))
	form := wanted()
	form.Set("person", "0")
	if res := postForm(s, genericDoor, form); res.status != http.StatusOK || !strings.Contains(res.body, `id="approve"`) {
		t.Errorf("got %d without a button, want the page", res.status)
	}
	form.Set("approve", "yes")
	for _, person := range []string{"", strconv.Itoa(len(Everybody())), "-1", "hong"} {
		form.Set("person", person)
		if res := postForm(s, genericDoor, form); res.status != http.StatusBadRequest || res.header.Get("Location") != "" {
			t.Errorf("person %q: got %d, want the page again", person, res.status)
		}
	}
	form.Set("person", "0")
	r := httptest.NewRequest(http.MethodPost, genericDoor, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := ask(s, r); res.status != http.StatusOK || res.header.Get("Location") != "" {
		t.Errorf("got %d to %q for another site's press, want the page", res.status, res.header.Get("Location"))
	}
}

func TestTheControlPageHasEveryFieldAndNoInlineScript(t *testing.T) {
	for _, id := range all() {
		s := build(t, config(id))
		res := get(s, "/")
		var names []string
		for _, in := range inputs(t, res.body) {
			if in.name == "quirk" {
				continue // of a form of its own
			}
			if in.name != "" && !slices.Contains(names, in.name) {
				names = append(names, in.name)
			}
		}
		want := []string{"latency_ms", "capacity_per_s", "error_rate", "hang", "page_hang", "down", "fault", "approve"}
		if !slices.Equal(names, want) {
			t.Errorf("%s: got fields %v, want %v", id, names, want)
		}
		if strings.Contains(res.body, "<script>") || strings.Contains(res.body, " onclick") || strings.Contains(res.body, "style=") {
			t.Errorf("%s: got something inline in the page", id)
		}
		if !strings.Contains(res.header.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s: got policy %q", id, res.header.Get("Content-Security-Policy"))
		}
		for file, kind := range map[string]string{"sim.css": "text/css", "sim.js": "text/javascript", "person.svg": "image/svg+xml"} {
			if res := get(s, "/control/static/"+file); res.status != http.StatusOK || !strings.HasPrefix(res.header.Get("Content-Type"), kind) {
				t.Errorf("%s: got %d %q for %s, want %s", id, res.status, res.header.Get("Content-Type"), file, kind)
			}
		}
		if res := get(s, "/static/"); res.status != http.StatusNotFound {
			t.Errorf("%s: got %d for the folder, want 404", id, res.status)
		}
	}
}

// Whatever is asked of the authorize page, nobody is sent anywhere but to the
// registered place, and nothing breaks.
func FuzzAuthorize(f *testing.F) {
	s, err := New(config("oidc"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Add(wanted().Encode())
	f.Add("client_id=sinho&redirect_uri=" + url.QueryEscape(testBack) + "&response_type=token&state=%00")
	f.Add("client_id=sinho&redirect_uri=http%3A%2F%2Fevil.test&redirect_uri=" + url.QueryEscape(testBack))
	f.Add("%zz;;=&client_id")
	f.Add("client_id=sinho&redirect_uri=" + url.QueryEscape(testBack) + "&response_type=code&approve=1&person=0&state=%0d%0aX:%20y")
	f.Fuzz(func(t *testing.T, query string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, genericDoor, strings.NewReader(""))
			if method == http.MethodGet {
				r.URL.RawQuery = query
			} else {
				r = httptest.NewRequest(method, genericDoor, strings.NewReader(query))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			res := ask(s, r)
			if res.dropped || res.status >= 500 {
				t.Fatalf("%s %q: got %d", method, query, res.status)
			}
			if to := res.header.Get("Location"); to != "" && !strings.HasPrefix(to, testBack+"?") {
				t.Fatalf("%s %q: sent to %q", method, query, to)
			}
		}
	})
}

// TestEverybodyOfACrowdIsOnePerson finds each by what they would type.
func TestEverybodyOfACrowdIsOnePerson(t *testing.T) {
	const crowd = 500
	all := withCrowd(Everybody(), crowd, nil)
	cis := map[string]bool{}
	for _, p := range all {
		cis[p.CI] = true
		if k, ok := find(all, p.Name, p.digits(), p.Phone); !ok || all[k].CI != p.CI {
			t.Fatalf("%+v is found as number %d", p, k)
		}
	}
	if len(cis) != len(all) {
		t.Errorf("%d people have %d CI", len(all), len(cis))
	}
}

// TestACrowdComesOneAfterTheOther looks at the page of a simulator that has one:
// whoever only presses the button is somebody else each time.
func TestACrowdComesOneAfterTheOther(t *testing.T) {
	cfg := config("oidc")
	cfg.Crowd = 500
	s := build(t, cfg)
	seen := map[string]bool{}
	for range 20 {
		var people []input
		for _, in := range inputs(t, get(s, genericDoor+"?"+wanted().Encode()).body) {
			if in.kind == "radio" {
				people = append(people, in)
			}
		}
		last := people[len(people)-1]
		if len(people) != len(Everybody())+1 || people[0].checked || !last.checked {
			t.Fatalf("got people %+v, want the named ones and one of the crowd, chosen", people)
		}
		k, err := strconv.Atoi(last.value)
		if err != nil || k < len(Everybody()) || k >= len(s.populace().all) {
			t.Fatalf("got person %q, want one of the crowd", last.value)
		}
		seen[last.value] = true
	}
	if len(seen) < 10 {
		t.Errorf("of 20 people %d are different", len(seen))
	}
	if _, err := New(Config{ID: "pass", Base: "http://localhost:1", ClientID: "a", ClientSecret: "b", Crowd: MaxCrowd + 1}); err == nil {
		t.Error("a crowd beyond the limit is let in")
	}
}

func TestACrowdCanBeBornOnCertainDays(t *testing.T) {
	s := build(t, config("oidc"))
	if len(s.Crowd()) != 0 {
		t.Fatalf("got %d, want no crowd to begin with", len(s.Crowd()))
	}
	if err := s.SetCrowd(40, []int{9, 19}); err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, p := range s.Crowd() {
		days[p.day()]++
	}
	if len(days) != 2 || days["09"] != 20 || days["19"] != 20 {
		t.Errorf("got %v, want twenty of each day", days)
	}
	for _, bad := range [][]int{{0}, {29}} {
		if err := s.SetCrowd(1, bad); err == nil {
			t.Errorf("days %v were taken", bad)
		}
	}
	if err := s.SetCrowd(MaxCrowd+1, nil); err == nil {
		t.Error("a crowd beyond the most was taken")
	}
}
