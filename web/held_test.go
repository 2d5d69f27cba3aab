package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/providers"
)

// heldBy is the cookie of certificates that an answer sets, nil for none.
func heldBy(w *httptest.ResponseRecorder) (c *http.Cookie) {
	for _, one := range w.Result().Cookies() {
		if one.Name == heldCookie {
			c = one
		}
	}
	return c
}

func TestWhatADeviceHasIsReadFromItsCookie(t *testing.T) {
	many := strings.Repeat("x.", mostHeld+5)
	for cookie, want := range map[string][]string{
		"":                                  nil,
		"kakao":                             {"kakao"},
		"kakao.pass":                        {"kakao", "pass"},
		"kakao.pass.kakao":                  {"pass", "kakao"},
		"kakao..<b>.Naver.pass":             {"kakao", "pass"},
		many:                                {"x"},
		strings.Repeat("y", 33):             nil,
		strings.Repeat("a.", 900) + "kakao": nil,
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14":  {"3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"},
		"../etc/passwd.%00.naver-id":        {"naver-id"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.Header.Set("Cookie", "other=1; "+heldCookie+"="+cookie)
		got := heldOn(r)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", cookie, got, want)
		}
	}
}

func TestAPersonSaysWhichCertificatesTheyHave(t *testing.T) {
	f := &fake{login: someLogin()}
	h := newWeb(t, f, func(c *Config) { c.Secure = true })
	for name, tc := range map[string]struct {
		had  string
		said []string
		want string
	}{
		"some":                             {"", []string{"kakao", "toss"}, "kakao.toss"},
		"another":                          {"kakao", []string{"kakao", "naver"}, "kakao.naver"},
		"none any more":                    {"kakao", nil, ""},
		"of this request's routes alone":   {"oidc.kakao", []string{"toss", "nobody"}, "oidc.toss"},
		"once, however often it is posted": {"", []string{"toss", "toss"}, "toss"},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"r": {"sealed-r_1"}, "have": tc.said, "notice": {broker.NoticeFailed}, "from": {"kakao"}}
			w := post(h, "/certificates", form, "Cookie", heldCookie+"="+tc.had)
			to, err := url.Parse(w.Header().Get("Location"))
			if err != nil || w.Code != http.StatusSeeOther || to.Path != "/login" || to.Query().Get("r") != "sealed-r_1" ||
				to.Query().Get("notice") != broker.NoticeFailed || to.Query().Get("from") != "kakao" {
				t.Errorf("got %d to %v, want 303 to the same chooser with the same notice", w.Code, to)
			}
			c := heldBy(w)
			if c == nil || c.Value != tc.want || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || (c.MaxAge < 0) != (tc.want == "") {
				t.Errorf("got cookie %v, want %q", c, tc.want)
			}
		})
	}
	if w := get(h, "/certificates"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("got %d for a GET, want 405", w.Code)
	}
	if w := post(h, "/certificates", url.Values{"r": {"x"}, "have": {"kakao"}}, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || heldBy(w) != nil {
		t.Errorf("got %d and %v from another site, want 403 and no cookie", w.Code, heldBy(w))
	}
	f.err = &broker.Problem{Status: 400, Code: broker.ProblemTampered}
	if w := post(h, "/certificates", url.Values{"r": {"x"}, "have": {"kakao"}}); w.Code != 400 || heldBy(w) != nil {
		t.Errorf("got %d and %v for a request that is none, want 400 and no cookie", w.Code, heldBy(w))
	}
}

func TestAWayThatLedInIsRemembered(t *testing.T) {
	for name, step := range map[string]broker.Step{
		"by redirect":  {Redirect: "https://booking.test/cb?code=1", Proved: "naver"},
		"by form post": {Post: &broker.FormPost{Action: "https://booking.test/cb", Origin: "https://booking.test"}, Proved: "naver"},
	} {
		f := &fake{login: someLogin(), step: step}
		h := newWeb(t, f, nil)
		for _, target := range []string{"/callback/naver?code=c", "/wait/j"} {
			if c := heldBy(get(h, target, "Cookie", heldCookie+"=kakao")); c == nil || c.Value != "kakao.naver" || c.MaxAge != heldFor {
				t.Errorf("%s, %s: got %v, want kakao.naver", name, target, c)
			}
		}
	}
	f := &fake{login: someLogin(), step: broker.Step{Redirect: "https://booking.test/cb?code=1", Proved: "toss"}}
	h := newWeb(t, f, nil)
	if c := heldBy(get(h, "/wait/j/state")); c == nil || c.Value != "toss" {
		t.Errorf("asked by the script: got %v, want toss", c)
	}
	f.step.Proved = ""
	for _, target := range []string{"/callback/naver?code=c", "/wait/j", "/wait/j/state"} {
		if c := heldBy(get(h, target)); c != nil {
			t.Errorf("%s: got %v where nobody got in", target, c)
		}
	}
}

func TestTheChooserMarksWhatTheDeviceHas(t *testing.T) {
	f := &fake{login: someLogin()}
	h := newWeb(t, f, nil)
	bare := get(h, "/login?r=sealed-r_1").Body.String()
	wellFormed(t, bare)
	if strings.Contains(bare, "내 인증서") || strings.Contains(bare, " checked") || strings.Count(bare, `data-factor="1"`) != len(f.login.Routes) {
		t.Error("a device of which nothing is known has a certificate, or an order of its own")
	}
	body := get(h, "/login?r=sealed-r_1&notice=failed&from=naver", "Cookie", heldCookie+"=toss").Body.String()
	wellFormed(t, body)
	for id, want := range map[string]string{"naver": "0.010000000000000002", "kakao": "0.1", "toss": "1"} {
		li := nodes(t, body, func(n *html.Node) bool { return n.Data == "li" && attr(n, "data-id") == id })[0]
		if got := attr(li, "data-factor"); got != want {
			t.Errorf("%s weighs %s, want %s", id, got, want)
		}
		if mine := strings.Contains(text(li), "내 인증서"); mine != (id == "toss") {
			t.Errorf("%s is marked: %t", id, mine)
		}
		if ticked := has(byID(t, body, "have-"+id), "checked"); ticked != (id == "toss") {
			t.Errorf("%s is ticked: %t", id, ticked)
		}
	}
	if main := byID(t, body, "chooser"); attr(main, "data-failed") != "naver" {
		t.Errorf("the script is not told where the person was let down: %q", attr(main, "data-failed"))
	}
	f.login.Routes = []providers.Info{}
	if none := get(h, "/login?r=sealed-r_1").Body.String(); strings.Contains(none, `id="held"`) {
		t.Error("certificates are asked for where there is no route")
	}
}
