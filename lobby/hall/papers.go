package hall

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sinho/lobby"
	"sinho/store"
)

const (
	// ticketLife is how long a place is good for; of a room that is yet to open,
	// until so long after the opening.
	ticketLife = 24 * time.Hour
	// mostLife is the most: counters are kept as long after their last change.
	mostLife = 48 * time.Hour
	// soonOver is when a pass is extended, if its browser comes by.
	soonOver = time.Minute
)

// visit is one request at the door of a room.
type visit struct {
	h   *Hall
	w   http.ResponseWriter
	r   *http.Request
	c   *chamber
	set *Setting
	l   *line
	key [32]byte // of the browser
	now time.Time
	q   *lobby.Queue

	ticket *lobby.Ticket // nil: none
	pass   *lobby.Pass   // nil: none that is good
}

// browserKey is what papers are bound to.
func browserKey(browser [16]byte) [32]byte {
	return sha256.Sum256(append([]byte("sinho lobby browser"), browser[:]...))
}

func unavailable(err error) error {
	return fmt.Errorf("waiting room: %w: %w", store.ErrUnavailable, err)
}

// visit reads what a browser has of a room.
func (h *Hall) visit(w http.ResponseWriter, r *http.Request, c *chamber, st *state, browser [16]byte) *visit {
	v := &visit{h: h, w: w, r: r, c: c, set: &st.set, l: st.line, key: browserKey(browser), now: h.now()}
	v.readTicket()
	v.readPass()
	return v
}

func (v *visit) readTicket() {
	value := v.h.cookieOf(v.r, kindTicket, v.c.name)
	if value == "" {
		return
	}
	t, err := v.h.papers.OpenTicket(value, v.l.name, v.now)
	if err == nil && t.Key != v.key {
		err = lobby.ErrOtherBrowser
	}
	if err == nil {
		v.l.room.Observe(t)
		if v.h.spent.has(t.Seed) { // another number, then; what other nodes know, Spend says
			err = errUsed
		}
	}
	if err != nil {
		v.c.count.tickets.refuse(err)
		return
	}
	v.ticket = &t
}

func (v *visit) readPass() {
	value := v.h.cookieOf(v.r, kindPass, v.c.name)
	if value == "" {
		return
	}
	p, err := v.h.papers.OpenPass(value, v.l.name, v.key, v.now)
	if err == nil && v.h.spent.has(p.Ticket) {
		err = errUsed
	}
	if k := v.l.latest.Load(); err == nil && k != nil && k.Epoch != p.Epoch {
		err = errRestarted // it would be refused where it is spent
	}
	if err != nil {
		v.c.count.passes.refuse(err)
		return
	}
	v.pass = &p
}

// take gives a browser that has no ticket a number.
func (v *visit) take() error {
	if v.ticket != nil {
		return nil
	}
	ctx, cancel := within(v.r.Context())
	defer cancel()
	epoch, number, err := v.l.room.Number(ctx, v.now)
	if err != nil {
		return err
	}
	t := lobby.Ticket{Room: v.l.name, Epoch: epoch, Number: number, Issued: v.now.Truncate(time.Millisecond), Key: v.key}
	_, _ = rand.Read(t.Seed[:]) // never fails, see crypto/rand
	v.ticket = &t
	v.c.count.tickets.given.Add(1)
	return v.keepTicket()
}

// keepTicket puts the ticket into its cookie.
func (v *visit) keepTicket() error {
	until := v.ticket.Issued.Add(ticketLife)
	if o := v.set.Opens; o.After(v.ticket.Issued) {
		until = o.Add(ticketLife)
	}
	if most := v.ticket.Issued.Add(mostLife); until.After(most) {
		until = most
	}
	value, err := v.h.papers.SealTicket(*v.ticket, until)
	if err != nil {
		return fmt.Errorf("seal ticket: %w", err)
	}
	v.h.setCookie(v.w, kindTicket, v.c.name, value, until.Sub(v.now))
	return nil
}

// admitted is admit for somebody who is to have a number in any case.
func (v *visit) admitted() (bool, error) {
	if err := v.take(); err != nil {
		return false, err
	}
	in, err := v.admit()
	if err != nil || v.ticket != nil {
		return in, err
	}
	if err := v.take(); err != nil {
		return false, err
	}
	return v.admit()
}

// admit gives a ticket that is called its pass: false where it is not called. A
// call that is over leads to the late lane. A ticket whose number is spent is
// dropped, and v.ticket is nil.
func (v *visit) admit() (bool, error) {
	if v.set.Closed {
		return false, nil
	}
	if v.set.Mode == Forced && v.now.Sub(v.ticket.Issued) < pause {
		return false, nil
	}
	err := v.q.Admits(v.ticket, v.l.opening.Seed, v.now)
	late := errors.Is(err, lobby.ErrTooLate)
	ctx, cancel := within(v.r.Context())
	defer cancel()
	if v.ticket.Passed && (err == nil || late) {
		if spent, err := v.isSpent(ctx); spent || err != nil {
			return false, err
		}
	}
	if late {
		if err := v.late(ctx); err != nil {
			return false, err
		}
		return v.mint(v.q.Admits(v.ticket, v.l.opening.Seed, v.now))
	}
	return v.mint(err)
}

// late gives a ticket its number of the late lane: the one that this node has given it
// already, if it is shown as it was before, or whoever does so again and again would
// fill the lane.
func (v *visit) late(ctx context.Context) error {
	n := v.h.late.of(v.ticket.Seed)
	if n == 0 {
		_, number, err := v.l.room.LateNumber(ctx, v.now)
		if err != nil {
			return err
		}
		n = number + 1
		v.h.late.add(v.ticket.Seed, n)
	}
	v.ticket.Late = n
	return v.keepTicket()
}

// isSpent asks, for a ticket that has had a pass, whether a login has come of it, on
// whatever node: better now than at the end of another login. It is dropped then.
func (v *visit) isSpent(ctx context.Context) (bool, error) {
	spent, err := v.l.room.Spent(ctx, v.ticket.Pass(v.q.Epoch, v.key, v.now))
	if !spent || err != nil {
		return false, err
	}
	v.h.spent.add(v.ticket.Seed)
	v.c.count.tickets.refuse(errUsed)
	v.ticket = nil
	v.h.setCookie(v.w, kindTicket, v.c.name, "", 0)
	return true, nil
}

// mint makes the pass, unless there is something against it.
func (v *visit) mint(against error) (bool, error) {
	if against != nil {
		return false, nil //nolint:nilerr // not called, or closed: they wait
	}
	p := v.ticket.Pass(v.q.Epoch, v.key, v.now)
	v.pass = &p
	v.c.count.passes.given.Add(1)
	v.score()
	if !v.ticket.Passed {
		v.ticket.Passed = true
		if err := v.keepTicket(); err != nil {
			return false, err
		}
	}
	return true, v.keepPass()
}

func (v *visit) keepPass() error {
	value, err := v.h.papers.SealPass(*v.pass)
	if err != nil {
		return fmt.Errorf("seal pass: %w", err)
	}
	v.h.setCookie(v.w, kindPass, v.c.name, value, v.pass.Expires.Sub(v.now))
	return nil
}

// extend lets a pass that is soon over live longer, once.
func (v *visit) extend() error {
	if v.pass.Expires.Sub(v.now) >= soonOver {
		return nil
	}
	longer, err := v.pass.Extend(v.now)
	if err != nil {
		return nil //nolint:nilerr // extended before: it ends when it ends
	}
	v.pass = &longer
	v.c.count.passes.extended.Add(1)
	return v.keepPass()
}

// look has the queue to judge by.
func (v *visit) look(ctx context.Context) (err error) {
	v.q, err = v.l.queue(ctx, v.now)
	return err
}

// Cookies of this package: t-NAME is a ticket, p-NAME a pass, both sealed. What is
// before them is as the broker's are.
const (
	kindTicket = "t-"
	kindPass   = "p-"
)

func (h *Hall) cookieName(kind, name string) string {
	if h.cfg.Secure {
		return "__Host-sinho-" + kind + name
	}
	return "sinho-" + kind + name
}

func (h *Hall) cookieOf(r *http.Request, kind, name string) string {
	c, err := r.Cookie(h.cookieName(kind, name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets one of ours; less than a second of life deletes it.
func (h *Hall) setCookie(w http.ResponseWriter, kind, name, value string, life time.Duration) {
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; http issuers are loopback
		Name: h.cookieName(kind, name), Value: value, Path: "/",
		Secure: h.cfg.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	}
	if c.MaxAge <= 0 {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
}
