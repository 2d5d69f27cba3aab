package rota

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func day(t testing.TB, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at is a time of the clock in Seoul, or in the zone named first.
func at(t testing.TB, text string, in ...string) time.Time {
	t.Helper()
	z := zone(t, append(in, "Asia/Seoul")[0])
	when, err := time.ParseInLocation("2006-01-02 15:04:05", text, z)
	if err != nil {
		when, err = time.ParseInLocation("2006-01-02 15:04", text, z)
	}
	if err != nil {
		t.Fatal(err)
	}
	return when
}

const evening, nextDay = 20 * time.Hour, 42 * time.Hour // 20:00 to 18:00

// turning is a rota of digits alone that goes on for good.
func turning(t testing.TB) *Rota {
	return &Rota{Zone: zone(t, "Asia/Seoul"), Grace: 10 * time.Minute, Rules: []Rule{
		{First: day(t, "2020-01-01"), Begin: evening, End: nextDay, Daily: true, Digit: true},
	}}
}

func TestADateIsADayThatThereIs(t *testing.T) {
	for text, good := range map[string]bool{
		"1990-05-12": true, "2000-02-29": true, "1900-02-28": true, "0001-01-01": true,
		"1900-02-29": false, "2001-02-29": false, "2021-04-31": false, "2021-13-01": false, "2021-00-10": false, "2021-01-00": false,
		"0000-05-12": false, "1990": false, "19900512": false, "1990-5-12": false, "1990-05-12 ": false, "": false, "-001-01-01": false,
	} {
		d, err := ParseDate(text)
		if (err == nil) != good {
			t.Errorf("%q: got %v, %v, want it good: %t", text, d, err, good)
		}
		if err == nil && d.String() != text {
			t.Errorf("got %s, want %s", d, text)
		}
	}
}

func TestTheLastDigitOfTheDayDecides(t *testing.T) {
	r := turning(t)
	for _, tc := range []struct {
		name, born, at string
		admitted       bool
		from, to       string
	}{
		{"the minute before the window", "1990-05-09", "2021-08-09 19:59:59", false, "2021-08-09 20:00", "2021-08-10 18:00"},
		{"its first moment", "1990-05-09", "2021-08-09 20:00", true, "2021-08-09 20:00", "2021-08-10 18:00"},
		{"midnight is crossed by the day that began it", "1990-05-09", "2021-08-10 00:00", true, "2021-08-09 20:00", "2021-08-10 18:00"},
		{"the new day's digit waits for its evening", "1990-05-10", "2021-08-10 00:00", false, "2021-08-10 20:00", "2021-08-11 18:00"},
		{"its last second", "1990-05-09", "2021-08-10 17:59:59", true, "2021-08-09 20:00", "2021-08-10 18:00"},
		{"its end does not belong to it", "1990-05-09", "2021-08-10 18:00", false, "2021-08-19 20:00", "2021-08-20 18:00"},
		{"between windows nobody's", "1990-05-10", "2021-08-10 18:30", false, "2021-08-10 20:00", "2021-08-11 18:00"},
		{"born on a 29th", "1990-05-29", "2021-08-09 21:00", true, "2021-08-09 20:00", "2021-08-10 18:00"},
		{"born on a 30th", "1990-05-30", "2021-08-10 21:00", true, "2021-08-10 20:00", "2021-08-11 18:00"},
		{"born on a 31st", "1990-05-31", "2021-08-11 21:00", true, "2021-08-11 20:00", "2021-08-12 18:00"},
		{"born on the 29th of a February", "2000-02-29", "2021-08-10 19:00", false, "2021-08-19 20:00", "2021-08-20 18:00"},
		{"the 31st is a day of the 1", "1990-05-21", "2021-08-31 20:00", true, "2021-08-31 20:00", "2021-09-01 18:00"},
		{"and so is the 1st after it", "1990-05-21", "2021-09-01 18:00", false, "2021-09-01 20:00", "2021-09-02 18:00"},
		{"the 30th is a day of the 0", "1990-05-10", "2021-08-30 20:00", true, "2021-08-30 20:00", "2021-08-31 18:00"},
		{"a February without a 29th", "1990-05-09", "2021-02-20 18:00", false, "2021-03-09 20:00", "2021-03-10 18:00"},
		{"a February with one", "1990-05-09", "2020-02-20 18:00", false, "2020-02-29 20:00", "2020-03-01 18:00"},
		{"over the end of a year", "1990-05-01", "2021-12-31 23:59:59", true, "2021-12-31 20:00", "2022-01-01 18:00"},
		{"before the rota begins", "1990-05-01", "1999-12-31 00:00", false, "2020-01-01 20:00", "2020-01-02 18:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := at(t, tc.at)
			d := r.Decide(day(t, tc.born), now, now)
			if d.Admitted != tc.admitted || d.Never || d.Late {
				t.Errorf("got %+v, want admitted: %t", d, tc.admitted)
			}
			if !d.Window.From.Equal(at(t, tc.from)) || !d.Window.To.Equal(at(t, tc.to)) {
				t.Errorf("got %v to %v, want %s to %s", d.Window.From, d.Window.To, tc.from, tc.to)
			}
		})
	}
}

func TestYearsOfBirthAreBothIncluded(t *testing.T) {
	r := &Rota{Zone: zone(t, "Asia/Seoul"), Rules: []Rule{
		{First: day(t, "2021-08-19"), Last: day(t, "2021-08-19"), Begin: evening, End: nextDay, Daily: true, BornFrom: 1972, BornTo: 1985},
	}}
	now := at(t, "2021-08-19 21:00")
	for born, want := range map[string]bool{"1971-12-31": false, "1972-01-01": true, "1985-12-31": true, "1986-01-01": false} {
		if d := r.Decide(day(t, born), now, now); d.Admitted != want || d.Never == want {
			t.Errorf("%s: got %+v, want admitted: %t and never otherwise", born, d, want)
		}
	}
	now = at(t, "2021-08-20 18:00")
	if d := r.Decide(day(t, "1980-01-01"), now, now); d.Admitted || !d.Never {
		t.Errorf("after it: got %+v, want never", d)
	}
}

func TestARuleThatIsNotDailyIsOneWindow(t *testing.T) {
	r := &Rota{Zone: zone(t, "Asia/Seoul"), Rules: []Rule{
		{First: day(t, "2021-08-21"), Begin: evening, Last: day(t, "2021-09-18"), End: 18 * time.Hour},
	}}
	born := day(t, "1990-01-01")
	for when, want := range map[string]bool{"2021-08-21 19:59": false, "2021-08-21 20:00": true, "2021-08-22 19:00": true, "2021-09-18 17:59": true, "2021-09-18 18:00": false} {
		now := at(t, when)
		if d := r.Decide(born, now, now); d.Admitted != want {
			t.Errorf("%s: got %+v, want admitted: %t", when, d, want)
		}
	}
	r.Rules[0].Last, r.Rules[0].End = Date{}, 0
	now := at(t, "2121-01-01 00:00")
	if d := r.Decide(born, now, now); !d.Admitted || !d.Window.To.IsZero() {
		t.Errorf("without an end: got %+v, want admitted for good", d)
	}
}

func TestWindowsThatMeetAreOne(t *testing.T) {
	r := &Rota{Zone: zone(t, "Asia/Seoul"), Rules: []Rule{
		{First: day(t, "2021-08-09"), Last: day(t, "2021-08-11"), End: 24 * time.Hour, Daily: true},
		{First: day(t, "2021-08-12"), Begin: 0, Last: day(t, "2021-08-12"), End: 6 * time.Hour},
		{First: day(t, "2021-08-12"), Begin: 5 * time.Hour},
	}}
	now := at(t, "2021-08-10 12:00")
	if d := r.Decide(day(t, "1990-01-01"), now, now); !d.Admitted || !d.Window.To.IsZero() {
		t.Errorf("got %+v, want one window without end", d)
	}
	r.Rules = r.Rules[:2]
	if d := r.Decide(day(t, "1990-01-01"), now, now); !d.Window.To.Equal(at(t, "2021-08-12 06:00")) {
		t.Errorf("got %+v, want it to end at 06:00 of the 12th", d)
	}
}

func TestWhoCameBeforeTheEndMayFinishWithinTheGrace(t *testing.T) {
	r := turning(t)
	for _, tc := range []struct {
		name, came, now string
		admitted        bool
	}{
		{"came and finished in it", "2021-08-10 17:50", "2021-08-10 17:59:59", true},
		{"came in it, finished late", "2021-08-10 17:59:59", "2021-08-10 18:09:59", true},
		{"came in it, finished too late", "2021-08-10 17:59:59", "2021-08-10 18:10", false},
		{"came in it, long before", "2021-08-10 16:30", "2021-08-10 18:05", true},
		{"came as it ended", "2021-08-10 18:00", "2021-08-10 18:00:01", false},
		{"came before it began, finished late", "2021-08-09 19:59", "2021-08-10 18:01", false},
		{"came by a clock that was ahead", "2021-08-09 20:00:01", "2021-08-09 19:59:59", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := r.Decide(day(t, "1990-05-09"), at(t, tc.came), at(t, tc.now))
			if late := !at(t, tc.now).Before(at(t, "2021-08-10 18:00")); d.Admitted != tc.admitted || d.Late != (late && tc.admitted) {
				t.Errorf("got %+v, want admitted: %t", d, tc.admitted)
			}
		})
	}
	// Before the window there is none: who comes early waits for its beginning.
	if d := r.Decide(day(t, "1990-05-09"), at(t, "2021-08-09 19:59:59"), at(t, "2021-08-09 19:59:59")); d.Admitted {
		t.Errorf("early: got %+v, want not admitted", d)
	}
	r.Grace = 0
	if d := r.Decide(day(t, "1990-05-09"), at(t, "2021-08-10 17:59"), at(t, "2021-08-10 18:00")); d.Admitted {
		t.Errorf("without a grace: got %+v, want not admitted", d)
	}
}

func TestTheZoneDecidesWhichDayItIs(t *testing.T) {
	// One moment, the 9th in Los Angeles and the 10th in Seoul.
	now := at(t, "2021-08-10 02:00")
	for name, want := range map[string]string{"Asia/Seoul": "1990-01-10", "America/Los_Angeles": "1990-01-09"} {
		r := &Rota{Zone: zone(t, name), Rules: []Rule{{First: day(t, "2021-08-01"), End: 24 * time.Hour, Daily: true, Digit: true}}}
		for _, born := range []string{"1990-01-09", "1990-01-10"} {
			if d := r.Decide(day(t, born), now, now); d.Admitted != (born == want) {
				t.Errorf("%s, born %s: got %+v, want %s admitted", name, born, d, want)
			}
		}
	}
}

// A clock that is put forward or back leaves windows with the times on the wall.
func TestClocksThatChange(t *testing.T) {
	const city = "America/New_York" // forward on 2021-03-14 02:00, back on 2021-11-07 02:00
	r := &Rota{Zone: zone(t, city), Rules: []Rule{{First: day(t, "2021-01-01"), Begin: evening, End: nextDay, Daily: true}}}
	born := day(t, "1990-01-01")
	for when, want := range map[string]bool{
		"2021-03-13 19:59": false, "2021-03-13 20:00": true, "2021-03-14 17:59": true, "2021-03-14 18:00": false,
		"2021-11-06 19:59": false, "2021-11-06 20:00": true, "2021-11-07 17:59": true, "2021-11-07 18:00": false,
	} {
		now := at(t, when, city)
		if d := r.Decide(born, now, now); d.Admitted != want {
			t.Errorf("%s: got %+v, want admitted: %t", when, d, want)
		}
	}
	spring, autumn := at(t, "2021-03-13 21:00", city), at(t, "2021-11-06 21:00", city)
	if d := r.Decide(born, spring, spring); d.Window.To.Sub(d.Window.From) != 21*time.Hour {
		t.Errorf("forward: got %v, want 21 h", d.Window.To.Sub(d.Window.From))
	}
	if d := r.Decide(born, autumn, autumn); d.Window.To.Sub(d.Window.From) != 23*time.Hour {
		t.Errorf("back: got %v, want 23 h", d.Window.To.Sub(d.Window.From))
	}
	// A window that lies wholly in the hour that is left out is nobody's loss: the
	// next day's is named.
	r.Rules[0] = Rule{First: day(t, "2021-01-01"), Begin: 2 * time.Hour, End: 3 * time.Hour, Daily: true}
	gap := at(t, "2021-03-14 00:00", city)
	d := r.Decide(born, gap, gap)
	if d.Admitted || d.Never || !d.Window.From.Before(d.Window.To) {
		t.Errorf("in the gap: got %+v, want a window that there is", d)
	}
}

func TestTodayNamesTheTurnsOrTheNextOnes(t *testing.T) {
	r := turning(t)
	for when, want := range map[string]string{
		"2021-08-09 20:00": "true [9]", "2021-08-10 17:59": "true [9]", "2021-08-10 18:00": "false [0]", "2021-08-10 20:00": "true [0]",
		"2019-12-01 00:00": "false [1]",
	} {
		turns, open := r.Today(at(t, when))
		var digits []int
		for _, turn := range turns {
			digits = append(digits, turn.Digit)
		}
		if got := fmt.Sprintf("%t %v", open, digits); got != want {
			t.Errorf("%s: got %s, want %s", when, got, want)
		}
	}
	r.Rules[0].Last = day(t, "2021-08-18")
	if turns, open := r.Today(at(t, "2021-08-19 18:00")); open || turns != nil {
		t.Errorf("after the last: got %v, %t, want none", turns, open)
	}
	if turns, open := (&Rota{}).Today(at(t, "2021-08-19 18:00")); open || turns != nil {
		t.Errorf("no rules: got %v, %t, want none", turns, open)
	}
	now := at(t, "2021-08-19 18:00")
	if d := (&Rota{}).Decide(day(t, "1990-01-01"), now, now); d.Admitted || !d.Never {
		t.Errorf("no rules: got %+v, want nobody admitted", d)
	}
}
