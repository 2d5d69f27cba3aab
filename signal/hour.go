package signal

import (
	"cmp"
	"slices"
	"time"
)

// Mark is a minute in one byte: its worst light, and whether an operator or the
// settings had their word in it. 0 is a minute nobody measured.
type Mark uint8

const (
	markLight     Mark = 7
	markOverruled Mark = 8
	markPlanned   Mark = 16
)

// MarkOf is the mark of a minute.
func MarkOf(r Rollup) Mark {
	m := Mark(r.Worst())
	if r.Overruled > 0 {
		m |= markOverruled
	}
	if r.Planned > 0 {
		m |= markPlanned
	}
	return m
}

// Light is the worst one shown, 0 for none.
func (m Mark) Light() Light {
	if l := Light(m & markLight); l <= Grey {
		return l
	}
	return 0
}

// Overruled reports whether an operator's word was shown.
func (m Mark) Overruled() bool { return m&markOverruled != 0 }

// Planned reports whether a maintenance by the settings was shown.
func (m Mark) Planned() bool { return m&markPlanned != 0 }

// Hour is what one provider did in an hour.
type Hour struct {
	At      int64 // Unix time in hours
	Seconds int   // of 3600, how many somebody measured
	Marks   [60]Mark
	Rollup
}

// Begin is when the hour began.
func (h Hour) Begin() time.Time { return time.Unix(h.At*3600, 0).UTC() }

// HourOf is the hour that two chapters make. The same chapters make the same hour,
// whoever puts them together.
func HourOf(at int64, first, second Chapter) Hour {
	h := Hour{At: at}
	for i, parts := range slices.Concat(first[:], second[:]) {
		sum, seconds := parts.Sum()
		h.Marks[i] = MarkOf(sum)
		h.Seconds += seconds
		h.Rollup = h.Add(sum)
	}
	return h
}

// Fuller is the hour of which more is known: commutative, associative and
// idempotent.
func (h Hour) Fuller(o Hour) Hour {
	if cmp.Or(cmp.Compare(o.Seconds, h.Seconds), cmp.Compare(o.lit(), h.lit()), o.compare(&h.Rollup), slices.Compare(o.Marks[:], h.Marks[:]), cmp.Compare(o.At, h.At)) > 0 {
		return o
	}
	return h
}

// dayV1 is the format of a record of hours.
const dayV1 = 1

// Day is the hours of one day by UTC; those with no Seconds are not known. A
// record of it stays below 16 KiB whatever was counted.
type Day [24]Hour

// DayOf is the number of the day that has a Unix hour, and its place.
func DayOf(hour int64) (day int64, place int) { return hour / 24, int(hour % 24) }

// Merge is both readings together, with the laws of Fuller.
func (d Day) Merge(o Day) Day {
	for i := range d {
		d[i] = d[i].Fuller(o[i])
	}
	return d
}

// Encode writes day number n; equal ones give equal bytes.
func (d Day) Encode() ([]byte, error) {
	var w wire
	d.walk(&w, 0)
	return w.end()
}

// DecodeDay reads day number n; ErrFormat for anything else.
func DecodeDay(n int64, data []byte) (d Day, err error) {
	w := wire{buf: data, reading: true}
	d.walk(&w, n)
	_, err = w.end()
	return d, err
}

func (d *Day) walk(w *wire, n int64) {
	w.format(dayV1)
	w.sparse(len(d), func(i int) bool { return d[i].Seconds > 0 }, func(i int) {
		d[i].walk(w)
		if w.reading {
			d[i].At = n*24 + int64(i)
		}
	})
}

func (h *Hour) walk(w *wire) {
	number(w, &h.Seconds)
	if w.reading && (h.Seconds <= 0 || h.Seconds > 3600) {
		w.fail("the seconds of an hour")
	}
	h.walkMarks(w)
	if !w.reading {
		h.clamp()
	}
	h.Rollup.walk(w)
}

// walkMarks writes a mark and for how many minutes it goes on.
func (h *Hour) walkMarks(w *wire) {
	for i := 0; i < len(h.Marks) && w.err == nil; {
		mark, n := h.Marks[i], 1
		for !w.reading && i+n < len(h.Marks) && h.Marks[i+n] == mark {
			n++
		}
		number(w, &mark)
		number(w, &n)
		if n <= 0 || n > len(h.Marks)-i {
			w.fail("marks")
			return
		}
		for k := range n {
			h.Marks[i+k] = mark
		}
		i += n
	}
}
