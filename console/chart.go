package console

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sinho/signal"
)

// span is how far back a chart looks, and how many minutes are one column.
type span struct {
	Key     string
	Name    signal.Text
	Minutes int64
	Bin     int64
}

func spans() []span {
	return []span{
		{"1h", signal.Text{KO: "1시간", EN: "1 h"}, 60, 1},
		{"6h", signal.Text{KO: "6시간", EN: "6 h"}, 360, 2},
		{"24h", signal.Text{KO: "24시간", EN: "24 h"}, 1440, 6},
	}
}

// spanOf is the one with a key.
func spanOf(key string) (span, bool) {
	for _, s := range spans() {
		if s.Key == key {
			return s, true
		}
	}
	return span{}, false
}

// bin is one column: some minutes together. Minutes 0 was not measured.
type bin struct {
	At                           int64 // Unix minute it begins
	Minutes                      int
	Light                        signal.Light // the worst
	Override                     bool
	Started, Returned, Cancelled int
	Legs, Failed                 int
	P95                          time.Duration // of its slowest minute
	P50, P99                     time.Duration // of an hour or more, where P95 is of all of it too
}

// fitting is the shortest span that shows everything since first, a Unix
// minute; 0 for nothing recorded yet.
func fitting(now time.Time, first int64) span {
	all := spans()
	for _, s := range all {
		if first == 0 || now.Unix()/60-first < s.Minutes {
			return s
		}
	}
	return all[len(all)-1]
}

// binsOf puts minutes into the columns that end with the one of now.
func binsOf(s span, now time.Time, minutes func(first, last int64) []signal.Minute) []bin {
	end := (now.Unix()/60/s.Bin + 1) * s.Bin
	first := end - s.Minutes
	bins := make([]bin, s.Minutes/s.Bin)
	for i := range bins {
		bins[i].At = first + int64(i)*s.Bin
	}
	for _, m := range minutes(first, end-1) {
		i := (m.At - first) / s.Bin
		if i < 0 || i >= int64(len(bins)) {
			continue
		}
		b := &bins[i]
		b.Minutes++
		if m.Light.Worse(b.Light) {
			b.Light = m.Light
		}
		b.Override = b.Override || m.Override
		b.Started += int(m.Started)
		b.Returned += int(m.Returned)
		b.Cancelled += int(m.Cancelled)
		b.Legs += int(m.Legs)
		b.Failed += int(m.Failed)
		b.P95 = max(b.P95, m.P95)
	}
	return bins
}

// stripHigh is the height of a strip, in its own units.
const stripHigh = 24

// run is columns side by side under one light.
type run struct {
	X, W, Y, H int
	Light      signal.Light
	Override   bool
	From, To   time.Time
}

// strip shows lights by height and colour: the worse, the taller.
type strip struct {
	Width int
	Runs  []run
	Ticks []tick
	// Says is the strip in words.
	Worst signal.Light
	Known bool
}

// tick is an hour on the time axis, Left in percent.
type tick struct {
	X  int
	At time.Time
}

func stripOf(s span, bins []bin) strip {
	st := strip{Width: len(bins)}
	high := map[signal.Light]int{signal.Green: 7, signal.Yellow: 13, signal.Red: 19, signal.Grey: stripHigh}
	for i, b := range bins {
		if b.Minutes == 0 || b.Light == 0 {
			continue
		}
		st.Known = true
		if b.Light.Worse(st.Worst) {
			st.Worst = b.Light
		}
		to := time.Unix((b.At+s.Bin)*60, 0)
		if n := len(st.Runs) - 1; n >= 0 {
			if last := &st.Runs[n]; last.Light == b.Light && last.Override == b.Override && last.X+last.W == i {
				last.W, last.To = last.W+1, to
				continue
			}
		}
		st.Runs = append(st.Runs, run{
			X: i, W: 1, H: high[b.Light], Y: stripHigh - high[b.Light],
			Light: b.Light, Override: b.Override, From: time.Unix(b.At*60, 0), To: to,
		})
	}
	st.Ticks = ticksOf(s, bins)
	return st
}

// ticksOf are four times along the axis.
func ticksOf(s span, bins []bin) []tick {
	every := s.Minutes / 4
	var all []tick
	for i := range int64(4) {
		all = append(all, tick{X: int(i * 25), At: time.Unix((bins[0].At+i*every)*60, 0)})
	}
	return all
}

// chartHigh is the height of a chart, in its own units; its width is one unit a
// column.
const chartHigh = 100

// chart is one drawing: areas and lines over the same columns.
type chart struct {
	Width int
	Most  float64 // at the upper edge
	Area  string  // path
	Lines []curve
	Bars  []run
	Known bool
}

type curve struct {
	Name string
	D    string
}

// most is the next of 1, 2, 5, 10 … that v fits under.
func most(v float64) float64 {
	if v <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, k := range []float64{1, 2, 5} {
		if v <= k*base*1.000001 {
			return k * base
		}
	}
	return 10 * base
}

// draw is a line through the columns that were measured, broken where none was.
func draw[T any](bins []T, top float64, value func(T) (float64, bool)) string {
	var d strings.Builder
	down := false
	for i, b := range bins {
		v, ok := value(b)
		if !ok {
			down = false
			continue
		}
		y := chartHigh * (1 - math.Min(v/top, 1))
		if !down {
			// A column alone is a short stroke.
			d.WriteString("M" + num(float64(i)) + " " + num(y))
			down = true
		}
		d.WriteString("L" + num(float64(i)+1) + " " + num(y))
	}
	return d.String()
}

// fill closes what draw left open down to the axis.
func fill[T any](bins []T, top float64, value func(T) (float64, bool)) string {
	var d strings.Builder
	open := -1
	shut := func(i int) {
		if open >= 0 {
			d.WriteString("L" + num(float64(i)) + " " + num(chartHigh) + "Z")
			open = -1
		}
	}
	for i, b := range bins {
		v, ok := value(b)
		if !ok {
			shut(i)
			continue
		}
		y := chartHigh * (1 - math.Min(v/top, 1))
		if open < 0 {
			open = i
			d.WriteString("M" + num(float64(i)) + " " + num(chartHigh))
		}
		d.WriteString("L" + num(float64(i)) + " " + num(y) + "L" + num(float64(i)+1) + " " + num(y))
	}
	shut(len(bins))
	return d.String()
}

func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// perMinute makes a count a rate.
func perMinute(count func(bin) int) func(bin) (float64, bool) {
	return func(b bin) (float64, bool) {
		if b.Minutes == 0 {
			return 0, false
		}
		return float64(count(b)) / float64(b.Minutes), true
	}
}

// traffic is starts as an area and returns as a line, a minute.
func traffic(bins []bin) chart {
	starts := perMinute(func(b bin) int { return b.Started })
	back := perMinute(func(b bin) int { return b.Returned })
	c := newChart(bins, starts, back)
	c.Area = fill(bins, c.Most, starts)
	c.Lines = []curve{{"starts", draw(bins, c.Most, starts)}, {"returns", draw(bins, c.Most, back)}}
	return c
}

// times is the p95, with the bound of slow as a second line.
func times(bins []bin, slow time.Duration) chart {
	p95 := func(b bin) (float64, bool) { return b.P95.Seconds(), b.Legs > 0 && b.Minutes > 0 }
	c := newChart(bins, p95, func(b bin) (float64, bool) { return slow.Seconds(), slow > 0 && b.Minutes > 0 })
	c.Lines = []curve{{"p95", draw(bins, c.Most, p95)}}
	if slow > 0 {
		y := num(chartHigh * (1 - slow.Seconds()/c.Most))
		c.Lines = append(c.Lines, curve{"bound", "M0 " + y + "L" + strconv.Itoa(len(bins)) + " " + y})
	}
	return c
}

// failures are bars, a minute.
func failures(bins []bin) chart {
	failed := perMinute(func(b bin) int { return b.Failed })
	c := newChart(bins, failed)
	for i, b := range bins {
		v, ok := failed(b)
		if h := int(math.Ceil(chartHigh * v / c.Most)); ok && h > 0 {
			c.Bars = append(c.Bars, run{X: i, W: 1, H: h, Y: chartHigh - h})
		}
	}
	return c
}

func newChart[T any](bins []T, values ...func(T) (float64, bool)) chart {
	c := chart{Width: len(bins)}
	var top float64
	for _, b := range bins {
		for _, value := range values {
			if v, ok := value(b); ok {
				top, c.Known = max(top, v), true
			}
		}
	}
	c.Most = most(top)
	return c
}

// row is some columns together, for whoever reads numbers instead.
type row struct {
	bin

	From, To time.Time
}

// rowsOf are at most a dozen rows, newest first, without those nobody measured.
func rowsOf(s span, bins []bin) []row {
	each := max(len(bins)/12, 1)
	var all []row
	for i := len(bins); i > 0; i -= each {
		r := row{From: time.Unix(bins[max(i-each, 0)].At*60, 0), To: time.Unix((bins[i-1].At+s.Bin)*60, 0)}
		for _, b := range bins[max(i-each, 0):i] {
			r.Minutes += b.Minutes
			r.Started, r.Returned, r.Failed, r.Legs = r.Started+b.Started, r.Returned+b.Returned, r.Failed+b.Failed, r.Legs+b.Legs
			r.P95 = max(r.P95, b.P95)
			if b.Light.Worse(r.Light) {
				r.Light = b.Light
			}
			r.Override = r.Override || b.Override
		}
		if r.Minutes > 0 {
			all = append(all, r)
		}
	}
	return all
}
