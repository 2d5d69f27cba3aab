package shared

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/storetest"
)

// shardOf finds the n-th shard whose keys are in the slots of the given master.
func shardOf(t *testing.T, s *Store, tc *redistest.Cluster, master, n int) store.Shard {
	t.Helper()
	for i := 0; ; i++ {
		shard := store.Shard(fmt.Sprint("person-", i))
		slot, err := tc.Nodes[1].Client.ClusterKeySlot(t.Context(), s.recordKey(shard, "k")).Result()
		if err != nil {
			t.Fatal(err)
		}
		if int(slot) < master*redistest.Slots/redistest.Masters || int(slot) >= (master+1)*redistest.Slots/redistest.Masters {
			continue
		}
		if n == 0 {
			return shard
		}
		n--
	}
}

// TestCluster walks one Cluster through everything that may happen to it, in
// this order; the parts build on each other.
func TestCluster(t *testing.T) {
	t.Parallel()
	tc := redistest.StartCluster(t, 0)

	t.Run("keeps the contract", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return open(t, Options{Addrs: tc.Addrs()[1:2]}) })
	})

	s := open(t, Options{Addrs: tc.Addrs(), Replicas: 1, ReplicaWait: time.Second, Timeout: 25 * time.Second})

	t.Run("refuses a durable change where no replica is", func(t *testing.T) {
		_, err := s.Apply(t.Context(), shardOf(t, s, tc, 1, 0), attempt(1), true, op(store.Put, "k", "v"))
		if !errors.Is(err, store.ErrTooFewReplicas) {
			t.Errorf("got error %v, want ErrTooFewReplicas", err)
		}
	})
	t.Run("follows a slot that is moving", func(t *testing.T) { testMovingSlot(t, s, tc) })
	t.Run("survives the death of a master", func(t *testing.T) { testFailover(t, s, tc) })
}

// TestAttackFailoverThatRevivesACodeOnACluster deposes a master and promotes it again, with
// no restart in between, so that its run id stays. The Cluster is a fresh one,
// for Redis 7.0 seems to count the votes of an election once more when the same
// server stands again within four node time-outs.
func TestAttackFailoverThatRevivesACodeOnACluster(t *testing.T) {
	t.Parallel()
	tc := redistest.StartCluster(t, 0)
	first, replica := tc.Nodes[0], tc.Nodes[redistest.Masters]
	s := open(t, Options{Addrs: tc.Addrs(), Replicas: 1, ReplicaWait: time.Second, Timeout: 25 * time.Second})
	shard := shardOf(t, s, tc, 0, 0)
	apply(t, s, shard, attempt(1), true, op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", "prize")))
	run := first.Info(t, "server", "run_id")
	for _, next := range [][2]*redistest.Server{{replica, first}, {first, replica}} {
		next[0].Do(t, "cluster", "failover")
		tc.Settled(t, next[0], next[1])
	}
	if got := first.Info(t, "server", "run_id"); got != run {
		t.Fatalf("the server was restarted: got run id %s, want %s", got, run)
	}
	wantConflict(t, apply(t, s, shard, attempt(2), false, op(store.Take, "code", "grave")), store.Fence)
	wantDone(t, apply(t, s, shard, attempt(3), false, op(store.Hold, "lock", "me")))
}

// testMovingSlot moves the slot of a shard from the second master to the third
// while it is used.
func testMovingSlot(t *testing.T, s *Store, tc *redistest.Cluster) {
	from, to := tc.Nodes[1], tc.Nodes[2]
	var (
		shard store.Shard
		slot  int64
	)
	for n := 1; ; n++ { // a slot that what ran before has left nothing in
		shard = shardOf(t, s, tc, 1, n)
		var err error
		if slot, err = from.Client.ClusterKeySlot(t.Context(), s.recordKey(shard, "k")).Result(); err != nil {
			t.Fatal(err)
		}
		if from.Client.ClusterCountKeysInSlot(t.Context(), int(slot)).Val() == 0 {
			break
		}
	}
	fromID, toID := from.Do(t, "cluster", "myid"), to.Do(t, "cluster", "myid")
	to.Do(t, "cluster", "setslot", slot, "importing", fromID)
	from.Do(t, "cluster", "setslot", slot, "migrating", toID)

	// The records are at neither place, so the old master says ASK and the Apply
	// waits for the move to end.
	result := make(chan error, 1)
	go func() {
		o, err := s.Apply(t.Context(), shard, attempt(1), false, op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", "prize")))
		if err == nil && o.Conflict != nil {
			err = fmt.Errorf("conflict %+v", o.Conflict)
		}
		result <- err
	}()
	redistest.Eventually(t, "the Apply is told to go elsewhere", func() bool {
		return from.Info(t, "errorstats", "errorstat_ASK") != ""
	})
	for _, sv := range []*redistest.Server{to, from, tc.Nodes[0]} {
		sv.Do(t, "cluster", "setslot", slot, "node", toID)
	}
	if err := <-result; err != nil {
		t.Fatalf("Apply while the slot moved: %v", err)
	}
	if n := to.Client.ClusterCountKeysInSlot(t.Context(), int(slot)).Val(); n != 3 {
		t.Errorf("the new master has %d keys, want lock, code and answer", n)
	}
	if o := apply(t, s, shard, attempt(2), false, op(store.Take, "code", "grave")); len(o.Taken) != 1 || string(o.Taken[0]) != "prize" {
		t.Errorf("got %+v, want the prize", o)
	}
	if v, err := s.Read(t.Context(), shard, "lock"); string(v) != "me" {
		t.Errorf("Read: got %q, %v, want the lock", v, err)
	}
}

// testFailover kills the first master while logins go on; the others promote
// its replica by themselves.
func testFailover(t *testing.T, s *Store, tc *redistest.Cluster) {
	first, replica := tc.Nodes[0], tc.Nodes[redistest.Masters]
	shard, busy := shardOf(t, s, tc, 0, 2), shardOf(t, s, tc, 0, 3)

	wantDone(t, apply(t, s, shard, attempt(1), true, op(store.Put, "pass", "ticket")))
	login := []store.Op{op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", "prize")), op(store.Take, "pass", "spent")}
	wantDone(t, apply(t, s, shard, attempt(2), true, login...))
	wantDone(t, apply(t, s, shard, attempt(3), true, fenced(op(store.Put, "taken", "x"))))
	wantDone(t, apply(t, s, shard, attempt(4), true, op(store.Take, "taken", "grave")))

	// Somebody keeps logging in. What was answered as durable must be there
	// afterwards; the promoted server has no other replica, so from then on
	// every durable change says so.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var answered []string
	var logins sync.WaitGroup
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	logins.Go(func() {
		defer begin()
		for n := 0; ctx.Err() == nil; n++ {
			key := fmt.Sprint("lock ", n)
			_, err := s.Apply(ctx, busy, store.Attempt{0: 2, 1: byte(n), 2: byte(n >> 8)}, true, op(store.PutNew, key, "me"))
			switch {
			case err == nil:
				answered = append(answered, key)
				if n == 20 {
					begin()
				}
			case errors.Is(err, store.ErrTooFewReplicas):
				return
			default:
				t.Errorf("login %d: %v", n, err)
				return
			}
		}
	})
	<-begun
	first.Kill()
	killed := time.Now()
	logins.Wait()
	t.Logf("the replica answered %v after the master was killed; %d durable logins before", time.Since(killed).Round(time.Millisecond), len(answered))
	redistest.Eventually(t, "the replica is promoted", func() bool { return replica.Info(t, "replication", "role") == "master" })
	for _, key := range answered {
		if v, err := s.Read(t.Context(), busy, key); string(v) != "me" {
			t.Errorf("%s was answered as durable: got %q, %v, want it there", key, v, err)
		}
	}

	wantDone(t, apply(t, s, shard, attempt(5), false, op(store.Hold, "lock", "me"), op(store.Hold, "code", "prize")))
	wantConflict(t, apply(t, s, shard, attempt(6), false, op(store.PutNew, "lock", "you")), store.Differs)
	wantConflict(t, apply(t, s, shard, attempt(7), false, op(store.Take, "code", "grave")), store.Fence)
	wantConflict(t, apply(t, s, shard, attempt(8), false, op(store.Take, "pass", "spent again")), store.Tombstone)
	wantConflict(t, apply(t, s, shard, attempt(9), false, op(store.Take, "taken", "grave")), store.Tombstone)
	if o := apply(t, s, shard, attempt(2), false, login...); o.Conflict != nil || !o.Repeated || string(o.Taken[0]) != "ticket" {
		t.Errorf("the login's attempt again: got %+v, want its first answer", o)
	}
	wantDone(t, apply(t, s, shard, attempt(10), false, fenced(op(store.Put, "code", "new"))))
	if o := apply(t, s, shard, attempt(11), false, op(store.Take, "code", "grave")); len(o.Taken) != 1 || string(o.Taken[0]) != "new" {
		t.Errorf("a code minted after the failover: got %+v, want it taken", o)
	}
	if _, err := s.Now(t.Context()); err != nil {
		t.Errorf("Now: %v", err)
	}

	first.Start(t) // with nothing in it: it must follow, not lead
	tc.Settled(t, replica, first)
	wantDone(t, apply(t, s, shard, attempt(12), true, op(store.Hold, "lock", "me"), op(store.PutNew, "later", "me")))
}
