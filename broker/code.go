package broker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sinho/providers"
	"sinho/store"
)

// errSpent: the code of this journey was redeemed before.
var errSpent = errors.New("the code is spent")

// code is what a code says about itself, sealed and bound to its client, so
// that everything but its one use is judged before the store is asked.
type code struct {
	Shard     store.Shard
	Secret    []byte // 32 bytes; names the record and opens it
	Redirect  []byte // SHA-256 of the redirect URI
	Challenge string
	Refresh   time.Time // end of the refresh tokens it gives, zero for none
	Resources []byte    // marks of what its tokens may be for, 8 bytes each
	Visit     []byte    // name of the entry under which it is given
	Holder    []byte    // whose lock its refresh tokens renew, nil for nobody's
}

const (
	tagCodeShard byte = iota + 1
	tagCodeSecret
	tagCodeRedirect
	tagCodeChallenge
	tagCodeRefresh
	tagCodeResources
	tagCodeVisit

	tagCodeHolder byte = 60
)

// codeKey and accessKey name the records of a code and of the access token it
// gives, so that a replay, and a log-out, find what to revoke.
func codeKey(name []byte) string { return "c:" + encode(name) }

// familyKey names the record of the refresh tokens that come of a code.
func familyKey(name []byte) string { return "f:" + encode(name) }

func accessKey(name []byte) string { return "a:" + encode(name) }

func accessName(secret []byte) []byte { return named("access", secret) }

func named(use string, secret []byte) []byte {
	sum := sha256.Sum256(append([]byte("sinho "+use+" record "), secret...))
	return sum[:16]
}

// grant is what a redeemed code is worth: the record, under a key that needs
// the code's secret.
type grant struct {
	Person []byte
	Who    providers.Identity
	Nonce  string
	At     time.Time
	Scope  scope
	SID    string
	Txn    string
	Wants  wants
	// Resources the access token may be for (RFC 8707), none for ours alone.
	Resources []string
	Session   id     // it came of
	Undated   bool   // At is no auth_time, see login
	Fresh     bool   // proven for this very login
	ACR       acrSet // asked for
}

// authTime is the auth_time of the ID token, 0 for none.
func (g *grant) authTime() int64 {
	if g.Undated {
		return 0
	}
	return g.At.Unix()
}

const (
	tagGrantPerson byte = iota + 1
	tagGrantWho
	tagGrantNonce
	tagGrantAt
	tagGrantScope
	tagGrantSID
	tagGrantTxn
	tagGrantWants
	tagGrantResource // once for each
	tagGrantSession
	tagGrantUndated
	tagGrantFresh
	tagGrantACR
)

func (g *grant) marshal() ([]byte, error) {
	who, err := json.Marshal(g.Who)
	if err != nil {
		return nil, err
	}
	f := newForm(len(who) + len(g.Nonce) + 160)
	f.bytes(tagGrantPerson, g.Person)
	f.bytes(tagGrantWho, who)
	f.text(tagGrantNonce, g.Nonce)
	f.time(tagGrantAt, g.At)
	f.number(tagGrantScope, int64(g.Scope))
	f.text(tagGrantSID, g.SID)
	f.text(tagGrantTxn, g.Txn)
	f.bytes(tagGrantWants, g.Wants.marshal())
	for _, r := range g.Resources {
		f.text(tagGrantResource, r)
	}
	f.id(tagGrantSession, g.Session)
	f.flag(tagGrantUndated, g.Undated)
	f.flag(tagGrantFresh, g.Fresh)
	f.number(tagGrantACR, int64(g.ACR))
	return f, nil
}

func (g *grant) unmarshal(p []byte) error {
	*g = grant{}
	var who []byte
	var inner error
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagGrantPerson:
			g.Person = v
		case tagGrantWho:
			who = v
		case tagGrantNonce:
			g.Nonce = string(v)
		case tagGrantAt:
			g.At = moment(v)
		case tagGrantScope:
			g.Scope = scope(number(v) & 0xffff)
		case tagGrantSID:
			g.SID = string(v)
		case tagGrantTxn:
			g.Txn = string(v)
		case tagGrantWants:
			inner = g.Wants.unmarshal(v)
		case tagGrantResource:
			g.Resources = append(g.Resources, string(v))
		case tagGrantSession:
			g.Session.read(v)
		case tagGrantUndated:
			g.Undated = flagged(v)
		case tagGrantFresh:
			g.Fresh = flagged(v)
		case tagGrantACR:
			g.ACR = acrSet(number(v) & 0xff)
		}
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return err
	}
	if len(g.Person) == 0 {
		return errMalformed
	}
	return json.Unmarshal(who, &g.Who)
}

// openCode reads a code of this client. Any failure is the same to the caller.
func (b *Broker) openCode(text, client string) (code, error) {
	var k code
	plain, err := b.box.code.Open(text, b.now(), b.issuer, client)
	if err != nil {
		return k, err
	}
	err = fields(plain, func(tag byte, v []byte) {
		switch tag {
		case tagCodeShard:
			k.Shard = store.Shard(v)
		case tagCodeSecret:
			k.Secret = v
		case tagCodeRedirect:
			k.Redirect = v
		case tagCodeChallenge:
			k.Challenge = string(v)
		case tagCodeRefresh:
			k.Refresh = moment(v)
		case tagCodeResources:
			k.Resources = v
		case tagCodeVisit:
			k.Visit = v
		case tagCodeHolder:
			k.Holder = v
		}
	})
	if err == nil && (len(k.Secret) != 32 || k.Shard == "" || len(k.Visit) != visitName) {
		err = errMalformed
	}
	return k, err
}

// resourceMark stands for a resource in a code, which is short.
func resourceMark(resource string) []byte {
	sum := sha256.Sum256([]byte("sinho resource " + resource))
	return sum[:markSize]
}

// mayBeFor says that the resource is among those granted.
func (k *code) mayBeFor(resource string) bool {
	want := resourceMark(resource)
	for rest := k.Resources; len(rest) >= markSize; rest = rest[markSize:] {
		if equal(rest[:markSize], want) {
			return true
		}
	}
	return false
}

// errReplay: the code was redeemed before; what it gave is revoked now.
var errReplay = errors.New("the code was redeemed before")

// redeem takes the code and writes the record its tokens hang from in the same
// operation, if the session it came of has not ended: one of any number of callers
// wins, and each later one revokes what the winner got.
func (b *Broker) redeem(ctx context.Context, k *code, client string) (g grant, share []byte, err error) {
	share = make([]byte, 32)
	_, _ = rand.Read(share) // never fails, see crypto/rand
	name := accessName(k.Secret)
	record := store.Op{Kind: store.Put, Key: accessKey(name), Value: share, TTL: accessTTL}
	if !k.Refresh.IsZero() {
		record = store.Op{Kind: store.Put, Key: familyKey(name), Value: newFamily(share), TTL: max(k.Refresh.Sub(b.now()), store.MinTTL)}
	}
	done, err := b.store.Apply(ctx, k.Shard, newAttempt(), false,
		store.Op{Kind: store.Take, Key: codeKey(name), Value: []byte("used"), TTL: tombstoneTTL}, record, listing(k.Visit),
	)
	switch {
	case err != nil:
		return g, nil, fmt.Errorf("redeem code: %w", away(err))
	case done.Conflict != nil && done.Conflict.Why == store.Tombstone:
		if err := b.revokeAll(ctx, k.Shard, name); err != nil {
			return g, nil, fmt.Errorf("revoke after replay: %w", err)
		}
		return g, nil, errReplay
	case done.Conflict != nil:
		return g, nil, errSpent
	case len(done.Taken) != 1:
		return g, nil, errors.New("redeem code: the store returned no record")
	}
	plain, err := b.box.codeRecord.With(k.Secret).Open(string(done.Taken[0]), b.now(), b.issuer, client)
	if err != nil {
		return g, nil, fmt.Errorf("redeem code: %w", err)
	}
	if err := g.unmarshal(plain); err != nil {
		return g, nil, fmt.Errorf("redeem code: %w", err)
	}
	return g, share, nil
}

// revokeAll deletes, durably, what all tokens of one code hang from: no record,
// no claims.
func (b *Broker) revokeAll(ctx context.Context, shard store.Shard, name []byte) error {
	_, err := b.store.Apply(ctx, shard, newAttempt(), true,
		store.Op{Kind: store.Delete, Key: accessKey(name)},
		store.Op{Kind: store.Delete, Key: familyKey(name)},
	)
	if err != nil {
		return away(err)
	}
	return nil
}

// newAttempt names one HTTP request's change: a library that sends it twice is
// answered once, a second request is a second attempt.
func newAttempt() store.Attempt { return store.Attempt(newID()) }
