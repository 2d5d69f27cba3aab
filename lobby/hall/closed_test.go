package hall

import (
	"testing"
)

// Who was called just before the room was closed, and could not get their pass any
// more, has it once the room is open again, however long that takes: a closed room
// keeps places. Who was called long before that stays late.
func TestAClosingMakesNobodyLate(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	missed := newDevice()
	missed.seat(s, "shop")
	s.crowd("shop", 30)
	for range 150 { // others go on
		s.wait(1)
		s.crowd("shop", 11)
	}
	d := newDevice()
	first := d.seat(s, "shop")
	for first.View.Place >= s.line().latest.Load().Main.Serving {
		s.crowd("shop", 11)
		s.wait(1)
	}
	closed := auto("main")
	closed.Closed = true
	if err := s.Use([]Setting{closed}); err != nil {
		t.Fatal(err)
	}
	s.wait(1)
	if seat := d.seat(s, "shop"); seat.Called || seat.Late != 0 {
		t.Fatalf("got %+v, want a closed room", seat)
	}
	s.wait(600)
	if err := s.Use([]Setting{auto("main")}); err != nil {
		t.Fatal(err)
	}
	s.wait(2)
	if seat := d.seat(s, "shop"); !seat.Called || seat.Late != 0 || seat.Number != first.Number {
		t.Errorf("after ten minutes: got late %d, called %v, number %d, want %d called", seat.Late, seat.Called, seat.Number, first.Number)
	}
	if seat := missed.seat(s, "shop"); seat.Late == 0 {
		t.Errorf("who had missed their call: got %+v, want the late lane", seat)
	}
}
