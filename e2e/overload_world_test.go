package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/evidence"
)

// crush is one node, everything it needs around it, and the people who come.
type crush struct {
	*apart

	press pressure
	node  *process
	cores cores
	looks []gateLook

	calibrated, before, rush, after crowd
	hasty                           crowd     // who give up within the blink of an eye
	fell                            time.Time // when the last of the crush had come
	first, last                     gateLook
}

// crowd is one run of rush.
type crowd struct {
	report  crushReport
	seconds []crushSecond
}

// crushReport is what is read of `rush login --json`.
type crushReport struct {
	rushReport
	Answers map[string]crushAnswers
}

// crushAnswers are what was said to requests at one step.
type crushAnswers struct {
	Asked int    `json:"asked"`
	Later int    `json:"later"`
	Gone  int    `json:"gone"`
	None  int    `json:"none"`
	Left  int    `json:"left"`
	Took  spread `json:"took_ms"`
	Told  spread `json:"took_later_ms"`
	Quit  spread `json:"took_left_ms"`
}

// UnmarshalJSON reads both parts of the report.
func (r *crushReport) UnmarshalJSON(body []byte) error {
	var more struct{ Answers map[string]crushAnswers }
	err := errors.Join(json.Unmarshal(body, &r.rushReport), json.Unmarshal(body, &more))
	r.Answers = more.Answers
	return err
}

// crushSecond is a line of --seconds.
type crushSecond struct {
	At                       time.Time // its end
	Came, Asked, Later, In   int
	Failed, UnderWay         int
	BeyondMedian, BeyondMost float64 // p50 and p95, ms
}

// cores are which processors the node has, and which everything else; both empty
// when nothing is kept apart.
type cores struct{ node, load string }

// keepApart gives the first processor to the node and the others to this process and
// whatever it starts, so that the load takes nothing from the node. A miniature
// shares, and so does a machine with one.
func keepApart(t *testing.T) (c cores) {
	t.Helper()
	if !evidence.Collecting() {
		return c
	}
	all := allowed(t)
	if len(all) < 2 {
		return c
	}
	c.node, c.load = all[0], strings.Join(all[1:], ",")
	if out, err := exec.Command("taskset", "-a", "-p", "-c", c.load, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		t.Fatalf("taskset, which this needs: %v: %s", err, out)
	}
	return c
}

// allowed are the processors of this process.
func allowed(t *testing.T) (all []string) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	for span := range strings.SplitSeq(list, ",") {
		low, high, ranged := strings.Cut(span, "-")
		if !ranged {
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("processors %q: %v", list, err)
		}
		for n := from; n <= to; n++ {
			all = append(all, strconv.Itoa(n))
		}
	}
	return all
}

// newCrush starts the providers, and a node with one processor.
func newCrush(t *testing.T, p pressure) *crush {
	t.Helper()
	c := &crush{press: p, cores: keepApart(t)}
	c.apart = newApart(t, "http", 0)
	c.dearKeys()
	c.metrics = freePort(t)
	path := c.write("crushed", fmt.Sprintf("metrics_listen: 127.0.0.1:%d\ndrain: {delay: 0s, limit: 10s}\n", c.metrics))
	name, args := binary, []string{"serve", "--config", path}
	if c.cores.node != "" {
		name, args = "taskset", append([]string{"-c", c.cores.node, binary}, args...)
	}
	c.node = launch(t, []string{"GOMAXPROCS=1"}, "ready ", name, args...)
	c.node.endsWell()
	return c
}

// dearKeys makes the node's RS256 key one of 4,096 bits, the longest that is taken:
// each login then costs the node several times what it costs the load, so that it is
// not the load that is short of processors.
func (c *crush) dearKeys() {
	c.t.Helper()
	path := filepath.Join(c.dir, "keys", "signing-keys.pem")
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	var out []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			c.t.Fatal(err)
		}
		if _, is := private.(*rsa.PrivateKey); is && block.Headers["Algorithm"] == "" {
			dear, err := rsa.GenerateKey(rand.Reader, 4096)
			if err != nil {
				c.t.Fatal(err)
			}
			if block.Bytes, err = x509.MarshalPKCS8PrivateKey(dear); err != nil {
				c.t.Fatal(err)
			}
		}
		out = append(out, pem.EncodeToMemory(block)...)
	}
	writeFile(c.t, path, string(out))
}

// come runs rush to its end.
func (c *crush) come(name string, args ...string) (out crowd, err error) {
	rush, err := rushBinary()
	if err != nil {
		return out, err
	}
	path := filepath.Join(c.dir, name+".csv")
	args = append([]string{
		"login", "--json", "--issuer", c.issuer, "--client-id", "playground-rs256", "--seconds", path,
		"--pid", strconv.Itoa(c.node.pid()), "--pid", strconv.Itoa(c.sims.pid()),
	}, args...)
	body, err := exec.CommandContext(c.t.Context(), rush, args...).Output()
	if errJSON := json.Unmarshal(body, &out.report); errJSON != nil {
		return out, fmt.Errorf("rush %v: %w: %s", args, errors.Join(err, errJSON), stderrOf(err))
	}
	err = nil // that nobody got in is for the caller to judge
	for _, row := range rows(c.t, path) {
		number := func(column string) float64 {
			v, errNumber := strconv.ParseFloat(row[column], 64)
			err = errors.Join(err, errNumber)
			return v
		}
		out.seconds = append(out.seconds, crushSecond{
			At: time.UnixMilli(int64(number("at_ms"))), Came: int(number("came")), Asked: int(number("asked")), Later: int(number("later")),
			In: int(number("in")), Failed: int(number("failed")), UnderWay: int(number("under_way")),
			BeyondMedian: number("beyond_p50_ms"), BeyondMost: number("beyond_p95_ms"),
		})
	}
	return out, err
}

func stderrOf(err error) string {
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		return tail(string(exit.Stderr), 20)
	}
	return ""
}

// habits are those of everybody who comes by themselves: a second at the provider,
// and the patience to be told to come again.
func (p pressure) habits() []string {
	return []string{"--away", "1s", "--reload", "10", "--patience", p.Patience.String(), "--max-in-flight", "60000", "--connections", "4000"}
}

func (c *crush) must(out crowd, err error) crowd {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// happens is the whole: what the node can do, half of it, several times as much, and
// half of it again.
func (c *crush) happens() {
	c.t.Helper()
	p := c.press
	asMany := []string{"--rate", "2000", "--max-in-flight", "100"}
	c.must(c.come("warm", append(asMany, "--for", p.Warm.String())...))
	c.calibrated = c.must(c.come("capacity", append(asMany, "--for", p.Capacity.String())...))
	watching, enough := context.WithCancel(c.t.Context())
	var behind sync.WaitGroup
	behind.Go(func() { c.watch(watching) })
	defer behind.Wait()
	defer enough()
	calm := append(p.habits(), "--rate", fmt.Sprint(p.Calm*c.capacity()))
	c.before = c.must(c.come("before", append(calm, "--for", p.Before.String())...))
	c.first = c.look()

	var errRush, errHasty, errAfter error
	behind.Go(func() {
		c.rush, errRush = c.come("rush", append(p.habits(), "--rate", fmt.Sprint(p.Times*c.capacity()), "--for", p.Rush.String())...)
	})
	behind.Go(func() {
		c.hasty, errHasty = c.come("hasty", "--rate", "20", "--patience", "300ms", "--for", p.Rush.String())
	})
	if !pause(c.t, p.Rush) {
		return
	}
	c.fell = time.Now()
	c.after, errAfter = c.come("after", append(calm, "--seed", "2", "--for", p.After.String())...)
	enough()
	behind.Wait()
	c.must(c.rush, errRush)
	c.must(c.hasty, errHasty)
	c.must(c.after, errAfter)
	waitFor(c.t, patience, "the gate has nobody inside", func() bool {
		c.last = c.look()
		return c.last.Inside == 0 && c.last.Queued == 0
	})
}

// capacity is what the node did when it was asked for the next login as one was
// done, but for the first seconds and the last.
func (c *crush) capacity() float64 {
	all := c.calibrated.seconds
	began := all[0].At
	return max(1, perSecondOf(endsAt(all, began, began.Add(c.press.Capacity-2*time.Second)), func(s crushSecond) int { return s.In }))
}

// pause waits, unless the test ends before.
func pause(t *testing.T, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.Context().Done():
		return false
	}
}

// perSecondOf is the mean of what happened after the first of these lines.
func perSecondOf(all []crushSecond, of func(crushSecond) int) float64 {
	if len(all) < 2 {
		return 0
	}
	sum := 0
	for _, s := range all[1:] {
		sum += of(s)
	}
	return float64(sum) / all[len(all)-1].At.Sub(all[0].At).Seconds()
}

// endsAt are the seconds whose end is in a span.
func endsAt(all []crushSecond, from, to time.Time) (out []crushSecond) {
	return slices.DeleteFunc(slices.Clone(all), func(s crushSecond) bool { return s.At.Before(from) || !s.At.Before(to) })
}
