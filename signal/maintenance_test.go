package signal

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"
)

var seoul = time.FixedZone("KST", 9*60*60)

// kst is a time in Seoul, in the week of Sunday, 8 August 2021.
func kst(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", text, seoul)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func weekly(begin, end time.Duration, days ...time.Weekday) Maintenance {
	m := Maintenance{Begin: begin, End: end, Zone: seoul}
	for _, d := range days {
		m.Days[d] = true
	}
	return m
}

func daily(begin, end time.Duration) Maintenance {
	return weekly(begin, end, 0, 1, 2, 3, 4, 5, 6)
}

func TestNextIsTheMaintenanceInForceOrToCome(t *testing.T) {
	sunday := weekly(2*time.Hour, 4*time.Hour, time.Sunday)
	night := weekly(23*time.Hour+30*time.Minute, 25*time.Hour+30*time.Minute, time.Saturday)
	once := Maintenance{From: kst(t, "2021-08-10 20:00:00"), To: kst(t, "2021-08-10 21:00:00")}
	for _, tc := range []struct {
		name     string
		all      []Maintenance
		now      string
		from, to string // "" for none
		in       bool
	}{
		{"none at all", nil, "2021-08-08 03:00:00", "", "", false},
		{"a second before", []Maintenance{sunday}, "2021-08-08 01:59:59", "2021-08-08 02:00:00", "2021-08-08 04:00:00", false},
		{"its first second", []Maintenance{sunday}, "2021-08-08 02:00:00", "2021-08-08 02:00:00", "2021-08-08 04:00:00", true},
		{"its last second", []Maintenance{sunday}, "2021-08-08 03:59:59", "2021-08-08 02:00:00", "2021-08-08 04:00:00", true},
		{"its end belongs to it no more", []Maintenance{sunday}, "2021-08-08 04:00:00", "2021-08-15 02:00:00", "2021-08-15 04:00:00", false},
		{"begun on the day before", []Maintenance{night}, "2021-08-08 01:00:00", "2021-08-07 23:30:00", "2021-08-08 01:30:00", true},
		{"the first minutes of it", []Maintenance{night}, "2021-08-07 23:45:00", "2021-08-07 23:30:00", "2021-08-08 01:30:00", true},
		{"one follows another without a gap", []Maintenance{sunday, night, daily(90*time.Minute, 2*time.Hour)}, "2021-08-08 00:10:00", "2021-08-07 23:30:00", "2021-08-08 04:00:00", true},
		{"one that comes once", []Maintenance{once, sunday}, "2021-08-10 20:30:00", "2021-08-10 20:00:00", "2021-08-10 21:00:00", true},
		{"one that is over for good", []Maintenance{once}, "2021-08-10 21:00:00", "", "", false},
		{"turned round", []Maintenance{{From: once.To, To: once.From}}, "2021-08-10 20:30:00", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, in, any := Next(tc.all, kst(t, tc.now), 7*24*time.Hour)
			if any != (tc.from != "") || in != tc.in {
				t.Fatalf("got %+v, in force %t, any %t, want %q, %t", p, in, any, tc.from, tc.in)
			}
			if any && (!p.From.Equal(kst(t, tc.from)) || !p.To.Equal(kst(t, tc.to))) {
				t.Errorf("got %v to %v, want %s to %s", p.From.In(seoul), p.To.In(seoul), tc.from, tc.to)
			}
		})
	}
	if _, _, any := Next([]Maintenance{sunday}, kst(t, "2021-08-08 00:59:59"), time.Hour); any {
		t.Error("an hour and a second before: got one, want none within an hour")
	}
	if p, in, _ := Next([]Maintenance{daily(0, 24*time.Hour)}, kst(t, "2021-08-08 12:00:00"), 0); !in || p.To.Sub(p.From) < 30*24*time.Hour {
		t.Errorf("one that never ends: got %+v, in force %t, want a far end", p, in)
	}
}

// TestRecurringMaintenanceGoesByTheClockOfItsZone looks at it where clocks are put
// forward and back in the night before it.
func TestRecurringMaintenanceGoesByTheClockOfItsZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	m := daily(4*time.Hour, 5*time.Hour)
	m.Zone = zone
	for _, day := range []string{"2021-03-13", "2021-03-14", "2021-11-06", "2021-11-07"} {
		want, err := time.ParseInLocation("2006-01-02 15:04", day+" 04:00", zone)
		if err != nil {
			t.Fatal(err)
		}
		p, in, _ := Next([]Maintenance{m}, want.Add(time.Minute), 0)
		if !in || !p.From.Equal(want) || p.To.Sub(p.From) != time.Hour {
			t.Errorf("%s: got %v for %v, want it to begin at 04:00 there", day, p.From.In(zone), p.To.Sub(p.From))
		}
	}
}

// TestInForceIsTheSameHoweverItIsAskedFor compares Next with a plain look at the
// clock, minute by minute and at random.
func TestInForceIsTheSameHoweverItIsAskedFor(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		begin := time.Duration(rng.IntN(1440)) * time.Minute
		long := time.Duration(1+rng.IntN(1439)) * time.Minute
		day := time.Weekday(rng.IntN(7))
		m := weekly(begin, begin+long, day)
		for range 50 {
			now := time.Date(2021, 8, 1+rng.IntN(21), rng.IntN(24), rng.IntN(60), rng.IntN(60), 0, seoul)
			since := now.Sub(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, seoul))
			want := now.Weekday() == day && since >= begin && since < begin+long ||
				(now.Weekday()+6)%7 == day && since+24*time.Hour < begin+long
			if p, in, _ := Next([]Maintenance{m}, now, 0); in != want {
				t.Fatalf("%v on %v for %v at %v: got %t (%+v), want %t", begin, day, long, now, in, p, want)
			}
		}
	}
}

func TestStatusUnderMaintenance(t *testing.T) {
	all := []Maintenance{weekly(2*time.Hour, 4*time.Hour, time.Sunday)}
	green := Status{ID: "kakao", Light: Green, Measured: true, Since: kst(t, "2021-08-07 12:00:00"), Reason: Reason{Code: CodeOK}}
	said := func(code, until string) Status {
		u := kst(t, until)
		return Status{Light: Grey, Until: &u, Reason: Reason{Code: code, Text: Text{KO: "장애", EN: "Outage"}}}
	}
	for _, tc := range []struct {
		name, now   string
		s           Status
		light       Light
		code, until string // "" for none
		planned     bool
	}{
		{"long before", "2021-08-08 00:59:59", green, Green, CodeOK, "", false},
		{"an hour before", "2021-08-08 01:00:00", green, Green, CodeOK, "", true},
		{"during", "2021-08-08 02:00:00", green, Grey, CodeMaintenance, "2021-08-08 04:00:00", false},
		{"after", "2021-08-08 04:00:00", green, Green, CodeOK, "", false},
		{"a word that ends before", "2021-08-08 01:30:00", said(CodeOperator, "2021-08-08 01:45:00"), Grey, CodeOperator, "2021-08-08 01:45:00", false},
		{"a word that leads into it", "2021-08-08 01:30:00", said(CodeOperator, "2021-08-08 02:30:00"), Grey, CodeOperator, "2021-08-08 04:00:00", false},
		{"a word that ends during", "2021-08-08 02:30:00", said(CodeDisabled, "2021-08-08 03:00:00"), Grey, CodeDisabled, "2021-08-08 04:00:00", false},
		{"a word that lasts longer", "2021-08-08 02:30:00", said(CodeOperator, "2021-08-08 09:00:00"), Grey, CodeOperator, "2021-08-08 09:00:00", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.s.Under(all, kst(t, tc.now))
			if got.Light != tc.light || got.Reason.Code != tc.code || (got.Planned != nil) != tc.planned {
				t.Errorf("got %+v, want %s, %s, planned %t", got, tc.light, tc.code, tc.planned)
			}
			if (got.Until != nil) != (tc.until != "") || got.Until != nil && !got.Until.Equal(kst(t, tc.until)) {
				t.Errorf("got until %v, want %q", got.Until, tc.until)
			}
		})
	}
	own := all[0]
	own.Reason = Text{KO: "은행 점검"}
	if got := green.Under([]Maintenance{own}, kst(t, "2021-08-08 02:00:00")); got.Reason.KO != "은행 점검" || got.Reason.EN == "" || got.Measured {
		t.Errorf("got %+v, want its own words, the usual ones where it has none, and nothing measured", got)
	}
}
