package broker

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/seal"
)

// request is a validated authorization request: what travels sealed as r.
type request struct {
	ID          id
	Ref         string // 문의번호
	Browser     id     // hash of the browser cookie it is bound to
	Began       time.Time
	Expires     time.Time
	Client      string
	RedirectURI string
	State       string
	Nonce       string
	Challenge   string // PKCE S256, "" for none
	Scope       scope
	Prompt      prompt
	MaxAge      int64 // seconds; -1: not asked
	Need        providers.Assurance
	Locale      string // ko, en or ""
	Hint        string // provider id
	LoginHint   string
	HintSub     string // sub of a valid id_token_hint
	FormPost    bool   // response_mode form_post
	Wants       wants
	NeedOnly    bool      // acr is essential: less is an error to the site
	Resources   []string  // RFC 8707
	Pushed      id        // of the pushed request it came by, zero for none
	Proved      id        // session that proved what fresh asks for, zero for none
	ACR         acrSet    // asked for, by acr_values or claims
	Term        rotaTerm  // what the person was told of their turn
	Held        time.Time // what they were told of another device's lock: its end
	Early       bool      // to log in ahead of the opening of a waiting room
	Paid        id        // the attempt by which a pass may have been spent for nothing, zero for none
	People      []met     // who was let in with the browser; comes with each request, not sealed here
	Who         [8]byte   // who is let in by a session now, as the browser knows them; not sealed either
}

// maxAgeMost is the longest max_age there is.
const maxAgeMost = 1<<31 - 1

// fresh says that the person must prove themselves anew at a provider.
func (q *request) fresh() bool { return q.Prompt.has(promptLogin) || q.MaxAge >= 0 }

const (
	tagID byte = iota + 1
	tagRef
	tagBrowser
	tagBegan
	tagExpires
	tagClient
	tagRedirectURI
	tagState
	tagNonce
	tagChallenge
	tagScope
	tagPrompt
	tagMaxAge // plus one
	tagNeed
	tagLocale
	tagHint
	tagLoginHint
	tagHintSub
	tagFormPost
	tagWants
	tagNeedOnly
	tagResource // once for each
	tagPushed
	tagProved
	tagACR
	tagTermTold
	tagTermNext
	tagTermUntil
	tagHeld
	tagEarly
	tagPaid
)

func (q *request) marshal() []byte {
	f := newForm(256 + len(q.State) + len(q.Nonce) + len(q.RedirectURI))
	f.bytes(tagID, q.ID[:])
	f.text(tagRef, q.Ref)
	f.bytes(tagBrowser, q.Browser[:])
	f.time(tagBegan, q.Began)
	f.time(tagExpires, q.Expires)
	f.text(tagClient, q.Client)
	f.text(tagRedirectURI, q.RedirectURI)
	f.text(tagState, q.State)
	f.text(tagNonce, q.Nonce)
	f.text(tagChallenge, q.Challenge)
	f.number(tagScope, int64(q.Scope))
	f.number(tagPrompt, int64(q.Prompt))
	f.number(tagMaxAge, q.MaxAge+1)
	f.number(tagNeed, int64(q.Need))
	f.text(tagLocale, q.Locale)
	f.text(tagHint, q.Hint)
	f.text(tagLoginHint, q.LoginHint)
	f.text(tagHintSub, q.HintSub)
	f.flag(tagFormPost, q.FormPost)
	f.bytes(tagWants, q.Wants.marshal())
	f.flag(tagNeedOnly, q.NeedOnly)
	for _, r := range q.Resources {
		f.text(tagResource, r)
	}
	f.id(tagPushed, q.Pushed)
	f.id(tagProved, q.Proved)
	f.number(tagACR, int64(q.ACR))
	f.flag(tagTermTold, q.Term.Told)
	f.time(tagTermNext, q.Term.Next)
	f.time(tagTermUntil, q.Term.Until)
	f.time(tagHeld, q.Held)
	f.flag(tagEarly, q.Early)
	f.id(tagPaid, q.Paid)
	return f
}

func (q *request) unmarshal(p []byte) error {
	*q = request{MaxAge: -1}
	var inner error
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagID:
			q.ID.read(v)
		case tagRef:
			q.Ref = string(v)
		case tagBrowser:
			q.Browser.read(v)
		case tagBegan:
			q.Began = moment(v)
		case tagExpires:
			q.Expires = moment(v)
		case tagClient:
			q.Client = string(v)
		case tagRedirectURI:
			q.RedirectURI = string(v)
		case tagState:
			q.State = string(v)
		case tagNonce:
			q.Nonce = string(v)
		case tagChallenge:
			q.Challenge = string(v)
		case tagScope:
			q.Scope = scope(number(v) & 0xffff)
		case tagPrompt:
			q.Prompt = prompt(number(v) & 0xff)
		case tagMaxAge:
			q.MaxAge = number(v) - 1
		case tagNeed:
			q.Need = providers.Assurance(number(v) & 0xff)
		case tagLocale:
			q.Locale = string(v)
		case tagHint:
			q.Hint = string(v)
		case tagLoginHint:
			q.LoginHint = string(v)
		case tagHintSub:
			q.HintSub = string(v)
		case tagFormPost:
			q.FormPost = flagged(v)
		case tagWants:
			inner = q.Wants.unmarshal(v)
		case tagNeedOnly:
			q.NeedOnly = flagged(v)
		case tagResource:
			q.Resources = append(q.Resources, string(v))
		case tagPushed:
			q.Pushed.read(v)
		case tagProved:
			q.Proved.read(v)
		case tagACR:
			q.ACR = acrSet(number(v) & 0xff)
		case tagTermTold:
			q.Term.Told = flagged(v)
		case tagTermNext:
			q.Term.Next = moment(v)
		case tagTermUntil:
			q.Term.Until = moment(v)
		case tagHeld:
			q.Held = moment(v)
		case tagEarly:
			q.Early = flagged(v)
		case tagPaid:
			q.Paid.read(v)
		}
	})
	if err == nil {
		err = inner
	}
	if err == nil && (q.Client == "" || q.RedirectURI == "" || q.ID == id{}) {
		return errMalformed
	}
	return err
}

// sealRequest seals q as it is. The caller judges the length.
func (b *Broker) sealRequest(q *request) (string, error) {
	return b.box.request.Seal(q.marshal(), q.Expires, b.issuer)
}

// renew seals q again on the way back to the chooser, with its life extended
// when little of it is left. The waiting room may have extended it further.
func (b *Broker) renew(q request) (string, error) {
	now := b.now()
	if q.Expires.Sub(now) < requestFresh {
		until := now.Add(requestTTL)
		if last := q.Began.Add(requestMost); until.After(last) {
			until = last
		}
		if until.After(q.Expires) {
			q.Expires = until
		}
	}
	return b.sealRequest(&q)
}

// openRequest opens r and checks it against the browser that shows it.
func (b *Broker) openRequest(r *http.Request, sealed string) (request, client.Client, *Problem) {
	var q request
	if len(sealed) > maxSealedRequest+maxSealedGrowth {
		return q, client.Client{}, b.fault(http.StatusBadRequest, ProblemTooLarge, nil)
	}
	plain, err := b.box.request.Open(sealed, b.now(), b.issuer)
	expired := errors.Is(err, seal.ErrExpired)
	if err == nil || expired { // an expired request still says whose it was
		if bad := q.unmarshal(plain); bad != nil {
			err, expired = bad, false
		}
	}
	if err != nil && !expired {
		return q, client.Client{}, b.fault(http.StatusBadRequest, ProblemTampered, err)
	}
	b.noted(r.Context(), q.Ref, q.Client)
	c, known := b.clients.Lookup(q.Client)
	if expired {
		return q, c, b.fault(http.StatusBadRequest, ProblemExpired, nil).about(&q, b.siteOf(&q))
	}
	if !known || !c.AllowsRedirect(q.RedirectURI) {
		return q, c, b.fault(http.StatusBadRequest, ProblemClient, nil).about(&q, nil)
	}
	site := b.site(c, q.RedirectURI)
	hash, have := b.browser(r)
	switch {
	case !have && len(r.Cookies()) == 0:
		return q, c, b.fault(http.StatusBadRequest, ProblemCookies, nil).about(&q, &site)
	case !have || !equal(hash[:], q.Browser[:]):
		return q, c, b.fault(http.StatusBadRequest, ProblemOtherBrowser, nil).about(&q, &site)
	}
	q.People = b.people(r, q.Browser)
	return q, c, nil
}

// site is what a person may see of c.
func (b *Broker) site(c client.Client, redirectURI string) Site {
	return Site{ID: c.ID, Name: c.Name, Origin: origin(redirectURI), Start: c.Start}
}

// origin of a URI as CSP spells it: scheme and host, or "scheme:" for the
// private schemes of native applications.
func origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
