package broker

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"sinho/providers"
)

// errAnswered: the push that was to be sent again has just been answered.
var errAnswered = errors.New("the push was answered")

// Resend sends a push that does not arrive once more, to the same person: a new
// journey with a phrase of its own takes the place of this one. However many
// clicks are one push. It is as good as a look at it: one that is answered
// already goes where the answer leads. The Step leads to the waiting page, of the
// new journey or, with a notice, of the one there was. The error is a *Problem.
func (b *Broker) Resend(w http.ResponseWriter, r *http.Request, name string) (Step, error) {
	step, err := b.Waiting(w, r, name)
	if err != nil || step.Wait == nil {
		return step, err
	}
	j, p := b.waitingJourney(r, name)
	if p != nil {
		return Step{}, p
	}
	stay := func(n Notice) (Step, error) {
		u, query := waitURL(j.ID), noticed("", n)
		return Step{Redirect: u + strings.Replace(query, "&", "?", 1)}, nil
	}
	push, is := b.providers[j.Provider].(providers.Pusher)
	if !is || !step.Wait.Resend {
		return stay(Notice{})
	}
	if b.hooks.Admit != nil {
		if notice := b.hooks.Admit(j.Provider); notice != "" {
			return stay(Notice{Code: notice})
		}
	}
	a, err := b.pushes.do(r.Context(), resendKey(j.ID), b.now, func(ctx context.Context) (sentPush, bool, error) {
		a, err := b.replace(ctx, r, push, &j)
		return a, err == nil, err
	})
	if errors.Is(err, errAnswered) {
		return stay(Notice{})
	}
	if n, is := b.unsent(r.Context(), &j, err); is {
		return stay(n)
	}
	if err != nil {
		return Step{}, b.failed(&j, err)
	}
	return b.follow(w, r, a), nil
}

// replace sends the push that takes the place of old's.
func (b *Broker) replace(ctx context.Context, r *http.Request, push providers.Pusher, old *journey) (sentPush, error) {
	k := b.looks.of(old.ID)
	k.mu.Lock() // the page asks every second; each look is bounded
	defer k.mu.Unlock()
	if k.over || k.approved {
		return sentPush{}, errAnswered
	}
	q := old.Request
	j, ask, err := b.newJourney(&q, b.infos[old.Provider])
	if err != nil {
		return sentPush{}, err
	}
	j.Contact, j.Resent, j.Pass = old.Contact, true, old.Pass
	a, err := b.sendPush(ctx, push, &j, ask, r.RemoteAddr)
	if err != nil {
		return sentPush{}, err
	}
	b.ended(old, &providers.Error{Provider: old.Provider, Class: providers.Cancelled, Code: "resent"})
	end := old.ended()
	end.Phase, end.Next = phaseOver, j.ID
	a.former, err = b.journeyCookie(&end)
	return a, err
}

// resendable: the push has had its time, and whom to send it to is known.
func (b *Broker) resendable(j *journey, now time.Time) bool {
	return now.Sub(j.Began) >= draggingAt && j.Contact.Phone != "" && (now.Before(j.Request.Began.Add(requestMost)) || now.Before(j.Request.Expires))
}

// gone leads away from a journey that has ended, or whose push was sent again
// just now or before.
func (b *Broker) gone(w http.ResponseWriter, r *http.Request, j *journey) (Step, bool) {
	if j.Next != (id{}) {
		return Step{Redirect: waitURL(j.Next)}, true
	}
	if a, ok := b.pushes.look(resendKey(j.ID), b.now()); ok {
		return b.follow(w, r, a), true
	}
	return b.repeat(w, j)
}

// follow sets the cookies of a push that was sent again.
func (b *Broker) follow(w http.ResponseWriter, r *http.Request, a sentPush) Step {
	http.SetCookie(w, a.former)
	b.keepJourney(w, r, a.cookie)
	return Step{Redirect: a.to}
}

func resendKey(n id) [32]byte { return sha256.Sum256(append([]byte("resend "), n[:]...)) }
