package simulate

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// columns of the table.
var columns = []struct{ figure, title string }{
	{Success, "in %"},
	{P50, "wait p50 s"},
	{P95, "p95 s"},
	{P99, "p99 s"},
	{GreenFail, "green failed %"},
	{Dishonesty, "or slow %"},
	{Unevenness, "use CV"},
	{Attempts, "attempts"},
	{Changes, "changes/min"},
}

// Table writes the report for people: means and half of their 95 % intervals.
func (r *Report) Table(out io.Writer) error {
	fmt.Fprintf(out, "Seeds from %d on, %d at the base point: providers together take %g logins/s when well, %g of people\nfollow the first suggestion, boards are renewed every %g s, load ×%g. Mean ± half of the 95 %% interval.\n",
		r.First, r.Seeds, r.Capacity, r.Follow, r.Refresh, r.Load)
	fmt.Fprintf(out, "Waiting leaves out people's own pace; who did not get in counts as %d s.\n", never)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	setting, scenario := "", ""
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Setting != setting || c.Scenario != scenario {
			setting, scenario = c.Setting, c.Scenario
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(out, "\n%s, %s: %s\n", scenario, setting, About(scenario))
			fmt.Fprint(w, "policy")
			for _, col := range columns {
				fmt.Fprint(w, "\t", col.title)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprint(w, c.Policy)
		for _, col := range columns {
			fmt.Fprint(w, "\t", c.Figures[col.figure])
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	verdicts := r.Verdicts()
	if len(verdicts) > 0 {
		fmt.Fprint(out, "\ntargets, each met only when its whole interval is on the right side:\n")
	}
	for _, v := range verdicts {
		fmt.Fprintln(out, v)
	}
	return nil
}
