package shed

import (
	"math/rand/v2"
	"time"
)

// DelayBounds are the upper bounds of the delays that Reading counts, but for
// the last, which has none.
func DelayBounds() [7]time.Duration {
	return [...]time.Duration{
		time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond,
		500 * time.Millisecond, 2 * time.Second, 10 * time.Second,
	}
}

// Reading is what a gate has done for one class. Counters only grow.
type Reading struct {
	Queued           int           // that wait now
	Delays           [8]uint64     // admitted, by how long they waited
	Waited           time.Duration // all of these together
	Full, Late, Left uint64        // refused because too many wait, or for waiting too long; gone by themselves
}

// Admitted so far.
func (r Reading) Admitted() (n uint64) {
	for _, more := range r.Delays {
		n += more
	}
	return n
}

// Refused so far; who went away is not.
func (r Reading) Refused() uint64 { return r.Full + r.Late }

func (r *Reading) waited(d time.Duration) {
	r.Waited += d
	i := 0
	for bounds := DelayBounds(); i < len(bounds) && d > bounds[i]; {
		i++
	}
	r.Delays[i]++
}

// State of a gate now.
type State struct {
	Inside int // requests admitted and not done, most of which may wait for a store or a provider
	// Departures a second that can be finished, by what finishing was seen to cost.
	Departures float64
	Classes    [classes]Reading
}

// State is now's.
func (g *Gate) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := State{Inside: g.inside, Departures: g.pace.rate(), Classes: g.readings}
	for i := range s.Classes {
		s.Classes[i].Queued = g.queues[i].length
	}
	return s
}

// again says for how long to stay away. Who was refused comes again, and when
// they are many a fixed pause would make of them the next overload: it grows
// until no more come again than refusing is worth.
type again struct {
	processors float64
	pause      time.Duration
	from       time.Duration // of the second that is counted
	count      float64
}

const (
	shortestPause = 4 * time.Second
	longestPause  = time.Minute
	cheapRefusals = 250 // a second, for each processor
)

func (a *again) after(now time.Duration) time.Duration {
	a.pause = max(a.pause, shortestPause)
	if took := now - a.from; took >= time.Second {
		switch perSecond := a.count / took.Seconds() / a.processors; {
		case took > longestPause:
			a.pause = shortestPause
		case perSecond > cheapRefusals:
			a.pause = min(a.pause*3/2, longestPause)
		case perSecond < cheapRefusals/2:
			a.pause = max(a.pause*2/3, shortestPause)
		}
		a.from, a.count = now, 0
	}
	a.count++
	return a.pause/2 + rand.N(a.pause) //nolint:gosec // spreads people out, no secret
}
