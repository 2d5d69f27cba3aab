package broker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"sinho/broker/client"
	"sinho/store"
)

// errConsent: the person has not agreed to what this site asks.
var errConsent = errors.New("the person has not agreed")

// errUnpushed: the login was approved by a push, which this site does not take.
// It is as if the session were somebody else's: it stays, for other sites.
var errUnpushed = fmt.Errorf("%w: approved by a push", errOtherPerson)

// occasion is one reason to give a site a code.
type occasion struct {
	q *request
	c client.Client
	l login
	s *session
	// seed names it: the same seed gives the same record, whoever asks, so a
	// repeated request neither doubles nor fails.
	seed []byte
	// renew: s is new and written with the code; otherwise it must live.
	renew bool
	// agreed: the person has just consented, which is kept with the code.
	agreed bool
	// alone: the session this browser had has ended, and gives nothing to s.
	alone bool
	// holds: the client's lock is thought to be this device's.
	holds bool
	// takes: the lock is another device's, which gives way.
	takes *taking
	// tries is how often the lock was met before.
	tries int
	// early: the login was made ahead of the opening of a waiting room.
	early bool
	// pass is the waiting room's, spent before the code is made; nil for none.
	pass []byte
	// journey is the one by whose attempt the pass is spent; zero where there is none.
	journey id
	// charged names the attempt by which the pass may be spent, zero for none; paid:
	// it is.
	charged id
	paid    bool
}

// write makes the code of an occasion, and writes it with the share of a new
// session, or on condition that the old one lives, with an entry of the person's
// list, with the client's lock where it has one, and on condition that the person
// agrees where the site asks for that, in one Apply. fresh says that a new session
// was written. With errMoved, met is the lock that stands instead, nil for none.
func (b *Broker) write(ctx context.Context, o *occasion) (out string, fresh bool, met []byte, err error) {
	if b.unpushed(o.c, o.s.Provider) {
		return "", false, nil, errUnpushed
	}
	if err := b.ahead(o); err != nil {
		return "", false, nil, err
	}
	if o.c.Consent && o.renew && o.q.Prompt.has(promptConsent) {
		return "", false, nil, errConsent
	}
	if !o.renew && !b.fits(o.s, o.q) {
		return "", false, nil, fmt.Errorf("the session's provider is not for this site: %w", errDemand)
	}
	if err := b.demanded(ctx, o); err != nil {
		return "", false, nil, err
	}
	if err := b.pay(ctx, o); err != nil {
		return "", false, nil, err
	}
	k, out, record, err := b.makeCode(o)
	if err != nil {
		return "", false, nil, fmt.Errorf("issue code: %w", err)
	}
	ops := []store.Op{{Kind: store.PutNew, Key: codeKey(accessName(k.Secret)), Value: []byte(record), TTL: codeTTL, Fenced: true}}
	if o.renew {
		ops = append(ops, o.s.writes()...)
	} else {
		ops = append(ops, store.Op{Kind: store.Alive, Key: o.s.key()})
	}
	consent := -1
	if o.c.Consent {
		consent = len(ops)
		ops = append(ops, b.consentOp(o))
	}
	lock := len(ops)
	ops = append(ops, b.gripping(o)...)
	entry, err := b.appendVisit(o)
	if err != nil {
		return "", false, nil, fmt.Errorf("issue code: %w", err)
	}
	last := len(ops)
	ops = append(ops, o.takes.listing(entry)...)
	locks := o.c.OneDevice != ""
	attempt := b.attempt("attempt", o)
	if o.tries > 0 { // the code's record tells who repeats it
		attempt = newAttempt()
	}
	done, err := b.store.Apply(ctx, o.s.Shard, attempt, locks, ops...)
	if err == nil && done.Conflict != nil && done.Conflict.Op == last && o.takes == nil {
		// A list of another form, such as of a cell's former name, gives way.
		ops[last] = store.Op{Kind: store.Put, Key: entry.Key, Value: entry.Value, TTL: entry.TTL}
		if attempt = b.attempt("attempt anew", o); o.tries > 0 {
			attempt = newAttempt()
		}
		done, err = b.store.Apply(ctx, o.s.Shard, attempt, locks, ops...)
	}
	if err == nil && o.renew && repeats(done) {
		err = b.fenced(ctx, o.s.Shard, ops[0].Key)
	}
	if errors.Is(err, errSpent) {
		return "", false, nil, err
	}
	if err != nil {
		return "", false, nil, fmt.Errorf("issue code: %w", away(err))
	}
	switch at := done.Conflict; {
	case at == nil:
		return out, o.renew && !done.Repeated, nil, nil
	case at.Op == consent:
		return "", false, nil, errConsent
	case locks && at.Op == lock:
		return "", false, at.Value, errMoved
	case o.takes != nil && at.Op == last:
		return "", false, o.takes.lock, errMoved
	case ops[at.Op].Kind == store.Alive:
		return "", false, nil, errNoSession
	case at.Why == store.Differs:
		// Another node answered the same journey: its record opens with this code
		// too. The session it wrote went out with its answer.
		return out, false, nil, nil
	default:
		return "", false, nil, errSpent
	}
}

// repeats: the code's record was there before, by this very occasion.
func repeats(done store.Outcome) bool {
	at := done.Conflict
	return done.Repeated || at != nil && at.Op == 0 && at.Why == store.Differs
}

// fenced is errSpent for a code that another run of the store has minted, which
// nobody can redeem: whoever made it is gone, and the store has begun anew since.
// It asks by a Take that can never be done, for the second guard always fails.
func (b *Broker) fenced(ctx context.Context, shard store.Shard, code string) error {
	done, err := b.store.Apply(ctx, shard, newAttempt(), false,
		store.Op{Kind: store.Take, Key: code, TTL: tombstoneTTL}, store.Op{Kind: store.Alive, Key: "never"})
	if err == nil && done.Conflict != nil && done.Conflict.Op == 0 && done.Conflict.Why == store.Fence {
		return errSpent
	}
	return err
}

// attempt names what o changes, the same for whoever repeats it. Agreeing is
// another change than being asked.
func (b *Broker) attempt(use string, o *occasion) store.Attempt {
	if o.agreed {
		use += " agreed"
	}
	if o.alone {
		use += " alone"
	}
	return store.Attempt(b.ring.Derive(use, o.q.Began, o.seed)[:16])
}

// makeCode makes the code, its sealed form and its record.
func (b *Broker) makeCode(o *occasion) (k code, out, record string, err error) {
	q, expires := o.q, b.now().Add(codeTTL)
	k = code{Shard: o.s.Shard, Secret: b.ring.Derive("code", q.Began, o.seed), Challenge: q.Challenge, Visit: b.visitName(o.s.Root, o.c.ID)}
	if q.Scope.has(scopeOffline) && o.c.AllowsScope(client.ScopeOffline) {
		k.Refresh = b.now().Add(o.c.RefreshTTL)
	}
	for _, r := range q.Resources {
		k.Resources = append(k.Resources, resourceMark(r)...)
	}
	hash := sha256.Sum256([]byte(q.RedirectURI))
	f := newForm(192)
	f.text(tagCodeShard, string(k.Shard))
	f.bytes(tagCodeSecret, k.Secret)
	f.bytes(tagCodeRedirect, hash[:])
	f.text(tagCodeChallenge, k.Challenge)
	f.time(tagCodeRefresh, k.Refresh)
	f.bytes(tagCodeResources, k.Resources)
	f.bytes(tagCodeVisit, k.Visit)
	if o.c.OneDevice != "" && !k.Refresh.IsZero() {
		g := b.gripOf(o)
		k.Holder = g.holder()
		f.bytes(tagCodeHolder, k.Holder)
	}
	if out, err = b.box.code.Seal(f, expires, b.issuer, o.c.ID); err != nil {
		return k, "", "", err
	}
	txn := b.ring.Derive("txn", q.Began, o.seed)
	g := grant{
		Person: o.l.person, Who: trimmed(o.l.who), Nonce: q.Nonce, At: o.l.at, Scope: q.Scope,
		SID: b.sid(o.s.Root, o.c.ID), Txn: q.Ref + "." + encode(txn[:12]),
		Wants: q.Wants, Resources: q.Resources, Session: o.s.ID,
		Undated: o.l.undated, Fresh: o.l.fresh, ACR: q.ACR,
	}
	plain, err := g.marshal()
	if err != nil {
		return k, "", "", err
	}
	record, err = b.box.codeRecord.With(k.Secret).Seal(plain, expires, b.issuer, o.c.ID)
	return k, out, record, err
}

// writes are the Ops of a new session. One that is to go on in its place must
// still live: what was given under it came back otherwise.
func (s *session) writes() []store.Op {
	ops := []store.Op{{Kind: store.Put, Key: s.key(), Value: s.share, TTL: sessionTTL}}
	if s.replaces != "" {
		ops = append(ops, store.Op{Kind: store.Alive, Key: s.replaces}, store.Op{Kind: store.Delete, Key: s.replaces})
	}
	return ops
}

// keepSession writes a new session without a code: for whoever has logged in
// and is asked to agree next.
func (b *Broker) keepSession(ctx context.Context, o *occasion) error {
	entry, err := b.appendVisit(o)
	if err != nil {
		return fmt.Errorf("keep session: %w", err)
	}
	done, err := b.store.Apply(ctx, o.s.Shard, b.attempt("attempt session", o), false, append(o.s.writes(), entry)...)
	switch {
	case err != nil:
		return fmt.Errorf("keep session: %w", away(err))
	case done.Conflict != nil:
		return errNoSession
	}
	return nil
}
