package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/lobby/rota"
)

const august = "../testdata/rota/august-2021"

func vaccine(t *testing.T) *rota.Rota {
	t.Helper()
	r := load(t, august+".yaml").Timetables()["vaccine"]
	if r == nil || len(r.Rules) != 4 || r.Zone.String() != "Asia/Seoul" || r.Grace != 10*time.Minute {
		t.Fatalf("got %+v, want four rules in Asia/Seoul with 10m of grace", r)
	}
	return r
}

// TestAugust2021AsItWasPublished holds the settings against the announcement, as
// it was written: windows, digits and years of birth, by hand.
func TestAugust2021AsItWasPublished(t *testing.T) {
	r := vaccine(t)
	clock := func(text string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2021-"+text, r.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	type announced struct {
		from, to       string
		digit          int
		earliest, last int
	}
	published := []announced{
		{"08-09 20:00", "08-10 18:00", 9, 1972, 2003},
		{"08-10 20:00", "08-11 18:00", 0, 1972, 2003},
		{"08-11 20:00", "08-12 18:00", 1, 1972, 2003},
		{"08-12 20:00", "08-13 18:00", 2, 1972, 2003},
		{"08-13 20:00", "08-14 18:00", 3, 1972, 2003},
		{"08-14 20:00", "08-15 18:00", 4, 1972, 2003},
		{"08-15 20:00", "08-16 18:00", 5, 1972, 2003},
		{"08-16 20:00", "08-17 18:00", 6, 1972, 2003},
		{"08-17 20:00", "08-18 18:00", 7, 1972, 2003},
		{"08-18 20:00", "08-19 18:00", 8, 1972, 2003},
		{"08-19 20:00", "08-20 18:00", -1, 1972, 1985},
		{"08-20 20:00", "08-21 18:00", -1, 1986, 2003},
		{"08-21 20:00", "09-18 18:00", -1, 1972, 2003},
	}
	var from, to []time.Time
	for _, w := range published {
		from, to = append(from, clock(w.from)), append(to, clock(w.to))
	}
	looked := 0
	for _, year := range []int{1971, 1972, 1980, 1985, 1986, 1990, 2003, 2004} {
		for day := 1; day <= 31; day++ {
			born := rota.Date{Year: year, Month: time.January, Day: day}
			for now := clock("08-09 00:00"); now.Before(clock("09-19 00:00")); now = now.Add(30 * time.Minute) {
				want := false
				for i, w := range published {
					if !now.Before(from[i]) && now.Before(to[i]) && year >= w.earliest && year <= w.last && (w.digit < 0 || day%10 == w.digit) {
						want = true
					}
				}
				if d := r.Decide(born, now, now); d.Admitted != want {
					t.Fatalf("born %s at %v: got %+v, want admitted: %t", born, now, d, want)
				}
				looked++
			}
		}
	}
	if looked < 450_000 {
		t.Errorf("looked %d times", looked)
	}
}

// TestTheTableOfAugust2021 is what people would have read, dates by birthdates.
func TestTheTableOfAugust2021(t *testing.T) {
	r := vaccine(t)
	births := []string{
		"1971-12-29", "1972-01-01", "1980-10-10", "1985-12-31", "1986-01-01", "1988-02-29", "1990-05-12", "1993-07-23",
		"1994-03-04", "1995-06-15", "1996-11-26", "1997-04-07", "1998-09-08", "1999-08-30", "2000-01-31", "2003-12-19", "2004-01-01",
	}
	moments := []string{"07-30 12:00", "08-09 19:59"}
	for day := 9; day <= 21; day++ {
		moments = append(moments, fmt.Sprintf("08-%02d 20:00", day), fmt.Sprintf("08-%02d 00:00", day+1), fmt.Sprintf("08-%02d 17:59", day+1), fmt.Sprintf("08-%02d 18:00", day+1))
	}
	moments = append(moments, "09-18 17:59", "09-18 18:00")

	var out strings.Builder
	out.WriteString(header)
	out.WriteString("2021       ")
	for _, b := range births {
		out.WriteString("  " + b + " ")
	}
	for _, m := range moments {
		now, err := time.ParseInLocation("2006-01-02 15:04", "2021-"+m, r.Zone)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n" + m)
		for _, b := range births {
			born, err := rota.ParseDate(b)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString("  " + fmt.Sprintf("%-11s", cell(r.Decide(born, now, now), r.Zone)))
		}
	}
	got := strings.ReplaceAll(out.String()+"\n", " \n", "\n")
	for strings.Contains(got, " \n") {
		got = strings.ReplaceAll(got, " \n", "\n")
	}
	if *update {
		if err := os.WriteFile(august+".golden", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(august + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}

func cell(d rota.Decision, zone *time.Location) string {
	switch {
	case d.Admitted:
		return "in"
	case d.Never:
		return "-"
	}
	return d.Window.From.In(zone).Format("01-02 15:04")
}

const header = `# Whom the rota of august-2021.yaml admits: "in", or when their next turn begins,
# or "-" where none is left. Times are those of Seoul; columns are dates of birth.
#
# Published by the Korea Disease Control and Prevention Agency (질병관리청) on 30 July
# 2021, as quoted that day and in the days after:
#   https://hankyung.com/amp/2021080885257             born 1 Jan 1972 to 31 Dec 2003; the 9th for the 9th, 19th, 29th;
#                                                      20:00 to 18:00 of the next day; catch-up on the 19th, 20th, 21st
#   http://healthtomato.com/view.aspx?seq=1065398      36 to 49 is born 1972 to 1985, 18 to 35 is born 1986 to 2003
#   https://naoe.snu.ac.kr/news/notice?bbsidx=14343    the table of the ten windows and their digits
#   https://jejutwn.com/news/article.html?no=84141     from 21 August 20:00 to 18 September 18:00 for all of them
#   http://m.koreaherald.com/view.php?ud=20210808000158  the same in English
# The fourth of them gives that window as one; the notice of the university has the hours
# 20:00 to 18:00 for every day. It is taken as one. go test ./config -update writes this
# file.
`
