package rota

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// admitted is an oracle of its own: it walks over every day a rule has, compares
// texts of the clock, and knows nothing of windows.
func admitted(r *Rota, born Date, now time.Time) bool {
	wall := now.In(r.Zone)
	for _, rule := range r.Rules {
		if rule.BornFrom != 0 && born.Year < rule.BornFrom || rule.BornTo != 0 && born.Year > rule.BornTo {
			continue
		}
		minutes := func(clock time.Duration) string {
			return fmt.Sprintf("%02d:%02d", int(clock.Minutes())/60, int(clock.Minutes())%60)
		}
		stamp := wall.Format("2006-01-02 15:04")
		if !rule.Daily {
			if stamp >= rule.First.String()+" "+minutes(rule.Begin) && (rule.Last == (Date{}) || stamp < rule.Last.String()+" "+minutes(rule.End)) {
				return true
			}
			continue
		}
		for back := range 2 {
			begun := time.Date(wall.Year(), wall.Month(), wall.Day()-back, 12, 0, 0, 0, time.UTC)
			date := begun.Format(time.DateOnly)
			if date < rule.First.String() || rule.Last != (Date{}) && date > rule.Last.String() {
				continue
			}
			if rule.Digit && begun.Day()%10 != born.Day%10 {
				continue
			}
			clock := time.Duration(back)*24*time.Hour + time.Duration(wall.Hour())*time.Hour + time.Duration(wall.Minute())*time.Minute
			if clock >= rule.Begin && clock < rule.End {
				return true
			}
		}
	}
	return false
}

// someRota has up to four rules of every kind, in zones without a change of clocks
// within them: there the oracle, which goes by the wall, has two right answers.
func someRota(t testing.TB, rng *rand.Rand) *Rota {
	zones := []string{"Asia/Seoul", "UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago"}
	r := &Rota{Zone: zone(t, zones[rng.IntN(len(zones))])}
	start := Date{2019 + rng.IntN(3), time.Month(1 + rng.IntN(12)), 1}.plus(rng.IntN(31))
	for range 1 + rng.IntN(4) {
		rule := Rule{First: start.plus(rng.IntN(40)), Daily: rng.IntN(3) > 0, Begin: time.Duration(rng.IntN(24*60)) * time.Minute}
		if rng.IntN(2) == 0 {
			rule.BornFrom = 1960 + rng.IntN(40)
		}
		if rng.IntN(2) == 0 {
			rule.BornTo = max(rule.BornFrom, 1960+rng.IntN(50))
		}
		if rng.IntN(4) > 0 {
			rule.Last = rule.First.plus(1 + rng.IntN(30))
		}
		if rule.Daily {
			rule.Digit = rng.IntN(2) == 0
			rule.End = rule.Begin + time.Duration(1+rng.IntN(24*60))*time.Minute
		} else if rule.Last != (Date{}) {
			rule.End = time.Duration(rng.IntN(24*60)) * time.Minute
		}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

// changes are now and every time before until at which the oracle could change its
// mind: it compares with midnight and the times of the rules, and nothing else.
func changes(r *Rota, now, until time.Time) []time.Time {
	all := []time.Time{now}
	for d := DateIn(now, r.Zone); ; d = d.plus(1) {
		midnight := d.at(0, r.Zone)
		if !midnight.Before(until) {
			return all
		}
		clocks := []time.Duration{0}
		for _, rule := range r.Rules {
			clocks = append(clocks, rule.Begin, rule.End%(24*time.Hour))
		}
		for _, clock := range clocks {
			if m := midnight.Add(clock); m.After(now) && m.Before(until) {
				all = append(all, m)
			}
		}
	}
}

// TestTheNextTurnIsTheFirst: whoever is admitted is so until the end that is told
// and not at it; whoever is not is admitted at the turn that is told, and at no
// minute before.
func TestTheNextTurnIsTheFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 2021))
	cases := 0
	for range 400 {
		r := someRota(t, rng)
		for range 5 {
			born := Date{1955 + rng.IntN(60), time.Month(1 + rng.IntN(12)), 1}.plus(rng.IntN(31))
			now := r.Rules[0].First.plus(rng.IntN(60)-10).at(time.Duration(rng.IntN(24*60))*time.Minute, r.Zone)
			d := r.Decide(born, now, now)
			if d.Admitted != admitted(r, born, now) {
				t.Fatalf("%+v\nborn %s at %v: got %+v, want admitted: %t", r, born, now, d, !d.Admitted)
			}
			until, want := d.Window.From, false
			if d.Admitted {
				until, want = d.Window.To, true
			}
			if d.Never || d.Admitted && until.IsZero() {
				until = now.AddDate(0, 0, 75)
			}
			for _, m := range changes(r, now, until) {
				if admitted(r, born, m) != want {
					t.Fatalf("%+v\nborn %s at %v: got %+v, but at %v it is otherwise", r, born, now, d, m)
				}
			}
			if endless := d.Admitted && d.Window.To.IsZero(); !d.Never && !endless && admitted(r, born, until) == want {
				t.Fatalf("%+v\nborn %s at %v: got %+v, but nothing changes at %v", r, born, now, d, until)
			}
			cases++
		}
	}
	if cases != 2000 {
		t.Errorf("got %d cases", cases)
	}
}

// TestTodayTellsWhoIsAdmitted: somebody is admitted if, and only if, a turn that is
// open is theirs.
func TestTodayTellsWhoIsAdmitted(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 20))
	for range 3000 {
		r := someRota(t, rng)
		born := Date{1955 + rng.IntN(60), time.Month(1 + rng.IntN(12)), 1}.plus(rng.IntN(31))
		now := r.Rules[0].First.plus(rng.IntN(60)-10).at(time.Duration(rng.IntN(24*60))*time.Minute, r.Zone)
		turns, open := r.Today(now)
		theirs := false
		for _, turn := range turns {
			if (turn.Digit < 0 || turn.Digit == born.Digit()) && (turn.BornFrom == 0 || born.Year >= turn.BornFrom) && (turn.BornTo == 0 || born.Year <= turn.BornTo) {
				theirs = true
			}
			if in := !turn.From.After(now) && (turn.To.IsZero() || now.Before(turn.To)); in != open {
				t.Fatalf("%+v at %v: got %+v, open: %t", r, now, turn, open)
			}
			if !open && !turn.From.Equal(turns[0].From) {
				t.Fatalf("%+v at %v: got %+v, want all to begin together", r, now, turns)
			}
		}
		if got := open && theirs; got != admitted(r, born, now) {
			t.Fatalf("%+v\nborn %s at %v: got %+v (open: %t), want admitted: %t", r, born, now, turns, open, !got)
		}
	}
}

// TestTodayHoldsUntilItChanges: what is said of now is said at every minute at which
// anything could change before Changes, and not at Changes.
func TestTodayHoldsUntilItChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 21))
	changed, never := 0, 0
	for range 3000 {
		r := someRota(t, rng)
		now := r.Rules[0].First.plus(rng.IntN(60)-10).at(time.Duration(rng.IntN(24*60))*time.Minute, r.Zone)
		said := fmt.Sprint(r.Today(now))
		at := r.Changes(now)
		until := at
		if at.IsZero() {
			never++
			until = now.AddDate(0, 0, 75)
		} else if !at.After(now) {
			t.Fatalf("%+v at %v: got a change at %v, which was", r, now, at)
		}
		for _, m := range changes(r, now, until) {
			if got := fmt.Sprint(r.Today(m)); got != said {
				t.Fatalf("%+v at %v: got %s, and at %v, before the change at %v, %s", r, now, said, m, at, got)
			}
		}
		if !at.IsZero() {
			changed++
			if got := fmt.Sprint(r.Today(at)); got == said {
				t.Fatalf("%+v at %v: got %s, and the same at the change at %v", r, now, said, at)
			}
		}
	}
	if changed < 1000 || never < 100 {
		t.Errorf("got %d that change and %d that do not, want many of both", changed, never)
	}
}
