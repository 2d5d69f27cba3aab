package broker

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sinho/providers"
)

// beginPush asks a vendor to reach a phone: once for however many clicks.
func (b *Broker) beginPush(w http.ResponseWriter, r *http.Request, sealed string, push providers.Pusher, j journey, ask providers.Ask, contact *providers.Contact) (Step, error) {
	back := func(n Notice) (Step, error) {
		n.From = j.Provider
		return Step{Redirect: ChooserURL(sealed, n)}, nil
	}
	j.Contact = *contact
	phone := b.limit.name("phone", contact.Phone)
	// A second click sends the same sealed request; whoever has been led back to the
	// chooser meanwhile has another, and may well mean it.
	key := sha256.Sum256([]byte(strings.Join([]string{
		sealed, string(j.Request.Browser[:]), j.Provider, string(phone[:]), contact.Name, contact.Birthdate,
	}, "\x00")))
	a, err := b.pushes.do(r.Context(), key, b.now, func(ctx context.Context) (sentPush, bool, error) {
		a, err := b.sendPush(ctx, push, &j, ask, r.RemoteAddr)
		return a, err == nil, err
	})
	if n, is := b.unsent(r.Context(), &j, err); is {
		return back(n)
	}
	if err != nil {
		return Step{}, b.failed(&j, err)
	}
	b.keepJourney(w, r, a.cookie)
	return Step{Redirect: a.to}, nil
}

// typed: a push can be asked for with what the person has typed.
func typed(c *providers.Contact) bool {
	return c != nil && len(c.Name)+len(c.Birthdate)+len(c.Phone) <= maxContact && c.Validate() == nil
}

// sendPush asks for one push, if there is room for it.
func (b *Broker) sendPush(ctx context.Context, push providers.Pusher, j *journey, ask providers.Ask, remote string) (sentPush, error) {
	if over, wait := b.limit.push(j.Contact.Phone, remote, b.now()); wait > 0 {
		return sentPush{}, &tooMany{over, wait}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerWait)
	defer cancel()
	j.Phase = phasePushed
	b.started(j)
	pending, err := push.Push(ctx, ask, j.Contact, phraseOf(j.ID))
	if err != nil {
		failure := classed(j.Provider, err)
		b.ended(j, failure)
		return sentPush{}, failure
	}
	j.Pending = pending
	if last := j.Expires; pending.Expires.IsZero() || pending.Expires.After(last) {
		j.Pending.Expires = last
	}
	j.Expires = j.Pending.Expires.Add(pushGrace)
	cookie, err := b.journeyCookie(j)
	if err == nil && len(cookie.Name)+len(cookie.Value) > maxCookie {
		j.Contact = providers.Contact{} // a very long request: this one cannot be sent again by a button
		cookie, err = b.journeyCookie(j)
	}
	return sentPush{to: waitURL(j.ID), cookie: cookie}, err
}

// unsent is what the person is told of a push that was not sent; false: it was,
// or something of ours failed.
func (b *Broker) unsent(ctx context.Context, j *journey, err error) (n Notice, is bool) {
	var (
		failure *providers.Error
		many    *tooMany
	)
	switch {
	case errors.As(err, &many):
		b.log(ctx, slog.LevelInfo, "push refused", j.Request.Ref, many.notice(), nil, slog.String("provider", j.Provider))
		return Notice{Code: many.notice(), Wait: many.wait}, true
	case errors.As(err, &failure):
		b.logFailure(ctx, &j.Request, failure)
		return Notice{Code: noticeOfPush(failure)}, true
	}
	return n, false
}

// tooMany is a push that was not asked for.
type tooMany struct {
	over int
	wait time.Duration
}

func (m *tooMany) Error() string { return "too many pushes: " + m.notice() }

func (m *tooMany) notice() string {
	if m.over == overPhone {
		return NoticeOften
	}
	return NoticeCrowd
}

// sentPush is where a push is waited for, and the cookies of its journey and of
// the one before it.
type sentPush struct {
	to             string
	cookie, former *http.Cookie
}

func waitURL(n id) string { return "/wait/" + n.String() }

// noticeOfPush: a vendor that does not know the person was given a mistyped
// contact; that is not the person saying no.
func noticeOfPush(e *providers.Error) string {
	if e.Code == "contact" || e.Class == providers.BadCode {
		return NoticeContact
	}
	return noticeOf(e)
}
