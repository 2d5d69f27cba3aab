package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// visit is one code given to one site: an entry of a person's list. From it
// follow the records of what the code became.
type visit struct {
	Session  id
	Client   [markSize]byte // mark of the client
	Name     [16]byte       // accessName of the code
	At       time.Time      // whole seconds
	Provider [markSize]byte // mark of the provider
}

// listKey names a person's list on their shard.
const listKey = "l"

// visitSize is the length of every plain entry: entries of one list have one
// length, whatever is in them.
const visitSize = 1 + 16 + markSize + 16 + 8 + markSize

func (v *visit) marshal() []byte {
	p := make([]byte, 0, visitSize)
	p = append(p, format)
	p = append(p, v.Session[:]...)
	p = append(p, v.Client[:]...)
	p = append(p, v.Name[:]...)
	p = binary.BigEndian.AppendUint64(p, uint64(v.At.Unix())) //nolint:gosec // after 1970
	return append(p, v.Provider[:]...)
}

func (v *visit) unmarshal(p []byte) error {
	if len(p) != visitSize || p[0] != format {
		return errMalformed
	}
	p = p[1:]
	take := func(to []byte) { p = p[copy(to, p):] }
	take(v.Session[:])
	take(v.Client[:])
	take(v.Name[:])
	v.At = time.Unix(int64(binary.BigEndian.Uint64(p)), 0) //nolint:gosec // what marshal wrote
	p = p[8:]
	take(v.Provider[:])
	return nil
}

// listed is how long an entry may matter: as long as the session, or as long as
// the site may refresh what it was given.
func listed(c client.Client, s scope) time.Duration {
	if s.has(scopeOffline) && c.RefreshTTL > sessionTTL {
		return c.RefreshTTL
	}
	return sessionTTL
}

// append is the Op that adds v to the list of the person.
func (b *Broker) appendVisit(person []byte, v *visit, life time.Duration) (store.Op, error) {
	sealed, err := b.box.visit.With(person).Seal(v.marshal(), b.now().Add(life), b.issuer)
	if err != nil {
		return store.Op{}, fmt.Errorf("append visit: %w", err)
	}
	return store.Op{Kind: store.Append, Key: listKey, Value: []byte(sealed), Keep: maxVisits, TTL: life}, nil
}

// visits reads a person's list, oldest first. What cannot be opened is over, or
// was sealed by a key that is gone, and left out.
func (b *Broker) visits(ctx context.Context, shard store.Shard, person []byte) ([]visit, error) {
	list, err := b.store.Read(ctx, shard, listKey)
	if errors.Is(err, store.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	var all []visit
	box := b.box.visit.With(person)
	for ; len(list) >= b.entry; list = list[b.entry:] {
		plain, err := box.Open(string(list[:b.entry]), b.now(), b.issuer)
		if err != nil {
			continue
		}
		var v visit
		if v.unmarshal(plain) == nil {
			all = append(all, v)
		}
	}
	return all, nil
}

// end tells the sites of sessions that they end and deletes what these gave
// them, their own records last: whoever fails in between begins again, and what is
// told twice is told under one id. A failure is told, never swallowed.
// It gives the entries of the sessions, oldest first.
func (b *Broker) end(ctx context.Context, shard store.Shard, person []byte, sessions ...id) ([]visit, error) {
	all, err := b.visits(ctx, shard, person)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(v visit) bool { return !slices.Contains(sessions, v.Session) })
	if err := b.tellSites(ctx, person, all); err != nil {
		return nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	keys := b.given(all)
	for _, n := range sessions {
		keys = append(keys, sessionKey(n))
	}
	return all, b.remove(ctx, shard, keys)
}

// given are the keys of what codes became, and of those that may still be taken.
func (b *Broker) given(visits []visit) (keys []string) {
	for _, v := range visits {
		if b.now().Sub(v.At) < tombstoneTTL {
			keys = append(keys, codeKey(v.Name[:]))
		}
		keys = append(keys, accessKey(v.Name[:]), familyKey(v.Name[:]))
	}
	return keys
}

// remove deletes records of one shard, in their order.
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
	told := map[Ending]bool{}
	for _, v := range visits {
		c, known := b.marked[v.Client]
		if !known || c.BackchannelLogoutURI == "" || b.hooks.Tell == nil {
			continue
		}
		e := Ending{Client: c.ID, Subject: b.subject(c, person), Session: b.sid(v.Session, c.ID)}
		if told[e] {
			continue
		}
		told[e] = true
		if err := b.hooks.Tell(ctx, e); err != nil {
			return err
		}
	}
	return nil
}
