package shed

import (
	"context"
	"sync"
	"time"
)

// slot is a request that was admitted. It measures what the request takes of a
// processor: whatever waits for others says so (Outside).
type slot struct {
	gate *Gate

	mu    sync.Mutex // guards what follows
	began time.Duration
	used  time.Duration
	aside int  // waits for others that are not over
	asked bool // it has waited for others: what strangers make up is refused before that
}

type slotKey struct{}

// Outside says that the request of ctx waits for something that is no processor
// of ours, until back is called, once. Without a request of a gate both do
// nothing.
func Outside(ctx context.Context) (back func()) {
	s, ok := ctx.Value(slotKey{}).(*slot)
	if !ok {
		return nothing
	}
	now := s.gate.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = true
	if s.aside++; s.aside == 1 {
		s.used += now - s.began
	}
	return s.back
}

func nothing() {}

func (s *slot) back() {
	now := s.gate.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aside--; s.aside == 0 {
		s.began = now
	}
}

// leave ends a request, which was of that part of a login's end.
func (g *Gate) leave(s *slot, p Part) {
	now := g.now()
	s.mu.Lock()
	learn, used := p != Unmeasured && s.asked && s.aside == 0, s.used+now-s.began
	s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if learn {
		g.pace.costs[p].saw(used)
	}
	g.end(now)
}
