package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sinho/broker"
)

const bound = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func TestEveryAnswerCarriesTheBound(t *testing.T) {
	wait := broker.Step{Wait: &broker.Wait{Journey: "j", Login: someLogin(), Provider: someRoutes()[2], Phrase: "맑은 강 12", Expires: noon}}
	routes := bound + " https://nid.naver.test https://kauth.kakao.test https://accounts.kakao.test https://booking.test"
	tests := map[string]struct {
		fake   fake
		target string
		policy string
	}{
		"the chooser names its routes and its site": {fake{login: someLogin()}, "/login?r=x", routes},
		"the waiting page too":                      {fake{step: wait}, "/wait/j", routes},
		"a redirect":                                {fake{step: broker.Step{Redirect: "/"}}, "/callback/naver", bound},
		"a problem leads nowhere by form":           {fake{err: &broker.Problem{Status: 400, Code: broker.ProblemExpired}}, "/login", bound},
		"the page after logging out":                {fake{}, "/logged-out", bound},
		"a page that is not":                        {fake{}, "/nowhere", bound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := get(newWeb(t, &tc.fake, nil), tc.target).Header()
			for key, want := range map[string]string{
				"Content-Security-Policy": tc.policy, "Referrer-Policy": "same-origin",
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			} {
				if got := h.Get(key); got != want {
					t.Errorf("got %s %q, want %q", key, got, want)
				}
			}
			if h.Get("Cross-Origin-Opener-Policy") != "" {
				t.Error("got an opener policy, want none: it cuts a popup's opener")
			}
		})
	}
}

func TestSource(t *testing.T) {
	tests := map[string]struct{ origin, want string }{
		"an https origin":                 {"https://a.test", "https://a.test"},
		"a loopback port":                 {"http://127.0.0.1:8081", "http://127.0.0.1:8081"},
		"a trailing slash":                {"https://a.test/", "https://a.test"},
		"an app's own scheme":             {"com.example.app:/cb", "com.example.app:"},
		"a loopback of IPv6":              {"http://[::1]:80", "http:"},
		"nothing":                         {"", ""},
		"a path":                          {"https://a.test/x", ""},
		"a user":                          {"https://u@a.test", ""},
		"a query":                         {"https://a.test?x", ""},
		"another directive":               {"https://a.test; script-src *", ""},
		"another source":                  {"https://a.test https://b.test", ""},
		"a wildcard":                      {"https://*.test", ""},
		"a keyword":                       {"'unsafe-inline'", ""},
		"a line break":                    {"https://a.test\r\nX: y", ""},
		"a script":                        {"javascript:alert(1)", ""},
		"data":                            {"data:text/html,x", ""},
		"no host":                         {"https://", ""},
		"null, the origin of nobody":      {"null", ""},
		"a host beyond ASCII is not sent": {"https://한글.test", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := source(tc.origin); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzSource(f *testing.F) {
	for _, s := range []string{"https://a.test", "com.x:/", "https://a.test; x", "http://[::1]", "'self'", "//x", "https://a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		if got := source(origin); strings.ContainsAny(got, " ;,'\"\r\n\t*") {
			t.Errorf("got %q from %q, want one plain source", got, origin)
		}
	})
}

func TestAttackCrossSiteForms(t *testing.T) {
	tests := map[string]struct {
		target string
		header []string
		status int
		calls  int
	}{
		"a route from another site":           {"/login/naver", []string{"Sec-Fetch-Site", "cross-site"}, 403, 0},
		"a route from a sibling origin":       {"/login/naver", []string{"Sec-Fetch-Site", "same-site"}, 403, 0},
		"a session from another site":         {"/login/continue", []string{"Sec-Fetch-Site", "cross-site"}, 403, 0},
		"leaving a wait from another site":    {"/wait/j/leave", []string{"Sec-Fetch-Site", "cross-site"}, 403, 0},
		"another origin of an older browser":  {"/login/naver", []string{"Origin", "https://evil.test"}, 403, 0},
		"a route from our own page":           {"/login/naver", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 303, 1},
		"our own origin of an older browser":  {"/login/naver", []string{"Origin", "http://example.com"}, 303, 1},
		"a form_post callback from elsewhere": {"/callback/kakao", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://kauth.kakao.test"}, 303, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{step: broker.Step{Redirect: "/next"}}
			w := post(newWeb(t, f, nil), tc.target, url.Values{"r": {"x"}}, tc.header...)
			if w.Code != tc.status || len(f.calls) != tc.calls {
				t.Errorf("got %d after %v, want %d after %d calls", w.Code, f.calls, tc.status, tc.calls)
			}
		})
	}
}

func TestOnlyTheRightMethodsReachAStep(t *testing.T) {
	tests := map[string]struct {
		method, target, allow string
		status                int
	}{
		"a preview of a callback spends nothing": {"HEAD", "/callback/naver?code=c", "GET, POST", 405},
		"a preview of a wait ends nothing":       {"HEAD", "/wait/j", "GET", 405},
		"nor of its state":                       {"HEAD", "/wait/j/state", "GET", 405},
		"a reload of a route's address":          {"GET", "/login/naver", "POST", 405},
		"a reload of the session's address":      {"GET", "/login/continue", "POST", 405},
		"leaving is pressed, not followed":       {"GET", "/wait/j/leave", "POST", 405},
		"a form to the chooser":                  {"POST", "/login", "GET, HEAD", 405},
		"a delete":                               {"DELETE", "/callback/naver", "GET, POST", 405},
		"a form to a file":                       {"POST", "/static/sinho.css", "GET, HEAD", 405},
		"an address that is not":                 {"GET", "/favicon.ico", "", 404},
		"a file that is not":                     {"GET", "/static/x.css", "", 404},
		"a template is no file":                  {"GET", "/static/..%2ftemplates%2flayout.html", "", 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			w := httptest.NewRecorder()
			newWeb(t, f, nil).ServeHTTP(w, httptest.NewRequest(tc.method, tc.target, nil))
			if w.Code != tc.status || w.Header().Get("Allow") != tc.allow || len(f.calls) != 0 {
				t.Errorf("got %d, Allow %q, calls %v; want %d, %q, none", w.Code, w.Header().Get("Allow"), f.calls, tc.status, tc.allow)
			}
		})
	}
	f := &fake{login: someLogin()}
	w := httptest.NewRecorder()
	newWeb(t, f, nil).ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/login?r=x", nil))
	if w.Code != http.StatusOK {
		t.Errorf("HEAD /login: got %d, want 200", w.Code)
	}
}

func TestABodyIsBounded(t *testing.T) {
	tests := map[string]struct {
		target string
		size   int
		status int
	}{
		"a form that is too large":     {"/login/naver", maxForm + 1, 413},
		"a session that is too large":  {"/login/continue", maxForm + 1, 413},
		"a callback that is too large": {"/callback/kakao", maxCallback + 1, 413},
		"a callback with an ID token":  {"/callback/kakao", maxForm + 1, 303},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{step: broker.Step{Redirect: "/next"}}
			w := post(newWeb(t, f, nil), tc.target, url.Values{"r": {strings.Repeat("a", tc.size)}})
			if w.Code != tc.status {
				t.Errorf("got %d, want %d", w.Code, tc.status)
			}
		})
	}
	f := &fake{step: broker.Step{Redirect: "/next"}}
	r := httptest.NewRequest(http.MethodPost, "/login/naver", strings.NewReader("r=%zz"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := do(newWeb(t, f, nil), r, nil); w.Code != http.StatusBadRequest || len(f.calls) != 0 {
		t.Errorf("a broken body: got %d after %v, want 400", w.Code, f.calls)
	}
}
