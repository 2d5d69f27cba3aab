package signal

import (
	"math"
	"slices"
	"time"
)

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
func (h *Histogram) Quantile(q float64) time.Duration { return quantile(h[:], q) }

// MinuteOf is a Unix minute as the console's charts want it.
func MinuteOf(at int64, r Rollup) Minute {
	return Minute{
		At: at, Light: r.Worst(), Override: r.Overruled > 0,
		Started: count(r.Started), Returned: count(r.Returned), Cancelled: count(r.Cancelled),
		Legs: count(r.Ended()), Failed: count(r.Failed()),
		P50: r.Quantile(0.50), P95: r.Quantile(0.95), P99: r.Quantile(0.99),
	}
}

func count(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// Shown is what a provider's light showed in a second.
type Shown struct {
	Light Light
	// Since is the Unix second in which it turned; what was shown before that is not
	// known.
	Since int64
	// Overruled: an operator said so; Planned: the settings did.
	Overruled, Planned bool
	// Run is 0 where all nodes are known to have shown the same, else the process
	// that went by its own measurement.
	Run int64
	// Vanished are logins begun on green that were given up for lost since it was
	// asked last, as Honesty counts them.
	Vanished float64
}

// Recorded is what was recorded of a minute that is over.
type Recorded struct {
	At int64 // Unix time in minutes
	Parts
}

// History is one provider's last day in minutes. The zero value is empty and
// ready. It is not safe for concurrent use.
type History struct {
	ring [HistoryMinutes]Minute
	at   int64 // the minute under way
	open Parts // what is known of it, a part for each run
	seen int64 // second taken in last
}

// Seen is the second taken in last.
func (h *History) Seen() int64 { return h.seen }

// Open is the minute under way; At 0 is none.
func (h *History) Open() Recorded { return Recorded{At: h.at, Parts: slices.Clone(h.open)} }

// Take lets in sealed seconds that have not been seen, oldest first, under the
// light shown now. It returns the minutes that are over with them.
func (h *History) Take(seconds []Bucket, shown Shown) (closed []Recorded) {
	for i := range seconds {
		b := &seconds[i]
		if b.Second <= h.seen {
			continue
		}
		if at := b.Second / 60; at != h.at {
			closed = append(closed, h.Close()...)
			h.at = at
		}
		h.seen = b.Second
		p := h.part(shown.Run)
		p.Mask |= 1 << (b.Second % 60)
		p.take(b, shown)
		p.vanish(shown.Vanished)
		shown.Vanished = 0
		sum, _ := h.open.Sum()
		h.ring[h.at%HistoryMinutes] = MinuteOf(h.at, sum)
	}
	return closed
}

// part is the one of a run in the minute under way.
func (h *History) part(run int64) *Part {
	for i := range h.open {
		if h.open[i].Run == run {
			return &h.open[i]
		}
	}
	h.open = append(h.open, Part{Run: run})
	return &h.open[len(h.open)-1]
}

// Close ends the minute under way and takes any second as new, such as after the
// clock went back. What comes of that minute later is another part of it.
func (h *History) Close() (closed []Recorded) {
	if h.at > 0 {
		closed = []Recorded{h.Open()}
	}
	h.at, h.open, h.seen = 0, nil, 0
	return closed
}

// Put sets a minute that is over, such as one kept from before a restart, unless
// that minute or a newer one in its place was recorded here.
func (h *History) Put(m Minute) {
	if m.At > 0 && m.At != h.at && h.ring[m.At%HistoryMinutes].At < m.At {
		h.ring[m.At%HistoryMinutes] = m
	}
}

// Correct sets a minute that is over to what all nodes have put together of it.
func (h *History) Correct(m Minute) {
	if m.At != h.at && h.ring[m.At%HistoryMinutes].At <= m.At {
		h.ring[m.At%HistoryMinutes] = m
	}
}

// Minutes are the recorded ones from first to last, both Unix minutes, oldest
// first, the one under way included. Minutes nobody measured are missing.
func (h *History) Minutes(first, last int64) []Minute {
	var all []Minute
	for at := max(first, last-HistoryMinutes+1, 1); at <= last; at++ {
		if m := h.ring[at%HistoryMinutes]; m.At == at {
			all = append(all, m)
		}
	}
	return all
}
