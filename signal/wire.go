package signal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// What nodes tell each other begins with a byte that says the format. A node
// refuses one it does not know; it never guesses.
const (
	reportV1 = 1
	stateV1  = 1
)

// ErrFormat says that bytes are no report, or no state, that this version of the
// program understands.
var ErrFormat = errors.New("signal: not in a format this version knows")

// wire walks over a value's fields, in both directions by the same description,
// so that what is written is what is read. Writing changes nothing. Numbers are
// varints. After a mistake it does nothing more.
type wire struct {
	buf     []byte // written so far, or left to read
	reading bool
	err     error
}

func (w *wire) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
	w.buf = nil
}

// format writes the byte, or demands it.
func (w *wire) format(version byte) { //nolint:unparam // each format has its own version; all are in their first
	switch {
	case !w.reading:
		w.buf = append(w.buf, version)
	case len(w.buf) == 0 || w.buf[0] != version:
		w.fail("another version")
	default:
		w.buf = w.buf[1:]
	}
}

// end demands that nothing is left, and gives what was written.
func (w *wire) end() ([]byte, error) {
	if w.reading && w.err == nil && len(w.buf) > 0 {
		w.fail("more than there should be")
	}
	return w.buf, w.err
}

// integer has room in 64 bits with a sign.
type integer interface {
	~int | ~int64 | ~uint8 | ~uint32
}

// number walks over an integer.
func number[T integer](w *wire, v *T) {
	if !w.reading {
		w.buf = binary.AppendVarint(w.buf, int64(*v))
		return
	}
	n, size := binary.Varint(w.buf)
	if size <= 0 || int64(T(n)) != n {
		w.fail("a number")
		return
	}
	w.buf = w.buf[size:]
	*v = T(n)
}

// count walks over how many of something follow, each of one byte at least.
func (w *wire) count(n int) int {
	number(w, &n)
	if w.reading && (n < 0 || n > len(w.buf)) {
		w.fail("a count")
		return 0
	}
	if w.err != nil {
		return 0
	}
	return n
}

func (w *wire) float(v *float64) {
	if !w.reading {
		w.buf = binary.BigEndian.AppendUint64(w.buf, math.Float64bits(*v))
		return
	}
	if len(w.buf) < 8 {
		w.fail("a float")
		return
	}
	*v = math.Float64frombits(binary.BigEndian.Uint64(w.buf))
	w.buf = w.buf[8:]
	if math.IsNaN(*v) {
		w.fail("a float")
	}
}

func (w *wire) bool(v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	number(w, &n)
	if w.reading {
		*v = n == 1
	}
}

// time keeps nanoseconds and the zero time, in UTC.
func (w *wire) time(v *time.Time) {
	var n int64
	if !v.IsZero() {
		n = v.UnixNano()
	}
	number(w, &n)
	if w.reading {
		*v = time.Time{}
		if n != 0 {
			*v = time.Unix(0, n).UTC()
		}
	}
}

func (w *wire) text(v *string) {
	n := w.count(len(*v))
	if !w.reading {
		w.buf = append(w.buf, *v...)
		return
	}
	if w.err != nil {
		return
	}
	*v = string(w.buf[:n])
	w.buf = w.buf[n:]
}

// sparse walks over those of n numbered things that say something: each one's
// distance from the one before, then itself.
func (w *wire) sparse(n int, says func(int) bool, one func(int)) {
	left := 0
	if !w.reading {
		for i := range n {
			if says(i) {
				left++
			}
		}
	}
	left = w.count(left)
	last := -1
	for ; left > 0 && w.err == nil; left-- {
		next := last + 1
		for !w.reading && !says(next) {
			next++
		}
		gap := next - last
		number(w, &gap)
		if gap <= 0 || gap > n-1-last {
			w.fail("a place")
			return
		}
		last += gap
		one(last)
	}
}

func (w *wire) histogram(h *Histogram) {
	w.sparse(len(h), func(i int) bool { return h[i] != 0 }, func(i int) { number(w, &h[i]) })
}

func (w *wire) floats(f []float64) {
	w.sparse(len(f), func(i int) bool { return f[i] != 0 }, func(i int) { w.float(&f[i]) })
}
