package console

import (
	"time"

	"sinho/signal"
)

// heat is a drawing of lights by the hour: one row of hours, or a column for each
// day. The worse a light, the taller its bar, so that colour is not needed.
type heat struct {
	Width, Height int
	Cells         []run
	// Marks are where a light was red or grey, in a row of their own at the foot.
	Marks []run
	Axis  []time.Time
	Worst signal.Light
	Known bool
	ByDay bool
}

// Heights of the drawing, in its own units.
const (
	rowHigh  = 24 // a row of hours alone
	cellHigh = 10 // one of 24 rows
	markHigh = 4
)

// Foot is where the row of marks begins.
func (h heat) Foot() int { return h.Height - markHigh }

// high is how tall a light's bar is in a row.
func high(l signal.Light, row int) int {
	share := map[signal.Light]int{signal.Green: 30, signal.Yellow: 55, signal.Red: 80, signal.Grey: 100}
	return max(row*share[l]/100, 1)
}

// cell is an hour in its place.
type cell struct {
	light    signal.Light
	override bool
	at       time.Time
}

// heatByHour is one row.
func heatByHour(from time.Time, hours int, all []signal.Hour) heat {
	row := make([]cell, hours)
	for _, h := range all {
		if i := h.At - from.Unix()/3600; i >= 0 && i < int64(hours) {
			row[i] = cell{h.Worst(), h.Overruled > 0, h.Begin()}
		}
	}
	out := heat{Width: hours, Height: rowHigh + markHigh + 2}
	out.draw(row, 0, rowHigh, time.Hour)
	out.mark(row, time.Hour)
	return out
}

// heatByDay is a column for each day of zone, its hours from top to bottom.
func heatByDay(zone *time.Location, from time.Time, days int, all []signal.Hour) heat {
	place := map[string]int{}
	for i := range days {
		place[dayKey(from.In(zone).AddDate(0, 0, i))] = i
	}
	rows := make([][]cell, 24)
	for i := range rows {
		rows[i] = make([]cell, days)
	}
	worst := make([]cell, days)
	for _, h := range all {
		at := h.Begin().In(zone)
		i, ok := place[dayKey(at)]
		if !ok {
			continue
		}
		for _, c := range []*cell{&rows[at.Hour()][i], &worst[i]} {
			if l := h.Worst(); l.Worse(c.light) { // an hour that the clock repeats is the worse one
				c.light, c.at = l, at
			}
			c.override = c.override || h.Overruled > 0
		}
	}
	out := heat{Width: days, Height: 24*cellHigh + markHigh + 2, ByDay: true}
	for i, row := range rows {
		out.draw(row, i*cellHigh, cellHigh, 0)
	}
	out.mark(worst, 0)
	return out
}

// draw adds a row of cells whose top is at y; equal neighbours are one bar. each
// is how long a column is, 0 for a day of which it has an hour.
func (h *heat) draw(row []cell, y, tall int, each time.Duration) {
	for x, c := range row {
		if c.light == 0 {
			continue
		}
		h.Known = true
		if c.light.Worse(h.Worst) {
			h.Worst = c.light
		}
		to := c.at.Add(max(each, time.Hour))
		if n := len(h.Cells) - 1; n >= 0 {
			last := &h.Cells[n]
			if last.Light == c.light && last.Override == c.override && last.X+last.W == x && last.Y+last.H == y+tall {
				last.W, last.To = last.W+1, to
				continue
			}
		}
		high := high(c.light, tall)
		h.Cells = append(h.Cells, run{X: x, W: 1, Y: y + tall - high, H: high, Light: c.light, Override: c.override, From: c.at, To: to})
	}
}

// mark notes where a light was red or grey.
func (h *heat) mark(row []cell, each time.Duration) {
	for x, c := range row {
		if c.light != signal.Red && c.light != signal.Grey {
			continue
		}
		if n := len(h.Marks) - 1; n >= 0 && h.Marks[n].X+h.Marks[n].W == x {
			h.Marks[n].W++
			h.Marks[n].To = c.at.Add(max(each, time.Hour))
			continue
		}
		h.Marks = append(h.Marks, run{X: x, W: 1, Y: h.Foot(), H: markHigh, Light: c.light, From: c.at, To: c.at.Add(max(each, time.Hour))})
	}
}

// axisOf are the days below the drawing, at equal distances: each of a week, else
// six.
func axisOf(zone *time.Location, from time.Time, days int) (all []time.Time) {
	every := max(days/6, 1)
	for i := 0; i < days; i += every {
		all = append(all, from.In(zone).AddDate(0, 0, i))
	}
	return all
}
