package shared

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/storetest"
)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func attempt(n byte) store.Attempt { return store.Attempt{0: 1, 1: n} }

func apply(t *testing.T, s *Store, shard store.Shard, a store.Attempt, durable bool, ops ...store.Op) store.Outcome {
	t.Helper()
	o, err := s.Apply(t.Context(), shard, a, durable, ops...)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return o
}

func op(kind store.Kind, key, value string) store.Op {
	return store.Op{Kind: kind, Key: key, Value: []byte(value), TTL: time.Hour}
}

func fenced(o store.Op) store.Op {
	o.Fenced = true
	return o
}

func wantConflict(t *testing.T, o store.Outcome, why store.Why) {
	t.Helper()
	if o.Conflict == nil || o.Conflict.Why != why {
		t.Errorf("got conflict %+v, want %v", o.Conflict, why)
	}
}

func wantDone(t *testing.T, o store.Outcome) {
	t.Helper()
	if o.Conflict != nil {
		t.Errorf("got conflict %+v, want none", o.Conflict)
	}
}

func TestContractOnOneServer(t *testing.T) {
	sv := redistest.Start(t)
	storetest.Run(
		t,
		func(t *testing.T) store.Store { return open(t, Options{Addrs: []string{sv.Addr}}) },
		storetest.Reopen(func(t *testing.T, s store.Store) store.Store {
			sv.Restart(t)
			return s // the same client finds the new process
		}),
	)
}

func TestOpenRefusesAServerThatIsNotFit(t *testing.T) {
	evicting := redistest.Start(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
	replica := redistest.Replica(t, redistest.Start(t))
	left := redistest.Start(t)
	left.Kill()
	gone := left.Addr
	tests := []struct {
		name string
		o    Options
		says []string
	}{
		{"one that evicts", Options{Addrs: []string{evicting.Addr}}, []string{evicting.Addr, `"allkeys-lru"`, "set it to noeviction"}},
		{"a replica", Options{Addrs: []string{replica.Addr}}, []string{replica.Addr, "is a slave, want a master"}},
		{"one that is not there", Options{Addrs: []string{gone}}, []string{gone, "refused", "store: unavailable"}},
		{"no address and other mistakes, all at once", Options{Prefix: "a{b", Replicas: -1, Timeout: time.Hour}, []string{"no address", "braces", "replicas is -1", "timeout is 1h0m0s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.o)
			if err == nil {
				t.Fatal("Open: got no error, want one")
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open: got error %q, want it to say %q", err, want)
				}
			}
		})
	}
}

func TestVersionsBefore62AreRefused(t *testing.T) {
	for version, want := range map[string]bool{
		"6.2.0": true, "6.1.9": false, "5.0.14": false, "7.0.15": true, "7.2.4": true, "10.0.0": true, "": false, "new": false,
	} {
		if got := recent(version); got != want {
			t.Errorf("recent(%q): got %v, want %v", version, got, want)
		}
	}
}

func TestAnswersAreKeptForAMinuteAndRecordsForTheirTTL(t *testing.T) {
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}, Prefix: "mine:"})
	apply(t, s, "s", attempt(1), false, op(store.Put, "k", "v"))
	for key, want := range map[string]time.Duration{
		s.attemptKey("s", attempt(1)): store.AttemptTTL,
		s.recordKey("s", "k"):         time.Hour,
	} {
		if !strings.HasPrefix(key, "mine:{s}") {
			t.Errorf("key %q: want it to begin with the prefix and the hash tag", key)
		}
		got, err := sv.Client.PTTL(t.Context(), key).Result()
		if err != nil || got > want || got < want-10*time.Second {
			t.Errorf("TTL of %q: got %v, %v, want a little less than %v", key, got, err, want)
		}
	}
	if n := sv.Client.DBSize(t.Context()).Val(); n != 2 {
		t.Errorf("got %d keys, want 2: nothing else is stored", n)
	}
}

func TestAServerThatForgotTheScriptGetsItAgain(t *testing.T) {
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}})
	for n := range byte(3) {
		wantDone(t, apply(t, s, "s", attempt(n), n == 1, op(store.Put, "k", "v")))
		sv.Do(t, "script", "flush")
	}
}

func TestTooFewReplicasIsToldAndTheChangeIsDone(t *testing.T) {
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}, Replicas: 1, ReplicaWait: 20 * time.Millisecond})
	lock := op(store.PutNew, "lock", "me")
	for call := range 2 {
		_, err := s.Apply(t.Context(), "s", attempt(1), true, lock)
		if !errors.Is(err, store.ErrTooFewReplicas) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("durable, call %d: got error %v, want ErrTooFewReplicas and ErrUnavailable", call, err)
		}
	}
	wantDone(t, apply(t, s, "s", attempt(2), false, op(store.Hold, "lock", "me")))
	wantConflict(t, apply(t, s, "s", attempt(3), true, op(store.PutNew, "lock", "you")), store.Differs)

	redistest.Replica(t, sv)
	redistest.Eventually(t, "the same attempt is acknowledged", func() bool {
		o, err := s.Apply(t.Context(), "s", attempt(1), true, lock)
		return err == nil && o.Conflict == nil && o.Repeated
	})
}

// A repeated attempt may come over a connection that has written nothing
// before; it must not be content with a replica that is behind.
func TestARepeatedDurableAttemptWaitsForReplicasAgain(t *testing.T) {
	sv := redistest.Start(t)
	replica := redistest.Replica(t, sv)
	o := Options{Addrs: []string{sv.Addr}, Replicas: 1, ReplicaWait: 50 * time.Millisecond}
	replica.Signal(t, syscall.SIGSTOP) // stands still, stays connected
	for call := range 2 {
		s := open(t, o) // connections of its own
		if _, err := s.Apply(t.Context(), "s", attempt(1), true, op(store.Put, "k", "v")); !errors.Is(err, store.ErrTooFewReplicas) {
			t.Errorf("call %d: got error %v, want ErrTooFewReplicas", call, err)
		}
	}
}

func TestALostReplyDoesNotMakeTheWinnerLookLikeAReplay(t *testing.T) {
	sv := redistest.Start(t)
	direct := open(t, Options{Addrs: []string{sv.Addr}})
	apply(t, direct, "s", attempt(0), false, fenced(op(store.Put, "code", "prize")))

	p := startProxy(t, sv.Addr)
	s := open(t, Options{Addrs: []string{p.addr}})
	p.losing.Store(true)
	o := apply(t, s, "s", attempt(1), false, op(store.Take, "code", "grave"))
	if o.Conflict != nil || !o.Repeated || len(o.Taken) != 1 || string(o.Taken[0]) != "prize" {
		t.Errorf("got %+v, want the prize, remembered from the call whose reply was lost", o)
	}
	if p.losing.Load() {
		t.Error("no reply was lost, the test proves nothing")
	}
}

func TestAServerThatDoesNotAnswerIsUnavailableInTime(t *testing.T) {
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}, Timeout: 50 * time.Millisecond})
	sv.Kill()
	_, err := s.Apply(t.Context(), "s", attempt(1), true, op(store.Put, "k", "v"))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Apply: got error %v, want ErrUnavailable", err)
	}
	if _, err = s.Read(t.Context(), "s", "k"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Read: got error %v, want ErrUnavailable", err)
	}
	if _, err = s.Now(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Now: got error %v, want ErrUnavailable", err)
	}
	sv.Start(t)
	redistest.Eventually(t, "the store works again", func() bool {
		_, err := s.Apply(t.Context(), "s", attempt(2), true, op(store.Put, "k", "v"))
		return err == nil
	})
}

// proxy passes bytes on and, while losing, cuts a connection instead of
// passing on the first reply, once.
type proxy struct {
	addr   string
	losing atomic.Bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{addr: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			go func() {
				defer out.Close()
				_, _ = io.Copy(out, in)
			}()
			go p.replies(in, out)
		}
	}()
	return p
}

func (p *proxy) replies(in, out net.Conn) {
	defer in.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := out.Read(buffer)
		if err != nil || p.losing.CompareAndSwap(true, false) {
			return
		}
		if _, err := in.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func FuzzOutcome(f *testing.F) {
	f.Add(int64(0), int64(0), "v", true)
	f.Add(int64(1), int64(4), "v", false)
	f.Add(int64(0), int64(9), "", false)
	f.Fuzz(func(t *testing.T, a, b int64, value string, short bool) {
		reply := []any{a, b, b, value}
		if short {
			reply = []any{a, b, value}
		}
		o, err := outcome(reply)
		if err != nil {
			return
		}
		if o.Conflict != nil && (o.Conflict.Op < 0 || o.Conflict.Op >= store.MaxOps || o.Conflict.Why > store.Differs) {
			t.Errorf("outcome(%v): got %+v, out of range", reply, o.Conflict)
		}
	})
}
