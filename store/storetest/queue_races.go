package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/store"
)

func (u Queues) limits(t *testing.T) {
	q := u.Open(t)
	ctx := t.Context()
	tooLong := strings.Repeat("x", 129)
	lease := func(queue string, most int, hide time.Duration) error {
		_, err := q.Lease(ctx, queue, most, hide)
		return err
	}
	length := func(ctx context.Context, queue string) error {
		_, _, err := q.Len(ctx, queue)
		return err
	}
	for name, err := range map[string]error{
		"a push to no queue":       q.Push(ctx, "", "a", nil, now),
		"a queue's name too long":  q.Push(ctx, tooLong[:65], "a", nil, now),
		"a push of no id":          q.Push(ctx, "q", "", nil, now),
		"an id too long":           q.Push(ctx, "q", tooLong, nil, now),
		"an item too long":         q.Push(ctx, "q", "a", make([]byte, store.MaxItem+1), now),
		"a push due in 230 years":  q.Push(ctx, "q", "a", nil, time.UnixMicro(store.EndOfGenerations)),
		"a lease of no queue":      lease("", 1, long),
		"a lease of nothing":       lease("q", 0, long),
		"a lease of too many":      lease("q", store.MaxBatch+1, long),
		"a lease for no time":      lease("q", 1, 0),
		"a lease for too long":     lease("q", 1, store.MaxLease+1),
		"a done of no queue":       q.Done(ctx, "", "a", "l"),
		"a done of no id":          q.Done(ctx, "q", "", "l"),
		"a done without a lease":   q.Done(ctx, "q", "a", ""),
		"a lease's name too long":  q.Done(ctx, "q", "a", tooLong[:65]),
		"a later without a lease":  q.Later(ctx, "q", "a", "", now),
		"a later due in 230 years": q.Later(ctx, "q", "a", "l", time.UnixMicro(store.EndOfGenerations)),
		"the length of no queue":   length(ctx, ""),
	} {
		wantErr(t, name, err, store.ErrInvalid)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	name := newQueue()
	_, leaseErr := q.Lease(ended, name, 1, long)
	for what, err := range map[string]error{
		"Push": q.Push(ended, name, "a", nil, now), "Lease": leaseErr, "Done": q.Done(ended, name, "a", "l"),
		"Later": q.Later(ended, name, "a", "l", now), "Len": length(ended, name),
	} {
		wantErr(t, what+" with a context that has ended", err, store.ErrUnavailable)
		wantErr(t, what+" with a context that has ended", err, context.Canceled)
	}
	wantLen(t, q, name, 0)
}

// closed checks a queue whose store is closed.
func (u Queues) closed(t *testing.T) {
	q := u.Open(t)
	closer, ok := q.(interface{ Close() error })
	if !ok {
		t.Fatalf("a %T cannot be closed", q)
	}
	wantErr(t, "Close", closer.Close(), nil)
	name := newQueue()
	_, leaseErr := q.Lease(t.Context(), name, 1, long)
	_, _, lenErr := q.Len(t.Context(), name)
	for what, err := range map[string]error{
		"Push": q.Push(t.Context(), name, "a", nil, now), "Lease": leaseErr, "Done": q.Done(t.Context(), name, "a", "l"),
		"Later": q.Later(t.Context(), name, "a", "l", now), "Len": lenErr,
	} {
		wantErr(t, what+" after Close", err, store.ErrUnavailable)
	}
}

// atOnce runs a function for every racer.
func atOnce(n int, do func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}

func (u Queues) races(t *testing.T) {
	q := u.Open(t)
	t.Run("of many who push an id one does", func(t *testing.T) {
		name := newQueue()
		atOnce(racers, func(i int) {
			if err := q.Push(t.Context(), name, fmt.Sprint(i%3), fmt.Append(nil, i), now); err != nil {
				t.Errorf("Push: %v", err)
			}
		})
		wantLen(t, q, name, 3)
		if got := lease(t, q, name, 9, long); len(got) != 3 {
			t.Errorf("leased %q, want three", names(got))
		}
	})
	t.Run("of many who lease each gets items of their own", func(t *testing.T) {
		const items = 120
		name := newQueue()
		atOnce(items, func(i int) {
			if err := q.Push(t.Context(), name, fmt.Sprint(i), nil, now); err != nil {
				t.Errorf("Push: %v", err)
			}
		})
		var mu sync.Mutex // guards got
		got := map[string]int{}
		atOnce(30, func(i int) {
			for {
				batch, err := q.Lease(t.Context(), name, 1+i%4, long)
				if err != nil || len(batch) == 0 {
					wantErr(t, "Lease", err, nil)
					return
				}
				mu.Lock()
				for _, l := range batch {
					got[l.ID]++
				}
				mu.Unlock()
			}
		})
		if len(got) != items {
			t.Errorf("%d items were leased, want %d", len(got), items)
		}
		for id, n := range got {
			if n != 1 {
				t.Errorf("item %s was leased %d times, want once", id, n)
			}
		}
		wantLen(t, q, name, items)
	})
	t.Run("while leasers die every item is done once", u.dying)
	t.Run("of a holder who was too slow and one who has it now, one gives it back", func(t *testing.T) {
		name := newQueue()
		for n := range 10 {
			id := fmt.Sprint(n)
			push(t, q, name, id, "", now)
			slow := lease(t, q, name, 1, store.MinTTL)[0]
			quick := wait(t, q, name)
			var errs [2]error
			atOnce(2, func(i int) {
				if i == 0 {
					errs[0] = q.Done(t.Context(), name, id, slow.Lease)
				} else {
					errs[1] = q.Later(t.Context(), name, id, quick.Lease, time.Now().Add(long))
				}
			})
			wantErr(t, "Done of the slow", errs[0], store.ErrLeaseLost)
			wantErr(t, "Later of the quick", errs[1], nil)
		}
		wantLen(t, q, name, 10)
	})
}

// dying lets leasers do items, give them back, forget them, or be too slow, until
// all are done.
func (u Queues) dying(t *testing.T) {
	const items, leasers = 60, 20
	q := u.Open(t)
	name := newQueue()
	atOnce(items, func(i int) {
		if err := q.Push(t.Context(), name, fmt.Sprint(i), nil, now); err != nil {
			t.Errorf("Push: %v", err)
		}
	})
	var mu sync.Mutex // guards what follows
	done := map[string]int{}
	given := map[string]bool{}
	// one deals with a leased item, and reports whether it did it.
	one := func(l store.Leased, fate int) bool {
		switch fate % 4 {
		case 0: // dies
			return false
		case 1:
			err := q.Later(t.Context(), name, l.ID, l.Lease, now)
			if err != nil && !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Later: %v", err)
			}
			return false
		}
		err := q.Done(t.Context(), name, l.ID, l.Lease)
		if err != nil && !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("Done: %v", err)
		}
		return err == nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	atOnce(leasers, func(i int) {
		for turn := i; ctx.Err() == nil; turn++ {
			batch, err := q.Lease(ctx, name, 3, 5*time.Millisecond)
			if err != nil {
				return // reported below: not everything is done
			}
			for _, l := range batch {
				mine := one(l, turn)
				mu.Lock()
				if giving := fmt.Sprint(l.ID, "/", l.Attempts); given[giving] {
					t.Errorf("item and attempt %s were given to two", giving)
				} else {
					given[giving] = true
				}
				if mine {
					done[l.ID]++
				}
				mu.Unlock()
			}
			mu.Lock()
			all := len(done) == items
			mu.Unlock()
			if all {
				return
			}
		}
	})
	if len(done) != items {
		t.Errorf("%d items were done, want %d", len(done), items)
	}
	for id, n := range done {
		if n != 1 {
			t.Errorf("item %s was done %d times, want once", id, n)
		}
	}
	wantLen(t, q, name, 0)
}
