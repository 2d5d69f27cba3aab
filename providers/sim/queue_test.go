package sim

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ride is what became of many requests, in the order of leaving.
type ride struct {
	left    []time.Time
	took    []time.Duration
	refused int
}

// drive sends n requests, one every gap, and waits for all.
func drive(t *testing.T, q *queue, n int, gap time.Duration) (all ride) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			at := time.Now()
			v := q.pass(t.Context(), nil)
			mu.Lock()
			defer mu.Unlock()
			if v != served {
				all.refused++
				return
			}
			all.left, all.took = append(all.left, time.Now()), append(all.took, time.Since(at))
		})
		time.Sleep(gap)
	}
	wg.Wait()
	return all
}

func mean(ds []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(len(ds))
}

func TestTheQueueNeverServesMoreThanItsCapacity(t *testing.T) {
	for name, gap := range map[string]time.Duration{
		"at half its capacity":   20 * time.Millisecond,
		"at its capacity":        10 * time.Millisecond,
		"at twice its capacity":  5 * time.Millisecond,
		"when all come at once":  0,
		"at ten times too much":  time.Millisecond,
		"just above what it can": 9 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(100, 50*time.Millisecond, 1)
				all := drive(t, q, 600, gap)
				if all.refused != 0 {
					t.Fatalf("got %d refused, want 0", all.refused)
				}
				slices.SortFunc(all.left, time.Time.Compare)
				for i := 1; i < len(all.left); i++ {
					if d := all.left[i].Sub(all.left[i-1]); d < 10*time.Millisecond {
						t.Fatalf("got two departures %v apart, want at least 10ms", d)
					}
				}
				if inside, line := q.load(); inside != 0 || line != 0 {
					t.Errorf("got %d inside and %d in line at the end, want none", inside, line)
				}
			})
		})
	}
}

func TestLatencyGrowsWithLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := 50 * time.Millisecond
		var means []time.Duration
		for _, gap := range []time.Duration{20, 11, 5} {
			q := newQueue(100, base, 1)
			means = append(means, mean(drive(t, q, 500, gap*time.Millisecond).took))
		}
		if means[0] < base*9/10 || means[0] > base*13/10 {
			t.Errorf("got mean latency %v at half load, want about %v", means[0], base)
		}
		if means[1] <= means[0] || means[2] <= 10*means[1] {
			t.Errorf("got means %v at half, nearly full and double load, want them growing", means)
		}
	})
}

func TestTheSameSeedRepeatsTheSameLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs [3][]time.Duration
		for i, seed := range []uint64{7, 7, 8} {
			runs[i] = drive(t, newQueue(100, 50*time.Millisecond, seed), 50, 20*time.Millisecond).took
		}
		if !slices.Equal(runs[0], runs[1]) {
			t.Errorf("got different latencies from one seed: %v, %v", runs[0], runs[1])
		}
		if slices.Equal(runs[0], runs[2]) {
			t.Error("got the same latencies from two seeds")
		}
	})
}

func TestALineLongerThanTheBoundIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(10, 100*time.Millisecond, 1)
		all := drive(t, q, 150, 0)
		// 10 a second for the ten seconds of backlog and the latency itself.
		if want := 101; len(all.took) != want || all.refused != 150-want {
			t.Errorf("got %d served and %d refused, want %d and %d", len(all.took), all.refused, want, 150-want)
		}
		if longest := slices.Max(all.took); longest > backlog+time.Second {
			t.Errorf("got a wait of %v, want none much beyond %v", longest, backlog)
		}
	})
}

func TestWhoeverLeavesTheLineCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 0, 1)
		q.pass(t.Context(), nil) // the door is now shut for a second
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if v := q.pass(ctx, nil); v != lost {
					t.Errorf("got verdict %d for a client that went, want %d", v, lost)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		wg.Go(func() {
			if v := q.pass(t.Context(), nil); v != served {
				t.Errorf("got verdict %d, want %d", v, served)
			}
			if took := time.Since(begun); took != time.Second {
				t.Errorf("got %v behind five who went, want 1s", took)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if inside, line := q.load(); inside != 0 || line != 0 {
			t.Errorf("got %d inside and %d in line, want none", inside, line)
		}
	})
}

func TestCuttingEmptiesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, time.Second, 1)
		cut := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { q.pass(t.Context(), cut) })
		}
		time.Sleep(3 * time.Second)
		begun := time.Now()
		close(cut)
		wg.Wait()
		if took := time.Since(begun); took != 0 {
			t.Errorf("got %v until the queue was empty, want at once", took)
		}
		if inside, line := q.load(); inside != 0 || line != 0 {
			t.Errorf("got %d inside and %d in line, want none", inside, line)
		}
	})
}

func TestMoreCapacityIsFeltByThoseInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 0, 1)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { q.pass(t.Context(), nil) })
		}
		synctest.Wait()
		begun := time.Now()
		q.tune(100, 0)
		wg.Wait()
		if took := time.Since(begun); took != 90*time.Millisecond {
			t.Errorf("got %v to serve nine at 100/s, want 90ms", took)
		}
	})
}
