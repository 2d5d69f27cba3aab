package main

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// evenly comes at a steady pace.
func evenly() float64 { return 1 }

func TestASlowServerDoesNotSlowArrivals(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
	}{{"answers at once", 0}, {"answers after a minute", time.Minute}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var came []time.Duration
				var mu sync.Mutex
				var latest time.Duration
				l := &openLoop[int]{
					rate: 10, span: 2 * time.Second, most: 1000, gap: evenly, draw: func() int { return 0 },
					walk: func(ctx context.Context, _ int, due time.Time) {
						mu.Lock()
						came = append(came, time.Since(began))
						mu.Unlock()
						_ = pause(ctx, c.takes)
						mu.Lock()
						latest = max(latest, time.Since(due))
						mu.Unlock()
					},
					shed: func(int) { t.Error("somebody was shed") }, late: func(d time.Duration) {
						if d != 0 {
							t.Errorf("began %v late", d)
						}
					},
				}
				l.run(t.Context())
				if len(came) != 19 || came[0] != 100*time.Millisecond || came[18] != 1900*time.Millisecond {
					t.Errorf("%d came, at %v; want 19 from 100 ms to 1.9 s", len(came), came)
				}
				if latest != c.takes {
					t.Errorf("the longest took %v from when it was due, want %v", latest, c.takes)
				}
			})
		})
	}
}

func TestWhoComesBeyondTheMostIsShedAndDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed, walked []int
		n := 0
		l := &openLoop[int]{
			rate: 10, span: time.Second, most: 3, gap: evenly,
			draw: func() int { n++; return n },
			walk: func(ctx context.Context, p int, _ time.Time) { _ = pause(ctx, 450*time.Millisecond) },
			shed: func(p int) { shed = append(shed, p) }, late: func(time.Duration) {},
		}
		inner := l.walk
		var mu sync.Mutex
		l.walk = func(ctx context.Context, p int, due time.Time) {
			mu.Lock()
			walked = append(walked, p)
			mu.Unlock()
			inner(ctx, p, due)
		}
		l.run(t.Context())
		// Due each 100 ms; 1, 2, 3 stay until 550, 650 and 750 ms, and so on.
		if !slices.Equal(walked, []int{1, 2, 3, 6, 7, 8}) || !slices.Equal(shed, []int{4, 5, 9}) {
			t.Errorf("walked %v, shed %v; want 4, 5 and 9 shed", walked, shed)
		}
		if l.underWay.Load() != 0 {
			t.Errorf("%d are still under way", l.underWay.Load())
		}
	})
}

func TestLatencyCountsFromWhenAPersonWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []time.Duration
		draws := 0
		l := &openLoop[int]{
			rate: 10, span: 500 * time.Millisecond, most: 9, gap: evenly,
			draw: func() int {
				if draws++; draws == 1 {
					time.Sleep(250 * time.Millisecond) // the load's own machine stalls
				}
				return 0
			},
			walk: func(context.Context, int, time.Time) {}, shed: func(int) {},
			late: func(d time.Duration) { late = append(late, d) },
		}
		l.run(t.Context())
		want := []time.Duration{250, 150, 50, 0}
		for i := range want {
			if len(late) != len(want) || late[i] != want[i]*time.Millisecond {
				t.Fatalf("late by %v, want %v ms: a stall delays whom it held up and nobody's due time", late, want)
			}
		}
	})
}

func TestALoadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 350*time.Millisecond)
		defer cancel()
		var done atomic.Int64
		began := time.Now()
		l := &openLoop[int]{
			rate: 10, span: time.Hour, most: 9, gap: evenly, draw: func() int { return 0 },
			walk: func(ctx context.Context, _ int, _ time.Time) { _ = pause(ctx, time.Hour); done.Add(1) },
			shed: func(int) {}, late: func(time.Duration) {},
		}
		l.run(ctx)
		if took := time.Since(began); took != 350*time.Millisecond || done.Load() != 3 {
			t.Errorf("ended after %v with %d through, want 350 ms and 3", took, done.Load())
		}
	})
}

func TestArrivalsArePoissonAndRepeatWithTheirSeed(t *testing.T) {
	draw := func() (n int, mean, second float64) {
		gap := poisson(rand.New(rand.NewPCG(7, 7)))
		const all = 100_000
		for range all {
			g := gap()
			mean += g / all
			second += g * g / all
		}
		return all, mean, second
	}
	_, mean, second := draw()
	if math.Abs(mean-1) > 0.02 || math.Abs(second-2) > 0.1 {
		t.Errorf("gaps have mean %v and second moment %v, want 1 and 2 as an exponential has", mean, second)
	}
	if _, again, _ := draw(); again != mean {
		t.Errorf("the same seed gives %v, then %v", mean, again)
	}
}
