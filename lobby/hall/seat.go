package hall

import (
	"encoding/binary"
	"math"
	"net/http"
	"time"

	"sinho/lobby"
)

const (
	soonest  = 2 * time.Second  // a page without JavaScript comes again after so long at least
	farthest = time.Minute      // and at most
	nearest  = 15 * time.Second // and at most near the front
	spread   = 10 * time.Second
)

// Seat gives a browser its place in the room of a client, or finds it again, and
// what its page shows. It sets the cookies of the ticket and, once it is called, of
// the pass. ErrNoRoom where there is none; an error that wraps store.ErrUnavailable
// where no number can be had.
func (h *Hall) Seat(w http.ResponseWriter, r *http.Request, client string, browser [16]byte) (Seat, error) {
	c, st := h.of(client)
	if c == nil {
		return Seat{}, ErrNoRoom
	}
	v := h.visit(w, r, c, st, browser)
	if err := v.sit(); err != nil {
		return Seat{}, err
	}
	s := Seat{
		Room: st.set, Number: v.ticket.Number, Late: v.ticket.Late, Now: v.now, Proof: st.line.commitment(),
		MayBe: st.set.mayBe(v.now), Called: v.pass != nil, Spread: v.spread(),
	}
	if st.set.before(v.now) {
		s.Opens = st.set.Opens
	}
	if err := v.view(&s); err != nil {
		return Seat{}, err
	}
	s.Reload = v.reload(&s)
	if !s.Called && s.Late == 0 {
		st.line.here.visit(s.Number, v.now.Add(s.Reload*3/2))
	}
	return s, nil
}

// sit gives a browser its ticket, and what the ticket is good for.
func (v *visit) sit() error {
	switch p := v.pass; {
	case p != nil && v.ticket == nil: // the ticket's cookie is gone: its pass is as good
		v.ticket = &lobby.Ticket{Room: p.Room, Epoch: p.Born, Number: p.Number, Seed: p.Ticket, Late: p.Late}
		return v.extend()
	case p != nil:
		return v.extend()
	case v.set.before(v.now):
		return v.take()
	}
	if err := v.look(v.r.Context()); err != nil {
		return err
	}
	_, err := v.admitted()
	return err
}

// view is what the latest frame means for the ticket. The first estimate is kept in
// it, to be scored.
func (v *visit) view(s *Seat) error {
	f := v.c.hub.latest()
	if f == nil || f.Room != v.l.name {
		return nil
	}
	view, err := f.View(v.ticket.Number, v.ticket.Late, v.now.Sub(time.Unix(f.Second, 0)))
	if err != nil {
		return err
	}
	s.View, s.Frame = view, f.jws
	s.View.Called = s.Called // what counts, which the frame is not
	if !s.Called && s.View.Known && v.ticket.Told.IsZero() && v.ticket.Late == 0 && view.P50 >= 1 {
		v.ticket.Told, v.ticket.Wait = v.now.Truncate(time.Millisecond), uint64(math.Round(view.P50))
		return v.keepTicket()
	}
	return nil
}

// spread is the ticket's own, 0 to 10 s in whole milliseconds.
func (v *visit) spread() time.Duration {
	n := binary.BigEndian.Uint32(v.ticket.Seed[:]) % uint32(spread/time.Millisecond+1)
	return time.Duration(n) * time.Millisecond
}

// reload is when a page without JavaScript comes again: often near the front,
// seldom far from it, and at the opening when places are known, each ticket at a
// moment of its own.
func (v *visit) reload(s *Seat) time.Duration {
	jitter := s.Spread
	if settled := v.set.Opens.Add(lobby.Settle); !v.set.Opens.IsZero() && v.now.Before(settled) {
		left := settled.Add(jitter).Sub(v.now)
		if left <= farthest {
			return whole(left)
		}
		return whole(min(left-soonest, farthest-jitter))
	}
	near := v.near(s)
	switch {
	case (v.set.Closed || s.View.Closed) && near:
		return whole(nearest - jitter/2)
	case v.set.Closed || s.View.Closed:
		return whole(farthest/2 + jitter)
	case s.Called || s.View.TooLate || s.View.Drawn && s.View.Ahead == 0:
		return soonest
	case s.View.Known:
		d := time.Duration(min(s.View.P50/4, farthest.Seconds()) * float64(time.Second))
		if near {
			d = min(d, nearest)
		}
		return whole(d)
	case s.View.Ahead > lobby.Thousand && near:
		return whole(nearest - jitter/2)
	case s.View.Ahead > lobby.Thousand:
		return whole(farthest/2 + jitter)
	}
	return whole(soonest + jitter/2)
}

// near: the turn could come within a minute, were the room as fast as it has been.
// A room that stands, is closed or has lost its store may go on at any moment, and
// what it does just then says nothing of that.
func (v *visit) near(s *Seat) bool {
	if s.View.Ahead <= lobby.Thousand {
		return true
	}
	k := v.l.latest.Load()
	return k != nil && float64(s.View.Ahead) <= farthest.Seconds()*fastest(k.Marks)
}

// fastest is the most people a second that the main lane could have had in any
// stretch between marks: some two minutes.
func fastest(marks []lobby.Mark) (most float64) {
	for i := 1; i < len(marks); i++ {
		m, before := marks[i], marks[i-1]
		if m.Allowed > before.Allowed && m.Second > before.Second {
			most = max(most, float64(m.Allowed-before.Allowed)/1000/float64(m.Second-before.Second))
		}
	}
	return most
}

// whole is in whole seconds, within what a page may wait.
func whole(d time.Duration) time.Duration {
	return min(max(d.Round(time.Second), soonest), farthest)
}
