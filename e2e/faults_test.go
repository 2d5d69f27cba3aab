package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"sinho/evidence"
)

// fault is one way Kakao breaks, and how its light must follow.
type fault struct {
	name, body string
	light      string
	orWorse    []string
	// published limits at --rate 10 and at --rate 20
	at10, at20 time.Duration
}

var faults = []fault{
	{"down", `{"down":true}`, "grey", nil, 20 * time.Second, 12 * time.Second},
	{"hang", `{"hang":true}`, "grey", nil, 20 * time.Second, 12 * time.Second},
	{"page_hang", `{"page_hang":true}`, "red", []string{"grey"}, 30 * time.Second, 30 * time.Second},
}

// patience is how long a test waits where no limit is judged: much longer than
// any light takes, so that a slow machine makes no failure.
const patience = 3 * time.Minute

// run breaks Kakao and waits until the light has followed and is green again.
// It judges no times; it returns them.
func (f fault) run(t *testing.T, d *demo, shown func() string, atWorst func()) (broke, healed time.Duration) {
	t.Helper()
	waitFor(t, patience, "green before the fault", func() bool { return shown() == "green" })
	d.control("kakao", f.body)
	broke = waitFor(t, patience, f.name+" moves the light to "+f.light, func() bool {
		light := shown()
		return light == f.light || slices.Contains(f.orWorse, light)
	})
	atWorst()
	d.control("kakao", `{"down":false,"hang":false,"page_hang":false}`)
	healed = waitFor(t, patience, "green after recovery", func() bool { return shown() == "green" })
	t.Logf("%s: %s after %.1f s, green again %.1f s after recovery", f.name, f.light, broke.Seconds(), healed.Seconds())
	return broke, healed
}

// lightOnPage is Kakao's light as an open chooser shows it.
const lightOnPage = `document.querySelector('#routes [data-id="kakao"]').dataset.light`

// TestFaultsMoveTheLight is `make evidence-faults`: every fault twice at two
// rates, on a chooser that stands open and is never reloaded, against the
// published limits. As a miniature: one fault, once.
func TestFaultsMoveTheLight(t *testing.T) {
	e := evidence.New("faults", 1)
	defer e.Close(t)
	rounds, rates, some := 2, []int{10, 20}, faults
	if !evidence.Collecting() {
		rounds, rates, some = 1, []int{20}, faults[:1]
	}
	for _, rate := range rates {
		t.Run(fmt.Sprintf("rate %d", rate), func(t *testing.T) {
			d := startDemo(t, "--rate", strconv.Itoa(rate), "--seed", "1")
			tab := browser(t, 360, 800)
			openChooser(t, d, tab, atBooking)
			eval[bool](t, tab, `window.sinhoNotReloaded = true`)
			shown := func() string { return eval[string](t, tab, lightOnPage) }
			for _, f := range some {
				var broke, healed []float64
				for range rounds {
					b, h := f.run(t, d, shown, func() {})
					broke, healed = append(broke, b.Seconds()), append(healed, h.Seconds())
				}
				limit := f.at10
				if rate >= 20 {
					limit = f.at20
				}
				name := fmt.Sprintf("%s at %d/s", f.name, rate)
				e.Figures[name] = map[string]any{"seconds_to_" + f.light: broke, "limit_s": limit.Seconds(), "seconds_to_green_after": healed}
				e.Demand(eval[bool](t, tab, `window.sinhoNotReloaded === true`), name+": the page was not reloaded")
				e.Demand(slices.Max(broke) <= limit.Seconds(), fmt.Sprintf("%s: %s after %.1f s, limit %.0f s", name, f.light, slices.Max(broke), limit.Seconds()))
			}
		})
	}
}
