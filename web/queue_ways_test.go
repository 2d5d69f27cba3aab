package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
	"sinho/signal"
	"sinho/store"
)

func TestTheWaitingRoomLeadsOn(t *testing.T) {
	called := seatOf(t, 3100, 0, func(s *hall.Seat, _ *lobby.Frame) { s.Called = true })
	chooser := "/login?r=sealed-r_1"
	for name, tc := range map[string]struct {
		seat hall.Seat
		err  error
	}{
		"with a pass":       {called, nil},
		"where there is no": {hall.Seat{}, fmt.Errorf("seat: %w", hall.ErrNoRoom)},
	} {
		t.Run(name, func(t *testing.T) {
			h := queueWeb(t, &fake{queueing: someQueueing()}, &waitingRoom{seat: tc.seat, err: tc.err}, nil)
			w := get(h, "/queue?r=old")
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != chooser || w.Header().Get("Set-Cookie") == "" {
				t.Errorf("got %d to %q, want the chooser, with the seat's cookies", w.Code, w.Header().Get("Location"))
			}
			var a queueAnswer
			w = get(h, "/queue?r=old", "Accept", "application/json")
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || a.State != "called" || a.Continue != chooser {
				t.Errorf("got %d %+v (%v), want called", w.Code, a, err)
			}
		})
	}
	t.Run("nowhere set up", func(t *testing.T) {
		h := newWeb(t, &fake{}, nil)
		for _, w := range []*httptest.ResponseRecorder{get(h, "/queue?r=a%26b"), post(h, "/queue/early", url.Values{"r": {"a&b"}})} {
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?r=a%26b" {
				t.Errorf("got %d to %q, want the chooser", w.Code, w.Header().Get("Location"))
			}
		}
		if _, err := New(Config{Flow: Flow{}, Seat: (&waitingRoom{}).take}); err == nil {
			t.Error("got rooms without their flow")
		}
	})
}

func TestTheChooserLeadsBackToTheWaitingRoom(t *testing.T) {
	f := &fake{login: someLogin()}
	f.login.Queue = "/queue?r=fresh"
	h := queueWeb(t, f, &waitingRoom{}, nil)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"the chooser":    get(h, "/login?r=x"),
		"a push to mend": post(h, "/login/toss", url.Values{"r": {"x"}, "name": {""}}),
		"certificates":   post(h, "/certificates", url.Values{"r": {"x"}, "have": {"toss"}}),
	} {
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/queue?r=fresh" {
			t.Errorf("%s: got %d to %q, want the waiting room", name, w.Code, w.Header().Get("Location"))
		}
		if c := heldBy(w); name == "certificates" && (c == nil || c.Value != "toss") {
			t.Errorf("got cookie %v, want what was ticked", c)
		}
	}
	f.login = someLogin()
	f.login.Early = true
	if got := text(byID(t, get(h, "/login?r=x").Body.String(), "ahead")); !strings.Contains(got, "마치면 대기실로 돌아가요") {
		t.Errorf("got %q on the chooser of an early login", got)
	}
	f.login.Early = false
	if body := get(h, "/login?r=x").Body.String(); strings.Contains(body, `id="ahead"`) {
		t.Error("a chooser that was kept is shown to somebody else")
	}
}

func TestVerifyingEarlyIsOnePost(t *testing.T) {
	f := &fake{step: broker.Step{Redirect: "/login?r=early"}}
	h := queueWeb(t, f, &waitingRoom{}, nil)
	w := post(h, "/queue/early", url.Values{"r": {"R"}})
	if w.Header().Get("Location") != "/login?r=early" || !slices.Equal(f.calls, []string{"early R"}) {
		t.Errorf("got %q after %v", w.Header().Get("Location"), f.calls)
	}
	if w := post(h, "/queue/early", url.Values{"r": {"R"}}, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || len(f.calls) != 1 {
		t.Errorf("got %d for another site's button, want 403", w.Code)
	}
	for method, target := range map[string]string{"GET": "/queue/early", "POST": "/queue", "HEAD": "/queue?r=x"} {
		if w := do(h, httptest.NewRequest(method, target, nil), nil); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: got %d, want 405", method, target, w.Code)
		}
	}
	f.err = &broker.Problem{Status: 503, Code: broker.ProblemStore}
	if w := post(h, "/queue/early", url.Values{"r": {"R"}}); w.Code != 503 {
		t.Errorf("got %d, want the problem's page", w.Code)
	}
}

func TestTheWaitingRoomWithItsStoreAwayLosesNobody(t *testing.T) {
	h := queueWeb(t, &fake{queueing: someQueueing()}, &waitingRoom{err: store.ErrUnavailable}, nil)
	w := get(h, "/queue?r=old")
	body := w.Body.String()
	wellFormed(t, body)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "10" {
		t.Errorf("got %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if said := shown(t, body); !strings.Contains(said, "번호표를 받았다면 자리는 그대로예요. 이 화면이 곧 다시 확인해요.") || strings.Contains(said, "번호표 ") {
		t.Errorf("got %q", said)
	}
	if !strings.Contains(body, `content="10; url=/queue?r=sealed-r_1"`) {
		t.Error("without scripts it does not come again")
	}
	var a queueAnswer
	w = get(h, "/queue?r=old", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 503 || a.State != "unavailable" || a.Number != nil || w.Header().Get("Retry-After") != "10" {
		t.Errorf("got %d %+v (%v)", w.Code, a, err)
	}
}

func TestAProblemOfTheWaitingRoom(t *testing.T) {
	f := &fake{err: &broker.Problem{Status: 400, Code: broker.ProblemExpired, Ref: "MYREF"}}
	h := queueWeb(t, f, &waitingRoom{}, nil)
	if w := get(h, "/queue?r=old"); w.Code != 400 || !strings.Contains(w.Body.String(), "MYREF") {
		t.Errorf("got %d without the reference", w.Code)
	}
	w := get(h, "/queue?r=old", "Accept", "application/json")
	var a queueAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 400 || a.Problem != "expired" || a.Ref != "MYREF" || a.State != "unavailable" || w.Header().Get("Retry-After") != "" {
		t.Errorf("got %d %+v (%v)", w.Code, a, err)
	}
	f.err = fmt.Errorf("secret cause")
	w = get(h, "/queue?r=old", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 500 || a.Ref == "" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAttackXSSThroughTheWaitingRoom(t *testing.T) {
	f := &fake{queueing: someQueueing()}
	f.queueing.Sealed, f.queueing.Site.ID = hostile, hostile
	f.queueing.Routes[0].Name.KO = hostile
	seat := seatOf(t, 8500, 0, func(s *hall.Seat, _ *lobby.Frame) { s.Room.Title, s.Room.Name = [2]string{hostile, hostile}, hostile })
	paused := seatOf(t, 8500, 0, func(s *hall.Seat, f *lobby.Frame) {
		s.Room.Closed, f.Closed, s.Room.Notice = true, true, [2]string{hostile, hostile}
	})
	page := get(queueWeb(t, &fake{queueing: someQueueing()}, &waitingRoom{seat: paused}, nil), "/queue?r=x").Body.String()
	if !strings.Contains(page, html.EscapeString(hostile)) {
		t.Error("the notice is not there")
	}
	harmless(t, page)
	seat.Frame = hostile
	seat.Proof = hostile
	h := queueWeb(t, f, &waitingRoom{seat: seat}, func(c *Config) { c.Board = boardOf(status("naver", signal.Green)) })
	harmless(t, get(h, "/queue?r="+url.QueryEscape(hostile)).Body.String())
}
