package broker

import (
	"context"
	"sync"
	"time"
)

// presence knows for which journeys a browser is waiting. A proof works once, so
// a browser that goes away must not waste it: a reload, or a phone that changes
// networks, is back soon. Work whose browsers have all been gone for abandonedIn
// is given up (docs/decisions/0030-containment.md).
type presence struct {
	mu sync.Mutex // guards what follows
	by map[id]*company
}

// company of the work for one journey.
type company struct {
	ctx      context.Context //nolint:containedctx // of the work, whoever waits for it
	cancel   context.CancelFunc
	browsers int         // that wait
	leaving  *time.Timer // since none does; nil while one does
}

func newPresence() *presence { return &presence{by: map[id]*company{}} }

// join says that the browser of ctx waits for a journey, until leave is called.
// work is the context of what it waits for: it has the values of the first one's
// ctx and ends after providerWait, by done, or by being abandoned.
func (p *presence) join(ctx context.Context, journey id) (work context.Context, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.by[journey]
	if c == nil {
		c = &company{}
		c.ctx, c.cancel = context.WithTimeout(context.WithoutCancel(ctx), providerWait)
		p.by[journey] = c
	}
	c.browsers++
	if c.leaving != nil {
		c.leaving.Stop()
		c.leaving = nil
	}
	stay := context.AfterFunc(ctx, func() { p.gone(journey, c) })
	return c.ctx, func() {
		if !stay() {
			return // gone before, and counted
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.browsers--; c.browsers == 0 {
			p.forget(journey, c)
		}
	}
}

// done ends the work of a journey: it has its answer.
func (p *presence) done(journey id) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.by[journey]; c != nil {
		p.forget(journey, c)
	}
}

// gone: the browser of one went away while it waited.
func (p *presence) gone(journey id, c *company) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.browsers--; c.browsers > 0 || c.ctx.Err() != nil {
		return
	}
	c.leaving = time.AfterFunc(abandonedIn, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.browsers == 0 { // nobody has come back
			p.forget(journey, c)
		}
	})
}

// forget is called with mu held.
func (p *presence) forget(journey id, c *company) {
	if c.leaving != nil {
		c.leaving.Stop()
	}
	c.cancel()
	if p.by[journey] == c {
		delete(p.by, journey)
	}
}
