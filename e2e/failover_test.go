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

	"sinho/evidence"
	"sinho/store/redistest"
)

// watched is a master and its replica under three Sentinels.
type watched struct {
	master, replica *redistest.Server
	store           string // address, as in the settings
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{master: redistest.Start(t)}
	w.replica = redistest.Replica(t, w.master)
	var addrs []string
	for _, one := range redistest.Sentinels(t, w.master, 3) {
		addrs = append(addrs, one.Addr)
	}
	w.store = "redis+sentinel://" + strings.Join(addrs, ",") + "/" + redistest.Name
	return w
}

// returns starts the killed master as an empty replica of its successor.
func (w *watched) returns(t *testing.T) {
	t.Helper()
	w.master.Args = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(w.replica.Port)}
	w.master.Start(t)
	redistest.InStep(t, w.replica, w.master)
}

// happening is something done to the fleet.
type happening struct {
	What string  `json:"what"`
	At   float64 `json:"at_s"`
	Took float64 `json:"took_s"`
}

// TestLoginsOutliveNodesAndRedis is `make evidence-failover`: logins at a steady
// rate, over TLS through HAProxy with the very files of deploy, while one node is
// killed and comes back, another is drained and comes back, and Redis fails over.
// Nobody may be lost: whoever does not get in at once gets a page or an answer
// with a next step, takes it, and is in.
func TestLoginsOutliveNodesAndRedis(t *testing.T) {
	rate, phase := 150, 30*time.Second
	if !evidence.Collecting() {
		rate, phase = 25, 6*time.Second
	}
	phase = min(phase, spanOf(t, 5*phase)/5)
	e := evidence.New("failover", 1)
	defer e.Close(t)
	redis := newWatched(t)
	f := newFleet(t, plan{
		nodes: 3, store: redis.store, shipped: true, latency: 20,
		more: "redis: {replicas: 1, replica_wait: 300ms}\n", // and drain as it is shipped
	})
	began := time.Now()
	var report rushReport
	var failed error
	var load sync.WaitGroup
	load.Go(func() {
		report, failed = f.rush(nil, "--rate", strconv.Itoa(rate), "--for", (5 * phase).String(), "--follow", "1", "--seed", "1",
			"--retries", "3", "--reload", "5", "--again", "2")
	})
	var done []happening
	happen := func(what string, do func()) {
		from := time.Now()
		do()
		done = append(done, happening{what, from.Sub(began).Seconds(), time.Since(from).Seconds()})
	}
	until := func(n int) {
		wait, cancel := context.WithDeadline(t.Context(), began.Add(time.Duration(n)*phase))
		defer cancel()
		<-wait.Done()
	}
	until(1)
	happen("node 1 killed (SIGKILL)", f.nodes[0].kill)
	happen("node 1 started again", f.nodes[0].start)
	until(2)
	happen("node 2 drained (SIGTERM) until it ended", func() { f.nodes[1].end(syscall.SIGTERM) })
	happen("node 2 started again", f.nodes[1].start)
	until(3)
	happen("Redis killed until its replica leads", func() {
		redis.master.Kill()
		waitFor(t, time.Minute, "the replica leads", func() bool { return redis.replica.Leads(t) })
	})
	happen("the old Redis started again as a replica", func() { redis.returns(t) })
	load.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	e.Figures = map[string]any{
		"rate_per_s": rate, "nodes": 3, "happenings": done, "came": report.Came, "in_at_once": report.AtOnce,
		"offered_the_next_step_and_in": report.Detoured, "next_steps": report.Notices,
		"lost": report.Failed + report.Shed, "lost_by": report.Errors, "examples": report.Examples, "times_ms": report.Times,
	}
	t.Logf("%d came, %d in at once, %d offered the next step and in (%v), %d lost %v %v; %v", report.Came, report.AtOnce, report.Detoured,
		report.Notices, report.Failed+report.Shed, report.Errors, report.Examples, done)
	if report.In == 0 || report.Detoured == 0 && evidence.Collecting() {
		t.Error("nobody got in, or no fault was felt: the run shows nothing")
	}
	if report.Failed+report.Shed > 0 {
		t.Errorf("%d of %d lost: %v %v", report.Failed+report.Shed, report.Came, report.Errors, report.Examples)
	}
	e.Demand(report.Failed+report.Shed == 0, fmt.Sprintf("%d logins lost", report.Failed+report.Shed))
}
