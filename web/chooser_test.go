package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

func TestTheChooserShows(t *testing.T) {
	until := noon.Add(25 * time.Minute)
	grey := status("kakao", signal.Grey)
	grey.Until = &until
	end := time.Date(noon.Year(), noon.Month(), noon.Day()+2, 4, 0, 0, 0, korea)
	longer, planned := status("naver", signal.Grey), status("naver", signal.Green)
	longer.Until = &end
	planned.Planned = &signal.Period{From: noon.Add(30 * time.Minute), To: end}
	contact := &providers.Contact{Name: "홍길동", Birthdate: "19900512", Phone: "01000000000"}
	tests := map[string]struct {
		login  func(*broker.Login)
		config func(*Config)
		query  string
		want   []string
		not    []string
	}{
		"which site asks and where the answer goes": {
			want: []string{"한빛 예약에서 로그인을 요청했습니다", "booking.test", "REF12345", "<html lang=\"ko\">", "추천"},
			not:  []string{"login-continue", `id="notice"`, "카카오톡"},
		},
		"a light as shape, word, colour and reason": {
			config: func(c *Config) {
				c.Board = boardOf(status("naver", signal.Green), status("kakao", signal.Red), status("toss", signal.Yellow))
			},
			want: []string{"●", "원활", "Smooth", "■", "혼잡", "▲", "지연", "kakao 이유", `data-light="red"`, "12:00:00 기준"},
		},
		"a route the board lacks as not yet measured": {
			config: func(c *Config) { c.Board = boardOf(status("naver", signal.Green)) },
			want:   []string{"아직 측정된 로그인이 적습니다", `data-light="yellow"`},
		},
		"everything without any board": {
			config: func(c *Config) { c.Board = nil },
			want:   []string{"login-naver", "login-kakao", "login-toss", "아직 측정된 로그인이 적습니다"},
			not:    []string{"기준 신호"},
		},
		"until when a closed route is closed": {
			config: func(c *Config) { c.Board = boardOf(status("naver", signal.Green), grey, status("toss", signal.Green)) },
			want:   []string{"✕", "선택불가", "12:25까지 닫혀 있습니다", "kakao 이유"},
		},
		"the day too, when a route is closed beyond today": {
			config: func(c *Config) { c.Board = boardOf(longer) },
			want:   []string{"3월 4일 04:00까지 닫혀 있습니다"},
		},
		"a maintenance that begins soon, on a route that can be chosen": {
			config: func(c *Config) { c.Board = boardOf(planned) },
			want:   []string{"12:30부터 3월 4일 04:00까지 점검으로 닫힙니다", `data-light="green"`},
		},
		"in English as well": {
			config: func(c *Config) { c.Board = boardOf(planned) },
			query:  "&lang=en",
			want:   []string{"Closes for maintenance from 12:30 to 3/4 04:00 (Korean time)", "A line of the operator&#39;s"},
			login: func(l *broker.Login) {
				l.Routes[0].Notice = providers.Text{KO: "운영자의 한 줄", EN: "A line of the operator's"}
			},
		},
		"the operator's own line about a route": {
			login: func(l *broker.Login) {
				l.Routes[0].Notice = providers.Text{KO: "운영자의 한 줄", EN: "A line of the operator's"}
			},
			want: []string{"운영자의 한 줄"},
			not:  []string{"A line of"},
		},
		"that a closed route without an end opens again": {
			config: func(c *Config) {
				c.Board = boardOf(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Grey))
			},
			want: []string{"회복되면 바로 다시 열립니다", "<fieldset disabled>"},
		},
		"that this server measured alone": {
			config: func(c *Config) {
				c.Board = func() signal.Board { return signal.Board{At: noon, Local: true} }
			},
			want: []string{`id="local">`},
		},
		"single sign-on above the routes": {
			login: func(l *broker.Login) { l.Continue = true },
			want:  []string{`action="/login/continue"`, "한빛 예약으로 계속하기", "Continue to Hanbit Booking", "또는 다른 방법으로"},
		},
		"a demo contact with a note": {
			config: func(c *Config) { c.DemoContact = contact },
			want:   []string{"시연용입니다", `value="홍길동"`, `value="19900512"`, `value="01000000000"`},
		},
		"a request that is about to expire": {
			login: func(l *broker.Login) { l.Expires = noon.Add(90 * time.Second) },
			want:  []string{"이 요청은 곧 만료됩니다", "1분 30초 안에", `id="expiry" role="status">`},
		},
		"a request with time left without a warning": {
			want: []string{`id="expiry" role="status" hidden>`, `data-left="1200000"`},
		},
		"that no route meets what the site asks": {
			login: func(l *broker.Login) { l.Routes = nil },
			want:  []string{"확인 수준을 갖춘 방법이 없습니다"},
		},
		"English when the person wants it, with Korean beside": {
			query: "&lang=en",
			want:  []string{`<html lang="en">`, "Hanbit Booking asks you to log in", "Log in with Naver", "Smooth", "naver reason", "Suggested", "추천"},
			not:   []string{"네이버로 로그인", "naver 이유"},
		},
		"a site without a name by its id": {
			login: func(l *broker.Login) { l.Site.Name = providers.Text{} },
			want:  []string{"booking에서 로그인을 요청했습니다"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			if tc.login != nil {
				tc.login(&f.login)
			}
			w := get(newWeb(t, f, tc.config), "/login?r=sealed-r_1"+tc.query)
			body := w.Body.String()
			if w.Code != http.StatusOK {
				t.Fatalf("got %d, want 200: %s", w.Code, body)
			}
			for _, s := range tc.want {
				if !strings.Contains(body, s) {
					t.Errorf("got a page without %q", s)
				}
			}
			for _, s := range tc.not {
				if strings.Contains(body, s) {
					t.Errorf("got a page with %q, want it absent", s)
				}
			}
			wellFormed(t, body)
		})
	}
}

// wellFormed checks what every page keeps: ids once, labels and descriptions
// that lead somewhere, no inline script or style, a language on the page.
func wellFormed(t *testing.T, body string) {
	t.Helper()
	ids := map[string]int{}
	nodes(t, body, func(n *html.Node) bool {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		return false
	})
	for id, n := range ids {
		if n != 1 {
			t.Errorf("got id %q %d times, want once", id, n)
		}
	}
	nodes(t, body, func(n *html.Node) bool {
		for _, key := range []string{"for", "aria-describedby", "aria-labelledby"} {
			for ref := range strings.FieldsSeq(attr(n, key)) {
				if ids[ref] == 0 {
					t.Errorf("got %s=%q that leads nowhere", key, ref)
				}
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.Contains(a.Val, "ZgotmplZ") {
				t.Errorf("got <%s %s=%q>, want none such", n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "style" || (n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil)) {
			t.Errorf("got an inline <%s>", n.Data)
		}
		if n.Data == "img" && !has(n, "alt") {
			t.Error("got an image without alt")
		}
		return false
	})
	if strings.Count(body, "<h1") != 1 {
		t.Errorf("got %d h1, want 1", strings.Count(body, "<h1"))
	}
}

func TestEveryRouteIsAFormThatNeedsNoScript(t *testing.T) {
	f := &fake{login: someLogin()}
	f.login.Continue = true
	body := get(newWeb(t, f, nil), "/login?r=sealed-r_1").Body.String()
	for _, id := range []string{"naver", "kakao", "toss", "continue"} {
		button := byID(t, body, "login-"+id)
		form := button
		for form != nil && form.Data != "form" {
			form = form.Parent
		}
		if form == nil || attr(form, "method") != "post" || attr(form, "action") != "/login/"+id {
			t.Fatalf("%s: got no POST form to /login/%s around its button", id, id)
		}
		fields := map[string]string{}
		for n := range form.Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" {
				fields[attr(n, "name")] = attr(n, "autocomplete")
				if attr(n, "name") == "r" && attr(n, "value") != "sealed-r_1" {
					t.Errorf("%s: got r %q, want the sealed request", id, attr(n, "value"))
				}
			}
		}
		want := 1
		if id == "toss" {
			want = 4
			if fields["name"] != "name" || fields["birthdate"] != "bday" || fields["phone"] != "tel-national" {
				t.Errorf("got autocomplete %v, want name, bday and tel-national", fields)
			}
		}
		if _, ok := fields["r"]; !ok || len(fields) != want || attr(button, "type") != "submit" {
			t.Errorf("%s: got fields %v, want r and %d more", id, fields, want-1)
		}
	}
	if strings.Contains(body, `http-equiv="refresh"`) {
		t.Error("got a chooser that refreshes itself under its reader")
	}
	if got := attr(byID(t, body, "refresh"), "href"); got != "/login?r=sealed-r_1" {
		t.Errorf("got refresh link %q", got)
	}
}

func TestAClosedRouteCannotBeChosenAndComesLast(t *testing.T) {
	board := boardOf(status("naver", signal.Grey), status("kakao", signal.Green), status("toss", signal.Grey))
	body := get(newWeb(t, &fake{login: someLogin()}, func(c *Config) { c.Board = board }), "/login?r=x").Body.String()
	for id, want := range map[string]bool{"naver": true, "kakao": false, "toss": true} {
		if got := has(byID(t, body, "login-"+id), "disabled"); got != want {
			t.Errorf("%s: got disabled %v, want %v", id, got, want)
		}
	}
	cards := nodes(t, body, func(n *html.Node) bool { return n.Data == "li" && has(n, "data-id") })
	if got := attr(cards[0], "data-id"); got != "kakao" || attr(cards[0], "class") != "route first" {
		t.Errorf("got %q first, want kakao as the suggestion", got)
	}
	if !has(byID(t, body, "shut"), "hidden") {
		t.Error("got the word that everything is closed while kakao is open")
	}
	board = boardOf(status("naver", signal.Grey), status("kakao", signal.Grey), status("toss", signal.Grey))
	body = get(newWeb(t, &fake{login: someLogin()}, func(c *Config) { c.Board = board }), "/login?r=x").Body.String()
	if has(byID(t, body, "shut"), "hidden") || strings.Contains(body, `class="route first"`) {
		t.Error("got a suggestion or no word while everything is closed")
	}
}

func TestEveryNoticeSaysWhatHappenedAndWhatToDo(t *testing.T) {
	codes := []string{
		broker.NoticeCancelled, broker.NoticeFailed, broker.NoticeBusy, broker.NoticeAgain, broker.NoticeConsent, broker.NoticePolicy, broker.NoticeUnder14, broker.NoticeGuardian,
		broker.NoticeSetup, broker.NoticeExpired, broker.NoticeClosed, broker.NoticeContact, broker.NoticeStore, broker.NoticeSession,
		broker.NoticeOften, broker.NoticeCrowd, broker.NoticeUnpushed,
	}
	nameless := []string{broker.NoticeStore, broker.NoticeSession, broker.NoticeOften, broker.NoticeCrowd, broker.NoticeUnpushed}
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

func TestAnAppsOwnBrowserIsTold(t *testing.T) {
	tests := map[string]struct{ agent, start, name, link string }{
		"KakaoTalk":           {"Mozilla/5.0 Mobile Safari/537.36 KAKAOTALK/11.3.1 (INAPP)", "https://b.test/x?y=1", "카카오톡", "kakaotalk://web/openExternal?url=https%3A%2F%2Fb.test%2Fx%3Fy%3D1"},
		"NAVER":               {"Mozilla/5.0 Safari/605.1 NAVER(inapp; search; 720; 10.25.0)", "https://b.test/", "네이버 앱", "https://b.test/"},
		"Instagram":           {"Mozilla/5.0 Mobile/15E148 Instagram 300.0", "https://b.test/", "인스타그램", "https://b.test/"},
		"LINE":                {"Mozilla/5.0 Safari Line/13.1", "https://b.test/?a=b", "라인", "https://b.test/?a=b&openExternalBrowser=1"},
		"a site with no door": {"KAKAOTALK", "", "카카오톡", ""},
		"a door that is none": {"KAKAOTALK", "javascript:alert(1)", "카카오톡", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			f.login.Site.Start = tc.start
			body := get(newWeb(t, f, nil), "/login?r=x", "User-Agent", tc.agent).Body.String()
			if !strings.Contains(body, tc.name+" 안에서 열린 화면입니다") {
				t.Error("got no word about the app")
			}
			links := nodes(t, body, func(n *html.Node) bool {
				return n.Data == "a" && strings.HasPrefix(text(n), "브라우저에서 ")
			})
			got := ""
			if len(links) == 1 {
				got = attr(links[0], "href")
			}
			if got != tc.link {
				t.Errorf("got link %q, want %q", got, tc.link)
			}
		})
	}
	body := get(newWeb(t, &fake{login: someLogin()}, nil), "/login?r=x", "User-Agent", "Mozilla/5.0 (iPhone) Safari/605.1").Body.String()
	if strings.Contains(body, "안에서 열린 화면") {
		t.Error("got a word about an app in Safari")
	}
}
