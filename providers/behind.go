package providers

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	fetchLimit = 10 * time.Second // one fetch, whatever the client allows
	retryFirst = time.Second      // pause after one failure, doubled by each more
	retryLast  = 15 * time.Second
	renewLimit = 5 * time.Second // between renewals asked for from outside
)

// behind keeps one thing a vendor publishes. It is fetched on first need and
// behind everybody's back when it ages, by one fetch at a time, bounded in
// time, with growing pauses after failures; the old one serves meanwhile.
type behind[T any] struct {
	fetch func(context.Context) (T, error)
	// life says how long a value is fresh, and when it is no longer usable at
	// all (zero: never).
	life func(T) (fresh, usable time.Duration)

	mu      sync.Mutex // guards everything below
	have    bool
	value   T
	version int
	stale   time.Time // fetch anew behind
	dead    time.Time // of no use any more; zero: never
	renewed time.Time // when newer last began a fetch
	flight  chan struct{}
	err     error // of the last fetch
	fails   int
	retry   time.Time
}

// peek is the value at hand, if there is one.
func (b *behind[T]) peek() (T, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.value, b.usable()
}

// get is the value at hand, or waits under ctx for the one fetch that brings
// it. The error is the fetch's, or ctx's.
func (b *behind[T]) get(ctx context.Context) (T, int, error) {
	b.mu.Lock()
	now := time.Now()
	if b.usable() {
		if !now.Before(b.stale) && !now.Before(b.retry) {
			b.start(ctx)
		}
		defer b.mu.Unlock()
		return b.value, b.version, nil
	}
	if b.flight == nil && now.Before(b.retry) {
		defer b.mu.Unlock()
		var none T
		return none, 0, unseen(b.err)
	}
	return b.wait(ctx)
}

// newer is a value younger than version, for whoever finds that one wanting. It
// asks the vendor at most every renewLimit, however young the value is, for a
// vendor may change it at any moment; within the limit the same value comes back.
func (b *behind[T]) newer(ctx context.Context, version int) (T, int, error) {
	b.mu.Lock()
	now := time.Now()
	if b.flight == nil && b.usable() &&
		(b.version != version || now.Before(b.renewed.Add(renewLimit)) || now.Before(b.retry)) {
		defer b.mu.Unlock()
		return b.value, b.version, nil
	}
	if b.flight == nil {
		b.renewed = now
	}
	return b.wait(ctx)
}

// drop forgets the value if it is still the one of version.
func (b *behind[T]) drop(version int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.version == version {
		b.have = false
	}
}

// wait joins the fetch under way or starts one. It is called with mu held and
// gives it back.
func (b *behind[T]) wait(ctx context.Context) (T, int, error) {
	b.start(ctx)
	flight := b.flight
	b.mu.Unlock()
	var none T
	select {
	case <-flight:
	case <-ctx.Done():
		return none, 0, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return none, 0, b.err
	}
	return b.value, b.version, nil
}

func (b *behind[T]) usable() bool {
	return b.have && (b.dead.IsZero() || time.Now().Before(b.dead))
}

// start begins a fetch unless one is under way. Called with mu held. The fetch
// outlives whoever needed it first.
func (b *behind[T]) start(ctx context.Context) {
	if b.flight != nil {
		return
	}
	b.flight = make(chan struct{})
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchLimit)
		defer cancel()
		value, err := b.fetch(ctx)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settle(value, err)
		close(b.flight)
		b.flight = nil
	}()
}

// unseen is err for somebody who is refused during a pause: the transport
// counted the fetch, not this person.
func unseen(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	again := *e
	again.Seen = false
	return &again
}

// settle takes the outcome of a fetch. Called with mu held.
func (b *behind[T]) settle(value T, err error) {
	now := time.Now()
	b.err = err
	if err != nil {
		pause := min(retryFirst<<min(b.fails, 10), retryLast)
		b.fails++
		b.retry = now.Add(pause)
		return
	}
	fresh, usable := b.life(value)
	b.have, b.value, b.fails, b.retry = true, value, 0, time.Time{}
	b.version++
	b.stale, b.dead = now.Add(fresh), time.Time{}
	if usable > 0 {
		b.dead = now.Add(usable)
	}
}

// ahead starts a fetch if nothing is at hand, and waits for nothing.
func (b *behind[T]) ahead(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.usable() && !time.Now().Before(b.retry) {
		b.start(ctx)
	}
}
