package storetest

import (
	"fmt"
	"sync"
	"testing"

	"sinho/store"
)

// racers is how many callers run for one record.
const racers = 100

// race lets every racer apply its own ops at once and returns the outcomes.
func race(t *testing.T, s store.Store, shard store.Shard, attempt func(i int) store.Attempt, ops func(i int) []store.Op) []store.Outcome {
	t.Helper()
	outcomes := make([]store.Outcome, racers)
	errs := make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			<-start
			outcomes[i], errs[i] = s.Apply(t.Context(), shard, attempt(i), false, ops(i)...)
		})
	}
	close(start)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("racer %d: %v", i, err)
		}
	}
	return outcomes
}

func fresh(int) store.Attempt { return newAttempt() }

func (u *suite) races(t *testing.T) {
	s := u.open(t)
	t.Run("of many takers one wins and all others see its tombstone", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, fenced(put("code", "prize")))
		outcomes := race(t, s, shard, fresh, func(i int) []store.Op {
			return []store.Op{take("code", fmt.Sprint("by ", i))}
		})
		winner := theWinner(t, outcomes)
		wantOutcome(t, outcomes[winner], done("prize"))
		for i, o := range outcomes {
			if i != winner {
				wantOutcome(t, o, conflict(0, store.Tombstone, fmt.Sprint("by ", winner)))
			}
		}
	})
	t.Run("of many new records one wins and all others see it", func(t *testing.T) {
		shard := newShard()
		outcomes := race(t, s, shard, fresh, func(i int) []store.Op {
			return []store.Op{put(fmt.Sprint("trace ", i), "x"), putNew("lock", fmt.Sprint("by ", i))}
		})
		winner := theWinner(t, outcomes)
		wantValue(t, s, shard, "lock", fmt.Sprint("by ", winner))
		for i, o := range outcomes {
			trace := "x"
			if i != winner {
				trace = absent
				wantOutcome(t, o, conflict(1, store.Differs, fmt.Sprint("by ", winner)))
			}
			wantValue(t, s, shard, fmt.Sprint("trace ", i), trace)
		}
	})
	t.Run("one attempt sent many times at once is done once", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		apply(t, s, shard, put("code", "prize"))
		outcomes := race(t, s, shard, func(int) store.Attempt { return attempt }, func(int) []store.Op {
			return []store.Op{take("code", "t")}
		})
		first := 0
		for _, o := range outcomes {
			if !o.Repeated {
				first++
			}
			o.Repeated = false
			wantOutcome(t, o, done("prize"))
		}
		if first != 1 {
			t.Errorf("got %d answers that were not repeated, want 1", first)
		}
	})
	t.Run("of many steps from one generation to the next one is made", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("gen", "0"))
		for gen := range 3 {
			outcomes := race(t, s, shard, fresh, func(i int) []store.Op {
				return []store.Op{hold("gen", fmt.Sprint(gen)), put("gen", fmt.Sprint(gen+1)), put("by", fmt.Sprint(i))}
			})
			wantValue(t, s, shard, "by", fmt.Sprint(theWinner(t, outcomes)))
			wantValue(t, s, shard, "gen", fmt.Sprint(gen+1))
		}
	})
	t.Run("readers never see half a change", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("a", "0"), put("b", "0"))
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				v := fmt.Sprint(i)
				if _, err := s.Apply(t.Context(), shard, newAttempt(), false, put("a", v), put("b", v)); err != nil {
					t.Errorf("Apply: %v", err)
					return
				}
			}
		})
		for range 50 {
			// b is read first, so a is never older than it.
			b, a := number(t, read(t, s, shard, "b")), number(t, read(t, s, shard, "a"))
			if a < b {
				t.Errorf("read b = %d and then a = %d, which is older", b, a)
			}
		}
		close(stop)
		writer.Wait()
	})
}

func number(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Errorf("read %q, want a number", s)
	}
	return n
}

func theWinner(t *testing.T, outcomes []store.Outcome) int {
	t.Helper()
	winner := -1
	for i, o := range outcomes {
		if o.Conflict != nil {
			continue
		}
		if winner >= 0 {
			t.Fatalf("racers %d and %d both won", winner, i)
		}
		winner = i
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	return winner
}
