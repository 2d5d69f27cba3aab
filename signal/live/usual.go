package live

import "sinho/signal"

// Usual tells what a provider did in the calm minutes of the last seven days, as
// the history of its lights has it. It is taken for usual as soon as the light
// is green, and at once where nothing was known: in a long incident what was
// usual before it stays so. Whoever keeps a history tells it again each hour.
func (l *Live) Usual(provider string, w signal.Week) {
	p := l.byID[provider]
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh = w
	p.thaw()
}

// thaw takes over what was told last, unless the light is frozen. p.mu is held.
func (p *provider) thaw() {
	if p.lamp.Light == signal.Green || p.week == (signal.Week{}) {
		p.week = p.fresh
	}
}
