package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sinho/evidence"
)

// look is one look at a running demo.
type look struct {
	Second     int     `json:"s"`
	RSSMiB     float64 `json:"rss_mib"`
	HeapMiB    float64 `json:"heap_live_mib"`
	Goroutines float64 `json:"goroutines"`
	In         float64 `json:"in"`
	GaveUp     float64 `json:"gave_up"`
	Retried    float64 `json:"retried"`
	RetriedIn  float64 `json:"retried_in"`
	Shed       float64 `json:"shed"`
	Kakao      string  `json:"kakao"`
}

func (d *demo) look(began time.Time) look {
	d.t.Helper()
	state := d.getJSON(atBroker, "/stage/state")
	crowd := state["crowd"].(map[string]any)
	process := state["process"].(map[string]any)
	light, _ := d.light("kakao")
	return look{
		Second: int(time.Since(began).Seconds()), RSSMiB: rss(d.t, d.cmd.Process.Pid), Goroutines: process["goroutines"].(float64),
		HeapMiB: process["heap_live_bytes"].(float64) / (1 << 20),
		In:      crowd["in"].(float64), GaveUp: crowd["gave_up"].(float64), Shed: crowd["shed"].(float64),
		Retried: crowd["retried"].(float64), RetriedIn: crowd["retried_in"].(float64), Kakao: light,
	}
}

// rss of a process in MiB.
func rss(t *testing.T, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// TestWalkUnderAFault is `make evidence-walk`: fifty citizens a second, first for
// four minutes so that everything that is kept for a minute, and every
// simulator's bounded shelf, is as full as it gets; then for two more while
// Kakao's server hangs for the middle one; then for another two, to see where
// memory ends. As a miniature: thirty a second for forty seconds. Whoever comes
// back to the chooser takes the next route; nobody who can be helped may fail.
func TestWalkUnderAFault(t *testing.T) {
	rate, phase, settle, tail := 50, 30*time.Second, 4*time.Minute, 2*time.Minute
	if !evidence.Collecting() {
		rate, phase, settle, tail = 30, 10*time.Second, 0, 0
	}
	e := evidence.New("walk", 1)
	defer e.Close(t)
	d := startDemo(t, "--rate", strconv.Itoa(rate), "--seed", "1")

	began := time.Now().Add(settle) // of what is judged
	var looks []look
	watch := func(until time.Duration) {
		for time.Since(began) < until {
			for range 10 {
				waitTick(t)
			}
			looks = append(looks, d.look(began))
		}
	}
	watch(0)
	first := d.look(began)
	watch(phase)
	calm := looks[len(looks)-1]
	d.control("kakao", `{"hang":true}`)
	watch(3 * phase)
	d.control("kakao", `{"hang":false}`)
	watch(4 * phase)
	last := looks[len(looks)-1]
	honesty := d.getJSON(atBroker, "/signal/honesty")
	watch(4*phase + tail)
	end := looks[len(looks)-1]

	in, gaveUp := last.In-first.In, last.GaveUp-first.GaveUp+last.Shed-first.Shed
	retried, retriedIn := last.Retried-first.Retried, last.RetriedIn-first.RetriedIn
	success := in / (in + gaveUp)
	helped := 1.0
	if retried > 0 {
		helped = retriedIn / retried
	}
	// A look catches the heap between two collections, so phases are compared.
	heapBefore, heapAfter := meanHeap(looks, 0, phase), meanHeap(looks, 3*phase+tail, 4*phase+tail)
	peak := calm
	for _, l := range looks {
		peak.Goroutines, peak.RSSMiB, peak.HeapMiB = max(peak.Goroutines, l.Goroutines), max(peak.RSSMiB, l.RSSMiB), max(peak.HeapMiB, l.HeapMiB)
	}
	e.Figures = map[string]any{
		"rate_per_s": rate, "in": in, "gave_up_or_shed": gaveUp, "success": success,
		"retried_once": retried, "retried_and_in": retriedIn,
		"rss_mib":       map[string]float64{"first": first.RSSMiB, "calm": calm.RSSMiB, "peak": peak.RSSMiB, "last": end.RSSMiB},
		"heap_live_mib": map[string]float64{"mean_before": heapBefore, "mean_after": heapAfter, "peak": peak.HeapMiB},
		"goroutines":    map[string]float64{"calm": calm.Goroutines, "peak": peak.Goroutines, "last": end.Goroutines},
		"green_honesty": honesty,
		"looks":         looks,
	}
	t.Logf("in %v, gave up or shed %v, retried %v and got in %v, honesty %v", in, gaveUp, retried, retriedIn, e.Figures["green_honesty"])
	if retried == 0 {
		t.Error("nobody had to retry: the fault was never felt, so the run shows nothing")
	}
	if success < 0.99 {
		t.Errorf("success %.4f (%v in, %v not), want 0.99", success, in, gaveUp)
	}
	e.Demand(success >= 0.99, fmt.Sprintf("success %.4f, want 0.99", success))
	e.Demand(helped >= 0.99, fmt.Sprintf("of those who retried once %.4f got in, want 0.99", helped))
	e.Demand(heapAfter <= 1.25*heapBefore, fmt.Sprintf("live heap %.1f MiB after the fault, %.1f before", heapAfter, heapBefore))
	e.Demand(end.Goroutines <= 1.25*calm.Goroutines, fmt.Sprintf("%.0f goroutines at the end, %.0f before the fault", end.Goroutines, calm.Goroutines))
}

// meanHeap of the looks in a span of the run, in MiB.
func meanHeap(looks []look, from, to time.Duration) float64 {
	var sum, n float64
	for _, l := range looks {
		if at := time.Duration(l.Second) * time.Second; at >= from && at <= to {
			sum, n = sum+l.HeapMiB, n+1
		}
	}
	return sum / max(n, 1)
}
