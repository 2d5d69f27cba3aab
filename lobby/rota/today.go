package rota

import (
	"slices"
	"time"
)

// Turn is a window as it is announced: whose it is, not who asks.
type Turn struct {
	// Digit is the last digit of the days of birth it is for, -1 for any.
	Digit int
	// BornFrom and BornTo are the years of birth, both included; 0 is no bound.
	BornFrom, BornTo int
	From, To         time.Time // To zero: no end
}

// Today are the turns that are open at now, in the order of the rules; or, with
// open false, those that begin next, all at the same time. None are left when the
// rota is over.
func (r *Rota) Today(now time.Time) (turns []Turn, open bool) {
	for i := range r.Rules {
		turn, any := r.Rules[i].turn(now, r.zone())
		if !any {
			continue
		}
		in := !turn.From.After(now)
		if in != open {
			if !in {
				continue // others are open
			}
			turns, open = nil, true
		}
		if !open && len(turns) > 0 {
			switch turn.From.Compare(turns[0].From) {
			case 1:
				continue
			case -1:
				turns = nil
			}
		}
		if !slices.Contains(turns, turn) {
			turns = append(turns, turn)
		}
	}
	return turns, open
}

// Changes is the first moment after now at which Today says otherwise; zero where
// it never will.
func (r *Rota) Changes(now time.Time) (at time.Time) {
	for i := range r.Rules {
		turn, any := r.Rules[i].turn(now, r.zone())
		next := turn.To
		if turn.From.After(now) {
			next = turn.From
		}
		if any && !next.IsZero() && (at.IsZero() || next.Before(at)) {
			at = next
		}
	}
	return at
}

// turn is the rule's window that ends first after now, whoever it is for. Daily
// windows do not overlap, so it is the one that is open, if one is.
func (r *Rule) turn(now time.Time, zone *time.Location) (Turn, bool) {
	t := Turn{Digit: -1, BornFrom: r.BornFrom, BornTo: r.BornTo}
	w := r.whole(zone)
	any := w.To.IsZero() || now.Before(w.To) && w.From.Before(w.To)
	if r.Daily {
		var day Date
		if w, day, any = r.daily(now, zone, func(Date) bool { return true }); r.Digit {
			t.Digit = day.Digit()
		}
	}
	t.From, t.To = w.From.In(zone), w.To
	if !t.To.IsZero() {
		t.To = t.To.In(zone)
	}
	return t, any
}
