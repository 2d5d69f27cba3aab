package broker

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/seal"
	"sinho/store"
)

// authorize is the authorization endpoint (OpenID Connect Core §3.1.2). For a
// stranger it computes and redirects; only a live session reaches the store.
func (b *Broker) authorize(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return b.authorizePost(w, r)
	}
	q, c, err := b.readAuthorize(r)
	if err != nil {
		return err
	}
	b.noted(r.Context(), q.Ref, q.Client)
	if q.Pushed != (id{}) {
		if err := b.claim(w, r, q, c); err != nil {
			return err
		}
	}
	var turn *notTurn
	var other *elsewhere
	notice := Notice{}
	s, have := b.session(r)
	usable := have && b.usable(s, q) && b.fits(s, q)
	if usable && (c.OneDevice != "" || c.PeoplePerDevice > 0) && q.Browser == (id{}) {
		q.Browser = b.bindBrowser(w, r) // the device, which must outlive its lock
	}
	q.People = b.people(r, q.Browser)
	inRoom := false
	if usable && s.continued(c.ID) && !q.Prompt.has(promptConsent|promptSelect) {
		if q.Browser == (id{}) && b.hooks.Doors != nil {
			q.Browser = b.bindBrowser(w, r) // whom the waiting room's pass is of
		}
		step, pass, err := b.bySession(w, r, q, c, s)
		switch {
		case err == nil:
			if err := b.spend(w, r, q, s); err != nil {
				return err
			}
			if err := b.remember(w, q, q.Who); err != nil {
				return err
			}
			b.entered(w, c.ID, pass)
			b.send(w, r, step)
			return nil
		case refused(err), errors.Is(err, errNotOpen):
			if refused(err) {
				b.hooks.Doors.Refused(w, c.ID, err)
			}
			inRoom = true
		case errors.Is(err, store.ErrUnavailable) && q.Prompt.has(promptNone):
			return &siteError{q: q, code: "temporarily_unavailable", desc: "try again in a few seconds", cause: err}
		case errors.Is(err, store.ErrUnavailable):
			b.log(r.Context(), level(err), "session not used", q.Ref, NoticeStore, err)
			notice.Code = NoticeStore
		case errors.Is(err, errNoSession):
			b.dropSession(w)
			usable = false
		case errors.Is(err, errOtherPerson), errors.Is(err, errDemand):
			usable = false
		case errors.Is(err, errCrowd) && q.Prompt.has(promptNone):
			return &siteError{q: q, code: "access_denied", desc: "too many people have logged in with this browser"}
		case errors.Is(err, errCrowd):
			b.log(r.Context(), level(nil), "session not used", q.Ref, NoticePeople, nil)
			usable, notice.Code = false, NoticePeople
		case errors.Is(err, errBirthdate):
			usable, notice = false, Notice{Code: NoticeBirthdate, From: s.Provider}
		case errors.As(err, &turn):
			*q = turn.told(*q)
		case errors.As(err, &other):
			usable, q.Held, notice.Code = false, other.until, NoticeDevice
		case errors.Is(err, errConsent) && q.Prompt.has(promptNone):
			return &siteError{q: q, code: "consent_required", desc: "the person must agree to what is asked"}
		case errors.Is(err, errConsent): // on the page
		case errors.Is(err, errSpent) && q.Pushed != (id{}):
			return usedURI(q)
		default:
			return err
		}
	}
	switch {
	case q.Prompt.has(promptNone) && inRoom:
		// OpenID Connect Core §3.1.2.6: it cannot go on without a page, the waiting
		// room's. temporarily_unavailable would have the site ask again in silence.
		return &siteError{q: q, code: "interaction_required", desc: "the person must go through the waiting room"}
	case q.Prompt.has(promptNone) && usable:
		return &siteError{q: q, code: "interaction_required", desc: "the person must agree to continue here"}
	case q.Prompt.has(promptNone):
		return &siteError{q: q, code: "login_required", desc: "the person must log in"}
	}
	if q.Browser == (id{}) {
		q.Browser = b.bindBrowser(w, r)
	}
	sealed, err := b.sealRequest(q)
	if err != nil {
		return err
	}
	switch {
	case q.Term.Told:
		redirect(w, turnURL(sealed))
		return nil
	case other != nil && other.refused:
		redirect(w, deviceURL(sealed))
		return nil
	}
	if len(sealed) > maxSealedRequest {
		return &siteError{q: q, code: "invalid_request", desc: tooLong}
	}
	to := ""
	if !inRoom {
		to = cmp.Or(b.looking(w, r, q), ChooserURL(sealed, notice))
	} else if step, ok := b.toQueue(*q); ok {
		to = step.Redirect
	}
	if to == "" {
		return errUnsealed
	}
	redirect(w, to)
	return nil
}

// bySession is reuse at /authorize, if the waiting room lets the person in; else
// errNotOpen. pass is what it was spent of.
func (b *Broker) bySession(w http.ResponseWriter, r *http.Request, q *request, c client.Client, s *session) (step Step, pass []byte, err error) {
	entry, err := b.door(w, r, q, EnterSession)
	switch {
	case err != nil:
		return Step{}, nil, err
	case entry.Wait:
		return Step{}, nil, errNotOpen
	}
	step, err = b.reuse(r.Context(), q, c, s, entry.Pass, false)
	return step, entry.Pass, err
}

const tooLong = "the request has more than 2400 bytes when sealed: shorten state, nonce or redirect_uri"

// authorizePost validates, so that errors are told at once, and bounces what
// is left to a GET: the browser then sends its Lax cookies along.
func (b *Broker) authorizePost(w http.ResponseWriter, r *http.Request) error {
	v, p := b.postForm(w, r)
	if p != nil {
		return p
	}
	q, _, err := b.readRequest(v)
	if err != nil {
		return err
	}
	b.noted(r.Context(), q.Ref, q.Client)
	sealed, err := b.box.posted.Seal(q.marshal(), b.now().Add(bounceTTL), b.issuer)
	if err != nil {
		return err
	}
	if len(sealed) > maxSealedRequest {
		return &siteError{q: q, code: "invalid_request", desc: tooLong}
	}
	redirect(w, "/authorize?posted="+sealed)
	return nil
}

// readAuthorize reads a GET: parameters, or a POST that was bounced here.
func (b *Broker) readAuthorize(r *http.Request) (*request, client.Client, error) {
	v, p := b.query(r)
	if p != nil {
		return nil, client.Client{}, p
	}
	if len(v["posted"]) != 1 || v.Has("client_id") {
		return b.readRequest(v)
	}
	plain, err := b.box.posted.Open(v.Get("posted"), b.now(), b.issuer)
	var q request
	if err == nil {
		err = q.unmarshal(plain)
	}
	if err != nil {
		code := ProblemTampered
		if errors.Is(err, seal.ErrExpired) {
			code = ProblemExpired
		}
		return nil, client.Client{}, b.fault(http.StatusBadRequest, code, err)
	}
	c, found := b.clients.Lookup(q.Client)
	if !found || !c.AllowsRedirect(q.RedirectURI) {
		return nil, c, b.fault(http.StatusBadRequest, ProblemClient, nil)
	}
	// The bounced address opens in any browser: a request of its own for each, so
	// that nothing kept under the request's id is ever shared by two.
	q.ID = newID()
	return &q, c, nil
}

// readRequest reads the parameters of a request, or what they stand for.
func (b *Broker) readRequest(v url.Values) (*request, client.Client, error) {
	if isPushed(v) && !v.Has("request") {
		return b.readPushed(v)
	}
	return b.validate(v, false)
}

// query reads a bounded URL query.
func (b *Broker) query(r *http.Request) (url.Values, *Problem) {
	if len(r.RequestURI) > maxURL || len(r.URL.RawQuery) > maxURL {
		return nil, b.fault(http.StatusRequestURITooLong, ProblemTooLarge, nil).tell("URL: at most %d bytes", maxURL)
	}
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, b.fault(http.StatusBadRequest, ProblemRequest, nil).tell("the query cannot be read")
	}
	return v, nil
}

// postForm reads a bounded form body; the query of the URL plays no part.
func (b *Broker) postForm(w http.ResponseWriter, r *http.Request) (url.Values, *Problem) {
	if len(r.RequestURI) > maxURL {
		return nil, b.fault(http.StatusRequestURITooLong, ProblemTooLarge, nil).tell("URL: at most %d bytes", maxURL)
	}
	v, err := form16k(w, r)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, b.fault(http.StatusRequestEntityTooLarge, ProblemTooLarge, nil).tell("body: at most %d bytes", maxForm)
	case err != nil:
		return nil, b.fault(http.StatusBadRequest, ProblemRequest, nil).tell("the form cannot be read")
	}
	return v, nil
}

// form16k reads an application/x-www-form-urlencoded body of at most maxForm
// bytes, refusing a longer one before reading it where its length is told.
func form16k(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.ContentLength > maxForm {
		return nil, &http.MaxBytesError{Limit: maxForm}
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, errors.New("content type is not application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return r.PostForm, nil
}

// ChooserURL is the chooser for a sealed request, with what happened on the way.
func ChooserURL(sealed string, n Notice) string {
	return noticed("/login?r="+url.QueryEscape(sealed), n)
}

// noticed adds what happened to the query of an address.
func noticed(u string, n Notice) string {
	if n.Code != "" {
		u += "&notice=" + url.QueryEscape(n.Code)
	}
	if n.From != "" {
		u += "&from=" + url.QueryEscape(n.From)
	}
	if n.Wait > 0 {
		const unit = 10 * time.Second
		u += "&wait=" + strconv.Itoa(int((n.Wait+unit-1)/unit)*10)
	}
	return u
}

// answerURL is the redirect URI with an answer: its parameters, state verbatim
// when the site sent one, and iss (RFC 9207).
func (b *Broker) answerURL(q *request, params ...string) string {
	var u strings.Builder
	u.Grow(len(q.RedirectURI) + len(q.State) + 512)
	u.WriteString(q.RedirectURI)
	sep := byte('?')
	if strings.Contains(q.RedirectURI, "?") {
		sep = '&'
	}
	add := func(name, value string) {
		u.WriteByte(sep)
		u.WriteString(name)
		u.WriteByte('=')
		u.WriteString(url.QueryEscape(value))
		sep = '&'
	}
	for i := 0; i+1 < len(params); i += 2 {
		add(params[i], params[i+1])
	}
	if q.State != "" {
		add("state", q.State)
	}
	add("iss", b.issuer)
	return u.String()
}

// reply is the way to the site with an answer, as its response_mode asks.
func (b *Broker) reply(q *request, params ...string) Step {
	if !q.FormPost {
		return Step{Redirect: b.answerURL(q, params...)}
	}
	post := &FormPost{Action: q.RedirectURI, Origin: origin(q.RedirectURI), Locale: q.Locale}
	for i := 0; i+1 < len(params); i += 2 {
		post.Fields = append(post.Fields, Field{params[i], params[i+1]})
	}
	if q.State != "" {
		post.Fields = append(post.Fields, Field{"state", q.State})
	}
	post.Fields = append(post.Fields, Field{"iss", b.issuer})
	if c, known := b.clients.Lookup(q.Client); known {
		post.Site = c.Name
	}
	return Step{Post: post}
}

// send answers with a step that leads to the site.
func (b *Broker) send(w http.ResponseWriter, r *http.Request, s Step) {
	if s.Post != nil {
		b.post(w, r, s.Post)
		return
	}
	redirect(w, s.Redirect)
}

// redirect answers 303 to a GET.
func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
