package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hour is a broker, its simulators and people who come, with a witness of the
// lights.
type hour struct {
	*apart

	people    people
	began     time.Time
	busy      ticks
	came      *coming
	stretches []stretch
	report    rushReport
	ways      []wayTaken
	final     productHonesty

	mu     sync.Mutex // guards board and turned
	board  map[string]string
	turned []change
}

// stretch is an act as it was played.
type stretch struct {
	act           act
	from, to      time.Time
	before, after productHonesty // what the product had counted
}

// change of a light.
type change struct {
	At       float64 `json:"s"`
	Provider string  `json:"provider,omitempty"`
	Light    string  `json:"light"`
	Reason   string  `json:"reason"`

	at time.Time
}

func (c change) String() string { return fmt.Sprintf("%.1f s %s (%s)", c.At, c.Light, c.Reason) }

// watch looks at the board four times a second until the test is over.
func (h *hour) watch() {
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			h.look()
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	h.t.Cleanup(func() { close(done); looking.Wait() })
}

func (h *hour) look() {
	var board struct {
		Providers []struct {
			ID, Light string
			Reason    struct{ Code string }
		}
	}
	if h.get("/signal", &board) != nil {
		return // it is starting, or ended
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range board.Providers {
		if h.board[p.ID] != p.Light {
			h.board[p.ID] = p.Light
			h.turned = append(h.turned, change{Provider: p.ID, Light: p.Light, Reason: p.Reason.Code, at: now})
		}
	}
}

func (h *hour) get(path string, into any) error {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(h.issuer + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// productHonesty is GET /signal/honesty.
type productHonesty struct {
	Overall   productCount            `json:"overall"`
	Providers map[string]productCount `json:"providers"`
}

type productCount struct {
	Begun    int      `json:"begun"`
	Ended    int      `json:"ended"`
	Failed   int      `json:"failed"`
	Slow     int      `json:"slow"`
	Vanished float64  `json:"vanished"`
	Share    *float64 `json:"honesty"`
}

func (c productCount) bad() float64 { return float64(c.Failed+c.Slow) + c.Vanished }

// since is the share of what was judged after an earlier count, nil for nothing.
func (c productCount) since(before productCount) *float64 {
	judged := float64(c.Ended-before.Ended) + c.Vanished - before.Vanished
	if judged <= 0 {
		return nil
	}
	share := 1 - (c.bad()-before.bad())/judged
	return &share
}

// product is what the product has counted of itself until now.
func (h *hour) product() (p productHonesty) {
	h.t.Helper()
	if err := h.get("/signal/honesty", &p); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// coming is a rush that runs beside the test.
type coming struct {
	cmd   *exec.Cmd
	out   bytes.Buffer  // its report
	tries string        // path of its CSV
	ended chan struct{} // closed when it has ended
	err   error         // how
}

// rushes has people come until they are stopped, or for so long.
func (h *hour) rushes(most time.Duration, pids ...int) *coming {
	h.t.Helper()
	rush, err := rushBinary()
	if err != nil {
		h.t.Fatal(err)
	}
	c := &coming{tries: filepath.Join(h.t.TempDir(), "ways.csv"), ended: make(chan struct{})}
	p := h.people
	args := []string{
		"login", "--json", "--issuer", h.issuer, "--for", most.String(), "--rate", fmt.Sprint(p.Rate), "--follow", fmt.Sprint(p.Follow),
		"--away", p.Away, "--page-patience", p.Page, "--leave", fmt.Sprint(p.Leave), "--retries", "2", "--patience", "2m", "--tries", c.tries,
	}
	for _, pid := range pids {
		args = append(args, "--pid", strconv.Itoa(pid))
	}
	c.cmd = exec.Command(rush, args...)
	c.cmd.Env = append(os.Environ(), h.env...)
	c.cmd.Stdout = &c.out
	if err := c.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	h.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it has ended, unless the test failed
		<-c.ended
	})
	return c
}

// end has nobody come any more, and reads what became of everybody.
func (h *hour) end() {
	h.t.Helper()
	h.final = h.product()
	_ = h.came.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-h.came.ended:
		if h.came.err != nil {
			h.t.Fatalf("rush: %v", h.came.err)
		}
	case <-time.After(patience):
		h.t.Fatal("rush does not end")
	}
	if err := json.Unmarshal(h.came.out.Bytes(), &h.report); err != nil {
		h.t.Fatalf("rush: %v in %s", err, h.came.out.String())
	}
	var err error
	if h.ways, err = readWays(h.came.tries); err != nil {
		h.t.Fatal(err)
	}
}

// wayTaken is a line of rush's --tries.
type wayTaken struct {
	began, ended            time.Time
	provider, light, became string
}

func readWays(path string) ([]wayTaken, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []wayTaken
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if i == 0 {
			continue
		}
		cells := strings.Split(line, ",")
		if len(cells) != 6 {
			return nil, fmt.Errorf("line %d of ways: %q", i+1, line)
		}
		began, err1 := strconv.ParseInt(cells[0], 10, 64)
		ended, err2 := strconv.ParseInt(cells[1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("line %d of ways: %q", i+1, line)
		}
		all = append(all, wayTaken{time.UnixMilli(began), time.UnixMilli(ended), cells[2], cells[3], cells[4]})
	}
	return all, nil
}

// green says whether it was begun on green; lie whether it then was the
// provider's failure, as signal.Honesty counts.
func (w wayTaken) green() bool { return w.light == "green" && w.became != "refused" }

func (w wayTaken) lie() bool {
	return w.green() && (w.became == "failed" || w.became == "slow" || w.became == "vanished")
}

// ticks of all processors of this machine: idle and all.
type ticks struct{ idle, all float64 }

func (t ticks) since(before ticks) float64 {
	return 1 - (t.idle-before.idle)/max(t.all-before.all, 1)
}

// machineTime reads /proc/stat (proc(5)).
func machineTime(t *testing.T) (out ticks) {
	t.Helper()
	f, err := os.Open("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := make([]byte, 512)
	n, err := io.ReadAtLeast(f, first, 64)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(first[:n]), "\n")
	for i, cell := range strings.Fields(line)[1:] {
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			t.Fatal(err)
		}
		if i >= 8 { // guests are in user and nice
			break
		}
		out.all += v
		if i == 1 || i == 3 || i == 4 { // nice, idle, iowait: what gives way is as good as nothing
			out.idle += v
		}
	}
	return out
}
