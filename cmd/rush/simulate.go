package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"sinho/simulate"
)

// simulateOptions are the command line of `rush simulate`.
type simulateOptions struct {
	policies, scenarios []string
	seeds               int
	point               simulate.Config
	all                 bool
	workers             int
	json                bool
	plot                string
}

func simulateCommand() *cobra.Command {
	o := simulateOptions{point: simulate.Base(0, "")}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "the lights and the recommendation against modelled providers and people",
		Long: `Runs the shipped lights and the shipped recommendation, event by event, against
modelled providers and people, and compares them with other ways to advise
people. Nothing is sent anywhere. The same seed gives the same bytes on one
architecture.

Policies: ` + strings.Join(names(simulate.Policies()), ", ") + `.

Scenarios:
` + scenarioList() + `
What the model holds, and what it leaves out, is in docs/signal.md.`,
		Example: `  rush simulate                                        # all policies × scenarios, 20 seeds
  rush simulate --scenario outage --policy ours,oracle --seeds 5
  rush simulate --all --plot plots --json > policies.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSimulate(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.policies, "policy", nil, "which, by name (default: all)")
	f.StringSliceVar(&o.scenarios, "scenario", nil, "which, by name (default: all)")
	f.IntVar(&o.seeds, "seeds", 20, "runs of each, 1 to 1000")
	f.Uint64Var(&o.point.Seed, "seed", o.point.Seed, "the first of them")
	f.Float64Var(&o.point.Capacity, "capacity", o.point.Capacity, "what all providers together take, in logins a second, 10 to 10000")
	f.Float64Var(&o.point.Follow, "follow", o.point.Follow, "share of people who take the first suggestion, 0 to 1")
	f.Float64Var(&o.point.Refresh, "refresh", o.point.Refresh, "seconds between renewals of the board a person sees, 1 to 60")
	f.Float64Var(&o.point.Load, "load", o.point.Load, "times the scenario's arrivals, 0 to 10")
	f.StringVar(&o.point.Without, "without", "", "leave a part out: "+strings.Join(simulate.Ablations(), ", "))
	f.BoolVar(&o.all, "all", false, "also one factor at a time, and without each part, by half as many seeds")
	f.IntVar(&o.workers, "workers", runtime.NumCPU(), "runs at once; no figure depends on it")
	f.BoolVar(&o.json, "json", false, "write the report as JSON to standard output")
	f.StringVar(&o.plot, "plot", "", "write plots (SVG) to this directory")
	return cmd
}

func names(policies []simulate.Policy) (all []string) {
	for _, p := range policies {
		all = append(all, p.String())
	}
	return all
}

func scenarioList() string {
	var b strings.Builder
	for _, name := range simulate.Scenarios() {
		fmt.Fprintf(&b, "  %-11s %s\n", name, simulate.About(name))
	}
	return b.String()
}

func (o *simulateOptions) plan() (simulate.Plan, error) {
	policies, scenarios := simulate.Policies(), simulate.Scenarios()
	if len(o.policies) > 0 {
		policies = nil
	}
	for _, name := range o.policies {
		p, err := simulate.ParsePolicy(name)
		if err != nil {
			return simulate.Plan{}, fmt.Errorf("--policy: %w", err)
		}
		policies = append(policies, p)
	}
	if len(o.scenarios) > 0 {
		scenarios = o.scenarios
	}
	if o.seeds < 1 || o.seeds > 1000 {
		return simulate.Plan{}, fmt.Errorf("--seeds %d: it must be from 1 to 1000", o.seeds)
	}
	if o.all {
		return simulate.Everything(o.point, o.seeds, policies, scenarios), nil
	}
	return simulate.Plan{Seeds: o.seeds, Cells: simulate.Grid(o.point, policies, scenarios)}, nil
}

func runSimulate(ctx context.Context, o simulateOptions, stdout, stderr io.Writer) error {
	plan, err := o.plan()
	if err != nil {
		return err
	}
	report, err := plan.Fill(ctx, o.workers, func(done, total int) {
		if done == total || done%max((total+19)/20, 1) == 0 {
			fmt.Fprintf(stderr, "%d of %d runs\n", done, total)
		}
	})
	if err != nil {
		return err
	}
	if o.plot != "" {
		if err := report.Plot(o.plot); err != nil {
			return err
		}
	}
	if !o.json {
		return report.Table(stdout)
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		simulate.Report

		Verdicts []simulate.Verdict `json:"verdicts"`
	}{report, report.Verdicts()})
}
