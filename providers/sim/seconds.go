package sim

import (
	"net/http"
	"sync"
	"time"
)

// Second is what one second asked of the simulator.
type Second struct {
	At int64 `json:"t"` // Unix
	// Asked are server legs that came to the queue, refused ones among them: what
	// capacity_per_s is the measure of.
	Asked int `json:"asked"`
	// Answered are those that were served.
	Answered int `json:"answered"`
	// Logins are people who agreed.
	Logins int `json:"logins"`
}

// secondsKept is how many are remembered.
const secondsKept = 900

// seconds are the last ones in which anything happened, in a ring.
type seconds struct {
	mu   sync.Mutex // guards ring
	ring [secondsKept]Second
}

// add counts in the second of now.
func (s *seconds) add(now time.Time, count func(*Second)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &s.ring[now.Unix()%secondsKept]
	if one.At != now.Unix() {
		*one = Second{At: now.Unix()}
	}
	count(one)
}

// since are the seconds from one on, in their order; a second in which nothing
// happened is left out.
func (s *seconds) since(from int64) []Second {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Second{}
	start := max(from, 1)
	for at := start; at < start+secondsKept; at++ {
		if one := s.ring[at%secondsKept]; one.At == at {
			all = append(all, one)
		}
	}
	return all
}

// lastSeconds is GET /control/seconds.
func (s *Sim) lastSeconds(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"seconds": s.seconds.since(time.Now().Unix() - secondsKept + 1)}, nil)
}
