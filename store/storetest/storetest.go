// Package storetest is the contract of package store as tests. Every backend
// passes it:
//
//	storetest.Run(t, func(t *testing.T) store.Store { … })
//
// It measures no speed and waits only for conditions.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/store"
)

// Option adjusts Run to a backend.
type Option func(*suite)

// Reopen says how the backend's run can end: reopen ends the one that s talks
// to and returns a store over the same records in another run. With it, Run
// also checks that what has to survive a restart does, and that fenced records
// do not.
func Reopen(reopen func(t *testing.T, s store.Store) store.Store) Option {
	return func(u *suite) { u.reopen = reopen }
}

// Run checks the store that open returns against the contract. open is called
// for each test, may return the same store every time (tests use shards of
// their own, and Run closes none but those it gets for the test of Close), and
// registers its own clean-up.
func Run(t *testing.T, open func(t *testing.T) store.Store, options ...Option) {
	t.Helper()
	u := &suite{open: open}
	for _, option := range options {
		option(u)
	}
	t.Run("ops", u.ops)
	t.Run("limits", u.limits)
	t.Run("expiry", u.expiry)
	t.Run("attempts", u.attempts)
	t.Run("races", u.races)
	t.Run("grown", u.grown)
	t.Run("grown attempts", u.grownAttempts)
	t.Run("grown expiry", u.grownExpiry)
	t.Run("grown races", u.grownRaces)
	t.Run("random changes agree with a model", u.model)
	t.Run("a context that has ended changes nothing", u.cancelled)
	t.Run("the clock does not go back", u.clock)
	if u.reopen != nil {
		t.Run("another run", u.anotherRun)
		t.Run("grown in another run", u.grownInAnotherRun)
	}
	t.Run("a closed store is unavailable", u.closed)
}

type suite struct {
	open   func(t *testing.T) store.Store
	reopen func(t *testing.T, s store.Store) store.Store
}

// long is a TTL no test outlives.
const long = time.Hour

// patience is how long a test waits for a condition before it fails; nothing
// is expected to take that long.
const patience = 30 * time.Second

func newAttempt() store.Attempt {
	var a store.Attempt
	_, _ = rand.Read(a[:]) // never fails
	return a
}

func newShard() store.Shard { return store.Shard("shard-" + rand.Text()) }

func put(key, value string) store.Op {
	return store.Op{Kind: store.Put, Key: key, Value: []byte(value), TTL: long}
}

func putNew(key, value string) store.Op {
	return store.Op{Kind: store.PutNew, Key: key, Value: []byte(value), TTL: long}
}

func take(key, tombstone string) store.Op {
	return store.Op{Kind: store.Take, Key: key, Value: []byte(tombstone), TTL: long}
}

func remove(key string) store.Op { return store.Op{Kind: store.Delete, Key: key} }

func hold(key, value string) store.Op {
	return store.Op{Kind: store.Hold, Key: key, Value: []byte(value)}
}

func alive(key string) store.Op { return store.Op{Kind: store.Alive, Key: key} }

func fenced(op store.Op) store.Op {
	op.Fenced = true
	return op
}

// apply is an Apply with a fresh attempt that must be answered.
func apply(t *testing.T, s store.Store, shard store.Shard, ops ...store.Op) store.Outcome {
	t.Helper()
	return applyAs(t, s, shard, newAttempt(), ops...)
}

func applyAs(t *testing.T, s store.Store, shard store.Shard, attempt store.Attempt, ops ...store.Op) store.Outcome {
	t.Helper()
	o, err := s.Apply(t.Context(), shard, attempt, false, ops...)
	if err != nil {
		t.Fatalf("Apply: got error %v, want an outcome", err)
	}
	return o
}

// done and conflict are the outcomes tests want.
func done(taken ...string) store.Outcome {
	var o store.Outcome
	for _, v := range taken {
		o.Taken = append(o.Taken, []byte(v))
	}
	return o
}

func conflict(op int, why store.Why, value string) store.Outcome {
	return store.Outcome{Conflict: &store.Conflict{Op: op, Why: why, Value: []byte(value)}}
}

func repeated(o store.Outcome) store.Outcome {
	o.Repeated = true
	return o
}

// diff compares outcomes; an empty value and none are the same.
func diff(got, want store.Outcome) string {
	return cmp.Diff(flat(want), flat(got))
}

type flatOutcome struct {
	Conflict string
	Taken    []string
	Repeated bool
}

func flat(o store.Outcome) flatOutcome {
	f := flatOutcome{Repeated: o.Repeated}
	if c := o.Conflict; c != nil {
		f.Conflict = fmt.Sprintf("op %d %v %s", c.Op, c.Why, c.Value)
	}
	for _, v := range o.Taken {
		f.Taken = append(f.Taken, string(v))
	}
	return f
}

func wantOutcome(t *testing.T, got, want store.Outcome) {
	t.Helper()
	if d := diff(got, want); d != "" {
		t.Errorf("outcome (-want +got):\n%s", d)
	}
}

// absent is what wantValue calls a record that Read does not find.
const absent = "\x00absent"

func wantValue(t *testing.T, s store.Store, shard store.Shard, key, want string) {
	t.Helper()
	if got := read(t, s, shard, key); got != want {
		t.Errorf("Read %q: got %q, want %q", key, got, want)
	}
}

func read(t *testing.T, s store.Store, shard store.Shard, key string) string {
	t.Helper()
	value, err := s.Read(t.Context(), shard, key)
	switch {
	case err == nil:
		return string(value)
	case isAbsent(err):
		return absent
	default:
		t.Fatalf("Read %q: %v", key, err)
		return ""
	}
}

// eventually waits until condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: still not so after %v", what, patience)
		}
	}
}
