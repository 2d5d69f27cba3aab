package e2e

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sinho/evidence"
	"sinho/plot"
)

// pressure is how long each part takes, and how many come.
type pressure struct {
	Warm, Capacity, Before, Rush, After time.Duration
	Patience                            time.Duration // of one person, all in all
	Calm, Times                         float64       // of the capacity
}

// wholePress has people there, and come again, for a minute after the last has come.
func wholePress() pressure {
	const s = time.Second
	return pressure{Warm: 6 * s, Capacity: 20 * s, Before: 20 * s, Rush: 60 * s, After: 120 * s, Patience: 60 * s, Calm: 0.5, Times: 5}
}

// nudge is the same in half a minute.
func nudge() pressure {
	const s = time.Second
	return pressure{Warm: s, Capacity: 5 * s, Before: 3 * s, Rush: 8 * s, After: 8 * s, Patience: 10 * s, Calm: 0.5, Times: 5}
}

// The goals; shares are of the same run. The figures were written down before the first
// trial. What counts as calm, and that a request which its person gave up is in no share
// of answers, came after it (docs/decisions/0039-overload.md).
const (
	crushFinished   = 0.999  // of callbacks, redemptions and readings answered
	crushGoodput    = 0.8    // of the capacity that the run has measured, while too many come
	crushProcessor  = 0.6    // of what the processor would give if every login cost what it cost then
	crushLongest    = 5000.0 // ms that any request takes
	crushGoroutines = 5000.0 // at most
	crushMemory     = 150.0  // MiB more than before
	crushCalmIn     = 10.0   // seconds after nobody of too many could still be there, and who waits from then could be served
	crushAgain      = 1.25   // p50 afterwards, times before
	crushLoad       = 0.9    // of its processors that are busy at most while too many come
)

// The steps of a login by how much is lost when they are refused.
var (
	finishingSteps = []string{"callback", "token", "userinfo"}
	beginningSteps = []string{"authorize", "chooser", "choose"}
)

// TestANodeOfWhichTooMuchIsAsked is `make evidence-overload`: a node with one
// processor, asked for five times as many logins as it can do, by people who come
// again when they are told to.
//
// What is judged, and how, is in docs/decisions/0039-overload.md. A miniature judges
// what must never happen, and no share and no time.
func TestANodeOfWhichTooMuchIsAsked(t *testing.T) {
	p := nudge()
	if evidence.Collecting() {
		p = wholePress()
	}
	e := evidence.New("overload", 1)
	defer e.Close(t)
	c := newCrush(t, p)
	c.happens()
	c.judge(e)
}

func (c *crush) judge(e *evidence.Run) {
	t := c.t
	f := c.figures()
	e.Figures = c.document(f)
	t.Logf("%+v, calm after %s", f, secondsOrNever(f.CalmAfter))
	must := func(holds bool, format string, args ...any) { e.Must(t, holds, fmt.Sprintf(format, args...)) }
	demand := func(holds bool, format string, args ...any) { e.Demand(holds, fmt.Sprintf(format, args...)) }

	must(f.In > 0 && f.Finishing.Asked > 0 && f.Calmly > 0, "%d got in meanwhile, %d afterwards: nothing was shown", f.In, f.Calmly)
	must(f.Beginning.Later > 0 && f.Refused["beginning"]+f.Refused["departing"] > 0, "nobody was refused: it was no overload")
	must(f.Finishing.Later == 0 && f.Refused["finishing"] == 0, "%d callbacks, redemptions and readings were refused, by the node's count %g", f.Finishing.Later, f.Refused["finishing"])
	must(f.Gone == 0, "%d answers of 502, 503 or 504 did not say when to come again", f.Gone)
	must(f.None == 0, "%d connections broke", f.None)
	demand(f.OtherFailures == 0, "%d logins failed otherwise than by being refused too often: %v", f.OtherFailures, c.rush.report.Examples)

	demand(c.cores.node != "", "the node had no processor of its own")
	demand(f.Finishing.Well >= crushFinished, "%.3f %% of finishing requests answered, want %.1f %%", 100*f.Finishing.Well, 100*crushFinished)
	demand(f.Goodput >= crushGoodput*f.Capacity, "%.1f logins a second of the capacity of %.1f, want %.0f %%", f.Goodput, f.Capacity, 100*crushGoodput)
	demand(f.OfProcessor >= crushProcessor, "%.2f of what the processor gives, want %.2f", f.OfProcessor, crushProcessor)
	demand(f.Longest <= crushLongest, "a request took %.0f ms, want %.0f", f.Longest, crushLongest)
	demand(f.Most.Goroutines <= crushGoroutines, "%.0f goroutines, want %.0f", f.Most.Goroutines, crushGoroutines)
	demand(f.Most.RSS <= c.first.RSS+crushMemory, "%.0f MiB, %.0f before, want %.0f more at most", f.Most.RSS, c.first.RSS, crushMemory)
	demand(f.GivenUp > 0 && f.Dropped >= float64(f.GivenUp)/2, "%d requests were given up, and %.0f dropped before any work", f.GivenUp, f.Dropped)
	demand(f.CalmAfter != nil && *f.CalmAfter <= f.CalmBy, "calm %s after the last had come, want %.0f s", secondsOrNever(f.CalmAfter), f.CalmBy)
	demand(f.Again <= crushAgain, "p50 afterwards is %.2f times what it was before, want %.2f", f.Again, crushAgain)
	demand(c.rush.report.Shed == 0, "%d people shed by the load itself", c.rush.report.Shed)
	demand(c.rush.report.LateMax < 1000, "the load began a login %.0f ms late: it measured itself", c.rush.report.LateMax)
	demand(f.LoadBusy <= crushLoad, "the processors of the load were busy for %.2f of the time, want %.1f at most", f.LoadBusy, crushLoad)
}

// crushFigures are what a crush amounts to.
type crushFigures struct {
	Capacity float64 // logins a second, by what the node did when never more than a hundred were under way
	// Processor is how many logins a second its processor would give if all of it went
	// to logins, at what one took of it then.
	Processor              float64
	Cost                   float64 // ms of processor time, then
	Came, In, Calmly       int
	Goodput                float64
	OfCapacity             float64
	OfProcessor            float64
	Offered                float64 // people a second
	Finishing, Beginning   crushClass
	Waiting                crushClass // pages that wait for a phone
	Gone, None             int
	OtherFailures          int
	Longest                float64
	Refused                map[string]float64
	Most                   gateLook
	GivenUp                int
	Dropped                float64
	RefusedUntil           float64  // seconds after the last had come
	Meanwhile              float64  // logins a second while those who had been refused could still come again
	CalmAfter              *float64 // seconds after the last had come; nil for never
	Backlog                int      // of those who came afterwards, who were there when nobody of the others was, beyond the usual
	CalmBy                 float64
	Before, Tail, TailMost float64 // p50 before and at the end, and the worst p50 of a second at the end, ms
	Again                  float64
	TailRefused            int
	LoadBusy               float64 // share of the processors that are not the node's, by whatever ran there
}

// crushClass is what became of the requests of some steps.
type crushClass struct {
	Asked   int     `json:"asked"`
	Later   int     `json:"told_to_come_again"`
	Left    int     `json:"given_up"`
	Well    float64 `json:"answered"`       // share of asked that was not given up
	P50     float64 `json:"p50_ms_at_most"` // of the slowest step, of those answered
	P99     float64 `json:"p99_ms_at_most"`
	Longest float64 `json:"longest_ms"`
	Told    float64 `json:"told_p99_ms_at_most"`
}

// of sums steps up.
func (c crowd) of(steps ...string) (out crushClass) {
	well := 0
	for _, name := range steps {
		a := c.report.Answers[name]
		out.Asked, out.Later, out.Left, well = out.Asked+a.Asked, out.Later+a.Later, out.Left+a.Left, well+a.Took.Count
		out.P50, out.P99 = math.Max(out.P50, a.Took.P50), math.Max(out.P99, a.Took.P99)
		out.Longest, out.Told = max(out.Longest, a.Took.Max, a.Told.Max, a.Quit.Max), math.Max(out.Told, a.Told.P99)
	}
	out.Well = float64(well) / math.Max(1, float64(out.Asked-out.Left))
	return out
}

func (c *crush) figures() crushFigures {
	p, r := c.press, c.rush.report
	f := crushFigures{
		Capacity: c.capacity(), Cost: c.calibrated.report.each(0), Came: r.Came, In: r.In, Calmly: c.after.report.In,
		Offered: p.Times * c.capacity(), Finishing: c.rush.of(finishingSteps...), Beginning: c.rush.of(beginningSteps...), Waiting: c.rush.of("wait"),
		Refused: c.last.refused(c.first), Dropped: c.last.Left - c.first.Left,
	}
	for _, all := range []crowd{c.rush, c.after, c.hasty} {
		for _, a := range all.report.Answers {
			f.Gone, f.None, f.GivenUp = f.Gone+a.Gone, f.None+a.None, f.GivenUp+a.Left
			f.Longest = max(f.Longest, a.Took.Max, a.Told.Max, a.Quit.Max)
		}
		for kind, n := range all.report.Errors {
			if kind != "problem-503" && kind != "patience" {
				f.OtherFailures += n
			}
		}
	}
	f.Processor = 1000 / math.Max(f.Cost, 1e-3)
	f.Goodput = perSecondOf(endsAt(c.rush.seconds, c.fell.Add(-p.Rush*3/4), c.fell), func(s crushSecond) int { return s.In })
	f.Meanwhile = c.together(c.fell.Add(5*time.Second), c.fell.Add(p.Patience))
	f.OfCapacity, f.OfProcessor = f.Goodput/f.Capacity, f.Goodput/f.Processor
	f.Most.By = map[string]float64{}
	for _, l := range c.looks {
		f.Most.Inside, f.Most.Queued = max(f.Most.Inside, l.Inside), max(f.Most.Queued, l.Queued)
		f.Most.Goroutines, f.Most.RSS = max(f.Most.Goroutines, l.Goroutines), max(f.Most.RSS, l.RSS)
		for class, n := range l.By {
			f.Most.By[class] = max(f.Most.By[class], n)
		}
	}
	for _, s := range slices.Concat(c.rush.seconds, c.after.seconds) {
		if s.Later > 0 {
			f.RefusedUntil = max(f.RefusedUntil, s.At.Sub(c.fell).Seconds())
		}
	}
	f.Before = usualOf(c.before.seconds)
	f.CalmAfter = c.calm(f.Before)
	f.Backlog = c.backlog()
	f.CalmBy = p.Patience.Seconds() + float64(f.Backlog)/(f.Capacity*(1-p.Calm)) + crushCalmIn
	rest := endsAt(c.after.seconds, c.fell.Add(time.Duration(f.CalmBy*float64(time.Second))), c.fell.Add(p.After))
	f.Tail = usualOf(rest)
	f.Again = f.Tail / math.Max(f.Before, 1e-3)
	for _, s := range rest {
		f.TailRefused, f.TailMost = f.TailRefused+s.Later, max(f.TailMost, s.BeyondMedian)
	}
	f.LoadBusy = c.loadBusy()
	return f
}

// together is how many got in a second in a span, of those who came meanwhile and of
// those who came afterwards.
func (c *crush) together(from, to time.Time) float64 {
	in := 0
	for _, s := range endsAt(slices.Concat(c.rush.seconds, c.after.seconds), from, to) {
		in += s.In
	}
	return float64(in) / to.Sub(from).Seconds()
}

// backlog is how many of those who came afterwards were under way when the last of
// the others had given up, beyond what is usual for as many.
func (c *crush) backlog() int {
	gone := c.fell.Add(c.press.Patience)
	usual, then := 0, 0
	for _, s := range c.before.seconds {
		usual = max(usual, s.UnderWay)
	}
	for _, s := range endsAt(c.after.seconds, gone, gone.Add(2*time.Second)) {
		then = max(then, s.UnderWay)
	}
	return max(0, then-usual)
}

// loadBusy is how busy the processors of the load were while too many came.
func (c *crush) loadBusy() float64 {
	var first, last *gateLook
	for i, l := range c.looks {
		if l.At.After(c.fell) || l.At.Before(c.fell.Add(-c.press.Rush)) {
			continue
		}
		if last = &c.looks[i]; first == nil {
			first = last
		}
	}
	if first == last {
		return 0
	}
	return (last.busy - first.busy) / math.Max(1, last.ticks-first.ticks)
}

// usualOf is the median of the seconds' medians.
func usualOf(all []crushSecond) float64 {
	var each []float64
	for _, s := range all {
		if s.In > 0 {
			each = append(each, s.BeyondMedian)
		}
	}
	if len(each) == 0 {
		return 0
	}
	slices.Sort(each)
	return each[len(each)/2]
}

// calm is how long after the last had come ten seconds began in which nobody was
// refused, and of any five in a row the usual median was at most twice what it was
// before; nil: never.
func (c *crush) calm(before float64) *float64 {
	const over = 10
	wild, all := c.fell, c.after.seconds
	for _, s := range slices.Concat(c.rush.seconds, c.after.seconds) {
		if s.At.After(wild) && s.Later > 0 {
			wild = s.At
		}
	}
	for i := range max(0, len(all)-4) {
		if five := all[i : i+5]; usualOf(five) > 2*before && five[0].At.After(wild) {
			wild = five[0].At
		}
	}
	if wild.After(c.fell.Add(c.press.After - over*time.Second)) {
		return nil
	}
	took := wild.Sub(c.fell).Seconds()
	return &took
}

// document is what the evidence keeps, and draws.
func (c *crush) document(f crushFigures) map[string]any {
	p := c.press
	c.draw(f)
	return map[string]any{
		"size": map[string]any{
			"capacity_s": p.Capacity.Seconds(), "before_s": p.Before.Seconds(), "too_many_s": p.Rush.Seconds(), "after_s": p.After.Seconds(),
			"patience_s": p.Patience.Seconds(), "calm_of_capacity": p.Calm, "times_the_capacity": p.Times, "key_bits": 4096,
			"processors_of_the_node": c.cores.node, "of_the_load": c.cores.load,
		},
		"capacity_per_s": f.Capacity, "cost_of_a_login_ms": f.Cost, "processor_gives_per_s": f.Processor,
		"offered_per_s": f.Offered, "came": f.Came, "in": f.In, "goodput_per_s": f.Goodput, "goodput_of_capacity": f.OfCapacity, "goodput_of_processor": f.OfProcessor,
		"finishing": f.Finishing, "beginning": f.Beginning, "under_way": f.Waiting, "answers": c.rush.report.Answers, "errors": c.rush.report.Errors, "notices": c.rush.report.Notices,
		"without_retry_after": f.Gone, "connections_broken": f.None, "longest_request_ms": f.Longest, "refused_by_the_node": f.Refused,
		"most": f.Most, "before": c.first, "end": c.last, "given_up": f.GivenUp, "dropped_before_any_work": f.Dropped,
		"goodput_while_they_come_again_per_s": f.Meanwhile, "refused_until_s": f.RefusedUntil,
		"backlog": f.Backlog, "calm_wanted_by_s": f.CalmBy, "calm_after_s": f.CalmAfter, "p50_before_ms": f.Before, "p50_at_the_end_ms": f.Tail, "worst_second_p50_at_the_end_ms": f.TailMost, "p50_at_the_end_times_before": f.Again,
		"refused_at_the_end": f.TailRefused, "after": map[string]any{"came": c.after.report.Came, "in": c.after.report.In, "failed": c.after.report.Failed, "answers": c.after.report.Answers},
		"load_late_max_ms": c.rush.report.LateMax, "load_processors_busy": f.LoadBusy, "processes": c.rush.report.Process, "series": c.series(5),
	}
}

// crushMoment is a part of the course, from when too many began to come; all but the
// first and the last are what happened in a second, the mean over the moment.
type crushMoment struct {
	At    int     `json:"s"`
	Came  float64 `json:"came"`
	Asked float64 `json:"requests"`
	Later float64 `json:"told_to_come_again"`
	In    float64 `json:"in"`
	P50   float64 `json:"worst_p50_ms"` // of a second, of those who came before, meanwhile and after; not of those who came meanwhile and were there afterwards
}

// series are all runs but the calibration, in moments of so many seconds.
func (c *crush) series(wide int) (out []crushMoment) {
	by := map[int]*crushMoment{}
	per := float64(wide)
	for run, seconds := range [][]crushSecond{c.before.seconds, c.rush.seconds, c.after.seconds} {
		for _, s := range seconds {
			i := int(math.Floor(s.At.Sub(c.fell.Add(-c.press.Rush)).Seconds()/per)) * wide
			if by[i] == nil {
				by[i] = &crushMoment{At: i}
			}
			m := by[i]
			m.Came, m.Asked, m.Later, m.In = m.Came+float64(s.Came)/per, m.Asked+float64(s.Asked)/per, m.Later+float64(s.Later)/per, m.In+float64(s.In)/per
			if run != 1 || s.At.Before(c.fell) {
				m.P50 = max(m.P50, s.BeyondMedian)
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[i])
	}
	return out
}

// draw leaves the plot beside the evidence.
func (c *crush) draw(f crushFigures) {
	if !evidence.Collecting() {
		return
	}
	came, in := plot.Curve{Name: "came", Colour: "#9aa0a6"}, plot.Curve{Name: "in", Colour: "#1a73e8"}
	later, capacity := plot.Curve{Name: "told to wait", Colour: "#b3261e", Dashed: true}, plot.Curve{Name: "capacity", Colour: "#202124", Dashed: true}
	for _, m := range c.series(1) {
		for curve, y := range map[*plot.Curve]float64{&came: m.Came, &in: m.In, &later: m.Later, &capacity: f.Capacity} {
			curve.X, curve.Y = append(curve.X, float64(m.At)), append(curve.Y, y)
		}
	}
	svg := plot.Chart("five times what a node can do: a second", "seconds", "a second", []plot.Curve{came, later, in, capacity},
		plot.Mark{X: 0, Name: "five times"}, plot.Mark{X: c.press.Rush.Seconds(), Name: "half"})
	if err := os.WriteFile(filepath.Join(os.Getenv("SINHO_EVIDENCE"), "..", "plots", "overload.svg"), []byte(svg), 0o644); err != nil {
		c.t.Error(err)
	}
}
