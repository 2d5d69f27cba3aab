package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// firstBackoff and mostBackoff bound the random wait before coming back.
	firstBackoff = time.Second
	mostBackoff  = 2 * time.Minute
	// dialsAtOnce is how many connections are being made at one time.
	dialsAtOnce = 256
	// probeFor is how long a slow watcher reads at the end to learn whether the
	// server has dropped it.
	probeFor = 2 * time.Second
)

// swarm is many watchers of the lights.
type swarm struct {
	o      watchOptions
	dial   func(ctx context.Context, n int, slow bool) (*connection, error)
	dials  chan struct{} // one for each connection being made
	frames *frames
	began  time.Time
	took   time.Duration

	connected atomic.Int64

	mu        sync.Mutex // guards everything below
	made      int64      // connections made
	most      int64      // connected at once
	hungUp    int64      // by --reconnect
	endings   map[string]int64
	failures  map[string]int64 // of dials
	shake     histogram        // time to connect
	slowGone  int64            // slow watchers the server dropped
	slowHeld  int64            // slow watchers still connected at the end
	atEnd     int64
	stopped   bool
	lastCount int64 // of frames, at the last progress line
}

func newSwarm(o watchOptions, dial func(context.Context, int, bool) (*connection, error)) *swarm {
	if o.ramp == 0 {
		o.ramp = min(max(time.Duration(o.watchers)*time.Millisecond, time.Second), o.span)
	}
	return &swarm{
		o: o, dial: dial, dials: make(chan struct{}, dialsAtOnce), frames: newFrames(),
		endings: map[string]int64{}, failures: map[string]int64{},
	}
}

// run holds the swarm for its time, or until ctx ends. atEnd is called when the
// time is over, before the first watcher leaves.
func (s *swarm) run(ctx context.Context, atEnd func()) {
	s.began = time.Now()
	watching, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	var all sync.WaitGroup
	chance := rand.New(rand.NewPCG(s.o.seed, 0x77)) //nolint:gosec // who comes when is no secret, and a seed repeats it
	for n := range s.o.watchers {
		own := rand.New(rand.NewPCG(chance.Uint64(), chance.Uint64())) //nolint:gosec // as above
		all.Go(func() {
			w := &watcher{swarm: s, n: n, slow: n < s.o.slow, chance: own}
			w.run(watching)
		})
	}
	err := pause(ctx, s.o.span)
	s.took = time.Since(s.began)
	atEnd()
	s.mu.Lock()
	s.stopped, s.atEnd = err != nil, s.connected.Load()
	s.mu.Unlock()
	enough()
	all.Wait()
}

// watcher is one person's open page. Only its own goroutine uses it.
type watcher struct {
	*swarm
	n      int
	slow   bool
	chance *rand.Rand
	buf    bytes.Buffer
}

// run comes at a random moment of the ramp and keeps coming back until ctx ends.
func (w *watcher) run(ctx context.Context) {
	wait := time.Duration(w.chance.Float64() * float64(w.o.ramp))
	for attempt := 0; ; attempt++ {
		if pause(ctx, wait) != nil {
			return
		}
		c, err := w.connect(ctx)
		if err == nil {
			attempt = 0
			w.stay(ctx, c)
			if w.slow {
				return
			}
		}
		wait = backoff(err, attempt, w.chance)
	}
}

// backoff is how long to stay away: what the server said, with up to a tenth
// more so that those it refused together do not return together; else a random
// time below a bound that doubles with each failure in a row (full jitter).
func backoff(err error, attempt int, chance *rand.Rand) time.Duration {
	if r, ok := errors.AsType[*refusal](err); ok && r.after > 0 {
		return r.after + time.Duration(chance.Float64()*float64(r.after)/10)
	}
	bound := mostBackoff
	if attempt < 7 {
		bound = firstBackoff << attempt
	}
	return time.Duration(chance.Float64() * float64(bound))
}

// connect makes a connection when it is this one's turn.
func (w *watcher) connect(ctx context.Context) (*connection, error) {
	select {
	case w.dials <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-w.dials }()
	limited, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	began := time.Now()
	c, err := w.dial(limited, w.n, w.slow)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.made++
		w.shake.observe(took)
		w.most = max(w.most, w.connected.Add(1))
	case ctx.Err() == nil:
		w.failures[dialing(err)]++
	}
	return c, err
}

// stay reads until the connection ends, the watcher hangs up, or ctx ends.
func (w *watcher) stay(ctx context.Context, c *connection) {
	defer w.connected.Add(-1)
	var hungUp atomic.Bool
	unhook := context.AfterFunc(ctx, c.close)
	defer unhook()
	defer c.close()
	if w.slow {
		unhook()
		w.doze(ctx, c)
		return
	}
	if w.o.reconnect > 0 {
		stay := time.Duration(w.chance.ExpFloat64() / w.o.reconnect * float64(time.Minute))
		leave := time.AfterFunc(stay, func() { hungUp.Store(true); c.close() })
		defer leave.Stop()
	}
	var last *frame
	for {
		err := c.next(&w.buf)
		if err == nil {
			last = w.frames.received(w.buf.Bytes(), last, time.Now())
			continue
		}
		w.mu.Lock()
		switch {
		case ctx.Err() != nil:
		case hungUp.Load():
			w.hungUp++
		default:
			w.endings[ending(err)]++
		}
		w.mu.Unlock()
		return
	}
}

// doze does not read until ctx ends, and then finds out whether the server has
// kept the connection: what the system had buffered comes first.
func (w *watcher) doze(ctx context.Context, c *connection) {
	<-ctx.Done()
	var timeUp atomic.Bool
	alarm := time.AfterFunc(probeFor, func() { timeUp.Store(true); c.close() })
	defer alarm.Stop()
	var err error
	for err == nil {
		err = c.next(&w.buf)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if timeUp.Load() {
		w.slowHeld++
		return
	}
	w.slowGone++
}

// progress writes a line a second.
func (s *swarm) progress(ctx context.Context, out io.Writer) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f := s.frames.count()
			s.mu.Lock()
			var failures int64
			for _, n := range s.failures {
				failures += n
			}
			last := s.lastCount
			s.lastCount = f.received
			s.mu.Unlock()
			fmt.Fprintf(out, "%4.0f s  %6d connected  %7d frames/s  behind p99 %s  %d gaps  %d not connected\n",
				time.Since(began).Seconds(), s.connected.Load(), f.received-last, short(f.behind.at(0.99)), f.gaps, failures)
		}
	}
}
