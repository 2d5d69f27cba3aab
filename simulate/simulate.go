// Package simulate runs the shipped lights and the shipped recommendation
// against modelled providers and modelled citizens, event by event, and says how
// many get in and how long they are kept waiting.
//
// Lights, capacities, shares and orders are package signal's, called as
// signal/live and the chooser call them. What stands around them is a model:
// queues at providers, people's patience, what somebody does after a failure.
// Nothing here opens a connection or reads a clock, and a seed gives the same
// figures each time on one architecture. What the model leaves out is listed in
// docs/signal.md.
package simulate

import (
	"fmt"
	"math"

	"sinho/signal"
)

// The hours of a run, in seconds. People who come before warm is over teach the
// lights what is usual and are in no figure but conservation's.
const (
	warm  = 60.0
	until = 240.0 // nobody comes any more
	drain = 120.0 // for those under way then
)

// epoch0 is the Unix second a run begins at.
const epoch0 = 1_700_000_000

// Config is one run.
type Config struct {
	Policy   Policy
	Scenario string // one of Scenarios
	Seed     uint64
	// Capacity is what all providers together take when well, in logins a second.
	Capacity float64
	// Follow is α: the share of people who take the first suggestion, 0..1.
	Follow float64
	// Refresh is how often, in seconds, the board that a person sees is renewed.
	Refresh float64
	// Load multiplies the scenario's arrivals.
	Load float64
	// Without is one of Ablations, or "".
	Without string
}

// Base is the base point for a policy and a scenario.
func Base(p Policy, scenario string) Config {
	return Config{Policy: p, Scenario: scenario, Seed: 1, Capacity: 250, Follow: 0.6, Refresh: 2, Load: 1}
}

// validate reports what cannot be run.
func (c *Config) validate() error {
	if _, ok := scenarios[c.Scenario]; !ok {
		return fmt.Errorf("scenario %q: it must be one of %v", c.Scenario, Scenarios())
	}
	if c.Policy >= policies {
		return fmt.Errorf("policy %d: there is none", c.Policy)
	}
	if _, ok := ablations[c.Without]; !ok && c.Without != "" {
		return fmt.Errorf("without %q: it must be one of %v", c.Without, Ablations())
	}
	bad := func(v, low, high float64) bool { return !(v >= low && v <= high) }
	switch {
	case bad(c.Capacity, 10, 10_000):
		return fmt.Errorf("capacity %v: it must be from 10 to 10000 logins a second", c.Capacity)
	case bad(c.Follow, 0, 1):
		return fmt.Errorf("follow %v: it must be from 0 to 1", c.Follow)
	case bad(c.Refresh, 1, 60):
		return fmt.Errorf("refresh %v: it must be from 1 to 60 s", c.Refresh)
	case bad(c.Load, 0, 10):
		return fmt.Errorf("load %v: it must be from 0 to 10", c.Load)
	}
	return nil
}

// ablations change the rules by what the shipped code has a switch for.
var ablations = map[string]func(r *signal.Rules, w *world){
	// No congestion is ever seen, so capacities stay what the operator said.
	"capacity": func(r *signal.Rules, _ *world) { r.Capacity.Slower, r.Capacity.Older = 1e6, 1e6 },
	// A yellow or red light keeps its whole capacity.
	"weights": func(r *signal.Rules, _ *world) { r.GreenWeight, r.YellowWeight, r.RedWeight = 1, 1, 1 },
	// What is on its way to a provider does not lower its share.
	"backlog": func(r *signal.Rules, _ *world) { r.Share.Horizon = 0 },
	// Nobody is expected who goes by habit.
	"habit": func(r *signal.Rules, _ *world) { r.Share.Habit = 0 },
	// A slow light loses its part of the capacity that was measured slow as well.
	"reasons": func(r *signal.Rules, _ *world) { r.Share.Counted = nil },
	// Shares are published however little they have moved.
	"step": func(r *signal.Rules, _ *world) { r.Share.Step = 0 },
	// Evidence counts only from when the light has turned.
	"doubt": func(r *signal.Rules, _ *world) { r.Share.Doubt = 0 },
	// The operator left every provider's capacity at 1.
	"prior": func(_ *signal.Rules, w *world) {
		for i := range w.bounds {
			w.bounds[i].Prior = 1
		}
	},
	// Shares follow estimates at once, not in steps of 15 %.
	"grain": func(r *signal.Rules, _ *world) { r.Capacity.Grain = 0 },
	// Where somebody has just failed weighs as much as elsewhere.
	"memory": func(_ *signal.Rules, w *world) { w.forgetful = true },
	// Nothing bounds what is under way at a provider (providers/guard).
	"guard": func(_ *signal.Rules, w *world) { w.unguarded = true },
}

// Ablations are what a run can be made without.
func Ablations() []string {
	return []string{"capacity", "weights", "reasons", "backlog", "habit", "prior", "grain", "step", "doubt", "memory", "guard"}
}

// Result is what became of everybody.
type Result struct {
	// Everybody: came is the sum of the others.
	Came, In, GaveUp, Left, UnderWay int
	// Figures of those who came after the warm-up, by name; see Figures.
	Figures map[string]float64
	// Course has one entry for each second.
	Course []Moment
}

// Moment is one second of a run.
type Moment struct {
	Came, In int
	Lights   []signal.Light
	Shares   []float64
	Used     []float64 // of each provider's servers, 0..1
}

// Run is one run to its end.
func Run(c Config) (Result, error) {
	if err := c.validate(); err != nil {
		return Result{}, err
	}
	w := newWorld(c)
	w.run()
	return w.result(), nil
}

// unix is the time on the wall.
func unix(at float64) int64 { return epoch0 + int64(math.Floor(at)) }
