package broker

import (
	"context"
	"net/http"
	"sync"
	"time"

	"sinho/providers"
	"sinho/store"
)

// Waiting takes one look at a push in this browser: Step.Wait while the phone
// has not answered, else a Redirect to the site, or to the chooser with a
// notice. The vendor is asked at most once a second for a journey. The error is
// a *Problem.
func (b *Broker) Waiting(w http.ResponseWriter, r *http.Request, name string) (Step, error) {
	plain(w)
	j, p := b.waitingJourney(r, name)
	if p != nil {
		return Step{}, p
	}
	if step, done := b.gone(w, r, &j); done {
		return step, nil
	}
	push, is := b.providers[j.Provider].(providers.Pusher)
	if j.Phase != phasePushed || !is && !b.disabled(j.Provider) {
		return Step{}, b.mismatch(&j)
	}
	now := b.now()
	k := b.looks.of(j.ID)
	if !k.mu.TryLock() { // somebody is looking right now
		return b.wait(&j, now, false)
	}
	defer k.mu.Unlock()
	if step, done := b.repeat(w, &j); done {
		return step, nil
	}
	if k.over {
		if now.Before(k.until) {
			return b.hand(w, &j, k.answer)
		}
		k.answer = answer{} // its code is dead
		if step, ok := b.toChooser(&j, NoticeAgain); ok {
			return step, nil
		}
		return Step{}, b.mismatch(&j)
	}
	c, _ := b.clients.Lookup(j.Request.Client)
	switch {
	case b.disabled(j.Provider), b.unpushed(c, j.Provider):
		return b.endPush(w, r, k, &j, &providers.Error{Provider: j.Provider, Class: providers.Policy, Code: codeDisabled})
	case !now.Before(j.Pending.Expires) && k.approved:
		return b.endPush(w, r, k, &j, &providers.Error{Provider: j.Provider, Class: providers.BadCode, Code: "unread"})
	case !now.Before(j.Pending.Expires):
		return b.endPush(w, r, k, &j, &providers.Error{Provider: j.Provider, Class: providers.Cancelled, Code: providers.CodeExpired})
	case now.Sub(k.at) < pollEvery:
		return b.wait(&j, now, k.approved)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pollWait)
	defer cancel()
	progress, err := push.Poll(ctx, j.Pending)
	k.at = b.now()
	if err != nil {
		failure := classed(j.Provider, err)
		k.failed++
		if (failure.Colours() || failure.Class == providers.Shed) && k.failed < pollFailures {
			b.logFailure(r.Context(), &j.Request, failure)
			return b.wait(&j, now, k.approved) // the phone may still answer
		}
		return b.endPush(w, r, k, &j, failure)
	}
	k.failed = 0
	if progress != providers.Approved {
		return b.wait(&j, now, false)
	}
	k.approved = true
	return b.approved(w, r, k, &j, push)
}

// approved reads the result, which vendors allow once or twice only: a short
// lease keeps the other nodes off, the caller's lock the other tabs. The lease of
// a node that dies runs out by itself; then another reads, and what comes of it is
// the vendor's to say: the same once more, or "one more tap" for the person.
func (b *Broker) approved(w http.ResponseWriter, r *http.Request, k *look, j *journey, push providers.Pusher) (Step, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), providerWait)
	defer cancel()
	held, err := b.takeLease(ctx, j)
	if err != nil {
		b.log(ctx, level(err), "push lease not written", j.Request.Ref, NoticeStore, away(err))
		return b.wait(j, b.now(), true) // approved it stays: the next look tries again
	}
	if !held {
		return b.wait(j, b.now(), true)
	}
	old, _ := b.session(r)
	a, err := b.answers.do(ctx, j.ID, b.now, func(ctx context.Context) (answer, bool, error) {
		b.returned(j)
		who, err := push.Result(ctx, j.Pending)
		if who.AuthTime.IsZero() {
			who.AuthTime = b.now() // an approval on the phone is an act of its own
		}
		return b.settle(ctx, j, old, who, err)
	})
	if err != nil {
		return Step{}, b.failed(j, err)
	}
	k.over, k.answer, k.until = true, a, b.now().Add(codeTTL)
	return b.hand(w, j, a)
}

// takeLease makes this node the one that reads the result of j; false: another is.
func (b *Broker) takeLease(ctx context.Context, j *journey) (bool, error) {
	shard := store.Shard("push-" + encode(b.ring.Derive("lease", j.Request.Began, j.ID[:])[:16]))
	done, err := b.store.Apply(ctx, shard, newAttempt(), false,
		store.Op{Kind: store.PutNew, Key: "lease", Value: b.node, TTL: b.lease})
	return err == nil && done.Conflict == nil, err
}

// endPush ends a push without an identity, at the chooser.
func (b *Broker) endPush(w http.ResponseWriter, r *http.Request, k *look, j *journey, failure *providers.Error) (Step, error) {
	if !failure.Colours() {
		b.returned(j)
	}
	a, _, err := b.settle(r.Context(), j, nil, providers.Identity{}, failure)
	if err != nil {
		return Step{}, b.failed(j, err)
	}
	k.over, k.answer, k.until = true, a, b.now().Add(codeTTL)
	return b.hand(w, j, a)
}

// Leave takes the person from a push back to the chooser, same request. The
// error is a *Problem.
func (b *Broker) Leave(w http.ResponseWriter, r *http.Request, name string) (Step, error) {
	plain(w)
	j, p := b.waitingJourney(r, name)
	if p != nil {
		return Step{}, p
	}
	if step, done := b.gone(w, r, &j); done {
		return step, nil
	}
	b.ended(&j, &providers.Error{Provider: j.Provider, Class: providers.Cancelled, Code: "left"})
	return b.hand(w, &j, answer{})
}

func (b *Broker) waitingJourney(r *http.Request, name string) (journey, *Problem) {
	n, ok := parseID(name)
	if !ok {
		return journey{}, b.fault(http.StatusNotFound, ProblemNotFound, nil)
	}
	if j, found := b.findJourney(r, n); found {
		b.noted(r.Context(), j.Request.Ref, j.Request.Client)
		return j, nil
	}
	code := ProblemOtherBrowser
	if len(r.Cookies()) == 0 {
		code = ProblemCookies
	}
	return journey{}, b.fault(http.StatusBadRequest, code, nil)
}

func (b *Broker) wait(j *journey, now time.Time, approved bool) (Step, error) {
	c, known := b.clients.Lookup(j.Request.Client)
	sealed, err := b.renew(j.Request)
	if !known || err != nil {
		return Step{}, b.failed(j, err)
	}
	return Step{Wait: &Wait{
		Journey: j.ID.String(), Login: b.login(&j.Request, c, sealed), Provider: b.infos[j.Provider], Phrase: phraseOf(j.ID),
		Began: j.Began, Expires: j.Pending.Expires, Dragging: now.Sub(j.Began) >= draggingAt && !approved,
		Resend: b.resendable(j, now) && !approved, Resent: j.Resent, Approved: approved,
	}}, nil
}

// looks remembers when each push was last looked at, for a bounded number.
type looks struct {
	most int

	mu    sync.Mutex // guards what follows
	by    map[id]*look
	order []id // a ring once it is full
	next  int
}

// look is the last look at one push.
type look struct {
	mu     sync.Mutex // held while looking; guards what follows
	at     time.Time
	failed int // looks in a row
	// approved: the phone has said yes, whoever reads who it was.
	approved bool
	over     bool      // it led to answer, for a tab whose cookie is older
	answer   answer    // until then
	until    time.Time // while it may be repeated
}

func newLooks(most int) *looks { return &looks{most: most, by: map[id]*look{}} }

func (l *looks) of(n id) *look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.by[n]; k != nil {
		return k
	}
	k := &look{}
	if len(l.order) < l.most {
		l.order = append(l.order, n)
	} else {
		delete(l.by, l.order[l.next])
		l.order[l.next] = n
		l.next = (l.next + 1) % l.most
	}
	l.by[n] = k
	return k
}
