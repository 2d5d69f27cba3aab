package live

import (
	"sync"
	"sync/atomic"
	"time"

	"sinho/signal"
)

// slot is how finely the ages of legs in flight are known.
const slot = 250 * time.Millisecond

// meter counts what one provider does, in one-second buckets. Observing costs
// one short critical section and allocates nothing.
type meter struct {
	now func() time.Time
	// verySlow is t2 in force, in nanoseconds.
	verySlow atomic.Int64

	// flight counts legs under way by the slot they began in, as a ring longer
	// than the longest a leg may take.
	flight []atomic.Int32

	mu     sync.Mutex // guards the fields below
	bucket signal.Bucket
	took   time.Duration   // all legs of bucket together
	full   []signal.Bucket // ended but not sealed yet, oldest first
	closed Reading         // every bucket before this one
}

// newMeter is a meter for legs that take at most longest.
func newMeter(now func() time.Time, longest time.Duration) *meter {
	return &meter{
		now:    now,
		flight: make([]atomic.Int32, int(longest/slot)+9),
		bucket: signal.Bucket{Second: now().Unix()},
	}
}

// mostEmpty is how many seconds without any event or tick are still taken for
// measured ones; after a longer gap the process was stopped, and nothing is
// known of the time between.
const mostEmpty = 5

// current is the bucket of this second, and the time. The clock is read inside
// the critical section, so that a sealed second never takes a late write. m.mu
// is held.
func (m *meter) current() (*signal.Bucket, time.Time) {
	now := m.now()
	m.roll(now.Unix())
	return &m.bucket, now
}

// roll closes buckets up to, not including, second. A clock that goes back
// leaves the bucket open. m.mu is held.
func (m *meter) roll(second int64) {
	if second <= m.bucket.Second {
		return
	}
	m.full = append(m.full, m.bucket)
	m.closed.add(&m.bucket, m.took)
	m.took = 0
	if gap := second - m.bucket.Second; gap <= mostEmpty {
		for s := m.bucket.Second + 1; s < second; s++ {
			m.full = append(m.full, signal.Bucket{Second: s})
		}
	}
	m.bucket = signal.Bucket{Second: second}
}

// seal takes the seconds that are over, and the ages of the legs under way.
func (m *meter) seal(now time.Time) (full []signal.Bucket, inFlight signal.Histogram) {
	m.mu.Lock()
	m.roll(now.Unix())
	full, m.full = m.full, nil
	m.mu.Unlock()

	newest := slotOf(now)
	for back := range int64(len(m.flight)) {
		n := m.flight[m.index(newest-back)].Load()
		if n <= 0 {
			continue
		}
		// By the youngest a leg of this slot can be.
		age := max(now.Sub(time.Unix(0, (newest-back+1)*int64(slot))), 0)
		inFlight[signal.Index(age)] += uint32(n)
	}
	return full, inFlight
}

func slotOf(t time.Time) int64 { return t.UnixNano() / int64(slot) }

func (m *meter) index(slot int64) int {
	n := int64(len(m.flight))
	return int((slot%n + n) % n)
}

// begin counts a leg as under way; the time it gives goes to end.
func (m *meter) begin() time.Time {
	now := m.now()
	m.flight[m.index(slotOf(now))].Add(1)
	return now
}

// outcome of a leg.
type outcome uint8

const (
	good   outcome = iota
	left           // its caller gave it up
	failed         // of some class
)

// end counts a leg that ended.
func (m *meter) end(began time.Time, o outcome, class signal.Class) {
	m.flight[m.index(slotOf(began))].Add(-1)
	m.mu.Lock()
	defer m.mu.Unlock()
	b, now := m.current()
	took := now.Sub(began)
	i := signal.Index(took)
	switch o {
	case left:
		b.Left[i]++
		return
	case failed:
		b.Errors[class]++
	case good:
	}
	b.Legs[i]++
	m.took += max(took, 0)
}

// with changes the bucket of this second.
func (m *meter) with(change func(*signal.Bucket)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, _ := m.current()
	change(b)
}
