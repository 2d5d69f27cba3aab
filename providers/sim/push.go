package sim

import (
	"sync"
	"time"
)

// answer of the person on a push.
type decision uint8

const (
	undecided decision = iota
	approved
	rejected
	expired
)

// reaction is how long a made-up person takes to answer a push by themselves.
const reaction = 2 * time.Second

// push is one request on somebody's phone. The fields above the line never
// change; the others are guarded by pushes.mu.
type push struct {
	ref     string
	person  int
	title   string
	phrase  string
	nonce   string
	begun   time.Time
	expires time.Time

	state   decision
	decided time.Time
	shown   bool            // the phone page has listed it
	reads   int             // of the result
	keys    map[string]bool // session keys already used for a result
	late    bool            // a result was asked for and not ready, by a quirk
}

// pushes are the phones. A push answers itself by the time that has passed,
// not by a timer: it is settled whenever somebody looks, and before the
// control changes.
type pushes struct {
	desk *desk
	kept *shelf[*push]

	mu    sync.Mutex // guards since and the changing fields of every push
	since time.Time  // of the control in force
}

func newPushes(d *desk, keep time.Duration) *pushes {
	return &pushes{desk: d, kept: newShelf[*push](keep, shelfLimit), since: time.Now()}
}

// begin puts a request on the phone of a person.
func (p *pushes) begin(ref string, person int, title, phrase, nonce string, life time.Duration) *push {
	now := time.Now()
	one := &push{
		ref: ref, person: person, title: title, phrase: phrase, nonce: nonce,
		begun: now, expires: now.Add(life),
	}
	p.kept.put(ref, one)
	return one
}

// settle brings every push up to the moment under the control in force until
// now; it is called while the desk is locked, before that control goes.
func (p *pushes) settle(c Control) {
	all := p.kept.all()
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range all {
		p.advance(one, c, now)
	}
	p.since = now
}

// advance lets the time that passed under c decide.
func (p *pushes) advance(one *push, c Control, now time.Time) {
	if one.state != undecided {
		return
	}
	if !c.PageHang && c.Approve != Manual {
		at := one.begun.Add(reaction)
		if at.Before(p.since) {
			at = p.since // the phone was out of order, or somebody else decided, until then
		}
		if !at.After(now) && at.Before(one.expires) {
			one.state, one.decided = approved, at
			if c.Approve == Reject {
				one.state = rejected
			}
			return
		}
	}
	if !now.Before(one.expires) {
		one.state, one.decided = expired, one.expires
	}
}

// on runs use with the push named ref, settled and locked; ok is false when
// there is none.
func (p *pushes) on(ref string, use func(one *push)) (ok bool) {
	one, ok := p.kept.look(ref)
	if !ok {
		return false
	}
	c := p.desk.control()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance(one, c, time.Now())
	use(one)
	return true
}

// press answers a push by its button. It is too late when it has been
// answered, and nothing happens on a phone that is out of order.
func (p *pushes) press(ref string, yes bool) (pressed bool) {
	if p.desk.control().PageHang {
		return false
	}
	p.on(ref, func(one *push) {
		if one.state != undecided {
			return
		}
		one.state, one.decided, pressed = rejected, time.Now(), true
		if yes {
			one.state = approved
		}
	})
	return pressed
}

// waiting lists at most limit undecided pushes, newest first, as shown now.
func (p *pushes) waiting(limit int) []push {
	all := p.kept.all()
	c := p.desk.control()
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var some []push
	for _, one := range all {
		if p.advance(one, c, now); one.state == undecided && len(some) < limit {
			one.shown = true
			some = append(some, *one)
		}
	}
	return some
}
