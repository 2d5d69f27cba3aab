package shed

import "time"

// waiter is a request that waits for its slot.
type waiter struct {
	ready chan struct{} // closed once it has a slot, or is dropped
	since time.Duration

	slot       *slot // once granted
	dropped    bool  // a newer one has taken its place
	prev, next *waiter
}

// queue of one class, the oldest first.
type queue struct {
	first, last *waiter
	length      int
	since       time.Duration // since when it was never empty
}

func (q *queue) push(w *waiter, now time.Duration) {
	if q.length == 0 {
		q.first, q.since = w, now
	} else {
		q.last.next, w.prev = w, q.last
	}
	q.last = w
	q.length++
}

func (q *queue) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next = nil, nil
	q.length--
}

// standing: it is no burst that is being worked off.
func (q *queue) standing(now time.Duration) bool {
	return q.length > 0 && now-q.since >= standingAfter
}

// take removes the one whose turn it is: the oldest; under overload the newest,
// whose person is the likeliest to be there still.
func (q *queue) take(r *rule, now time.Duration) *waiter {
	w := q.first
	if r.short > 0 && q.standing(now) {
		w = q.last
	}
	q.remove(w)
	return w
}
