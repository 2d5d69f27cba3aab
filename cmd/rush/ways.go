package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// way is one way to one provider that a person took from a chooser.
type way struct {
	provider string
	light    string // the chooser showed at the button that was pressed
	push     bool
	began    time.Time
	ended    time.Time // zero while under way
	sent     bool      // to the provider's page, or to the wait for a phone
	stayed   bool      // at the provider's page as long as the person does
	// answer is how long the broker took to answer a return, which holds the
	// provider's server legs; of a push, the last look at the waiting page.
	answer time.Duration
	fate   fate
}

// fate is what became of a way.
type fate string

// The fates. They are those of green honesty as Sinho counts it of itself
// (GET /signal/honesty), seen from outside: failed, slow and vanished are the
// provider's fault, left is the person's own, and other ended without anybody's.
// What Sinho calls slow is by its own bound in force (four times what nine in ten
// usually take, 2 to 6 s); here it is by --slow. A person whom the broker did not
// send anywhere (refused) has not begun; at a push, one who is told that the vendor
// is busy before any waiting page counts as failed, though the broker may not have
// asked it.
const (
	fateIn       fate = "in"       // the provider has done its part
	fateSlow     fate = "slow"     // likewise, but the answer took longer than --slow
	fateFailed   fate = "failed"   // back at the chooser, told of the provider's failure
	fateVanished fate = "vanished" // the provider's page never came, or was an error
	fateLeft     fate = "left"     // of the person's own will
	fateOther    fate = "other"
	fateRefused  fate = "refused"
	fateStopped  fate = "stopped" // Ctrl-C
)

// manners are how people behave.
type manners struct {
	away time.Duration // half are back from the provider's page by then; 0: at once
	page time.Duration // that a provider's page is waited for; 0: as long as the login
	slow time.Duration
}

// take opens a way.
func (g *walking) take(c choice) {
	g.out.provider = c.provider
	g.out.tries++
	g.out.ways = append(g.out.ways, way{provider: c.provider, light: c.form.light, push: c.form.wants("phone"), began: time.Now()})
}

// way is the one under way, or nil.
func (g *walking) way() *way {
	if n := len(g.out.ways); n > 0 && g.out.ways[n-1].ended.IsZero() {
		return &g.out.ways[n-1]
	}
	return nil
}

// passed notes what the last request says of the way under way.
func (g *walking) passed(own bool) {
	w := g.way()
	if w == nil {
		return
	}
	if !own {
		w.sent = true
		return
	}
	switch v := g.out.ledger.visits[len(g.out.ledger.visits)-1]; v.step {
	case stepCallback:
		w.answer += v.took
	case stepWait:
		w.sent, w.answer = true, v.took
	default:
	}
}

// close ends the way under way, by a failure or by nil: the broker has answered
// the site.
func (g *walking) close(f *failure) {
	if w := g.way(); w != nil {
		w.ended = time.Now()
		w.fate = w.became(f, g.slow)
	}
}

func (w *way) became(f *failure, slow time.Duration) fate {
	switch {
	case f == nil && slow > 0 && w.answer > slow:
		return fateSlow
	case f == nil:
		return fateIn
	case f.kind == kindStopped:
		return fateStopped
	case f.kind == kindLeft:
		return fateLeft
	case w.failedAtTheirs(f):
		return fateVanished
	}
	switch notice, _ := strings.CutPrefix(f.kind, kindNotice+"-"); {
	case (notice == "failed" || notice == "busy") && (w.sent || w.push):
		return fateFailed
	case notice != f.kind && !w.sent:
		return fateRefused
	case f.kind != kindPatience:
		return fateOther
	case w.answer > 0 && !w.push: // waiting for the answer to their return
		return fateFailed
	default:
		return fateLeft
	}
}

// failedAtTheirs says whether it was the provider's page that did not come.
func (w *way) failedAtTheirs(f *failure) bool {
	if !w.sent {
		return false
	}
	v, is := errors.AsType[*visitError](f.err)
	return is && v.foreign || strings.HasPrefix(f.kind, kindProvider)
}

// paceSpread is sigma of the lognormal times that people take.
const paceSpread = 0.6

// linger is the person at the provider's page, once for each way.
func (g *walking) linger(ctx context.Context) *failure {
	w := g.way()
	if w == nil || w.stayed {
		return nil
	}
	w.stayed = true
	began := time.Now()
	err := pause(ctx, time.Duration(float64(g.away)*math.Exp(paceSpread*g.person.pace)))
	g.out.ledger.person += time.Since(began)
	switch {
	case err != nil:
		return &failure{kind: kindOf(err), err: err}
	case g.person.leaves && g.out.tries == 1:
		return failed(kindLeft, "left %s's page", w.provider)
	}
	return nil
}

// lit counts the ways that were begun on one light of one provider.
type lit struct {
	begun, in, slow, failed, vanished, left, other, refused, stopped int64
}

func (l *lit) count(f fate) {
	if f == fateRefused {
		l.refused++
		return
	}
	l.begun++
	switch f {
	case fateIn:
		l.in++
	case fateSlow:
		l.slow++
	case fateFailed:
		l.failed++
	case fateVanished:
		l.vanished++
	case fateLeft:
		l.left++
	case fateStopped:
		l.stopped++
	default:
		l.other++
	}
}

// litReport is lit in the document. Judged is without those who left, and
// honesty is the share of it that did not fail, drag or vanish; null while
// nothing was judged.
type litReport struct {
	Begun    int64    `json:"begun"`
	Judged   int64    `json:"judged"`
	In       int64    `json:"in"`
	Slow     int64    `json:"slow"`
	Failed   int64    `json:"failed"`
	Vanished int64    `json:"vanished"`
	Other    int64    `json:"other"`
	Left     int64    `json:"left"`
	Refused  int64    `json:"refused"`
	Stopped  int64    `json:"stopped"`
	Honesty  *float64 `json:"honesty"`
}

func (l *lit) report() litReport {
	out := litReport{
		Begun: l.begun, Judged: l.begun - l.left - l.stopped, In: l.in, Slow: l.slow, Failed: l.failed,
		Vanished: l.vanished, Other: l.other, Left: l.left, Refused: l.refused, Stopped: l.stopped,
	}
	if out.Judged > 0 {
		share := round(1-float64(l.slow+l.failed+l.vanished)/float64(out.Judged), 6)
		out.Honesty = &share
	}
	return out
}

// wayHeader names the columns of --tries.
const wayHeader = "began_ms,ended_ms,provider,light,became,answer_ms"

// line is the way in the file of --tries.
func (w *way) line() string {
	return fmt.Sprintf("%d,%d,%s,%s,%s,%d", w.began.UnixMilli(), w.ended.UnixMilli(), w.provider, w.light, w.fate, w.answer.Milliseconds())
}
