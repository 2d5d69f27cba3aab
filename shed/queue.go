package shed

import "time"

// waiter is a request that waits for its slot.
type waiter struct {
	ready chan struct{} // closed once it has a slot, or is dropped
	since time.Duration
	round uint64 // that was going then

	slot       *slot // once granted
	dropped    bool  // a newer one has taken its place
	prev, next *waiter
}

// queue of one class, the oldest first.
type queue struct {
	first, last *waiter
	length      int
}

func (q *queue) push(w *waiter) {
	if q.length == 0 {
		q.first = w
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

// overloaded: its oldest has waited so long that it is no burst which is being
// worked off.
func (q *queue) overloaded(r *rule, now time.Duration) bool {
	return r.short > 0 && q.length > 0 && now-q.first.since >= r.short/2
}

// take removes the one whose turn it is: the oldest; under overload the newest,
// whose person is the likeliest to be there still.
func (q *queue) take(r *rule, now time.Duration) *waiter {
	w := q.first
	if q.overloaded(r, now) {
		w = q.last
	}
	q.remove(w)
	return w
}
