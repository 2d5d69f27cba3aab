package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

	"sinho/store/redistest"
)

// rushBinary is the load generator, built when first asked for.
var rushBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "rush")
	out, err := exec.Command("go", "build", "-o", path, "sinho/cmd/rush").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build rush: %w: %s", err, out)
	}
	return path, nil
})

// process is a program of a test, with its output by line.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   *lines
	ended chan struct{} // closed when it has ended
	err   error         // how it has ended
}

// launch starts a program, with more in its environment, and waits until it
// prints a line with ready in it. It is ended with the test.
func launch(t *testing.T, env []string, ready, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), out: &lines{more: make(chan struct{})}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	read, write := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = write, write
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s (make tools installs what tests need): %v", name, err)
	}
	go func() {
		scan := bufio.NewScanner(read)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			p.out.add(scan.Text())
		}
	}()
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
		write.Close()
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(name), tail(p.out.all(), 80))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := p.out.wait(ctx, func(s string) bool { return strings.Contains(s, ready) })
	if err != nil {
		t.Fatalf("%s %v: no line with %q; it printed:\n%s", name, args, ready, p.out.all())
	}
	return p
}

// end sends a signal and waits; a program that stays is killed.
func (p *process) end(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// endsWell demands a clean end when the test is over.
func (p *process) endsWell() {
	p.t.Cleanup(func() {
		if p.end(syscall.SIGTERM); p.err != nil {
			p.t.Errorf("%s ended with %v; it printed:\n%s", p.cmd, p.err, tail(p.out.all(), 40))
		}
	})
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// apart is a broker with everything around it in processes of their own, so
// that what each costs can be told.
type apart struct {
	t       *testing.T
	dir     string
	base    int
	env     []string // of every process, besides the test's own
	sims    *process
	redis   *redistest.Server // nil while no test wants it
	issuer  string
	config  string // sinho.yaml as the simulators left it
	metrics int    // port
}

// newApart starts the simulators, whose latency in milliseconds is none for the
// cost of the broker, and makes keys.
func newApart(t *testing.T, scheme string, simLatency int) *apart {
	t.Helper()
	a := &apart{t: t, dir: filepath.Join(t.TempDir(), "sim"), base: freeBase(t)}
	a.issuer = fmt.Sprintf("%s://localhost:%d", scheme, a.base)
	a.sims = launch(t, nil, "ready ", binary, "sim", "--dir", a.dir, "--base-port", strconv.Itoa(a.base), "--broker", a.issuer,
		"--latency", strconv.Itoa(simLatency), "--capacity", "20000", "--crowd", "20000")
	if out, err := exec.Command(binary, "keys", "init", "--dir", filepath.Join(a.dir, "keys")).CombinedOutput(); err != nil {
		t.Fatalf("keys init: %v: %s", err, out)
	}
	body, err := os.ReadFile(filepath.Join(a.dir, "sinho.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a.config = string(body)
	return a
}

// serve starts a broker on the simulators' configuration with changes, which are
// pairs of what to replace by what, and more settings behind it.
func (a *apart) serve(name, more string, changes ...string) *process {
	a.t.Helper()
	a.metrics = freePort(a.t)
	more += fmt.Sprintf("metrics_listen: 127.0.0.1:%d\nmetrics_profile: true\ndrain: {delay: 0s, limit: 10s}\n", a.metrics)
	return launch(a.t, a.env, "ready ", binary, "serve", "--config", a.write(name, more, changes...))
}

// write leaves such a configuration.
func (a *apart) write(name, more string, changes ...string) (path string) {
	a.t.Helper()
	text := a.config
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			a.t.Fatalf("the simulators' configuration has no %q", changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	path = filepath.Join(a.dir, name+".yaml")
	if err := os.WriteFile(path, []byte(text+"log: {level: warn}\n"+more), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// control sets a simulator's fault.
func (a *apart) control(id, body string) {
	a.t.Helper()
	url := fmt.Sprintf("http://localhost:%d/control", a.base+simAt[id])
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("control %s: status %d", id, resp.StatusCode)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// rushReport is what these tests read of `rush login --json`.
type rushReport struct {
	Rate     float64 `json:"rate"`
	Took     float64 `json:"took_s"`
	Came     int     `json:"came"`
	In       int     `json:"in"`
	Failed   int     `json:"failed"`
	Shed     int     `json:"shed"`
	AtOnce   int     `json:"in_at_once"`
	Detoured int     `json:"in_after_a_detour"`
	Retried  int     `json:"retried"`
	Success  float64 `json:"success"`
	InRate   float64 `json:"in_per_s"`
	LateMax  float64 `json:"load_late_max_ms"`
	Times    map[string]spread
	Errors   map[string]int    `json:"errors"`
	Notices  map[string]int    `json:"notices"`
	Examples map[string]string `json:"examples"`
	Process  []struct {
		PID       int     `json:"pid"`
		CPU       float64 `json:"cpu_s"`
		Cores     float64 `json:"cores"`
		Each      float64 `json:"cpu_each"`
		RSSBefore float64 `json:"rss_mib_before"`
		RSSAfter  float64 `json:"rss_mib_after"`
		RSSMost   float64 `json:"rss_mib_most"`
	} `json:"processes"`
}

type spread struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// UnmarshalJSON reads the report; its times are named times_ms.
func (r *rushReport) UnmarshalJSON(body []byte) error {
	type plain rushReport
	if err := json.Unmarshal(body, (*plain)(r)); err != nil {
		return err
	}
	var times struct {
		Times map[string]spread `json:"times_ms"`
	}
	err := json.Unmarshal(body, &times)
	r.Times = times.Times
	return err
}

// rush runs `rush login` to its end. The error is that it brought no report.
func (a *apart) rush(pids []int, args ...string) (r rushReport, err error) {
	rush, err := rushBinary()
	if err != nil {
		return r, err
	}
	args = append([]string{"login", "--json", "--issuer", a.issuer}, args...)
	for _, pid := range pids {
		args = append(args, "--pid", strconv.Itoa(pid))
	}
	cmd := exec.CommandContext(a.t.Context(), rush, args...)
	cmd.Env = append(os.Environ(), a.env...)
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	err = cmd.Run()
	if errJSON := json.Unmarshal(out.Bytes(), &r); errJSON != nil {
		return r, fmt.Errorf("rush %v: %w: %s", args, errors.Join(err, errJSON), tail(progress.String(), 20))
	}
	return r, nil
}

// mustRush is rush for whoever has nothing else to do.
func (a *apart) mustRush(pids []int, args ...string) rushReport {
	a.t.Helper()
	r, err := a.rush(pids, args...)
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// each is the processor time by login of the n-th watched process, in ms.
func (r rushReport) each(n int) float64 {
	if n >= len(r.Process) {
		return -1
	}
	return r.Process[n].Each
}

// profile of the broker over some seconds: its dearest functions, themselves and
// with what they call.
func (a *apart) profile(seconds int) (flat, cumulative []string) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", a.metrics, seconds)
	resp, err := http.Get(url)
	if err != nil {
		return []string{err.Error()}, nil
	}
	defer resp.Body.Close()
	path := filepath.Join(a.dir, "cpu.pprof")
	f, err := os.Create(path)
	if err != nil {
		return []string{err.Error()}, nil
	}
	_, err = io.Copy(f, resp.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return []string{err.Error()}, nil
	}
	top := func(sort string) []string {
		out, err := exec.Command("go", "tool", "pprof", "-top", sort, "-nodecount=40", binary, path).Output()
		if err != nil {
			return []string{err.Error()}
		}
		rows := strings.Split(strings.TrimSpace(string(out)), "\n")
		return rows[min(len(rows), 3):]
	}
	return top("-flat"), top("-cum")
}
