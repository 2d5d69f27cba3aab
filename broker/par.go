package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/seal"
	"sinho/store"
)

// A pushed request (RFC 9126) has no record: request_uri is the request itself,
// sealed for its client. See docs/decisions/0021-pushed-requests.md.
const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// pushedGrowth is what a sealed request grows by when a browser is bound to it:
// the field of a 16-byte name, in base64url.
const pushedGrowth = 24

// pushedAnswer is RFC 9126 §2.2.
type pushedAnswer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
}

// par is the pushed authorization request endpoint: what /authorize checks is
// checked here, and the client told as JSON. It stores nothing.
func (b *Broker) par(w http.ResponseWriter, r *http.Request) error {
	v, err := form16k(w, r)
	if err != nil {
		e := refuseToken("invalid_request", "the body must be a form of at most 16384 bytes")
		if errors.As(err, new(*http.MaxBytesError)) {
			e.status = http.StatusRequestEntityTooLarge
		}
		return e
	}
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		if len(v[name]) > 1 {
			return refuseToken("invalid_request", name+" is sent more than once")
		}
	}
	c, err := b.authenticate(r, v)
	if err != nil {
		return err
	}
	b.noted(r.Context(), "", c.ID)
	switch {
	case v.Has("request_uri"):
		return refuseToken("invalid_request", "request_uri must not be pushed") // §2.1
	case v.Get("client_id") == "":
		v.Set("client_id", c.ID)
	case v.Get("client_id") != c.ID:
		return refuseToken("invalid_request", "client_id is not the authenticated client")
	}
	q, _, err := b.validate(v, true)
	if err != nil {
		return forMachine(err)
	}
	b.noted(r.Context(), q.Ref, c.ID)
	q.Pushed = q.ID
	sealed, err := b.box.pushed.Seal(q.marshal(), b.now().Add(pushedTTL), b.issuer, c.ID)
	if err != nil {
		return err
	}
	if len(sealed)+pushedGrowth > maxSealedRequest {
		return refuseToken("invalid_request", tooLong)
	}
	writeJSON(w, http.StatusCreated, &pushedAnswer{pushedPrefix + sealed, int(pushedTTL.Seconds())})
	return nil
}

// forMachine tells a client itself what its site or a person would be told.
func forMachine(err error) error {
	var (
		site    *siteError
		problem *Problem
	)
	switch {
	case errors.As(err, &site):
		e := refuseToken(site.code, site.desc)
		e.cause = site.cause
		return e
	case errors.As(err, &problem) && problem.Status == http.StatusBadRequest:
		return refuseToken("invalid_request", strings.Join(problem.Developer, "; "))
	}
	return err
}

// readPushed opens a request_uri of ours at /authorize. Whatever else is in the
// query is ignored (RFC 9126 §4).
func (b *Broker) readPushed(v url.Values) (*request, client.Client, error) {
	c, p := b.asking(v)
	if p != nil {
		return nil, c, p
	}
	sealed := strings.TrimPrefix(v.Get("request_uri"), pushedPrefix)
	plain, err := b.box.pushed.Open(sealed, b.now(), b.issuer, c.ID)
	expired := errors.Is(err, seal.ErrExpired)
	var q request
	if err == nil || expired { // an expired one still says where to answer
		if bad := q.unmarshal(plain); bad != nil {
			err, expired = bad, false
		}
	}
	switch {
	case expired && c.AllowsRedirect(q.RedirectURI):
		return nil, c, &siteError{q: &q, code: "invalid_request_uri", desc: "request_uri has expired"}
	case err != nil:
		return nil, c, b.fault(http.StatusBadRequest, ProblemTampered, err).at(c).tell("invalid_request_uri: it is not one that /par has given to this client")
	case !c.AllowsRedirect(q.RedirectURI):
		return nil, c, b.fault(http.StatusBadRequest, ProblemRedirect, nil).at(c)
	}
	return &q, c, nil
}

// isPushed: the request came by way of /par.
func isPushed(v url.Values) bool {
	return len(v["request_uri"]) == 1 && strings.HasPrefix(v.Get("request_uri"), pushedPrefix)
}

// claim makes a pushed request the first browser's that comes with it: that one
// may reload until it has logged in, any other is turned away. A public client's
// is no more than a link anybody could have written, so nothing is stored for
// it, and each browser that opens it has a request of its own.
func (b *Broker) claim(w http.ResponseWriter, r *http.Request, q *request, c client.Client) error {
	if b.finishedPushed(r, q.Pushed) {
		return usedURI(q)
	}
	if c.Public {
		q.ID = newID()
		return nil
	}
	q.ID = q.Pushed // one login by a session, too, however often it is asked for
	q.Browser = b.bindBrowser(w, r)
	// Whoever has lost on this node is told from memory: a flood of browsers with
	// one request_uri must not become a flood of the store.
	first, err := b.firsts.do(r.Context(), q.Pushed, b.now, func(ctx context.Context) (id, bool, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
		defer cancel()
		shard := store.Shard("par-" + encode(b.ring.Derive("par", q.Began, q.Pushed[:])[:16]))
		done, err := b.store.Apply(ctx, shard, newAttempt(), false,
			store.Op{Kind: store.PutNew, Key: "par", Value: q.Browser[:], TTL: claimTTL})
		if err != nil {
			return id{}, false, away(err)
		}
		first := q.Browser
		if done.Conflict != nil {
			first = id{}
			first.read(done.Conflict.Value)
		}
		return first, true, nil
	})
	switch {
	case err != nil:
		return &siteError{q: q, code: "temporarily_unavailable", desc: "try again in a few seconds", cause: err}
	case !equal(first[:], q.Browser[:]):
		site := b.site(c, q.RedirectURI)
		return b.fault(http.StatusBadRequest, ProblemOtherBrowser, nil).about(q, &site).tell("invalid_request_uri: another browser has come with it before")
	}
	return nil
}

// spend leaves behind in this browser that a session has answered a pushed
// request, as a finished journey does for one that a provider has.
func (b *Broker) spend(w http.ResponseWriter, r *http.Request, q *request, s *session) error {
	if q.Pushed == (id{}) {
		return nil
	}
	now := b.now()
	cookie, err := b.journeyCookie(&journey{
		ID: q.Pushed, Request: *q, Provider: s.Provider, Phase: phaseFinished, Began: now, Expires: now.Add(claimTTL),
	})
	if err == nil {
		b.keepJourney(w, r, cookie)
	}
	return err
}

func usedURI(q *request) *siteError {
	return &siteError{q: q, code: "invalid_request_uri", desc: "request_uri has been used"}
}

// finishedPushed: this browser has been given a code for that pushed request.
func (b *Broker) finishedPushed(r *http.Request, pushed id) bool {
	prefix := b.cookieName(cookieJourney)
	for i, c := range r.Cookies() {
		if i >= 64 { // nobody honest has as many
			break
		}
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		var j journey
		if plain, err := b.box.journey.Open(c.Value, b.now(), b.issuer); err == nil && j.unmarshal(plain) == nil &&
			j.Phase == phaseFinished && j.Request.Pushed == pushed {
			return true
		}
	}
	return false
}

// claimTTL: a pushed request lives for its time, and for that of the bounce of a
// POST that was made at its end.
const claimTTL = pushedTTL + bounceTTL + 10*time.Second
