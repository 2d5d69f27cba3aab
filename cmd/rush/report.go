package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// loginReport is the document of `rush login --json` and `rush storm --json`. Times are milliseconds
// and of logins that got in; shares are 0 to 1.
type loginReport struct {
	Rush        string    `json:"rush"` // "login" or "storm"
	Issuer      string    `json:"issuer"`
	ClientID    string    `json:"client_id"`
	Provider    string    `json:"provider,omitempty"`
	Walker      string    `json:"walker"` // lean or citizen
	Began       time.Time `json:"began"`
	Seed        uint64    `json:"seed"`
	Rate        float64   `json:"rate"`
	For         float64   `json:"for_s"`
	Follow      float64   `json:"follow"`
	Retries     int       `json:"retries"`
	Reload      int       `json:"reload"`
	Again       int       `json:"again"`
	Away        float64   `json:"away_s"`
	Leave       float64   `json:"leave"`
	Page        float64   `json:"page_patience_s"`
	Slow        float64   `json:"slow_s"`
	MaxInFlight int       `json:"max_in_flight"`
	// Interrupted: the run was ended before its time; Stopped logins were under
	// way then and count as neither in nor failed.
	Interrupted bool    `json:"interrupted"`
	Took        float64 `json:"took_s"`

	Came    int64 `json:"came"`
	In      int64 `json:"in"`
	Failed  int64 `json:"failed"`
	Shed    int64 `json:"shed"`
	Stopped int64 `json:"stopped"`
	Left    int64 `json:"left"`
	Retried int64 `json:"retried"`
	// AtOnce are in without a detour, Detoured after one that notices tell of.
	AtOnce   int64   `json:"in_at_once"`
	Detoured int64   `json:"in_after_a_detour"`
	Success  float64 `json:"success"` // of in and failed
	InRate   float64 `json:"in_per_s"`
	// LateMax is how far behind its time the load itself began a login; when it
	// is large, the machine of the load is the bottleneck.
	LateMax float64 `json:"load_late_max_ms"`

	Times timesReport  `json:"times_ms"`
	Steps []stepReport `json:"steps_ms"`
	// Answers of the broker by step, to those who did not get in too.
	Answers   map[string]answerReport `json:"answers"`
	Providers map[string]routeReport  `json:"providers"`
	// Lights are the ways taken by provider and the light they were begun on.
	Lights    map[string]map[string]litReport `json:"lights,omitempty"`
	Errors    map[string]int64                `json:"errors"`
	Notices   map[string]int64                `json:"notices"`
	Examples  map[string]string               `json:"examples"`
	Processes []processReport                 `json:"processes"`
	// Room is of a storm alone.
	Room *roomReport `json:"room,omitempty"`
}

// timesReport tells where the time went. Beyond is the whole without the
// providers' and the people's part; Broker is what was waited for its origin.
type timesReport struct {
	Whole    spread `json:"whole"`
	Beyond   spread `json:"beyond"`
	Broker   spread `json:"broker"`
	Provider spread `json:"provider"`
	Person   spread `json:"person"`
}

type stepReport struct {
	Step string `json:"step"`
	spread
}

type routeReport struct {
	In     int64       `json:"in"`
	Failed int64       `json:"failed"`
	Times  timesReport `json:"times_ms"`
}

func (p *parts) report() timesReport {
	return timesReport{p.whole.spread(), p.beyond.spread(), p.broker.spread(), p.provider.spread(), p.person.spread()}
}

// report of a run that is over.
func (r *loginRun) report() loginReport {
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	doc := loginReport{
		Rush: "login", Issuer: r.issuer, ClientID: r.clientID, Provider: r.provider, Walker: "lean",
		Began: r.began.UTC().Truncate(time.Second), Seed: r.seed, Rate: r.rate, For: r.span.Seconds(), Follow: r.follow,
		Retries: r.retries, MaxInFlight: r.most, Interrupted: r.stopped, Took: round(r.took.Seconds(), 3),
		Came: t.came, In: t.in, Failed: t.failed, Shed: t.shed, Stopped: t.stopped, Retried: t.retried,
		AtOnce: t.atOnce, Detoured: t.in - t.atOnce, Reload: r.reload, Again: r.again,
		Away: r.away.Seconds(), Leave: r.leave, Page: r.page.Seconds(), Slow: r.slow.Seconds(), Left: t.left,
		LateMax: inMS(t.lateMax), Times: t.all.report(), Providers: map[string]routeReport{},
		Lights: map[string]map[string]litReport{}, Errors: t.errors, Notices: t.notices, Examples: t.examples,
	}
	doc.Answers = r.answers.report()
	doc.Room = r.roomReport()
	if doc.Room != nil {
		doc.Rush, doc.Rate = "storm", doc.Room.Peak
	}
	if r.citizen {
		doc.Walker = "citizen"
	}
	if t.in+t.failed > 0 {
		doc.Success = round(float64(t.in)/float64(t.in+t.failed), 6)
	}
	if r.took > 0 {
		doc.InRate = round(float64(t.in)/r.took.Seconds(), 2)
	}
	for s := range steps {
		if t.step[s].n > 0 {
			doc.Steps = append(doc.Steps, stepReport{s.String(), t.step[s].spread()})
		}
	}
	for id, route := range t.providers {
		if id == "" {
			id = "none" // never chose
		}
		doc.Providers[id] = routeReport{route.in, route.failed, route.report()}
	}
	for id, by := range t.lights {
		doc.Lights[id] = map[string]litReport{}
		for light, l := range by {
			if light == "" {
				light = "none" // the chooser shows no lights
			}
			doc.Lights[id][light] = l.report()
		}
	}
	for _, p := range r.watch {
		doc.Processes = append(doc.Processes, p.report(r.took, t.in, time.Millisecond))
	}
	return doc
}

// table is the report for people.
func (d loginReport) table(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\nrush %s · %s · %g/s for %g s · seed %d · %s walker\n", d.Rush, d.Issuer, d.Rate, d.For, d.Seed, d.Walker)
	if d.Interrupted {
		fmt.Fprintf(&text, "interrupted after %.1f s; %d logins were under way\n", d.Took, d.Stopped)
	}
	fmt.Fprintf(&text, "%d came · %d in (%.2f %%) · %d failed · %d shed · %.1f in/s · %d tried again\n\n",
		d.Came, d.In, 100*d.Success, d.Failed, d.Shed, d.InRate, d.Retried)

	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tlogins\tmean\tp50\tp95\tp99\tmax\t")
	row := func(name string, s spread) {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, s.Count, s.Mean, s.P50, s.P95, s.P99, s.Max)
	}
	row("whole login", d.Times.Whole)
	row("beyond others", d.Times.Beyond)
	row("at the broker", d.Times.Broker)
	row("at providers", d.Times.Provider)
	row("people's pauses", d.Times.Person)
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	for _, s := range d.Steps {
		row(s.Step, s.spread)
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	for _, id := range slices.Sorted(maps.Keys(d.Providers)) {
		p := d.Providers[id]
		row("by "+id, p.Times.Whole)
		row("beyond others", p.Times.Beyond)
		if p.Failed > 0 {
			fmt.Fprintf(w, "failed\t%d\t\t\t\t\t\t\n", p.Failed)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Errors)) {
		fmt.Fprintf(&text, "\nfailed %6d  %s\n               %s\n", d.Errors[kind], kind, d.Examples[kind])
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Notices)) {
		fmt.Fprintf(&text, "\non the way %d times: %s", d.Notices[kind], kind)
	}
	text.WriteString("\n")
	d.writeAnswers(&text)
	d.writeGreen(&text)
	d.Room.write(&text)
	writeProcesses(&text, d.Processes, "ms a login")
	if d.Shed > 0 {
		fmt.Fprintf(&text, "\n%d people were shed by --max-in-flight %d: the times above are of those let in.\n", d.Shed, d.MaxInFlight)
	}
	if d.LateMax > 50 {
		fmt.Fprintf(&text, "\nThe load itself began a login %.0f ms late: this machine is short of processor time.\n", d.LateMax)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// writeGreen tells what became of those who began on green.
func (d loginReport) writeGreen(out io.Writer) {
	for _, id := range slices.Sorted(maps.Keys(d.Lights)) {
		if g, any := d.Lights[id]["green"]; any && g.Honesty != nil {
			fmt.Fprintf(out, "begun on green, %s: %d · %.2f %% told the truth · %d failed · %d slow · %d vanished · %d left\n",
				id, g.Begun, 100**g.Honesty, g.Failed, g.Slow, g.Vanished, g.Left)
		}
	}
}

func writeProcesses(out io.Writer, all []processReport, each string) {
	for _, p := range all {
		fmt.Fprintf(out, "process %d %s: %.3f %s of processor time (%.1f s, %.2f cores) · memory %.0f → %.0f MiB, at most %.0f",
			p.PID, p.Name, p.PerUnit, each, p.CPUSeconds, p.Cores, p.RSSBefore, p.RSSAfter, p.RSSMost)
		if p.Gone {
			fmt.Fprint(out, " · it ended during the run")
		}
		fmt.Fprintln(out)
	}
}
