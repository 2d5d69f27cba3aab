package hall

import (
	"net/http/httptest"
	"testing"
	"time"
)

// Attack: one ticket whose call is over, shown again and again as it was. It has one
// number of the late lane, and not one for each time: those would be ahead
// of everybody who is late after that, and nobody would come for them.
func TestAttackWaitingRoomOneTicketForManyLateNumbers(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	s.crowd("shop", 40)
	d := newDevice()
	d.seat(s, "shop")
	s.wait(10)
	s.clock.Add(int64(200 * time.Second))
	s.wait(2)
	s.capacity.Store(0)
	s.wait(1)
	taken := func() uint64 {
		t.Helper()
		q, err := s.line().room.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return q.Late.Next
	}
	again := func() Seat {
		t.Helper()
		seat, err := s.Seat(httptest.NewRecorder(), d.request("/queue"), "shop", d.name)
		if err != nil {
			t.Fatal(err)
		}
		return seat
	}
	first := again()
	if first.Late == 0 {
		t.Fatalf("got %+v, want a number of the late lane", first)
	}
	before := taken()
	for range 100 {
		if seat := again(); seat.Late != first.Late {
			t.Fatalf("got the late lane's %d, want %d again", seat.Late, first.Late)
		}
	}
	if after := taken(); after != before {
		t.Errorf("it took %d more numbers of the late lane, want none", after-before)
	}
	s.capacity.Store(10)
	s.wait(5)
	if seat := again(); !seat.Called {
		t.Errorf("got %+v, want it called", seat)
	}
}
