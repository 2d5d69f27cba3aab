package sim

import (
	"container/list"
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// verdict on one request that asked to be served.
type verdict uint8

const (
	served verdict = iota + 1 // it may be answered now
	full                      // the line is longer than the bound: refuse
	lost                      // the client went, or the line was cut
)

// backlog is how long a newcomer may be made to wait for capacity before the
// queue refuses instead.
const backlog = 10 * time.Second

// queue serves requests: each takes the base latency with a modest log-normal
// jitter, then leaves through one door that opens at most rate times a second,
// first ready, first out. Below capacity the door is felt as a few
// milliseconds; above it the line, and so the latency, grows.
//
// One timer works the door however long the line is; the latency costs one
// timer a request. Requests whose client went leave the line and cost nothing.
type queue struct {
	mu      sync.Mutex // guards the rest
	dice    *rand.Rand
	rate    float64       // departures a second, > 0
	latency time.Duration // base, >= 0
	inside  int           // admitted and not yet left
	line    *list.List    // of chan struct{}: ready, waiting for the door
	next    time.Time     // the door opens no earlier
	timer   *time.Timer   // nil while the line is empty
}

func newQueue(rate float64, latency time.Duration, seed uint64) *queue {
	return &queue{
		dice: rand.New(rand.NewPCG(seed, seed^0x5deece66d)), //nolint:gosec // repeatable jitter, not a secret
		rate: rate, latency: latency, line: list.New(),
	}
}

// pass takes one request through. cut, once closed, empties the queue.
func (q *queue) pass(ctx context.Context, cut <-chan struct{}) verdict {
	wait, ok := q.enter()
	if !ok {
		return full
	}
	defer q.leave()
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return lost
		case <-cut:
			return lost
		}
	}
	open, place := q.door()
	if open == nil {
		return served
	}
	select {
	case <-open:
		return served
	case <-ctx.Done():
	case <-cut:
	}
	q.giveUp(place)
	return lost
}

// enter admits a request and says how long its own service takes.
func (q *queue) enter() (time.Duration, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if float64(q.inside) >= q.rate*(q.latency+backlog).Seconds() {
		return 0, false
	}
	q.inside++
	return q.jitter(), true
}

// jitter draws one service time: log-normal with the latency as its mean and
// a standard deviation of about a quarter of it, never beyond four times.
func (q *queue) jitter() time.Duration {
	const sigma = 0.25
	x := math.Exp(sigma*q.dice.NormFloat64() - sigma*sigma/2)
	return time.Duration(float64(q.latency) * min(x, 4))
}

func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inside--
}

// door gives nil when the request may go at once, else a channel closed when
// it may and the place in line, for giving up.
func (q *queue) door() (<-chan struct{}, *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.line.Len() == 0 && !q.next.After(now) {
		q.next = now.Add(q.gap())
		return nil, nil
	}
	open := make(chan struct{})
	place := q.line.PushBack(open)
	if q.timer == nil {
		q.timer = time.AfterFunc(q.next.Sub(now), q.work)
	}
	return open, place
}

// gap between two departures.
func (q *queue) gap() time.Duration { return time.Duration(float64(time.Second) / q.rate) }

// work opens the door for everybody whose turn has come.
func (q *queue) work() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.timer == nil {
		return
	}
	now := time.Now()
	for q.line.Len() > 0 {
		if q.next.After(now) {
			q.timer.Reset(q.next.Sub(now))
			return
		}
		if open, ok := q.line.Remove(q.line.Front()).(chan struct{}); ok {
			close(open)
		}
		// From the turn and not from now: a late timer must not lower the rate.
		q.next = q.next.Add(q.gap())
	}
	q.timer = nil
}

func (q *queue) giveUp(place *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.Remove(place) // does nothing when it has left already
}

// tune changes rate and latency; whoever waits for the door feels it at once.
func (q *queue) tune(rate float64, latency time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate, q.latency = rate, latency
	now := time.Now()
	if soonest := now.Add(q.gap()); q.next.After(soonest) {
		q.next = soonest
	}
	if q.timer != nil {
		q.timer.Reset(q.next.Sub(now))
	}
}

// load says how many requests are inside and how many of them stand in line.
func (q *queue) load() (inside, line int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inside, q.line.Len()
}
