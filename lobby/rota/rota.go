// Package rota says whose turn it is: who may log in when, by the date of birth
// and the date of the day (10부제, the ten-day rota). It is arithmetic on
// calendars and clocks and nothing else: time is an argument, and whose date of
// birth it is, how it was verified and what becomes of a refusal is for others.
package rota

import (
	"fmt"
	"time"
)

// Date is a day of the civil (Gregorian) calendar.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads YYYY-MM-DD, and nothing but a day that there is. A year of 0000
// (OpenID Connect Core §5.1: not told) is none.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("%q is no date: want YYYY-MM-DD", text)
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// DateIn is the day of t by the clock of a zone.
func DateIn(t time.Time, zone *time.Location) Date {
	year, month, day := t.In(zone).Date()
	return Date{year, month, day}
}

// String is YYYY-MM-DD.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Digit is the last digit of the day: of the 9th, 19th and 29th it is 9.
func (d Date) Digit() int { return d.Day % 10 }

// at is a time of the clock on d; 24 h and more is on the days after. Where the
// clock is put forward or back it is what time.Date makes of it.
func (d Date) at(clock time.Duration, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, int(clock/time.Minute), 0, 0, zone)
}

// plus is the day so many days later.
func (d Date) plus(days int) Date {
	t := time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, time.UTC)
	return Date{t.Year(), t.Month(), t.Day()}
}

// after compares days.
func (d Date) after(other Date) bool {
	if d.Year != other.Year {
		return d.Year > other.Year
	}
	if d.Month != other.Month {
		return d.Month > other.Month
	}
	return d.Day > other.Day
}

// Rule opens windows to some people.
type Rule struct {
	// First and Last are the days on which windows begin; the zero Last is no end.
	First, Last Date
	// Begin and End are times of the clock since midnight, in whole minutes. A daily
	// window ends at most 24 h after it begins: an End above 24 h is on the day after.
	Begin, End time.Duration
	// Daily opens one window on each day. Otherwise there is one, from Begin on First
	// to End on Last.
	Daily bool
	// Digit is for those whose day of birth has the last digit of the day on which
	// the window begins. Only with Daily.
	Digit bool
	// BornFrom and BornTo are the years of birth it is for, both included; 0 is no
	// bound.
	BornFrom, BornTo int
}

// Rota admits whom one of its rules admits, and nobody else.
type Rota struct {
	Zone  *time.Location // whose clock and calendar it goes by; nil is UTC
	Rules []Rule
	// Grace is how long after their window somebody may finish who came before its
	// end. 0 is none.
	Grace time.Duration
}

// Window is one time at which somebody is admitted.
type Window struct {
	From time.Time // belongs to it
	To   time.Time // does not; zero is no end
	Rule int       // the place of the rule that opens it
}

func (w Window) holds(t time.Time) bool {
	return !t.Before(w.From) && (w.To.IsZero() || t.Before(w.To))
}

// farthest is how many days ahead a day with a wanted digit is looked for: from
// the 20th of a February with 29 days to the 10th of March are 19, and nothing is
// farther.
const farthest = 32

// born says whether the rule is for a year of birth.
func (r *Rule) born(year int) bool {
	return (r.BornFrom == 0 || year >= r.BornFrom) && (r.BornTo == 0 || year <= r.BornTo)
}

// next is the first window for somebody born on a day that ends after t; false:
// there is none.
func (r *Rule) next(born Date, t time.Time, zone *time.Location) (Window, bool) {
	if !r.born(born.Year) {
		return Window{}, false
	}
	if !r.Daily {
		w := r.whole(zone)
		return w, w.To.IsZero() || t.Before(w.To) && w.From.Before(w.To)
	}
	w, _, any := r.daily(t, zone, func(d Date) bool { return !r.Digit || d.Digit() == born.Digit() })
	return w, any
}

// whole is the one window of a rule that is not daily.
func (r *Rule) whole(zone *time.Location) Window {
	w := Window{From: r.First.at(r.Begin, zone)}
	if r.Last != (Date{}) {
		w.To = r.Last.at(r.End, zone)
	}
	return w
}

// daily is the first window that ends after t, of those on wanted days, and its
// day.
func (r *Rule) daily(t time.Time, zone *time.Location, wanted func(Date) bool) (Window, Date, bool) {
	// From two days before: one may last into the day after, and clocks may change.
	day := DateIn(t, zone).plus(-2)
	if r.First.after(day) {
		day = r.First
	}
	for range farthest {
		if r.Last != (Date{}) && day.after(r.Last) {
			break
		}
		if wanted(day) {
			w := Window{From: day.at(r.Begin, zone), To: day.at(r.End, zone)}
			if t.Before(w.To) && w.From.Before(w.To) {
				return w, day, true
			}
		}
		day = day.plus(1)
	}
	return Window{}, Date{}, false
}

func (r *Rota) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// Decision is what a rota says of somebody.
type Decision struct {
	Admitted bool
	// Late: the window is over, and they may finish because they came in it.
	Late bool
	// Window is the one that admits them or, where they are not admitted, the next
	// that will; meaningless where Never.
	Window Window
	// Never: not admitted, and no window to come.
	Never bool
}

// Decide says whether somebody born on a day, who came at came, is admitted at
// now. Windows that meet count as one.
func (r *Rota) Decide(born Date, came, now time.Time) Decision {
	w, any := r.window(born, now)
	if any && w.holds(now) {
		return Decision{Admitted: true, Window: w}
	}
	if r.Grace > 0 && came.Before(now) {
		if was, in := r.window(born, came); in && was.holds(came) && now.Before(was.To.Add(r.Grace)) {
			return Decision{Admitted: true, Late: true, Window: was}
		}
	}
	return Decision{Window: w, Never: !any}
}

// window is the first one for somebody that ends after t, with all that follow it
// without a gap.
func (r *Rota) window(born Date, t time.Time) (w Window, any bool) {
	for i := range r.Rules {
		one, is := r.Rules[i].next(born, t, r.zone())
		if one.Rule = i; is && (!any || one.From.Before(w.From)) {
			w, any = one, true
		}
	}
	if !any {
		return w, false
	}
	for range farthest { // more than follow each other in any rota that turns
		grown := false
		for i := range r.Rules {
			if w.To.IsZero() {
				break
			}
			one, is := r.Rules[i].next(born, w.To, r.zone())
			if is && !one.From.After(w.To) {
				w.To, grown = one.To, true
			}
		}
		if !grown {
			break
		}
	}
	return w, true
}
