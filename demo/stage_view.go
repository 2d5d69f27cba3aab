package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
)

// stageState is GET /stage/state: everything a script needs to redraw.
type stageState struct {
	Lanes   []lane    `json:"lanes"`
	Local   bool      `json:"local"`
	Known   bool      `json:"known"`   // the board has been read
	Honesty string    `json:"honesty"` // percent of green logins that went well, "" while unknown
	Lies    int64     `json:"lies"`
	Crowd   *Counts   `json:"crowd"`
	Storm   bool      `json:"storm"`
	Events  []Event   `json:"events"` // newest first
	Broken  []string  `json:"broken"` // providers with a fault
	Twins   *twinView `json:"twins"`  // null: there are none
	Process process   `json:"process"`
	// Scene is the one that is on; null: there is none.
	Scene *sceneView `json:"scene"`
}

// process is the program that runs all of this.
type process struct {
	Goroutines int `json:"goroutines"`
	// HeapLive is what the last garbage collection left alive, in bytes.
	HeapLive uint64 `json:"heap_live_bytes"`
}

func readProcess() process {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return process{Goroutines: runtime.NumGoroutine(), HeapLive: live[0].Value.Uint64()}
}

// lane is one provider on the stage.
type lane struct {
	ID      string       `json:"id"`
	Name    bilingual    `json:"name"`
	Light   string       `json:"light"`
	Reason  bilingual    `json:"reason"`
	Share   float64      `json:"share"`  // recommended, 0 to 1
	Choice  float64      `json:"choice"` // of the last seconds' choices, 0 to 1
	Flow    ProviderFlow `json:"flow"`
	Faults  []bilingual  `json:"faults"`
	Control string       `json:"-"`
}

// Percent of a share for the page.
func (l lane) Percent(share float64) string { return fmt.Sprintf("%.0f", 100*share) }

// Rate for the page.
func (l lane) Rate(perSecond float64) string { return fmt.Sprintf("%.1f", perSecond) }

// Width of a bar, 0 to 100.
func (l lane) Width(share float64) string { return fmt.Sprintf("%.1f", 100*min(max(share, 0), 1)) }

func (s *Stage) snapshot() stageState {
	s.judge() // so that whoever sees the sentence finds it in the log
	s.mu.Lock()
	seen, events := s.seen, slices.Clone(s.events)
	faults := map[string][]bilingual{}
	broken := []string{}
	for id, names := range s.seen.faults {
		for _, n := range names {
			faults[id] = append(faults[id], faultName(n))
		}
		if len(names) > 0 {
			broken = append(broken, id)
		}
	}
	s.mu.Unlock()
	slices.Reverse(events)
	slices.Sort(broken)
	v := stageState{Events: events, Broken: broken, Known: seen.board != nil, Process: readProcess()}
	if v.Events == nil {
		v.Events = []Event{}
	}
	v.Twins = s.twins()
	v.Honesty, v.Lies = seen.honesty.Percent(), seen.honesty.Lies()
	if seen.board != nil {
		v.Local = seen.board.Local
	}
	if crowd := s.crowd(); crowd != nil {
		c := crowd.Counts()
		v.Crowd, v.Storm = &c, c.Storm
	}
	v.Scene = s.sceneNow(seen.room)
	v.Lanes = s.lanes(seen.board, v.Crowd, faults)
	return v
}

func (s *Stage) lanes(b *board, c *Counts, faults map[string][]bilingual) []lane {
	var out []lane
	total := 0.0
	for _, id := range s.ids(b) {
		l := lane{ID: id, Name: bilingual{id, id}, Faults: faults[id]}
		if i := slices.IndexFunc(s.cfg.Sims, func(sim Sim) bool { return sim.ID == id }); i >= 0 {
			sim := s.cfg.Sims[i]
			l.Name, l.Control = bilingual{sim.KO, sim.EN}, sim.URL+"/"
		}
		if b != nil {
			if i := slices.IndexFunc(b.Providers, func(p status) bool { return p.ID == id }); i >= 0 {
				p := b.Providers[i]
				l.Name, l.Light, l.Reason, l.Share = p.Name, p.Light, p.Reason.bilingual, p.Share
			}
		}
		if c != nil {
			l.Flow = c.Providers[id]
			total += l.Flow.StartsPerS
		}
		out = append(out, l)
	}
	for i := range out {
		if total > 0 {
			out[i].Choice = out[i].Flow.StartsPerS / total
		}
	}
	return out
}

// state answers a script.
func (s *Stage) state(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(s.snapshot())
	if err != nil {
		http.Error(w, "state: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body)
}

// stageView is the page: the state, and what does not change.
type stageView struct {
	stageState
	Links   []link
	Booking string
	School  string
	Peak    int
	Scenic  bool // there is a scene to begin
	Shown   []Event
}

// GaveUp in percent of those whose walk is over.
func (v stageView) GaveUp() string {
	if v.Crowd == nil || v.Crowd.GaveUp+v.Crowd.In == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f", 100*float64(v.Crowd.GaveUp)/float64(v.Crowd.GaveUp+v.Crowd.In))
}

// Rate of arrivals for the page.
func (v stageView) Rate() string {
	if v.Crowd == nil {
		return "0"
	}
	return fmt.Sprintf("%.0f", v.Crowd.Rate)
}

// Seconds of a time in milliseconds.
func (v stageView) Seconds(ms int64) string { return fmt.Sprintf("%.1f", float64(ms)/1000) }

// shownEvents is how many lines the page starts with.
const shownEvents = 30

func (s *Stage) page(w http.ResponseWriter, _ *http.Request) {
	v := stageView{stageState: s.snapshot(), Links: s.links(), Booking: s.cfg.Booking, School: s.cfg.School}
	v.Shown = v.Events[:min(len(v.Events), shownEvents)]
	v.Scenic = s.cfg.Scene != nil
	if crowd := s.crowd(); crowd != nil {
		v.Peak = int(crowd.cfg.StormPeak)
	}
	s.pages.render(w, http.StatusOK, "stage", v)
}
