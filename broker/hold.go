package broker

import (
	"context"
	"fmt"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// hold is what a refresh token knows of the lock that its use renews
// (docs/decisions/0040-releasing-a-device.md).
type hold struct {
	Holder []byte    // device and root as the lock has them, nil for no lock
	Since  time.Time // of the login or single sign-on
	Until  time.Time // end of the lock as the last use has left it
}

// holdFor is how long after a login refreshing renews its lock: the name of the
// browser outlives the last such lock, so that the same device comes back in.
const holdFor = sessionTTL - codeTTL

func (g *grip) holder() []byte {
	return append(g.Device[:len(g.Device):len(g.Device)], g.Root[:]...)
}

// renewing are the Ops by which the use of t moves the end of its session's lock;
// nil where it has none, or none any more. They take no lock that has ended, or is
// another's.
func (b *Broker) renewing(c client.Client, t *refresh, now time.Time) []store.Op {
	var g grip
	if c.OneDevice == "" || len(t.Hold.Holder) != len(g.Device)+len(g.Root) || !now.Before(t.Hold.Since.Add(holdFor)) {
		return nil
	}
	if c.Refresh != client.RefreshConstant && !now.Before(t.Hold.Until) {
		return nil
	}
	copy(g.Device[:], t.Hold.Holder)
	g.Root.read(t.Hold.Holder[len(g.Device):])
	g.Until = now.Add(c.DeviceLock)
	return []store.Op{
		{Kind: store.Contains, Key: gripKey(c), Value: t.Hold.Holder},
		{Kind: store.Put, Key: gripKey(c), Value: g.marshal(), TTL: c.DeviceLock},
	}
}

// familyHeld is family, and moves the end of the lock in the same operation where
// t holds one.
func (b *Broker) familyHeld(ctx context.Context, t *refresh, c client.Client) (generation uint64, share []byte, err error) {
	lock := b.renewing(c, t, b.now())
	if lock == nil {
		return b.family(ctx, t)
	}
	ops := append([]store.Op{listing(t.Visit), {Kind: store.Fetch, Key: familyKey(t.Name)}}, lock...)
	done, err := b.store.Apply(ctx, t.Shard, newAttempt(), true, ops...)
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("read family: %w", away(err))
	case done.Conflict != nil && done.Conflict.Op < 2:
		return 0, nil, errDead
	case done.Conflict != nil:
		return b.family(ctx, t)
	}
	if generation, share, err = splitFamily(done.Taken[0]); err != nil {
		return 0, nil, errDead
	}
	return generation, share, nil
}
