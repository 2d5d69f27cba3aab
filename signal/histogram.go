package signal

import (
	"math"
	"time"
)

// HistogramBuckets is how many buckets a Histogram has.
const HistogramBuckets = 54

// oneSecond is the index of the bucket whose upper bound is exactly 1 s.
const oneSecond = 31

// Histogram counts durations in fixed buckets, each 2^¼ times as wide as the
// one before: bucket i holds durations in (Bound(i-1), Bound(i)], from 4.6 ms
// to 38 s, the last one everything longer. Histograms of several nodes add.
type Histogram [HistogramBuckets]uint32

// bounds are the upper bounds of all buckets but the last.
var bounds = func() (b [HistogramBuckets - 1]time.Duration) {
	for i := range b {
		b[i] = time.Duration(math.Round(math.Exp2(float64(i-oneSecond)/4) * float64(time.Second)))
	}
	return b
}()

// Index is the bucket a duration belongs to; negative durations count as zero.
func Index(d time.Duration) int {
	lo, hi := 0, len(bounds)
	for lo < hi {
		mid := (lo + hi) / 2
		if bounds[mid] < d {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Bound is the upper bound of bucket i, the greatest duration for the last.
func Bound(i int) time.Duration {
	if i >= len(bounds) {
		return math.MaxInt64
	}
	return bounds[max(i, 0)]
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) { h[Index(d)]++ }

// Add adds another histogram to h.
func (h *Histogram) Add(o *Histogram) {
	for i, n := range o {
		h[i] += n
	}
}

// Total is how many durations were counted.
func (h *Histogram) Total() int {
	var n int
	for _, c := range h {
		n += int(c)
	}
	return n
}

// Longest is what the longest duration counted is longer than: the lower bound of
// its bucket, 0 where nothing was counted.
func (h *Histogram) Longest() time.Duration {
	for i := len(h) - 1; i > 0; i-- {
		if h[i] > 0 {
			return Bound(i - 1)
		}
	}
	return 0
}

// Above is how many durations lie in buckets after i, that is, are longer than
// Bound(i).
func (h *Histogram) Above(i int) int {
	var n int
	for _, c := range h[min(max(i, -1)+1, len(h)):] {
		n += int(c)
	}
	return n
}
