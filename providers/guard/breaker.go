package guard

import "time"

// breaker keeps requests from a provider that fails them all. The zero value is
// closed. It is a value; time is an argument.
type breaker struct {
	row         int       // failures with no success among them, while closed
	first, last time.Time // of the row
	until       time.Time // the end of the pause; zero while closed
	pause       time.Duration
	trying      bool // the trial is under way
}

func (b breaker) closed() bool { return b.until.IsZero() }

// pausing: open, and too early for a trial.
func (b breaker) pausing(now time.Time) bool { return !b.closed() && now.Before(b.until) }

// allows: closed, or this may be the trial.
func (b breaker) allows(now time.Time) bool { return b.closed() || !b.pausing(now) && !b.trying }

// failed takes one failure. tried: it was the trial's, or is newer than any
// request. Others that end while open are older than the opening.
func (b breaker) failed(r *Rules, tried bool, now time.Time) breaker {
	switch {
	case b.closed():
		if b.row == 0 || now.Sub(b.last) > r.Forget {
			b.row, b.first = 0, now
		}
		b.row, b.last = b.row+1, now
		if b.row < r.Failures || now.Sub(b.first) < r.Span {
			return b
		}
		b.pause = r.Pause
	case tried && !b.pausing(now):
		b.pause = min(2*b.pause, r.LongestPause)
	default:
		return b
	}
	return breaker{until: now.Add(b.pause), pause: b.pause, trying: b.trying}
}
