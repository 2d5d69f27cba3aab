package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// roomReport is what a storm tells of the waiting room. Times are milliseconds;
// shares are of those it can be said of.
type roomReport struct {
	Opens    time.Time `json:"opens"`
	Capacity float64   `json:"capacity_per_s"`
	Peak     float64   `json:"peak_per_s"`
	Decay    float64   `json:"decay_s"`
	Before   int       `json:"before"`

	People   int64            `json:"people"`   // who met the room
	Straight int64            `json:"straight"` // who did not
	By       map[string]int64 `json:"by"`       // how they followed it
	Outcomes map[string]int64 `json:"outcomes"`
	NoShow   int64            `json:"no_show"`
	Late     int64            `json:"late_lane"`

	Waited     spread         `json:"waited_ms"`
	CalledToIn spread         `json:"called_to_in_ms"`
	Estimates  estimateReport `json:"estimates"`

	// Shed are answers that told to come again later.
	Shed         int64 `json:"shed"`
	ShedWithPass int64 `json:"shed_with_pass"`
	// ShedAt tells at which step those with a pass were.
	ShedAt    map[string]int64 `json:"shed_with_pass_at"`
	LostPlace int64            `json:"lost_place"`
	// LostBack are places lost by who came back from a provider and did not get in: the
	// pass was spent by an answer that never came.
	LostBack     int64 `json:"lost_place_after_a_provider"`
	DoubleNumber int64 `json:"double_number"`
	// Again is how often somebody was back in the room from a provider.
	Again     int64     `json:"back_in_the_room"`
	Broken    int64     `json:"sockets_broken"`
	Reconnect int64     `json:"reconnected"`
	Kept      int64     `json:"reconnected_with_their_place"`
	Tabs      tabReport `json:"second_tabs"`
}

// estimateReport holds the first estimate that each was told against what came.
type estimateReport struct {
	Told   int64   `json:"told"`
	Within float64 `json:"within_a_fifth"`
	Below  float64 `json:"within_p90"` // waited no longer than the far end
	P50    float64 `json:"error_p50"`  // as a share of the wait
	P80    float64 `json:"error_p80"`
	P95    float64 `json:"error_p95"`
}

type tabReport struct {
	Opened  int64 `json:"opened"`
	Same    int64 `json:"same_number"`
	Another int64 `json:"another_number"`
	Turned  int64 `json:"turned_back"` // the pass was spent by the other
	Twice   int64 `json:"in_twice"`    // both got in
}

func (r *loginRun) roomReport() *roomReport {
	if r.room == nil {
		return nil
	}
	t, o := r.room.stays, r.storm
	t.mu.Lock()
	defer t.mu.Unlock()
	doc := &roomReport{
		Opens: o.t0.UTC().Truncate(time.Second), Capacity: o.capacity, Peak: o.peak, Decay: o.decay.Seconds(), Before: o.before,
		People: t.people, Straight: r.tally.came - r.tally.shed - t.people, By: t.by, Outcomes: t.outcomes, NoShow: t.noShow, Late: t.late,
		Waited: t.waits.spread(), CalledToIn: t.calledToIn.spread(),
		Estimates: estimateReport{
			Told: t.told, Within: share(t.within, t.told), Below: share(t.below, t.told),
			P50: round(t.errors.at(0.5).Seconds(), 3), P80: round(t.errors.at(0.8).Seconds(), 3), P95: round(t.errors.at(0.95).Seconds(), 3),
		},
		Shed: t.shed, ShedWithPass: t.shedPass, ShedAt: t.shedAt, LostPlace: t.lost, LostBack: t.lostBack, DoubleNumber: t.double, Again: t.again, Broken: t.broken,
		Reconnect: t.dropped, Kept: t.kept,
		Tabs: tabReport{Opened: t.tabs, Same: t.tabSame, Another: t.tabNot, Turned: t.turned, Twice: t.twice},
	}
	return doc
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return round(float64(part)/float64(whole), 4)
}

// write is the report for people.
func (d *roomReport) write(out io.Writer) {
	if d == nil {
		return
	}
	fmt.Fprintf(out, "\nwaiting room: %d met it, %d went right through · waited p50 %.1f s, p95 %.1f s, at most %.1f s · called to in p50 %.1f s, p95 %.1f s\n",
		d.People, d.Straight, d.Waited.P50/1e3, d.Waited.P95/1e3, d.Waited.Max/1e3, d.CalledToIn.P50/1e3, d.CalledToIn.P95/1e3)
	fmt.Fprintf(out, "first estimates: %d told · %.1f %% within a fifth · %.1f %% within the far end · off by p50 %.0f %%, p80 %.0f %%\n",
		d.Estimates.Told, 100*d.Estimates.Within, 100*d.Estimates.Below, 100*d.Estimates.P50, 100*d.Estimates.P80)
	fmt.Fprintf(out, "told to come again later: %d, with a pass %d · places lost: %d, back from a provider %d · numbers given twice: %d · back in the room: %d · no-shows: %d · late lane: %d\n",
		d.Shed, d.ShedWithPass, d.LostPlace, d.LostBack, d.DoubleNumber, d.Again, d.NoShow, d.Late)
	fmt.Fprintf(out, "second tabs: %d · %d with the same number, %d with another · %d turned back, %d in twice · reconnected: %d, %d with their place · sockets broken: %d\n",
		d.Tabs.Opened, d.Tabs.Same, d.Tabs.Another, d.Tabs.Turned, d.Tabs.Twice, d.Reconnect, d.Kept, d.Broken)
	for _, how := range slices.Sorted(maps.Keys(d.By)) {
		fmt.Fprintf(out, "followed by %s: %d\n", how, d.By[how])
	}
}
