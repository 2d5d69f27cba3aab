package shed

import "time"

// Whoever is sent to a provider is back half a minute later, and then has to be
// finished: by then it is too late to say no. So no more are sent on than the
// processors can finish.
const (
	// promised is the share of the processors that may be promised to those who
	// will be back. The rest is for all that is not measured here: connections,
	// pages, the lights.
	promised = 0.6
	// unknown is what a part costs until some of it was seen.
	unknown = 250 * time.Microsecond
	first   = time.Millisecond // what the first that is seen may be taken for
	least   = 20 * time.Microsecond
	dearest = 20 * time.Millisecond // so that never nobody may go
)

// cost is what one request of a part takes of a processor when nothing comes in
// between: the tenth percentile, so that a machine which is shared with others
// does not look slow.
type cost struct{ d float64 }

func (c *cost) saw(d time.Duration) {
	switch {
	case c.d == 0:
		c.d = float64(min(d, first))
	case float64(d) > c.d:
		c.d *= 1.01
	default:
		c.d *= .91
	}
	c.d = min(max(c.d, float64(least)), float64(dearest))
}

func (c *cost) seconds() float64 {
	if c.d == 0 {
		return unknown.Seconds()
	}
	return time.Duration(c.d).Seconds()
}

// pace is a bucket of those who may be sent on: a second's worth, and as many
// more each second as can be finished in one.
type pace struct {
	processors float64
	costs      [parts]cost
	saved      float64
	at         time.Duration
}

// rate of departures in a second.
func (p *pace) rate() float64 {
	var sum float64
	for part := Return; part < parts; part++ {
		sum += p.costs[part].seconds()
	}
	return promised * p.processors / sum
}

func (p *pace) fill(now time.Duration) {
	rate := p.rate()
	p.saved = min(p.saved+(now-p.at).Seconds()*rate, rate)
	p.at = now
}

// due is in how long the next one may go; 0: now.
func (p *pace) due(now time.Duration) time.Duration {
	p.fill(now)
	if p.saved >= 1 {
		return 0
	}
	return time.Duration((1-p.saved)/p.rate()*float64(time.Second)) + 1
}

func (p *pace) spend() { p.saved-- }
