package simulate

import (
	"fmt"
	"slices"
	"strconv"

	"sinho/signal"
)

// Policy is how the first suggestion comes about.
type Policy uint8

// The policies. People who take no advice go by habit under each of them; where
// lights are shown they cannot choose a grey one.
const (
	// NoLights: everybody goes by habit.
	NoLights Policy = iota
	// Random suggests any provider, whatever is known.
	Random
	// Greens shows the lights and suggests nothing: whoever looks at them picks
	// by habit among those with the best colour there is.
	Greens
	// LeastLatency tells everybody the provider with the quickest answers of the
	// last ten seconds. A failure counts as the time-out's length.
	LeastLatency
	// TwoChoices draws two and suggests the quicker one by the same figures
	// (Mitzenmacher, "How useful is old information?", TPDS 2000).
	TwoChoices
	// Ours is what Sinho ships: signal.Recommend, Advise and Order.
	Ours
	// Oracle knows at once, and truly, how every provider is and how many are
	// under way there, and suggests the least loaded.
	Oracle
	policies
)

var policyNames = [policies]string{"no-lights", "random", "greens", "least-latency", "two-choices", "ours", "oracle"}

// Policies are all of them.
func Policies() []Policy {
	all := make([]Policy, policies)
	for i := range all {
		all[i] = Policy(i)
	}
	return all
}

// String is the policy's name.
func (p Policy) String() string {
	if p < policies {
		return policyNames[p]
	}
	return "policy " + strconv.Itoa(int(p))
}

// ParsePolicy is the policy of a name.
func ParsePolicy(name string) (Policy, error) {
	i := slices.Index(policyNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("policy %q: it must be one of %v", name, policyNames)
	}
	return Policy(i), nil //nolint:gosec // a handful
}

// shows reports whether people see lights, and so whether grey is shut to them.
func (p Policy) shows() bool { return p == Greens || p == Ours }

// suggests is the first suggestion to p, who sees board b; none is -1.
func (w *world) suggests(p *person, b *board) int {
	failed := int(p.failed)
	switch w.cfg.Policy {
	case Random:
		return w.draw(p, func(i int) float64 { return apart(i, failed, 1) })
	case Greens:
		return w.bestLight(p, b)
	case LeastLatency:
		return quickest(b.latency, failed, func(int) bool { return true })
	case TwoChoices:
		one := w.draw(p, func(i int) float64 { return apart(i, failed, 1) })
		two := w.draw(p, func(i int) float64 { return apart(i, failed, apart(i, one, 1)) })
		return quickest(b.latency, failed, func(i int) bool { return i == one || i == two })
	case Ours:
		return w.ordered(p, b)
	case Oracle:
		return w.leastLoaded(failed)
	default:
		return w.byHabit(p, b)
	}
}

// apart is weight, but nothing for the one where the person has just failed.
func apart(i, failed int, weight float64) float64 {
	if i == failed {
		return 0
	}
	return weight
}

// draw picks by weights; nothing weighing anything is -1.
func (w *world) draw(p *person, weight func(i int) float64) int {
	var sum float64
	for i := range w.providers {
		sum += weight(i)
	}
	at := w.luck(p) * sum
	last := -1
	for i := range w.providers {
		k := weight(i)
		if k <= 0 {
			continue
		}
		if last = i; at < k {
			return i
		}
		at -= k
	}
	return last
}

// bestLight picks by habit among those with the best colour on the board, apart
// from where the person has just failed if there is another.
func (w *world) bestLight(p *person, b *board) int {
	best := signal.Grey
	for i, s := range b.statuses {
		if i != int(p.failed) && best.Worse(s.Light) {
			best = s.Light
		}
	}
	if best == signal.Grey {
		return w.byHabit(p, b)
	}
	return w.draw(p, func(i int) float64 {
		if b.statuses[i].Light != best {
			return 0
		}
		return apart(i, int(p.failed), w.scene.habit[i])
	})
}

// quickest of those allowed, apart from where the person has just failed.
func quickest(latency []float64, failed int, allowed func(int) bool) int {
	best := -1
	for i, took := range latency {
		if i != failed && allowed(i) && (best < 0 || took < latency[best]) {
			best = i
		}
	}
	return best
}

// failedThere is what the chooser lets a provider keep of its share where this
// person has just failed (web, signal.md).
const failedThere = 0.1

// ordered is the first of the person's own order, as the chooser arranges it:
// not where they have just failed while another is green or yellow.
func (w *world) ordered(p *person, b *board) int {
	var factor func(id string) float64
	failed := ""
	if p.failed >= 0 && !w.forgetful {
		failed = b.statuses[p.failed].ID
		factor = func(id string) float64 {
			if id == failed {
				return failedThere
			}
			return 1
		}
	}
	order := signal.Order(b.statuses, p.seed(), unix(p.looked)/int64(signal.EpochLength.Seconds()), factor)
	first := w.index(order[0])
	if order[0] == failed {
		for _, id := range order[1:] {
			if i := w.index(id); !b.statuses[i].Light.Worse(signal.Yellow) {
				first = i
				break
			}
		}
	}
	if !b.statuses[first].Light.Choosable() {
		return -1
	}
	return first
}

// leastLoaded has the fewest people and legs under way for what it can do now.
func (w *world) leastLoaded(failed int) int {
	best, least := -1, 0.0
	for i := range w.providers {
		p := &w.providers[i]
		if p.state.down() || i == failed {
			continue
		}
		load := float64(legs*(p.away+1)+p.station.waiting()+p.station.busy) / (float64(p.station.servers) * p.state.speed)
		if best < 0 || load < least {
			best, least = i, load
		}
	}
	return best
}

// byHabit is where the person goes without advice: where they are used to, and
// after a failure there half of them elsewhere. What is seen to be shut is not
// chosen.
func (w *world) byHabit(p *person, b *board) int {
	avoid := -1
	if p.failed >= 0 && w.later.Float64() < 0.5 {
		avoid = int(p.failed)
	}
	return w.draw(p, func(i int) float64 {
		switch {
		case w.cfg.Policy.shows() && !b.statuses[i].Light.Choosable():
			return 0
		case w.cfg.Policy == Oracle && w.providers[i].state.down():
			return 0
		}
		return apart(i, avoid, w.scene.habit[i])
	})
}
