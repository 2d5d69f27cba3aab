package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/providers"
)

// august is a time of the clock in Seoul in August 2021.
func august(t *testing.T, day, hour int) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2021, 8, day, hour, 0, 0, 0, zone)
}

func turnOf(t *testing.T, day, digit int) broker.Turn {
	return broker.Turn{Digit: digit, BornFrom: 1972, BornTo: 2003, From: august(t, day, 20), To: august(t, day+1, 18)}
}

func TestTheChooserSaysWhoseTurnItIs(t *testing.T) {
	nine := turnOf(t, 9, 9)
	years := broker.Turn{Digit: -1, BornFrom: 1972, BornTo: 1985, From: august(t, 19, 20), To: august(t, 20, 18)}
	everybody := broker.Turn{Digit: -1, From: august(t, 21, 20)}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		today  *broker.Today
		ko, en string // "" for no line
	}{
		"no rota": {nil, "", ""},
		"a digit, with its days": {
			&broker.Today{Open: true, Turns: []broker.Turn{nine}},
			"지금 차례: 1972~2003년생, 생일 9·19·29일 (8월 9일 20:00 ~ 8월 10일 18:00)",
			"Now: born 1972–2003 on a 9th, 19th or 29th (9 Aug 20:00 – 10 Aug 18:00, Korean time)",
		},
		"a nought": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: 0, From: august(t, 10, 20), To: august(t, 11, 18)}}},
			"지금 차례: 생일 10·20·30일 (8월 10일 20:00 ~ 8월 11일 18:00)",
			"Now: born on a 10th, 20th or 30th (10 Aug 20:00 – 11 Aug 18:00, Korean time)",
		},
		"a one": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: 1, From: august(t, 11, 9), To: august(t, 11, 18)}}},
			"지금 차례: 생일 1·11·21·31일 (8월 11일 09:00 ~ 18:00)",
			"Now: born on a 1st, 11th, 21st or 31st (11 Aug 09:00 – 18:00, Korean time)",
		},
		"between windows the next": {
			&broker.Today{Turns: []broker.Turn{turnOf(t, 10, 0)}},
			"지금은 쉬는 시간. 다음 차례: 1972~2003년생, 생일 10·20·30일 (8월 10일 20:00 ~ 8월 11일 18:00)",
			"Closed now. Next: born 1972–2003 on a 10th, 20th or 30th (10 Aug 20:00 – 11 Aug 18:00, Korean time)",
		},
		"years of birth": {
			&broker.Today{Open: true, Turns: []broker.Turn{years}},
			"지금 차례: 1972~1985년생 (8월 19일 20:00 ~ 8월 20일 18:00)",
			"Now: born 1972–1985 (19 Aug 20:00 – 20 Aug 18:00, Korean time)",
		},
		"open years": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: -1, BornTo: 1985, From: august(t, 19, 20)}, {Digit: -1, BornFrom: 2000, From: august(t, 19, 20)}}},
			"지금 차례: 1985년 이전 출생 (8월 19일 20:00부터) · 2000년 이후 출생 (8월 19일 20:00부터)",
			"Now: born 1985 or earlier (from 19 Aug 20:00, Korean time) · born 2000 or later (from 19 Aug 20:00, Korean time)",
		},
		"one year": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: -1, BornFrom: 1990, BornTo: 1990, From: august(t, 19, 20)}}},
			"지금 차례: 1990년생 (8월 19일 20:00부터)", "Now: born in 1990 (from 19 Aug 20:00, Korean time)",
		},
		"an eighth": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: 8, From: august(t, 18, 20)}}},
			"지금 차례: 생일 8·18·28일 (8월 18일 20:00부터)",
			"Now: born on an 8th, 18th or 28th (from 18 Aug 20:00, Korean time)",
		},
		"another zone": {
			&broker.Today{Open: true, Turns: []broker.Turn{{Digit: 2, From: august(t, 12, 20).In(newYork)}}},
			"지금 차례: 생일 2·12·22일 (8월 12일 07:00부터, America/New_York 시각)",
			"Now: born on a 2nd, 12th or 22nd (from 12 Aug 07:00, America/New_York time)",
		},
		"everybody's, which need not be told": {&broker.Today{Open: true, Turns: []broker.Turn{nine, everybody}}, "", ""},
		"everybody's next": {
			&broker.Today{Turns: []broker.Turn{everybody}},
			"지금은 쉬는 시간. 다음 차례: 모두 (8월 21일 20:00부터)",
			"Closed now. Next: everybody (from 21 Aug 20:00, Korean time)",
		},
		"it is over": {&broker.Today{}, "정해진 접수 일정이 모두 끝났습니다", "The schedule of this site is over"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			f.login.Today = tc.today
			h := newWeb(t, f, nil)
			for range 2 { // rendered, then kept
				body := get(h, "/login?r=x").Body.String()
				wellFormed(t, body)
				if tc.ko == "" {
					if strings.Contains(body, `id="rota"`) {
						t.Error("got a line, want none")
					}
					continue
				}
				if got := text(byID(t, body, "rota")); got != tc.ko+tc.en {
					t.Errorf("got %q, want %q, then %q", got, tc.ko, tc.en)
				}
				if got := text(byID(t, get(h, "/login?r=x&lang=en").Body.String(), "rota")); got != tc.en+tc.ko {
					t.Errorf("in English: got %q", got)
				}
			}
		})
	}
}

// A kept page must not tell yesterday's turn.
func TestTheLineChangesWithTheTurn(t *testing.T) {
	f := &fake{login: someLogin()}
	h := newWeb(t, f, nil)
	for day, digit := range map[int]int{9: 9, 10: 0, 11: 1} {
		f.login.Today = &broker.Today{Open: true, Turns: []broker.Turn{turnOf(t, day, digit)}}
		want, _ := newPage("ko").T("rota.days", "days", map[int]string{9: "9·19·29", 0: "10·20·30", 1: "1·11·21·31"}[digit])
		if got := text(byID(t, get(h, "/login?r=x").Body.String(), "rota")); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f.login.Today = nil
	if strings.Contains(get(h, "/login?r=x").Body.String(), `id="rota"`) {
		t.Error("got a line for a site without a rota")
	}
}

func newPage(lang string) page { return page{words: dictionary(), Lang: lang} }

func TestTheRefusalNamesTheNextTurnAndTheWayBack(t *testing.T) {
	f := &fake{step: broker.Step{Redirect: "https://booking.test/cb?error=access_denied"}}
	f.away = broker.TurnedAway{Sealed: "sealed-1", Ref: "8J10-74D7", Site: someLogin().Site, Next: august(t, 12, 20), Until: august(t, 13, 18)}
	h := newWeb(t, f, nil)
	w := get(h, "/turn?r=sealed-1")
	body := strings.ReplaceAll(w.Body.String(), "\u00a0", " ")
	wellFormed(t, body)
	for _, want := range []string{
		"<h1>아직 차례가 아닙니다</h1>", "It is not your turn yet", "8월 12일(목) 20:00부터 8월 13일(금) 18:00까지", "Thu 12 Aug 20:00 – Fri 13 Aug 18:00, Korean time",
		"한빛 예약이 생년월일에 따라", "한빛 예약으로 돌아가기", "Back to Hanbit Booking", "8J10-74D7", `name="r" value="sealed-1"`, `action="/turn"`, `lang=en`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if p := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.HasSuffix(p, "form-action 'self' https://booking.test") {
		t.Errorf("got %d with policy %q, want the form to end at the site", w.Code, p)
	}
	if cache := w.Header().Get("Cache-Control"); cache != "no-store" {
		t.Errorf("got Cache-Control %q", cache)
	}
	back := post(h, "/turn", url.Values{"r": {"sealed-1"}})
	if back.Code != http.StatusSeeOther || back.Header().Get("Location") != f.step.Redirect || f.calls[len(f.calls)-1] != "turn back sealed-1" {
		t.Errorf("got %d to %s after %v, want the site", back.Code, back.Header().Get("Location"), f.calls)
	}
	f.away.Until = time.Time{}
	if body := get(h, "/turn?r=sealed-1").Body.String(); !strings.Contains(body, "8월\u00a012일(목)\u00a020:00부터") {
		t.Error("without an end: the page does not say from when")
	}
	f.away.Next = time.Time{}
	body = get(h, "/turn?r=sealed-1").Body.String()
	wellFormed(t, body)
	if !strings.Contains(body, "남은 차례가 없습니다") || !strings.Contains(body, "No turn is left") || strings.Contains(body, `id="when"`) {
		t.Error("never: the page does not say so")
	}
	f.away.Chooser = "/login?r=fresh"
	if w := get(h, "/turn?r=sealed-1"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?r=fresh" {
		t.Errorf("once it has come: got %d to %s, want the chooser", w.Code, w.Header().Get("Location"))
	}
	f.err = &broker.Problem{Status: 400, Code: broker.ProblemOtherBrowser}
	if w := get(h, "/turn?r=sealed-1"); w.Code != 400 || !strings.Contains(w.Body.String(), "로그인을 시작한 브라우저가 아닙니다") {
		t.Errorf("in another browser: got %d, want the problem's page", w.Code)
	}
	if w := post(h, "/turn", url.Values{"r": {"x"}}, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("from another site: got %d, want 403", w.Code)
	}
}

func TestAttackXSSThroughThePageOfTurns(t *testing.T) {
	f := &fake{away: broker.TurnedAway{Sealed: hostile, Ref: hostile, Next: august(t, 12, 20)}}
	f.away.Site = broker.Site{Name: providers.Text{KO: hostile, EN: hostile}, Origin: hostile}
	w := get(newWeb(t, f, nil), "/turn?r="+url.QueryEscape(hostile)+"&lang="+url.QueryEscape(hostile))
	harmless(t, w.Body.String())
	if p := w.Header().Get("Content-Security-Policy"); strings.ContainsAny(p, "<>\"{") {
		t.Errorf("got a policy %q with a stranger's words", p)
	}
}

// In Chromium at phone width: whose turn it is, the refusal, and the way back to
// another origin. SINHO_SCREENS keeps pictures.
func TestTurnsOnAPhone(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<title>site</title><h1 id=site>" + r.URL.Query().Get("error") + "</h1>"))
	}))
	t.Cleanup(site.Close)
	f := &fake{login: someLogin(), away: broker.TurnedAway{Sealed: "sealed-1", Ref: "8J10-74D7", Next: august(t, 12, 20), Until: august(t, 13, 18)}}
	f.login.Expires, f.login.Site.Origin = time.Now().Add(time.Hour), site.URL
	f.login.Today = &broker.Today{Open: true, Turns: []broker.Turn{turnOf(t, 9, 9)}}
	f.away.Site = f.login.Site
	flow := f.flow()
	flow.TurnBack = func(http.ResponseWriter, *http.Request, string) (broker.Step, error) {
		return broker.Step{Redirect: site.URL + "/callback?error=access_denied"}, nil
	}
	pages, err := New(Config{Flow: flow, Board: allGreen()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Handler())
	t.Cleanup(server.Close)
	p, _ := newPhone(t)
	look := func(name string) {
		t.Helper()
		if js[bool](p, `document.documentElement.scrollWidth > 360`) {
			t.Errorf("%s is wider than a phone of 360 pixels", name)
		}
		p.picture(name)
	}
	p.do("the chooser", chromedp.Navigate(server.URL+"/login?r=sealed-r_1"), chromedp.WaitVisible("#rota"))
	look("rota-chooser")
	p.do("in English", chromedp.Navigate(server.URL+"/login?r=sealed-r_1&lang=en"), chromedp.WaitVisible("#rota"))
	look("rota-chooser-en")
	p.do("the refusal, in English", chromedp.Navigate(server.URL+"/turn?r=sealed-1"), chromedp.WaitVisible("#when"))
	look("turn-en")
	p.do("the refusal", chromedp.Navigate(server.URL+"/turn?r=sealed-1&lang=ko"), chromedp.WaitVisible("#when"))
	look("turn")
	if got := js[float64](p, `document.querySelector("#back").getBoundingClientRect().height`); got < 44 {
		t.Errorf("the way back is %v pixels high, want 44 at least", got)
	}
	f.away.Next = time.Time{}
	p.do("never", chromedp.Navigate(server.URL+"/turn?r=sealed-1"), chromedp.WaitVisible("#back"))
	look("turn-never")
	p.do("back", chromedp.Click("#back"), chromedp.WaitVisible("#site"))
	if got := js[string](p, `document.querySelector("#site").textContent`); got != "access_denied" {
		t.Errorf("the site gets %q, want access_denied", got)
	}
}
