package hall

import (
	"sort"
	"sync"
	"time"

	"sinho/lobby"
)

const (
	remembered = 300 // seconds: longer than a pass and its extension
	lately     = 10  // seconds over which what comes and goes is told
)

// moment is where a queue was at the end of a second.
type moment struct {
	second                int64
	serving, next, called uint64 // called: of both lanes, of numbers that were given out
}

// past is the last minutes of a queue, as this node saw them.
type past struct {
	mu       sync.Mutex // guards what follows
	moments  []moment   // oldest first
	capacity float64    // the part that the last step had
}

func (p *past) add(q *lobby.Queue, capacity float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.capacity = capacity
	m := moment{q.Second, q.Main.Serving, q.Main.Next, min(q.Main.Serving, q.Main.Next) + min(q.Late.Serving, q.Late.Next)}
	if n := len(p.moments); n > 0 && p.moments[n-1].second >= m.second {
		p.moments[n-1] = m
		return
	}
	if len(p.moments) == remembered {
		p.moments = append(p.moments[:0], p.moments[1:]...)
	}
	p.moments = append(p.moments, m)
}

// lately is how many numbers a second were taken and called, over the last seconds
// that were seen.
func (p *past) lately() (arrived, called float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.moments)
	if n < 2 {
		return 0, 0
	}
	last := p.moments[n-1]
	first := p.moments[max(0, n-1-lately)]
	seconds := float64(max(1, last.second-first.second))
	return float64(last.next-min(first.next, last.next)) / seconds, float64(last.called-min(first.called, last.called)) / seconds
}

// calledAt is the second in which a place was called, false if that was not seen.
func (p *past) calledAt(place uint64) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.moments), func(i int) bool { return p.moments[i].serving > place })
	if i == 0 || i == len(p.moments) {
		return time.Time{}, false
	}
	return time.Unix(p.moments[i].second, 0), true
}

func (p *past) part() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.capacity
}

// recent are names of tickets, the last some ten thousand of them: two halves, of
// which the older goes when the newer is full.
type recent struct {
	mu         sync.Mutex // guards what follows
	newer, old map[[16]byte]struct{}
}

const recentHalf = 1 << 14

func (r *recent) has(name [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known(name)
}

func (r *recent) known(name [16]byte) bool {
	_, newer := r.newer[name]
	_, old := r.old[name]
	return newer || old
}

// add keeps a name, and is true where it was not there.
func (r *recent) add(name [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.known(name)
	if r.newer == nil || len(r.newer) >= recentHalf {
		r.newer, r.old = map[[16]byte]struct{}{}, r.newer
	}
	r.newer[name] = struct{}{}
	return !before
}

// lates are the numbers of the late lane that tickets were given, by the tickets' names,
// each 1 and the number. As many are kept, and likewise.
type lates struct {
	mu         sync.Mutex // guards what follows
	newer, old map[[16]byte]uint64
}

// of is 0 for a ticket that has none, as far as is known.
func (l *lates) of(name [16]byte) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.newer[name], l.old[name])
}

func (l *lates) add(name [16]byte, late uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newer == nil || len(l.newer) >= recentHalf {
		l.newer, l.old = map[[16]byte]uint64{}, l.newer
	}
	l.newer[name] = late
}
