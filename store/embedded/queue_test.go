package embedded

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
	"sinho/store/storetest"
)

func TestQueueContract(t *testing.T) {
	storetest.RunQueue(t, storetest.Queues{
		Open: func(t *testing.T) store.Queue { return open(t, file(t)) },
		Fill: func(t *testing.T, q store.Queue, queue string, n int) {
			t.Helper()
			const batch = 2000 // of one transaction; ids ascend, which is quick
			for from := 0; from < n; from += batch {
				if err := q.(*Store).onQueue(t.Context(), queue, func(q queueChange) error {
					for i := from; i < min(n, from+batch); i++ {
						if err := q.push(fmt.Sprintf("filling %06d", i), []byte("item"), time.Time{}); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
		},
		Reopen: func(t *testing.T, q store.Queue) store.Queue {
			if err := q.(*Store).Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			return open(t, q.(*Store).path)
		},
	})
}

// TestAFileOfTheFirstProgramOpens opens what a program without queues has left.
// Its records were written at the beginning of a bubble's time.
func TestAFileOfTheFirstProgramOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	packed, err := os.ReadFile("testdata/format1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	old, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path)
		o, err := s.Apply(t.Context(), "s", attempt(3), true,
			store.Op{Kind: store.Hold, Key: "lock", Value: []byte("me")},
			store.Op{Kind: store.Fetch, Key: "code"},
			store.Op{Kind: store.Append, Key: "list", Value: []byte("e"), Keep: 2, TTL: time.Hour})
		if err != nil || o.Conflict != nil || len(o.Taken) != 1 || string(o.Taken[0]) != "c" {
			t.Errorf("Apply: got %+v, %v, want the old records there", o, err)
		}
		o, err = s.Apply(t.Context(), "s", attempt(4), true, store.Op{Kind: store.Fetch, Key: "spent"})
		if err != nil || o.Conflict == nil || o.Conflict.Why != store.Tombstone {
			t.Errorf("Apply: got %+v, %v, want the old tombstone", o.Conflict, err)
		}
		if o, err := s.Apply(t.Context(), "s", attempt(2), true, putOp("x", "y", time.Hour)); err != nil || !o.Repeated {
			t.Errorf("an old attempt: got %+v, %v, want its answer", o, err)
		}
		if n, _, err := s.Len(t.Context(), "q"); n != 0 || err != nil {
			t.Errorf("Len: got %d, %v, want an empty queue", n, err)
		}
		if err := s.Push(t.Context(), "q", "a", []byte("item"), time.Time{}); err != nil {
			t.Errorf("Push: %v", err)
		}
		if got, err := s.Lease(t.Context(), "q", 1, time.Hour); err != nil || len(got) != 1 || string(got[0].Item) != "item" {
			t.Errorf("Lease: got %+v, %v, want the item", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestALeaseEndsToTheMicrosecond(t *testing.T) {
	path := file(t)
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path)
		s.stride = 0 // time passes by the test alone
		if err := s.Push(t.Context(), "q", "a", nil, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		want := func(when string, n int) {
			t.Helper()
			got, err := s.Lease(t.Context(), "q", 9, time.Hour)
			if err != nil || len(got) != n {
				t.Errorf("%s: leased %+v, %v, want %d", when, got, err, n)
			}
		}
		time.Sleep(time.Minute - time.Microsecond) // in the bubble: no real time
		want("1 µs before it is due", 0)
		time.Sleep(time.Microsecond)
		want("when it is due", 1)
		time.Sleep(time.Hour - time.Microsecond)
		want("1 µs before the lease ends", 0)
		time.Sleep(time.Microsecond)
		want("when the lease ends", 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestADoneItemLeavesNothing looks for what is left in the file.
func TestADoneItemLeavesNothing(t *testing.T) {
	s := open(t, file(t))
	for i := range 3 {
		if err := s.Push(t.Context(), "q", fmt.Sprint(i), []byte("item"), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Lease(t.Context(), "q", 9, time.Hour)
	if err != nil || len(all) != 3 {
		t.Fatalf("Lease: %+v, %v", all, err)
	}
	for i, l := range all {
		if i == 1 {
			if err := s.Later(t.Context(), "q", l.ID, l.Lease, time.Time{}); err != nil {
				t.Fatal(err)
			}
			again, err := s.Lease(t.Context(), "q", 9, time.Hour)
			if err != nil || len(again) != 1 {
				t.Fatalf("Lease: %+v, %v", again, err)
			}
			l = again[0]
		}
		if err := s.Done(t.Context(), "q", l.ID, l.Lease); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.db.View(func(tx *bolt.Tx) error {
		top := tx.Bucket([]byte(bucketQueues)).Bucket([]byte("q"))
		for _, name := range []string{bucketIDs, bucketItems, bucketStates, bucketDue} {
			if k, _ := top.Bucket([]byte(name)).Cursor().First(); k != nil {
				t.Errorf("%s still has %x", name, k)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAFullQueueDoesNotSpoilTheBatch(t *testing.T) {
	s := open(t, file(t))
	if err := s.onQueue(t.Context(), "full", func(q queueChange) error {
		q.c.writes++
		return q.setCount(store.MaxQueue)
	}); err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}, 10), make(chan struct{})
	s.commit = func(tx *bolt.Tx) error {
		entered <- struct{}{}
		<-release
		return tx.Commit()
	}
	results := make(chan error, 3)
	go func() { results <- s.Push(t.Context(), "other", "first", nil, time.Time{}) }()
	<-entered // the writer is busy: the next two share a batch
	full := make(chan error, 1)
	go func() { full <- s.Push(t.Context(), "full", "a", nil, time.Time{}) }()
	go func() { results <- s.Push(t.Context(), "other", "second", nil, time.Time{}) }()
	close(release)
	if err := <-full; !errors.Is(err, store.ErrQueueFull) {
		t.Errorf("Push to the full queue: got error %v, want ErrQueueFull", err)
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("Push beside it: %v", err)
		}
	}
}
