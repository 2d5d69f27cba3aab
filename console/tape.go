package console

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"sinho/lobby/hall"
)

const (
	// tapeStep is one column of a tape, in seconds; tapeSteps is how many are kept:
	// ten minutes.
	tapeStep  = 5
	tapeSteps = 120
)

// Tape is what this node saw of its rooms in the last ten minutes. It outlives a
// reload and no restart. It is safe for concurrent use; the zero value is not
// usable.
type Tape struct {
	mu    sync.Mutex // guards rooms
	rooms map[string][]moment
}

// moment is a room in tapeStep seconds.
type moment struct {
	At                 int64 // Unix second it begins
	Seen               int   // how often it was looked at; 0: not
	Arrivals, Admitted float64
	Waiting            uint64 // as seen last
}

// NewTape is an empty one.
func NewTape() *Tape { return &Tape{rooms: map[string][]moment{}} }

// Run notes the rooms each second until ctx ends, which is not an error.
func (t *Tape) Run(ctx context.Context, now func() time.Time, rooms func() []hall.Insight) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		t.note(now(), rooms())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// note adds what is so now. Rooms that are no more are forgotten.
func (t *Tape) note(now time.Time, rooms []hall.Insight) {
	at := now.Unix() / tapeStep * tapeStep
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rooms {
		all := t.rooms[r.Setting.Name]
		if n := len(all); n == 0 || all[n-1].At < at {
			all = append(all[max(0, n+1-tapeSteps):], moment{At: at})
		}
		m := &all[len(all)-1]
		m.Seen++
		m.Arrivals, m.Admitted, m.Waiting = m.Arrivals+r.Arrivals, m.Admitted+r.Admitted, r.Waiting
		t.rooms[r.Setting.Name] = all
	}
	maps.DeleteFunc(t.rooms, func(name string, _ []moment) bool {
		return !slices.ContainsFunc(rooms, func(r hall.Insight) bool { return r.Setting.Name == name })
	})
}

// columns are the ten minutes that end with the column of now, oldest first.
func (t *Tape) columns(room string, now time.Time) []moment {
	first := now.Unix()/tapeStep*tapeStep - (tapeSteps-1)*tapeStep
	all := make([]moment, tapeSteps)
	for i := range all {
		all[i].At = first + int64(i)*tapeStep
	}
	if t == nil {
		return all
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.rooms[room] {
		if i := (m.At - first) / tapeStep; i >= 0 && i < tapeSteps {
			all[i] = m
		}
	}
	return all
}

// mean is a sum over what was seen, a second.
func mean(sum func(moment) float64) func(moment) (float64, bool) {
	return func(m moment) (float64, bool) { return sum(m) / float64(max(m.Seen, 1)), m.Seen > 0 }
}

// passing is arrivals as an area and who was let in as a line, a second.
func passing(all []moment) chart {
	came := mean(func(m moment) float64 { return m.Arrivals })
	in := mean(func(m moment) float64 { return m.Admitted })
	c := newChart(all, came, in)
	c.Area = fill(all, c.Most, came)
	c.Lines = []curve{{"starts", draw(all, c.Most, came)}, {"returns", draw(all, c.Most, in)}}
	return c
}

// queueing is who waited.
func queueing(all []moment) chart {
	waited := func(m moment) (float64, bool) { return float64(m.Waiting), m.Seen > 0 }
	c := newChart(all, waited)
	c.Area = fill(all, c.Most, waited)
	c.Lines = []curve{{"returns", draw(all, c.Most, waited)}}
	return c
}
