package simulate

import "fmt"

// Verdict is one of the recommendation's targets and what was reached. It is met
// only when the whole interval is on the right side.
type Verdict struct {
	Target   string   `json:"target"`
	Scenario string   `json:"scenario"`
	Reached  Estimate `json:"reached"`
	// Oracle is what the oracle reaches by the same figure, where it is no ratio.
	Oracle *Estimate `json:"oracle,omitempty"`
	Met    bool      `json:"met"`
}

// String is the verdict in a line.
func (v Verdict) String() string {
	word := "missed"
	if v.Met {
		word = "met"
	}
	beside := ""
	if v.Oracle != nil {
		beside = fmt.Sprintf(" (oracle %s)", *v.Oracle)
	}
	return fmt.Sprintf("%s: %s: %s, %s%s", v.Scenario, v.Target, v.Reached, word, beside)
}

// Verdicts are the targets that a report's base point can judge.
func (r *Report) Verdicts() (all []Verdict) {
	atMost := func(target, scenario string, e Estimate, limit float64) {
		all = append(all, Verdict{Target: fmt.Sprintf("%s at most %g", target, limit), Scenario: scenario, Reached: e, Met: e.High <= limit})
	}
	atLeast := func(target, scenario string, e Estimate, limit float64) {
		all = append(all, Verdict{Target: fmt.Sprintf("%s at least %g", target, limit), Scenario: scenario, Reached: e, Met: e.Low >= limit})
	}
	if c := r.Cell("base", "steady", Ours); c != nil && c.Oracle != nil {
		atLeast("goodput as a part of the oracle's", c.Scenario, c.Oracle[GoodputShare], 0.995)
		atMost("success below the oracle's, points", c.Scenario, c.Oracle[SuccessGap], 0.3)
		atMost("p95 wait as times of the oracle's", c.Scenario, c.Oracle[P95Times], 1.5)
	}
	if c := r.Cell("base", "storm-gate", Ours); c != nil {
		if c.Oracle != nil {
			atMost("p99 wait as times of the oracle's", c.Scenario, c.Oracle[P99Times], 1.15)
		}
		if naive := r.Cell("base", "storm-gate", Greens); naive != nil {
			atLeast("p99 wait of naive lights as times of ours", c.Scenario,
				pair(naive.runs, c.runs, func(a, b map[string]float64) float64 { return ratio(a[P99], b[P99], 1) }), 1.5)
		}
	}
	for _, scenario := range Scenarios() {
		c := r.Cell("base", scenario, Ours)
		if c == nil {
			continue
		}
		atMost("% of green picks that fail", scenario, c.Figures[GreenFail], 1)
		if oracle := r.Cell("base", scenario, Oracle); oracle != nil {
			figure := oracle.Figures[GreenFail]
			all[len(all)-1].Oracle = &figure
		}
		if c.Oracle != nil {
			atMost("unevenness of use as times of the oracle's", scenario, c.Oracle[UseTimes], 2)
		}
	}
	return all
}
