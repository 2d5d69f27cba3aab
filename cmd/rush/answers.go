package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// said is how one request to the broker's own origin was answered.
type said int

const (
	saidWell  said = iota // any answer but the ones below, a page of an error too
	saidLater             // a node of which more is asked than it can do: come again (503 with Retry-After)
	saidGone              // any other 502, 503 or 504
	saidNone              // no answer: the connection was refused or broke
	saidLeft              // no answer either, for the person's patience was over, or the run
)

// saidOf judges an answer, or that there was none.
func saidOf(a answer, err error) said {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return saidLeft
	case err != nil:
		return saidNone
	case crowded(a):
		return saidLater
	case away(a.status):
		return saidGone
	}
	return saidWell
}

// answers counts requests to the broker's own origin as they are answered, those
// of people who do not get in among them. It is safe for concurrent use.
type answers struct {
	mu   sync.Mutex // guards everything below
	step [steps]answered
	// asked and later are requests since the last look.
	asked, later int64
}

// answered is what was said at one step.
type answered struct {
	well, later, left histogram // how long they took
	gone, none        int64
}

func (a *answers) heard(at step, what said, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	s := &a.step[at]
	switch what {
	case saidWell:
		s.well.observe(took)
	case saidLater:
		a.later++
		s.later.observe(took)
	case saidLeft:
		s.left.observe(took)
	case saidGone:
		s.gone++
	case saidNone:
		s.none++
	}
}

// tick gives how many requests there were since the last one, and how many of them
// were told to come again.
func (a *answers) tick() (asked, later int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked, later = a.asked, a.later
	a.asked, a.later = 0, 0
	return asked, later
}

// answerReport is what was said at one step, of people who did not get in too.
type answerReport struct {
	Asked int64 `json:"asked"`
	// Later were told to come again by an overloaded node (503 with Retry-After),
	// Gone is any other 502, 503 or 504, None are connections that broke, Left requests
	// whose person's patience was over.
	Later int64 `json:"later"`
	Gone  int64 `json:"gone"`
	None  int64 `json:"none"`
	Left  int64 `json:"left"`
	// How long all others took, those told to come again, and those who left.
	Took      spread `json:"took_ms"`
	TookLater spread `json:"took_later_ms"`
	TookLeft  spread `json:"took_left_ms"`
}

// report by step; a step that nobody took is not in it.
func (a *answers) report() map[string]answerReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]answerReport{}
	for at := range steps {
		s := &a.step[at]
		r := answerReport{
			Later: s.later.n, Gone: s.gone, None: s.none, Left: s.left.n,
			Took: s.well.spread(), TookLater: s.later.spread(), TookLeft: s.left.spread(),
		}
		if r.Asked = s.well.n + r.Later + r.Gone + r.None + r.Left; r.Asked > 0 {
			out[at.String()] = r
		}
	}
	return out
}

// writeAnswers tells where the broker did not simply answer.
func (d loginReport) writeAnswers(out io.Writer) {
	for at := range steps {
		a, any := d.Answers[at.String()]
		if !any || a.Later+a.Gone+a.None+a.Left == 0 {
			continue
		}
		fmt.Fprintf(out, "asked %7d  %s: %d told to come again (p99 after %.0f ms) · %d other 502, 503, 504 · %d connections broke · %d given up\n",
			a.Asked, at, a.Later, a.TookLater.P99, a.Gone, a.None, a.Left)
	}
}
