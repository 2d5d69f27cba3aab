package simulate

import (
	"maps"
	"slices"
)

// state is how a provider is, from one phase of a scenario to the next.
type state struct {
	speed   float64 // of its servers
	refuses bool    // every leg is answered 503 at once
	hangs   bool    // no leg is answered
	dead    bool    // its page does not open
	person  float64 // how much longer people take there
}

var well = state{speed: 1, person: 1}

func (s *state) down() bool { return s.refuses || s.hangs || s.dead }

// phase is what one provider is from a time on.
type phase struct {
	at    float64
	where int
	state state
}

// scenario is a world to live through.
type scenario struct {
	about string
	sizes []float64 // parts of the capacity
	habit []float64 // where people go who take no advice
	// load is arrivals as a part of the capacity, at a time.
	load   func(at float64) float64
	most   float64 // of load
	gate   float64 // lets in this part of the capacity a second, 0 for no gate
	phases []phase
}

// Six providers; habits are a little more concentrated than capacities are.
var (
	six      = []float64{0.24, 0.20, 0.20, 0.16, 0.12, 0.08}
	sixHabit = []float64{0.30, 0.25, 0.15, 0.15, 0.10, 0.05}
)

func always(load float64) func(float64) float64 { return func(float64) float64 { return load } }

// opening is 20:00: a minute of quiet, then three times what everybody together
// takes for 20 s, then a tail.
func opening(at float64) float64 {
	switch {
	case at < warm:
		return 0.3
	case at < warm+20:
		return 3
	default:
		return 0.4
	}
}

var scenarios = map[string]scenario{
	"steady": {
		about: "nothing happens, 0.7 of capacity asked",
		sizes: six, habit: sixHabit, load: always(0.7), most: 0.7,
	},
	"outage": {
		about: "the greatest runs at a quarter for a minute, then refuses everybody for a minute, 0.7 asked",
		sizes: six, habit: sixHabit, load: always(0.7), most: 0.7,
		phases: []phase{
			{at: warm, state: state{speed: 0.25, person: 1}},
			{at: warm + 60, state: state{speed: 1, refuses: true, person: 1}},
			{at: warm + 120, state: well},
		},
	},
	"storm": {
		about: "20:00 without a room: three times the capacity for 20 s",
		sizes: six, habit: sixHabit, load: opening, most: 3,
	},
	"storm-gate": {
		about: "the same behind a gate that lets in 0.8 of the capacity, first come first served",
		sizes: six, habit: sixHabit, load: opening, most: 3, gate: 0.8,
	},
	"square": {
		about: "the greatest runs at 0.3 for 20 s, at full speed for 20 s, and so on, 0.7 asked",
		sizes: six, habit: sixHabit, load: always(0.7), most: 0.7,
		phases: square(0.3, 20),
	},
	"flash": {
		about: "the greatest hangs for a minute and is back at once, 0.75 asked",
		sizes: six, habit: sixHabit, load: always(0.75), most: 0.75,
		phases: []phase{
			{at: warm, state: state{speed: 1, hangs: true, person: 1}},
			{at: warm + 60, state: well},
		},
	},
	"giant": {
		about: "one has 0.6 of the capacity, five share the rest, 0.8 asked",
		sizes: []float64{0.6, 0.08, 0.08, 0.08, 0.08, 0.08},
		habit: []float64{0.7, 0.06, 0.06, 0.06, 0.06, 0.06},
		load:  always(0.8), most: 0.8,
	},
	"slow-phone": {
		about: "people at the greatest take five times as long for 90 s, 0.7 asked",
		sizes: six, habit: sixHabit, load: always(0.7), most: 0.7,
		phases: []phase{
			{at: warm, state: state{speed: 1, person: 5}},
			{at: warm + 90, state: well},
		},
	},
	"dead-page": {
		about: "the page of the greatest does not open for 90 s, 0.7 asked",
		sizes: six, habit: sixHabit, load: always(0.7), most: 0.7,
		phases: []phase{
			{at: warm, state: state{speed: 1, dead: true, person: 1}},
			{at: warm + 90, state: well},
		},
	},
	"overload": {
		about: "nothing happens, 1.2 of capacity asked all the time",
		sizes: six, habit: sixHabit, load: always(1.2), most: 1.2,
	},
}

func square(slow, every float64) (all []phase) {
	for at := warm; at < until; at += 2 * every {
		all = append(all,
			phase{at: at, state: state{speed: slow, person: 1}},
			phase{at: at + every, state: well})
	}
	return all
}

// Scenarios are the names of all of them.
func Scenarios() []string { return slices.Sorted(maps.Keys(scenarios)) }

// About is a scenario in a sentence, "" for none.
func About(name string) string { return scenarios[name].about }
