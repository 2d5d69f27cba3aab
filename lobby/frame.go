package lobby

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Frame is what everybody in a room gets once a second, the same bytes for all.
// Each device works out its own place and wait from it (View). Its JSON is the
// compact form; times are Unix seconds of the server. A device drops a frame
// whose second is not later than that of the one it has.
type Frame struct {
	Version int    `json:"v"` // 1; a device that knows another reloads
	Room    string `json:"room"`
	Second  int64  `json:"t"` // the frame's sequence too
	Serving uint64 `json:"s"` // at the end of this second
	Step    uint64 `json:"d,omitempty"`
	Fresh   uint64 `json:"f,omitempty"` // who is before it comes late
	Next    uint64 `json:"n,omitempty"`
	Late    uint64 `json:"ls,omitempty"` // Serving of the late lane, at the end of this second
	Show    uint64 `json:"p"`            // per mille of those who wait that are there
	Rate    uint64 `json:"r"`            // people in a thousand seconds, to be counted on
	Slow    uint64 `json:"l"`            // the same, should it go badly
	Moved   int64  `json:"m,omitempty"`  // when it last moved
	Closed  bool   `json:"x,omitempty"`
	Opens   int64  `json:"o,omitempty"` // the opening, until the draw
	Proof   string `json:"k,omitempty"` // the commitment, hexadecimal
	Crowd   uint64 `json:"c,omitempty"` // how many were shuffled
	Seed    string `json:"e,omitempty"` // hexadecimal, once the shuffle is to be known
	Shares  uint64 `json:"q,omitempty"` // the sequence of the shares of the lights
}

// Opening is when a room opens with a shuffle. The zero value is a room without.
type Opening struct {
	At   time.Time
	Seed [SeedSize]byte
}

// lately is over how many seconds a frame's rate is taken.
const lately = 60

// Frame is the queue's at its second. shares is the sequence of the shares that
// go with it, 0 for none. The seed stays out until nobody can get a number of the
// shuffle any more.
func (q *Queue) Frame(room string, o Opening, shares uint64) Frame {
	f := Frame{
		Version: 1, Room: room, Second: q.Second, Serving: q.Main.Serving, Step: q.Main.Step, Fresh: q.Fresh(), Next: q.Main.Next,
		Late: q.Late.Serving, Show: q.Show, Moved: q.Moved, Closed: q.Closed, Shares: shares,
	}
	f.Rate, f.Slow = q.rates()
	if o.At.IsZero() && q.Seed == [SeedSize]byte{} {
		return f
	}
	seed := q.drawnBy(o.Seed)
	commitment := Commitment(seed)
	f.Proof = hex.EncodeToString(commitment[:])
	if !q.Drawn {
		f.Opens = o.At.Unix()
		return f
	}
	f.Crowd = q.Crowd
	if q.Second >= q.From {
		f.Seed = hex.EncodeToString(seed[:])
	}
	return f
}

// rates are what people are told to expect, and what the slow ones of ten are: the
// mean of the last minute, or what is foreseen, whichever is less; and the slowest
// ten seconds of the minute but one, a seventh below that at most.
func (q *Queue) rates() (mean, slow uint64) {
	mean = q.planned(q.Rate)
	from := len(q.Marks)
	for from > 0 && q.Marks[from-1].Second > max(q.Second-lately-MarkEvery, q.From-1) {
		from--
	}
	stretches := q.Marks[from:]
	if len(stretches) < 3 || mean == 0 { // no history yet, or standing
		return mean, mean / 2
	}
	first, last := stretches[0], stretches[len(stretches)-1]
	mean = q.planned((last.Allowed - min(first.Allowed, last.Allowed)) / uint64(max(1, last.Second-first.Second)))
	least, second := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for i, m := range stretches[1:] {
		before := stretches[i]
		one := (m.Allowed - min(before.Allowed, m.Allowed)) / uint64(max(1, m.Second-before.Second))
		switch {
		case one < least:
			least, second = one, least
		case one < second:
			second = one
		}
	}
	return mean, min(second, mean-mean/7)
}

// planned is a rate, or what is foreseen of it.
func (q *Queue) planned(rate uint64) uint64 {
	if q.Foreseen == 0 {
		return rate
	}
	return min(rate, q.Foreseen)
}

// View is what one device shows.
type View struct {
	Drawn   bool    // false: the shuffle is not out yet, and the rest is empty
	Place   uint64  // from 0
	Ahead   uint64  // people ahead who are there
	Closed  bool    // an operator has closed the room: nobody's turn comes
	Called  bool    // its turn
	TooLate bool    // the call is over; the late lane is open
	Known   bool    // there is an estimate
	P50     float64 // seconds that are to be expected, with Reserve kept back for what may be lost
	P90     float64 // seconds; nine of ten wait less
	Moved   int64   // Unix second
}

// View is what a device makes of a frame so many seconds after it: for its number,
// and for its number in the late lane and 1 (0: it is not in it). It is for showing
// alone; what counts is Queue.Admits.
func (f *Frame) View(number, late uint64, since time.Duration) (View, error) {
	if f.Version != 1 {
		return View{}, fmt.Errorf("frame of version %d: %w", f.Version, ErrMalformed)
	}
	place, err := f.place(number)
	if err != nil {
		return View{}, err
	}
	if f.Opens != 0 || f.Proof != "" && f.Seed == "" {
		return View{}, nil
	}
	v := View{Drawn: true, Place: place, Moved: f.Moved, Closed: f.Closed}
	at := Lane{Serving: f.Serving, Step: min(f.Step, f.Serving)}.at(0, time.Unix(0, 0).Add(since))
	switch {
	case place >= at:
		v.Ahead = (place - at) * f.Show / 1000
	case f.Closed:
		return v, nil
	case place >= f.Fresh:
		v.Called = true
		return v, nil
	case late == 0:
		v.TooLate = true
		return v, nil
	case late-1 < f.Late:
		v.Called = true
		return v, nil
	default:
		v.Ahead = late - 1 - f.Late
		f = f.inLateLane()
	}
	if f.Rate > 0 && f.Slow > 0 && !f.Closed {
		v.Known = true
		v.P50 = 1000 * float64(v.Ahead) / float64(f.Rate)
		v.P90 = 1000 * float64(v.Ahead) / float64(f.Slow)
	}
	return v, nil
}

// inLateLane has the rates that the late lane has while others wait.
func (f *Frame) inLateLane() *Frame {
	late := *f
	late.Rate, late.Slow = uint64(float64(f.Rate)*LateShare), uint64(float64(f.Slow)*LateShare)
	return &late
}

func (f *Frame) place(number uint64) (uint64, error) {
	if f.Seed == "" {
		return number, nil
	}
	var seed [SeedSize]byte
	if raw, err := hex.DecodeString(f.Seed); err != nil || copy(seed[:], raw) != len(raw) || len(raw) != SeedSize {
		return 0, fmt.Errorf("seed of a frame: %w", ErrMalformed)
	}
	s := NewShuffle(seed, f.Crowd)
	return s.Place(number), nil
}

// Marshal is the compact form.
func (f *Frame) Marshal() ([]byte, error) { return json.Marshal(f) }
