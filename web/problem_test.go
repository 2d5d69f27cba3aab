package web

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sinho/broker"
)

func TestAProblemPageGivesItsReferenceAndAWayOn(t *testing.T) {
	site := &broker.Site{Name: someLogin().Site.Name, Start: "https://booking.test/login"}
	tests := map[string]struct {
		problem   broker.Problem
		want, not []string
	}{
		"back to the site when it has a door": {
			broker.Problem{Status: 400, Code: broker.ProblemExpired, Site: site},
			[]string{`id="start" href="https://booking.test/login"`, "한빛 예약으로 돌아가 다시 시작", "Start again at Hanbit Booking", "This request has expired"},
			[]string{`id="again"`, `class="developer"`},
		},
		"in words when the site is not known": {
			broker.Problem{Status: 400, Code: broker.ProblemTampered}, []string{"처음부터 다시 시작해 주세요"}, []string{`id="start"`},
		},
		"another browser is told kindly": {
			broker.Problem{Status: 400, Code: broker.ProblemOtherBrowser, Site: site},
			[]string{"그 화면은 그대로 열려 있습니다", "still open there", `id="start"`},
			nil,
		},
		"our own failure can be repeated": {
			broker.Problem{Status: 503, Code: broker.ProblemStore}, []string{`id="again"`, "다시 시도"}, nil,
		},
		"a developer sees received against registered": {
			broker.Problem{Status: 400, Code: broker.ProblemRedirect, Developer: []string{"received https://a.test/x", "registered https://a.test/cb"}},
			[]string{"개발자에게", "received https://a.test/x\nregistered https://a.test/cb\n", "글자 하나까지"},
			[]string{`id="start"`},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.problem.Ref = "REF777"
			w := get(newWeb(t, &fake{err: &tc.problem}, nil), "/login?r=x")
			body := w.Body.String()
			wellFormed(t, body)
			if w.Code != tc.problem.Status || !strings.Contains(body, "REF777") {
				t.Errorf("got %d, want %d and the reference", w.Code, tc.problem.Status)
			}
			for _, s := range tc.want {
				if !strings.Contains(body, s) {
					t.Errorf("got a page without %q", s)
				}
			}
			for _, s := range tc.not {
				if strings.Contains(body, s) {
					t.Errorf("got a page with %q", s)
				}
			}
			if retry := w.Header().Get("Retry-After"); (retry != "") != (tc.problem.Code == broker.ProblemStore) {
				t.Errorf("got Retry-After %q", retry)
			}
		})
	}
}

func TestAProblemOfWebsOwnHasAReferenceToo(t *testing.T) {
	body := get(newWeb(t, &fake{}, nil), "/nowhere").Body.String()
	code := nodes(t, body, func(n *html.Node) bool { return n.Data == "code" })
	if len(code) != 1 || len(text(code[0])) != len("8J10-74D7") {
		t.Errorf("got %d references, want one like 8J10-74D7", len(code))
	}
	// A repeat of a POST is not offered as a link.
	w := post(newWeb(t, &fake{err: &broker.Problem{Status: 503, Code: broker.ProblemStore}}, nil), "/login/naver", url.Values{"r": {"x"}})
	if strings.Contains(w.Body.String(), `id="again"`) {
		t.Error("got a link that repeats a form")
	}
}

func TestTheSignedOutPageSpeaksBothLanguages(t *testing.T) {
	h := newWeb(t, &fake{}, nil)
	ko, en := get(h, "/logged-out").Body.String(), get(h, "/logged-out?lang=en").Body.String()
	if !strings.Contains(ko, "<h1>로그아웃했습니다</h1>") || !strings.Contains(en, "<h1>You are logged out</h1>") {
		t.Error("got pages without their heading")
	}
	wellFormed(t, ko)
}

func TestALogoutThatNobodyProvedIsAskedFirst(t *testing.T) {
	h := newWeb(t, &fake{}, nil)
	body := get(h, "/logged-out?confirm=a%22b").Body.String()
	wellFormed(t, body)
	for _, want := range []string{`<h1>로그아웃할까요?</h1>`, `action="/logout"`, `name="confirm" value="a&#34;b"`, `id="logout"`, `confirm=a%22b`} {
		if !strings.Contains(body, want) {
			t.Errorf("the question lacks %s:\n%s", want, body)
		}
	}
	if strings.Contains(body, "로그아웃했습니다") {
		t.Error("the question says it has been done")
	}
}
