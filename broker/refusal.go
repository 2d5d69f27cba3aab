package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/seal"
	"sinho/store"
)

// standoff is what a reference stands for that a refused person reads out: which
// lock was in their way, and whose it was then. It lies on a shard that follows
// from the reference alone, sealed under a key that needs the reference
// (docs/decisions/0040-releasing-a-device.md).
type standoff struct {
	Shard  store.Shard
	Person []byte
	Client string
	Device [16]byte // the one that was in
	At     time.Time
}

const (
	tagRefusalShard byte = iota + 1
	tagRefusalPerson
	tagRefusalClient
	tagRefusalDevice
	tagRefusalAt
)

// refusalKey is the one record of a reference's shard.
const refusalKey = "refused"

func (f *standoff) marshal() []byte {
	p := newForm(160)
	p.text(tagRefusalShard, string(f.Shard))
	p.bytes(tagRefusalPerson, f.Person)
	p.text(tagRefusalClient, f.Client)
	p.bytes(tagRefusalDevice, f.Device[:])
	p.time(tagRefusalAt, f.At)
	return p
}

func (f *standoff) unmarshal(p []byte) error {
	*f = standoff{}
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagRefusalShard:
			f.Shard = store.Shard(v)
		case tagRefusalPerson:
			f.Person = v
		case tagRefusalClient:
			f.Client = string(v)
		case tagRefusalDevice:
			copy(f.Device[:], v)
		case tagRefusalAt:
			f.At = moment(v)
		}
	})
	if err == nil && (f.Shard == "" || len(f.Person) == 0) {
		return errMalformed
	}
	return err
}

// refusalShard says nothing of the reference to whoever reads the store.
func (b *Broker) refusalShard(ref string) store.Shard {
	return store.Shard(encode(b.pseudonym("reference", ref)[:16]))
}

// refusalBox opens by the reference alone.
func (b *Broker) refusalBox(ref string) *seal.Box {
	return b.box.refusal.With(b.pseudonym("reference key", ref))
}

// keepRefusal lets an operator find, for refusalTTL, the lock that refused the
// person of o, who has proven who they are. Whoever cannot be found has to wait, as
// without operators, so a failure refuses nobody anything more.
func (b *Broker) keepRefusal(ctx context.Context, o *occasion, old *grip) {
	f := standoff{Shard: o.s.Shard, Person: o.l.person, Client: o.c.ID, Device: old.Device, At: b.now()}
	sealed, err := b.refusalBox(o.q.Ref).Seal(f.marshal(), b.now().Add(refusalTTL), b.issuer)
	if err == nil {
		_, err = b.store.Apply(ctx, b.refusalShard(o.q.Ref), newAttempt(), false,
			store.Op{Kind: store.Put, Key: refusalKey, Value: []byte(sealed), TTL: refusalTTL})
	}
	if err != nil {
		b.log(ctx, slog.LevelError, "reference not kept for operators", o.q.Ref, "device", err)
	}
}

// What is wrong with a reference that an operator has typed.
var (
	// ErrReference: nobody was refused under it, or that is too long ago, or it has
	// been used.
	ErrReference = errors.New("nobody was refused another device under this reference")
	// ErrReleased: no device holds the lock any more; the person can go on.
	ErrReleased = errors.New("the lock has ended by itself")
	// ErrHeldAnew: another device than the one that was in the way is in now.
	ErrHeldAnew = errors.New("the lock has passed to another device")
)

// Held is a lock as an operator may see it: nothing of the person.
type Held struct {
	Ref   string // as NewReference spells it
	Sites []Site // that share the lock
	At    time.Time
	Until time.Time // as it stands now
}

// ParseReference reads a 문의번호 as somebody types it who heard it: in any case,
// with or without hyphen and spaces, O for 0, I and L for 1.
func ParseReference(text string) (ref string, ok bool) {
	plain := strings.Map(func(c rune) rune {
		switch c {
		case '-', ' ', '\u00a0', '\t':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return c
	}, strings.ToUpper(text[:min(len(text), 64)]))
	if len(plain) != 8 || strings.ContainsFunc(plain, func(c rune) bool { return !strings.ContainsRune(crockford, c) }) {
		return "", false
	}
	return plain[:4] + "-" + plain[4:], true
}

// HeldBy says which lock refused the person of a reference. The error is
// ErrReference, ErrReleased or ErrHeldAnew, with the latter two the Held is told
// all the same, or wraps store.ErrUnavailable.
func (b *Broker) HeldBy(ctx context.Context, reference string) (Held, error) {
	h, f, c, err := b.openRefusal(ctx, reference)
	if err != nil {
		return h, err
	}
	value, err := b.store.Read(ctx, f.Shard, gripKey(c))
	if err != nil && !errors.Is(err, store.ErrAbsent) {
		return h, fmt.Errorf("read lock: %w", away(err))
	}
	return h, h.judge(&f, value)
}

// judge fills in what stands now.
func (h *Held) judge(f *standoff, lock []byte) error {
	var g grip
	switch {
	case g.unmarshal(lock) != nil:
		return ErrReleased
	case !equal(g.Device[:], f.Device[:]):
		return ErrHeldAnew
	}
	h.Until = g.Until
	return nil
}

func (b *Broker) openRefusal(ctx context.Context, reference string) (h Held, f standoff, c client.Client, err error) {
	ref, ok := ParseReference(reference)
	if !ok {
		return h, f, c, ErrReference
	}
	sealed, err := b.store.Read(ctx, b.refusalShard(ref), refusalKey)
	if errors.Is(err, store.ErrAbsent) {
		return h, f, c, ErrReference
	}
	if err != nil {
		return h, f, c, fmt.Errorf("read reference: %w", away(err))
	}
	plain, err := b.refusalBox(ref).Open(string(sealed), b.now(), b.issuer)
	if err == nil {
		err = f.unmarshal(plain)
	}
	c, known := b.clients.Lookup(f.Client)
	if err != nil || !known || c.OneDevice == "" {
		return h, f, c, ErrReference
	}
	h = Held{Ref: ref, At: f.At}
	for one := range b.clients.All() {
		if one.OneDevice != "" && one.DeviceGroup == c.DeviceGroup {
			h.Sites = append(h.Sites, b.site(one, ""))
		}
	}
	slices.SortFunc(h.Sites, func(x, y Site) int { return strings.Compare(x.ID, y.ID) })
	return h, f, c, nil
}

// Release ends what a person has at the sites of the lock that refused them: the
// sites are told, its tokens die, and the next device comes in. It does so only
// while the device is in that was then, and once for a reference. Errors are those
// of HeldBy, after which nothing has been released.
func (b *Broker) Release(ctx context.Context, reference string) (Held, error) {
	h, f, c, err := b.openRefusal(ctx, reference)
	if err != nil {
		return h, err
	}
	for range maxStrikes {
		list, locks, err := b.standing(ctx, f.Shard)
		if err != nil {
			return h, fmt.Errorf("release device: %w", away(err))
		}
		lock := locks[gripKey(c)]
		if err := h.judge(&f, lock); err != nil {
			return h, err
		}
		ended, _, ops := b.without(f.Person, list, func(v *visit) bool {
			site, known := b.marked[v.Client]
			return known && site.OneDevice != "" && site.DeviceGroup == c.DeviceGroup
		})
		if err := b.tellSites(ctx, f.Person, ended); err != nil {
			return h, fmt.Errorf("release device: tell sites: %w", away(err))
		}
		ops = append(ops, store.Op{Kind: store.Hold, Key: gripKey(c), Value: lock}, store.Op{Kind: store.Delete, Key: gripKey(c)})
		done, err := b.store.Apply(ctx, f.Shard, newAttempt(), true, ops...)
		if err != nil {
			return h, fmt.Errorf("release device: %w", away(err))
		}
		if done.Conflict == nil {
			b.log(ctx, slog.LevelInfo, "device released", h.Ref, "ok", nil, slog.String("client", c.ID))
			if err := b.remove(ctx, b.refusalShard(h.Ref), []string{refusalKey}); err != nil {
				b.log(ctx, slog.LevelWarn, "used reference stays until it ends", h.Ref, "device", err)
			}
			return h, nil
		}
	}
	return h, fmt.Errorf("release device: %w", away(errMoved))
}
