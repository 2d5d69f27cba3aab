package e2e

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sinho/evidence"
	"sinho/plot"
)

// stormFigures are what the files of a storm amount to.
type stormFigures struct {
	Returns   returnFigures
	Most      map[string]mostAsked
	Refused   map[string]int // requests, by class, by the nodes' own count
	Remaining float64
	// RecoveredIn is how many seconds after the last fault goodput was back.
	RecoveredIn *float64
	Later       lateEstimates
	Goodput     []float64 // logins in each second from the opening on
	Series      []moment
}

// returnFigures are of those who came back from a provider that had said yes.
type returnFigures struct {
	Yes int `json:"yes"`
	// Code went back to the site with a code, Pairs to the waiting room: a second tab
	// whose pass the first had spent. These are well. Room went there with a pass of
	// before the restart of the store, and has its place. Ill are what a provider that
	// was ill did, and are in no share.
	Code    int            `json:"code"`
	Pairs   int            `json:"second_tab_turned_back"`
	Room    int            `json:"one_step_more_after_the_restart"`
	Ill     int            `json:"failed_at_the_ill_provider"`
	Reload  int            `json:"well_after_a_reload"`
	Asked   int            `json:"well_after_the_provider_was_asked_again"` // without a tap
	Well    float64        `json:"well"`                                    // share
	AtOnce  float64        `json:"with_code"`                               // share, without second tabs
	Bad     map[string]int `json:"bad"`
	WhenBad []string       `json:"first_bad,omitempty"`
}

// mostAsked is the most that one provider was sent, as people who agreed there in a
// second: the mean of the worst stretch.
type mostAsked struct {
	Cap    float64 `json:"cap_per_s"`
	Short  float64 `json:"most_over_5_s"`
	Smooth float64 `json:"most_over_30_s"`
	Legs   float64 `json:"legs_over_30_s_of_what_it_serves"` // server legs, as a share of what it takes
}

// lateEstimates are those told once the last fault was known: the others could not
// know of it.
type lateEstimates struct {
	Told   int     `json:"told"`
	Within float64 `json:"within_a_fifth"`
}

// moment is five seconds of the storm.
type moment struct {
	At      int                `json:"s"`
	Came    int                `json:"came_to_the_room"`
	Called  int                `json:"called"`
	In      int                `json:"in"`
	Waiting int                `json:"waiting_at_the_end"`
	Doors   map[string]float64 `json:"logins_per_s"`
	// Of those who were told their first estimate in it: how many, what they were told
	// and how long they waited, both the mean in seconds.
	Told   int     `json:"told,omitempty"`
	Wait   float64 `json:"told_wait_s,omitempty"`
	Waited float64 `json:"waited_s,omitempty"`
}

// every is how many seconds a moment has.
const every = 5

func (w *storm) figures() stormFigures {
	w.t.Helper()
	f := stormFigures{Most: map[string]mostAsked{}, Refused: w.turned, Remaining: w.gale.capacity() - w.gale.Each}
	f.Returns = w.returns()
	asked := w.asked(w.opens.Unix())
	for _, id := range stormDoors {
		logins, legs := perSecond(asked[id], w.opens, func(s doorSecond) int { return s.Logins }), perSecond(asked[id], w.opens, func(s doorSecond) int { return s.Asked })
		f.Most[id] = mostAsked{
			Cap: w.gale.Each, Short: worst(logins, 5), Smooth: worst(logins, 30), Legs: worst(legs, 30) / (w.legs[id] * w.gale.Each),
		}
	}
	f.Goodput = w.goodput()
	f.RecoveredIn = w.recovered(f.Goodput, f.Remaining)
	f.Series = w.series(asked)
	f.Later = w.laterEstimates()
	return f
}

// perSecond lays seconds out from the opening on.
func perSecond(all []doorSecond, from time.Time, of func(doorSecond) int) (out []float64) {
	for _, s := range all {
		i := int(s.At - from.Unix())
		for len(out) <= i {
			out = append(out, 0)
		}
		out[i] = float64(of(s))
	}
	return out
}

// worst is the highest mean of so many seconds in a row.
func worst(seconds []float64, over int) (most float64) {
	for from := range max(0, len(seconds)-over+1) {
		sum := 0.0
		for _, v := range seconds[from : from+over] {
			sum += v
		}
		most = math.Max(most, sum/float64(over))
	}
	return most
}

// rows of one of rush's files, by the names of its columns.
func rows(t *testing.T, path string) (all []map[string]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) == 0 {
		t.Fatalf("%s: %v", path, err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		all = append(all, row)
	}
	return all
}

// after is a time of a row in seconds after the opening; false for never.
func (w *storm) after(row map[string]string, column string) (float64, bool) {
	ms, err := strconv.ParseInt(row[column], 10, 64)
	if err != nil {
		w.t.Fatalf("%s: %q: %v", column, row[column], err)
	}
	return time.UnixMilli(ms).Sub(w.opens).Seconds(), ms != 0
}

// passLives is how long a pass of before the restart may be met after it.
const passLives = 240 * time.Second

func (w *storm) returns() returnFigures {
	f := returnFigures{Bad: map[string]int{}}
	restart := w.gale.Restart.Seconds()
	for _, row := range rows(w.t, w.back) {
		ended, _ := w.after(row, "ended_ms")
		answer, pair := row["answer"], row["pair"] == "true"
		ill := row["provider"] == illDoor && ended >= w.gale.BrownOut.Seconds()
		if ill && (answer == "notice-failed" || answer == "notice-busy") {
			f.Ill++
			continue
		}
		if f.Yes++; row["reloads"] != "0" && (answer == "site" || answer == "room") {
			f.Reload++
		}
		if row["asked"] != "0" && answer == "site" {
			f.Asked++
		}
		switch {
		case answer == "site":
			f.Code++
		case answer == "room" && pair:
			f.Pairs++
		case answer == "room" && ended >= restart && ended < restart+passLives.Seconds():
			f.Room++
		default:
			f.Bad[answer]++
			if len(f.WhenBad) < 20 {
				f.WhenBad = append(f.WhenBad, fmt.Sprintf("%.1f s %s %s", ended, row["provider"], answer))
			}
		}
	}
	if f.Yes > 0 {
		f.Well = float64(f.Code+f.Pairs) / float64(f.Yes)
		f.AtOnce = float64(f.Code) / float64(f.Yes-f.Pairs)
	}
	return f
}

// goodput is how many got in, by the second.
func (w *storm) goodput() (out []float64) {
	for _, row := range rows(w.t, w.tries) {
		if row["became"] != "in" && row["became"] != "slow" {
			continue
		}
		at, _ := w.after(row, "ended_ms")
		if i := int(math.Floor(at)); i >= 0 {
			for len(out) <= i {
				out = append(out, 0)
			}
			out[i]++
		}
	}
	return out
}

// recovered is when, after the last fault, ten seconds had 95 % of what is left of
// the capacity; nil: never.
func (w *storm) recovered(in []float64, remaining float64) *float64 {
	const over = 10
	last := int(w.gale.Down.Seconds())
	for end := last + over; end <= len(in); end++ {
		sum := 0.0
		for _, v := range in[end-over : end] {
			sum += v
		}
		if sum/over >= 0.95*remaining {
			took := float64(end - last)
			return &took
		}
	}
	return nil
}

// settled is how long after the last fault what is left is known.
const settled = 30 * time.Second

func (w *storm) laterEstimates() (l lateEstimates) {
	within := 0
	for _, row := range rows(w.t, w.waits) {
		told, ever := w.after(row, "told_ms")
		called, came := w.after(row, "called_ms")
		if !ever || !came || row["tab"] == "true" || told < (w.gale.Down+settled).Seconds() {
			continue
		}
		p50, err := strconv.ParseFloat(row["told_p50_s"], 64)
		if err != nil {
			w.t.Fatal(err)
		}
		l.Told++
		if math.Abs(p50-(called-told)) <= 0.2*math.Max(called-told, 1) {
			within++
		}
	}
	if l.Told > 0 {
		l.Within = float64(within) / float64(l.Told)
	}
	return l
}

// series are what the files say, five seconds each.
func (w *storm) series(asked map[string][]doorSecond) []moment {
	by := map[int]*moment{}
	at := func(second float64) *moment {
		i := int(math.Floor(second/every)) * every
		if by[i] == nil {
			by[i] = &moment{At: i, Doors: map[string]float64{}}
		}
		return by[i]
	}
	for _, row := range rows(w.t, w.waits) {
		if row["tab"] == "true" {
			continue
		}
		came, _ := w.after(row, "came_ms")
		at(came).Came++
		if called, ever := w.after(row, "called_ms"); ever {
			at(called).Called++
		}
		if in, ever := w.after(row, "in_ms"); ever {
			at(in).In++
		}
		w.toldIn(at, row)
	}
	for _, id := range stormDoors {
		for _, s := range asked[id] {
			at(float64(s.At - w.opens.Unix())).Doors[id] += float64(s.Logins) / every
		}
	}
	out := []moment{}
	for _, m := range by {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b moment) int { return a.At - b.At })
	waiting := 0
	for i := range out {
		if n := float64(out[i].Told); n > 0 {
			out[i].Wait, out[i].Waited = math.Round(10*out[i].Wait/n)/10, math.Round(10*out[i].Waited/n)/10
		}
		waiting += out[i].Came - out[i].Called
		out[i].Waiting = waiting
	}
	return out
}

// toldIn adds a row's first estimate to its moment.
func (w *storm) toldIn(at func(float64) *moment, row map[string]string) {
	told, ever := w.after(row, "told_ms")
	called, came := w.after(row, "called_ms")
	p50, err := strconv.ParseFloat(row["told_p50_s"], 64)
	if !ever || !came || err != nil {
		return
	}
	m := at(told)
	m.Told++
	m.Wait += p50
	m.Waited += called - told
}

// document is what the evidence keeps, and draws.
func (f stormFigures) document(w *storm) map[string]any {
	g, r := w.gale, w.report
	f.draw(w)
	return map[string]any{
		"size": map[string]any{
			"capacity_per_s": g.capacity(), "providers": stormDoors, "of_each_per_s": g.Each, "legs_of_a_login": w.legs, "nodes": len(w.nodes), "times": stormTimes,
			"decay_s": g.Decay.Seconds(), "before": g.Before, "early_s": g.Early.Seconds(), "for_s": g.For.Seconds(), "away_s": g.Away.Seconds(),
		},
		"happened": w.happened, "came": r.Came, "in": r.In, "failed": r.Failed, "shed_by_the_load": r.Shed, "errors": r.Errors, "examples": r.Examples,
		"notices": r.Notices, "room": r.Room, "returns": f.Returns, "upstream": f.Most, "estimates_after_the_last_fault": f.Later, "refused_by_nodes": f.Refused,
		"remaining_capacity_per_s": f.Remaining, "goodput_back_after_s": f.RecoveredIn, "series": f.Series, "times_ms": r.Times,
		"load_late_max_ms": r.LateMax, "processes": r.Process,
	}
}

// draw leaves the plots beside the evidence.
func (f stormFigures) draw(w *storm) {
	if !evidence.Collecting() {
		return
	}
	in := plot.Curve{Name: "in", Colour: "#1a73e8"}
	came := plot.Curve{Name: "came", Colour: "#9aa0a6"}
	waiting := plot.Curve{Name: "waiting", Colour: "#188038"}
	capacity := plot.Curve{Name: "capacity", Colour: "#202124", Dashed: true}
	all := w.gale.capacity()
	for _, m := range f.Series {
		in.X, in.Y = append(in.X, float64(m.At)), append(in.Y, float64(m.In)/every)
		came.X, came.Y = append(came.X, float64(m.At)), append(came.Y, float64(m.Came)/every)
		waiting.X, waiting.Y = append(waiting.X, float64(m.At)), append(waiting.Y, float64(m.Waiting))
		takes := all
		switch at := time.Duration(m.At) * time.Second; {
		case at >= w.gale.Down:
			takes -= w.gale.Each
		case at >= w.gale.BrownOut:
			takes -= w.gale.Each / 2
		}
		capacity.X, capacity.Y = append(capacity.X, float64(m.At)), append(capacity.Y, takes)
	}
	var marks []plot.Mark
	for _, h := range w.happened {
		marks = append(marks, plot.Mark{X: h.At, Name: h.What})
	}
	dir := filepath.Join(os.Getenv("SINHO_EVIDENCE"), "..", "plots")
	for name, svg := range map[string]string{
		"storm-flow.svg":    plot.Chart("the storm at eight: people a second", "seconds after the opening", "a second", []plot.Curve{came, in, capacity}, marks...),
		"storm-waiting.svg": plot.Chart("the storm at eight: people waiting", "seconds after the opening", "people", []plot.Curve{waiting}, marks...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			w.t.Error(err)
		}
	}
}
