package live

import (
	"time"

	"sinho/signal"
)

// Reading is what one provider's meter has counted since the lights began, for
// whoever collects figures. Counters only grow, and begin at zero with each Live.
type Reading struct {
	ID string
	// Legs are the server legs that ended, failed ones too, by signal.Index of how
	// long they took; Took is all their time together. Legs their caller gave up
	// are not among them.
	Legs [signal.HistogramBuckets]uint64
	Took time.Duration
	// Errors are the failures that colour, by signal.Class: of legs, and those only
	// an adapter could tell.
	Errors [len(signal.Bucket{}.Errors)]uint64
	// InFlight is how many server legs are under way.
	InFlight int
}

// Readings are one of each provider, in configured order, up to now.
func (l *Live) Readings() []Reading {
	all := make([]Reading, len(l.providers))
	for i, p := range l.providers {
		all[i] = p.meter.reading()
		all[i].ID = p.ID
	}
	return all
}

// Watchers is how many WebSockets and event streams watch, and how many may.
func (l *Live) Watchers() (now, most int) { return int(l.hub.watched.Load()), int(l.hub.max) }

// add takes one second's bucket, whose legs took so long together.
func (r *Reading) add(b *signal.Bucket, took time.Duration) {
	for i, n := range b.Legs {
		r.Legs[i] += uint64(n)
	}
	for i, n := range b.Errors {
		r.Errors[i] += uint64(n)
	}
	r.Took += took
}

// reading is everything up to now, the second under way included.
func (m *meter) reading() Reading {
	m.mu.Lock()
	r := m.closed
	r.add(&m.bucket, m.took)
	m.mu.Unlock()
	for i := range m.flight {
		r.InFlight += int(m.flight[i].Load())
	}
	return r
}
