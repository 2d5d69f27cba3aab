package web

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{p}{{.}}`

// harmless fails when anything of hostile became part of the page's structure.
func harmless(t *testing.T, body string) {
	t.Helper()
	bad := nodes(t, body, func(n *html.Node) bool {
		return (n.Data == "script" && attr(n, "src") == "") || has(n, "onerror") || strings.HasPrefix(attr(n, "href"), "javascript:")
	})
	if len(bad) > 0 || strings.Contains(body, "<script>alert") {
		t.Errorf("got markup from a stranger: %d elements", len(bad))
	}
}

func TestAttackXSSThroughNamesAndAddresses(t *testing.T) {
	evil := providers.Text{KO: hostile, EN: hostile}
	tests := map[string]struct {
		login  func(*broker.Login)
		reason string
		query  string
	}{
		"a site's name":     {login: func(l *broker.Login) { l.Site.Name = evil }},
		"a site's id":       {login: func(l *broker.Login) { l.Site.Name = providers.Text{}; l.Site.ID = hostile }},
		"a site's door":     {login: func(l *broker.Login) { l.Site.Start = "javascript:alert(1)//" + hostile }},
		"a site's origin":   {login: func(l *broker.Login) { l.Site.Origin = hostile }},
		"a provider's name": {login: func(l *broker.Login) { l.Routes[0].Name = evil }},
		"a seed":            {login: func(l *broker.Login) { l.Seed = hostile }},
		"a sealed request":  {login: func(l *broker.Login) { l.Sealed = hostile }},
		"a reference":       {login: func(l *broker.Login) { l.Ref = hostile }},
		"a light's reason":  {reason: hostile},
		"a notice's code":   {query: "&notice=" + url.QueryEscape(hostile)},
		"a notice's from":   {query: "&notice=failed&from=" + url.QueryEscape(hostile)},
		"a language":        {query: "&lang=" + url.QueryEscape(hostile)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			if tc.login != nil {
				tc.login(&f.login)
			}
			s := status("naver", signal.Green)
			if tc.reason != "" {
				s.Reason.KO, s.Reason.EN = tc.reason, tc.reason
			}
			w := get(newWeb(t, f, func(c *Config) { c.Board = boardOf(s) }), "/login?r=x"+tc.query)
			harmless(t, w.Body.String())
			if p := w.Header().Get("Content-Security-Policy"); strings.ContainsAny(p, "<>\"{") {
				t.Errorf("got a policy %q with a stranger's words", p)
			}
			if tc.query != "" && strings.Contains(w.Body.String(), "alert(") {
				t.Error("got the address's words on the page, want them dropped")
			}
		})
	}
}

func TestAttackXSSThroughProblemPages(t *testing.T) {
	p := &broker.Problem{
		Status: 400, Code: broker.ProblemRedirect, Ref: hostile, Developer: []string{"received " + hostile},
		Site: &broker.Site{Name: providers.Text{KO: hostile}, Start: "javascript:alert(1)"},
	}
	harmless(t, get(newWeb(t, &fake{err: p}, nil), "/login?r=x").Body.String())
	p.Code = broker.ProblemStore
	body := get(newWeb(t, &fake{err: p}, nil), "//evil.test/../login?x="+url.QueryEscape(hostile)).Body.String()
	harmless(t, body)
	body = get(newWeb(t, &fake{err: p}, nil), "/login?x=1&y='\"<b>").Body.String()
	if got := attr(byID(t, body, "again"), "href"); !strings.HasPrefix(got, "?x=1&y=") {
		t.Errorf("got way on %q, want the same page", got)
	}
}

func TestANoticeNobodyKnowsIsNotShown(t *testing.T) {
	for _, query := range []string{"notice=hacked", "notice=", "notice=someone", "notice=cancelled.next", "from=naver"} {
		body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x&"+query).Body.String()
		if strings.Contains(body, `id="notice"`) {
			t.Errorf("%s: got a notice, want none", query)
		}
	}
	body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x&notice=failed&from=elsewhere").Body.String()
	if said := text(byID(t, body, "notice")); !strings.Contains(said, "선택한 곳이 응답하지 않아") {
		t.Errorf("got %q, want a provider that is not offered left unnamed", said)
	}
}

func FuzzChooserAddress(f *testing.F) {
	for _, s := range []string{"r=x&notice=failed&from=kakao", "notice=%00", "lang=en&notice=" + hostile, "r=%zz", "from=toss&notice=contact"} {
		f.Add(s, "ko;q=0.5,en", "KAKAOTALK")
	}
	f.Fuzz(func(t *testing.T, query, languages, agent string) {
		h := newWeb(t, &fake{login: someLogin()}, nil)
		r := httptestRequest(query)
		r.Header.Set("Accept-Language", languages)
		w := do(h, r, []string{"User-Agent", agent})
		if w.Code != 200 {
			t.Fatalf("got %d, want 200", w.Code)
		}
		harmless(t, w.Body.String())
	})
}
