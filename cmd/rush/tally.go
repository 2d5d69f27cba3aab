package main

import (
	"sync"
	"time"
)

// tally counts what came of every login. It is safe for concurrent use.
type tally struct {
	mu sync.Mutex // guards everything below

	came, shed, in, failed, stopped, left, retried int64
	atOnce                                         int64 // in, with nothing on the way
	lateMax                                        time.Duration

	all       parts
	step      [steps]histogram
	providers map[string]*route
	lights    map[string]map[string]*lit // by provider and light
	tries     *table
	errors    map[string]int64
	notices   map[string]int64
	examples  map[string]string
	second    second
}

// parts are the times of logins that got in.
type parts struct {
	whole    histogram // from the intended start
	beyond   histogram // whole, less provider and person
	broker   histogram // waiting for the broker's origin
	provider histogram // waiting for other origins
	person   histogram // pauses on waiting pages
}

// route is what became of the logins by one provider.
type route struct {
	in, failed int64
	parts
}

// second is what happened since the last progress line.
type second struct {
	came, in, failed, shed int64
	whole, beyond          histogram
}

func newTally() *tally {
	return &tally{
		providers: map[string]*route{}, lights: map[string]map[string]*lit{}, errors: map[string]int64{},
		notices: map[string]int64{}, examples: map[string]string{},
	}
}

func (t *tally) arrived(late time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.came++
	t.second.came++
	t.lateMax = max(t.lateMax, late)
}

func (t *tally) turnedAway() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.came++
	t.shed++
	t.second.came++
	t.second.shed++
}

// ended books one login; took is from its intended start. One that was stopped
// by Ctrl-C, or left by its person, is neither a success nor a failure.
func (t *tally) ended(o *outcome, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range o.notices {
		t.notices[n]++
	}
	for i := range o.ways {
		t.way(&o.ways[i])
	}
	switch {
	case o.in:
	case o.failure.kind == kindStopped:
		t.stopped++
		return
	case own(o.failure.kind):
		t.left++
		return
	}
	if o.tries > 1 {
		t.retried++
	}
	r := t.route(o.provider)
	if !o.in {
		t.failed++
		t.second.failed++
		r.failed++
		t.errors[o.failure.kind]++
		if _, known := t.examples[o.failure.kind]; !known {
			t.examples[o.failure.kind] = o.failure.err.Error()
		}
		return
	}
	t.in++
	if len(o.notices) == 0 {
		t.atOnce++
	}
	t.second.in++
	r.in++
	beyond := took - o.ledger.provider - o.ledger.person
	for _, p := range []*parts{&t.all, &r.parts} {
		p.whole.observe(took)
		p.beyond.observe(beyond)
		p.broker.observe(o.ledger.broker)
		p.provider.observe(o.ledger.provider)
		p.person.observe(o.ledger.person)
	}
	t.second.whole.observe(took)
	t.second.beyond.observe(beyond)
	for _, v := range o.ledger.visits {
		t.step[v.step].observe(v.took)
	}
}

// own says whether a person ended a login by their own will.
func own(kind string) bool { return kind == kindLeft || kind == kindNoShow }

// route of a provider; "" is a login that never chose one.
func (t *tally) route(provider string) *route {
	r := t.providers[provider]
	if r == nil {
		r = &route{}
		t.providers[provider] = r
	}
	return r
}

// way books one way that was taken. t.mu is held.
func (t *tally) way(w *way) {
	by := t.lights[w.provider]
	if by == nil {
		by = map[string]*lit{}
		t.lights[w.provider] = by
	}
	if by[w.light] == nil {
		by[w.light] = &lit{}
	}
	by[w.light].count(w.fate)
	t.tries.write(w.line())
}

// tick gives the last second and begins a new one.
func (t *tally) tick() (s second, failed, shed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, t.second = t.second, second{}
	return s, t.failed, t.shed
}
