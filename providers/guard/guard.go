// Package guard bounds what one provider can cost a node: how many requests may
// be under way, whether it is asked at all while it is dead, and how often a
// request may be repeated (docs/decisions/0030-containment.md has the states and
// the races).
//
// It knows HTTP and nothing of identity: what a vendor's answer means is the
// adapters' business, who is refused at the chooser the broker's, and the colour
// of a light is measured below it, so that its own refusals are in no light.
package guard

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// ErrRefused is in the chain of every refusal: the provider was not asked.
var ErrRefused = errors.New("the provider was not asked")

var (
	errFull = fmt.Errorf("%w: as many requests are under way as may be", ErrRefused)
	errOpen = fmt.Errorf("%w: it fails, and its breaker is open", ErrRefused)
)

// Rules are the numbers. They stand in the decision with their reasons.
type Rules struct {
	Most, Least int           // requests under way
	Window      time.Duration // that is judged as one
	Enough      int           // verdicts to judge by
	Bad         float64       // share of failures beyond which the limit is cut
	Cut         float64       // to this share of what was under way
	Grow        int           // by so many in a good window

	Failures     int // in a row that open the breaker
	Span         time.Duration
	Forget       time.Duration // a row without news for so long is none
	Pause        time.Duration // before the first trial, doubled by each that fails
	LongestPause time.Duration

	Share  float64 // repeats for each request
	Saved  float64 // repeats at once, at most
	Breath time.Duration
}

// DefaultRules are those of the decision.
func DefaultRules() Rules {
	return Rules{
		Most: 1024, Least: 8, Window: time.Second, Enough: 10, Bad: 0.1, Cut: 0.7, Grow: 32,
		Failures: 16, Span: 6 * time.Second, Forget: time.Minute, Pause: time.Second, LongestPause: 8 * time.Second,
		Share: 0.1, Saved: 10, Breath: 100 * time.Millisecond,
	}
}

// Guard is of one provider and node. Its methods may be called from any
// goroutine; none blocks.
type Guard struct {
	rules Rules
	now   func() time.Time

	mu       sync.Mutex // guards what follows
	limit    limit
	breaker  breaker
	budget   budget
	underWay int
	reading  Reading
}

// New is a guard that refuses nobody yet. A nil now is the machine's clock.
func New(r Rules, now func() time.Time) *Guard {
	if now == nil {
		now = time.Now
	}
	return &Guard{rules: r, now: now, limit: limit{most: r.Most}, budget: budget{saved: 1}}
}

// Reading is what a guard does and has done. Counters only grow.
type Reading struct {
	Limit    int  // requests that may be under way
	UnderWay int  // that are
	Open     bool // the breaker is not closed
	// Full and Opened are requests refused for the limit and by the breaker,
	// Repeated those made once more. TurnedAway are people.
	Full, Opened, Repeated, TurnedAway uint64
}

// Refused is how many requests were refused for either reason.
func (r Reading) Refused() uint64 { return r.Full + r.Opened }

// Reading is now's.
func (g *Guard) Reading() Reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.reading
	r.Limit, r.UnderWay, r.Open = g.limit.most, g.underWay, !g.breaker.closed()
	return r
}

// TurnsAway reports whether a person should not be sent there now, for whoever
// came back would be refused, and counts them if so. That is for the breaker's
// pause and no longer: then somebody has to try.
func (g *Guard) TurnsAway() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.breaker.pausing(g.now()) {
		return false
	}
	g.reading.TurnedAway++
	return true
}

// Trouble counts a failure of the provider that only an adapter could tell.
func (g *Guard) Trouble() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.limit = g.limit.judged(&g.rules, false, now)
	g.breaker = g.breaker.failed(&g.rules, true, now)
}

// verdict on the provider by one request.
type verdict uint8

const (
	neither verdict = iota // says nothing: the person left, or a 4xx
	good                   // answered, whole
	bad                    // its failure
)

// ticket of a request under way.
type ticket struct{ trial bool }

// enter lets one request through, or refuses it. The first of a row adds to the
// budget of repeats.
func (g *Guard) enter(first bool) (ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !g.breaker.allows(now) {
		g.reading.Opened++
		return ticket{}, errOpen
	}
	if g.underWay >= g.limit.most {
		g.reading.Full++
		return ticket{}, errFull
	}
	t := ticket{trial: !g.breaker.closed()}
	g.breaker.trying = t.trial
	g.underWay++
	g.limit = g.limit.used(g.underWay, now)
	if first {
		g.budget = g.budget.asked(&g.rules)
	}
	return t, nil
}

// leave ends a request. Once for each ticket.
func (g *Guard) leave(t ticket, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.underWay--
	if t.trial {
		g.breaker.trying = false
	}
	switch v {
	case good:
		g.limit = g.limit.judged(&g.rules, true, now)
		g.breaker = breaker{}
	case bad:
		g.limit = g.limit.judged(&g.rules, false, now)
		g.breaker = g.breaker.failed(&g.rules, t.trial, now)
	case neither:
	}
}

// again takes one repeat from the budget, unless the provider is in trouble.
func (g *Guard) again() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.breaker.closed() || g.underWay >= g.limit.most {
		return false
	}
	var ok bool
	if g.budget, ok = g.budget.spent(); ok {
		g.reading.Repeated++
	}
	return ok
}

// Client is c behind the guard; c itself stays as it is.
func (g *Guard) Client(c *http.Client) *http.Client {
	out := *c
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	out.Transport = &transport{guard: g, base: base}
	return &out
}
