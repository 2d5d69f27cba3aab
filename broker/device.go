package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// errMoved: the lock, or whoever holds it, is no longer what was read.
var errMoved = errors.New("the lock has moved")

// elsewhere is a person whose lock at the client is another device's.
type elsewhere struct {
	refused bool // whatever they prove, until then; else a proven login takes over
	until   time.Time
}

func (*elsewhere) Error() string { return "the person is in on another device" }

// grip is the lock of a person at a group of clients: which of their devices is in
// (docs/decisions/0038-one-device.md).
type grip struct {
	Device [16]byte // a browser profile, of this person alone
	Root   id       // of the session
	Until  time.Time
}

const gripSize = 16 + 16 + 8

func (g *grip) marshal() []byte {
	p := append(g.Device[:len(g.Device):len(g.Device)], g.Root[:]...)
	return binary.BigEndian.AppendUint64(p, uint64(g.Until.Unix())) //nolint:gosec // after 1970
}

func (g *grip) unmarshal(p []byte) error {
	if len(p) != gripSize {
		return errMalformed
	}
	copy(g.Device[:], p)
	g.Root.read(p[16:32])
	g.Until = time.Unix(int64(binary.BigEndian.Uint64(p[32:])), 0) //nolint:gosec // what marshal wrote
	return nil
}

// gripKey names the lock of a group of clients on a person's shard.
func gripKey(c client.Client) string { return "l:" + encode(mark("device group "+c.DeviceGroup)) }

// gripOf is the lock as o would have it.
func (b *Broker) gripOf(o *occasion) grip {
	g := grip{Root: o.s.Root, Until: b.now().Add(o.c.DeviceLock)}
	copy(g.Device[:], b.pseudonym("device", string(o.q.Browser[:]), string(o.l.person)))
	return g
}

// taking is a lock that o takes over from another device, and the person's list
// without what that had of the group, if both are as they were read.
type taking struct {
	lock, list []byte
	rest       []byte
	life       time.Duration // of what rest has
}

// gripping are the Ops by which o takes the lock, renews one that it is thought to
// hold, or takes it over; none for a client without.
func (b *Broker) gripping(o *occasion) []store.Op {
	if o.c.OneDevice == "" {
		return nil
	}
	g := b.gripOf(o)
	put := store.Op{Kind: store.Put, Key: gripKey(o.c), Value: g.marshal(), TTL: o.c.DeviceLock}
	switch {
	case o.takes != nil:
		return []store.Op{{Kind: store.Hold, Key: put.Key, Value: o.takes.lock}, put}
	case o.holds:
		return []store.Op{{Kind: store.Contains, Key: put.Key, Value: g.Device[:]}, put}
	}
	put.Kind = store.PutNew
	return []store.Op{put}
}

// listing are the Ops by which entry comes to the person's list: appended, or in
// place of what is taken over.
func (t *taking) listing(entry store.Op) []store.Op {
	if t == nil {
		return []store.Op{entry}
	}
	put := store.Op{Kind: store.Put, Key: listKey, Value: append(bytes.Clone(t.rest), entry.Value...), TTL: max(entry.TTL, t.life)}
	if t.list == nil {
		put.Kind = store.PutNew
		return []store.Op{put}
	}
	return []store.Op{{Kind: store.Hold, Key: listKey, Value: t.list}, put}
}

// issue makes the code of an occasion by write. At a client with a lock it begins
// again where another device holds it and gives way, or where it was thought to be
// held otherwise. The error may be *elsewhere.
func (b *Broker) issue(ctx context.Context, o *occasion) (out string, fresh bool, err error) {
	for o.tries = range maxStrikes {
		var met []byte
		if out, fresh, met, err = b.write(ctx, o); !errors.Is(err, errMoved) {
			return out, fresh, err
		}
		if err := b.meet(ctx, o, met); err != nil {
			return "", false, err
		}
	}
	return "", false, fmt.Errorf("issue code: %w", away(err))
}

// meet judges a lock as the store has it, nil for none: it is o's, or gives way to
// it, or the error is *elsewhere.
func (b *Broker) meet(ctx context.Context, o *occasion, met []byte) error {
	var old grip
	mine := b.gripOf(o)
	o.takes = nil
	o.holds = old.unmarshal(met) == nil && equal(old.Device[:], mine.Device[:])
	proven := o.renew || o.q.Proved == o.s.ID && o.s.ID != id{}
	switch {
	case o.holds, met == nil:
		return nil
	case o.c.OneDevice == client.DeviceRefuse:
		if proven {
			b.keepRefusal(ctx, o, &old)
		}
		return &elsewhere{refused: true, until: old.Until}
	case !proven:
		return &elsewhere{until: old.Until}
	}
	return b.takeOver(ctx, o)
}

// takeOver tells the sites of the group what o ends there of other sessions, and
// has it end in the Apply that writes the code. Where no other device holds the
// lock any more, o meets it as it is.
func (b *Broker) takeOver(ctx context.Context, o *occasion) error {
	list, locks, err := b.standing(ctx, o.s.Shard)
	if err != nil {
		return err
	}
	t := &taking{lock: locks[gripKey(o.c)], list: list}
	var old grip
	mine := b.gripOf(o)
	if old.unmarshal(t.lock) != nil {
		return nil // by PutNew
	}
	if o.holds = equal(old.Device[:], mine.Device[:]); o.holds {
		return nil
	}
	name := b.visitName(o.s.Root, o.c.ID)
	var ended []visit
	var kept [][]byte
	for entry := range b.entries(list) {
		v, ok := b.openVisit(o.l.person, entry)
		switch c, known := b.marked[v.Client]; {
		case !ok, bytes.Equal(entry[:visitName], name):
		case v.Root != o.s.Root && known && c.OneDevice != "" && c.DeviceGroup == o.c.DeviceGroup:
			ended = append(ended, v)
		default:
			kept = append(kept, entry)
			t.life = max(t.life, v.Until.Sub(b.now()))
		}
	}
	t.rest = bytes.Join(kept[max(0, len(kept)-maxVisits+1):], nil)
	if err := b.tellSites(ctx, o.l.person, ended); err != nil {
		return fmt.Errorf("tell sites: %w", away(err))
	}
	o.takes = t
	return nil
}

// letGo are the Ops by which a person's locks end whose sessions have nothing more
// of the group. locks are their values, by key.
func (b *Broker) letGo(locks map[string][]byte, ended, kept []visit) (ops []store.Op) {
	for key, value := range locks {
		var g grip
		if g.unmarshal(value) != nil {
			continue
		}
		of := func(all []visit) bool {
			for _, v := range all {
				if c, known := b.marked[v.Client]; known && c.OneDevice != "" && v.Root == g.Root && gripKey(c) == key {
					return true
				}
			}
			return false
		}
		if of(ended) && !of(kept) {
			ops = append(ops, store.Op{Kind: store.Delete, Key: key})
		}
	}
	return ops
}

// standing reads a person's list, nil for none, and their locks. The error is a
// *Problem.
func (b *Broker) standing(ctx context.Context, shard store.Shard) (list []byte, locks map[string][]byte, err error) {
	values, err := b.store.ReadAll(ctx, shard, append([]string{listKey}, b.locks...)...)
	if err != nil {
		return nil, nil, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	locks = map[string][]byte{}
	for i, key := range b.locks {
		if values[i+1] != nil {
			locks[key] = bytes.Clone(values[i+1])
		}
	}
	return values[0], locks, nil
}

// HeldElsewhere is a person whom a site refuses while another of their devices is
// in.
type HeldElsewhere struct {
	Sealed string // the form that travels: the r of /device?r=…
	Ref    string // 문의번호
	Site   Site
	Locale string    // asked for by ui_locales: ko, en or ""
	Until  time.Time // as far as anybody knows: it moves while they are at work there
	// Chooser is the way on, same request: for whoever has logged out there, or once
	// it is Over.
	Chooser string
	Over    bool // Until has come
}

// toDevice is the page of a person who is in on another device, by what q says.
func (b *Broker) toDevice(q request) (Step, bool) {
	sealed, err := b.renew(q)
	return Step{Redirect: deviceURL(sealed)}, err == nil
}

// toOther leads a person who is in on another device to the page that says so, or
// to the chooser where a login takes over.
func (b *Broker) toOther(q request, other *elsewhere) (Step, bool) {
	if other.refused {
		return b.toDevice(q)
	}
	sealed, err := b.renew(q)
	return Step{Redirect: ChooserURL(sealed, Notice{Code: NoticeDevice})}, err == nil
}

func deviceURL(sealed string) string { return "/device?r=" + url.QueryEscape(sealed) }

// Elsewhere opens r for the page of a person who is in on another device, and
// checks it against the browser that shows it. It does no I/O. The error is a
// *Problem.
func (b *Broker) Elsewhere(r *http.Request, sealed string) (HeldElsewhere, error) {
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return HeldElsewhere{}, p
	}
	h := HeldElsewhere{
		Sealed: sealed, Ref: q.Ref, Site: b.site(c, q.RedirectURI), Locale: q.Locale,
		Until: q.Held, Over: !b.now().Before(q.Held), // or never told
	}
	q.Held = time.Time{}
	fresh, err := b.renew(q)
	if err != nil {
		return HeldElsewhere{}, b.internal(&q, c, err)
	}
	h.Chooser = ChooserURL(fresh, Notice{})
	return h, nil
}

// ElsewhereBack takes a person who is in on another device back to the site, with
// an error. The error is a *Problem.
func (b *Broker) ElsewhereBack(w http.ResponseWriter, r *http.Request, sealed string) (Step, error) {
	return b.turnBack(w, r, sealed, inElsewhere, func(q *request) bool { return !q.Held.IsZero() })
}

const inElsewhere = "the person is logged in on another device"
