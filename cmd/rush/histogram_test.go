package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAHistogramTellsPercentilesWithinItsError(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		draw func() time.Duration
	}{
		{"microseconds, which are exact", func() time.Duration { return time.Duration(chance.IntN(256)) * time.Microsecond }},
		{"milliseconds", func() time.Duration { return time.Duration(chance.IntN(int(50 * time.Millisecond))) }},
		{"a long tail", func() time.Duration {
			return time.Duration(math.Exp(chance.NormFloat64()*2) * float64(20*time.Millisecond))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h histogram
			all := make([]time.Duration, 10_000)
			for i := range all {
				all[i] = c.draw()
				h.observe(all[i])
			}
			slices.Sort(all)
			for _, p := range []float64{0, 0.01, 0.5, 0.95, 0.99, 0.999, 1} {
				want := all[max(int(math.Ceil(p*10_000)), 1)-1]
				got := h.at(p)
				if got < want.Truncate(time.Microsecond) || float64(got-want) > float64(want)*0.008+float64(time.Microsecond) {
					t.Errorf("at %v: got %v, want %v to 0.8 %% above", p, got, want)
				}
			}
		})
	}
}

func TestEveryDurationHasABucketThatHoldsIt(t *testing.T) {
	last := -1
	for us := uint64(0); us < 1<<33; us += 1 + us/500 {
		d := time.Duration(us) * time.Microsecond
		b := bucketOf(d)
		if b < last || b >= len(histogram{}.counts) {
			t.Fatalf("%v is in bucket %d after %d", d, b, last)
		}
		if d <= longest && (upperOf(b) < d || b > 0 && upperOf(b-1) >= d) {
			t.Fatalf("%v is in bucket %d, which ends at %v and begins after %v", d, b, upperOf(b), upperOf(max(b-1, 0)))
		}
		last = b
	}
	if got := bucketOf(-time.Second); got != 0 {
		t.Errorf("a negative duration is in bucket %d, want 0", got)
	}
	if got, want := bucketOf(math.MaxInt64), bucketOf(longest); got != want || got != len(histogram{}.counts)-1 {
		t.Errorf("the longest duration is in bucket %d, want the last, %d", got, want)
	}
}

func TestAnEmptyHistogramTellsNothing(t *testing.T) {
	var h histogram
	if got := h.at(0.99); got != 0 || h.spread() != (spread{}) {
		t.Errorf("got %v and %v, want zeros", got, h.spread())
	}
	h.observe(1234567 * time.Nanosecond)
	if got, want := h.spread(), (spread{1, 1.23, 1.23, 1.23, 1.23, 1.23}); got != want {
		t.Errorf("one value: got %v, want %v", got, want)
	}
}
