package providers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counter gives 1, 2, 3 … after a second each, or err.
type counter struct {
	mu    sync.Mutex // guards what follows
	n     int
	err   error
	times []time.Time
}

func (c *counter) fetch(ctx context.Context) (int, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, time.Now())
	if c.err != nil {
		return 0, c.err
	}
	c.n++
	return c.n, nil
}

func (c *counter) behind(fresh, usable time.Duration) *behind[int] {
	return &behind[int]{fetch: c.fetch, life: func(int) (time.Duration, time.Duration) { return fresh, usable }}
}

func wantValue(t *testing.T, b *behind[int], want int, waited time.Duration) {
	t.Helper()
	began := time.Now()
	got, _, err := b.get(t.Context())
	if err != nil || got != want || time.Since(began) != waited {
		t.Errorf("got %d (%v) after %v, want %d after %v", got, err, time.Since(began), want, waited)
	}
}

func TestBehindServesStaleAndFetchesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		b := c.behind(time.Minute, time.Hour)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { wantValue(t, b, 1, time.Second) })
		}
		all.Wait()
		time.Sleep(2 * time.Minute)
		for range 50 {
			wantValue(t, b, 1, 0) // the old one, at once
		}
		time.Sleep(2 * time.Second)
		wantValue(t, b, 2, 0) // fetched behind meanwhile
		c.err = errors.New("away")
		time.Sleep(30 * time.Minute)
		wantValue(t, b, 2, 0) // stale, and the vendor is away
		time.Sleep(31 * time.Minute)
		if _, _, err := b.get(t.Context()); !errors.Is(err, c.err) {
			t.Errorf("past its use: got %v, want %v", err, c.err)
		}
	})
}

func TestBehindRetriesWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{err: errors.New("away")}
		b := c.behind(time.Minute, 0)
		for range 1000 {
			b.get(t.Context())
			time.Sleep(100 * time.Millisecond)
		}
		var pauses []time.Duration
		for i := 1; i < len(c.times); i++ {
			pauses = append(pauses, c.times[i].Sub(c.times[i-1]).Round(time.Second))
		}
		// Each fetch takes a second itself.
		for i, want := range []time.Duration{2, 3, 5, 9, 16, 16} {
			if i >= len(pauses) || pauses[i] != want*time.Second {
				t.Fatalf("got pauses %v, want 2s 3s 5s 9s 16s 16s", pauses)
			}
		}
	})
}

func TestBehindRenewsWithinALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		b := c.behind(time.Hour, 0)
		_, version, err := b.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, second, err := b.newer(t.Context(), version)
		if got != 2 || err != nil {
			t.Errorf("at once: got %d, %v, want a newer one: it may have changed since", got, err)
		}
		time.Sleep(renewLimit - time.Second - time.Millisecond) // the fetch took a second
		if got, _, _ := b.newer(t.Context(), second); got != 2 {
			t.Errorf("within the limit: got %d, want the same", got)
		}
		time.Sleep(time.Second)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, _, err := b.newer(t.Context(), second); got != 3 || err != nil {
					t.Errorf("after the limit: got %d, %v, want a newer one", got, err)
				}
			})
		}
		all.Wait()
		if got, _, _ := b.newer(t.Context(), version); got != 3 || c.n != 3 {
			t.Errorf("with an old version: got %d after %d fetches, want what is there", got, c.n)
		}
	})
}

func TestBehindOutlivesWhoeverAskedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		b := c.behind(time.Hour, 0)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		if _, _, err := b.get(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the caller's own end", err)
		}
		wantValue(t, b, 1, 500*time.Millisecond)
	})
}
