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

// watchReport is the document of `rush watch --json`. Times are milliseconds.
type watchReport struct {
	Rush        string    `json:"rush"` // "watch"
	Address     string    `json:"address"`
	Began       time.Time `json:"began"`
	Seed        uint64    `json:"seed"`
	Watchers    int       `json:"watchers"`
	Slow        int       `json:"slow"`
	For         float64   `json:"for_s"`
	Reconnect   float64   `json:"reconnect_per_min"`
	Interrupted bool      `json:"interrupted"`
	Took        float64   `json:"took_s"`

	ConnectedAtEnd int64            `json:"connected_at_end"`
	ConnectedMost  int64            `json:"connected_most"`
	Connections    int64            `json:"connections"`
	HungUp         int64            `json:"hung_up"`
	NotConnected   map[string]int64 `json:"not_connected"` // by kind; refused-503 among them
	Ended          map[string]int64 `json:"ended"`         // by the server or the network
	SlowDropped    int64            `json:"slow_dropped"`
	SlowHeld       int64            `json:"slow_held"`

	Frames   int64 `json:"frames"`
	Distinct int64 `json:"frames_distinct"`
	Opening  int64 `json:"frames_opening"`
	Repeated int64 `json:"frames_repeated"`
	Unread   int64 `json:"frames_not_understood"`
	Bytes    int64 `json:"bytes"`
	Gaps     int64 `json:"gaps"`
	Back     int64 `json:"seq_went_back"`

	Connect spread `json:"connect_ms"`
	Delay   spread `json:"delay_ms"`
	Behind  spread `json:"behind_first_ms"`
	// DelayNote says how far Delay can be trusted.
	DelayNote string `json:"delay_note"`

	Processes []watchedProcess `json:"processes"`
}

// watchedProcess adds what a watcher costs in memory: growth from before the
// first connection to the end of the run, divided by those connected then. It
// holds whatever else grew meanwhile.
type watchedProcess struct {
	processReport
	BytesPerWatcher float64 `json:"bytes_per_watcher"`
}

// report of a swarm that is gone.
func (s *swarm) report(to string, processes []*process) watchReport {
	f := s.frames.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := watchReport{
		Rush: "watch", Address: to, Began: s.began.UTC().Truncate(time.Second), Seed: s.o.seed,
		Watchers: s.o.watchers, Slow: s.o.slow, For: s.o.span.Seconds(), Reconnect: s.o.reconnect,
		Interrupted: s.stopped, Took: round(s.took.Seconds(), 3),
		ConnectedAtEnd: s.atEnd, ConnectedMost: s.most, Connections: s.made, HungUp: s.hungUp,
		NotConnected: s.failures, Ended: s.endings, SlowDropped: s.slowGone, SlowHeld: s.slowHeld,
		Frames: f.received, Distinct: f.distinct, Opening: f.opening, Repeated: f.repeated, Unread: f.unread,
		Bytes: f.bytes, Gaps: f.gaps, Back: f.back,
		Connect: s.shake.spread(), Delay: f.delay.spread(), Behind: f.behind.spread(),
		DelayNote: delayNote(f),
	}
	for _, p := range processes {
		w := watchedProcess{processReport: p.report(s.took, f.received, time.Microsecond)}
		if s.atEnd > 0 {
			w.BytesPerWatcher = round(float64(p.last.rss-p.first.rss)/float64(s.atEnd), 0)
		}
		doc.Processes = append(doc.Processes, w)
	}
	return doc
}

func delayNote(f counts) string {
	switch {
	case f.delay.n == 0:
		return "no new frame came while watching"
	case f.fine:
		return "from the time in the frame; it means something only where server and load have one clock"
	default:
		return "from the time in the frame, which the server writes in whole seconds: up to 1 s too long, and only where server and load have one clock"
	}
}

// table is the report for people.
func (d watchReport) table(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\nrush watch · %s · %d watchers for %g s · seed %d\n", d.Address, d.Watchers, d.For, d.Seed)
	if d.Interrupted {
		fmt.Fprintf(&text, "interrupted after %.1f s\n", d.Took)
	}
	fmt.Fprintf(&text, "%d connected at the end, at most %d · %d connections made · %d hung up themselves\n",
		d.ConnectedAtEnd, d.ConnectedMost, d.Connections, d.HungUp)
	fmt.Fprintf(&text, "%d frames (%d distinct, %d openings, %d repeats) · %.1f MiB · %d gaps in seq · seq went back %d times\n",
		d.Frames, d.Distinct, d.Opening, d.Repeated, mib(d.Bytes), d.Gaps, d.Back)
	if d.Slow > 0 {
		fmt.Fprintf(&text, "%d did not read: the server dropped %d and kept %d\n", d.Slow, d.SlowDropped, d.SlowHeld)
	}
	if d.Unread > 0 {
		fmt.Fprintf(&text, "%d frames were not understood\n", d.Unread)
	}
	text.WriteString("\n")
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tcount\tmean\tp50\tp95\tp99\tmax\t")
	for _, row := range []struct {
		name string
		spread
	}{{"to connect", d.Connect}, {"behind the first", d.Behind}, {"delay *", d.Delay}} {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", row.name, row.Count, row.Mean, row.P50, row.P95, row.P99, row.Max)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintf(&text, "* %s\n\n", d.DelayNote)
	for _, kind := range slices.Sorted(maps.Keys(d.NotConnected)) {
		fmt.Fprintf(&text, "not connected %6d  %s\n", d.NotConnected[kind], kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Ended)) {
		fmt.Fprintf(&text, "ended         %6d  %s\n", d.Ended[kind], kind)
	}
	for _, p := range d.Processes {
		writeProcesses(&text, []processReport{p.processReport}, "µs a frame")
		fmt.Fprintf(&text, "  grew %.0f bytes a watcher\n", p.BytesPerWatcher)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
