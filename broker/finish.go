package broker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/seal"
	"sinho/store"
)

// Finish takes the return of a person from a provider: a GET, or a form_post
// that is sealed and bounced to a GET, where the browser's cookies come along.
// The Step leads to the site, or to the chooser with a notice and the same
// request. The error is a *Problem.
func (b *Broker) Finish(w http.ResponseWriter, r *http.Request, provider string) (Step, error) {
	plain(w)
	_, known := b.infos[provider]
	if !known && r.Method == http.MethodPost {
		return Step{}, b.fault(http.StatusNotFound, ProblemProvider, nil)
	}
	if r.Method == http.MethodPost {
		return b.bounceCallback(w, r, provider)
	}
	params, p := b.callbackParams(r, provider)
	if p != nil {
		return Step{}, p
	}
	j, p := b.returning(r, provider, params["state"])
	switch {
	case p != nil && !known:
		return Step{}, b.fault(http.StatusNotFound, ProblemProvider, nil)
	case p != nil:
		return Step{}, p
	}
	b.noted(r.Context(), j.Request.Ref, j.Request.Client)
	if step, done := b.repeat(w, &j); done {
		return step, nil
	}
	if j.Phase != phaseAway {
		return Step{}, b.mismatch(&j)
	}
	old, _ := b.session(r)
	work, leave := b.present.join(r.Context(), j.ID)
	defer leave()
	a, err := b.answers.do(r.Context(), j.ID, b.now, func(context.Context) (answer, bool, error) {
		// The proof can be used once: a browser that goes away for a moment must
		// not waste it.
		ctx := work
		defer b.present.done(j.ID)
		b.returned(&j)
		if b.disabled(provider) {
			return b.settle(ctx, &j, old, providers.Identity{}, &providers.Error{Provider: provider, Class: providers.Policy, Code: codeDisabled})
		}
		ask := b.ask(&j)
		ask.State = params.Get("state") // Naver wants it again at its token endpoint
		who, err := b.providers[provider].(providers.Redirector).Exchange(ctx, ask, params)
		if params.Has("error") {
			err = toldByBrowser(provider, err)
		}
		return b.settle(ctx, &j, old, who, err)
	})
	if err != nil {
		return Step{}, b.failed(&j, err)
	}
	if a.lost {
		if step, can := b.askAgain(w, r, &j); can {
			return step, nil
		}
	}
	return b.hand(w, &j, a)
}

// bounceCallback answers a form_post: a cross-site POST carries no Lax cookie.
func (b *Broker) bounceCallback(w http.ResponseWriter, r *http.Request, provider string) (Step, error) {
	v, p := b.postForm(w, r)
	if p != nil {
		return Step{}, p
	}
	sealed, err := b.box.callback.Seal([]byte(v.Encode()), b.now().Add(bounceTTL), b.issuer, provider)
	if err != nil {
		return Step{}, b.fault(http.StatusInternalServerError, ProblemInternal, err)
	}
	to := "/callback/" + provider + "?posted=" + sealed
	if len(to) > maxURL {
		return Step{}, b.fault(http.StatusRequestEntityTooLarge, ProblemTooLarge, nil)
	}
	return Step{Redirect: to}, nil
}

func (b *Broker) callbackParams(r *http.Request, provider string) (url.Values, *Problem) {
	v, p := b.query(r)
	if p != nil {
		return nil, p
	}
	if len(v["posted"]) != 1 || v.Has("state") {
		return v, nil
	}
	body, err := b.box.callback.Open(v.Get("posted"), b.now(), b.issuer, provider)
	if err == nil {
		v, err = url.ParseQuery(string(body))
	}
	if err != nil {
		code := ProblemTampered
		if errors.Is(err, seal.ErrExpired) {
			code = ProblemExpired
		}
		return nil, b.fault(http.StatusBadRequest, code, err)
	}
	return v, nil
}

// returning finds the journey a state belongs to, in this browser and at this
// provider: that is the defence against login CSRF and mix-up.
func (b *Broker) returning(r *http.Request, provider string, state []string) (journey, *Problem) {
	if len(state) != 1 {
		return journey{}, b.fault(http.StatusBadRequest, ProblemMismatch, nil)
	}
	plain, err := b.box.state.Open(state[0], b.now(), b.issuer, provider)
	expired := errors.Is(err, seal.ErrExpired)
	if err != nil && !expired {
		return journey{}, b.fault(http.StatusBadRequest, ProblemMismatch, err)
	}
	var (
		n           id
		client, ref string
	)
	if err := fields(plain, func(tag byte, v []byte) {
		switch tag {
		case tagID:
			n.read(v)
		case tagClient:
			client = string(v)
		case tagRef:
			ref = string(v)
		}
	}); err != nil {
		return journey{}, b.fault(http.StatusBadRequest, ProblemMismatch, err)
	}
	j, found := b.findJourney(r, n)
	switch {
	case found && j.Provider == provider:
		return j, nil
	case found:
		return j, b.mismatch(&j)
	}
	code := ProblemOtherBrowser
	if expired {
		code = ProblemExpired
	}
	p := b.fault(http.StatusBadRequest, code, nil)
	if c, known := b.clients.Lookup(client); known {
		p.Ref, p.Site = ref, &Site{ID: c.ID, Name: c.Name, Start: c.Start}
	}
	return journey{}, p
}

// mismatch is the Problem of a callback that does not fit its journey.
func (b *Broker) mismatch(j *journey) *Problem {
	return b.fault(http.StatusBadRequest, ProblemMismatch, nil).about(&j.Request, b.siteOf(&j.Request))
}

func (b *Broker) siteOf(q *request) *Site {
	c, known := b.clients.Lookup(q.Client)
	if !known {
		return nil
	}
	s := b.site(c, q.RedirectURI)
	return &s
}

// failed turns what went wrong while answering into a Problem.
func (b *Broker) failed(j *journey, err error) *Problem {
	if p, is := errors.AsType[*Problem](err); is {
		return p
	}
	return b.fault(http.StatusInternalServerError, ProblemInternal, harmless(err)).about(&j.Request, b.siteOf(&j.Request))
}

// settle judges what a provider answered and makes the journey's answer: a
// code for the site, or the chooser. Only the former is remembered in memory.
// old is the session this browser brought along, nil for none.
func (b *Broker) settle(ctx context.Context, j *journey, old *session, who providers.Identity, err error) (answer, bool, error) {
	var failure *providers.Error
	if err == nil && who.CI == (providers.CI{}) && (who.Issuer == "" || who.Subject == "") {
		err = &providers.Error{Provider: j.Provider, Class: providers.Down, Code: "nobody"}
	}
	if err == nil && who.CI == (providers.CI{}) && b.infos[j.Provider].AssertsCI {
		// Without it this person would quietly become another one.
		err = &providers.Error{Provider: j.Provider, Class: providers.Consent, Code: "ci"}
	}
	if err != nil {
		failure = classed(j.Provider, err)
	}
	b.ended(j, failure)
	if failure != nil {
		b.logFailure(ctx, &j.Request, failure)
		return answer{notice: noticeOf(failure), lost: failure.Spent}, false, nil
	}
	c, known := b.clients.Lookup(j.Request.Client)
	if !known || !c.AllowsRedirect(j.Request.RedirectURI) {
		return answer{}, false, b.fault(http.StatusBadRequest, ProblemClient, nil).about(&j.Request, nil)
	}
	login, notice := b.judge(j, who)
	if notice == NoticePolicy && j.Request.NeedOnly {
		b.log(ctx, level(nil), "login refused", j.Request.Ref, "unmet_authentication_requirements", nil)
		return answer{refusal: "unmet_authentication_requirements"}, true, nil
	}
	if notice != "" {
		b.log(ctx, level(nil), "login refused", j.Request.Ref, notice, nil)
		return answer{notice: notice}, false, nil
	}
	if code := j.Request.refuses(login, b.subject(c, login.person)); code != "" {
		b.log(ctx, level(nil), "login refused", j.Request.Ref, code, nil)
		return answer{refusal: code}, true, nil
	}
	if err := b.turn(&j.Request, c, &login.who); err != nil {
		a := turnedAway(err)
		b.log(ctx, level(nil), "login refused", j.Request.Ref, cmp.Or(a.notice, "turn"), nil)
		return a, true, nil
	}
	if b.crowded(&j.Request, c, login.person) {
		b.log(ctx, level(nil), "login refused", j.Request.Ref, NoticePeople, nil)
		return answer{notice: NoticePeople}, false, nil
	}
	a, err := b.complete(ctx, j, old, c, login)
	var other *elsewhere
	switch {
	case refused(err):
		b.log(ctx, level(nil), "login refused", j.Request.Ref, "pass", nil)
		return answer{queued: true, pass: err}, true, nil
	case errors.As(err, &other):
		b.log(ctx, level(nil), "login refused", j.Request.Ref, "device", nil)
		return answer{held: other.until}, true, nil
	case errors.Is(err, errDemand):
		b.log(ctx, level(nil), "login refused", j.Request.Ref, "access_denied", nil)
		return answer{refusal: "access_denied"}, true, nil
	case errors.Is(err, errSpent):
		return answer{notice: NoticeAgain}, false, nil
	case err != nil:
		b.log(ctx, level(err), "login not kept", j.Request.Ref, NoticeStore, err)
		return answer{notice: NoticeStore, charged: a.charged}, false, nil
	}
	if a.code != "" && c.PeoplePerDevice > 0 {
		a.who = b.who(&j.Request, login.person)
	}
	return a, true, nil
}

// complete writes the login and makes its answer.
func (b *Broker) complete(ctx context.Context, j *journey, old *session, c client.Client, l login) (answer, error) {
	// The proof is spent: however long the provider took, the store gets its time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	a, err := b.begin(ctx, j, old, c, l)
	if errors.Is(err, errNoSession) { // the one it had has ended since
		a, err = b.begin(ctx, j, nil, c, l)
	}
	return a, err
}

// issueInTime is issue for a proof that is spent: while the store is away it is the
// same attempt again, until ctx ends. What a try has written whose answer was lost
// is this login's own.
func (b *Broker) issueInTime(ctx context.Context, o *occasion) (code string, fresh bool, err error) {
	for tried := false; ; tried = true {
		code, fresh, err = b.issue(ctx, o)
		if err == nil {
			return code, fresh || tried && o.renew, nil
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return code, fresh, err
		}
		select {
		case <-time.After(storePause):
		case <-ctx.Done():
			return code, fresh, err
		}
	}
}

// begin writes a new session, with a code where the person has agreed to it. It
// takes the place of old, or fails with errNoSession if that has ended.
func (b *Broker) begin(ctx context.Context, j *journey, old *session, c client.Client, l login) (answer, error) {
	s, err := b.newSession(j, c.ID, l, old)
	if err != nil {
		return answer{}, err
	}
	o := &occasion{q: &j.Request, c: c, l: l, s: s, seed: j.ID[:], renew: true, alone: old == nil, early: j.Request.Early, pass: j.Pass, journey: j.payer()}
	o.holds = s.replaces != "" && old.continued(c.ID) // most likely: it was here before
	code, fresh, err := b.issueInTime(ctx, o)
	a := answer{code: code, until: b.now().Add(codeTTL)}
	outcome := "ok"
	switch {
	case errors.Is(err, errConsent):
		err = b.keepSession(ctx, o)
		a, outcome, fresh = answer{proved: s.ID}, "to_agree", true
	case errors.Is(err, errNotOpen):
		err = b.keepSession(ctx, o)
		a, outcome, fresh = answer{queued: true}, "early", true
	}
	if err != nil {
		return answer{charged: o.charged}, err
	}
	b.log(ctx, slog.LevelInfo, "login finished", j.Request.Ref, outcome, nil, slog.String("provider", j.Provider), slog.String("client", c.ID))
	if fresh {
		a.lives = s.Expires
		if a.session, err = b.sealSession(s); err != nil {
			return answer{charged: o.charged}, err
		}
	}
	return a, nil
}

// toldByBrowser is the error a callback carried, as the adapter classed it. It
// came through the browser, where anybody can write it, so it must never colour
// a light (Seen says that there is nothing left to count) nor have the provider
// asked again.
func toldByBrowser(provider string, err error) error {
	told := providers.Error{Provider: provider, Class: providers.BadCode, Code: "error-and-code"}
	if err != nil {
		told = *classed(provider, err)
	}
	told.Seen, told.Spent = true, false
	return &told
}
