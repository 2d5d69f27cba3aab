package simulate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// Plan is a table to be filled: configurations whose Seed is the first of Seeds.
// The point of the first is the base point.
type Plan struct {
	Seeds int // runs of each, 1 or more
	Cells []Config
	// Fewer, if above 0, are the runs of each cell that is not at the base point.
	Fewer int
}

// Grid is every policy in every scenario at one point.
func Grid(point Config, policies []Policy, scenarios []string) []Config {
	var all []Config
	for _, scenario := range scenarios {
		for _, p := range policies {
			c := point
			c.Policy, c.Scenario = p, scenario
			all = append(all, c)
		}
	}
	return all
}

// Factors are the points that differ from a base point in one factor: α, the age
// of the board, the load, the size of everything.
func Factors(point Config, policies []Policy, scenarios []string) []Config {
	var all []Config
	vary := func(change func(*Config, float64), values ...float64) {
		for _, v := range values {
			c := point
			change(&c, v)
			if c != point {
				all = append(all, Grid(c, policies, scenarios)...)
			}
		}
	}
	vary(func(c *Config, v float64) { c.Follow = v }, 0.3, 0.45, 0.75, 0.9)
	vary(func(c *Config, v float64) { c.Refresh = v }, 1, 5, 10, 30)
	vary(func(c *Config, v float64) { c.Load = v }, 0.7, 0.85, 1.15, 1.3)
	vary(func(c *Config, v float64) { c.Capacity = v }, 60, 120)
	return all
}

// Removals are the points without one part of what is shipped.
func Removals(point Config, scenarios []string) []Config {
	var all []Config
	for _, part := range Ablations() {
		c := point
		c.Without = part
		all = append(all, Grid(c, []Policy{Ours}, scenarios)...)
	}
	return all
}

// Everything is the grid at a point, and by half as many seeds the factors and
// removals of those policies and scenarios in which they say most.
func Everything(point Config, seeds int, policies []Policy, scenarios []string) Plan {
	some := only(policies, TwoChoices, Ours, Oracle)
	cells := Grid(point, policies, scenarios)
	cells = append(cells, Factors(point, some, only(scenarios, "steady", "outage", "flash"))...)
	if slices.Contains(policies, Ours) {
		cells = append(cells, Removals(point, only(scenarios, "outage", "flash", "square", "dead-page"))...)
	}
	return Plan{Seeds: seeds, Fewer: (seeds + 1) / 2, Cells: cells}
}

// only those of a list that are among some.
func only[T comparable](list []T, some ...T) (both []T) {
	for _, x := range list {
		if slices.Contains(some, x) {
			both = append(both, x)
		}
	}
	return both
}

// setting says how c differs from the base point, "base" where it does not.
func (c Config) setting(base Config) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	var words string
	add := func(differs bool, text string) {
		if !differs {
			return
		}
		if words != "" {
			words += ", "
		}
		words += text
	}
	add(c.Follow != base.Follow, "follow "+number(c.Follow))
	add(c.Refresh != base.Refresh, "refresh "+number(c.Refresh)+" s")
	add(c.Load != base.Load, "load ×"+number(c.Load))
	add(c.Capacity != base.Capacity, "capacity "+number(c.Capacity))
	add(c.Without != "", "without "+c.Without)
	if words == "" {
		return "base"
	}
	return words
}

// Cell is one configuration over all seeds.
type Cell struct {
	Setting  string              `json:"setting"`
	Scenario string              `json:"scenario"`
	Policy   string              `json:"policy"`
	Seeds    int                 `json:"seeds"`
	Figures  map[string]Estimate `json:"figures"`
	// Oracle compares with the oracle in the same world and seed, where it was run.
	Oracle map[string]Estimate `json:"oracle,omitempty"`

	config Config
	runs   []Result
}

// Figures of Cell.Oracle.
const (
	GoodputShare = "goodput_ratio"
	SuccessGap   = "success_gap" // oracle's minus own, percentage points
	P95Times     = "wait_p95_ratio"
	P99Times     = "wait_p99_ratio"
	UseTimes     = "use_cv_ratio"
)

// Report is a filled plan.
type Report struct {
	Seeds    int     `json:"seeds"`
	First    uint64  `json:"first_seed"`
	Capacity float64 `json:"capacity"`
	Follow   float64 `json:"follow"`
	Refresh  float64 `json:"refresh_s"`
	Load     float64 `json:"load"`
	Cells    []Cell  `json:"cells"`
}

// Fill makes every run of a plan on so many goroutines. progress, if set, hears
// of each run that is over, from one goroutine at a time. The report does not
// depend on how many workers there are.
func (p Plan) Fill(ctx context.Context, workers int, progress func(done, total int)) (Report, error) {
	if p.Seeds < 1 || len(p.Cells) == 0 {
		return Report{}, fmt.Errorf("plan: %d seeds of %d cells", p.Seeds, len(p.Cells))
	}
	for i := range p.Cells {
		if err := p.Cells[i].validate(); err != nil {
			return Report{}, err
		}
	}
	var runs []job
	report := p.empty()
	for i, c := range p.Cells {
		cell := Cell{Setting: c.setting(p.Cells[0]), Scenario: c.Scenario, Policy: c.Policy.String(), Seeds: p.Seeds, config: c}
		if p.Fewer > 0 && cell.Setting != "base" {
			cell.Seeds = min(p.Fewer, p.Seeds)
		}
		cell.runs = make([]Result, cell.Seeds)
		for k := range cell.Seeds {
			runs = append(runs, job{i, k})
		}
		report.Cells[i] = cell
	}
	jobs := make(chan job)
	var (
		all  sync.WaitGroup
		mu   sync.Mutex // guards done and progress
		done int
	)
	for range max(workers, 1) {
		all.Go(func() {
			for j := range jobs {
				report.Cells[j.cell].runs[j.seed] = p.one(j)
				mu.Lock()
				if done++; progress != nil {
					progress(done, len(runs))
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range runs {
		if ctx.Err() != nil {
			break
		}
		jobs <- j
	}
	close(jobs)
	all.Wait()
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	report.settle()
	return report, nil
}

// empty is the report before any run.
func (p *Plan) empty() Report {
	base := p.Cells[0]
	return Report{
		Seeds: p.Seeds, First: base.Seed, Capacity: base.Capacity, Follow: base.Follow, Refresh: base.Refresh, Load: base.Load,
		Cells: make([]Cell, len(p.Cells)),
	}
}

// job is one run: a cell's, with so many added to its seed.
type job struct{ cell, seed int }

// one is a run. Only the first seed's course is kept.
func (p *Plan) one(j job) Result {
	c := p.Cells[j.cell]
	c.Seed += uint64(j.seed) //nolint:gosec // not negative
	w := newWorld(c)
	w.run()
	r := w.result()
	if j.seed > 0 {
		r.Course = nil
	}
	return r
}

// settle estimates every cell.
func (r *Report) settle() {
	for i := range r.Cells {
		c := &r.Cells[i]
		c.Figures = map[string]Estimate{}
		for _, name := range Figures() {
			c.Figures[name] = pair(c.runs, c.runs, func(a, _ map[string]float64) float64 { return a[name] })
		}
		setting := c.Setting
		if oracle := r.Cell("base", c.Scenario, Oracle); oracle != nil && slices.Contains(removed(), setting) {
			setting = "base" // the oracle needs none of what is shipped
		}
		if oracle := r.Cell(setting, c.Scenario, Oracle); oracle != nil {
			c.Oracle = against(c.runs, oracle.runs)
		}
	}
}

func removed() (all []string) {
	for _, part := range Ablations() {
		all = append(all, "without "+part)
	}
	return all
}

// even is an unevenness that nobody would notice: where all are full it is none at
// all, and no ratio says anything.
const even = 0.01

func against(own, oracle []Result) map[string]Estimate {
	times := func(name string) Estimate {
		return pair(own, oracle, func(a, b map[string]float64) float64 { return ratio(a[name], b[name], 1) })
	}
	return map[string]Estimate{
		GoodputShare: times(Goodput),
		SuccessGap:   pair(own, oracle, func(a, b map[string]float64) float64 { return b[Success] - a[Success] }),
		P95Times:     times(P95),
		P99Times:     times(P99),
		UseTimes: pair(own, oracle, func(a, b map[string]float64) float64 {
			return max(a[Unevenness], even) / max(b[Unevenness], even)
		}),
	}
}

// Cell is the one of a setting, scenario and policy, nil where it was not run.
func (r *Report) Cell(setting, scenario string, p Policy) *Cell {
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Setting == setting && c.Scenario == scenario && c.Policy == p.String() {
			return c
		}
	}
	return nil
}
