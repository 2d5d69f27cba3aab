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
	ticked time.Time       // sealed last
	woke   time.Time       // after the process had been stopped; what began before says nothing
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
	m.roll(now)
	return &m.bucket, now
}

// roll closes buckets up to, not including, now's. A clock that goes back a
// little leaves the bucket open. m.mu is held.
func (m *meter) roll(now time.Time) {
	if !m.ticked.IsZero() && now.Sub(m.ticked).Abs() > mostEmpty*time.Second {
		m.ticked, m.woke = now, now
	}
	second := now.Unix()
	gap := second - m.bucket.Second
	if gap <= 0 && gap >= -mostEmpty {
		return
	}
	m.closed.add(&m.bucket, m.took)
	m.took = 0
	switch {
	case gap < 0:
		m.full = nil // those seconds are yet to come
	case gap > mostEmpty:
		m.full = append(m.full, m.bucket)
	default:
		m.full = append(m.full, m.bucket)
		for s := m.bucket.Second + 1; s < second; s++ {
			m.full = append(m.full, signal.Bucket{Second: s})
		}
	}
	m.bucket = signal.Bucket{Second: second}
}

// seal takes the seconds that are over, and the ages of the legs under way.
func (m *meter) seal(now time.Time) (full []signal.Bucket, inFlight signal.Histogram) {
	m.mu.Lock()
	m.roll(now)
	m.ticked = now
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
	if began.Before(m.woke) {
		return // it waited for us, not for the provider
	}
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

// of changes the bucket of this second by what was asked then, unless the
// process was stopped meanwhile.
func (m *meter) of(asked time.Time, change func(*signal.Bucket)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, _ := m.current(); !asked.Before(m.woke) {
		change(b)
	}
}

// with changes the bucket of this second.
func (m *meter) with(change func(*signal.Bucket)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, _ := m.current()
	change(b)
}
