package web

import (
	"net/http"
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
