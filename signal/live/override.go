package live

import (
	"fmt"
	"time"

	"sinho/signal"
)

// anewFor is how long a node whose override has ended waits for a lamp that
// begins anew, its own or another node's.
const anewFor = 3 * time.Second

// Override sets an operator's word on a light, or takes it back (nil), and shows
// the board at once. It is this node's own and lies over whatever light the nodes
// agree on; whoever has several nodes tells each of them. Where an override ends
// the light is "not yet known": nobody was sent there meanwhile.
func (l *Live) Override(provider string, o *signal.Override) error {
	p := l.byID[provider]
	if p == nil {
		return fmt.Errorf("override light: no provider %q", provider)
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	now := l.now()
	p.mu.Lock()
	switch {
	case o.Active(now):
		p.anew = time.Time{}
	case p.override.Active(now):
		p.anew = now
	}
	p.override = o
	p.mu.Unlock()
	if err := l.hub.publish(l.look(now)); err != nil {
		return fmt.Errorf("override light: %w", err)
	}
	return nil
}

// Disabled reports whether an operator switched the provider off altogether, so
// that even people on their way back may not finish.
func (l *Live) Disabled(provider string) bool {
	p := l.byID[provider]
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.override.Active(l.now()) && p.override.Disabled
}

// expire ends an override whose time is over. p.mu is held.
func (p *provider) expire(now time.Time) {
	if o := p.override; o != nil && !o.Active(now) {
		p.override, p.anew = nil, o.Until
	}
}

// begun drops the wish to begin anew when lamp has, or nobody will any more. p.mu
// is held.
func (p *provider) begun(lamp signal.Lamp, now time.Time) {
	if !lamp.Measured && lamp.Reason.Code == signal.CodeLittleData || now.Sub(p.anew) > anewFor {
		p.anew = time.Time{}
	}
}

// status is the light as this node shows it. p.mu is held, or lamp is not
// shown yet.
func (p *provider) status(lamp signal.Lamp, now time.Time) signal.Status {
	if !p.anew.IsZero() {
		lamp = lamp.Forgotten(p.anew)
	}
	return p.told(lamp, now)
}

// told is the lamp under everything that is known besides: an operator's word,
// then planned maintenance. p.mu is held.
func (p *provider) told(lamp signal.Lamp, now time.Time) signal.Status {
	return lamp.Overridden(p.override, now).Status(p.ID, p.Name, now).Under(p.planned, now)
}
