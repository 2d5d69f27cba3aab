package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// visit is that a session gave a site something: an entry of a person's list, one
// for each session and site. Whatever the site was given lives only while the
// list has the entry (docs/decisions/0024-who-is-told.md).
type visit struct {
	Root     id // of the session
	Session  id // the latest of that root
	Client   [markSize]byte
	At       time.Time // whole seconds
	Until    time.Time // whole seconds; nothing given under it lives longer
	Provider [markSize]byte
}

// listKey names a person's list on their shard.
const listKey = "v"

// visitName is how many bytes name an entry: its first, in the clear.
const visitName = 16

// visitSize is the length of every plain entry: entries of one list have one
// length, whatever is in them.
const visitSize = 1 + 16 + 16 + markSize + 8 + 8 + markSize

func (v *visit) marshal() []byte {
	p := make([]byte, 0, visitSize)
	p = append(p, format)
	p = append(p, v.Root[:]...)
	p = append(p, v.Session[:]...)
	p = append(p, v.Client[:]...)
	p = binary.BigEndian.AppendUint64(p, uint64(v.At.Unix()))    //nolint:gosec // after 1970
	p = binary.BigEndian.AppendUint64(p, uint64(v.Until.Unix())) //nolint:gosec // after 1970
	return append(p, v.Provider[:]...)
}

func (v *visit) unmarshal(p []byte) error {
	if len(p) != visitSize || p[0] != format {
		return errMalformed
	}
	p = p[1:]
	take := func(to []byte) { p = p[copy(to, p):] }
	moment := func() time.Time {
		var n [8]byte
		take(n[:])
		return time.Unix(int64(binary.BigEndian.Uint64(n[:])), 0) //nolint:gosec // what marshal wrote
	}
	take(v.Root[:])
	take(v.Session[:])
	take(v.Client[:])
	v.At, v.Until = moment(), moment()
	take(v.Provider[:])
	return nil
}

// visitName names the entry of a session at a client. Who reads the store learns
// nothing by it: neither root nor client follow from it.
func (b *Broker) visitName(root id, client string) []byte {
	return b.pseudonym("visit", string(root[:]), client)[:visitName]
}

// listing is the guard that the person's list has an entry.
func listing(name []byte) store.Op {
	return store.Op{Kind: store.Contains, Key: listKey, Value: name}
}

// given reads a record of what was given under an entry. The error is errDead,
// where either is gone, or the store's.
func (b *Broker) given(ctx context.Context, shard store.Shard, key string, entry []byte) ([]byte, error) {
	values, err := b.store.ReadAll(ctx, shard, key, listKey)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %q: %w", key, away(err))
	case values[0] == nil, !bytes.Contains(values[1], entry):
		return nil, errDead
	}
	return values[0], nil
}

// appendVisit is the Op that lists what o gives: as long as the session, or as
// long as the site may refresh what it has been given at any time.
func (b *Broker) appendVisit(o *occasion) (store.Op, error) {
	life := sessionTTL
	if o.c.AllowsScope(client.ScopeOffline) {
		life = max(life, o.c.RefreshTTL)
	}
	v := visit{
		Root: o.s.Root, Session: o.s.ID, Client: [markSize]byte(mark(o.c.ID)), Provider: [markSize]byte(mark(o.s.Provider)),
		At: b.now(), Until: b.now().Add(life),
	}
	entry, err := b.sealVisit(o.l.person, b.visitName(v.Root, o.c.ID), &v)
	if err != nil {
		return store.Op{}, fmt.Errorf("append visit: %w", err)
	}
	return store.Op{Kind: store.Append, Key: listKey, Value: entry, Keep: maxVisits, Same: visitName, TTL: life}, nil
}

func (b *Broker) sealVisit(person, name []byte, v *visit) ([]byte, error) {
	sealed, err := b.box.visit.With(person).Seal(v.marshal(), v.Until, b.issuer, encode(name))
	return append(bytes.Clone(name), sealed...), err
}

// openVisit is false for what cannot be opened: it is over, or was sealed by a key
// that is gone.
func (b *Broker) openVisit(person, entry []byte) (v visit, ok bool) {
	name, sealed := entry[:visitName], entry[visitName:]
	plain, err := b.box.visit.With(person).Open(string(sealed), b.now(), b.issuer, encode(name))
	return v, err == nil && v.unmarshal(plain) == nil
}

// visits reads a person's list, oldest first.
func (b *Broker) visits(ctx context.Context, shard store.Shard, person []byte) (all []visit, err error) {
	list, err := b.list(ctx, shard)
	if err != nil {
		return nil, err
	}
	for entry := range b.entries(list) {
		if v, ok := b.openVisit(person, entry); ok {
			all = append(all, v)
		}
	}
	return all, nil
}

// list is a person's list as the store has it, nil for none. The error is a
// *Problem.
func (b *Broker) list(ctx context.Context, shard store.Shard) ([]byte, error) {
	list, err := b.store.Read(ctx, shard, listKey)
	if err != nil && !errors.Is(err, store.ErrAbsent) {
		return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	return list, nil
}

// end ends sessions: those of the entries that are over, and some by their ids.
// Their sites are told first; whoever fails in between begins again, and what is
// told twice is told under one id. It gives the entries, oldest first. The error is
// a *Problem: a failure is told, never swallowed.
func (b *Broker) end(ctx context.Context, shard store.Shard, person []byte, over func(*visit) bool, sessions ...id) ([]visit, error) {
	return b.strike(ctx, shard, person, over, func(ended []visit) ([]string, error) {
		if err := b.tellSites(ctx, person, ended); err != nil {
			return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
		}
		for _, v := range slices.Backward(ended) {
			if !slices.Contains(sessions, v.Session) {
				sessions = append(sessions, v.Session)
			}
		}
		var keys []string
		for _, n := range sessions {
			keys = append(keys, sessionKey(n))
		}
		return keys, nil
	})
}

// strike takes the entries that are over out of a person's list, and with them
// those that nobody can open, and deletes records, all in one operation: from then
// on nothing lives that was given under them. before sees the entries first, and
// says what to delete, the most important first; it is called again where the list
// has changed meanwhile. The locks end that ended
// sessions held.
func (b *Broker) strike(ctx context.Context, shard store.Shard, person []byte, over func(*visit) bool, before func([]visit) ([]string, error)) ([]visit, error) {
	for range maxStrikes {
		list, locks, err := b.standing(ctx, shard)
		if err != nil {
			return nil, err
		}
		ended, kept, ops := b.without(person, list, over)
		ops = append(ops, b.letGo(locks, ended, kept)...)
		keys, err := before(ended)
		if err != nil {
			return nil, err
		}
		fit := min(store.MaxOps-len(ops), len(keys))
		if err := b.remove(ctx, shard, keys[fit:]); err != nil { // nothing is given under them meanwhile
			return nil, err
		}
		for _, key := range keys[:fit] {
			ops = append(ops, store.Op{Kind: store.Delete, Key: key})
		}
		done, err := b.store.Apply(ctx, shard, newAttempt(), true, ops...)
		switch {
		case err != nil:
			return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
		case done.Conflict == nil:
			return ended, nil
		}
	}
	return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, errors.New("the list does not stand still"))
}

// without are the entries of a list that are over, and the Ops by which it loses
// them and what cannot be opened, if it is still as it was.
func (b *Broker) without(person, list []byte, over func(*visit) bool) (ended, kept []visit, ops []store.Op) {
	if list == nil {
		return nil, nil, []store.Op{{Kind: store.PutNew, Key: listKey, TTL: store.MinTTL}} // still none
	}
	var rest []byte
	var until time.Time
	for entry := range b.entries(list) {
		v, ok := b.openVisit(person, entry)
		switch {
		case !ok:
		case over(&v):
			ended = append(ended, v)
		default:
			kept, rest = append(kept, v), append(rest, entry...)
			if v.Until.After(until) {
				until = v.Until
			}
		}
	}
	change := store.Op{Kind: store.Delete, Key: listKey}
	if rest != nil {
		change = store.Op{Kind: store.Put, Key: listKey, Value: rest, TTL: max(until.Sub(b.now()), store.MinTTL)}
	}
	return ended, kept, []store.Op{{Kind: store.Hold, Key: listKey, Value: list}, change}
}

// entries are those of a list, oldest first; none of one of another form.
func (b *Broker) entries(list []byte) iter.Seq[[]byte] {
	if len(list)%b.entry != 0 {
		list = nil
	}
	return slices.Chunk(list, b.entry)
}

// remove deletes records of one shard.
func (b *Broker) remove(ctx context.Context, shard store.Shard, keys []string) error {
	for some := range slices.Chunk(keys, store.MaxOps) {
		ops := make([]store.Op, len(some))
		for i, key := range some {
			ops[i] = store.Op{Kind: store.Delete, Key: key}
		}
		if _, err := b.store.Apply(ctx, shard, newAttempt(), true, ops...); err != nil {
			return b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
		}
	}
	return nil
}

// tellSites queues a message for every site of visits that wants one.
func (b *Broker) tellSites(ctx context.Context, person []byte, visits []visit) error {
	for _, v := range visits {
		c, known := b.marked[v.Client]
		if !known || c.BackchannelLogoutURI == "" || b.hooks.Tell == nil {
			continue
		}
		if err := b.hooks.Tell(ctx, Ending{Client: c.ID, Subject: b.subject(c, person), Session: b.sid(v.Root, c.ID)}); err != nil {
			return err
		}
	}
	return nil
}
