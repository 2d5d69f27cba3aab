package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/signal"
)

func someWait(change func(*broker.Wait)) broker.Step {
	j := &broker.Wait{
		Journey: "j-1_x", Login: someLogin(), Provider: someRoutes()[2], Phrase: "맑은 강 12",
		Began: noon.Add(-10 * time.Second), Expires: noon.Add(283 * time.Second),
	}
	if change != nil {
		change(j)
	}
	return broker.Step{Wait: j}
}

func TestTheWaitingPage(t *testing.T) {
	f := &fake{step: someWait(nil)}
	body := get(newWeb(t, f, nil), "/wait/j-1_x").Body.String()
	wellFormed(t, body)
	if got := text(byID(t, body, "phrase")); got != "맑은 강 12" {
		t.Errorf("got phrase %q", got)
	}
	if got := text(byID(t, body, "left")); got != "4분 43초" {
		t.Errorf("got time left %q, want 4분 43초", got)
	}
	form := byID(t, body, "leave").Parent
	if attr(form, "action") != "/wait/j-1_x/leave" || attr(form, "method") != "post" {
		t.Errorf("got leave form %v", form.Attr)
	}
	meta := nodes(t, body, func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })
	if len(meta) != 1 || attr(meta[0], "content") != "2" || meta[0].Parent.Data != "noscript" {
		t.Error("got no refresh of 2 s for browsers without scripts alone")
	}
	if !has(byID(t, body, "drag"), "hidden") || strings.Contains(body, "missing dragging") {
		t.Error("got a drag that is not")
	}
	if !strings.Contains(body, "토스 알림을 승인해 주세요") || !strings.Contains(body, "REF12345") {
		t.Error("got a page without its provider or its reference")
	}
}

func TestTheWaitingPageOffersTheNextRouteWhenItDrags(t *testing.T) {
	tests := map[string]struct {
		board func() signal.Board
		want  string
	}{
		"the open one":           {boardOf(status("naver", signal.Red), status("kakao", signal.Green), status("toss", signal.Green)), "지금은 카카오 쪽이 낫습니다."},
		"none when none is":      {boardOf(status("naver", signal.Red), status("kakao", signal.Grey), status("toss", signal.Green)), ""},
		"never the one it is":    {boardOf(status("naver", signal.Grey), status("kakao", signal.Grey), status("toss", signal.Green)), ""},
		"a green one first":      {boardOf(status("naver", signal.Yellow), status("kakao", signal.Green), status("toss", signal.Red)), "지금은 카카오 쪽이 낫습니다."},
		"a yellow one if better": {boardOf(status("naver", signal.Grey), status("kakao", signal.Yellow), status("toss", signal.Red)), "지금은 카카오 쪽이 낫습니다."},
		"no yellow one if not":   {boardOf(status("naver", signal.Grey), status("kakao", signal.Yellow), status("toss", signal.Yellow)), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{step: someWait(func(j *broker.Wait) { j.Dragging = true })}
			body := get(newWeb(t, f, func(c *Config) { c.Board = tc.board }), "/wait/j").Body.String()
			if attr(byID(t, body, "missing"), "class") != "missing dragging" || has(byID(t, body, "drag"), "hidden") {
				t.Error("got a page that does not say it drags")
			}
			if got := strings.Contains(body, "쪽이 낫습니다"); got != (tc.want != "") || !strings.Contains(body, tc.want) {
				t.Errorf("got an offer %v, want %q", got, tc.want)
			}
		})
	}
}

func TestTheWaitingPageOffersToSendItAgain(t *testing.T) {
	h := newWeb(t, &fake{step: someWait(nil)}, nil)
	if !has(byID(t, get(h, "/wait/j").Body.String(), "again"), "hidden") {
		t.Error("got the button before its time")
	}
	h = newWeb(t, &fake{step: someWait(func(j *broker.Wait) { j.Dragging, j.Resend = true, true })}, nil)
	body := get(h, "/wait/j").Body.String()
	wellFormed(t, body)
	form := byID(t, body, "again")
	if has(form, "hidden") || attr(form, "action") != "/wait/j-1_x/resend" || attr(form, "method") != "post" {
		t.Errorf("got form %v", form.Attr)
	}
	f := &fake{step: broker.Step{Redirect: "/wait/k"}}
	w := post(newWeb(t, f, nil), "/wait/j/resend", nil)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/wait/k" || !slices.Equal(f.calls, []string{"resend j"}) {
		t.Errorf("got %d %s after %v", w.Code, w.Header().Get("Location"), f.calls)
	}
	h = newWeb(t, &fake{step: someWait(func(j *broker.Wait) { j.Resent = true })}, nil)
	if got := text(byID(t, get(h, "/wait/k").Body.String(), "resent")); !strings.Contains(got, "먼저 온 알림은 두고") {
		t.Errorf("got %q, want it to say which notice counts", got)
	}
}

func TestTheWaitingPageSaysWhyItWasNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"the number":         {"notice=often&wait=80", "1분 20초 뒤에 다시 보낼 수 있고"},
		"the network":        {"notice=crowd&wait=20", "20초 뒤에 다시 보낼 수 있습니다"},
		"anything else":      {"notice=busy", "먼저 보낸 알림은 그대로 쓸 수 있습니다"},
		"and in English":     {"notice=often&wait=80&lang=en", "Another can be sent in 1 min 20 s"},
		"nothing of nobody":  {"notice=nonsense", ""},
		"nothing to be said": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := get(newWeb(t, &fake{step: someWait(nil)}, nil), "/wait/j?"+c.query).Body.String()
			wellFormed(t, body)
			if c.want == "" {
				if strings.Contains(body, `id="unsent"`) {
					t.Error("got a notice of nothing")
				}
				return
			}
			if got := text(byID(t, body, "unsent")); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
			meta := nodes(t, body, func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })
			if len(meta) != 1 || attr(meta[0], "content") != "10; url=/wait/j-1_x" {
				t.Error("without scripts the notice would stay for ever, or not long enough to be read")
			}
		})
	}
}

func TestTheNextRouteIsOnePressAway(t *testing.T) {
	board := func(c *Config) {
		c.Board = boardOf(status("naver", signal.Red), status("kakao", signal.Green), status("toss", signal.Green))
	}
	body := get(newWeb(t, &fake{step: someWait(func(j *broker.Wait) { j.Dragging = true })}, board), "/wait/j").Body.String()
	form := byID(t, body, "next").Parent
	if attr(form, "action") != "/wait/j-1_x/leave" || !strings.Contains(body, `name="to" value="kakao"`) || !strings.Contains(body, `name="r" value="sealed-r_1"`) {
		t.Errorf("got form %v", form.Attr)
	}
	f := &fake{step: broker.Step{Redirect: "/login?r=x"}}
	post(newWeb(t, f, nil), "/wait/j/leave", url.Values{"r": {"x"}, "to": {"kakao"}})
	post(newWeb(t, f, nil), "/wait/j/leave", nil)
	if want := []string{"leave j", "begin x kakao", "leave j"}; !slices.Equal(f.calls, want) {
		t.Errorf("got calls %v, want %v", f.calls, want)
	}
	f = &fake{step: broker.Step{Redirect: "https://booking.test/cb?code=1"}} // it was approved after all
	w := post(newWeb(t, f, nil), "/wait/j/leave", url.Values{"r": {"x"}, "to": {"kakao"}})
	if w.Header().Get("Location") != "https://booking.test/cb?code=1" || len(f.calls) != 1 {
		t.Errorf("got %s after %v, want the login that is done", w.Header().Get("Location"), f.calls)
	}
}

func TestTheWaitingPageSaysThatTheApprovalCame(t *testing.T) {
	body := get(newWeb(t, &fake{step: someWait(func(j *broker.Wait) { j.Approved = true })}, nil), "/wait/j").Body.String()
	if got := text(byID(t, body, "say")); !strings.Contains(got, "승인을 확인했습니다") {
		t.Errorf("got %q", got)
	}
}

func TestTheStateOfAWait(t *testing.T) {
	tests := map[string]struct {
		fake   fake
		status int
		want   waitState
	}{
		"still waiting":            {fake{step: someWait(nil)}, 200, waitState{LeftMS: 283000}},
		"dragging":                 {fake{step: someWait(func(j *broker.Wait) { j.Dragging = true })}, 200, waitState{Dragging: true, LeftMS: 283000}},
		"may be sent again":        {fake{step: someWait(func(j *broker.Wait) { j.Dragging, j.Resend = true, true })}, 200, waitState{Dragging: true, Resend: true, LeftMS: 283000}},
		"approved":                 {fake{step: someWait(func(j *broker.Wait) { j.Approved = true })}, 200, waitState{Approved: true, LeftMS: 283000}},
		"over to the site":         {fake{step: broker.Step{Redirect: "https://booking.test/cb?code=1&iss=x"}}, 200, waitState{Go: "https://booking.test/cb?code=1&iss=x"}},
		"back to the chooser":      {fake{step: broker.Step{Redirect: "/login?r=x&notice=expired"}}, 200, waitState{Go: "/login?r=x&notice=expired"}},
		"over to the site by form": {fake{step: broker.Step{Post: somePost("https://booking.test/cb")}}, 200, waitState{Go: "/wait/j"}},
		"a problem":                {fake{err: &broker.Problem{Status: 403, Code: broker.ProblemOtherBrowser}}, 403, waitState{Problem: broker.ProblemOtherBrowser}},
		"a problem of our own":     {fake{err: http.ErrBodyNotAllowed}, 500, waitState{Problem: broker.ProblemInternal}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(newWeb(t, &tc.fake, nil), "/wait/j/state")
			var got waitState
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != tc.status || got != tc.want || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %d %+v, want %d %+v", w.Code, got, tc.status, tc.want)
			}
		})
	}
}
