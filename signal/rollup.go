package signal

import (
	"math"
	"time"
)

// Rollup is what one provider did over a stretch of time, as counters that add.
// Percentiles of a longer stretch come of the histograms of shorter ones put
// together, never of their percentiles.
type Rollup struct {
	// Lights are seconds by the light that was shown; [0] is not used.
	Lights [Grey + 1]int64
	// Overruled are seconds under an operator's word, Planned under a maintenance
	// that the settings name.
	Overruled, Planned int64
	// People sent there, come back, and come back without wanting to.
	Started, Returned, Cancelled int64
	// Failures that colour, by Class.
	Errors [classes]int64
	// What became of logins begun on green, as Honesty counts them; Vanished in
	// thousandths, because it is an estimate.
	GreenBegun, GreenEnded, GreenFailed, GreenSlow, GreenVanished int64
	// Legs are the server legs that ended, by how long they took, in the buckets of
	// a Histogram.
	Legs [HistogramBuckets]int64
}

// mostCount is above every counter of a record; it bounds a record's size.
const mostCount = 1 << 40

// fields are all counters in the order they are written.
func (r *Rollup) fields() []*int64 {
	all := make([]*int64, 0, len(r.Lights)+len(r.Errors)+len(r.Legs)+10)
	for i := range r.Lights {
		all = append(all, &r.Lights[i])
	}
	all = append(all, &r.Overruled, &r.Planned, &r.Started, &r.Returned, &r.Cancelled)
	for i := range r.Errors {
		all = append(all, &r.Errors[i])
	}
	all = append(all, &r.GreenBegun, &r.GreenEnded, &r.GreenFailed, &r.GreenSlow, &r.GreenVanished)
	for i := range r.Legs {
		all = append(all, &r.Legs[i])
	}
	return all
}

// Add is both stretches together. It is commutative and associative, and the zero
// Rollup is neutral.
func (r Rollup) Add(o Rollup) Rollup {
	from := o.fields()
	for i, to := range r.fields() {
		*to += *from[i]
	}
	return r
}

// compare orders rollups by their counters, the first that differs deciding.
func (r *Rollup) compare(o *Rollup) int {
	other := o.fields()
	for i, n := range r.fields() {
		switch {
		case *n < *other[i]:
			return -1
		case *n > *other[i]:
			return 1
		}
	}
	return 0
}

// walk writes counters that say something.
func (r *Rollup) walk(w *wire) {
	all := r.fields()
	w.sparse(len(all), func(i int) bool { return *all[i] != 0 }, func(i int) {
		number(w, all[i])
		if w.reading && (*all[i] <= 0 || *all[i] >= mostCount) {
			w.fail("a counter")
		}
	})
}

// clamp keeps every counter within what a record takes.
func (r *Rollup) clamp() {
	for _, n := range r.fields() {
		*n = min(max(*n, 0), mostCount-1)
	}
}

// take adds a second as it was shown.
func (r *Rollup) take(b *Bucket, shown Shown) {
	if b.Second >= shown.Since-1 { // the second in which it turned is of the new light
		r.show(shown)
	}
	r.Started += int64(b.Started)
	r.Returned += int64(b.Returned())
	r.Cancelled += int64(b.Cancelled)
	for i, n := range b.Errors {
		r.Errors[i] += int64(n)
	}
	r.GreenBegun += int64(b.StartedGreen)
	r.GreenEnded += int64(b.GreenEnded)
	r.GreenFailed += int64(b.GreenFailed)
	r.GreenSlow += int64(b.GreenSlow)
	for i, n := range b.Legs {
		r.Legs[i] += int64(n)
	}
}

// show adds a second of a light.
func (r *Rollup) show(shown Shown) {
	if shown.Light >= Green && shown.Light <= Grey {
		r.Lights[shown.Light]++
	}
	if shown.Overruled {
		r.Overruled++
	}
	if shown.Planned {
		r.Planned++
	}
}

// lit is how many seconds of a light are known, by all that measured.
func (r *Rollup) lit() (n int64) {
	for _, k := range r.Lights {
		n += k
	}
	return n
}

// vanish adds logins begun on green and given up for lost.
func (r *Rollup) vanish(n float64) {
	if n > 0 {
		r.GreenVanished += int64(math.Round(n * 1000))
	}
}

// Worst is the worst light shown, 0 for none.
func (r *Rollup) Worst() Light {
	for l := Grey; l >= Green; l-- {
		if r.Lights[l] > 0 {
			return l
		}
	}
	return 0
}

// Ended is how many server legs ended.
func (r *Rollup) Ended() (n int64) {
	for _, k := range r.Legs {
		n += k
	}
	return n
}

// Failed is how many failures that colour there were.
func (r *Rollup) Failed() (n int64) {
	for _, k := range r.Errors {
		n += k
	}
	return n
}

// Honest is what became of logins begun on green.
func (r *Rollup) Honest() Honesty {
	return Honesty{
		Begun: r.GreenBegun, Ended: r.GreenEnded, Failed: r.GreenFailed, Slow: r.GreenSlow,
		Vanished: float64(r.GreenVanished) / 1000,
	}
}

// Quantile is the upper bound of the bucket that holds the share q (0..1) of all
// legs; 0 when none ended. For what lies beyond the last bound it is that bound.
func (r *Rollup) Quantile(q float64) time.Duration { return quantile(r.Legs[:], q) }

// quantile is of counts in the buckets of a Histogram.
func quantile[T uint32 | int64](counts []T, q float64) time.Duration {
	var total int64
	for _, n := range counts {
		total += int64(n)
	}
	if total == 0 {
		return 0
	}
	rank, sum := q*float64(total), int64(0)
	for i, n := range counts {
		if sum += int64(n); n > 0 && float64(sum) >= rank {
			return Bound(min(i, HistogramBuckets-2))
		}
	}
	return Bound(HistogramBuckets - 2)
}
