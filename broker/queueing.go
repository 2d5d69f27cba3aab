package broker

import (
	"net/http"
	"time"

	"sinho/broker/client"
)

// Queueing is a request as the waiting room's page shows it.
type Queueing struct {
	Login    // Sealed is fresh: the page and its reloads go on with it
	Entrance Entrance
	// Opens is when the room will open, zero once it has.
	Opens time.Time
	// Verified: this browser's person has logged in ahead of the opening, or before,
	// and will be let through on the session, as far as is known: it will be recent
	// enough for the site when the room opens.
	Verified bool
	// MayVerify: logging in now, by VerifyEarly, would make such a session. Whether the
	// room offers it is for the room to say.
	MayVerify bool
}

// Queue opens r for the page of the waiting room, and checks it against the browser
// that shows it. It extends the life of the request to 12 hours from its beginning.
// It does no I/O. The error is a *Problem.
func (b *Broker) Queue(w http.ResponseWriter, r *http.Request, sealed string) (Queueing, error) {
	plain(w)
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Queueing{}, p
	}
	q = b.queued(q)
	fresh, err := b.sealRequest(&q)
	if err != nil {
		return Queueing{}, b.internal(&q, c, err)
	}
	out := Queueing{
		Login: b.shown(r, &q, c, fresh, b.opensOrNow(c.ID)), Opens: b.opens(c.ID),
		Entrance: Entrance{Client: c.ID, Browser: q.Browser, Purpose: EnterLook},
	}
	out.Verified = out.Continue
	out.MayVerify = !out.Verified && b.mayVerify(&q, c, out.Opens)
	if out.Verified {
		out.Entrance.Purpose = EnterSession
	}
	return out, nil
}

// mayVerify: a session of now will do for q when its room opens.
func (b *Broker) mayVerify(q *request, c client.Client, opens time.Time) bool {
	switch {
	case opens.IsZero(), c.SessionRule == client.SessionNone, q.Prompt.has(promptLogin):
		return false
	case !opens.Before(b.now().Add(sessionTTL)): // it would have ended by then
		return false
	}
	return q.MaxAge < 0 || opens.Before(b.now().Add(time.Duration(q.MaxAge)*time.Second))
}

// VerifyEarly leads to the chooser for a login ahead of the opening of a waiting
// room: it makes a session and no code, and whoever has it waits with the others,
// but needs no provider when the room has opened. Where that would be of no use, or
// the room has opened, the Step leads back to the waiting room. The error is a
// *Problem.
func (b *Broker) VerifyEarly(w http.ResponseWriter, r *http.Request, sealed string) (Step, error) {
	plain(w)
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Step{}, p
	}
	if !b.mayVerify(&q, c, b.opens(c.ID)) {
		step, ok := b.toQueue(q)
		if !ok {
			return Step{}, b.internal(&q, c, errUnsealed)
		}
		return step, nil
	}
	q.Early = true
	early, err := b.renew(q)
	if err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	return Step{Redirect: ChooserURL(early, Notice{})}, nil
}
