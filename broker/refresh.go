package broker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// A family is what one login gave with offline_access: one record, from which
// every refresh and access token of it hangs. Its value is a generation (8
// bytes, big endian) and the share of its tokens' keys. Who races whom over it
// is told in docs/decisions/0023-refresh-tokens.md.
const (
	firstGeneration = 1
	generationSize  = 8
)

func newFamily(share []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, firstGeneration), share...)
}

func splitFamily(value []byte) (generation uint64, share []byte, err error) {
	if len(value) <= generationSize {
		return 0, nil, errMalformed
	}
	return binary.BigEndian.Uint64(value), value[generationSize:], nil
}

// refresh is what a refresh token says about itself, sealed and bound to its
// client, so that everything but its use is judged before the store is asked.
type refresh struct {
	Shard      store.Shard
	Name       []byte // of the family
	Generation uint64
	Scope      scope
	Resources  []string
	Issued     time.Time
	Expires    time.Time // of the family, whatever the generation
	Snapshot   []byte    // the grant, sealed under a key that needs the share
	Visit      []byte    // name of the entry under which it was given
	Hold       hold
}

const (
	tagRefreshShard byte = iota + 1
	tagRefreshName
	tagRefreshGeneration
	tagRefreshScope
	tagRefreshResource // once for each
	tagRefreshIssued
	tagRefreshExpires
	tagRefreshSnapshot
	tagRefreshVisit

	tagRefreshHolder byte = iota + 51 // 60
	tagRefreshHeldSince
	tagRefreshHeldUntil
)

func (t *refresh) marshal() []byte {
	f := newForm(len(t.Snapshot) + 128)
	f.text(tagRefreshShard, string(t.Shard))
	f.bytes(tagRefreshName, t.Name)
	f.number(tagRefreshGeneration, int64(t.Generation)) //nolint:gosec // below store.EndOfGenerations
	f.number(tagRefreshScope, int64(t.Scope))
	for _, r := range t.Resources {
		f.text(tagRefreshResource, r)
	}
	f.time(tagRefreshIssued, t.Issued)
	f.time(tagRefreshExpires, t.Expires)
	f.bytes(tagRefreshSnapshot, t.Snapshot)
	f.bytes(tagRefreshVisit, t.Visit)
	if t.Hold.Holder != nil {
		f.bytes(tagRefreshHolder, t.Hold.Holder)
		f.time(tagRefreshHeldSince, t.Hold.Since)
		f.time(tagRefreshHeldUntil, t.Hold.Until)
	}
	return f
}

func (t *refresh) unmarshal(p []byte) error {
	*t = refresh{}
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagRefreshShard:
			t.Shard = store.Shard(v)
		case tagRefreshName:
			t.Name = v
		case tagRefreshGeneration:
			t.Generation = uint64(number(v)) //nolint:gosec // what marshal wrote
		case tagRefreshScope:
			t.Scope = scope(number(v) & 0xffff)
		case tagRefreshResource:
			t.Resources = append(t.Resources, string(v))
		case tagRefreshIssued:
			t.Issued = moment(v)
		case tagRefreshExpires:
			t.Expires = moment(v)
		case tagRefreshSnapshot:
			t.Snapshot = v
		case tagRefreshVisit:
			t.Visit = v
		case tagRefreshHolder:
			t.Hold.Holder = v
		case tagRefreshHeldSince:
			t.Hold.Since = moment(v)
		case tagRefreshHeldUntil:
			t.Hold.Until = moment(v)
		}
	})
	if err == nil && (t.Shard == "" || len(t.Name) != 16 || t.Generation < firstGeneration || t.Generation >= store.EndOfGenerations-1) {
		return errMalformed
	}
	return err
}

// sealRefresh makes the refresh token of one generation. What the login was is
// inside, but for the nonce, which no later ID token has (Core §12.2).
func (b *Broker) sealRefresh(c client.Client, g *grant, t *issued, now time.Time) (string, error) {
	kept := *g
	kept.Nonce = ""
	plain, err := kept.marshal()
	if err != nil {
		return "", fmt.Errorf("seal refresh token: %w", err)
	}
	inner, err := b.box.snapshot.With(t.share).Seal(plain, t.refreshUntil, b.issuer, encode(t.name), c.ID)
	if err != nil {
		return "", fmt.Errorf("seal refresh token: %w", err)
	}
	raw, err := strict64.DecodeString(inner)
	if err != nil {
		return "", fmt.Errorf("seal refresh token: %w", err)
	}
	f := refresh{
		Shard: t.shard, Name: t.name, Generation: t.generation, Scope: g.Scope, Resources: g.Resources,
		Issued: now, Expires: t.refreshUntil, Snapshot: raw, Visit: t.visit, Hold: t.hold,
	}
	return b.box.refresh.Seal(f.marshal(), t.refreshUntil, b.issuer, c.ID)
}

// openRefresh reads a refresh token of this client. Any failure is errDead.
func (b *Broker) openRefresh(token, client string) (t refresh, err error) {
	plain, err := b.box.refresh.Open(token, b.now(), b.issuer, client)
	if err == nil {
		err = t.unmarshal(plain)
	}
	if err != nil || len(t.Visit) != visitName { // one of before entries had names is dead
		return t, errDead
	}
	return t, nil
}

// openSnapshot needs the share.
func (b *Broker) openSnapshot(t *refresh, share []byte, client string) (g grant, err error) {
	plain, err := b.box.snapshot.With(share).Open(encode(t.Snapshot), b.now(), b.issuer, encode(t.Name), client)
	if err == nil {
		err = g.unmarshal(plain)
	}
	return g, err
}

// errReused: the token was used before, and its successor may be in use too.
var errReused = errors.New("the refresh token was used before")

// tokenByRefresh is the refresh grant (RFC 6749 §6, OpenID Connect Core §12).
func (b *Broker) tokenByRefresh(w http.ResponseWriter, r *http.Request, c client.Client, v url.Values) error {
	switch {
	case !c.AllowsScope(client.ScopeOffline):
		return refuseToken("unauthorized_client", "the client may not use refresh tokens")
	case v.Get("refresh_token") == "":
		return refuseToken("invalid_request", "refresh_token is missing")
	}
	dead := refuseToken("invalid_grant", "the refresh token is wrong, used, expired, revoked or for another client")
	old, err := b.openRefresh(v.Get("refresh_token"), c.ID)
	if err != nil {
		return dead
	}
	next := issued{shard: old.Shard, name: old.Name, visit: old.Visit, refreshUntil: old.Expires, hold: old.Hold}
	var within bool
	if next.scope, within = narrowedScope(c, old.Scope, v.Get("scope")); !within {
		return refuseToken("invalid_scope", "scope must be within what was granted")
	}
	var missing string
	if next.resources, missing = narrowed(old.Resources, v["resource"]); missing != "" {
		return refuseResource()
	}
	if c.Refresh == client.RefreshConstant { // never of a public client, the registry sees to it
		next.share, err = b.readFamily(r.Context(), &old, c)
	} else {
		next.generation = old.Generation + 1
		next.share, next.hold.Until, err = b.advance(r.Context(), &old, c)
	}
	if errors.Is(err, errReused) {
		b.log(r.Context(), slog.LevelWarn, "refresh token reused, its family is revoked", NewReference(), "invalid_grant", nil, slog.String("client", c.ID))
		if err = b.revokeAll(r.Context(), old.Shard, old.Name); err == nil {
			return dead
		}
	}
	switch {
	case errors.Is(err, errDead):
		return dead
	case err != nil:
		return unavailable(fmt.Errorf("refresh: %w", err))
	}
	g, err := b.openSnapshot(&old, next.share, c.ID)
	if err != nil {
		return dead
	}
	return b.answerTokens(w, r, c, &g, &next)
}

// narrowedScope is what was granted, or what is asked of it, as far as the
// client may still have it. within is false where more is asked.
func narrowedScope(c client.Client, granted scope, asked string) (s scope, within bool) {
	for name := range strings.FieldsSeq(asked) {
		i := slices.Index(scopeNames[:], name)
		if i < 0 || !granted.has(1<<i) {
			return 0, false
		}
		s |= 1 << i
	}
	if s == 0 {
		s = granted
	}
	for i, name := range scopeNames {
		if !c.AllowsScope(name) {
			s &^= 1 << i
		}
	}
	return s, true
}

// readFamily is the use of a token that stays. A later generation means that
// the client's tokens used to be rotated, and this one was.
func (b *Broker) readFamily(ctx context.Context, t *refresh, c client.Client) (share []byte, err error) {
	generation, share, err := b.familyHeld(ctx, t, c)
	if err == nil && generation > t.Generation {
		return nil, errReused
	}
	return share, err
}

// family reads the record of a token. The error is errDead or the store's.
func (b *Broker) family(ctx context.Context, t *refresh) (generation uint64, share []byte, err error) {
	value, err := b.given(ctx, t.Shard, familyKey(t.Name), t.Visit)
	if err != nil {
		return 0, nil, err
	}
	if generation, share, err = splitFamily(value); err != nil {
		return 0, nil, errDead
	}
	return generation, share, nil
}

// advance is the use of a token that is rotated: its generation is over. The
// same token within the grace is the same attempt, for its answer may have been
// lost; after that, or once its successor was used, it is reuse.
func (b *Broker) advance(ctx context.Context, t *refresh, c client.Client) (share []byte, until time.Time, err error) {
	now := b.now()
	lock := b.renewing(c, t, now)
	for _, slot := range slots(now) {
		ops := []store.Op{listing(t.Visit), {
			Kind: store.Advance, Key: familyKey(t.Name), From: t.Generation, TTL: max(t.Expires.Sub(now), store.MinTTL),
		}}
		until = t.Hold.Until
		if lock != nil {
			until = now.Add(c.DeviceLock)
		}
		done, err := b.store.Apply(ctx, t.Shard, t.attempt(slot, false), true, append(ops, lock...)...)
		if err == nil && done.Conflict != nil && done.Conflict.Op == len(ops) { // the lock is not theirs, the tokens are
			until = now // as good as over: not asked for again
			done, err = b.store.Apply(ctx, t.Shard, t.attempt(slot, true), true, ops...)
		}
		switch at := done.Conflict; {
		case err != nil:
			return nil, until, fmt.Errorf("advance family: %w", away(err))
		case at == nil && done.Repeated:
			// What was revoked since, or moved on, must not be answered.
			live, share, err := b.family(ctx, t)
			if err == nil && live != t.Generation+1 {
				return nil, until, errReused
			}
			return share, until, err
		case at == nil:
			_, share, err = splitFamily(done.Taken[0])
			return share, until, err
		case at.Op == 0, at.Why != store.Differs:
			return nil, until, errDead
		default:
			if live, _, err := splitFamily(at.Value); err != nil || live != t.Generation+1 {
				return nil, until, errReused
			}
		}
	}
	return nil, until, errReused
}

// slots are those in which the attempt may have been made: this one, the one
// before, and the next where a node whose clock is ahead is there already.
func slots(now time.Time) []int64 {
	at := func(t time.Time) int64 { return t.UnixMilli() / refreshSlot.Milliseconds() }
	all := []int64{at(now), at(now) - 1}
	if ahead := at(now.Add(nodeDrift)); ahead != all[0] {
		all = append(all, ahead)
	}
	return all
}

// attempt names the use of one generation within one slot. Two spellings of one
// generation are one token. unheld says that the lock is let be.
func (t *refresh) attempt(slot int64, unheld bool) store.Attempt {
	p := append([]byte("sinho refresh attempt "), t.Name...)
	p = binary.BigEndian.AppendUint64(p, t.Generation)
	p = binary.BigEndian.AppendUint64(p, uint64(slot)) //nolint:gosec // a name, not a number
	if unheld {
		p = append(p, "unheld"...)
	}
	sum := sha256.Sum256(p)
	return store.Attempt(sum[:16])
}
