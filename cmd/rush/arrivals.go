package main

import (
	"math"
	"time"
)

// onset is a crowd before an opening: some come early, and at the opening many at
// once, fewer and fewer.
type onset struct {
	before int           // come in the time before the opening, evenly
	early  time.Duration // how long that is
	peak   float64       // a second, at the opening
	decay  time.Duration // in which their number falls to a third (1/e)
}

// pace is the rate of arrivals, people a second, so long after the first might come.
func (o onset) pace(at time.Duration) float64 {
	if at < o.early {
		return float64(o.before) / o.early.Seconds()
	}
	return o.peak * math.Exp(-(at-o.early).Seconds()/o.decay.Seconds())
}

// stride is how long a pace that changes is taken as steady.
const stride = 20 * time.Millisecond

// later is how long until the next one comes who is due after so many mean gaps: the
// time in which the pace adds up to them. It stops at most.
func later(pace func(time.Duration) float64, at, most time.Duration, gaps float64) time.Duration {
	from := at
	for at < most {
		rate := pace(at)
		if step := gaps / rate; rate > 0 && step <= stride.Seconds() {
			at += time.Duration(step * float64(time.Second))
			return at - from
		}
		gaps -= rate * stride.Seconds()
		at += stride
	}
	return max(most, from) - from
}
