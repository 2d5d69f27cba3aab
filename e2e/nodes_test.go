package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sites "sinho/demo"
	"sinho/evidence"
)

// shown is a board as one node showed it at one second of its own telling.
type shown struct {
	seq     int64
	content string // everything but seq and time
	local   bool
	lights  string
	heard   time.Time
}

// witness looks at every node's /signal several times a second.
type witness struct {
	mu     sync.Mutex // guards boards
	boards []map[time.Time]shown
}

func (w *witness) watch(ctx context.Context, f *cluster) {
	w.boards = make([]map[time.Time]shown, len(f.nodes))
	var watching sync.WaitGroup
	for i, n := range f.nodes {
		w.boards[i] = map[time.Time]shown{}
		client := &http.Client{Timeout: time.Second}
		watching.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					w.look(ctx, client, i, n)
				}
			}
		})
	}
	watching.Wait()
}

func (w *witness) look(ctx context.Context, client *http.Client, i int, n *node) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.address+"/signal", nil)
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return // dead or stopped
	}
	defer resp.Body.Close()
	var board map[string]any
	if json.NewDecoder(resp.Body).Decode(&board) != nil {
		return
	}
	at, err := time.Parse(time.RFC3339, fmt.Sprint(board["at"]))
	if err != nil {
		return
	}
	s := shown{seq: int64(board["seq"].(float64)), local: board["local"].(bool), heard: time.Now()}
	for _, p := range board["providers"].([]any) {
		s.lights += fmt.Sprint(p.(map[string]any)["light"], " ")
	}
	delete(board, "seq")
	delete(board, "at")
	raw, err := json.Marshal(board)
	if err != nil {
		return
	}
	sum := sha256.Sum256(raw)
	s.content = fmt.Sprintf("%x", sum[:8])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boards[i][at] = s
}

// span of the run in which something may be so.
type span struct{ from, to time.Time }

func within(spans []span, t time.Time) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return !t.Before(s.from) && t.Before(s.to) })
}

// comparison is what the boards of all nodes say, second by second.
type comparison struct {
	Seconds      int            `json:"seconds"`                 // in which two nodes or more showed a board of all
	ByNodes      map[string]int `json:"by_nodes"`                // how many of these by how many nodes
	Content      int            `json:"differing_content"`       // seconds
	Seq          int            `json:"differing_seq"`           // seconds of the same content
	SeqReturning int            `json:"differing_seq_on_return"` // such seconds in which a node came back
	SeqReused    int            `json:"seq_with_two_contents"`
	Local        map[string]int `json:"local_seconds"` // by node, flagged as its own
	LocalStray   int            `json:"local_seconds_unexplained"`
	Differences  []string       `json:"differences,omitempty"`
	Changes      int            `json:"changes_of_a_light"`
}

// compare holds the boards against each other. A node may go by itself only
// within alone.
func (w *witness) compare(names []string, alone []span) comparison {
	c := comparison{ByNodes: map[string]int{}, Local: map[string]int{}}
	all := map[time.Time]map[int]shown{}
	for i, boards := range w.boards {
		for at, s := range boards {
			if s.local {
				c.Local[names[i]]++
				if !within(alone, s.heard) {
					c.LocalStray++
					c.Differences = append(c.Differences, fmt.Sprintf("%s: %s by itself", at.Format(time.TimeOnly), names[i]))
				}
				continue
			}
			if all[at] == nil {
				all[at] = map[int]shown{}
			}
			all[at][i] = s
		}
	}
	contents := map[int64]string{}
	lights := ""
	for _, at := range slices.SortedFunc(maps.Keys(all), time.Time.Compare) {
		c.second(at, all[at], contents, alone)
		for _, s := range all[at] {
			if s.lights != lights {
				c.Changes++
			}
			lights = s.lights
			break
		}
	}
	return c
}

func (c *comparison) second(at time.Time, boards map[int]shown, contents map[int64]string, alone []span) {
	for _, s := range boards {
		if was, known := contents[s.seq]; known && was != s.content && !within(alone, s.heard) {
			c.SeqReused++
		}
		contents[s.seq] = s.content
	}
	if len(boards) < 2 {
		return
	}
	c.Seconds++
	c.ByNodes[strconv.Itoa(len(boards))]++
	var first shown
	for i := range 10 {
		s, there := boards[i]
		switch {
		case !there:
		case first.content == "":
			first = s
		case s.content != first.content:
			c.Content++
			c.Differences = append(c.Differences, fmt.Sprintf("%s: content %v", at.Format(time.TimeOnly), boards))
			return
		case s.seq != first.seq && within(alone, s.heard):
			c.SeqReturning++
			return
		case s.seq != first.seq:
			c.Seq++
			c.Differences = append(c.Differences, fmt.Sprintf("%s: seq %v", at.Format(time.TimeOnly), boards))
			return
		}
	}
}

// storeCost is what Redis was asked in a while, for each node and second.
func (f *cluster) storeCost(over time.Duration) map[string]any {
	names := []string{"total_commands_processed", "total_net_input_bytes", "total_net_output_bytes", "used_cpu_user", "used_cpu_sys"}
	read := func() (all []float64) {
		for _, name := range names {
			n, err := f.redis.figure(name)
			if err != nil {
				f.t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	began, before := time.Now(), read()
	waitFor(f.t, patience, "a while", func() bool { return time.Since(began) >= over })
	after, parts := read(), time.Since(began).Seconds()*float64(len(f.nodes))
	out := map[string]any{}
	for i, name := range names {
		out[name] = (after[i] - before[i]) / parts
	}
	out["of"] = "each node and second, scripts' own commands counted, " + strconv.Itoa(len(f.nodes)) + " nodes, nobody logging in"
	return out
}

// TestNodesShowOneLight is `make evidence-nodes`: three nodes of one Redis, one of
// them on a machine whose clock is off by seven seconds, compared second by
// second for five minutes while providers break, a node is killed, another one
// stopped for ten seconds, and Redis restarted empty. As a miniature: a minute.
func TestNodesShowOneLight(t *testing.T) {
	scale, rate := 5*time.Second, 12.0
	if !evidence.Collecting() {
		scale, rate = time.Second, 8
	}
	e := evidence.New("nodes", 1)
	defer e.Close(t)
	f := newCluster(t, "", "", "7s")
	names := []string{f.nodes[0].name, f.nodes[1].name, f.nodes[2].name + " (7 s off)"}
	cost := f.storeCost(2 * scale)

	crowd, err := sites.NewCrowd(sites.CrowdConfig{Start: f.site.URL + "/", Rate: rate, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var w witness
	var running sync.WaitGroup
	running.Go(func() { _ = crowd.Run(ctx) }) // never fails
	running.Go(func() { w.watch(ctx, f) })

	began := time.Now()
	var alone []span
	var happened []string
	for _, step := range []struct {
		at   time.Duration // in units of scale
		what string
		do   func()
	}{
		{8, "naver's server is down", func() { f.control("naver", `{"down":true}`) }},
		{13, "naver works again", func() { f.control("naver", `{"down":false}`) }},
		{17, "node-1 is killed (kill -9)", f.nodes[1].kill},
		{20, "node-1 is started again", func() {
			from := time.Now()
			f.nodes[1].start()
			alone = append(alone, span{from, time.Now().Add(4 * time.Second)})
		}},
		{26, "node-0 is stopped (SIGSTOP) for ten seconds", func() {
			f.nodes[0].signal(syscall.SIGSTOP)
			stopped := time.Now()
			waitFor(t, patience, "ten seconds", func() bool { return time.Since(stopped) >= 10*time.Second })
			f.nodes[0].signal(syscall.SIGCONT)
		}},
		{38, "Redis is killed and forgets everything", func() {
			from := time.Now()
			f.redis.stop()
			waitFor(t, patience, "every node goes by itself", func() bool { return f.locals() == len(f.nodes) })
			waitFor(t, patience, "a while without Redis", func() bool { return time.Since(from) >= 3*scale })
			f.redis.start()
			waitFor(t, patience, "the nodes are together again", func() bool { return f.locals() == 0 })
			alone = append(alone, span{from, time.Now().Add(4 * time.Second)})
		}},
		{48, "kakao's server hangs", func() { f.control("kakao", `{"hang":true}`) }},
		{53, "kakao works again", func() { f.control("kakao", `{"hang":false}`) }},
		{60, "the end", func() {}},
	} {
		waitFor(t, patience, step.what, func() bool { return time.Since(began) >= step.at*scale })
		happened = append(happened, fmt.Sprintf("%.0f s: %s", time.Since(began).Seconds(), step.what))
		t.Log(happened[len(happened)-1])
		step.do()
	}
	stop()
	running.Wait()

	c := w.compare(names, alone)
	counts := crowd.Counts()
	corrected := strings.Count(f.nodes[2].out.all(), "clock corrected")
	e.Figures = map[string]any{
		"nodes": len(f.nodes), "rate_per_s": rate, "happened": happened, "compared": c, "store_cost": cost,
		"clock_corrections_logged": corrected, "logins": map[string]int64{"in": counts.In, "gave_up": counts.GaveUp, "retried": counts.Retried},
	}
	t.Logf("%+v; logins in %d, gave up %d %v", c, counts.In, counts.GaveUp, counts.Reasons)
	judge := func(holds bool, what string) {
		e.Demand(holds, what)
		if !holds {
			t.Error(what)
		}
	}
	judge(c.Content == 0, fmt.Sprintf("%d seconds in which nodes showed different lights", c.Content))
	judge(c.SeqReused == 0, fmt.Sprintf("%d boards with a number that another content had", c.SeqReused))
	judge(corrected == 1, fmt.Sprintf("the node that is off said so %d times, want once", corrected))
	judge(c.Changes > 2 && counts.In > 0, fmt.Sprintf("%d changes of a light and %d logins: too quiet to show anything", c.Changes, counts.In))
	if evidence.Collecting() { // a slow machine may miss seconds; what is shown must be one all the same
		judge(c.Seq == 0, fmt.Sprintf("%d seconds in which the same lights had different numbers", c.Seq))
		judge(c.LocalStray == 0, fmt.Sprintf("%d boards of a node by itself that nothing explains", c.LocalStray))
		judge(c.Seconds >= 270, fmt.Sprintf("%d seconds compared, want 270 of 300", c.Seconds))
	}
}

// locals is how many nodes say that they go by themselves.
func (f *cluster) locals() (n int) {
	client := &http.Client{Timeout: time.Second}
	for _, one := range f.nodes {
		resp, err := client.Get("http://" + one.address + "/signal")
		if err != nil {
			continue
		}
		var board struct{ Local bool }
		if json.NewDecoder(resp.Body).Decode(&board) == nil && board.Local {
			n++
		}
		resp.Body.Close()
	}
	return n
}
