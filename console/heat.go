package console

import (
	"time"

	"sinho/signal"
)

// heat is a drawing of lights by the hour: a row for each day of a week, or a
// column for each day of a longer time. The worse a light, the taller its bar, so
// that colour is not needed.
type heat struct {
	Width, Height int
	Cells         []run
	// Marks are where a light was red or grey: below each row, or for each day in a
	// row of their own at the foot.
	Marks []run
	Rows  []time.Time // days beside the rows; none by day
	Worst signal.Light
	Known bool
	ByDay bool
}

// Heights of the drawing, in its own units.
const (
	cellHigh = 10
	markHigh = 3
	rowHigh  = cellHigh + markHigh + 3 // with the mark below it and a gap
)

// high is how tall a light's bar is.
func high(l signal.Light) int {
	return map[signal.Light]int{signal.Green: 3, signal.Yellow: 6, signal.Red: 8, signal.Grey: cellHigh}[l]
}

// cell is an hour in its place.
type cell struct {
	light    signal.Light
	override bool
	at       time.Time
}

// put adds an hour; one that the clock repeats is the worse of the two.
func (c *cell) put(h signal.Hour, at time.Time) {
	if l := h.Worst(); l.Worse(c.light) {
		c.light, c.at = l, at
	}
	c.override = c.override || h.Overruled > 0
}

// heatByHour is a row for each day of zone, its hours from left to right.
func heatByHour(zone *time.Location, from time.Time, days int, all []signal.Hour) heat {
	place := daysFrom(zone, from, days)
	rows := make([][24]cell, days)
	for _, h := range all {
		at := h.Begin().In(zone)
		if i, ok := place[dayKey(at)]; ok {
			rows[i][at.Hour()].put(h, at)
		}
	}
	out := heat{Width: 24, Height: days * rowHigh}
	for i := range rows {
		out.Rows = append(out.Rows, from.In(zone).AddDate(0, 0, i))
		out.draw(rows[i][:], i*rowHigh)
		out.mark(rows[i][:], i*rowHigh+cellHigh+1)
	}
	return out
}

// daysFrom is where the days of zone stand.
func daysFrom(zone *time.Location, from time.Time, days int) map[string]int {
	place := map[string]int{}
	for i := range days {
		place[dayKey(from.In(zone).AddDate(0, 0, i))] = i
	}
	return place
}

// heatByDay is a column for each day of zone, its hours from top to bottom.
func heatByDay(zone *time.Location, from time.Time, days int, all []signal.Hour) heat {
	place := daysFrom(zone, from, days)
	rows := make([][]cell, 24)
	for i := range rows {
		rows[i] = make([]cell, days)
	}
	worst := make([]cell, days)
	for _, h := range all {
		at := h.Begin().In(zone)
		if i, ok := place[dayKey(at)]; ok {
			rows[at.Hour()][i].put(h, at)
			worst[i].put(h, at)
		}
	}
	out := heat{Width: days, Height: 24*cellHigh + 2*markHigh, ByDay: true}
	for i, row := range rows {
		out.draw(row, i*cellHigh)
	}
	out.mark(worst, 24*cellHigh+markHigh)
	return out
}

// draw adds a row of cells whose top is at y; equal neighbours are one bar.
func (h *heat) draw(row []cell, y int) {
	for x, c := range row {
		if c.light == 0 {
			continue
		}
		h.Known = true
		if c.light.Worse(h.Worst) {
			h.Worst = c.light
		}
		tall := high(c.light)
		h.Cells = join(h.Cells, run{X: x, W: 1, Y: y + cellHigh - tall, H: tall, Light: c.light, Override: c.override, From: c.at, To: c.at.Add(time.Hour)})
	}
}

// mark notes at y where a light was red or grey.
func (h *heat) mark(row []cell, y int) {
	for x, c := range row {
		if c.light == signal.Red || c.light == signal.Grey {
			h.Marks = join(h.Marks, run{X: x, W: 1, Y: y, H: markHigh, From: c.at, To: c.at.Add(time.Hour)})
		}
	}
}

// join adds a bar, or lengthens the last one where it goes on.
func join(all []run, r run) []run {
	if n := len(all) - 1; n >= 0 {
		last := &all[n]
		if last.X+last.W == r.X && last.Y == r.Y && last.Light == r.Light && last.Override == r.Override {
			last.W, last.To = last.W+r.W, r.To
			return all
		}
	}
	return append(all, r)
}

// axisOf are days at equal distances: each of a week, else six.
func axisOf(zone *time.Location, from time.Time, days int) (all []time.Time) {
	every := max(days/6, 1)
	for i := 0; i < days; i += every {
		all = append(all, from.In(zone).AddDate(0, 0, i))
	}
	return all
}
