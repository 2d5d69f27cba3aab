package signal

import "time"

// thresholds are the bounds of slow (t1), very slow (t2) and overdue (2·t2), each
// rounded down to a bucket's bound so that counts are exact.
type thresholds struct {
	slow, verySlow, overdue int // bucket indices
}

// limits derives the thresholds from the usual 90th percentile, 0 when unknown:
// t1 = clamp(2·p90, floor, objective), t2 = clamp(4·p90, floor, 2·objective).
func (r *Rules) limits(p90 time.Duration) thresholds {
	t1, t2 := r.Objective, 2*r.Objective
	if p90 > 0 {
		t1 = min(max(2*p90, r.SlowFloor), t1)
		t2 = min(max(4*p90, r.VerySlowFloor), t2)
	}
	return thresholds{slow: boundBelow(t1), verySlow: boundBelow(t2), overdue: boundBelow(2 * t2)}
}

// boundBelow is the bucket with the greatest bound not above d; a few nanoseconds
// of rounding in the bounds are forgiven.
func boundBelow(d time.Duration) int {
	i := Index(d + 4)
	if i > 0 && (i == HistogramBuckets-1 || Bound(i) > d+4) {
		i--
	}
	return i
}

// tally is what a window holds.
type tally struct {
	seconds  int
	n        int // ended legs, and those in flight longer than t1
	slow     int // longer than t1
	verySlow int // longer than t2
	failed   int // errors, and those in flight longer than 2·t2
	ended    int // real legs that ended
}

// gather counts from the newest second backwards: the short window, growing to
// the long one until it holds enough. Seconds before from are not looked at.
//
// Legs in flight are censored observations: one older than t1 is slow already,
// whatever becomes of it, and one older than 2·t2 is as good as failed. So a
// hang shows long before any time-out fires.
func (r *Rules) gather(buckets []Bucket, inFlight *Histogram, th thresholds, from int64) tally {
	t := tally{
		n:        inFlight.Above(th.slow),
		slow:     inFlight.Above(th.slow),
		verySlow: inFlight.Above(th.verySlow),
		failed:   inFlight.Above(th.overdue),
	}
	if len(buckets) == 0 {
		return t
	}
	newest := buckets[len(buckets)-1].Second
	for i := len(buckets) - 1; i >= 0; i-- {
		b := &buckets[i]
		age := int(newest - b.Second)
		if b.Second < from || age >= r.LongWindow || age >= r.ShortWindow && t.n >= r.WindowNeeds {
			break
		}
		t.seconds = age + 1
		left := b.Left.Above(th.slow)
		legs, failed := b.Legs.Total(), b.Failed()
		t.n += max(legs, failed) + left
		t.slow += b.Legs.Above(th.slow) + left
		t.verySlow += b.Legs.Above(th.verySlow) + b.Left.Above(th.verySlow)
		t.failed += failed
		t.ended += legs
	}
	return t
}

// baseline is the usual time of a server leg: a histogram whose counts fade.
type baseline [HistogramBuckets]float64

// learn adds one second of legs.
func (b *baseline) learn(h *Histogram, keep float64) {
	for i := range b {
		b[i] = b[i]*keep + float64(h[i])
	}
}

// p90 is the quantile most rules begin with.
func (b *baseline) p90(needs float64) time.Duration { return b.quantile(0.9, needs) }

// quantile is the upper bound of the bucket that holds the share q (0..1), or 0
// while the baseline rests on fewer than needs legs.
func (b *baseline) quantile(q, needs float64) time.Duration {
	var total float64
	for _, n := range b {
		total += n
	}
	if total < needs {
		return 0
	}
	var sum float64
	for i, n := range b {
		if sum += n; sum >= q*total {
			return Bound(min(i, HistogramBuckets-2))
		}
	}
	return Bound(HistogramBuckets - 2)
}
