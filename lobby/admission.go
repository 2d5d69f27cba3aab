package lobby

import (
	"math"
	"time"
)

// Rules say how many a room lets through. The zero value is usable.
type Rules struct {
	Min float64       // an operator's least, people a second, whatever is measured
	Max float64       // an operator's most; 0 is none
	Tau time.Duration // in which a backlog is worked off, 6 to 8 s; 0 is 7 s
}

const (
	used    = 0.97 // of the capacity
	settled = 7 * time.Second

	// Lead is how much is called in advance while nobody waits: a second, and half of
	// one for chance. It is what can come at once on top of the rate.
	Lead = 1500 * time.Millisecond
	// LateShare is the most of the people that come from the late lane while others
	// wait.
	LateShare = 0.2
	// MinShow is the least rate of showing up that is believed: a node that counts
	// nobody cannot make the room call more than five times too many.
	MinShow = 0.2
	// Thousand is how many places are counted together.
	Thousand = 1000
	// few numbers are judged together with the thousand behind them.
	few = 500
)

// Rate is how many people a second may go on: R = 0.97·ΣĈ − backlog/τ, within
// the operator's bounds. capacity is ΣĈ in logins a second, backlog the logins
// under way above what is usual. What is no number counts as none.
func (r Rules) Rate(capacity, backlog float64) float64 {
	tau := r.Tau
	if tau <= 0 {
		tau = settled
	}
	rate := used*finite(capacity) - finite(backlog)/tau.Seconds()
	if bound := finite(r.Max); bound > 0 {
		rate = math.Min(rate, bound)
	}
	return math.Max(rate, finite(r.Min))
}

// most is more than anybody lets through in a second, so that sums of it can be kept.
const most = 1e6

// finite makes 0 of what is no number, endless or negative, and no more than most.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0
	}
	return math.Min(v, most)
}

// Sample is what a room goes by in one second.
type Sample struct {
	Capacity float64 // ΣĈ of the providers that take people, logins a second
	Backlog  float64 // logins under way above what is usual at that rate
	// Live are those who wait with an open page, by their place: the first entry from
	// Serving to the end of its thousand, then thousand by thousand. None: not
	// counted, and everybody is believed to be there.
	Live []uint32
}

// walk follows the numbers that wait and the people behind them.
type walk struct {
	at, end uint64 // Serving, Next
	live    []uint32
}

// size is how many numbers of the i-th thousand wait.
func (w *walk) size(i int) uint64 {
	first := w.at / Thousand
	from := max(w.at, (first+uint64(i))*Thousand)  //nolint:gosec // an index
	to := min(w.end, (first+uint64(i)+1)*Thousand) //nolint:gosec // an index
	if from >= to {
		return 0
	}
	return to - from
}

// show is the rate of showing up in the i-th thousand.
func (w *walk) show(i int) float64 {
	if i >= len(w.live) {
		return 1
	}
	numbers, people := w.size(i), float64(w.live[i])
	if numbers < few && i+1 < len(w.live) { // chance alone would decide
		numbers, people = numbers+w.size(i+1), people+float64(w.live[i+1])
	}
	if numbers == 0 {
		return 1
	}
	return math.Min(1, math.Max(MinShow, people/float64(numbers)))
}

// advance is how many numbers hold so many people, and how many people those
// are: less than asked for by a part of one, or where numbers run out.
func (w *walk) advance(people float64) (numbers uint64, found float64) {
	for i := 0; ; i++ {
		size, show := w.size(i), w.show(i)
		if size == 0 {
			return numbers, found
		}
		if all := float64(size) * show; found+all <= people {
			numbers, found = numbers+size, found+all
			continue
		}
		part := uint64((people - found) / show)
		return numbers + part, found + float64(part)*show
	}
}

// total is how many are there, all that wait taken together, per mille.
func (w *walk) total() uint64 {
	var numbers, people uint64
	for i, live := range w.live {
		if size := w.size(i); size > 0 {
			numbers, people = numbers+size, people+uint64(live)
		}
	}
	if numbers == 0 {
		return 1000
	}
	return min(1000, max(uint64(1000*MinShow), 1000*people/numbers))
}
