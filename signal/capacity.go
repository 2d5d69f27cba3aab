package signal

import (
	"math"
	"time"
)

// Bounds are what an operator knows of a provider's capacity.
type Bounds struct {
	// Prior is the configured capacity. In logins a second where the operator
	// knows them, else a weight towards the other providers; not positive is 1.
	Prior float64
	// Cap is what a contract allows, in logins a second; 0 is none.
	Cap float64
}

func (b Bounds) prior() float64 {
	if b.Prior > 0 && !math.IsInf(b.Prior, 0) {
		return b.Prior
	}
	return 1
}

func (b Bounds) capped(v float64) float64 {
	if b.Cap > 0 {
		return min(v, b.Cap)
	}
	return v
}

// Capacity is what one provider is believed to take: a value, advanced once a
// second beside its Lamp. The zero Capacity has seen nothing.
//
// While a provider is congested, the logins that complete are what it takes. At
// all other times they are only what was asked of it, and say no more than "at
// least so many". So only congestion measures a capacity; while none has, the
// estimate is what the operator said, or more once more was seen to complete.
type Capacity struct {
	// Estimate in logins a second: measured, or else the greater one of the prior
	// and Most, within the cap.
	Estimate float64
	Measured bool
	// Congested reports whether logins waited at the provider in the last second.
	Congested bool
	// Arrivals are people sent there, Completions logins whose identity was read:
	// each second's, smoothed. Most is the greatest Completions lately; it fades.
	Arrivals, Completions, Most float64

	seen      int64 // second taken in last
	congested int64 // the last second in which it was, 0 for none
	// What the shares go by: they follow in steps, so that a board is not another
	// one each second.
	heldEstimate, heldMost, heldArrivals float64

	advice advice // what is recommended, and by what
}

// Seen is the Unix second the capacity has taken in last, 0 for none.
func (c Capacity) Seen() int64 { return c.seen }

// Step is the capacity one tick later: it takes in the seconds of the sample it
// has not seen. What is usual is the lamp's to know. Time is the buckets'.
func (c Capacity) Step(r Rules, b Bounds, l Lamp, s Sample) Capacity {
	congested := r.congested(&l.usual, &s)
	for i := range s.Buckets {
		if s.Buckets[i].Second > c.seen {
			c.take(&r.Capacity, b, &s.Buckets[i], congested)
		}
	}
	if c.seen == 0 {
		c.Estimate = b.capped(b.prior())
	}
	c.advice.backlog, c.advice.doubt = r.backlog(&l, &s), l.doubt(&r)
	c.heldEstimate = held(c.heldEstimate, c.Estimate, r.Capacity.Grain)
	c.heldMost = held(c.heldMost, c.Most, r.Capacity.Grain)
	c.heldArrivals = held(c.heldArrivals, c.Arrivals, r.Capacity.Grain)
	return c
}

// take lets in one sealed second.
func (c *Capacity) take(r *CapacityRules, b Bounds, k *Bucket, congested bool) {
	c.seen = k.Second
	c.Congested = congested
	keep := math.Exp2(-1 / r.HalfLife.Seconds())
	c.Arrivals += (float64(k.Started) - c.Arrivals) * (1 - keep)
	if k.Uncounted > 0 {
		return // some node did not count what completes: the estimate stands still
	}
	completed := float64(k.Completed)
	c.Completions += (completed - c.Completions) * (1 - keep)
	c.Most = max(c.Most*math.Exp2(-1/r.MostHalfLife.Seconds()), c.Completions)

	top := max(b.prior(), c.Most)
	least := r.Floor * top
	switch {
	case congested:
		c.congested, c.Measured = k.Second, true
		c.Estimate += (completed - c.Estimate) * (1 - keep)
	case !c.Measured || k.Second-c.congested > int64(r.Remember.Seconds()):
		c.Measured, c.Estimate = false, top
	case k.Started > 0 && c.Arrivals > r.Busy*c.Estimate:
		// What the operator said bounds it until more than that was seen; from then
		// on only the traffic does.
		if c.Most > b.prior() {
			top = max(top, c.Arrivals/r.Busy)
		}
		c.rise(r.Grow, top)
	default:
		c.rise(r.Return, top)
	}
	c.Estimate = b.capped(max(c.Estimate, least))
}

// rise grows the estimate by a part of itself, up to top.
func (c *Capacity) rise(by, top float64) {
	c.Estimate = max(c.Estimate, min(c.Estimate*(1+by), top))
}

// held is the old value while the new one is within a part of it.
func held(old, now, grain float64) float64 {
	if now > old*(1-grain) && now < old*(1+grain) {
		return old
	}
	return now
}

// congested reports whether most of the last seconds' legs took clearly longer
// than half of them usually do, or some under way are clearly older than nine in
// ten usually become. A few legs alone say nothing.
func (r *Rules) congested(usual *baseline, s *Sample) bool {
	c := &r.Capacity
	slow, old := r.Objective, r.Objective
	if half := usual.quantile(0.5, r.BaselineNeeds); half > 0 {
		slow = max(times(half, c.Slower), c.SlowFloor)
		old = max(times(usual.quantile(0.9, r.BaselineNeeds), c.Older), c.OldFloor)
	}
	if s.InFlight.Above(boundBelow(old)) >= r.EventsNeeded {
		return true
	}
	if len(s.Buckets) == 0 {
		return false
	}
	newest := &s.Buckets[len(s.Buckets)-1]
	if newest.Legs.Total() == 0 && s.InFlight.Total() == 0 {
		return false // nobody is there to wait
	}
	var recent Histogram
	for i := range s.Buckets {
		if b := &s.Buckets[i]; newest.Second-b.Second < int64(c.Window) {
			recent.Add(&b.Legs)
		}
	}
	over := recent.Above(boundBelow(slow))
	return over >= r.EventsNeeded && 2*over > recent.Total()
}

func times(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// Capacities are what Shares divides new logins by, for providers with these
// bounds and capacities. While none is measured they are the priors, in whatever
// unit. Once one is, the others must be in logins a second like it: a unit of
// prior is then taken for as many as any provider was seen to complete for each
// of its own, at least one. A measured provider counts for what it takes, but
// never more than unmeasured, and never so little that nobody would notice it
// recover.
func Capacities(r Rules, bounds []Bounds, capacities []Capacity) []float64 {
	unit, measured := 1.0, false
	for i, c := range capacities {
		unit = max(unit, c.heldMost/bounds[i].prior())
		measured = measured || c.Measured
	}
	if !measured {
		unit = 1
	}
	all := make([]float64, len(bounds))
	for i, c := range capacities {
		all[i] = bounds[i].capped(bounds[i].prior() * unit)
		if c.Measured {
			all[i] = max(min(r.Capacity.Use*c.heldEstimate, all[i]), r.Capacity.Floor*all[i])
		}
	}
	return all
}

// walk leaves out the advice, which has a record of its own. Amounts are never
// negative.
func (c *Capacity) walk(w *wire) {
	number(w, &c.seen)
	number(w, &c.congested)
	w.bool(&c.Measured)
	w.bool(&c.Congested)
	all := []*float64{&c.Estimate, &c.Arrivals, &c.Completions, &c.Most, &c.heldEstimate, &c.heldMost, &c.heldArrivals}
	for i, f := range all {
		if w.reading && w.err == nil && i == len(all)-1 && len(w.buf) == 0 {
			return // written by a node that has no contracts
		}
		w.float(f)
		if w.reading && (*f < 0 || math.IsInf(*f, 0)) {
			w.fail("an amount")
		}
	}
}
