package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
	"sinho/store/storetest"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
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

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "data", "sinho.db") }

func attempt(n int) store.Attempt {
	a := store.Attempt{0: 1}
	copy(a[1:], fmt.Sprint(n))
	return a
}

func putOp(key, value string, ttl time.Duration) store.Op {
	return store.Op{Kind: store.Put, Key: key, Value: []byte(value), TTL: ttl}
}

func TestContract(t *testing.T) {
	storetest.Run(
		t,
		func(t *testing.T) store.Store { return open(t, file(t)) },
		storetest.Reopen(func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			return open(t, s.(*Store).path)
		}),
	)
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	folder := t.TempDir()
	inUse := filepath.Join(folder, "used.db")
	open(t, inUse)
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a store ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		says       []string
	}{
		{"a file in use", inUse, []string{inUse, "in use by another sinho"}},
		{"a file that is not a store", garbage, []string{garbage, "not a store file"}},
		{"a folder where the file should be", folder, []string{folder}},
		{"a folder below a file", filepath.Join(garbage, "sub", "sinho.db"), []string{"cannot make the folder", filepath.Join(garbage, "sub")}},
		{"a folder directly below a file", filepath.Join(garbage, "sinho.db"), []string{"cannot make the folder", garbage}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(tt.path, Options{Wait: 10 * time.Millisecond})
			if err == nil {
				t.Fatalf("Open: got no error, want one; Close: %v", s.Close())
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open: got error %q, want it to say %q", err, want)
				}
			}
		})
	}
	t.Run("a file of another format", func(t *testing.T) {
		path := filepath.Join(folder, "newer.db")
		s := open(t, path)
		if err := s.db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), []byte("99"))
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, Options{})
		if err == nil || !strings.Contains(err.Error(), `its format is "99", this program writes "1"`) {
			t.Errorf("Open: got error %v, want one that names both formats", err)
		}
	})
}

func TestACommitThatFailsDoesNothingAndIsUnavailable(t *testing.T) {
	s := open(t, file(t))
	full := errors.New("disk full")
	fail := true
	s.commit = func(tx *bolt.Tx) error { // set before the first Apply, read by the writer after it
		if fail {
			fail = false
			return errors.Join(full, tx.Rollback())
		}
		return tx.Commit()
	}
	_, err := s.Apply(t.Context(), "s", attempt(1), true, putOp("k", "v", time.Hour))
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, full) {
		t.Fatalf("Apply: got error %v, want ErrUnavailable and the disk's", err)
	}
	if _, err := s.Read(t.Context(), "s", "k"); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("Read: got error %v, want ErrAbsent", err)
	}
	o, err := s.Apply(t.Context(), "s", attempt(1), true, putOp("k", "v", time.Hour))
	if err != nil || o.Repeated {
		t.Errorf("the same attempt again: got %+v, %v; want it done, not repeated", o, err)
	}
}

func TestWhatQueuesDuringACommitSharesTheNext(t *testing.T) {
	s := open(t, file(t))
	entered, release := make(chan struct{}, 10), make(chan struct{})
	s.commit = func(tx *bolt.Tx) error {
		entered <- struct{}{}
		<-release
		return tx.Commit()
	}
	var all sync.WaitGroup
	send := func(n int) {
		all.Go(func() {
			if _, err := s.Apply(t.Context(), "s", attempt(n), true, putOp(fmt.Sprint(n), "v", time.Hour)); err != nil {
				t.Errorf("Apply %d: %v", n, err)
			}
		})
	}
	send(0)
	<-entered // the writer is busy with the first
	const more = 50
	for n := range more {
		send(1 + n)
	}
	for len(s.queue) < more {
		runtime.Gosched()
	}
	close(release)
	all.Wait()
	if got := s.commits.Load(); got != 2 {
		t.Errorf("got %d commits for 1 + %d Applies, want 2", got, more)
	}
}

func TestCloseAnswersEverybodyAndLosesNothingAnswered(t *testing.T) {
	path := file(t)
	s := open(t, path)
	const callers = 50
	var done [callers]int // how many of a caller's changes were answered as done
	var all sync.WaitGroup
	warm := make(chan struct{}, callers)
	for caller := range callers {
		all.Go(func() {
			for n := 0; ; n++ {
				_, err := s.Apply(t.Context(), "s", attempt(1000*n+caller), false, putOp(fmt.Sprint(caller, " ", n), "v", time.Hour))
				if err != nil {
					if !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("Apply during Close: got error %v, want ErrUnavailable", err)
					}
					return
				}
				done[caller]++
				if n == 0 {
					warm <- struct{}{}
				}
			}
		})
	}
	for range callers {
		<-warm
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	all.Wait()
	s = open(t, path)
	for caller, n := range done {
		for i := range n {
			if _, err := s.Read(t.Context(), "s", fmt.Sprint(caller, " ", i)); err != nil {
				t.Fatalf("caller %d's change %d of %d answered: %v", caller, i, n, err)
			}
		}
	}
}

// everything counts what the file holds.
func everything(t *testing.T, s *Store) (records, expiries, answers, places int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error {
		count := func(name string) (n int) {
			c := tx.Bucket([]byte(name)).Cursor()
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				n++
			}
			return n
		}
		records, expiries, answers = count(bucketRecords), count(bucketExpiry), count(bucketAnswers)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	a, err := loadAnswers(s.db)
	if err != nil {
		t.Fatal(err)
	}
	return records, expiries, answers, len(a.place)
}

func TestTimeEndsAnswersAndAnIdleStoreForgetsEverything(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path)
		s.stride = 0 // time passes by the test alone
		apply := func(n int, ops ...store.Op) store.Outcome {
			t.Helper()
			o, err := s.Apply(t.Context(), "s", attempt(n), true, ops...)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		apply(1, putOp("short", "v", 10*time.Second), putOp("long", "v", time.Hour))
		apply(2, putOp("short", "w", 20*time.Second)) // moves its expiry
		if r, e, a, p := everything(t, s); r != 2 || e != 2 || a != 2 || p != 2 {
			t.Errorf("got %d records, %d expiries, %d answers, %d places; want 2 of each", r, e, a, p)
		}

		time.Sleep(20*time.Second - time.Millisecond) // in the bubble: no real time
		if v, err := s.Read(t.Context(), "s", "short"); string(v) != "w" {
			t.Errorf("1 ms before its end: got %q, %v, want %q", v, err, "w")
		}
		time.Sleep(time.Millisecond)
		if _, err := s.Read(t.Context(), "s", "short"); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("at its end: got error %v, want ErrAbsent", err)
		}

		time.Sleep(store.AttemptTTL - 20*time.Second - time.Millisecond)
		if o := apply(1, putOp("short", "x", time.Second)); !o.Repeated {
			t.Error("1 ms before AttemptTTL: the answer is forgotten, want it repeated")
		}
		time.Sleep(time.Millisecond)
		if o := apply(1, putOp("short", "x", time.Second)); o.Repeated {
			t.Error("at AttemptTTL: the answer is repeated, want it forgotten")
		}

		time.Sleep(time.Hour + 2*time.Minute) // nobody calls; the writer tidies by itself
		if r, e, a, p := everything(t, s); r != 0 || e != 0 || a != 0 || p != 0 {
			t.Errorf("after everything expired: got %d records, %d expiries, %d answers, %d places; want none", r, e, a, p)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestABusyStoreTidiesWithEveryCommit(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(path, Options{Tidy: store.MaxTTL})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 300 {
			ops := make([]store.Op, store.MaxOps)
			for i := range ops {
				ops[i] = putOp(fmt.Sprint(n, i), "v", time.Minute)
			}
			if _, err := s.Apply(t.Context(), store.Shard(fmt.Sprint(n)), attempt(n), true, ops...); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if r, e, a, _ := everything(t, s); r > 61*store.MaxOps || e != r || a > 61 {
			t.Errorf("one change a second, each living a minute: got %d records, %d expiries, %d answers; want at most a minute's", r, e, a)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCommitsKeepTheirDistanceAndALoneApplyDoesNotWait(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) { // time passes only where somebody waits for it
		s := open(t, path)
		took := func(n int) time.Duration {
			begun := time.Now()
			if _, err := s.Apply(t.Context(), "s", attempt(n), true, putOp(fmt.Sprint(n), "v", time.Hour)); err != nil {
				t.Error(err)
			}
			return time.Since(begun)
		}
		if got := took(0); got != 0 {
			t.Errorf("the first: waited %v, want not at all", got)
		}
		time.Sleep(stride / 4)
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				if got := took(1 + n); got != stride*3/4 {
					t.Errorf("a quarter of a stride after a commit: waited %v, want %v", got, stride*3/4)
				}
			})
		}
		all.Wait()
		if got := s.commits.Load(); got != 2 {
			t.Errorf("got %d commits, want 2: one for the first, one for all who waited", got)
		}
		time.Sleep(stride)
		if got := took(30); got != 0 {
			t.Errorf("a stride later: waited %v, want not at all", got)
		}
	})
}

func TestTheClockStandsStillWhileSetBack(t *testing.T) {
	var c clock
	future := time.Now().Add(time.Hour)
	c.highest.Store(future.UnixNano())
	if got := c.now(); !got.Equal(time.Unix(0, future.UnixNano())) {
		t.Errorf("got %v, want the highest seen, %v", got, future)
	}
}
