package demo

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// stormRate is the total rate a time after a storm began: the peak, decaying
// to the base rate. A storm never makes the crowd smaller.
func stormRate(base, peak float64, since, decay time.Duration) float64 {
	return base + max(0, peak-base)*math.Exp(-since.Seconds()/decay.Seconds())
}

const (
	// stride is how long a rate is taken as constant.
	stride = 100 * time.Millisecond
	// lag is how far arrivals may be behind before the rest is forgiven: a
	// machine that was asleep is not to be hit by all of them at once.
	lag = time.Second
)

// nextArrival waits until the next person comes. Arrivals are a Poisson process
// whose rate may change: an exponential draw is used up by the rate integrated
// over time. The error is ctx's.
func (c *Crowd) nextArrival(ctx context.Context, chance *rand.Rand) error {
	need := chance.ExpFloat64()
	due := time.Now()
	if c.tally.due.After(due.Add(-lag)) {
		due = c.tally.due
	}
	for need > 0 {
		rate, _, _ := c.rate(due)
		if rate <= 0 {
			select {
			case <-c.changed:
				due = time.Now()
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		step := time.Duration(min(stride.Seconds(), need/rate)*float64(time.Second)) + 1
		need -= rate * step.Seconds()
		due = due.Add(step)
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
	}
	c.tally.due = due
	return ctx.Err()
}

func sleepUntil(ctx context.Context, due time.Time) error {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
