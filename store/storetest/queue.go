package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sinho/store"
)

// Queues is what RunQueue asks of a backend.
type Queues struct {
	// Open returns a queue for each test and registers its own clean-up. It may
	// return the same one every time, but for the last test, which closes it.
	Open func(t *testing.T) store.Queue
	// Fill puts n items of a few bytes in a queue, at once.
	Fill func(t *testing.T, q store.Queue, queue string, n int)
	// Reopen, if set, ends the run q talks to, and returns a queue over the same
	// items in another.
	Reopen func(t *testing.T, q store.Queue) store.Queue
}

// RunQueue checks a queue against the contract.
func RunQueue(t *testing.T, u Queues) {
	t.Helper()
	t.Run("items", u.items)
	t.Run("leases", u.leases)
	t.Run("giving back", u.givingBack)
	t.Run("length", u.length)
	t.Run("limits", u.limits)
	t.Run("bound", u.bound)
	t.Run("races", u.races)
	if u.Reopen != nil {
		t.Run("another run", u.anotherRun)
	}
	t.Run("a closed store is unavailable", u.closed)
}

var now time.Time // the zero time: due at once

func push(t *testing.T, q store.Queue, queue, id, item string, due time.Time) {
	t.Helper()
	if err := q.Push(t.Context(), queue, id, []byte(item), due); err != nil {
		t.Fatalf("Push %q: %v", id, err)
	}
}

// lease is a Lease that must be answered.
func lease(t *testing.T, q store.Queue, queue string, most int, hide time.Duration) []store.Leased {
	t.Helper()
	out, err := q.Lease(t.Context(), queue, most, hide)
	if err != nil {
		t.Fatalf("Lease: %v", err)
	}
	return out
}

// wait leases one item as soon as one is due.
func wait(t *testing.T, q store.Queue, queue string) (l store.Leased) {
	t.Helper()
	eventually(t, "an item is due", func() bool {
		out := lease(t, q, queue, 1, long)
		if len(out) == 1 {
			l = out[0]
		}
		return len(out) == 1
	})
	return l
}

// names of items, in order.
func names(items []store.Leased) string {
	var ids []string
	for _, l := range items {
		ids = append(ids, l.ID)
	}
	return strings.Join(ids, " ")
}

func wantLeased(t *testing.T, got []store.Leased, want string) {
	t.Helper()
	if names(got) != want {
		t.Errorf("leased %q, want %q", names(got), want)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) { // of nil, nil
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func wantLen(t *testing.T, q store.Queue, queue string, want int) time.Time {
	t.Helper()
	n, oldest, err := q.Len(t.Context(), queue)
	if err != nil || n != want || oldest.IsZero() != (want == 0) {
		t.Errorf("Len: got %d, oldest %v, %v; want %d", n, oldest, err, want)
	}
	return oldest
}

func newQueue() string { return string(newShard()) }

func (u Queues) items(t *testing.T) {
	q := u.Open(t)
	t.Run("an item comes out as it went in, with all it may have", func(t *testing.T) {
		name := newQueue() + "\x00{}\r\n}"
		id := "\x00\xff{}:" + strings.Repeat("i", store.MaxKey-5)
		item := strings.Repeat("\x00\xff\r\n", store.MaxItem/4)
		push(t, q, name, id, item, now)
		got := lease(t, q, name, store.MaxBatch, store.MaxLease)
		if len(got) != 1 || got[0].ID != id || string(got[0].Item) != item || got[0].Attempts != 1 || got[0].Lease == "" {
			t.Fatalf("got %d items, %.200s; want the one that was pushed, leased once", len(got), fmt.Sprint(got))
		}
		if off := time.Since(got[0].Pushed).Abs(); off > time.Minute {
			t.Errorf("pushed %v from now, want just now", off)
		}
		wantErr(t, "Done", q.Done(t.Context(), name, id, got[0].Lease), nil)
		wantLen(t, q, name, 0)
	})
	t.Run("an empty item is one", func(t *testing.T) {
		name := newQueue()
		push(t, q, name, "a", "", now)
		if got := lease(t, q, name, 1, long); len(got) != 1 || len(got[0].Item) != 0 {
			t.Errorf("got %+v, want one empty item", got)
		}
	})
	t.Run("a queue nobody has pushed to is empty", func(t *testing.T) {
		name := newQueue()
		wantLeased(t, lease(t, q, name, 1, long), "")
		wantLen(t, q, name, 0)
		wantErr(t, "Done", q.Done(t.Context(), name, "a", "lease"), store.ErrLeaseLost)
		wantErr(t, "Later", q.Later(t.Context(), name, "a", "lease", now), store.ErrLeaseLost)
	})
	t.Run("queues and ids do not run into each other", func(t *testing.T) {
		unique := newQueue()
		for _, p := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"a", "b"}, {"a}", "c"}} {
			push(t, q, unique+p[0], p[1], p[0]+"|"+p[1], now)
		}
		wantLeased(t, lease(t, q, unique+"a", 9, long), "bc b")
		wantLeased(t, lease(t, q, unique+"ab", 9, long), "c")
		wantLeased(t, lease(t, q, unique+"a}", 9, long), "c")
	})
	t.Run("a caller may reuse what it passed", func(t *testing.T) {
		name, item := newQueue(), []byte("first")
		wantErr(t, "Push", q.Push(t.Context(), name, "a", item, now), nil)
		copy(item, "XXXXX")
		if got := lease(t, q, name, 1, long); string(got[0].Item) != "first" {
			t.Errorf("got item %q, want %q", got[0].Item, "first")
		}
	})
	t.Run("an id is in the queue once, leased or not", func(t *testing.T) {
		name := newQueue()
		push(t, q, name, "a", "first", now)
		push(t, q, name, "a", "second", time.Now().Add(long))
		wantLen(t, q, name, 1)
		got := lease(t, q, name, 9, long)
		wantLeased(t, got, "a")
		push(t, q, name, "a", "third", now)
		wantLeased(t, lease(t, q, name, 9, long), "")
		if string(got[0].Item) != "first" {
			t.Errorf("got item %q, want the first", got[0].Item)
		}
		wantErr(t, "Done", q.Done(t.Context(), name, "a", got[0].Lease), nil)
		push(t, q, name, "a", "fourth", now)
		if got = lease(t, q, name, 9, long); len(got) != 1 || string(got[0].Item) != "fourth" || got[0].Attempts != 1 {
			t.Errorf("pushed after it was done: got %+v, want a new item", got)
		}
	})
}

func (u Queues) leases(t *testing.T) {
	q := u.Open(t)
	t.Run("those due longest come first, no more than asked for", func(t *testing.T) {
		name := newQueue()
		for _, id := range []string{"e", "d", "c", "b", "a"} {
			push(t, q, name, id, id, now)
		}
		wantLeased(t, lease(t, q, name, 2, long), "e d")
		wantLeased(t, lease(t, q, name, 2, long), "c b")
		wantLeased(t, lease(t, q, name, 2, long), "a")
		wantLeased(t, lease(t, q, name, 2, long), "")
	})
	t.Run("what is due later comes later, in the order of its time", func(t *testing.T) {
		name, start := newQueue(), time.Now()
		push(t, q, name, "never", "", start.Add(long))
		// In this order, for what is pushed late is due when it is pushed.
		push(t, q, name, "first", "", now)
		push(t, q, name, "second", "", start.Add(brief))
		push(t, q, name, "third", "", start.Add(2*brief))
		for _, want := range []string{"first", "second", "third"} {
			wantLeased(t, []store.Leased{wait(t, q, name)}, want)
		}
		if time.Since(start) < 2*brief {
			t.Errorf("the third came after %v, want not before %v", time.Since(start), 2*brief)
		}
		wantLeased(t, lease(t, q, name, 9, long), "")
		wantLen(t, q, name, 4)
	})
	t.Run("somebody who dies gives back by time", func(t *testing.T) {
		name, start := newQueue(), time.Now()
		push(t, q, name, "a", "work", now)
		dead := lease(t, q, name, 1, brief)[0]
		next := wait(t, q, name)
		if time.Since(start) < brief {
			t.Errorf("given out again after %v, want not before %v", time.Since(start), brief)
		}
		if next.ID != "a" || string(next.Item) != "work" || next.Attempts != 2 || next.Lease == dead.Lease || !next.Pushed.Equal(dead.Pushed) {
			t.Errorf("got %+v after %+v, want the same item, its second attempt, another lease", next, dead)
		}
		wantErr(t, "Done of the first", q.Done(t.Context(), name, "a", dead.Lease), store.ErrLeaseLost)
		wantErr(t, "Later of the first", q.Later(t.Context(), name, "a", dead.Lease, now), store.ErrLeaseLost)
		wantLeased(t, lease(t, q, name, 1, long), "")
		wantErr(t, "Done of the second", q.Done(t.Context(), name, "a", next.Lease), nil)
		wantErr(t, "Done of the first, afterwards", q.Done(t.Context(), name, "a", dead.Lease), store.ErrLeaseLost)
		wantLen(t, q, name, 0)
	})
	t.Run("somebody slow may still say done while nobody else has it", func(t *testing.T) {
		name := newQueue()
		push(t, q, name, "a", "", now)
		due := time.Now().Add(brief)
		push(t, q, name, "b", "", due)
		slow := lease(t, q, name, 1, store.MinTTL)[0]
		leased := time.Now()
		eventually(t, "the next is due", func() bool { return time.Since(due) > brief && time.Since(leased) > brief })
		wantErr(t, "Done", q.Done(t.Context(), name, "a", slow.Lease), nil)
		wantLeased(t, lease(t, q, name, 9, long), "b")
	})
	t.Run("done once more is done", func(t *testing.T) {
		name := newQueue()
		push(t, q, name, "a", "", now)
		l := lease(t, q, name, 1, long)[0]
		for range 3 {
			wantErr(t, "Done", q.Done(t.Context(), name, "a", l.Lease), nil)
		}
		push(t, q, name, "a", "again", now)
		wantErr(t, "Done of a lease before", q.Done(t.Context(), name, "a", l.Lease), nil)
		wantLeased(t, lease(t, q, name, 1, long), "a")
	})
	t.Run("a lease is its item's alone", func(t *testing.T) {
		name := newQueue()
		push(t, q, name, "a", "", now)
		push(t, q, name, "b", "", now)
		l := lease(t, q, name, 1, long)[0]
		wantErr(t, "Done of another", q.Done(t.Context(), name, "b", l.Lease), store.ErrLeaseLost)
		wantErr(t, "Later of another", q.Later(t.Context(), name, "b", l.Lease, now), store.ErrLeaseLost)
		for _, wrong := range []string{l.Lease[1:], l.Lease + "x", ".*", ":"} {
			wantErr(t, "Done by "+wrong, q.Done(t.Context(), name, "a", wrong), store.ErrLeaseLost)
		}
		wantLen(t, q, name, 2)
	})
}

func (u Queues) givingBack(t *testing.T) {
	q := u.Open(t)
	name := newQueue()
	push(t, q, name, "a", "work", now)
	first := lease(t, q, name, 1, long)[0]
	wantErr(t, "Later", q.Later(t.Context(), name, "a", first.Lease, time.Now().Add(long)), nil)
	wantLeased(t, lease(t, q, name, 1, long), "")
	wantErr(t, "Done after Later", q.Done(t.Context(), name, "a", first.Lease), store.ErrLeaseLost)
	wantErr(t, "Later once more", q.Later(t.Context(), name, "a", first.Lease, time.Now().Add(brief)), nil)
	second := wait(t, q, name)
	if second.ID != "a" || string(second.Item) != "work" || second.Attempts != 2 || !second.Pushed.Equal(first.Pushed) {
		t.Errorf("got %+v after %+v, want the same item, its second attempt", second, first)
	}
	wantErr(t, "Later of the first", q.Later(t.Context(), name, "a", first.Lease, now), store.ErrLeaseLost)
	wantLeased(t, lease(t, q, name, 1, long), "")
	wantErr(t, "Later of the second", q.Later(t.Context(), name, "a", second.Lease, now), nil)
	third := lease(t, q, name, 1, long)
	wantLeased(t, third, "a")
	wantErr(t, "Done of the third", q.Done(t.Context(), name, "a", third[0].Lease), nil)
	wantErr(t, "Later after Done", q.Later(t.Context(), name, "a", third[0].Lease, now), store.ErrLeaseLost)
	wantLen(t, q, name, 0)
}

func (u Queues) length(t *testing.T) {
	q := u.Open(t)
	name := newQueue()
	push(t, q, name, "old", "", time.Now().Add(long))
	push(t, q, name, "leased", "", now)
	push(t, q, name, "new", "", now)
	l := lease(t, q, name, 1, long)[0]
	oldest := wantLen(t, q, name, 3)
	if !oldest.Before(l.Pushed) || time.Since(oldest).Abs() > time.Minute {
		t.Errorf("oldest: got %v, want just now and before the second, %v", oldest, l.Pushed)
	}
	wantErr(t, "Done", q.Done(t.Context(), name, "leased", l.Lease), nil)
	if got := wantLen(t, q, name, 2); !got.Equal(oldest) {
		t.Errorf("oldest: got %v, want it unchanged, %v", got, oldest)
	}
	l = lease(t, q, name, 1, long)[0]
	wantErr(t, "Later", q.Later(t.Context(), name, "new", l.Lease, now), nil)
	if got := wantLen(t, q, name, 2); !got.Equal(oldest) {
		t.Errorf("oldest: got %v, want it unchanged, %v", got, oldest)
	}
	push(t, q, name, "old", "", now) // changes nothing
	if got := wantLen(t, q, name, 2); !got.Equal(oldest) {
		t.Errorf("oldest: got %v, want it unchanged, %v", got, oldest)
	}
	first := newQueue()
	push(t, q, first, "1", "", now)
	push(t, q, first, "2", "", now)
	both := lease(t, q, first, 2, long)
	wantErr(t, "Done", q.Done(t.Context(), first, "1", both[0].Lease), nil)
	if got := wantLen(t, q, first, 1); !got.Equal(both[1].Pushed) {
		t.Errorf("oldest: got %v, want the one that is left, %v", got, both[1].Pushed)
	}
}

// bound checks that a full queue takes nothing more, and makes room.
func (u Queues) bound(t *testing.T) {
	q := u.Open(t)
	name := newQueue()
	push(t, q, name, "first", "", now)
	u.Fill(t, q, name, store.MaxQueue-2)
	push(t, q, name, "last", "", now)
	wantLen(t, q, name, store.MaxQueue)
	wantErr(t, "Push beyond", q.Push(t.Context(), name, "more", nil, now), store.ErrQueueFull)
	wantErr(t, "Push of one that is there", q.Push(t.Context(), name, "last", nil, now), nil)
	l := lease(t, q, name, 1, long)
	wantLeased(t, l, "first")
	wantErr(t, "Push while one is leased", q.Push(t.Context(), name, "more", nil, now), store.ErrQueueFull)
	wantErr(t, "Done", q.Done(t.Context(), name, "first", l[0].Lease), nil)
	push(t, q, name, "more", "", now)
	wantErr(t, "Push beyond", q.Push(t.Context(), name, "and more", nil, now), store.ErrQueueFull)
	wantLen(t, q, name, store.MaxQueue)
	push(t, q, newQueue(), "another queue's", "", now)
}

func (u Queues) anotherRun(t *testing.T) {
	q := u.Open(t)
	name := newQueue()
	push(t, q, name, "held", "h", now)
	push(t, q, name, "done", "d", now)
	push(t, q, name, "back", "b", now)
	push(t, q, name, "later", "l", time.Now().Add(long))
	push(t, q, name, "next", "n", now)
	l := lease(t, q, name, 3, long)
	wantErr(t, "Done", q.Done(t.Context(), name, "done", l[1].Lease), nil)
	wantErr(t, "Later", q.Later(t.Context(), name, "back", l[2].Lease, now), nil)
	oldest := wantLen(t, q, name, 4)

	q = u.Reopen(t, q)

	if got := wantLen(t, q, name, 4); !got.Equal(oldest) {
		t.Errorf("oldest: got %v, want %v as before", got, oldest)
	}
	push(t, q, name, "later", "other", now) // still there
	got := lease(t, q, name, 9, long)
	wantLeased(t, got, "next back")
	if fmt.Sprint(got[0].Attempts, got[1].Attempts) != "1 2" || string(got[0].Item)+string(got[1].Item) != "nb" {
		t.Errorf("got %+v, want attempts and items as before", got)
	}
	wantErr(t, "Done of a lease before", q.Done(t.Context(), name, "held", l[0].Lease), nil)
	wantErr(t, "Done again of one before", q.Done(t.Context(), name, "done", l[1].Lease), nil)
	wantErr(t, "Done of one given back", q.Done(t.Context(), name, "back", l[2].Lease), store.ErrLeaseLost)
	wantLen(t, q, name, 3)
}
