package signal

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// someRollup has counters of its own in some places.
func someRollup(r *rand.Rand) (out Rollup) {
	for _, n := range out.fields() {
		if r.IntN(3) == 0 {
			*n = r.Int64N(500)
		}
	}
	return out
}

// someParts are what a node may know of a minute: masks so few that they meet and
// that no merge has too many.
func someParts(r *rand.Rand, most int) (all Parts) {
	for range r.IntN(most + 1) {
		masks := [mostParts / 2]int64{0b011, 0b110, 0b100, wholeMinute}
		all = all.Merge(Parts{{Run: int64(r.IntN(2)), Mask: masks[r.IntN(len(masks))], Rollup: someRollup(r)}})
	}
	return all
}

// together are the parts that are of all nodes.
func together(p Parts) (all Parts) {
	for _, part := range p {
		if part.Run == 0 {
			all = append(all, part)
		}
	}
	return all
}

func TestPartsMergeInAnyOrderAndTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for range 2000 {
		a, b, c := someParts(r, 2), someParts(r, 2), someParts(r, 3)
		if got, want := b.Merge(a), a.Merge(b); !cmp.Equal(got, want) {
			t.Fatalf("not commutative: %s", cmp.Diff(want, got))
		}
		if got := a.Merge(b).Merge(b); !cmp.Equal(got, a.Merge(b)) {
			t.Fatalf("not idempotent: %s", cmp.Diff(a.Merge(b), got))
		}
		if got, want := a.Merge(b).Merge(c), a.Merge(b.Merge(c)); !cmp.Equal(got, want) {
			t.Fatalf("not associative: %s", cmp.Diff(want, got))
		}
		_, before := together(a).Sum()
		if _, after := together(a.Merge(b)).Sum(); after < before {
			t.Fatalf("more is known and %d seconds became %d", before, after)
		}
	}
}

func TestTheFullestPartsStayWhenThereAreTooMany(t *testing.T) {
	var all Parts
	for i := range int64(20) {
		all = all.Merge(Parts{{Mask: 1<<i - 1, Rollup: Rollup{Started: i}}})
	}
	if len(all) != mostParts || all[0].Started != 19 || all[mostParts-1].Started != 20-mostParts {
		t.Errorf("got %d from %d to %d, want the fullest %d", len(all), all[0].Started, all[len(all)-1].Started, mostParts)
	}
	if sum, seconds := all.Sum(); sum.Started != 19 || seconds != 19 {
		t.Errorf("got %d started in %d s, want no second counted twice", sum.Started, seconds)
	}
}

func TestAMinuteAddsWhatSharesNoSecond(t *testing.T) {
	part := func(run, mask, started int64) Part {
		return Part{Run: run, Mask: mask, Rollup: Rollup{Started: started}}
	}
	for name, c := range map[string]struct {
		parts   Parts
		started int64
		seconds int
	}{
		"nothing":                                   {nil, 0, 0},
		"before and after a restart":                {Parts{part(0, 0b0011, 2), part(0, 0b1100, 3)}, 5, 4},
		"two nodes with the same seconds":           {Parts{part(0, 0b1111, 7), part(0, 0b1111, 7)}, 7, 4},
		"the fuller of two that overlap":            {Parts{part(0, 0b0111, 6), part(0, 0b1100, 3)}, 6, 3},
		"two halves before a middle that is longer": {Parts{part(0, 0b001111, 4), part(0, 0b110000, 2), part(0, 0b011111, 5)}, 6, 6},
		"nodes by themselves beside the others":     {Parts{part(0, 0b0011, 2), part(7, 0b1111, 1), part(9, 0b1100, 1)}, 4, 4},
	} {
		sum, seconds := Parts(nil).Merge(c.parts).Sum()
		if sum.Started != c.started || seconds != c.seconds {
			t.Errorf("%s: got %d in %d s, want %d in %d s", name, sum.Started, seconds, c.started, c.seconds)
		}
	}
}

func TestHoursTakeTheFuller(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	some := func() Hour {
		h := Hour{At: 5, Seconds: r.IntN(3)}
		h.Started, h.Lights[Green], h.Marks[3] = r.Int64N(2), r.Int64N(2), Mark(r.IntN(2))
		return h
	}
	for range 3000 {
		a, b, c := some(), some(), some()
		if a.Fuller(b) != b.Fuller(a) || a.Fuller(a) != a || a.Fuller(b).Fuller(c) != a.Fuller(b.Fuller(c)) {
			t.Fatalf("no law holds of %+v, %+v, %+v", a, b, c)
		}
	}
}

func TestAnHoursPercentilesAreOfAllItsLegs(t *testing.T) {
	var first, second Chapter
	minute := func(took time.Duration, n int64) Parts {
		p := Part{Mask: wholeMinute}
		p.Lights[Green] = 60
		p.Legs[Index(took)] = n
		return Parts{p}
	}
	// Nine quick minutes of few legs and one slow of many: the mean of their p95
	// would be quick.
	for i := range 9 {
		first[i] = minute(100*time.Millisecond, 10)
	}
	second[0] = minute(3*time.Second, 900)
	h := HourOf(7, first, second)
	if p50, p95 := h.Quantile(0.50), h.Quantile(0.95); p50 < 3*time.Second || p95 < 3*time.Second {
		t.Errorf("got p50 %v, p95 %v, want those of all 990 legs", p50, p95)
	}
	if h.Seconds != 600 || h.Ended() != 990 || h.Marks[0].Light() != Green || h.Marks[30].Light() != Green || h.Marks[10] != 0 {
		t.Errorf("got %d s, %d legs, marks %v", h.Seconds, h.Ended(), h.Marks)
	}
}

func TestIncidentsAreTheLongestRunsOfRedAndGrey(t *testing.T) {
	mark := func(l Light, more Mark) Mark { return Mark(l) | more }
	a, b, c := Hour{At: 100}, Hour{At: 101}, Hour{At: 103}
	a.Marks[10], a.Marks[11], a.Marks[12] = mark(Red, 0), mark(Grey, 0), mark(Yellow, 0)
	a.Marks[59], b.Marks[0], b.Marks[1] = mark(Red, 0), mark(Red, markOverruled), mark(Green, 0)
	b.Marks[59], c.Marks[0] = mark(Grey, markPlanned), mark(Red, 0)
	got := Incidents([]Hour{a, b, c})
	at := func(hour, minute int64) time.Time { return time.Unix(hour*3600+minute*60, 0).UTC() }
	want := []Incident{
		{From: at(100, 10), To: at(100, 12), Worst: Grey},
		{From: at(100, 59), To: at(101, 1), Worst: Red, Overruled: true},
		{From: at(101, 59), To: at(102, 0), Worst: Grey, Planned: true},
		{From: at(103, 0), To: at(103, 1), Worst: Red},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// filledChapter and filledDay have a value of its own in every field.
func filledChapter() (c Chapter) {
	var next int64
	fill(reflect.ValueOf(&c).Elem(), &next)
	for i := range c {
		for k := range c[i] {
			c[i][k].Mask = 1<<(i+k+1) - 1
		}
		c[i] = c[i].Merge(nil)
	}
	return c
}

func filledDay() (d Day) {
	var next int64
	fill(reflect.ValueOf(&d).Elem(), &next)
	for i := range d {
		d[i].At, d[i].Seconds = 24+int64(i), 3600-i
		for k := range d[i].Marks {
			d[i].Marks[k] = Mark(k/7%5) | Mark(i%4)<<3
		}
	}
	return d
}

func TestHistoryKeepsItsFormats(t *testing.T) {
	chapter, day := filledChapter(), filledDay()
	rawChapter, err := chapter.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	rawDay, err := day.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"minutes-v1.hex": rawChapter, "hours-v1.hex": rawDay} {
		path := filepath.Join("..", "testdata", "cluster", name)
		if *update {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(golden)) != hex.EncodeToString(raw) {
			t.Errorf("%s: the format has changed and its version has not", name)
		}
	}
	var again Chapter
	if err := again.UnmarshalBinary(rawChapter); err != nil || !cmp.Equal(again, chapter) {
		t.Errorf("minutes: %v\n%s", err, cmp.Diff(chapter, again))
	}
	if got, err := DecodeDay(1, rawDay); err != nil || got != day {
		t.Errorf("hours: %v\n%s", err, cmp.Diff(day, got))
	}
}

func TestRecordsOfHistoryFitWhateverWasCounted(t *testing.T) {
	const most = 16 << 10
	var full Rollup
	for _, n := range full.fields() {
		*n = mostCount + 5 // is cut down to what a record takes
	}
	var day Day
	for i := range day {
		day[i] = Hour{At: int64(i), Seconds: 3600, Rollup: full}
		for k := range day[i].Marks {
			day[i].Marks[k] = Mark(k%2 + 1)
		}
	}
	raw, err := day.Encode()
	if err != nil || len(raw) > most {
		t.Errorf("a day: got %d bytes and %v, want at most %d", len(raw), err, most)
	}
	if _, err := DecodeDay(0, raw); err != nil {
		t.Errorf("a day: %v", err)
	}
	// A minute in which every bucket of the histogram has 100,000 legs: 5.4 million.
	for _, n := range full.fields() {
		*n = 100_000
	}
	var chapter Chapter
	for i := range chapter {
		chapter[i] = Parts{{Run: 1 << 30, Mask: wholeMinute, Rollup: full}, {Mask: wholeMinute, Rollup: full}}
	}
	for {
		if raw, err = chapter.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
		if len(raw) <= most || !chapter.Thin() {
			break
		}
	}
	if len(raw) > most {
		t.Errorf("minutes: got %d bytes, want at most %d", len(raw), most)
	}
	for i, parts := range chapter {
		if len(parts) == 0 {
			t.Errorf("minute %d has nothing left", i)
		}
	}
}

func FuzzHistoryRecords(f *testing.F) {
	chapter, day := filledChapter(), filledDay()
	for _, make := range []func() ([]byte, error){chapter.MarshalBinary, day.Encode} {
		raw, err := make()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{1})
	f.Add([]byte{2, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c Chapter
		if err := c.UnmarshalBinary(raw); err == nil {
			again, err := c.MarshalBinary()
			var d Chapter
			if err != nil || d.UnmarshalBinary(again) != nil || !cmp.Equal(c, d) {
				t.Errorf("minutes are not what they were: %v", err)
			}
		} else if !errors.Is(err, ErrFormat) {
			t.Errorf("got %v, want ErrFormat", err)
		}
		if d, err := DecodeDay(3, raw); err == nil {
			again, err := d.Encode()
			if e, err2 := DecodeDay(3, again); err != nil || err2 != nil || d != e {
				t.Errorf("hours are not what they were: %v, %v", err, err2)
			}
		} else if !errors.Is(err, ErrFormat) {
			t.Errorf("got %v, want ErrFormat", err)
		}
	})
}
