package keys

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// day is a moment of the tables, in hours after it.
var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return day.Add(time.Duration(n) * time.Hour) }

func TestTheTimeLineOfKeys(t *testing.T) {
	type states = []State
	line := []Span{
		{Until: hour(30)},
		{Made: hour(0), From: hour(1), Until: hour(50)},
		{Made: hour(20), From: hour(21)},
	}
	for _, tc := range []struct {
		name string
		at   time.Time
		want states
	}{
		{"the second is made", hour(0), states{Active, Published, Published}},
		{"the instant before it begins", hour(1).Add(-1), states{Active, Published, Published}},
		{"the instant it begins", hour(1), states{Retired, Active, Published}},
		{"the instant before the third", hour(21).Add(-1), states{Retired, Active, Published}},
		{"the instant of the third", hour(21), states{Retired, Retired, Active}},
		{"the instant before the end of the first", hour(30).Add(-1), states{Retired, Retired, Active}},
		{"the end of the first", hour(30), states{Removed, Retired, Active}},
		{"the end of the second", hour(50), states{Removed, Removed, Active}},
		{"years later", hour(50_000), states{Removed, Removed, Active}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, States(line, tc.at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfEqualsTheFirstIsActive(t *testing.T) {
	for _, line := range [][]Span{{{}, {}, {}}, {{From: day}, {From: day}}, {{From: day}, {}}} {
		if got := ActiveAt(line, day); got != 0 {
			t.Errorf("%v: got %d, want the first", line, got)
		}
	}
}

func TestALineMustHaveAnActiveKeyForEver(t *testing.T) {
	for _, tc := range []struct {
		name string
		line []Span
		want string // "" for a good one
	}{
		{"one since ever", []Span{{}}, ""},
		{"one that has begun", []Span{{From: day}}, ""},
		{"one that waits behind one", []Span{{}, {From: hour(1)}}, ""},
		{"one that ends when the next has begun", []Span{{Until: hour(2)}, {From: hour(1)}}, ""},
		{"an old one that has ended long ago", []Span{{Until: hour(-2)}, {From: hour(-3)}}, ""},
		{"none", nil, "no key is active yet"},
		{"one that waits", []Span{{From: day.Add(1)}}, "no key is active yet"},
		{"one that ends", []Span{{Until: hour(1)}}, "the newest key ends at 2026-11-23T01:00:00Z with none to follow"},
		{"one that ends before the next begins", []Span{{Until: hour(1)}, {From: hour(2)}}, "a key ends at 2026-11-23T01:00:00Z, before the next begins at 2026-11-23T02:00:00Z"},
		{"one that ends as the next begins", []Span{{Until: hour(1)}, {From: hour(1)}}, "before the next begins"},
		{"the one in the middle ends too soon", []Span{{Until: hour(9)}, {From: hour(-1), Until: hour(1)}, {From: hour(3)}}, "before the next begins"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckLine(tc.line, day)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestASuccessorEndsTheOthersAndNoneTwice(t *testing.T) {
	got := Succeed([]Span{{Until: hour(3)}, {From: hour(-1)}}, hour(2), 10*time.Hour)
	want := []Span{{Until: hour(3)}, {From: hour(-1), Until: hour(12)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTakingAKeyAway(t *testing.T) {
	retired, active, waits := Span{Until: hour(9)}, Span{From: hour(-5), Until: hour(30)}, Span{From: hour(2)}
	for _, tc := range []struct {
		name string
		line []Span
		take int
		want []Span
	}{
		{"a retired one", []Span{retired, active, waits}, 0, []Span{active, waits}},
		{"the one that waits", []Span{retired, active, waits}, 2, []Span{retired, {From: hour(-5)}}},
		{"the active one, so the next begins now", []Span{retired, active, waits}, 1, []Span{retired, {From: day}}},
		{"the last one", []Span{{}}, 0, []Span{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Without(tc.line, tc.take, day)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := CheckLine(got, day); len(got) > 0 && err != nil {
				t.Errorf("got a line that is none: %v", err)
			}
		})
	}
	for _, tc := range []struct {
		line []Span
		i    int
		want bool
	}{
		{[]Span{retired, active}, 1, true},
		{[]Span{retired, active}, 0, false},
		{[]Span{active, waits}, 0, false},
	} {
		if got := NeedsSuccessor(tc.line, tc.i, day); got != tc.want {
			t.Errorf("%v without %d: got %t, want %t", tc.line, tc.i, got, tc.want)
		}
	}
}

func TestInstantsHaveOneSpelling(t *testing.T) {
	at, err := ParseTime("2026-11-23T01:00:00Z")
	if err != nil || !at.Equal(hour(1)) || FormatTime(at.In(time.FixedZone("KST", 9*3600))) != "2026-11-23T01:00:00Z" {
		t.Errorf("got %v, %v, want 01:00 and the same text again", at, err)
	}
	for _, text := range []string{"", "-", "2026-11-23", "2026-11-23T10:00:00+09:00", "2026-11-23T01:00:00.5Z", "2026-11-23T01:00:00Z ", "2026-13-23T01:00:00Z"} {
		if at, err := ParseTime(text); err == nil {
			t.Errorf("%q: got %v, want it refused", text, at)
		}
	}
}
