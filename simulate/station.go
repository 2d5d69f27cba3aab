package simulate

import "math/rand/v2"

// leg is one request of the broker's at a provider.
type leg struct {
	who, gen int32 // gen: the person has gone on when theirs is another
}

// station is a provider's servers behind one queue, first come first served,
// with exponential service: M/M/c while arrivals are Poisson. It does not notice
// when a caller hangs up: the work is done all the same, as most services do
// that look at the connection only to write their answer.
type station struct {
	servers, busy int
	mean          float64 // seconds of service at full speed
	speed         float64 // 1 is full speed; counts for what is begun from now on
	most          int     // waiting; more are refused
	queue         []leg   // from head on
	head          int

	used, since float64 // server-seconds in use up to since
}

func (s *station) waiting() int { return len(s.queue) - s.head }

// take lets a leg in. It is begun at once, or waits, or is refused.
func (s *station) take(l leg) (begin, refused bool) {
	switch {
	case s.busy < s.servers:
		return true, false
	case s.waiting() >= s.most:
		return false, true
	}
	s.queue = append(s.queue, l)
	return false, false
}

// next is who is begun when a server becomes free.
func (s *station) next() (l leg, any bool) {
	if s.busy >= s.servers || s.waiting() == 0 {
		return leg{}, false
	}
	l = s.queue[s.head]
	if s.head++; s.head > 1024 && 2*s.head > len(s.queue) {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
	return l, true
}

// begin occupies a server; the service takes so long.
func (s *station) begin(now float64, chance *rand.Rand) float64 {
	s.count(now)
	s.busy++
	return chance.ExpFloat64() * s.mean / s.speed
}

// end frees a server.
func (s *station) end(now float64) {
	s.count(now)
	s.busy--
}

// count brings used up to now.
func (s *station) count(now float64) {
	s.used += float64(s.busy) * (now - s.since)
	s.since = now
}

// clear empties the queue: nobody will be served.
func (s *station) clear() { s.queue, s.head = s.queue[:0], 0 }
