package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"
)

// stay is one browser's tab in a waiting room. Only its own goroutine writes it.
type stay struct {
	who uint64 // the browser: both tabs of one have the same
	tab bool   // the second one
	// anew: the same person once more, who has been counted.
	anew bool
	habits

	came time.Time // in the room
	told time.Time // of the first estimate, zero: never
	p50  float64   // of it, in seconds
	p90  float64

	numbers []uint64 // that it held, one after the other
	late    bool     // was in the late lane
	called  time.Time
	in      time.Time

	lost     int // another number than before, while waiting
	lostBack int // another number than before, back from a provider without having got in
	again    int // back in the room from a provider
	broken   int // sockets that ended by themselves
	dropped  bool
	outcome  string
}

// sits notes what a look told.
func (s *stay) sits(at *seat, now time.Time) {
	s.late = s.late || at.State == seatLate
	if at.Wait != nil && at.State != seatCalled {
		s.toldOf(now, at.Wait.P50, at.Wait.P90)
	}
	if at.Number != nil {
		s.holds(*at.Number)
	}
}

// held reports whether another number than this one was held last.
func (s *stay) held(number uint64) bool {
	n := len(s.numbers)
	return n > 0 && s.numbers[n-1] != number
}

// holds notes the number of this browser. Another one than before is a lost place,
// unless it had been spent.
func (s *stay) holds(number uint64) {
	switch {
	case len(s.numbers) > 0 && !s.held(number):
		return
	case s.held(number) && s.again > 0:
		s.lostBack++
	case s.held(number):
		s.lost++
	}
	s.numbers = append(s.numbers, number)
}

// toldOf keeps the first estimate.
func (s *stay) toldOf(now time.Time, p50, p90 float64) {
	if s.told.IsZero() {
		s.told, s.p50, s.p90 = now, p50, p90
	}
}

func (s *stay) calledAt(now time.Time) {
	if s.called.IsZero() {
		s.called = now
	}
}

// waited is how long this person was in the room; false while it is not over.
func (s *stay) waited() (time.Duration, bool) { return s.called.Sub(s.came), !s.called.IsZero() }

// missed is how far off the first estimate was, as a share of what came; false
// where there was none, or less to wait than can be told apart.
func (s *stay) missed() (float64, bool) {
	if s.told.IsZero() || s.called.IsZero() {
		return 0, false
	}
	actual := s.called.Sub(s.told).Seconds()
	return math.Abs(s.p50-actual) / math.Max(actual, 1), true
}

// stays counts what became of everybody who met a room. It is safe for concurrent
// use.
type stays struct {
	mu sync.Mutex // guards everything below

	people, tabs    int64
	by              map[string]int64
	waits           histogram
	calledToIn      histogram
	shed, shedPass  int64 // answers that told to come again later, to whom had no pass and to whom had
	lost, lostBack  int64
	broken          int64
	shedAt          map[string]int64 // with a pass, by step
	again, turned   int64
	late, noShow    int64
	dropped         int64
	kept            int64 // of those who dropped what they held: with the same number after it
	tabSame, tabNot int64 // second tabs with the number of the first, and with another
	twice           int64 // browsers that got in with one number in both tabs
	told, within    int64
	below           int64 // waited no longer than the p90 that was told
	errors          histogram
	holders         map[uint64]uint64   // who holds a number
	double          int64               // numbers that two browsers had
	first           map[uint64][]uint64 // the numbers of a browser's first tab
	ins             map[uint64]int      // tabs of a browser that got in
	outcomes        map[string]int64
	out             *table
}

func newStays() *stays {
	return &stays{
		by: map[string]int64{}, shedAt: map[string]int64{}, holders: map[uint64]uint64{}, first: map[uint64][]uint64{}, ins: map[uint64]int{}, outcomes: map[string]int64{},
	}
}

// ended books a stay.
func (t *stays) ended(s *stay, outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.outcome = outcome
	t.out.write(s.line())
	for _, n := range s.numbers {
		if who, held := t.holders[n]; held && who != s.who {
			t.double++
		}
		t.holders[n] = s.who
	}
	if outcome == outcomeIn {
		if t.ins[s.who]++; t.ins[s.who] == 2 {
			t.twice++
		}
	}
	t.lost += int64(s.lost)
	t.lostBack += int64(s.lostBack)
	t.broken += int64(s.broken)
	t.pair(s)
	count(&t.turned, outcome == kindTurnedBack)
	if s.tab {
		t.tabs++
		return
	}
	count(&t.people, !s.anew)
	t.by[s.manner.String()]++
	t.outcomes[outcome]++
	t.again += int64(s.again)
	count(&t.late, s.late)
	count(&t.noShow, outcome == kindNoShow)
	count(&t.dropped, s.dropped)
	count(&t.kept, s.dropped && s.lost == 0)
	if d, over := s.waited(); over {
		t.waits.observe(d)
		if !s.in.IsZero() {
			t.calledToIn.observe(s.in.Sub(s.called))
		}
	}
	if off, judged := s.missed(); judged {
		t.told++
		t.errors.observe(time.Duration(off * float64(time.Second)))
		count(&t.within, off <= goodEstimate)
		count(&t.below, s.called.Sub(s.told).Seconds() <= s.p90)
	}
}

// goodEstimate is how far off a good one may be.
const goodEstimate = 0.2

// pair compares the numbers of a browser's tabs, once both are known.
func (t *stays) pair(s *stay) {
	if !s.habits.tab || len(s.numbers) == 0 {
		return
	}
	other, known := t.first[s.who]
	if !known {
		t.first[s.who] = s.numbers
		return
	}
	delete(t.first, s.who)
	if other[0] == s.numbers[0] {
		t.tabSame++
	} else {
		t.tabNot++
	}
}

func count(n *int64, is bool) {
	if is {
		*n++
	}
}

// outcomeIn is that of whoever got in; all others are kinds of failure.
const outcomeIn = "in"

// stayHeader names the columns of --waits.
const stayHeader = "who,tab,manner,came_ms,number,told_ms,told_p50_s,told_p90_s,called_ms,in_ms,lost,lost_back,again,dropped,outcome"

// line is the stay in the file of --waits; times are Unix milliseconds, 0 for never.
func (s *stay) line() string {
	number := int64(-1)
	if len(s.numbers) > 0 {
		number = int64(s.numbers[0]) //nolint:gosec // far below
	}
	return fmt.Sprintf("%d,%t,%s,%d,%d,%d,%.1f,%.1f,%d,%d,%d,%d,%d,%t,%s", s.who, s.tab, s.manner, milli(s.came), number, milli(s.told), s.p50, s.p90,
		milli(s.called), milli(s.in), s.lost, s.lostBack, s.again, s.dropped, s.outcome)
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// table is a CSV that grows line by line. It is safe for concurrent use; nil takes
// everything and keeps nothing.
type table struct {
	mu   sync.Mutex // guards the rest
	flag string
	file io.Closer
	out  *bufio.Writer
	err  error
}

// newTable begins the file of a switch; nil for no path.
func newTable(flag, path, header string) (*table, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Create(path) //nolint:gosec // the path was asked for
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	t := &table{flag: flag, file: f, out: bufio.NewWriter(f)}
	t.write(header)
	return t, nil
}

func (t *table) write(line string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.out.WriteString(line + "\n")
	t.err = errors.Join(t.err, err)
}

func (t *table) close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := errors.Join(t.err, t.out.Flush(), t.file.Close()); err != nil {
		return fmt.Errorf("%s: %w", t.flag, err)
	}
	return nil
}
