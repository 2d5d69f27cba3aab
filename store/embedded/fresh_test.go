package embedded

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

// held opens a store whose commits wait for a word each.
func held(t *testing.T) (s *Store, entered, release chan struct{}) {
	t.Helper()
	s = open(t, file(t))
	entered, release = make(chan struct{}, 100), make(chan struct{}, 100)
	s.commit = func(tx *bolt.Tx) error {
		entered <- struct{}{}
		<-release
		return tx.Commit()
	}
	return s, entered, release
}

func mustApply(t *testing.T, s store.Store, n int, durable bool, ops ...store.Op) store.Outcome {
	t.Helper()
	o, err := s.Apply(t.Context(), "s", attempt(n), durable, ops...)
	if err != nil {
		t.Fatalf("Apply %d: %v", n, err)
	}
	return o
}

func wantValue(t *testing.T, s store.Store, key, want string) {
	t.Helper()
	if v, err := s.Read(t.Context(), "s", key); string(v) != want || err != nil {
		t.Errorf("Read %q: got %q, %v, want %q", key, v, err, want)
	}
}

func wantAbsent(t *testing.T, s store.Store, key string) {
	t.Helper()
	if v, err := s.Read(t.Context(), "s", key); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("Read %q: got %q, %v, want ErrAbsent", key, v, err)
	}
}

func TestAChangeIsAnsweredAndSeenBeforeItsCommit(t *testing.T) {
	s, entered, release := held(t)
	s.lag = time.Hour
	fenced := putOp("code", "c", time.Hour)
	fenced.Fenced = true
	mustApply(t, s, 1, false, putOp("a", "1", time.Hour), fenced)
	mustApply(t, s, 2, false, putOp("a", "2", time.Hour), putOp("b", "1", time.Hour))
	wantValue(t, s, "a", "2")
	mustApply(t, s, 3, false, store.Op{Kind: store.Delete, Key: "b"})
	wantAbsent(t, s, "b")
	if o := mustApply(t, s, 4, false, store.Op{Kind: store.Take, Key: "code", Value: []byte("used"), TTL: time.Hour}); len(o.Taken) != 1 || string(o.Taken[0]) != "c" {
		t.Errorf("Take of what is not committed yet: got %+v", o)
	}
	if o := mustApply(t, s, 4, false, store.Op{Kind: store.Take, Key: "code", Value: []byte("used"), TTL: time.Hour}); !o.Repeated || len(o.Taken) != 1 {
		t.Errorf("the same attempt again: got %+v, want its answer", o)
	}
	if o := mustApply(t, s, 5, false, store.Op{Kind: store.Take, Key: "code", Value: []byte("used"), TTL: time.Hour}); o.Conflict == nil || o.Conflict.Why != store.Tombstone {
		t.Errorf("a second Take: got %+v, want the tombstone", o)
	}
	if got := s.commits.Load(); got != 0 {
		t.Fatalf("%d commits so far, want none", got)
	}
	release <- struct{}{}
	mustApply(t, s, 6, true, putOp("d", "1", time.Hour)) // takes all along
	<-entered
	if got := s.commits.Load(); got != 1 {
		t.Errorf("%d commits, want the one of the durable change", got)
	}
	wantValue(t, s, "a", "2")
	wantAbsent(t, s, "b")
	wantValue(t, s, "d", "1")
	if r, e, _, _ := everything(t, s); r != 3 || e != 3 {
		t.Errorf("the file has %d records and %d expiries, want 3: a, the tombstone and d", r, e)
	}
	release <- struct{}{} // for the commit of closing, if there is one
}

func TestADurableChangeIsNotSeenBeforeItsCommit(t *testing.T) {
	s, entered, release := held(t)
	done := make(chan error)
	go func() {
		_, err := s.Apply(t.Context(), "s", attempt(1), true, putOp("lock", "me", time.Hour))
		done <- err
	}()
	<-entered
	wantAbsent(t, s, "lock")
	release <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "lock", "me")
}

func TestAChangeIsCommittedByItselfAfterTheLag(t *testing.T) {
	s, entered, release := held(t)
	release <- struct{}{}
	mustApply(t, s, 1, false, putOp("a", "1", time.Hour))
	<-entered // nobody asks for it
}

func TestACommitThatFailsEndsTheRunOfWhatWasAnswered(t *testing.T) {
	path := file(t)
	s := open(t, path)
	s.lag = time.Hour
	full := errors.New("disk full")
	failures := 2
	s.commit = func(tx *bolt.Tx) error {
		if failures--; failures >= 0 {
			return errors.Join(full, tx.Rollback())
		}
		return tx.Commit()
	}
	fenced := putOp("code", "c", time.Hour)
	fenced.Fenced = true
	take := store.Op{Kind: store.Take, Key: "code", Value: []byte("used"), TTL: time.Hour}
	failures = 0
	mustApply(t, s, 1, true, fenced) // in the file
	failures = 2
	mustApply(t, s, 2, false, take) // answered, not in the file
	if _, err := s.Apply(t.Context(), "s", attempt(3), true, putOp("x", "1", time.Hour)); !errors.Is(err, full) || !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a durable change on a full disk: got error %v", err)
	}
	if _, err := s.Apply(t.Context(), "s", attempt(4), false, putOp("y", "1", time.Hour)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("any change while the disk is full: got error %v, want ErrUnavailable and not an answer from memory", err)
	}
	wantAbsent(t, s, "y")
	if o := mustApply(t, s, 5, false, take); o.Conflict == nil || o.Conflict.Why != store.Fence {
		t.Errorf("a code that was taken before the commit failed: got %+v, want it refused by the fence", o)
	}
	mustApply(t, s, 6, false, putOp("z", "1", time.Hour)) // the disk is well: from memory again
	wantValue(t, s, "z", "1")
}

// TestReadersSeeOneMoment reads two records while both are changed durably and one
// of them in between without: what a commit has just brought into the file must
// not be mixed with what was published before it.
func TestReadersSeeOneMoment(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sinho.db"))
	s.commit = func(tx *bolt.Tx) error {
		err := tx.Commit()
		for range 200 { // the file is new, and what was published is still there
			runtime.Gosched()
		}
		return err
	}
	const changes, every = 140, 7
	value := func(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	put := func(key string, n int) store.Op {
		return store.Op{Kind: store.Put, Key: key, Value: value(n), TTL: time.Hour}
	}
	mustApply(t, s, 0, true, put("always", 0), put("durably", 0))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var highest uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				v, err := s.ReadAll(t.Context(), "s", "always", "durably")
				if err != nil {
					t.Errorf("ReadAll: %v", err)
					return
				}
				n, durable := binary.BigEndian.Uint64(v[0]), binary.BigEndian.Uint64(v[1])
				if n < highest || durable != n-n%every {
					t.Errorf("read change %d and durable change %d after %d, which is no moment there was", n, durable, highest)
					return
				}
				highest = n
			}
		})
	}
	for n := 1; n <= changes; n++ {
		ops := []store.Op{put("always", n)}
		if n%every == 0 {
			ops = append(ops, put("durably", n))
		}
		mustApply(t, s, n, n%every == 0, ops...)
		wantValue(t, s, "always", string(value(n)))
	}
	close(stop)
	readers.Wait()
}
