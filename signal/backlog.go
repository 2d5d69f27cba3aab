package signal

// backlog is how many logins a provider has yet to serve of those already on
// their way: people who will be back within the horizon, and server legs under
// way, queued ones too. The broker knows both before any queue is seen, so shares
// need not wait for one (feed-forward, as O. J. M. Smith had it: "Closer control
// of loops with dead time", Chemical Engineering Progress 53 (1957) 217–219).
func (r *Rules) backlog(l *Lamp, s *Sample) float64 {
	if r.Share.Horizon <= 0 {
		return 0
	}
	return l.crowd.expected(l.seen, int(r.Share.Horizon.Seconds())) + float64(s.InFlight.Total())
}

// expected is how many of those away at the end of second now come back within
// so many seconds more, if everything is as usual. Those who have been given up
// are not among them.
func (c *crowd) expected(now int64, within int) float64 {
	h := c.curve.hazards()
	backBy, _ := usual(&h)
	var sum float64
	for i := range c.cohorts {
		k := &c.cohorts[i]
		age := now - k.second
		if k.away == 0 || k.lost || age < 0 || age > maxAge {
			continue
		}
		then := backBy[min(int(age)+within, maxAge)]
		sum += float64(k.away) * (then - backBy[age]) / (1 - backBy[age])
	}
	return sum
}

// doubt is how near what is known besides the server legs' times is to turning
// the light yellow, 0..1: of that no capacity knows anything.
func (l *Lamp) doubt(r *Rules) float64 {
	var d float64
	if l.crowd.active(&r.Person) {
		d = l.crowd.yellow / r.Person.YellowEvidence
	}
	d = max(d, float64(l.probes.n)/float64(r.ProbesYellow))
	if !l.crowd.contradictsPages() {
		d = max(d, float64(l.pages.n)/float64(r.PagesYellow))
	}
	return min(d, 1)
}

// Load is what whoever lets people through to a provider may reckon with: the
// logins a second that it takes, and how many of those under way it cannot serve
// within the horizon of the shares. One that was not seen to be congested counts
// for twice what is known of it, within the cap: whoever admits by this would
// otherwise never send it more than it was sent before.
func (c Capacity) Load(r Rules, b Bounds) (capacity, backlog float64) {
	if !c.Measured {
		return b.capped(2 * max(b.prior(), c.Most)), 0
	}
	return c.Estimate, max(0, c.advice.backlog-c.Estimate*r.Share.Horizon.Seconds())
}
