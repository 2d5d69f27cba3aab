package room

import (
	"testing"

	"sinho/lobby"
)

// docs/lobby.md, "After everything is lost", step by step: the store is empty and
// no node remembers.
func TestARoomIsBroughtBackAfterEverythingIsLost(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		opens := at(10)
		before := nodes(t, p, 2, opens)
		for range 3000 {
			number(t, before[0], p.now())
		}
		p.is(at(20))
		step(t, before[0], 100, at(20))
		p.is(at(24))
		was := step(t, before[0], 1200, at(24))
		if was.Main.Serving < 1000 || was.Crowd < 3000 {
			t.Fatalf("got %+v, want a room at work", was)
		}
		p.lose(t)
		all := nodes(t, p, 2, opens)
		p.is(at(30))
		q := step(t, all[0], 100, at(30))
		if q.Epoch == was.Epoch || q.Closed || q.Main.Next != 0 || q.Main.Serving != 0 {
			t.Errorf("got %+v, want it open and at 0", q)
		}
		if place, drawn := q.Place(2000, [lobby.SeedSize]byte{1}); !drawn || place != 2000 {
			t.Errorf("got place %d, %t, want that of the number: the draw is lost", place, drawn)
		}

		if _, err := all[0].Switch(t.Context(), false, at(31)); err != nil {
			t.Fatal(err)
		}
		for i, n := range []uint64{1500, 2999, 700} { // pages that come back, at either node
			ticket := ticketOf(n)
			ticket.Epoch = was.Epoch
			all[i%2].Observe(ticket)
		}
		for _, r := range all {
			step(t, r, 100, at(32))
			step(t, r, 100, at(33))
		}
		if q, err := node(t, p.open(t), opens).Look(t.Context()); err != nil || q.Main.Next < 3000 || q.Main.Serving != 0 {
			t.Errorf("got %+v, %v, want every node to know of the highest ticket, and nobody called", q, err)
		}
		if _, n := number(t, all[1], at(33)); n < 3000 {
			t.Errorf("a newcomer got the number %d, before people who wait", n)
		}

		if _, err := all[1].Switch(t.Context(), true, at(34)); err != nil {
			t.Fatal(err)
		}
		p.is(at(36))
		q, err := all[0].Step(t.Context(), lobby.Rules{Min: 100}, lobby.Sample{Live: []uint32{0, 500, 1000}}, at(36))
		if err != nil || q.Main.Serving != 500 {
			t.Errorf("got %d called, %v, want five times a second's people where nobody is there", q.Main.Serving, err)
		}
	})
}
