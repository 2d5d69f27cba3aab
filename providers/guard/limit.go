package guard

import "time"

// limit is how many requests may be under way: additive increase, multiplicative
// decrease (Chiu and Jain 1989; RFC 5681), judged by whole windows, so that the
// odd failure of a good provider costs nothing. It is a value; time is an
// argument.
type limit struct {
	most      int       // may be under way
	peak      int       // were, within the window
	began     time.Time // the window
	good, bad int       // verdicts within it
}

// used notes that so many are under way.
func (l limit) used(underWay int, now time.Time) limit {
	if l.began.IsZero() {
		l.began = now
	}
	l.peak = max(l.peak, underWay)
	return l
}

// judged takes one verdict, and closes the window if it is over and says enough.
func (l limit) judged(r *Rules, good bool, now time.Time) limit {
	if good {
		l.good++
	} else {
		l.bad++
	}
	if l.began.IsZero() {
		l.began = now
	}
	if now.Sub(l.began) < r.Window || l.good+l.bad < r.Enough {
		return l
	}
	if float64(l.bad) > r.Bad*float64(l.good+l.bad) {
		// By what was under way, not by what might have been.
		l.most = max(int(r.Cut*float64(min(l.most, l.peak))), r.Least)
	} else {
		l.most = min(l.most+r.Grow, r.Most)
	}
	return limit{most: l.most, began: now}
}

// budget is how many repeats are left (gRFC A6). It is a value.
type budget struct{ saved float64 }

// asked adds what one request earns.
func (b budget) asked(r *Rules) budget { return budget{min(b.saved+r.Share, r.Saved)} }

// spent takes one repeat, if there is one.
func (b budget) spent() (budget, bool) {
	const whole = 1 - 1e-9 // ten tenths are one
	if b.saved < whole {
		return b, false
	}
	return budget{max(b.saved-1, 0)}, true
}
