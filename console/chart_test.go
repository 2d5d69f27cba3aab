package console

import (
	"strings"
	"testing"
	"time"

	"sinho/signal"
)

func minutesFrom(all ...signal.Minute) func(int64, int64) []signal.Minute {
	return func(first, last int64) (in []signal.Minute) {
		for _, m := range all {
			if m.At >= first && m.At <= last {
				in = append(in, m)
			}
		}
		return in
	}
}

func TestColumnsHoldTheirMinutesAndTheWorstLight(t *testing.T) {
	now := time.Unix(1_000_000*60, 0)
	s, _ := spanOf("24h")
	bins := binsOf(s, now, minutesFrom(
		signal.Minute{At: 1_000_000, Light: signal.Green, Started: 4, P95: time.Second},
		signal.Minute{At: 999_999, Light: signal.Red, Started: 2, Failed: 1, P95: 3 * time.Second, Override: true},
		signal.Minute{At: 999_000, Light: signal.Yellow},
		signal.Minute{At: 900_000, Light: signal.Grey},
	))
	if len(bins) != 240 {
		t.Fatalf("got %d columns, want 240", len(bins))
	}
	last := bins[239]
	if last.At > 1_000_000 || last.At+s.Bin <= 1_000_000 {
		t.Errorf("the last column begins at %d, want now in it", last.At)
	}
	total, worst := 0, signal.Light(0)
	for _, b := range bins {
		total += b.Minutes
		worst = max(worst, b.Light)
	}
	if total != 3 || worst != signal.Red {
		t.Errorf("got %d minutes, worst %v, want the three of the day and red", total, worst)
	}
}

func TestAStripJoinsEqualColumnsAndLeavesGaps(t *testing.T) {
	now := time.Unix(1_000_059*60, 0)
	s, _ := spanOf("1h")
	st := stripOf(s, binsOf(s, now, minutesFrom(
		signal.Minute{At: 1_000_010, Light: signal.Green}, signal.Minute{At: 1_000_011, Light: signal.Green},
		signal.Minute{At: 1_000_020, Light: signal.Green},
		signal.Minute{At: 1_000_021, Light: signal.Grey, Override: true}, signal.Minute{At: 1_000_022, Light: signal.Grey},
	)))
	var got []string
	for _, r := range st.Runs {
		got = append(got, r.Light.String()+strings.Repeat("!", map[bool]int{true: 1}[r.Override])+" "+num(float64(r.X))+"+"+num(float64(r.W)))
	}
	if want := "green 10+2, green 20+1, grey! 21+1, grey 22+1"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if !st.Known || st.Worst != signal.Grey || len(st.Ticks) != 4 {
		t.Errorf("got %+v, want it known, grey at worst, with four times", st)
	}
	if empty := stripOf(s, binsOf(s, now, minutesFrom())); empty.Known || empty.Runs != nil {
		t.Errorf("got %+v of nothing", empty)
	}
}

func TestLinesBreakWhereNothingWasMeasured(t *testing.T) {
	bins := []bin{{Minutes: 1, Started: 5}, {Minutes: 1, Started: 10}, {}, {Minutes: 2, Started: 10}}
	c := traffic(bins)
	if c.Most != 10 || !c.Known {
		t.Errorf("got %+v, want an edge of 10", c)
	}
	if got, want := c.Lines[0].D, "M0 50L1 50L2 0M3 50L4 50"; got != want {
		t.Errorf("line: got %s, want %s", got, want)
	}
	if got, want := c.Area, "M0 100L0 50L1 50L1 0L2 0L2 100ZM3 100L3 50L4 50L4 100Z"; got != want {
		t.Errorf("area: got %s, want %s", got, want)
	}
	if f := failures([]bin{{Minutes: 1, Failed: 3}, {Minutes: 1}}); len(f.Bars) != 1 || f.Bars[0].H != 60 || f.Most != 5 {
		t.Errorf("got %+v, want one bar of 3 in 5", f)
	}
	if c := times([]bin{{}, {Minutes: 1, Legs: 1, P95: time.Second}}, 2*time.Second); c.Most != 2 || len(c.Lines) != 2 || c.Lines[1].D != "M0 0L2 0" {
		t.Errorf("got %+v, want the p95 and the bound of slow", c)
	}
	if c := traffic([]bin{{}}); c.Known {
		t.Error("a chart of nothing is known")
	}
}

func TestEdgesAreRoundNumbers(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.3: 0.5, 1: 1, 1.2: 2, 4: 5, 7: 10, 10: 10, 11: 20, 480: 500, 501: 1000} {
		if got := most(v); got != want {
			t.Errorf("most(%v): got %v, want %v", v, got, want)
		}
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "–", 42 * time.Millisecond: "0.042", 1234 * time.Millisecond: "1.23", 12 * time.Second: "12"} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v): got %s, want %s", d, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 1: "100", 0.9996: "99.9", 0.123: "12.3", 0.25: "25"} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v): got %s, want %s", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{5 * time.Second: "5초", 90 * time.Second: "1분 30초", 12 * time.Minute: "12분", 3*time.Hour + 5*time.Minute: "3시간 5분", -time.Second: "0초"} {
		if got := spanText(d).KO; got != want {
			t.Errorf("spanText(%v): got %s, want %s", d, got, want)
		}
	}
}

func TestRowsAreTheNewestFirstAndOnlyWhatWasMeasured(t *testing.T) {
	s, _ := spanOf("1h")
	now := time.Unix(1_000_059*60, 0)
	rows := rowsOf(s, binsOf(s, now, minutesFrom(
		signal.Minute{At: 1_000_001, Light: signal.Green, Started: 3}, signal.Minute{At: 1_000_002, Light: signal.Red, Started: 4},
		signal.Minute{At: 1_000_059, Light: signal.Green, Started: 9},
	)))
	if len(rows) != 2 || rows[0].Started != 9 || rows[1].Started != 7 || rows[1].Light != signal.Red {
		t.Errorf("got %+v, want two rows", rows)
	}
}

func TestAYoungNodeShowsItsShortHistory(t *testing.T) {
	now := time.Unix(1_000_000*60, 0)
	for first, want := range map[int64]string{0: "1h", 1_000_000: "1h", 999_950: "1h", 999_900: "6h", 999_000: "24h", 998_000: "24h"} {
		if got := fitting(now, first); got.Key != want {
			t.Errorf("since %d: got %s, want %s", first, got.Key, want)
		}
	}
}
