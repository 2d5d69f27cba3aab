package broker

import (
	"context"
	"sync"
	"time"
)

// recall runs a piece of work once per key, however many ask at the same time,
// and remembers its result for a while where the work says so. What is
// remembered is bounded: the oldest goes first.
type recall[K comparable, V any] struct {
	most int
	keep time.Duration

	mu    sync.Mutex // guards what follows
	live  map[K]*flight[V]
	order []K // of remembered results, oldest first, from head on
	head  int
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	until time.Time // remembered until; zero while under way
}

func newRecall[K comparable, V any](most int, keep time.Duration) *recall[K, V] {
	return &recall[K, V]{most: most, keep: keep, live: map[K]*flight[V]{}}
}

// do runs work in the first caller's goroutine; the others wait for it or for
// the end of their ctx. work says whether its result is worth remembering.
func (m *recall[K, V]) do(ctx context.Context, key K, now func() time.Time, work func(context.Context) (V, bool, error)) (V, error) {
	m.mu.Lock()
	m.forget(now())
	if f := m.live[key]; f != nil {
		m.mu.Unlock()
		select {
		case <-f.done:
			return f.value, f.err
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
	f := &flight[V]{done: make(chan struct{}), err: errAborted}
	m.live[key] = f
	m.mu.Unlock()

	remember := false
	defer func() { // also when work panics
		m.mu.Lock()
		if remember {
			f.until = now().Add(m.keep)
			m.order = append(m.order, key)
		} else {
			delete(m.live, key)
		}
		m.mu.Unlock()
		close(f.done)
	}()
	f.value, remember, f.err = work(ctx)
	return f.value, f.err
}

// look gives a remembered result.
func (m *recall[K, V]) look(key K, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.live[key]
	if f == nil || f.until.IsZero() || !now.Before(f.until) {
		return value, false
	}
	return f.value, true
}

// forget drops results whose time is over, and the oldest of too many. The
// caller holds mu.
func (m *recall[K, V]) forget(now time.Time) {
	for m.head < len(m.order) {
		key := m.order[m.head]
		if f := m.live[key]; len(m.order)-m.head <= m.most && now.Before(f.until) {
			break
		}
		delete(m.live, key)
		var none K
		m.order[m.head] = none
		m.head++
	}
	if m.head > len(m.order)/2 {
		m.order = append(m.order[:0], m.order[m.head:]...)
		m.head = 0
	}
}
