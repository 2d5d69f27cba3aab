package main

import (
	"math"
	"math/bits"
	"time"
)

// The buckets of a histogram: one for each microsecond below 256 µs, then 128
// for each doubling, so that a bucket is never wider than 1/128 of its values.
const (
	fineBuckets = 256
	perDoubling = 128
	doublings   = 24
	// longest is the greatest value told apart, a little over 71 minutes.
	longest = (1<<32 - 1) * time.Microsecond
)

// histogram counts durations with a relative error below 0.8 %, in 13 KB
// however many there are. The zero value is empty. It is not safe for
// concurrent use.
type histogram struct {
	counts [fineBuckets + doublings*perDoubling]uint32
	n      int64
	sum    time.Duration
	max    time.Duration
}

// bucketOf is the bucket of a duration; negative ones count as zero.
func bucketOf(d time.Duration) int {
	us := uint64(min(max(d, 0), longest) / time.Microsecond)
	if us < fineBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - 8
	return fineBuckets + (shift-1)*perDoubling + int(us>>shift) - perDoubling //nolint:gosec // us>>shift is below 256
}

// upperOf is the longest duration of a bucket, to the microsecond.
func upperOf(bucket int) time.Duration {
	if bucket < fineBuckets {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := (bucket-fineBuckets)/perDoubling + 1
	top := (bucket-fineBuckets)%perDoubling + perDoubling
	return time.Duration((top+1)<<shift-1) * time.Microsecond
}

func (h *histogram) observe(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(d)]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// at is the duration that share p (0 to 1) of all did not exceed, to the
// microsecond: never below the true one, less than 0.8 % above; 0 when empty.
func (h *histogram) at(p float64) time.Duration {
	rank := max(int64(math.Ceil(p*float64(h.n))), 1)
	var seen int64
	for i, c := range h.counts {
		if seen += int64(c); seen >= rank {
			return min(upperOf(i), h.max)
		}
	}
	return h.max
}

// spread is what reports tell of a histogram, in milliseconds.
type spread struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func (h *histogram) spread() spread {
	if h.n == 0 {
		return spread{}
	}
	return spread{
		Count: h.n, Mean: inMS(h.sum / time.Duration(h.n)),
		P50: inMS(h.at(0.50)), P95: inMS(h.at(0.95)), P99: inMS(h.at(0.99)), Max: inMS(h.max),
	}
}

// inMS is a duration in milliseconds, to the hundredth.
func inMS(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 2) }

// round keeps so many digits after the point, so that documents stay readable.
func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}
