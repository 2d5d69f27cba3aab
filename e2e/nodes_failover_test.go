package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sinho/citizen"
	"sinho/evidence"
	"sinho/store/redistest"
)

// outage is a store whose master can be lost.
type outage struct {
	store           string // address, as in the settings
	master, replica *redistest.Server
	returns         func(t *testing.T) // the master, as a replica
}

func sentinelOutage(t *testing.T) outage {
	w := newWatched(t)
	return outage{w.store, w.master, w.replica, w.returns}
}

// clusterOutage is of the master that has the lights.
func clusterOutage(t *testing.T) outage {
	c := redistest.StartCluster(t, 0, 1, 2)
	home := redistest.Home("lights")
	master, replica := c.Nodes[home], c.Nodes[redistest.Masters+home]
	return outage{"redis://" + strings.Join(c.Addrs(), ","), master, replica, func(t *testing.T) {
		master.Start(t)
		c.Settled(t, replica, master)
	}}
}

// lose kills the master and waits until the replica leads. Held, the replica is
// kept from it until every node goes by itself, which takes longer than many a
// failover does.
func (o outage) lose(t *testing.T, f *fleet, held bool) {
	t.Helper()
	if held {
		o.replica.Signal(t, syscall.SIGSTOP)
	}
	o.master.Kill()
	if held {
		waitFor(t, patience, "every node goes by itself", func() bool { return f.locals() == len(f.nodes) })
		o.replica.Signal(t, syscall.SIGCONT)
	}
	waitFor(t, patience, "the replica leads", func() bool { return o.replica.Leads(t) })
}

// loginsWork waits until people get in at every node, without anybody's help.
func (f *fleet) loginsWork() {
	f.t.Helper()
	defer f.balancer.lead(func(*http.Request) int { return -1 })
	for i, n := range f.nodes {
		f.balancer.lead(func(*http.Request) int { return i })
		waitFor(f.t, patience, "people get in at "+n.name, func() bool {
			return f.login(citizen.Walk{Choose: citizen.First(), Again: citizen.First(), Retries: 1}).In
		})
	}
}

// TestNodesShowOneLightThroughAFailover is the second part of `make
// evidence-nodes`: nodes compared second by second while Redis fails over, under
// Sentinel and in a Cluster, once as it comes and once so slowly that every node
// goes by itself meanwhile. As a miniature: each store once, two nodes, for some
// seconds.
func TestNodesShowOneLightThroughAFailover(t *testing.T) {
	e := evidence.New("nodes-failover", 1)
	defer e.Close(t)
	for _, tc := range []struct {
		name string
		make func(t *testing.T) outage
		held bool
		long bool // for evidence alone
	}{
		{"Sentinel", sentinelOutage, false, false},
		{"Sentinel, slowly", sentinelOutage, true, true},
		{"Cluster", clusterOutage, false, true},
		{"Cluster, slowly", clusterOutage, true, false},
	} {
		if tc.long && !evidence.Collecting() {
			continue
		}
		t.Run(tc.name, func(t *testing.T) { e.Figures[tc.name] = throughAFailover(t, e, tc.make(t), tc.held) })
	}
}

func throughAFailover(t *testing.T, e *evidence.Run, o outage, held bool) map[string]any {
	scale, rate, nodes := 5*time.Second, 12.0, 3
	if !evidence.Collecting() {
		scale, rate, nodes = time.Second, 8, 2
	}
	f := newFleet(t, plan{
		nodes: nodes, store: o.store, latency: 100,
		more: "redis: {timeout: 2s, replicas: 1, replica_wait: 300ms}\ndrain: {delay: 0s, limit: 5s}\n",
	})
	f.oneLight()
	s := f.begin(rate)
	var before, lost int64
	var together time.Time
	s.tell(3*scale, "a master is killed", func() {
		before = s.crowd.Counts().In
		s.parted(func() { o.lose(t, f, held) })
		together, lost = s.alone[0].to, s.crowd.Counts().GaveUp
	})
	s.tell(0, "the replica leads, the nodes are together, and the killed one comes back", func() { o.returns(t) })
	s.tell(0, "people try every node", f.loginsWork)
	s.tell(0, "naver's server is down", func() { f.control("naver", `{"down":true}`) })
	s.tell(time.Since(s.began)+5*scale, "naver works again", func() { f.control("naver", `{"down":false}`) })
	s.tell(time.Until(together)+time.Since(s.began)+5*scale, "the end", s.end)

	c := s.witness.compare(s.names, s.alone)
	later := s.witness.since(together)
	after := later.compare(s.names, nil)
	counts := s.crowd.Counts()
	t.Logf("%+v; afterwards %+v; logins in %d, %d of them before, gave up %d by the time all was well, %d in all %v",
		c, after, counts.In, before, lost, counts.GaveUp, counts.Reasons)
	judge := judging(t, e)
	c.judge(judge)
	after.judge(judge)
	judge(after.Seconds >= 3, fmt.Sprintf("%d seconds compared afterwards, want 3 or more", after.Seconds))
	judge(!held || len(c.Local) == nodes, fmt.Sprintf("only %v said that they went by themselves", c.Local))
	judge(counts.In > before, fmt.Sprintf("%d logins before and %d in all: nobody got in afterwards", before, counts.In))
	if evidence.Collecting() { // a machine that stands still for seconds parts nodes by itself
		judge(len(after.Local) == 0, fmt.Sprintf("nodes by themselves afterwards: %v", after.Local))
		judge(c.Changes > 2, fmt.Sprintf("%d changes of a light: too quiet to show anything", c.Changes))
	}
	return map[string]any{
		"nodes": nodes, "rate_per_s": rate, "happened": s.happened, "compared": c, "compared_afterwards": after,
		"logins": map[string]int64{"in": counts.In, "in_before": before, "gave_up": counts.GaveUp, "retried": counts.Retried},
	}
}

// since is what was heard from then on.
func (w *witness) since(t time.Time) *witness {
	later := &witness{}
	for _, boards := range w.boards {
		kept := maps.Clone(boards)
		maps.DeleteFunc(kept, func(_ time.Time, s shown) bool { return s.heard.Before(t) })
		later.boards = append(later.boards, kept)
	}
	return later
}
