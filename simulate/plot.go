package simulate

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// colours of the policies, in their order; apart from each other in lightness
// too.
var colours = [policies]string{"#9aa0a6", "#c58af9", "#f29900", "#d93025", "#1a73e8", "#188038", "#202124"}

// curve is one line of a plot.
type curve struct {
	name, colour string
	x, y         []float64
	low, high    []float64 // of an interval, or nil
}

// Plot writes course-SCENARIO.svg, the logins completed a second at the base
// point with the first seed, and factor-SCENARIO-FACTOR.svg, the 95 % wait with
// its interval, for whatever the report holds. The directory is made.
func (r *Report) Plot(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // to be read by all
		return err
	}
	for _, scenario := range Scenarios() {
		if all := r.courses(scenario); len(all) > 0 {
			svg := draw(scenario+": logins completed a second", "seconds", "a second", all)
			if err := write(dir, "course-"+scenario, svg); err != nil {
				return err
			}
		}
		for _, f := range []string{"follow", "refresh", "load", "capacity"} {
			if all := r.factor(scenario, f); len(all) > 0 {
				svg := draw(scenario+": 95 % wait by "+f, f, "seconds", all)
				if err := write(dir, "factor-"+scenario+"-"+f, svg); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func write(dir, name, svg string) error {
	return os.WriteFile(filepath.Join(dir, name+".svg"), []byte(svg), 0o644) //nolint:gosec // to be read by all
}

// courses are each policy's logins a second, over five seconds.
func (r *Report) courses(scenario string) (all []curve) {
	const over = 5
	for _, p := range Policies() {
		c := r.Cell("base", scenario, p)
		if c == nil || len(c.runs) == 0 {
			continue
		}
		line := curve{name: p.String(), colour: colours[p]}
		course := c.runs[0].Course
		for at := int(warm) - 20; at+over <= min(len(course), int(until)+60); at += over {
			sum := 0
			for _, m := range course[at : at+over] {
				sum += m.In
			}
			line.x = append(line.x, float64(at))
			line.y = append(line.y, float64(sum)/over)
		}
		all = append(all, line)
	}
	return all
}

// factor is each policy's wait along one factor; nothing where none was varied.
func (r *Report) factor(scenario, name string) (all []curve) {
	for _, p := range Policies() {
		line := curve{name: p.String(), colour: colours[p]}
		varied := false
		for _, at := range r.points(name, scenario, p) {
			v, e := at.value, at.cell.Figures[P95]
			varied = varied || at.cell.Setting != "base"
			line.x, line.y = append(line.x, v), append(line.y, e.Mean)
			line.low, line.high = append(line.low, e.Low), append(line.high, e.High)
		}
		if varied {
			all = append(all, line)
		}
	}
	return all
}

// point of a factor.
type point struct {
	value float64
	cell  *Cell
}

// points are the cells along one factor, ascending.
func (r *Report) points(name, scenario string, p Policy) (all []point) {
	for i := range r.Cells {
		c := &r.Cells[i]
		base := Config{Policy: p, Scenario: scenario, Seed: r.First, Capacity: r.Capacity, Follow: r.Follow, Refresh: r.Refresh, Load: r.Load}
		varies := map[string]struct{ own, base *float64 }{
			"follow":   {&c.config.Follow, &base.Follow},
			"refresh":  {&c.config.Refresh, &base.Refresh},
			"load":     {&c.config.Load, &base.Load},
			"capacity": {&c.config.Capacity, &base.Capacity},
		}[name]
		*varies.base = *varies.own
		if c.config == base {
			all = append(all, point{*varies.own, c})
		}
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.value, b.value) })
	return all
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

// draw is one chart as SVG.
func draw(title, across, upward string, all []curve) string {
	x := axis{math.Inf(1), math.Inf(-1), leftOf, leftOf + plotWide}
	y := axis{0, 1e-9, topOf + plotTall, topOf}
	for _, c := range all {
		for i := range c.x {
			x.low, x.high = min(x.low, c.x[i]), max(x.high, c.x[i])
			y.high = max(y.high, c.y[i])
			if c.high != nil {
				y.high = max(y.high, c.high[i])
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-label="%s">`+"\n", wide, tall, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="15">%s</text>`+"\n", wide, tall, leftOf, html.EscapeString(title))
	grid(&b, x, y)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text><text x="8" y="%d" fill="#5f6368">%s</text>`+"\n",
		leftOf+plotWide/2, tall-8, across, topOf-8, upward)
	for i, c := range all {
		c.draw(&b, x, y)
		at := topOf + 16*i
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			wide-rightOf+10, at, c.colour, wide-rightOf+30, at+6, c.name)
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

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

func (c *curve) draw(b *strings.Builder, x, y axis) {
	var path strings.Builder
	for i := range c.x {
		verb := 'L'
		if i == 0 {
			verb = 'M'
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", verb, x.at(c.x[i]), y.at(c.y[i]))
		if c.low != nil {
			fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="%s"/>`+"\n", x.at(c.x[i]), y.at(c.low[i]), y.at(c.high[i]), c.colour)
		}
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), c.colour)
}
