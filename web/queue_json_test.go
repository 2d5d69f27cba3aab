package web

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
)

func TestTheWaitingRoomForApps(t *testing.T) {
	verified := func(q *broker.Queueing) { q.Verified = true }
	for name, tc := range map[string]struct {
		late     uint64
		seat     func(*hall.Seat, *lobby.Frame)
		queueing func(*broker.Queueing)
		state    string
		place    bool
		next     string
	}{
		"waiting":                    {state: "waiting", place: true},
		"before the opening":         {seat: beforeOpening, state: "before_opening"},
		"being drawn":                {seat: func(_ *hall.Seat, f *lobby.Frame) { f.Seed = "" }, state: "waiting"},
		"late":                       {late: 5, seat: func(_ *hall.Seat, f *lobby.Frame) { f.Serving, f.Fresh = 8700, 8600 }, state: "late", place: true},
		"closed":                     {seat: func(s *hall.Seat, f *lobby.Frame) { f.Closed, s.Room.Notice = true, [2]string{"21시에", "At 21:00"} }, state: "closed", place: true},
		"called":                     {seat: func(s *hall.Seat, _ *lobby.Frame) { s.Called = true }, state: "called", place: true},
		"verified, not open":         {seat: beforeOpening, queueing: verified, state: "before_opening"},
		"verified, open":             {queueing: verified, state: "called", place: true, next: "/queue?r=sealed-r_1"},
		"verified, called all along": {seat: func(s *hall.Seat, _ *lobby.Frame) { s.Called = true }, queueing: verified, state: "called", place: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{queueing: someQueueing()}
			if tc.queueing != nil {
				tc.queueing(&f.queueing)
			}
			h := queueWeb(t, f, &waitingRoom{seat: seatOf(t, 8500, tc.late, tc.seat)}, nil)
			w := get(h, "/queue?r=old", "Accept", "application/json")
			var a queueAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			next := "/login?r=sealed-r_1"
			if tc.next != "" {
				next = tc.next
			}
			if w.Code != 200 || a.State != tc.state || (a.Place != nil) != tc.place || a.Continue != next || *a.Number != 8500 {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if w.Header().Get("Retry-After") != "20" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got header %v", w.Header())
			}
			if (a.Notice != nil) != (tc.state == "closed") || a.Notice != nil && *a.Notice != (queueText{"21시에", "At 21:00"}) {
				t.Errorf("got notice %v", a.Notice)
			}
			if a.Socket != "/rooms/vaccine/ws" || a.Frames != "/rooms/vaccine" {
				t.Errorf("got %q and %q", a.Frames, a.Socket)
			}
		})
	}
}

// TestTheExampleForAppsIsWhatTheyGet holds docs/lobby.md to the answer.
func TestTheExampleForAppsIsWhatTheyGet(t *testing.T) {
	raw, err := os.ReadFile("../docs/lobby.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindSubmatch(raw)
	if m == nil {
		t.Fatal("got no example")
	}
	var want, got map[string]any
	if err := json.Unmarshal(m[1], &want); err != nil {
		t.Fatal(err)
	}
	h := queueWeb(t, &fake{queueing: someQueueing()}, &waitingRoom{seat: seatOf(t, 8500, 0, nil)}, nil)
	if err := json.Unmarshal(get(h, "/queue?r=x", "Accept", "application/json").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-docs +page):\n%s", diff)
	}
}

// An app that waits hears JSON too when its node has no room any more.
func TestAnAppGoesOnWhereThereAreNoRooms(t *testing.T) {
	var a queueAnswer
	w := get(newWeb(t, &fake{}, nil), "/queue?r=a%26b", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || a.State != "called" || a.Continue != "/login?r=a%26b" || w.Header().Get("Vary") != "Accept" {
		t.Errorf("got %d %+v (%v), Vary %q", w.Code, a, err, w.Header().Get("Vary"))
	}
}
