package signal

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var (
	experimentRuns  = flag.Int("experiment.runs", 5, "runs per cell of the person leg experiment")
	experimentHours = flag.Int("experiment.hours", 1, "healthy hours per cell of the person leg experiment")
)

// TestExperimentPersonLeg asks whether people who do not come back can turn a
// light by themselves, when the provider's page dies and every server leg and
// probe looks healthy. It prints the table of docs/decisions/0001-person-leg.md:
//
//	go test ./signal -run Experiment -v -experiment.runs 100 -experiment.hours 168
func TestExperimentPersonLeg(t *testing.T) {
	people := []struct {
		name   string
		vanish float64
		away   func(*rand.Rand) float64
	}{
		{"synthetic, 0.1–3 s", 0.02, func(r *rand.Rand) float64 { return 0.1 + 2.9*r.Float64() }},
		{"app tap, median 6 s, heavy tail", 0.08, lognormal(6, 0.8)},
		{"typing, median 25 s, heavy tail", 0.15, lognormal(25, 1.0)},
	}
	rates := []float64{0.5, 1, 2, 10, 30}
	var out strings.Builder
	fmt.Fprintf(&out, "%-32s %5s | %-18s | %-15s | false alarms in %d h: calm | restless\n", "people", "per s", "yellow s p50 (max)", "red s p50 (max)", *experimentHours)
	for _, p := range people {
		for _, rate := range rates {
			var yellow, red []int
			for run := range *experimentRuns {
				y, r := deadPage(uint64(run), rate, p.vanish, p.away)
				yellow, red = append(yellow, y), append(red, r)
			}
			calm := healthyAlarms(7, rate, p.vanish, p.away, false)
			restless := healthyAlarms(8, rate, p.vanish, p.away, true)
			fmt.Fprintf(&out, "%-32s %5.1f | %-18s | %-15s | %d | %d\n", p.name, rate, spread(yellow), spread(red), calm, restless)
			if calm > 0 {
				t.Errorf("%s at %g/s: got %d false alarms in %d calm hours, want none", p.name, rate, calm, *experimentHours)
			}
			if rate < 10 {
				continue
			}
			if got, want := slices.Max(yellow), 15; got > want {
				t.Errorf("%s at %g/s: got yellow after %d s, want at most %d s", p.name, rate, got, want)
			}
			if got, want := slices.Max(red), 30; got > want {
				t.Errorf("%s at %g/s: got red after %d s, want at most %d s", p.name, rate, got, want)
			}
		}
	}
	t.Logf("\n%s", out.String())
}

const never = 999

// deadPage lets a provider work for ten minutes and its page die; it gives the
// seconds until yellow and red by the person leg alone. People are shed as on
// the stage: four in ten still go to a light that is not green.
func deadPage(seed uint64, rate, vanish float64, away func(*rand.Rand) float64) (yellow, red int) {
	w := newWorld(seed, rate)
	w.vanish, w.away = vanish, away
	w.shed = map[Light]float64{Yellow: 0.4, Red: 0.4, Grey: 0}
	r := DefaultRules()
	l := w.run(Lamp{}, r, 600, nil)
	w.pageDead = true
	yellow, red = never, never
	w.run(l, r, 120, func(second int, l Lamp) {
		if l.Light.Worse(Green) {
			yellow = min(yellow, second)
		}
		if l.Light.Worse(Yellow) {
			red = min(red, second)
		}
	})
	return yellow, red
}

// healthyAlarms counts worsenings by the person leg while nothing is wrong.
func healthyAlarms(seed uint64, rate, vanish float64, away func(*rand.Rand) float64, restless bool) (n int) {
	w := newWorld(seed, rate)
	w.vanish, w.away, w.restless = vanish, away, restless
	last := Green
	w.run(Lamp{}, DefaultRules(), *experimentHours*3600, func(_ int, l Lamp) {
		if l.Light.Worse(last) && l.Reason.Code == CodeMissing {
			n++
		}
		last = l.Light
	})
	return n
}

func spread(seconds []int) string {
	slices.Sort(seconds)
	worst := seconds[len(seconds)-1]
	if worst == never {
		return fmt.Sprintf("%d (never)", seconds[len(seconds)/2])
	}
	return fmt.Sprintf("%d (%d)", seconds[len(seconds)/2], worst)
}
