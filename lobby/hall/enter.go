package hall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sinho/lobby"
	"sinho/lobby/room"
	"sinho/store"
)

// pause is how long everybody is in a forced room at least: numbers are called in
// advance there too, but nobody gets a pass before.
const pause = time.Second

// maxPass is the most bytes of a pass, as the broker carries it.
const maxPass = 160

// Enter judges who comes to a client's door, by what their browser holds. wait: not
// now, the waiting room is the way on. pass, for Login alone, is the lobby.Pass to
// spend when they come back, nil where none is needed. It may set the cookies of a
// ticket and a pass. The error wraps store.ErrUnavailable: a number was needed and
// there is none to be had.
func (h *Hall) Enter(w http.ResponseWriter, r *http.Request, client string, browser [16]byte, p Purpose) (wait bool, pass []byte, err error) {
	c, st := h.of(client)
	if c == nil {
		return false, nil, nil
	}
	now := h.now()
	if st.set.before(now) {
		return p != Early || !st.set.mayBe(now), nil, nil
	}
	if p == Session {
		return st.set.Closed, nil, nil
	}
	v := h.visit(w, r, c, st, browser)
	if p == Look {
		wait, err = v.peek()
		return wait, nil, err
	}
	if wait, err = v.enter(); wait || err != nil {
		return wait, nil, err
	}
	return v.carry()
}

// enter is for who begins a login: with a pass, or with a number that is called,
// which is given here if there is none.
func (v *visit) enter() (wait bool, err error) {
	if v.pass != nil {
		return false, nil
	}
	if err := v.look(v.r.Context()); err != nil {
		return true, err
	}
	in, err := v.admitted()
	return !in, err
}

// peek is for who looks at the chooser: no number is taken from anybody for that
// while there is room.
func (v *visit) peek() (wait bool, err error) {
	if v.pass != nil {
		return false, v.extend()
	}
	if v.ticket == nil && v.set.Mode == Forced {
		return true, nil
	}
	if err := v.look(v.r.Context()); err != nil {
		return true, err
	}
	if v.ticket != nil {
		in, err := v.admit()
		if in || err != nil || v.ticket != nil {
			return !in, err
		}
	}
	return v.set.Closed || v.set.Mode == Forced || standing(v.q), nil
}

// standing: whoever took a number now would have to wait.
func standing(q *lobby.Queue) bool {
	return q.Closed || !q.Drawn || q.Main.Next >= q.Main.Serving
}

// carry is the pass as the broker has it along with the login.
func (v *visit) carry() (wait bool, pass []byte, err error) {
	form := v.pass.Marshal()
	if len(form) > maxPass {
		return true, nil, fmt.Errorf("waiting room %s: a pass of %d bytes, want %d at most", v.l.name, len(form), maxPass)
	}
	return false, form, nil
}

var (
	errUsed      = errors.New("used")
	errRestarted = errors.New("restarted")
)

// Spend spends the pass of a login that has come back: nil once, and again for the
// same attempt within store.AttemptTTL. One of before a restart of the store is
// changed for that which its ticket would get now. Otherwise room.ErrSpent,
// room.ErrRestarted (the ticket gets none now; also for a pass of a round that is
// over, and for none at all), or an error that wraps store.ErrUnavailable. Where
// there is no room any more nothing is spent.
func (h *Hall) Spend(ctx context.Context, client string, pass []byte, attempt store.Attempt) error {
	c, st := h.of(client)
	if c == nil {
		return nil
	}
	var p lobby.Pass
	if err := p.Unmarshal(pass); err != nil {
		c.count.passes.refuse(lobby.ErrForged)
		return fmt.Errorf("%w: %w", room.ErrRestarted, err)
	}
	if p.Room != st.line.name {
		c.count.passes.refuse(lobby.ErrForeignRoom)
		return fmt.Errorf("%w: %w", room.ErrRestarted, lobby.ErrForeignRoom)
	}
	err := st.line.room.Spend(ctx, p, attempt)
	if errors.Is(err, room.ErrRestarted) && !st.set.Closed {
		err = st.line.room.SpendAnew(ctx, p, attempt, func(q *lobby.Queue) error { return st.line.stillCalls(q, &p, h.now()) })
	}
	switch {
	case err == nil:
		if h.paid.add(p.Ticket) { // until the login is done it may come with it again
			c.count.spent.Add(1)
		}
	case errors.Is(err, room.ErrSpent):
		h.spent.add(p.Ticket)
		c.count.passes.refuse(errUsed)
	case errors.Is(err, room.ErrRestarted):
		c.count.passes.refuse(errRestarted)
	}
	return err
}

// stillCalls is nil where the ticket of a pass would get another one now.
func (l *line) stillCalls(q *lobby.Queue, p *lobby.Pass, now time.Time) error {
	t := lobby.Ticket{Room: p.Room, Epoch: p.Born, Number: p.Number, Seed: p.Ticket, Late: p.Late}
	if err := q.Admits(&t, l.opening.Seed, now); err != nil {
		return fmt.Errorf("%w: %w", room.ErrRestarted, err)
	}
	return nil
}

// Entered is for a login that has come of a pass of a client's room: this node takes
// its number from nobody any more, and the browser drops it.
func (h *Hall) Entered(w http.ResponseWriter, client string, pass []byte) {
	var p lobby.Pass
	if p.Unmarshal(pass) == nil {
		h.spent.add(p.Ticket)
	}
	h.Used(w, client)
}

// Used drops ticket and pass of a client's room from a browser: the number was
// spent, and the next one is their own. It is for room.ErrSpent.
func (h *Hall) Used(w http.ResponseWriter, client string) {
	if c, _ := h.of(client); c != nil {
		h.setCookie(w, kindTicket, c.name, "", 0)
		h.setCookie(w, kindPass, c.name, "", 0)
	}
}

// Renew drops the pass alone: the ticket gives another. It is for room.ErrRestarted.
func (h *Hall) Renew(w http.ResponseWriter, client string) {
	if c, _ := h.of(client); c != nil {
		h.setCookie(w, kindPass, c.name, "", 0)
	}
}

// now is the time that counts.
func (h *Hall) now() time.Time { return h.cfg.Now() }
