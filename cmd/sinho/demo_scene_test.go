package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sinho/lobby/rota"
	"sinho/operator"
	"sinho/providers/sim"
	"sinho/signal"
)

func TestAugustIsForTheDigitOfItsFirstDay(t *testing.T) {
	kst := time.FixedZone("KST", 9*60*60)
	for _, opens := range []time.Time{
		time.Date(2026, 8, 9, 20, 0, 0, 0, kst), time.Date(2026, 8, 9, 0, 0, 40, 0, kst), time.Date(2026, 12, 31, 23, 59, 59, 0, kst),
		time.Date(2028, 2, 29, 7, 3, 0, 0, kst), time.Date(2026, 3, 1, 12, 0, 0, 0, kst),
	} {
		t.Run(opens.Format(time.DateTime), func(t *testing.T) {
			turns, digit := augustRota(opens)
			if want := opens.Day() % 10; digit != want {
				t.Fatalf("got the digit %d, want %d", digit, want)
			}
			s, err := sim.New(sim.Config{ID: "pass", Base: "http://localhost:1", ClientID: "c", ClientSecret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.SetCrowd(augustCrowd, bornOn(digit)); err != nil {
				t.Fatal(err)
			}
			guests := guestsOf(s, digit)
			if len(guests) < 100 || len(shown(guests)) != 3 || len(phones(guests)) != len(guests) {
				t.Fatalf("got %d guests and %v on the stage, want a crowd and three", len(guests), shown(guests))
			}
			for _, p := range guests {
				born, err := rota.ParseDate(p.Birthdate)
				if err != nil || !turns.Decide(born, opens, opens).Admitted || !turns.Decide(born, opens, opens.Add(21*time.Hour)).Admitted {
					t.Fatalf("%s, born on %s, is not admitted (%v)", p.Name, p.Birthdate, err)
				}
			}
			wrong := 0
			for _, p := range s.Crowd() {
				born, _ := rota.ParseDate(p.Birthdate)
				if d := turns.Decide(born, opens, opens); !d.Admitted {
					if wrong++; d.Never || d.Window.From.Before(opens) {
						t.Errorf("born on %s: got %+v, want a day of their own", p.Birthdate, d)
					}
				}
			}
			if wrong == 0 || wrong > augustCrowd/3 {
				t.Errorf("%d of %d came on the wrong day, want some", wrong, augustCrowd)
			}
		})
	}
}

// The plain demo has no room; August has one before the booking site alone, and can
// begin anew.
func TestAugustComesToTheBookingSiteAlone(t *testing.T) {
	d := demoOptions{base: 28_080, seed: 1, opensIn: time.Hour}
	s, err := openState("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	h, err := wire(d, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.scene.close()
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	leads := func(id string, offset place) string {
		q := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {d.url(offset) + "/callback"}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"}}
		rec := httptest.NewRecorder()
		h.scene.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, d.url(placeBroker)+"/authorize?"+q.Encode(), nil))
		path, _, _ := strings.Cut(rec.Header().Get("Location"), "?")
		return path
	}
	if got := leads("booking", placeBooking); got != "/login" || h.scene.state.Load().On {
		t.Fatalf("the plain demo leads to %s", got)
	}
	if all := h.scene.shown(); len(all) != 0 {
		t.Errorf("the console has %d rooms before the evening", len(all))
	}
	for round := 1; round <= 2; round++ {
		if err := h.scene.begin(); err != nil {
			t.Fatal(err)
		}
		if all := h.scene.shown(); len(all) != 1 || all[0].Insight.Setting.Name != augustRoom || all[0].Closed {
			t.Errorf("round %d: the console has %+v, want the room, open", round, all)
		}
		if got := leads("booking", placeBooking); got != "/queue" {
			t.Errorf("round %d: booking leads to %s, want the room", round, got)
		}
		if got := leads("school", placeSchool); got != "/login" {
			t.Errorf("round %d: the school leads to %s, want the chooser", round, got)
		}
	}
	order := operator.RoomChange{
		ID: "1", Room: augustRoom, Do: operator.RoomClose, By: "demo",
		Reason: signal.Text{KO: "연습", EN: "A drill"}, Notice: signal.Text{KO: "잠시 점검합니다", EN: "A short check"},
	}
	if err := h.desk.SetRoom(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if err := h.scene.arrange(); err != nil {
		t.Fatal(err)
	}
	if all := h.scene.shown(); len(all) != 1 || !all[0].Insight.Setting.Closed || all[0].Insight.Setting.Notice[0] != "잠시 점검합니다" {
		t.Errorf("an operator's order changed nothing: %+v", all)
	}
	if st := h.scene.state.Load(); !st.On || len(st.Guests) == 0 || time.Until(st.Opens) < 50*time.Minute {
		t.Errorf("got %+v", st)
	}
}
