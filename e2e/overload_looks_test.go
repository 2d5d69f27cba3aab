package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gateLook is one look at the node's own metrics.
type gateLook struct {
	At         time.Time          `json:"-"`
	Inside     float64            `json:"inside"`
	Queued     float64            `json:"queued"`
	By         map[string]float64 `json:"by_class"` // that wait
	Refused    map[string]float64 `json:"refused"`  // so far
	Left       float64            `json:"left"`
	Departures float64            `json:"departures_limit_per_s"`
	Goroutines float64            `json:"goroutines"`
	RSS        float64            `json:"rss_mib"`

	busy, ticks float64 // of the processors of the load, so far
}

// watch looks every second.
func (c *crush) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.looks = append(c.looks, c.look())
		}
	}
}

func (c *crush) look() gateLook {
	l := gateLook{At: time.Now(), By: map[string]float64{}, Refused: map[string]float64{}, RSS: rss(c.t, c.node.pid())}
	l.busy, l.ticks = c.cores.busy(c.t)
	client := &http.Client{Timeout: 30 * time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", c.metrics))
	if err != nil {
		c.t.Errorf("metrics: %v", err)
		return l
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		series, text, _ := strings.Cut(lines.Text(), "} ")
		name, labels, labelled := strings.Cut(series, "{")
		if !labelled {
			name, text, _ = strings.Cut(lines.Text(), " ")
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue // a comment
		}
		l.take(name, labels, value)
	}
	return l
}

func (l *gateLook) take(name, labels string, value float64) {
	_, class, _ := strings.Cut(labels, `class="`)
	class, _, _ = strings.Cut(class, `"`)
	switch name {
	case "sinho_requests_inside":
		l.Inside = value
	case "sinho_requests_queued":
		l.By[class] = value
		l.Queued += value
	case "sinho_requests_refused_total":
		l.Refused[class] += value
	case "sinho_requests_left_total":
		l.Left += value
	case "sinho_departures_limit_logins_per_second":
		l.Departures = value
	case "go_goroutines":
		l.Goroutines = value
	}
}

// refused by the node since a look.
func (l gateLook) refused(since gateLook) map[string]float64 {
	out := maps.Clone(l.Refused)
	for class := range out {
		out[class] -= since.Refused[class]
	}
	return out
}

// busy is for how many ticks the processors of the load have worked, and for how many
// they have worked or stood (proc(5), /proc/stat); none when nothing is kept apart.
func (c cores) busy(t *testing.T) (busy, all float64) {
	if c.load == "" {
		return 0, 0
	}
	body, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	const idle, wait = 3, 4
	ours := strings.Split(c.load, ",")
	for line := range strings.Lines(string(body)) {
		fields := strings.Fields(line)
		number, is := strings.CutPrefix(fields[0], "cpu")
		if !is || !slices.Contains(ours, number) {
			continue
		}
		for i, text := range fields[1:min(len(fields), 9)] { // guests are in the first two
			ticks, _ := strconv.ParseFloat(text, 64)
			if all += ticks; i != idle && i != wait {
				busy += ticks
			}
		}
	}
	return busy, all
}
