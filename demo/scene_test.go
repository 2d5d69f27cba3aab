package demo

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestTheStageShowsTheRoomOfAScene(t *testing.T) {
	now := time.Date(2026, 8, 9, 11, 0, 0, 0, time.UTC)
	state := SceneState{Room: "august", Opens: now.Add(90 * time.Second), Digit: 9, Guests: []Guest{{"홍길동", "1990-05-19", "010-0000-0000"}}}
	frame := `{"frame":{"t":1,"s":0,"n":120,"p":1000,"r":0,"o":1786273290}}`
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/rooms/august" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, frame)
	}))
	defer broker.Close()
	crowd, err := NewCrowd(CrowdConfig{Start: "http://site.test/"})
	if err != nil {
		t.Fatal(err)
	}
	begun := 0
	s, err := NewStage(StageConfig{
		Broker: broker.URL, Booking: "http://booking.test", Now: func() time.Time { return now },
		Scene: &Scene{Start: func() error { begun++; state.On = true; return nil }, State: func() SceneState { return state }, Crowd: crowd},
	})
	if err != nil {
		t.Fatal(err)
	}
	page := func() string {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		return rec.Body.String()
	}
	if body := page(); !strings.Contains(body, `action="/stage/scene"`) || !strings.Contains(body, `id="room" aria-labelledby="room-h" hidden`) {
		t.Errorf("want the button, and the room hidden: %s", body)
	}
	if v := s.snapshot(); v.Scene != nil || v.Crowd != nil {
		t.Errorf("got %+v and %+v before it begins", v.Scene, v.Crowd)
	}

	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/stage/scene", nil)
	s.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusSeeOther || begun != 1 {
		t.Fatalf("the button gave %d and began it %d times", rec.Code, begun)
	}
	s.look(t.Context())
	v := s.snapshot()
	if got := v.Scene; got == nil || got.Left != 91 || got.Waiting != 120 || got.Given != 120 || got.Wait != -1 || got.Digit != 9 || v.Crowd == nil {
		t.Errorf("before the opening: got %+v", got)
	}
	body := page()
	for _, want := range []string{"1:31", ">120<", "홍길동", "010-0000-0000", `href="http://booking.test/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}

	now = now.Add(2 * time.Minute)
	frame = `{"frame":{"t":2,"s":300,"n":900,"p":900,"r":6000}}`
	s.look(t.Context())
	if got := s.snapshot().Scene; got.Left != 0 || got.Waiting != 600 || got.PerS != 6 || got.Wait != 90 {
		t.Errorf("after the opening: got %+v", got)
	}
	if body := page(); !strings.Contains(body, "약 2분") || !strings.Contains(body, "대기실이 열렸습니다") {
		t.Errorf("want the wait and the opening in the log: %s", body)
	}
	frame = `no frame`
	s.look(t.Context())
	if got := s.snapshot().Scene; got.Waiting != 0 || got.Wait != -1 {
		t.Errorf("without a frame: got %+v, want nothing made up", got)
	}
}

func TestWhoComesNextIsInvitedAndBeginsElsewhere(t *testing.T) {
	var typed []string
	w := tiny{routes: []string{"pass"}}.world()
	w["other.test"] = w["site.test"]
	c, err := NewCrowd(CrowdConfig{Start: "http://site.test/", Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	c.StartAt("http://other.test/")
	c.Invite([]Guest{{"김하나", "19900509", "01000000100"}})
	for range 3 {
		walk := c.citizen(rand.New(rand.NewPCG(1, 2)))
		typed = append(typed, walk.Start+" "+walk.Person.Name+" "+walk.Person.Birthdate+" "+walk.Person.Phone)
	}
	for _, got := range typed {
		if got != "http://other.test/ 김하나 19900509 01000000100" {
			t.Errorf("got %q", got)
		}
	}
}
