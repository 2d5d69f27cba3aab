package live

import (
	"maps"

	"sinho/signal"
)

// gaugeFor is for how many seconds what a node had in flight is believed.
const gaugeFor = 5

// flight is what one node had in flight at the end of a second, by provider.
type flight struct {
	second int64
	legs   map[string]signal.Histogram
}

// believed reports whether it still says anything at the end of a second.
func (f flight) believed(second int64) bool { return f.second > second-gaugeFor }

// land forgets what is too old. Live.turn is held.
func (t *together) land(second int64) {
	maps.DeleteFunc(t.flights, func(_ string, f flight) bool { return !f.believed(second) })
}

// inFlight are the legs under way at all nodes that told of them lately, by age,
// and how many nodes those are. Live.turn is held, or Run calls it.
func (t *together) inFlight(provider string, second int64) (legs signal.Histogram, nodes int) {
	for _, f := range t.flights {
		if f.believed(second) {
			one := f.legs[provider]
			legs.Add(&one)
			nodes++
		}
	}
	return legs, nodes
}
