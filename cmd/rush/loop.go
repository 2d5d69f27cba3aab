package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// openLoop lets people come at their own times: gaps are drawn (a Poisson
// process), never stretched by how long anybody takes. Each one is told when
// they were due, which is where their latency begins; a load generator that
// waited for answers would leave out the very moments it was kept waiting
// ("coordinated omission").
type openLoop[P any] struct {
	rate float64       // arrivals a second, above 0
	span time.Duration // arrivals come in [0, span)
	most int           // under way at once
	// pace is the rate so long after the beginning; nil: always rate.
	pace func(at time.Duration) float64
	// gap draws the time between two arrivals, in units of the mean gap.
	gap func() float64
	// draw makes the next person. It is called for everybody due, so that a seed
	// gives the same people whether or not some are shed.
	draw func() P
	// walk is one person's way; it runs on a goroutine of its own.
	walk func(ctx context.Context, p P, due time.Time)
	// shed hears of a person not let in because most are under way.
	shed func(p P)
	// late hears how far behind its time each arrival began.
	late func(time.Duration)

	underWay atomic.Int64
}

// poisson draws gaps that are exponential with mean 1.
func poisson(chance *rand.Rand) func() float64 { return chance.ExpFloat64 }

// run lets people come for the span, or until ctx ends, and returns when the
// last of them is through. They have the same ctx.
func (l *openLoop[P]) run(ctx context.Context) {
	var people sync.WaitGroup
	defer people.Wait()
	began := time.Now()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var at time.Duration
	for {
		if l.pace == nil {
			at += time.Duration(l.gap() / l.rate * float64(time.Second))
		} else {
			at += later(l.pace, at, l.span, l.gap())
		}
		due := began.Add(min(at, l.span))
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		if at >= l.span || ctx.Err() != nil {
			return
		}
		p := l.draw()
		if l.underWay.Load() >= int64(l.most) {
			l.shed(p)
			continue
		}
		l.late(time.Since(due))
		l.underWay.Add(1)
		people.Go(func() {
			defer l.underWay.Add(-1)
			l.walk(ctx, p, due)
		})
	}
}
