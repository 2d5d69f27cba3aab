package simulate

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"sinho/plot"
)

// colours of the policies, in their order; apart from each other in lightness
// too.
var colours = [policies]string{"#9aa0a6", "#c58af9", "#f29900", "#d93025", "#1a73e8", "#188038", "#202124"}

// Plot writes course-SCENARIO.svg, the logins completed a second at the base
// point with the first seed, and factor-SCENARIO-FACTOR.svg, the 95 % wait with
// its interval, for whatever the report holds. The directory is made.
func (r *Report) Plot(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // to be read by all
		return err
	}
	for _, scenario := range Scenarios() {
		if all := r.courses(scenario); len(all) > 0 {
			svg := plot.Chart(scenario+": logins completed a second", "seconds", "a second", all)
			if err := write(dir, "course-"+scenario, svg); err != nil {
				return err
			}
		}
		for _, f := range []string{"follow", "refresh", "load", "capacity"} {
			if all := r.factor(scenario, f); len(all) > 0 {
				svg := plot.Chart(scenario+": 95 % wait by "+f, f, "seconds", all)
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
func (r *Report) courses(scenario string) (all []plot.Curve) {
	const over = 5
	for _, p := range Policies() {
		c := r.Cell("base", scenario, p)
		if c == nil || len(c.runs) == 0 {
			continue
		}
		line := plot.Curve{Name: p.String(), Colour: colours[p]}
		course := c.runs[0].Course
		for at := int(warm) - 20; at+over <= min(len(course), int(until)+60); at += over {
			sum := 0
			for _, m := range course[at : at+over] {
				sum += m.In
			}
			line.X = append(line.X, float64(at))
			line.Y = append(line.Y, float64(sum)/over)
		}
		all = append(all, line)
	}
	return all
}

// factor is each policy's wait along one factor; nothing where none was varied.
func (r *Report) factor(scenario, name string) (all []plot.Curve) {
	for _, p := range Policies() {
		line := plot.Curve{Name: p.String(), Colour: colours[p]}
		varied := false
		for _, at := range r.points(name, scenario, p) {
			v, e := at.value, at.cell.Figures[P95]
			varied = varied || at.cell.Setting != "base"
			line.X, line.Y = append(line.X, v), append(line.Y, e.Mean)
			line.Low, line.High = append(line.Low, e.Low), append(line.High, e.High)
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
