package hall

import (
	"errors"
	"maps"
	"net/http/httptest"
	"testing"

	"sinho/lobby"
	"sinho/lobby/room"
)

// lose has the store forget the counters.
func (s *scene) lose() {
	s.t.Helper()
	for _, key := range []string{"queue/a", "queue/b"} {
		if err := dropKey(s, key); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Somebody is at a provider while the store loses everything: they come in with
// what their ticket would get now, once.
func TestALoginUnderWayOutlivesALossOfTheStore(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	old := d.waits(s, "shop", Login, false)
	s.lose()
	mine := attempt()
	for range 2 { // a reload, as well
		if err := s.Spend(t.Context(), "shop", old, mine); err != nil {
			t.Fatalf("the pass of before: got %v, want it spent", err)
		}
	}
	s.wait(1)
	if err := s.Spend(t.Context(), "shop", old, attempt()); !errors.Is(err, room.ErrSpent) {
		t.Errorf("another login: got %v, want ErrSpent", err)
	}
}

// The store fails right after it has spent a pass, and the login cannot be kept: the
// browser comes again with the pass it has, to the same node as to any other, and the
// attempt that was charged goes on.
func TestALoginThatWasChargedForNothingKeepsItsPlace(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	pass, mine := d.waits(s, "shop", Login, false), attempt()
	if err := s.Spend(t.Context(), "shop", pass, mine); err != nil {
		t.Fatal(err)
	}
	s.crowd("shop", 40)
	d.waits(s, "shop", Look, false)
	again := d.waits(s, "shop", Login, false)
	if err := s.Spend(t.Context(), "shop", again, mine); err != nil {
		t.Fatalf("the attempt that was charged: got %v, want it in", err)
	}
	if n := s.Insights()[0].Spent; n != 1 {
		t.Errorf("%d passes are counted as spent, want one", n)
	}
	w := httptest.NewRecorder()
	s.Entered(w, "shop", again)
	kept := &device{name: d.name, cookies: maps.Clone(d.cookies)}
	if d.keep(w); len(d.cookies) != 0 {
		t.Errorf("got %v once it is done, want no cookie of the room", d.cookies)
	}
	kept.waits(s, "shop", Login, true) // once in, it is over
}

// Nor does a pass of before lead into a room that is closed, or for whoever was
// called so long ago that their ticket would be in the late lane.
func TestAPassOfBeforeGivesNoMoreThanItsTicket(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	old := newDevice().waits(s, "shop", Login, false)
	set := auto("main")
	set.Closed = true
	if err := s.Use([]Setting{set}); err != nil {
		t.Fatal(err)
	}
	s.lose()
	if err := s.Spend(t.Context(), "shop", old, attempt()); !errors.Is(err, room.ErrRestarted) {
		t.Errorf("closed: got %v, want ErrRestarted", err)
	}
	if err := s.Use([]Setting{auto("main")}); err != nil {
		t.Fatal(err)
	}
	s.crowd("shop", 30)
	s.wait(150)
	if err := s.Spend(t.Context(), "shop", old, attempt()); !errors.Is(err, room.ErrRestarted) {
		t.Errorf("too late: got %v, want ErrRestarted", err)
	}
}

// Nor does it give less: who came in by the late lane is let in by it again.
func TestAPassOfTheLateLaneOutlivesALossOfTheStore(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	d.seat(s, "shop")
	s.crowd("shop", 30)
	s.wait(160)
	if seat := d.seat(s, "shop"); seat.Late == 0 {
		t.Fatalf("got %+v, want it late", seat)
	}
	s.wait(2)
	old := d.waits(s, "shop", Login, false)
	s.lose()
	if err := s.Spend(t.Context(), "shop", old, attempt()); err != nil {
		t.Errorf("got %v, want it spent", err)
	}
}

// A store that has lost everything: passes of before die at the door, tickets give
// others, and nobody begins a login that cannot end.
func TestAfterALossOfTheStoreATicketGivesAnotherPass(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	first := d.seat(s, "shop")
	d.waits(s, "shop", Login, false)
	s.lose()
	s.wait(1)
	next := d.waits(s, "shop", Login, false)
	if s.refused("restarted", true) == 0 {
		t.Error("the pass was not refused at the door")
	}
	if err := s.Spend(t.Context(), "shop", next, attempt()); err != nil {
		t.Errorf("the ticket's next: got %v, want it spent", err)
	}
	var p lobby.Pass
	if err := p.Unmarshal(next); err != nil || p.Number != first.Number {
		t.Errorf("got number %d, want %d", p.Number, first.Number)
	}
	w := httptest.NewRecorder()
	s.Renew(w, "shop")
	d.keep(w)
	if _, there := d.cookies["__Host-sinho-t-main"]; !there || len(d.cookies) != 1 {
		t.Errorf("got %v, want the ticket alone", d.cookies)
	}
}
