package signal

import "time"

// HistoryMinutes is how many minutes a History keeps: a day and an hour.
const HistoryMinutes = 25 * 60

// Minute is what one provider did in one minute.
type Minute struct {
	At int64 // Unix time in minutes; a minute with 0 was not recorded
	// Light is the worst light shown in it, Override whether an operator said so
	// in any second of it.
	Light    Light
	Override bool
	// People sent there, come back, and come back without wanting to.
	Started, Returned, Cancelled uint32
	// Server legs that ended, and failures that colour.
	Legs, Failed uint32
	// How long legs took, as upper bounds of the histogram's buckets; 0 without
	// any leg.
	P50, P95, P99 time.Duration
}

// Begin is when the minute began.
func (m Minute) Begin() time.Time { return time.Unix(m.At*60, 0).UTC() }

// Quantile is the upper bound of the bucket that holds the share q (0..1) of
// all durations; 0 when nothing was counted. For what lies beyond the last
// bound it is that bound.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Total()
	if total == 0 {
		return 0
	}
	rank, sum := q*float64(total), 0
	for i, n := range h {
		if sum += int(n); n > 0 && float64(sum) >= rank {
			return Bound(min(i, HistogramBuckets-2))
		}
	}
	return Bound(HistogramBuckets - 2)
}

// History is one provider's last day in minutes. The zero value is empty and
// ready. It is not safe for concurrent use.
type History struct {
	ring [HistoryMinutes]Minute
	open Minute // the one under way
	legs Histogram
	seen int64 // second taken in last
}

// Seen is the second taken in last.
func (h *History) Seen() int64 { return h.seen }

// Take lets in sealed seconds that have not been seen, oldest first, under the
// light shown now. It returns the minutes that are over with them.
func (h *History) Take(seconds []Bucket, shown Light, override bool) (closed []Minute) {
	for i := range seconds {
		b := &seconds[i]
		if b.Second <= h.seen {
			continue
		}
		h.seen = b.Second
		if at := b.Second / 60; at != h.open.At {
			if h.open.At > 0 {
				closed = append(closed, h.open)
				h.ring[h.open.At%HistoryMinutes] = h.open
			}
			h.open, h.legs = Minute{At: at}, Histogram{}
		}
		h.add(b)
		h.open.Override = h.open.Override || override
		if shown.Worse(h.open.Light) {
			h.open.Light = shown
		}
	}
	return closed
}

func (h *History) add(b *Bucket) {
	m := &h.open
	m.Started += b.Started
	m.Returned += uint32(b.Returned()) //nolint:gosec // sums of uint32 counts of one second
	m.Cancelled += b.Cancelled
	m.Legs += uint32(b.Legs.Total()) //nolint:gosec // as above
	m.Failed += uint32(b.Failed())   //nolint:gosec // as above
	h.legs.Add(&b.Legs)
	m.P50, m.P95, m.P99 = h.legs.Quantile(0.50), h.legs.Quantile(0.95), h.legs.Quantile(0.99)
}

// Put sets a minute that is over, such as one kept from before a restart, unless
// that minute or a newer one in its place was recorded here.
func (h *History) Put(m Minute) {
	if m.At > 0 && m.At != h.open.At && h.ring[m.At%HistoryMinutes].At < m.At {
		h.ring[m.At%HistoryMinutes] = m
	}
}

// Minutes are the recorded ones from first to last, both Unix minutes, oldest
// first, the one under way included. Minutes nobody measured are missing.
func (h *History) Minutes(first, last int64) []Minute {
	var all []Minute
	for at := max(first, last-HistoryMinutes+1, 1); at <= last; at++ {
		switch m := h.ring[at%HistoryMinutes]; at {
		case h.open.At:
			all = append(all, h.open)
		case m.At:
			all = append(all, m)
		}
	}
	return all
}
