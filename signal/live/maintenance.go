package live

import (
	"context"
	"time"

	"sinho/signal"
)

// planAhead is how far ahead operators see what is planned.
const planAhead = 7 * 24 * time.Hour

// Plan makes planned the maintenance of each provider, by id, instead of what was
// planned before, and shows the board at once. Every node of a store is told the
// same by its own settings, and goes by the store's clock.
func (l *Live) Plan(ctx context.Context, planned map[string][]signal.Maintenance) {
	l.turn.Lock()
	defer l.turn.Unlock()
	for _, p := range l.providers {
		p.mu.Lock()
		p.planned = planned[p.ID]
		p.mu.Unlock()
	}
	l.publish(ctx, l.now(), 0)
}

// away reports whether a maintenance is in force. Nobody is sent there then, so
// the lamp keeps no green from before: after it the light is "not yet known", or
// what probes say of a provider that is still away. p.mu is held.
func (p *provider) away(now time.Time) bool {
	_, in, _ := signal.Next(p.planned, now, 0)
	return in
}
