package broker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// errAborted is what others get when the work they waited for never ended.
var errAborted = errors.New("the attempt this one waited for was aborted")

// Resume opens r for the chooser and checks it against the browser that shows
// it. Where a waiting room stands before the chooser, Login.Queue is set, and w has
// its cookies. It does no other I/O than the room does. The error is a *Problem.
func (b *Broker) Resume(w http.ResponseWriter, r *http.Request, sealed string) (Login, error) {
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Login{}, p
	}
	if q.Early && b.opens(c.ID).IsZero() { // it has opened meanwhile
		q.Early = false
	}
	login := b.shown(r, &q, c, sealed, b.now())
	login.Early = q.Early
	login.Continue = login.Continue && !q.Early
	login.Queue = b.looking(w, r, &q)
	return login, nil
}

// shown is what a page shows of q; Continue is by the session of this browser as it
// will be at a time.
func (b *Broker) shown(r *http.Request, q *request, c client.Client, sealed string, at time.Time) Login {
	s, have := b.session(r)
	login := b.login(q, c, sealed)
	login.Continue = have && !b.now().Before(q.Held) && b.usableAt(s, q, at) && b.fits(s, q) && !b.unpushed(c, s.Provider)
	login.Agreement = agreementOf(q, c)
	if c.Rota != "" {
		today := b.hooks.Today(c.Rota, b.opensOrNow(c.ID))
		login.Today = &today
	}
	return login
}

func (b *Broker) login(q *request, c client.Client, sealed string) Login {
	return Login{
		Sealed: sealed, Ref: q.Ref, Expires: q.Expires, Site: b.site(c, q.RedirectURI), Locale: q.Locale,
		Seed: encode(b.ring.Derive("seed", q.Began, q.Browser[:])[:9]), Routes: b.routes(q, c), Hint: q.Hint,
	}
}

// routes are the providers that can meet what q asks, in configured order.
func (b *Broker) routes(q *request, c client.Client) []providers.Info {
	routes := make([]providers.Info, 0, len(b.order))
	for _, name := range b.order {
		if meets(b.infos[name], q, c) {
			// Asked anew: the origin of its pages may be known by its metadata only.
			routes = append(routes, b.providers[name].Info())
		}
	}
	return routes
}

// possible: there is a route at all.
func (b *Broker) possible(q *request) bool {
	c, _ := b.clients.Lookup(q.Client)
	for _, info := range b.infos {
		if meets(info, q, c) {
			return true
		}
	}
	return false
}

func meets(info providers.Info, q *request, c client.Client) bool {
	switch {
	case info.Shape == providers.Push && c.PushRule == client.PushNone:
		return false
	case !serves(info, q.Client), info.Assurance < q.Need:
		return false
	case q.ACR == acrFresh: // nothing less was asked for
		return info.Fresh == providers.FreshProved
	}
	return !q.fresh() || info.Fresh != providers.NoFresh
}

// serves: a client's people may log in by this provider.
func serves(info providers.Info, client string) bool {
	return len(info.Clients) == 0 || slices.Contains(info.Clients, client)
}

// fits: a session may be used at the site of q, because its provider is for that
// site's people, or because the login that led here made it.
func (b *Broker) fits(s *session, q *request) bool {
	return q.Proved == s.ID || serves(b.infos[s.Provider], q.Client)
}

// Begin starts a journey to a provider; contact is what the person typed for a
// push, nil otherwise. It sets the journey cookie on w. The Step leads to the
// provider, to /wait/{journey}, or back to the chooser with a notice. The error
// is a *Problem.
func (b *Broker) Begin(w http.ResponseWriter, r *http.Request, sealed, provider string, contact *providers.Contact) (Step, error) {
	plain(w)
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Step{}, p
	}
	info, known := b.infos[provider]
	if !known {
		site := b.site(c, q.RedirectURI)
		return Step{}, b.fault(http.StatusNotFound, ProblemProvider, nil).about(&q, &site)
	}
	back := func(code string) (Step, error) {
		return Step{Redirect: ChooserURL(sealed, Notice{Code: code, From: provider})}, nil
	}
	if b.unpushed(c, provider) {
		return back(NoticeUnpushed)
	}
	if !meets(info, &q, c) || b.disabled(provider) {
		return back(NoticeClosed)
	}
	if b.hooks.Admit != nil {
		if notice := b.hooks.Admit(provider); notice != "" {
			return back(notice)
		}
	}
	if info.Shape == providers.Push && !typed(contact) {
		return back(NoticeContact)
	}
	if q.Early && b.opens(c.ID).IsZero() { // it has opened meanwhile
		q.Early = false
	}
	pass, instead := b.starting(w, r, &q, sealed)
	if instead != "" {
		return Step{Redirect: instead}, nil
	}
	j, ask, err := b.newJourney(&q, info)
	if err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	j.Pass = pass
	if push, is := b.providers[provider].(providers.Pusher); is && info.Shape == providers.Push {
		return b.beginPush(w, r, sealed, push, j, ask, contact)
	}
	to, err := b.providers[provider].(providers.Redirector).AuthURL(r.Context(), ask)
	if err != nil {
		failure := classed(provider, err)
		b.logFailure(r.Context(), &q, failure)
		return back(noticeOf(failure))
	}
	cookie, err := b.journeyCookie(&j)
	if err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	if len(cookie.Name)+len(cookie.Value) > maxCookie {
		return Step{}, b.fault(http.StatusBadRequest, ProblemTooLarge, nil).about(&q, nil).tell("journey cookie: at most %d bytes", maxCookie)
	}
	b.keepJourney(w, r, cookie)
	b.started(&j)
	return Step{Redirect: to}, nil
}

// newJourney makes the secrets of one way to one provider.
func (b *Broker) newJourney(q *request, info providers.Info) (journey, providers.Ask, error) {
	now := b.now()
	verifier := [2]id{newID(), newID()}
	nonce := newID()
	j := journey{
		ID: newID(), Request: *q, Provider: info.ID, Phase: phaseAway, Began: now, Expires: now.Add(journeyTTL),
		Nonce: nonce.String(), Verifier: encode(append(verifier[0][:], verifier[1][:]...)),
	}
	j.Request.Term, j.Request.Held = rotaTerm{}, time.Time{} // of an earlier login
	if b.hooks.Light != nil {
		j.Light = b.hooks.Light(info.ID)
	}
	state, err := b.sealState(&j)
	if err != nil {
		return j, providers.Ask{}, err
	}
	ask := b.ask(&j)
	ask.State = state
	return j, ask, nil
}

// ask is what a journey wants of its provider, apart from the state.
func (b *Broker) ask(j *journey) providers.Ask {
	ask := providers.Ask{
		RedirectURI: b.issuer + "/callback/" + j.Provider, Nonce: j.Nonce, Verifier: j.Verifier,
		Fresh: j.Request.fresh(), UILocale: j.Request.Locale, LoginHint: j.Request.LoginHint,
	}
	if !j.Request.Prompt.has(promptLogin) && j.Request.ACR != acrFresh {
		ask.MaxAge = max(j.Request.MaxAge, 0)
	}
	return ask
}

// sealState makes the state parameter: the journey and the site, so that a
// return in another browser can still be told kindly. It opens at this
// provider's callback only.
func (b *Broker) sealState(j *journey) (string, error) {
	f := newForm(64)
	f.bytes(tagID, j.ID[:])
	f.text(tagClient, j.Request.Client)
	f.text(tagRef, j.Request.Ref)
	return b.box.state.Seal(f, j.Expires, b.issuer, j.Provider)
}

// unpushed: the client takes nobody who has approved a push.
func (b *Broker) unpushed(c client.Client, provider string) bool {
	return c.PushRule == client.PushNone && b.infos[provider].Shape == providers.Push
}

// disabled: an operator or a removed setting says the provider may not be used.
func (b *Broker) disabled(provider string) bool {
	if _, known := b.infos[provider]; !known {
		return true
	}
	return b.hooks.Disabled != nil && b.hooks.Disabled(provider)
}

// internal is the Problem of a failure that is ours.
func (b *Broker) internal(q *request, c client.Client, err error) *Problem {
	site := b.site(c, q.RedirectURI)
	return b.fault(http.StatusInternalServerError, ProblemInternal, harmless(err)).about(q, &site)
}

// codeDisabled is the code of a way that was closed while somebody was on it.
const codeDisabled = "disabled"

// codeGone is an adapter's code of an exchange that was given up.
const codeGone = "gone"

// classed makes every adapter failure a *providers.Error.
func classed(provider string, err error) *providers.Error {
	var e *providers.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &providers.Error{Provider: provider, Class: providers.Cancelled, Code: codeGone, Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &providers.Error{Provider: provider, Class: providers.Down, Code: "timeout", Cause: err}
	default:
		return &providers.Error{Provider: provider, Class: providers.Down, Code: "unclassed", Cause: err}
	}
}

// noticeOf is what a person reads of a failure.
func noticeOf(e *providers.Error) string {
	switch e.Class {
	case providers.Cancelled:
		switch e.Code {
		case providers.CodeExpired:
			return NoticeExpired
		case codeGone: // and has come back
			return NoticeAgain
		}
		return NoticeCancelled
	case providers.BadCode:
		return NoticeAgain
	case providers.Configuration:
		return NoticeSetup
	case providers.Consent:
		return NoticeConsent
	case providers.Policy:
		switch e.Code {
		case codeDisabled:
			return NoticeClosed
		case providers.CodeUnder14:
			return NoticeUnder14
		case providers.CodeGuardian:
			return NoticeGuardian
		}
		return NoticePolicy
	case providers.Throttled, providers.Shed:
		return NoticeBusy
	default:
		return NoticeFailed
	}
}
