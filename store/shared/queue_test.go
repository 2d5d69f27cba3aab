package shared

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/storetest"
)

// fill puts items in a queue as pushScript does.
func fill(t *testing.T, q store.Queue, queue string, n int) {
	t.Helper()
	s := q.(*Store)
	keys := s.queueKeys(queue)
	node, err := s.master(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	const script = `for i = ARGV[1], ARGV[2] do
		local id = 'filling ' .. i
		redis.call('HSET', KEYS[3], id, 'item')
		redis.call('ZADD', KEYS[2], 2e15 + i, id)
		redis.call('ZADD', KEYS[1], 2e15 + i, id)
	end`
	const batch = 2000 // so that no script keeps the server from answering
	for from := 1; from <= n; from += batch {
		if err := node.Eval(t.Context(), script, keys, from, min(n, from+batch-1)).Err(); err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
	}
}

func TestQueueContractOnOneServer(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	storetest.RunQueue(t, storetest.Queues{
		Open: func(t *testing.T) store.Queue { return open(t, Options{Addrs: []string{sv.Addr}}) },
		Fill: fill,
		Reopen: func(t *testing.T, q store.Queue) store.Queue {
			sv.Restart(t)
			return q // the same client finds the new process
		},
	})
}

func TestQueueContractOnACluster(t *testing.T) {
	t.Parallel()
	tc := redistest.StartCluster(t, 0)
	storetest.RunQueue(t, storetest.Queues{
		Open: func(t *testing.T) store.Queue { return open(t, Options{Addrs: tc.Addrs()[1:2]}) },
		Fill: fill,
	})
}

func TestAQueueIsInOneSlotAndLeavesNothing(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}, Prefix: "mine:"})
	ctx := t.Context()
	if err := s.Push(ctx, "q", "a", []byte("item"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Lease(ctx, "q", 1, time.Hour)
	if err != nil || len(got) != 1 {
		t.Fatalf("Lease: %+v, %v", got, err)
	}
	keys := sv.Client.Keys(ctx, "*").Val()
	if len(keys) != 4 {
		t.Errorf("got keys %q, want four", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "mine:{q}q") {
			t.Errorf("key %q: want it to begin with the prefix and the hash tag", key)
		}
	}
	if err := s.Done(ctx, "q", "a", got[0].Lease); err != nil {
		t.Fatal(err)
	}
	keys = sv.Client.Keys(ctx, "*").Val()
	if len(keys) != 1 || sv.Client.PTTL(ctx, keys[0]).Val() <= 0 {
		t.Errorf("got keys %q, want only that it was done, which ends by itself", keys)
	}
}

func TestAPushWaitsForReplicas(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}, Replicas: 1, ReplicaWait: 20 * time.Millisecond})
	ctx := t.Context()
	for call := range 2 {
		if err := s.Push(ctx, "q", "a", []byte("first"), time.Time{}); !errors.Is(err, store.ErrTooFewReplicas) {
			t.Errorf("call %d: got error %v, want ErrTooFewReplicas", call, err)
		}
	}
	if n, _, err := s.Len(ctx, "q"); n != 1 || err != nil {
		t.Errorf("Len: got %d, %v, want the item there", n, err)
	}
	got, err := s.Lease(ctx, "q", 1, time.Hour) // needs no replica
	if err != nil || len(got) != 1 {
		t.Fatalf("Lease: %+v, %v", got, err)
	}
	redistest.Replica(t, sv)
	redistest.Eventually(t, "the same push is acknowledged", func() bool {
		return s.Push(ctx, "q", "a", []byte("second"), time.Time{}) == nil
	})
	if n, _, err := s.Len(ctx, "q"); n != 1 || err != nil {
		t.Errorf("Len: got %d, %v, want one item", n, err)
	}
}

// A retry of the client library must not make the one who did it look late.
func TestALostReplyDoesNotLoseALease(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	direct := open(t, Options{Addrs: []string{sv.Addr}})
	p := startProxy(t, sv.Addr)
	s := open(t, Options{Addrs: []string{p.addr}})
	ctx := t.Context()
	leased := func() store.Leased {
		t.Helper()
		got, err := direct.Lease(ctx, "q", 1, time.Hour)
		if err != nil || len(got) != 1 {
			t.Fatalf("Lease: %+v, %v", got, err)
		}
		return got[0]
	}
	losing := func(what string, do func() error) {
		t.Helper()
		p.losing.Store(true)
		if err := do(); err != nil {
			t.Errorf("%s whose reply was lost: %v", what, err)
		}
		if p.losing.Load() {
			t.Errorf("%s: no reply was lost, the test proves nothing", what)
		}
	}
	losing("Push", func() error { return s.Push(ctx, "q", "a", nil, time.Time{}) })
	l := leased()
	losing("Later", func() error { return s.Later(ctx, "q", "a", l.Lease, time.Time{}) })
	l = leased()
	losing("Done", func() error { return s.Done(ctx, "q", "a", l.Lease) })
	if n, _, err := direct.Len(ctx, "q"); n != 0 || err != nil {
		t.Errorf("Len: got %d, %v, want none", n, err)
	}
}

func TestAServerThatForgotTheScriptsOfQueuesGetsThemAgain(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}})
	ctx := t.Context()
	for range 2 {
		if err := s.Push(ctx, "q", "a", nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Lease(ctx, "q", 1, time.Hour)
		if err != nil || len(got) != 1 {
			t.Fatalf("Lease: %+v, %v", got, err)
		}
		if err := s.Done(ctx, "q", "a", got[0].Lease); err != nil {
			t.Fatal(err)
		}
		sv.Do(t, "script", "flush")
	}
}

func FuzzLeased(f *testing.F) {
	f.Add("id", "item", int64(1), int64(1), false)
	f.Fuzz(func(t *testing.T, id, item string, attempts, pushed int64, short bool) {
		parts := []any{id, item, attempts, pushed}
		if short {
			parts = parts[:3]
		}
		got, err := leased([]any{parts}, "l")
		if short != errors.Is(err, errReply) {
			t.Errorf("leased(%v): got error %v", parts, err)
		}
		if err == nil && (len(got) != 1 || got[0].ID != id || string(got[0].Item) != item || got[0].Attempts != int(attempts)) {
			t.Errorf("leased(%v): got %+v", parts, got)
		}
	})
}
