// Package plot draws lines over a span as SVG that stands by itself: no script, no
// font, no colour that is told apart by hue alone if the caller's are not.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Curve is one line.
type Curve struct {
	Name, Colour string
	X, Y         []float64
	Low, High    []float64 // of an interval at each point, or nil
	Dashed       bool
}

// Mark is a moment in which something happened.
type Mark struct {
	X    float64
	Name string
}

// The drawing, in pixels.
const (
	wide, tall             = 760, 380
	leftOf, rightOf, topOf = 60, 130, 40
	bottomOf               = 45
	plotWide, plotTall     = wide - leftOf - rightOf, tall - topOf - bottomOf
)

// axis maps values to pixels.
type axis struct{ low, high, from, to float64 }

func (a axis) at(v float64) float64 {
	if a.high == a.low {
		return a.from
	}
	return a.from + (v-a.low)/(a.high-a.low)*(a.to-a.from)
}

// Chart is one drawing: its title, what goes across and upward, lines, and moments.
func Chart(title, across, upward string, all []Curve, marks ...Mark) string {
	x := axis{math.Inf(1), math.Inf(-1), leftOf, leftOf + plotWide}
	y := axis{0, 1e-9, topOf + plotTall, topOf}
	for _, c := range all {
		for i := range c.X {
			x.low, x.high = min(x.low, c.X[i]), max(x.high, c.X[i])
			y.high = max(y.high, c.Y[i])
			if c.High != nil {
				y.high = max(y.high, c.High[i])
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-label="%s">`+"\n", wide, tall, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="15">%s</text>`+"\n", wide, tall, leftOf, html.EscapeString(title))
	grid(&b, x, y)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text><text x="8" y="%d" fill="#5f6368">%s</text>`+"\n",
		leftOf+plotWide/2, tall-8, across, topOf-8, upward)
	for i, m := range marks {
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#5f6368" stroke-dasharray="2 3"/><text x="%.1f" y="%d" font-size="10" fill="#5f6368">%s</text>`+"\n",
			x.at(m.X), topOf, topOf+plotTall, x.at(m.X)+3, topOf+10+11*i, html.EscapeString(m.Name))
	}
	for i, c := range all {
		c.draw(&b, x, y)
		at := topOf + 16*i
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			wide-rightOf+10, at, c.Colour, wide-rightOf+30, at+6, c.Name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// grid is at round numbers.
func grid(b *strings.Builder, x, y axis) {
	every := step(x.high - x.low)
	for k := math.Ceil(x.low / every); k*every <= x.high; k++ {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#5f6368">%s</text>`+"\n", x.at(k*every), topOf+plotTall+18, short(k*every))
	}
	every = step(y.high)
	for k := 0.0; k*every <= y.high; k++ {
		at := y.at(k * every)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#e0e0e0"/><text x="%d" y="%.1f" text-anchor="end" fill="#5f6368">%s</text>`+"\n",
			leftOf, at, leftOf+plotWide, leftOf-6, at+4, short(k*every))
	}
}

// step divides a span into three to eight, at 1, 2 or 5 times a power of ten.
func step(span float64) float64 {
	if !(span > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(span)))
	for _, times := range []float64{0.2, 0.5, 1} {
		if span/(times*power) <= 8 {
			return times * power
		}
	}
	return 2 * power
}

func short(v float64) string { return strconv.FormatFloat(v+0, 'g', 3, 64) } // +0: a zero that came of rounding up has no sign

func (c *Curve) draw(b *strings.Builder, x, y axis) {
	var path strings.Builder
	for i := range c.X {
		verb := 'L'
		if i == 0 {
			verb = 'M'
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", verb, x.at(c.X[i]), y.at(c.Y[i]))
		if c.Low != nil {
			fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="%s"/>`+"\n", x.at(c.X[i]), y.at(c.Low[i]), y.at(c.High[i]), c.Colour)
		}
	}
	dashes := ""
	if c.Dashed {
		dashes = ` stroke-dasharray="6 4"`
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", path.String(), c.Colour, dashes)
}
