package simulate

import (
	"fmt"
	"runtime"
	"testing"

	"sinho/evidence"
)

// TestPoliciesAreCompared is `make evidence-policies`: the whole table on 20
// seeds, held against the targets of docs/signal.md. As a miniature it fills a
// small one and judges only that nobody is lost and figures are there.
func TestPoliciesAreCompared(t *testing.T) {
	point, seeds := Base(0, ""), 20
	policies, scenarios := Policies(), Scenarios()
	if !evidence.Collecting() {
		point.Capacity, seeds = 10, 1
		policies, scenarios = []Policy{Ours, Oracle}, []string{"flash"}
	}
	e := evidence.New("policies", point.Seed)
	defer e.Close(t)
	plan := Everything(point, seeds, policies, scenarios)
	r, err := plan.Fill(t.Context(), runtime.NumCPU(), nil)
	if err != nil {
		t.Fatal(err)
	}
	everybody := 0
	for i := range r.Cells {
		for _, run := range r.Cells[i].runs {
			everybody += run.Came
			e.Must(t, run.In+run.GaveUp+run.Left+run.UnderWay == run.Came && run.Came > 0, "somebody was lost in "+r.Cells[i].Scenario)
		}
	}
	for _, v := range r.Verdicts() {
		e.Demand(v.Met, v.String())
	}
	e.Must(t, len(r.Verdicts()) > 0, "nothing was judged")
	e.Figures["seeds"] = map[string]int{"at the base point": plan.Seeds, "elsewhere": plan.Fewer}
	e.Figures["logins a second that all providers take"] = point.Capacity
	e.Figures["people"] = everybody
	e.Figures["targets"] = words(r.Verdicts())
	e.Figures["means ± half of the 95 % interval"] = r.rows()
}

func words(verdicts []Verdict) (all []string) {
	for _, v := range verdicts {
		all = append(all, v.String())
	}
	return all
}

// rows are the figures by scenario, setting and policy, one line each.
func (r *Report) rows() map[string]map[string]string {
	all := map[string]map[string]string{}
	for i := range r.Cells {
		c := &r.Cells[i]
		at := c.Scenario + ", " + c.Setting
		if all[at] == nil {
			all[at] = map[string]string{}
		}
		f := c.Figures
		all[at][c.Policy] = fmt.Sprintf("in %s %%, wait p50 %s, p95 %s, p99 %s s, green failed %s %%, or slow %s %%, use CV %s, attempts %s, changes %s and shares %s times a minute",
			f[Success], f[P50], f[P95], f[P99], f[GreenFail], f[Dishonesty], f[Unevenness], f[Attempts], f[Changes], f[Boards])
	}
	return all
}
