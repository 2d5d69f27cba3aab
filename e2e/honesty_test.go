package e2e

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sinho/evidence"
)

// act is one stretch of an hour, and what a provider suffers in it.
type act struct {
	name     string
	minutes  float64 // of sixty
	provider string  // "" for calm
	strike   string
	heal     string
}

// What a server leg of a provider takes, in ms: in a good hour, six times of that,
// and what is slow whatever a starved machine has taken for usual (t1 is at most
// three seconds) and yet in time.
const (
	goodLegMS    = 300
	brownLegMS   = 6 * goodLegMS
	surelySlowMS = 4000
)

// hourOfFaults is the hour. Calm lies between the faults, for it takes a light a
// minute and more to be green again.
func hourOfFaults(brownMS int) []act {
	well := fmt.Sprintf(`{"latency_ms":%d,"capacity_per_s":20000}`, goodLegMS)
	return []act{
		{name: "calm", minutes: 6},
		{"brown-out", 5, "kakao", fmt.Sprintf(`{"latency_ms":%d,"capacity_per_s":12}`, brownMS), well},
		{name: "after the brown-out", minutes: 8},
		{"outage", 5, "naver", `{"error_rate":1}`, `{"error_rate":0}`},
		{name: "after the outage", minutes: 8},
		{"dead page", 5, "oidc", `{"page_hang":true}`, `{"page_hang":false}`},
		{name: "after the dead page", minutes: 8},
		{"hang", 2, "kakao", `{"hang":true}`, `{"hang":false}`},
		{name: "recovered", minutes: 13},
	}
}

// people of the hour: what rush is told of them.
type people struct {
	Rate   float64 `json:"rate_per_s"`
	Follow float64 `json:"follow"`
	Away   string  `json:"away"`
	Page   string  `json:"page_patience"`
	Leave  float64 `json:"leave"`
}

// TestGreenTellsTheTruth is `make evidence-honesty`: an hour in which forty people
// a second log in by five providers, three of which break: one is slow and takes
// little, and another time hangs, one answers errors, of one the page alone is
// dead. Of the logins begun on green at least 99 of a hundred must not fail, drag
// or vanish by the provider's fault, over all providers and in every stretch.
//
// "The provider's fault" is what signal.Honesty says, measured twice: by the
// product of itself, and from outside by rush, which reads the light off the page
// and knows for certain who vanished. The verdict is by rush; the product may
// differ by agreeWithin. Each judges a login when it is over, and so does this
// test: a stretch has what ended in it.
//
// SINHO_EVIDENCE_FOR=6m shortens everything alike; a fault that lasts a tenth
// costs a stretch ten times as much honesty, so only the hour is judged by the
// goal. As a miniature it is a minute without the last two stretches, where a
// fault lasts until its light has turned, and judges no share and no time.
func TestGreenTellsTheTruth(t *testing.T) {
	acts, span := hourOfFaults(brownLegMS), spanOf(t, time.Hour)
	who := people{Rate: 40, Follow: 0.6, Away: "6s", Page: "15s", Leave: 0.03}
	if !evidence.Collecting() {
		acts, span = hourOfFaults(surelySlowMS)[:7], 45*time.Second
		who = people{Rate: 20, Follow: 0.6, Away: "1s", Page: "3s", Leave: 0.03}
	}
	e := evidence.New("honesty", 1)
	defer e.Close(t)
	h := newHour(t, who, span)
	for _, a := range acts {
		h.play(a, span)
	}
	h.end()
	h.judge(e, span >= time.Hour)
}

// newHour starts everything and waits until all lights are green.
func newHour(t *testing.T, who people, span time.Duration) *hour {
	t.Helper()
	h := &hour{apart: newApart(t, "http", goodLegMS), people: who, board: map[string]string{}}
	broker := h.serve("honesty", "")
	h.watch()
	h.came = h.rushes(span+10*patience, broker.pid(), h.sims.pid())
	waitFor(t, patience, "all lights are green", func() bool { return h.all("green") })
	h.began, h.busy = time.Now(), machineTime(t)
	return h
}

// play is one act. Whatever it was that broke works again after it.
func (h *hour) play(a act, span time.Duration) {
	h.t.Helper()
	if a.provider != "" && !evidence.Collecting() {
		waitFor(h.t, patience, a.provider+" is green before its fault", func() bool { return h.light(a.provider) == "green" })
	}
	s := stretch{act: a, from: time.Now(), before: h.product()}
	if a.provider != "" {
		h.control(a.provider, a.strike)
	}
	lasts := time.Duration(a.minutes / 60 * float64(span))
	waitFor(h.t, lasts+patience, a.name, func() bool {
		moved := a.provider == "" || evidence.Collecting() || h.light(a.provider) != "green"
		return moved && time.Since(s.from) >= lasts
	})
	if a.provider != "" {
		h.control(a.provider, a.heal)
	}
	s.to, s.after = time.Now(), h.product()
	h.stretches = append(h.stretches, s)
	h.t.Logf("%6.0f s: %s is over; lights %v", time.Since(h.began).Seconds(), a.name, h.lights())
}

// agreeWithin is by how much the two measurements of an hour may differ: the
// product's share of those who vanished is an estimate, and a light may change
// between the page and the tap.
const agreeWithin = 0.002

// goalHonesty is docs/signal.md's.
const goalHonesty = 0.99

func (h *hour) judge(e *evidence.Run, whole bool) {
	t := h.t
	t.Helper()
	phases := []phase{}
	for _, s := range h.stretches {
		p := h.phase(s)
		phases = append(phases, p)
		t.Logf("%-20s %s, of those begun in it %s; the product says %s; %v", p.Name, p.All, percent(p.Cohort), percent(p.Product), p.Providers)
		if whole {
			e.Demand(p.Cohort != nil && *p.Cohort >= goalHonesty, fmt.Sprintf("%s: green honesty of those begun in it %s, want %.0f %%", p.Name, percent(p.Cohort), 100*goalHonesty))
		}
	}
	losses := []loss{}
	for i, s := range h.stretches {
		if s.act.provider == "" {
			continue
		}
		l := h.loss(i)
		losses = append(losses, l)
		t.Logf("%s: %+v", s.act.name, l)
		e.Must(t, l.Turned, s.act.name+": the light never turned")
		e.Must(t, l.Before+l.Until+l.Later > 0, s.act.name+": nobody who had begun on green felt it, so it shows nothing")
	}
	agree := h.agreement()
	all := agree["all"]
	e.Must(t, near(all.Begun, all.ProductBegun, 0.05), fmt.Sprintf("%d begun on green from outside, %d by the product", all.Begun, all.ProductBegun))
	e.Must(t, all.Bad > 0 && all.ProductBad > 0, fmt.Sprintf("%d lies from outside, %.1f by the product: nothing was felt", all.Bad, all.ProductBad))
	if whole {
		e.Demand(all.Honesty != nil && *all.Honesty >= goalHonesty, fmt.Sprintf("green honesty of the whole %s, want %.0f %%", percent(all.Honesty), 100*goalHonesty))
	}
	e.Demand(near(all.Begun, all.ProductBegun, 0.01), fmt.Sprintf("%d begun on green from outside, %d by the product, want within 1 %%", all.Begun, all.ProductBegun))
	e.Demand(all.Difference <= agreeWithin, fmt.Sprintf("outside and product differ by %.4f in green honesty, want %.4f", all.Difference, agreeWithin))
	e.Demand(h.all("green"), fmt.Sprintf("at the end lights are %v", h.lights()))
	ours := 0.0
	for _, p := range h.report.Process {
		ours += p.Cores
	}
	ours /= float64(runtime.NumCPU())
	busy := machineTime(t).since(h.busy)
	e.Demand(ours < 0.25, fmt.Sprintf("broker, simulators and load took %.0f %% of the machine, want less than 25", 100*ours))
	e.Demand(busy < 0.5, fmt.Sprintf("the machine was busy by %.0f %% with what does not give way, so lights may have measured it and not providers", 100*busy))
	e.Demand(h.report.Shed == 0, fmt.Sprintf("%d people shed by the load itself", h.report.Shed))

	e.Figures = map[string]any{
		"people": h.people, "span_s": h.stretches[len(h.stretches)-1].to.Sub(h.began).Seconds(), "good_leg_ms": goodLegMS,
		"phases": phases, "faults": losses, "lies_without_a_fault": h.elsewhere(),
		"agreement": agree, "agree_within": agreeWithin, "goal": goalHonesty, "judged_by_the_goal": whole,
		"light_changes": h.changes(), "not_sent_on_green": h.refused(),
		"came": h.report.Came, "in": h.report.In, "failed": h.report.Failed, "retried": h.report.Retried, "errors": h.report.Errors, "notices": h.report.Notices,
		"times_ms": h.report.Times, "load_late_max_ms": h.report.LateMax, "processes": h.report.Process,
		"machine_busy": busy, "machine_busy_by_this_run": ours,
	}
}

// near says whether two counts differ by a share, or by ten.
func near(a, b int, share float64) bool {
	gap := max(a-b, b-a)
	return gap <= 10 || float64(gap) <= share*float64(max(a, b))
}

func percent(share *float64) string {
	if share == nil {
		return "nothing"
	}
	return strconv.FormatFloat(100**share, 'f', 2, 64) + " %"
}

// light, lights and all are of the last look at the board.
func (h *hour) light(provider string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.board[provider]
}

func (h *hour) lights() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for id, light := range h.board {
		all = append(all, id+" "+light)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (h *hour) all(light string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range simAt {
		if h.board[id] != light {
			return false
		}
	}
	return true
}

// changes of every light, by time.
func (h *hour) changes() []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []change{}
	for _, c := range h.turned {
		c.At = seconds(c.at.Sub(h.began))
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b change) int { return cmp.Compare(a.At, b.At) })
	return out
}
