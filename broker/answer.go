package broker

import (
	"errors"
	"net/http"
	"time"
)

// errUnsealed: a request could not be sealed anew.
var errUnsealed = errors.New("seal request anew")

// answer is what a journey led to, and no more of it than the journey does not
// know itself: tens of thousands are remembered. The same answer may be given
// several times.
type answer struct {
	code    string    // for the site
	until   time.Time // it can be redeemed
	session string    // sealed cookie of a new session, "" for none
	lives   time.Time // so long
	proved  id        // or the session to which the person must still agree something
	refusal string    // or an OAuth error for the site
	turn    *notTurn  // or the person's turn, which it is not
	held    time.Time // or the end of another device's lock
	queued  bool      // or it is back at the waiting room
	pass    error     // for its pass was not good; nil: it has not opened
	charged id        // it is at the chooser, and its pass may be spent for nothing by this attempt
	who     [8]byte   // who has got the code, as this browser knows them; zero: nobody
	notice  string    // or why it is back at the chooser, "" for no reason
	lost    bool      // the provider does not take the proof that came back
}

// give answers a browser that has j: where it goes, and cookies on the way.
func (b *Broker) give(w http.ResponseWriter, j *journey, a answer) (Step, error) {
	if a.refusal != "" {
		return b.reply(&j.Request, "error", a.refusal, "error_description", refusedLogins[a.refusal]), nil
	}
	end := j.ended()
	step, ok := b.reply(&j.Request, "code", a.code), true
	switch {
	case a.code != "":
		end.Phase, end.Code, end.Until = phaseFinished, a.code, a.until
	case a.turn != nil:
		end.Phase, end.Request = phaseOver, a.turn.told(end.Request)
		step, ok = b.toTurn(end.Request)
	case !a.held.IsZero():
		end.Phase, end.Request.Held = phaseOver, a.held
		step, ok = b.toDevice(end.Request)
	case a.queued:
		end.Phase, end.Queued = phaseOver, true
		step, ok = b.toQueue(end.Request)
	default:
		end.Phase, end.Notice, end.Request.Proved = phaseOver, a.notice, a.proved
		if a.charged != (id{}) {
			end.Request.Paid = a.charged
		}
		step, ok = b.toChooser(&end, a.notice)
	}
	if !ok {
		return Step{}, errUnsealed
	}
	cookie, err := b.journeyCookie(&end)
	if err != nil {
		return Step{}, err
	}
	http.SetCookie(w, cookie)
	if a.code != "" || a.proved != (id{}) || a.queued && a.pass == nil {
		step.Proved = j.Provider
	}
	switch {
	case a.code != "":
		b.entered(w, j.Request.Client, j.Pass)
	case a.pass != nil && j.Phase < phaseFinished: // else its cookies are gone, and others may be there
		b.hooks.Doors.Refused(w, j.Request.Client, a.pass)
	}
	if err := b.remember(w, &j.Request, a.who); err != nil {
		return Step{}, err
	}
	if a.session != "" {
		http.SetCookie(w, b.cookie(cookieSession, a.session, a.lives.Sub(b.now())))
	}
	return step, nil
}

// hand gives the answer of a journey that ends now.
func (b *Broker) hand(w http.ResponseWriter, j *journey, a answer) (Step, error) {
	step, err := b.give(w, j, a)
	if err != nil {
		return Step{}, b.failed(j, err)
	}
	return step, nil
}

// repeat gives the answer of a journey that has ended before: by its cookie on
// any node, and by memory on this one.
func (b *Broker) repeat(w http.ResponseWriter, j *journey) (Step, bool) {
	if a, ok := b.answers.look(j.ID, b.now()); ok {
		step, err := b.give(w, j, a)
		return step, err == nil
	}
	switch {
	case j.Phase == phaseFinished && b.now().Before(j.Until):
		return b.reply(&j.Request, "code", j.Code), true
	case j.Phase == phaseFinished:
		// The code is dead; whoever comes back this late may go on in one tap.
		return b.toChooser(j, NoticeAgain)
	case j.Phase == phaseOver && j.Request.Term.Told:
		return b.toTurn(j.Request)
	case j.Phase == phaseOver && !j.Request.Held.IsZero():
		return b.toDevice(j.Request)
	case j.Phase == phaseOver && j.Queued:
		return b.toQueue(j.Request)
	case j.Phase == phaseOver:
		return b.toChooser(j, j.Notice)
	}
	return Step{}, false
}

func (b *Broker) toChooser(j *journey, notice string) (Step, bool) {
	q := j.Request
	q.Term, q.Held = rotaTerm{}, time.Time{}
	sealed, err := b.renew(q)
	if err != nil {
		return Step{}, false
	}
	n := Notice{Code: notice}
	if notice != "" {
		n.From = j.Provider
	}
	return Step{Redirect: ChooserURL(sealed, n)}, true
}
