package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"sinho/store"
)

// loggedOut is the page layer's page. With ?confirm=… it asks: one form, POST
// /logout, the value in its field confirm.
const loggedOut = "/logged-out"

// departure is a judged logout request: what a POST becomes on its way to a GET.
type departure struct {
	Client string // of a valid hint
	Sub    string
	SID    string // "" where the hint has none
	To     string // registered post_logout_redirect_uri, "" for our own page
	State  string
}

const (
	tagOutClient byte = iota + 1
	tagOutSub
	tagOutTo
	tagOutState
	tagOutSID
)

// logout is RP-initiated logout 1.0. A valid id_token_hint of the
// session this browser has ends the session at once. Without one anybody could have
// written the link, so the person is asked, and nothing is redirected.
func (b *Broker) logout(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return b.logoutPost(w, r)
	}
	v, p := b.query(r)
	if p != nil {
		return p
	}
	var d departure
	if len(v["out"]) == 1 {
		plain, err := b.box.logout.Open(v.Get("out"), b.now(), b.issuer, "posted")
		if err == nil {
			err = fields(plain, func(tag byte, v []byte) {
				switch tag {
				case tagOutClient:
					d.Client = string(v)
				case tagOutSub:
					d.Sub = string(v)
				case tagOutTo:
					d.To = string(v)
				case tagOutState:
					d.State = string(v)
				case tagOutSID:
					d.SID = string(v)
				}
			})
		}
		if err != nil {
			return b.fault(http.StatusBadRequest, ProblemTampered, err)
		}
	} else {
		d = b.departure(v)
	}
	b.noted(r.Context(), "", d.Client)
	return b.depart(w, r, d)
}

// logoutPost is the answer to our own question, or a site's form, which is
// judged and bounced to a GET so that the cookies come along.
func (b *Broker) logoutPost(w http.ResponseWriter, r *http.Request) error {
	v, p := b.postForm(w, r)
	if p != nil {
		return p
	}
	if v.Has("confirm") {
		return b.confirmed(w, r, v.Get("confirm"))
	}
	d := b.departure(v)
	f := newForm(256)
	f.text(tagOutClient, d.Client)
	f.text(tagOutSub, d.Sub)
	f.text(tagOutTo, d.To)
	f.text(tagOutState, d.State)
	f.text(tagOutSID, d.SID)
	sealed, err := b.box.logout.Seal(f, b.now().Add(bounceTTL), b.issuer, "posted")
	if err != nil {
		return err
	}
	redirect(w, "/logout?out="+sealed)
	return nil
}

// departure judges parameters. Whatever does not fit leaves less of it, down to
// a question and our own page; an unregistered URI is never followed.
func (b *Broker) departure(v url.Values) departure {
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if len(v[name]) > 1 {
			return departure{}
		}
	}
	t, valid := b.openHint(v.Get("id_token_hint"))
	c, known := b.clients.Lookup(t.Audience)
	if !valid || !known || v.Get("client_id") != "" && v.Get("client_id") != c.ID {
		return departure{}
	}
	d := departure{Client: c.ID, Sub: t.Subject, SID: t.Session}
	if to := v.Get("post_logout_redirect_uri"); c.AllowsPostLogout(to) && len(v.Get("state")) <= maxState {
		d.To, d.State = to, v.Get("state")
	}
	return d
}

func (b *Broker) depart(w http.ResponseWriter, r *http.Request, d departure) error {
	s, l, err := b.me(r)
	switch {
	case errors.Is(err, errNobody):
		b.dropSession(w)
		redirect(w, d.location())
		return nil
	case err != nil:
		return err
	case !b.names(d, s, l):
		return b.askFirst(w, s)
	}
	return b.leave(w, r, s, l, d.location())
}

// leave ends the session of this browser and leads to a place, past those sites
// that are told in the browser.
func (b *Broker) leave(w http.ResponseWriter, r *http.Request, s *session, l *login, to string) error {
	frames, err := b.endHere(r.Context(), s, l)
	if err != nil {
		return err
	}
	if to, err = b.farewell(frames, to); err != nil {
		return err
	}
	b.dropSession(w)
	redirect(w, to)
	return nil
}

// location is where a person goes who has logged out.
func (d departure) location() string {
	if d.To == "" {
		return loggedOut
	}
	if d.State == "" {
		return d.To
	}
	sep := "?"
	if strings.Contains(d.To, "?") {
		sep = "&"
	}
	return d.To + sep + "state=" + url.QueryEscape(d.State)
}

// owner reads whose session this is; nil for one that has ended already, or of
// which nothing can be used any more.
func (b *Broker) owner(ctx context.Context, s *session) (*login, error) {
	share, err := b.store.Read(ctx, s.Shard, s.key())
	if errors.Is(err, store.ErrAbsent) {
		return nil, nil //nolint:nilnil // nobody's is an answer
	}
	if err != nil {
		return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	l, err := b.openPerson(s, share)
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // nothing of it can be used any more
	}
	return &l, nil
}

// names: the hint of d is of this very person and session. One of a session that
// is over must not end another (RP-Initiated Logout 1.0 §2).
func (b *Broker) names(d departure, s *session, l *login) bool {
	c, known := b.clients.Lookup(d.Client)
	return known && d.Client != "" && equal([]byte(b.subject(c, l.person)), []byte(d.Sub)) &&
		(d.SID == "" || equal([]byte(b.sid(s.Root, c.ID)), []byte(d.SID)))
}

// askFirst leads to the question, with a token only this session's answer fits.
func (b *Broker) askFirst(w http.ResponseWriter, s *session) error {
	sealed, err := b.box.logout.Seal(newForm(1), b.now().Add(confirmTTL), b.issuer, "confirm", s.ID.String())
	if err != nil {
		return err
	}
	redirect(w, loggedOut+"?confirm="+sealed)
	return nil
}

func (b *Broker) confirmed(w http.ResponseWriter, r *http.Request, token string) error {
	s, l, err := b.me(r)
	switch {
	case errors.Is(err, errNobody):
		b.dropSession(w)
		redirect(w, loggedOut)
		return nil
	case err != nil:
		return err
	}
	if _, err := b.box.logout.Open(token, b.now(), b.issuer, "confirm", s.ID.String()); err != nil {
		return b.askFirst(w, s)
	}
	return b.leave(w, r, s, l, loggedOut)
}
