package broker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/store"
)

// session is one person's single sign-on in one browser: a sealed cookie whose
// personal part needs a share that lives in the store. What is outside that
// part decides, without the store, whether the session could serve a request.
type session struct {
	ID id
	// Root is the ID of the first of the sessions of this person in this browser
	// that took each other's place: what they gave ends together.
	Root      id
	Shard     store.Shard
	Provider  string
	Assurance providers.Assurance
	At        time.Time // auth_time
	Expires   time.Time
	Continued []byte // marks of the sites it has served, 8 bytes each, newest last
	Person    []byte // login sealed under ring and share
	Undated   bool   // At is no auth_time, see login
	Fresh     bool   // proven for the very login that made it, and for no other
	share     []byte // of a new session only
	replaces  string // key of the record a new session ends, "" for none
}

var (
	errNoSession   = errors.New("the session has ended")
	errOtherPerson = errors.New("the session is another person's than the hint's")
)

const (
	tagSession byte = iota + 1
	tagSessionShard
	tagSessionProvider
	tagSessionAssurance
	tagSessionAt
	tagSessionExpires
	tagSessionContinued
	tagSessionPerson
	tagSessionUndated
	tagSessionFresh
	_ // was the ids of former sessions
	tagSessionRoot
)

const (
	tagPersonKey byte = iota + 1
	tagPersonWho
)

const markSize = 8

func (s *session) marshal() []byte {
	f := newForm(len(s.Person) + len(s.Continued) + 128)
	f.bytes(tagSession, s.ID[:])
	f.text(tagSessionShard, string(s.Shard))
	f.text(tagSessionProvider, s.Provider)
	f.number(tagSessionAssurance, int64(s.Assurance))
	f.time(tagSessionAt, s.At)
	f.time(tagSessionExpires, s.Expires)
	f.bytes(tagSessionContinued, s.Continued)
	f.bytes(tagSessionPerson, s.Person)
	f.flag(tagSessionUndated, s.Undated)
	f.flag(tagSessionFresh, s.Fresh)
	f.id(tagSessionRoot, s.Root)
	return f
}

func (s *session) unmarshal(p []byte) error {
	*s = session{}
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagSession:
			s.ID.read(v)
		case tagSessionShard:
			s.Shard = store.Shard(v)
		case tagSessionProvider:
			s.Provider = string(v)
		case tagSessionAssurance:
			s.Assurance = providers.Assurance(number(v) & 0xff)
		case tagSessionAt:
			s.At = moment(v)
		case tagSessionExpires:
			s.Expires = moment(v)
		case tagSessionContinued:
			s.Continued = v
		case tagSessionPerson:
			s.Person = v
		case tagSessionUndated:
			s.Undated = flagged(v)
		case tagSessionFresh:
			s.Fresh = flagged(v)
		case tagSessionRoot:
			s.Root.read(v)
		}
	})
	if err == nil && (s.Shard == "" || s.ID == id{} || len(s.Continued)%markSize != 0) {
		return errMalformed
	}
	return err
}

func (s *session) key() string { return sessionKey(s.ID) }

func sessionKey(n id) string { return "s:" + n.String() }

func mark(client string) []byte {
	sum := sha256.Sum256([]byte("sinho continued " + client))
	return sum[:markSize]
}

// continued says that the person has agreed to be known at the client.
func (s *session) continued(client string) bool {
	want := mark(client)
	for rest := s.Continued; len(rest) >= markSize; rest = rest[markSize:] {
		if equal(rest[:markSize], want) {
			return true
		}
	}
	return false
}

// markContinued remembers the client; of too many the oldest is asked again.
func (s *session) markContinued(client string) {
	if s.continued(client) {
		return
	}
	s.Continued = append(append([]byte(nil), s.Continued...), mark(client)...)
	if over := len(s.Continued) - maxContinued*markSize; over > 0 {
		s.Continued = s.Continued[over:]
	}
}

// newSession is the session of a login just made for a client by j. It lives once
// its share is written. old, nil for none, is the one it takes the place of in
// this browser: where the same person has agreed before need not be asked again.
func (b *Broker) newSession(j *journey, client string, l login, old *session) (*session, error) {
	s := &session{
		ID: newID(), Shard: b.shard(l.person), Provider: j.Provider, Assurance: l.who.Assurance,
		At: l.at, Expires: b.now().Add(sessionTTL), share: make([]byte, 32),
		Undated: l.undated, Fresh: l.fresh,
	}
	_, _ = rand.Read(s.share)                                                  // never fails, see crypto/rand
	s.Root.read(b.ring.Derive("root", j.Request.Began, j.ID[:])[:len(s.Root)]) // the same on any node
	if old != nil && old.Shard == s.Shard {
		s.Root, s.Continued, s.replaces = old.Root, old.Continued, old.key()
	}
	s.markContinued(client)
	who, err := json.Marshal(trimmed(l.who))
	if err != nil {
		return nil, fmt.Errorf("new session: %w", err)
	}
	f := newForm(len(who) + 64)
	f.bytes(tagPersonKey, l.person)
	f.bytes(tagPersonWho, who)
	sealed, err := b.box.person.With(s.share).Seal(f, s.Expires, b.issuer, s.ID.String())
	if err != nil {
		return nil, fmt.Errorf("new session: %w", err)
	}
	if s.Person, err = strict64.DecodeString(sealed); err != nil {
		return nil, fmt.Errorf("new session: %w", err)
	}
	return s, nil
}

// openPerson needs the share.
func (b *Broker) openPerson(s *session, share []byte) (login, error) {
	plain, err := b.box.person.With(share).Open(encode(s.Person), b.now(), b.issuer, s.ID.String())
	if err != nil {
		return login{}, err
	}
	l := login{at: s.At, undated: s.Undated}
	var who []byte
	if err := fields(plain, func(tag byte, v []byte) {
		switch tag {
		case tagPersonKey:
			l.person = v
		case tagPersonWho:
			who = v
		}
	}); err != nil {
		return login{}, err
	}
	if err := json.Unmarshal(who, &l.who); err != nil {
		return login{}, fmt.Errorf("open session: %w", err)
	}
	return l, nil
}

// sealSession makes the value of the session's cookie.
func (b *Broker) sealSession(s *session) (string, error) {
	sealed, err := b.box.session.Seal(s.marshal(), s.Expires, b.issuer)
	if err != nil {
		return "", err
	}
	if len(sealed) > maxCookie {
		return "", fmt.Errorf("session cookie has %d bytes, at most %d", len(sealed), maxCookie)
	}
	return sealed, nil
}

func (b *Broker) sessionCookie(s *session) (*http.Cookie, error) {
	sealed, err := b.sealSession(s)
	if err != nil {
		return nil, err
	}
	return b.cookie(cookieSession, sealed, s.Expires.Sub(b.now())), nil
}

func (b *Broker) dropSession(w http.ResponseWriter) {
	http.SetCookie(w, b.cookie(cookieSession, "", 0))
}

// session opens the session cookie; whether its record still lives is not known
// yet.
func (b *Broker) session(r *http.Request) (*session, bool) {
	c, err := r.Cookie(b.cookieName(cookieSession))
	if err != nil || len(c.Value) > maxCookie {
		return nil, false
	}
	plain, err := b.box.session.Open(c.Value, b.now(), b.issuer)
	if err != nil {
		return nil, false
	}
	var s session
	if s.unmarshal(plain) != nil {
		return nil, false
	}
	if s.Root == (id{}) { // sealed before sessions had one
		s.Root = s.ID
	}
	return &s, true
}

// usable applies policy again: assurance, freshness and whether the provider
// may still be used.
func (b *Broker) usable(s *session, q *request) bool { return b.usableAt(s, q, b.now()) }

// usableAt is usable as it will be at a time from now on, as far as is known.
func (b *Broker) usableAt(s *session, q *request, at time.Time) bool {
	c, known := b.clients.Lookup(q.Client)
	// Counted from the session's making: its auth_time may be older.
	proved := q.Proved == s.ID && q.Proved != id{} && at.Before(s.Expires.Add(provedTTL-sessionTTL))
	switch {
	case !at.Before(s.Expires), !known, s.Assurance < q.Need, b.disabled(s.Provider):
		return false
	case proved:
		return true // by the login that led here
	case c.SessionRule == client.SessionNone, q.Prompt.has(promptLogin):
		return false
	case q.MaxAge >= 0 && s.Undated: // nobody knows how old it is
		return false
	case q.MaxAge >= 0 && !at.Before(s.At.Add(time.Duration(q.MaxAge)*time.Second)):
		return false
	}
	return true
}

// reuse answers a request from a session: one read, one Apply, and what spending
// the pass of a waiting room takes. agreed says that the person has just consented.
func (b *Broker) reuse(ctx context.Context, q *request, c client.Client, s *session, pass []byte, agreed bool) (Step, error) {
	keys := []string{s.key()}
	if c.OneDevice != "" {
		keys = append(keys, gripKey(c))
	}
	values, err := b.store.ReadAll(ctx, s.Shard, keys...)
	if err != nil {
		return Step{}, fmt.Errorf("read session: %w", away(err))
	}
	share := values[0]
	if share == nil {
		return Step{}, errNoSession
	}
	l, err := b.openPerson(s, share)
	if err != nil {
		return Step{}, errNoSession
	}
	l.fresh = s.Fresh && s.ID == q.Proved
	if q.refuses(l, b.subject(c, l.person)) != "" {
		return Step{}, errOtherPerson
	}
	if b.crowded(q, c, l.person) {
		return Step{}, errCrowd
	}
	o := &occasion{q: q, c: c, l: l, s: s, seed: append(q.ID[:], s.ID[:]...), agreed: agreed, pass: pass}
	if err := b.turnBySession(q, c, &l.who); err != nil {
		if _, is := errors.AsType[*notTurn](err); is && q.Prompt.has(promptNone) {
			err = b.silentTurn(ctx, o)
		}
		return Step{}, err
	}
	if c.OneDevice != "" {
		if err := b.meet(ctx, o, values[1]); err != nil {
			return Step{}, err
		}
	}
	code, _, err := b.issue(ctx, o)
	if err != nil {
		return Step{}, err
	}
	if c.PeoplePerDevice > 0 {
		q.Who = b.who(q, l.person)
	}
	return b.reply(q, "code", code), nil
}

// Continue answers a request from the live session after the person has agreed
// to be known at that site. The Step leads to the site, or to the chooser with
// a notice. The error is a *Problem.
func (b *Broker) Continue(w http.ResponseWriter, r *http.Request, sealed string) (Step, error) {
	plain(w)
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Step{}, p
	}
	back := func(code string) (Step, error) {
		return Step{Redirect: ChooserURL(sealed, Notice{Code: code})}, nil
	}
	s, have := b.session(r)
	if !have || !b.usable(s, &q) {
		return back(NoticeSession)
	}
	entry, err := b.door(w, r, &q, EnterSession)
	switch {
	case err != nil:
		b.log(r.Context(), level(err), "waiting room not asked", q.Ref, NoticeStore, err)
		return back(NoticeStore)
	case entry.Wait:
		if step, ok := b.toQueue(q); ok {
			return step, nil
		}
		return Step{}, b.internal(&q, c, errUnsealed)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeWait)
	defer cancel()
	step, err := b.reuse(ctx, &q, c, s, entry.Pass, true)
	if out, is := b.turnedOut(w, &q, err); is {
		b.log(ctx, level(nil), "session not used", q.Ref, "room", nil)
		return out, nil
	}
	var turn *notTurn
	var other *elsewhere
	switch {
	case errors.Is(err, errNoSession):
		b.dropSession(w)
		return back(NoticeSession)
	case errors.As(err, &other):
		q.Held = other.until
		if step, ok := b.toOther(q, other); ok {
			return step, nil
		}
		return Step{}, b.internal(&q, c, err)
	case errors.Is(err, errCrowd):
		b.log(ctx, level(nil), "session not used", q.Ref, NoticePeople, nil)
		return back(NoticePeople)
	case errors.Is(err, errBirthdate):
		return Step{Redirect: ChooserURL(sealed, Notice{Code: NoticeBirthdate, From: s.Provider})}, nil
	case errors.As(err, &turn):
		if step, ok := b.toTurn(turn.told(q)); ok {
			return step, nil
		}
		return Step{}, b.internal(&q, c, err)
	case errors.Is(err, errDemand) && q.Proved == s.ID: // nobody else can come of logging in again
		return b.reply(&q, "error", "access_denied", "error_description", refusedLogins["access_denied"]), nil
	case errors.Is(err, errOtherPerson), errors.Is(err, errDemand), errors.Is(err, errSpent), errors.Is(err, errConsent):
		return back(NoticeSession)
	case errors.Is(err, store.ErrUnavailable):
		b.log(ctx, level(err), "session not used", q.Ref, NoticeStore, err)
		return back(NoticeStore)
	case err != nil:
		return Step{}, b.internal(&q, c, err)
	}
	s.markContinued(c.ID)
	cookie, err := b.sessionCookie(s)
	if err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	http.SetCookie(w, cookie)
	if err := b.spend(w, r, &q, s); err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	if err := b.remember(w, &q, q.Who); err != nil {
		return Step{}, b.internal(&q, c, err)
	}
	b.entered(w, c.ID, entry.Pass)
	return step, nil
}
