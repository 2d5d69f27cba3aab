package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sites "sinho/demo"
	"sinho/evidence"
	"sinho/store/redistest"
)

// story is a fleet with people coming, its nodes compared second by second.
type story struct {
	*fleet

	names    []string
	crowd    *sites.Crowd
	witness  witness
	alone    []span // in which a node may go by itself
	happened []string
	began    time.Time
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// begin has so many people a second come.
func (f *fleet) begin(rate float64) *story {
	f.t.Helper()
	crowd, err := sites.NewCrowd(sites.CrowdConfig{Start: f.site.URL + "/", Rate: rate, Seed: 1})
	if err != nil {
		f.t.Fatal(err)
	}
	s := &story{fleet: f, crowd: crowd, began: time.Now()}
	for _, n := range f.nodes {
		s.names = append(s.names, n.name)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(f.t.Context())
	s.running.Go(func() { _ = crowd.Run(ctx) }) // never fails
	s.running.Go(func() { s.witness.watch(ctx, f) })
	f.t.Cleanup(s.end)
	return s
}

// tell has something happen at a time of the story.
func (s *story) tell(at time.Duration, what string, do func()) {
	s.t.Helper()
	waitFor(s.t, patience, what, func() bool { return time.Since(s.began) >= at })
	s.happened = append(s.happened, fmt.Sprintf("%.0f s: %s", time.Since(s.began).Seconds(), what))
	s.t.Log(s.happened[len(s.happened)-1])
	do()
}

// parted does what parts the nodes, and excuses them until four seconds
// after they are together again, which is waited for.
func (s *story) parted(do func()) {
	s.t.Helper()
	from := time.Now()
	do()
	waitFor(s.t, patience, "the nodes are together again", func() bool { return s.locals() == 0 })
	s.alone = append(s.alone, span{from, time.Now().Add(4 * time.Second)})
}

func (s *story) end() {
	s.stop()
	s.running.Wait()
}

// judging notes what has to hold, in a miniature too.
func judging(t *testing.T, e *evidence.Run) func(holds bool, what string) {
	return func(holds bool, what string) {
		t.Helper()
		e.Demand(holds, t.Name()+": "+what)
		if !holds {
			t.Error(what)
		}
	}
}

// storeCost is what Redis was asked in a while, for each node and second.
func (f *fleet) storeCost(redis *redistest.Server, over time.Duration) map[string]any {
	figures := map[string]string{
		"total_commands_processed": "stats", "total_net_input_bytes": "stats", "total_net_output_bytes": "stats",
		"used_cpu_user": "cpu", "used_cpu_sys": "cpu",
	}
	read := func() map[string]float64 {
		all := map[string]float64{}
		for name, section := range figures {
			n, err := strconv.ParseFloat(redis.Info(f.t, section, name), 64)
			if err != nil {
				f.t.Fatal(err)
			}
			all[name] = n
		}
		return all
	}
	began, before := time.Now(), read()
	waitFor(f.t, patience, "a while", func() bool { return time.Since(began) >= over })
	after, parts := read(), time.Since(began).Seconds()*float64(len(f.nodes))
	out := map[string]any{}
	for name := range figures {
		out[name] = (after[name] - before[name]) / parts
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
	redis := redistest.Start(t)
	p := oneRedis(redis, 3)
	p.latency, p.skews = 100, map[int]string{2: "7s"}
	f := newFleet(t, p)
	cost := f.storeCost(redis, 2*scale)
	s := f.begin(rate)
	s.names[2] += " (7 s off)"

	s.tell(8*scale, "naver's server is down", func() { f.control("naver", `{"down":true}`) })
	s.tell(13*scale, "naver works again", func() { f.control("naver", `{"down":false}`) })
	s.tell(17*scale, "node-1 is killed (kill -9)", f.nodes[1].kill)
	s.tell(20*scale, "node-1 is started again", func() { s.parted(f.nodes[1].start) })
	s.tell(26*scale, "node-0 is stopped (SIGSTOP) for ten seconds", func() {
		f.nodes[0].signal(syscall.SIGSTOP)
		stopped := time.Now()
		waitFor(t, patience, "ten seconds", func() bool { return time.Since(stopped) >= 10*time.Second })
		f.nodes[0].signal(syscall.SIGCONT)
	})
	s.tell(38*scale, "Redis is killed and forgets everything", func() {
		s.parted(func() {
			from := time.Now()
			redis.Kill()
			waitFor(t, patience, "every node goes by itself", func() bool { return f.locals() == len(f.nodes) })
			waitFor(t, patience, "a while without Redis", func() bool { return time.Since(from) >= 3*scale })
			redis.Start(t)
		})
	})
	s.tell(48*scale, "kakao's server hangs", func() { f.control("kakao", `{"hang":true}`) })
	s.tell(53*scale, "kakao works again", func() { f.control("kakao", `{"hang":false}`) })
	s.tell(60*scale, "the end", s.end)

	c := s.witness.compare(s.names, s.alone)
	counts := s.crowd.Counts()
	corrected := strings.Count(f.nodes[2].out.all(), "clock corrected")
	e.Figures = map[string]any{
		"nodes": len(f.nodes), "rate_per_s": rate, "happened": s.happened, "compared": c, "store_cost": cost,
		"clock_corrections_logged": corrected, "logins": map[string]int64{"in": counts.In, "gave_up": counts.GaveUp, "retried": counts.Retried},
	}
	t.Logf("%+v; logins in %d, gave up %d %v", c, counts.In, counts.GaveUp, counts.Reasons)
	judge := judging(t, e)
	c.judge(judge)
	judge(corrected == 1, fmt.Sprintf("the node that is off said so %d times, want once", corrected))
	judge(c.Changes > 2 && counts.In > 0, fmt.Sprintf("%d changes of a light and %d logins: too quiet to show anything", c.Changes, counts.In))
	if evidence.Collecting() {
		judge(c.Seconds >= 270, fmt.Sprintf("%d seconds compared, want 270 of 300", c.Seconds))
	}
}

// judge demands one light. A slow machine may miss seconds; what is shown must be
// one all the same.
func (c comparison) judge(judge func(bool, string)) {
	judge(c.Content == 0, fmt.Sprintf("%d seconds in which nodes showed different lights", c.Content))
	judge(c.SeqReused == 0, fmt.Sprintf("%d boards with a number that another content had", c.SeqReused))
	if evidence.Collecting() {
		judge(c.Seq == 0, fmt.Sprintf("%d seconds in which the same lights had different numbers", c.Seq))
		judge(c.LocalStray == 0, fmt.Sprintf("%d boards of a node by itself that nothing explains", c.LocalStray))
	}
}
