package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// Purpose is what somebody wants at the door of a waiting room.
type Purpose int

// The purposes.
const (
	EnterLook    Purpose = iota // the chooser is about to be shown; nothing begins
	EnterLogin                  // a login begins at a provider
	EnterSession                // a live session is about to be used: no provider is asked
	EnterEarly                  // a login ahead of the opening begins; it makes a session and no code
)

// Entrance is somebody at the door of the waiting room of a client.
type Entrance struct {
	Client  string   // client_id
	Browser [16]byte // hash of the browser the request is bound to
	Purpose Purpose
}

// Entry is what the waiting room says.
type Entry struct {
	// Wait: not now. The way on is QueueURL.
	Wait bool
	// Pass travels with the journey and is spent when the person comes back: at most
	// 160 bytes, nil where none is needed.
	Pass []byte
}

// What Doors.Spend can say of a pass that is not good. The person goes back to
// the waiting room, where their ticket gives them another.
var (
	ErrPassUsed = errors.New("the pass was spent by another login")
	ErrPassDead = errors.New("the pass is of before a restart of the store")
)

// errNotOpen: nobody gets a code from the login or session at hand, for it is
// before the opening, or the login was made ahead of it.
var errNotOpen = errors.New("the waiting room has not opened")

// Doors are the waiting rooms as the broker asks them. All fields are needed.
type Doors struct {
	// Enter judges who comes; it may set cookies on w. It asks the store seldom, and
	// for nobody in particular. The error wraps store.ErrUnavailable.
	Enter func(w http.ResponseWriter, r *http.Request, e Entrance) (Entry, error)
	// Spend spends the pass of a login that has come back: once, and again for the
	// same attempt. The error is, or wraps, ErrPassUsed, ErrPassDead or
	// store.ErrUnavailable.
	Spend func(ctx context.Context, client string, pass []byte, attempt store.Attempt) error
	// Refused tells of a browser whose pass at the client was not good, so that its
	// cookies can be cleared on w: err is, or wraps, ErrPassUsed or ErrPassDead.
	Refused func(w http.ResponseWriter, client string, err error)
	// Entered tells of a browser that has got in by this pass at the client, likewise.
	Entered func(w http.ResponseWriter, client string, pass []byte)
	// Opens is when the client's room will open; zero once it has, or where there is
	// none. Before it nobody gets a code.
	Opens func(client string) time.Time
}

func (d *Doors) complete() bool {
	return d.Enter != nil && d.Spend != nil && d.Refused != nil && d.Entered != nil && d.Opens != nil
}

// QueueURL is the waiting room for a sealed request.
func QueueURL(sealed string) string { return "/queue?r=" + url.QueryEscape(sealed) }

// opens is when the room of a client will open: zero once it has, or without one.
func (b *Broker) opens(client string) time.Time {
	if b.hooks.Doors == nil {
		return time.Time{}
	}
	return b.hooks.Doors.Opens(client)
}

// opensOrNow is the first moment at which somebody may get in.
func (b *Broker) opensOrNow(client string) time.Time {
	now := b.now()
	if at := b.opens(client); at.After(now) {
		return at
	}
	return now
}

// door asks the waiting room of q's client whether its person may do what they
// want. The error wraps store.ErrUnavailable.
func (b *Broker) door(w http.ResponseWriter, r *http.Request, q *request, want Purpose) (Entry, error) {
	if b.hooks.Doors == nil {
		return Entry{}, nil
	}
	if q.Early && want != EnterSession {
		want = EnterEarly
	}
	e, err := b.hooks.Doors.Enter(w, r, Entrance{Client: q.Client, Browser: q.Browser, Purpose: want})
	switch {
	case err != nil:
		return Entry{}, away(err)
	case len(e.Pass) > maxPass:
		return Entry{}, away(fmt.Errorf("the waiting room's pass has %d bytes, at most %d", len(e.Pass), maxPass))
	case want == EnterSession && !b.opens(q.Client).IsZero():
		return Entry{Wait: true}, nil
	}
	return e, nil
}

// looking is the waiting room for whoever would see the chooser of q, "" if they
// may. Nothing begins there, so with the store away it is shown.
func (b *Broker) looking(w http.ResponseWriter, r *http.Request, q *request) string {
	e, err := b.door(w, r, q, EnterLook)
	if err != nil {
		b.log(r.Context(), level(err), "waiting room not asked", q.Ref, NoticeStore, err)
	}
	if !e.Wait {
		return ""
	}
	step, _ := b.toQueue(*q) // sealing fails without keys alone, and then everything does
	return step.Redirect
}

// starting asks the waiting room about a login that is about to begin. It gives
// the pass to travel with it, or where to go instead.
func (b *Broker) starting(w http.ResponseWriter, r *http.Request, q *request, sealed string) (pass []byte, instead string) {
	e, err := b.door(w, r, q, EnterLogin)
	switch {
	case err != nil:
		b.log(r.Context(), level(err), "waiting room not asked", q.Ref, NoticeStore, err)
		return nil, ChooserURL(sealed, Notice{Code: NoticeStore})
	case e.Wait:
		step, _ := b.toQueue(*q)
		return nil, step.Redirect
	}
	return e.Pass, ""
}

// queued is q in the waiting room. People wait there for longer than they choose,
// and leave the page alone meanwhile. A login ahead of the opening is over.
func (b *Broker) queued(q request) request {
	q.Early, q.Term, q.Held = false, rotaTerm{}, time.Time{}
	if until := q.Began.Add(queueMost); until.After(q.Expires) {
		q.Expires = until
	}
	return q
}

// toQueue is the way to the waiting room, same request.
func (b *Broker) toQueue(q request) (Step, bool) {
	q = b.queued(q)
	sealed, err := b.sealRequest(&q)
	return Step{Redirect: QueueURL(sealed)}, err == nil
}

// refused says that err is the waiting room's no to a pass.
func refused(err error) bool { return errors.Is(err, ErrPassUsed) || errors.Is(err, ErrPassDead) }

// turnedOut is the way to the waiting room of a session that was not let through,
// because it is not open or the pass is not good; false: err is another one.
func (b *Broker) turnedOut(w http.ResponseWriter, q *request, err error) (Step, bool) {
	if !refused(err) && !errors.Is(err, errNotOpen) {
		return Step{}, false
	}
	if refused(err) {
		b.hooks.Doors.Refused(w, q.Client, err)
	}
	return b.toQueue(*q)
}

// entered tells the waiting room that a browser has got in by a pass, if by any.
func (b *Broker) entered(w http.ResponseWriter, client string, pass []byte) {
	if len(pass) > 0 && b.hooks.Doors != nil {
		b.hooks.Doors.Entered(w, client, pass)
	}
}

// pay spends the pass of o, once it is sure as far as anybody can know that a code
// follows: a person who must agree first, or is in on another device, keeps it.
// That is found out by one read more, of sites that ask for such things.
func (b *Broker) pay(ctx context.Context, o *occasion) error {
	if len(o.pass) == 0 || o.paid || b.hooks.Doors == nil {
		return nil
	}
	if err := b.foresee(ctx, o); err != nil {
		return err
	}
	o.charged = b.payment(o)
	attempt := store.Attempt(b.ring.Derive("attempt pass", o.q.Began, o.charged[:])[:16])
	err := b.hooks.Doors.Spend(ctx, o.c.ID, o.pass, attempt)
	switch {
	case refused(err):
		o.charged = id{}
		return err
	case err != nil:
		return fmt.Errorf("spend pass: %w", away(err))
	}
	o.paid = true
	return nil
}

// payment names the attempt by which o spends its pass: by the journey and the person,
// so that a journey that another node has died over goes on with the pass which that
// one had spent, and leads in nobody else.
func (b *Broker) payment(o *occasion) (n id) {
	if o.q.Paid != n {
		return o.q.Paid
	}
	by := o.seed
	if o.journey != n {
		by = o.journey[:]
	}
	n.read(b.ring.Derive("payment", o.q.Began, by, o.l.person)[:len(n)])
	return n
}

// foresee asks the store whether it would refuse o for what has nothing to do with
// the pass: errConsent or *elsewhere.
func (b *Broker) foresee(ctx context.Context, o *occasion) error {
	if err := b.agreed(ctx, o); err != nil {
		return err
	}
	if o.c.OneDevice != client.DeviceRefuse || !o.renew { // a session has met it
		return nil
	}
	values, err := b.store.ReadAll(ctx, o.s.Shard, gripKey(o.c))
	if err != nil {
		return fmt.Errorf("read lock: %w", away(err))
	}
	return b.meet(ctx, o, values[0])
}

// ahead: no code comes of o, see errNotOpen. What the site demands of the person
// is told now, where it may be, and not after hours of waiting.
func (b *Broker) ahead(o *occasion) error {
	if !o.early && b.opens(o.c.ID).IsZero() {
		return nil
	}
	if !o.c.Consent && o.q.wantsOther(&o.l.who) {
		return errDemand
	}
	return errNotOpen
}
