// Package clock is the one clock of a node: the store's, as far as it can be
// known from the answers of the store. Everything that decides by time asks it,
// so that nodes whose machines disagree still agree with each other.
//
// It knows nothing of any store; whoever speaks to one tells it what was seen.
package clock

import (
	"log/slog"
	"sync"
	"time"
)

// Off is how far a node may be from the store before it steps and says so. What
// is less is followed silently, and never backwards.
const Off = 2 * time.Second

// remembered is how many exchanges are looked at for the one that took least.
const remembered = 16

// Clock is a node's clock. New makes it. Its methods may be called from any
// goroutine.
type Clock struct {
	machine func() time.Time
	log     *slog.Logger

	mu     sync.Mutex // guards the fields below
	offset time.Duration
	seen   time.Time // latest Now
	recent []sample  // oldest first
	steps  int
}

// sample is what one exchange says of the offset, give or take half its time.
type sample struct{ offset, slack time.Duration }

// New is a clock that begins as the machine's. machine should carry Go's
// monotonic reading, as time.Now does, so that somebody who sets the machine's
// clock does not set this one; nil is time.Now. log may be nil.
func New(machine func() time.Time, log *slog.Logger) *Clock {
	if machine == nil {
		machine = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	began := machine()
	return &Clock{log: log, machine: func() time.Time { return began.Add(machine().Sub(began)) }}
}

// Machine is the time by the machine alone, which exchanges are timed with.
func (c *Clock) Machine() time.Time { return c.machine() }

// Now is the time by the store. It stands still rather than go back, but for a
// step of more than Off.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Machine().Add(c.offset)
	if now.Before(c.seen) {
		return c.seen
	}
	c.seen = now
	return now
}

// Saw tells of one exchange: asked and answered by Machine, and what the store's
// clock said in between. The quickest of the latest exchanges is believed, as
// its middle is surest (RFC 5905, 10).
func (c *Clock) Saw(asked, answered, theirs time.Time) {
	half := answered.Sub(asked) / 2
	if half < 0 {
		return
	}
	s := sample{offset: theirs.Sub(asked.Add(half)), slack: half}
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := s.offset - c.offset; off.Abs() > Off+s.slack {
		c.offset, c.seen, c.recent = s.offset, time.Time{}, []sample{s}
		c.steps++
		c.log.Warn("clock corrected: this node was off", "by_ms", -off.Milliseconds(), "give_or_take_ms", s.slack.Milliseconds(),
			"machine_off_by_ms", -s.offset.Milliseconds())
		return
	}
	if len(c.recent) == remembered {
		c.recent = append(c.recent[:0], c.recent[1:]...)
	}
	c.recent = append(c.recent, s)
	best := s
	for _, r := range c.recent {
		if r.slack < best.slack {
			best = r
		}
	}
	c.offset = best.offset
}

// Offset is how far the store is ahead of the machine, and how often the clock
// had to step.
func (c *Clock) Offset() (ahead time.Duration, steps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset, c.steps
}
