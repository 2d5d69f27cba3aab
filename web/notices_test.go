package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/signal"
)

func TestEveryNoticeSaysWhatHappenedAndWhatToDo(t *testing.T) {
	codes := []string{
		broker.NoticeCancelled, broker.NoticeFailed, broker.NoticeBusy, broker.NoticeAgain, broker.NoticeConsent, broker.NoticePolicy, broker.NoticeUnder14, broker.NoticeGuardian,
		broker.NoticeSetup, broker.NoticeExpired, broker.NoticeClosed, broker.NoticeContact, broker.NoticeStore, broker.NoticeSession,
		broker.NoticeOften, broker.NoticeCrowd, broker.NoticeUnpushed, broker.NoticeBirthdate, broker.NoticePeople,
	}
	nameless := []string{broker.NoticeStore, broker.NoticeSession, broker.NoticeOften, broker.NoticeCrowd, broker.NoticeUnpushed, broker.NoticePeople}
	seen := map[string]string{}
	for _, code := range codes {
		for _, lang := range []string{"ko", "en"} {
			body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x&notice="+code+"&from=kakao&lang="+lang).Body.String()
			n := byID(t, body, "notice")
			if attr(n, "role") != "alert" {
				t.Errorf("%s: got role %q, want alert", code, attr(n, "role"))
			}
			said := text(n)
			if other, ok := seen[said]; ok {
				t.Errorf("%s says the same as %s", code, other)
			}
			seen[said] = code + " " + lang
			name := map[string]string{"ko": "카카오", "en": "Kakao"}[lang]
			if !slices.Contains(nameless, code) && !strings.Contains(said, name) {
				t.Errorf("%s: got %q, want it to name %s", code, said, name)
			}
			if strings.ContainsAny(said, "{}") {
				t.Errorf("%s: got %q with a hole", code, said)
			}
			wellFormed(t, body)
		}
	}
}

func TestARouteTheSiteAsksForComesFirstUnlessItIsClosed(t *testing.T) {
	f := &fake{login: someLogin()}
	f.login.Hint = "kakao"
	open := get(newWeb(t, f, nil), "/login?r=x").Body.String()
	if got := attr(nodes(t, open, func(n *html.Node) bool { return has(n, "data-light") && n.Data == "li" })[0], "data-id"); got != "kakao" {
		t.Errorf("got %q first, want the route asked for", got)
	}
	if strings.Contains(open, `id="notice"`) {
		t.Error("got a notice, want none while it is open")
	}
	shut := boardOf(status("naver", signal.Green), status("kakao", signal.Grey), status("toss", signal.Green))
	h := newWeb(t, f, func(c *Config) { c.Board = shut })
	for range 2 { // rendered, then kept
		closed := get(h, "/login?r=x").Body.String()
		list := nodes(t, closed, func(n *html.Node) bool { return has(n, "data-light") && n.Data == "li" })
		if got := attr(list[len(list)-1], "data-id"); got != "kakao" || !has(byID(t, closed, "login-kakao"), "disabled") {
			t.Errorf("got %q last, want the closed route, and no way into it", got)
		}
		note := byID(t, closed, "notice")
		if got := text(note); !strings.HasPrefix(got, "카카오로는 지금 로그인할 수 없습니다") || attr(note, "data-hint") != "kakao" {
			t.Errorf("got notice %q, want it to say that the route is closed", got)
		}
		if strings.Contains(attr(byID(t, closed, "refresh"), "href"), "notice") {
			t.Error("the notice sticks to the page's own link, though the light may change")
		}
	}
	f.login.Hint = "nobody"
	if body := get(h, "/login?r=x").Body.String(); strings.Contains(body, `id="notice"`) {
		t.Error("a route that is not there: got a notice, want none")
	}
}

func TestANoticeSaysHowLongItLasts(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"a number":                {"notice=often&from=toss&wait=80", "1분 20초 뒤에 다시"},
		"a network":               {"notice=crowd&from=toss&wait=40", "40초 뒤에 다시"},
		"in English":              {"notice=crowd&from=toss&wait=40&lang=en", "You can send one in 40 s."},
		"nobody knows":            {"notice=often&from=toss", "잠시 뒤에 다시"},
		"longer than it can":      {"notice=often&from=toss&wait=130", "잠시 뒤에 다시"},
		"a number of nobody's":    {"notice=often&from=toss&wait=41", "잠시 뒤에 다시"},
		"words":                   {"notice=often&from=toss&wait=<b>", "잠시 뒤에 다시"},
		"a notice without a time": {"notice=failed&from=toss&wait=40", "잘못하신 것은 없습니다"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newWeb(t, &fake{login: someLogin()}, nil)
			for range 2 { // rendered, and kept
				note := text(byID(t, get(h, "/login?r=x&"+c.query).Body.String(), "notice"))
				if !strings.Contains(note, c.want) {
					t.Errorf("got %q, want %q in it", note, c.want)
				}
				if strings.HasPrefix(c.query, "notice=failed") && strings.Contains(note, "40") {
					t.Errorf("got %q, want no time", note)
				}
			}
		})
	}
	body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x&notice=often&from=toss&wait=80").Body.String()
	if got := attr(byID(t, body, "refresh"), "href"); !strings.Contains(got, "wait=80") {
		t.Errorf("got a link %q that forgets how long", got)
	}
}

func TestANoticeIsKeptByTheLinksOfThePage(t *testing.T) {
	body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x&notice=failed&from=kakao").Body.String()
	want := url.Values{"r": {"sealed-r_1"}, "notice": {"failed"}, "from": {"kakao"}}
	if got := attr(byID(t, body, "refresh"), "href"); got != "/login?"+want.Encode() {
		t.Errorf("got refresh %q, want %q", got, want.Encode())
	}
	want.Set("lang", "en")
	link := nodes(t, body, func(n *html.Node) bool { return attr(n, "class") == "switch" })
	if got := attr(link[0], "href"); got != "/login?"+want.Encode() {
		t.Errorf("got switch %q, want %q", got, want.Encode())
	}
}

func TestAMistypedContactIsShownAgainBeforeAnyProviderIsAsked(t *testing.T) {
	tests := map[string]url.Values{
		"a date that is none":       {"name": {"홍길동"}, "birthdate": {"19901332"}, "phone": {"01000000000"}},
		"a short number":            {"name": {"홍길동"}, "birthdate": {"19900512"}, "phone": {"010"}},
		"a number of no mobile":     {"name": {"홍길동"}, "birthdate": {"19900512"}, "phone": {"0212345678"}},
		"no name":                   {"name": {"  "}, "birthdate": {"19900512"}, "phone": {"01000000000"}},
		"a name with a line break":  {"name": {"홍\x00길동"}, "birthdate": {"19900512"}, "phone": {"01000000000"}},
		"a name that never ends":    {"name": {strings.Repeat("가", 61)}, "birthdate": {"19900512"}, "phone": {"01000000000"}},
		"a name that is no UTF-8":   {"name": {"\xff\xfe"}, "birthdate": {"19900512"}, "phone": {"01000000000"}},
		"only one of three fields":  {"phone": {"01000000000"}},
		"a script instead of a day": {"name": {"홍길동"}, "birthdate": {`"><script>alert(1)</script>`}, "phone": {"01000000000"}},
	}
	for name, form := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			form.Set("r", "R")
			w := post(newWeb(t, f, nil), "/login/toss", form, "Accept-Language", "ko")
			if w.Code != http.StatusUnprocessableEntity || strings.Join(f.calls, ",") != "resume R" {
				t.Fatalf("got %d after %v, want 422 after resume only", w.Code, f.calls)
			}
			body := w.Body.String()
			byID(t, body, "notice")
			if details := byID(t, body, "open-toss").Parent; !has(details, "open") {
				t.Error("got the form folded, want it open")
			}
			if got := attr(byID(t, body, "contact-toss-phone"), "value"); got != form.Get("phone") {
				t.Errorf("got phone %q, want what was typed", got)
			}
			if strings.Contains(body, "<script>") {
				t.Error("got the typed script unescaped")
			}
		})
	}
}
