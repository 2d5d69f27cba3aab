package linear

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// watched is a master, a replica that copies it over a wire, and a Sentinel.
type watched struct {
	master, replica *redistest.Server
	guard           *redistest.Server
	copying         *wire
	run             *run
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{master: redistest.Start(t), run: &run{groups: 12, calm: 1500}}
	// A Sentinel would take the wire away after eight seconds; runs are shorter.
	w.copying = startWire(t, w.master.Addr)
	_, port, _ := net.SplitHostPort(w.copying.Listen)
	w.replica = redistest.Start(t, "--replicaof", "127.0.0.1 "+port)
	redistest.InStep(t, w.master, w.replica)
	w.guard = redistest.Sentinels(t, w.master, 1)[0]
	w.bears(t, patient)
	for range 2 {
		w.run.stores = append(w.run.stores, open(t, shared.Options{Addrs: []string{w.guard.Addr}, MasterName: redistest.Name, Replicas: 1, ReplicaWait: 200 * time.Millisecond}))
	}
	return w
}

// How many milliseconds the Sentinel lets a master be silent: until a fault so
// many that a busy machine brings about no failover that is not written down.
const (
	patient = 600_000
	alert   = 500
)

func (w *watched) bears(t *testing.T, silence int) {
	t.Helper()
	w.guard.Do(t, "sentinel", "set", redistest.Name, "down-after-milliseconds", silence)
}

// wakes makes the Sentinel alert.
func (w *watched) wakes(t *testing.T) { w.bears(t, alert) }

// promoted waits for the successor, and has the Sentinel go back to being
// patient while after does the rest, for what takes long makes endings vague.
func (w *watched) promoted(t *testing.T, after func()) {
	t.Helper()
	redistest.Eventually(t, "the replica is promoted", func() bool { return w.replica.Leads(t) })
	var calm sync.WaitGroup
	calm.Go(func() {
		if err := w.guard.Client.Do(t.Context(), "sentinel", "set", redistest.Name, "down-after-milliseconds", patient).Err(); err != nil {
			t.Errorf("the sentinel: %v", err)
		}
	})
	after()
	calm.Wait()
}

// returns starts the killed master as an empty replica of its successor.
func (w *watched) returns(t *testing.T) {
	t.Helper()
	w.master.Args = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(w.replica.Port)}
	w.master.Start(t)
	redistest.InStep(t, w.replica, w.master)
	answers(t, "probe", w.run.stores...)
}

// sentinel kills the master.
func sentinel(t *testing.T) *run {
	w := watch(t)
	w.run.faults = []fault{{name: "sentinel failover", fate: trails, ready: w.wakes, do: func(t *testing.T) {
		w.master.Kill()
		w.promoted(t, func() { w.returns(t) })
	}}}
	return w.run
}

// behind kills the master after its replica has heard nothing for a while: what
// was changed meanwhile is lost for certain, and none of it may have been
// answered as durable.
func behind(t *testing.T) *run {
	w := watch(t)
	deafen := func(t *testing.T) {
		if _, err := w.copying.Toxics.AddToxicJson(strings.NewReader(`{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)); err != nil {
			t.Fatal(err)
		}
		rest(t, 300*time.Millisecond)
	}
	w.run.faults = []fault{{name: "sentinel failover, replica behind", fate: trails, ready: w.wakes, before: deafen, do: func(t *testing.T) {
		w.master.Kill()
		w.promoted(t, func() { w.returns(t) })
	}}}
	return w.run
}

// deposed pauses the master until another leads, and wakes it: for a while two
// lead. What the old one still answers may be old, but nothing is given out
// twice.
func deposed(t *testing.T) *run {
	w := watch(t)
	w.run.divided = true
	w.run.faults = []fault{{name: "master paused until deposed", fate: trails, ready: w.wakes, do: func(t *testing.T) {
		w.master.Signal(t, syscall.SIGSTOP)
		w.promoted(t, func() { w.master.Signal(t, syscall.SIGCONT) })
	}}}
	return w.run
}

// cluster is three masters, the first with a replica; the first is killed and
// comes back empty. All shards are the first one's.
func cluster(t *testing.T) *run {
	c := redistest.StartCluster(t, 0)
	first, replica := c.Nodes[0], c.Nodes[redistest.Masters]
	r := &run{groups: 12, calm: 1500}
	for range 2 {
		r.stores = append(r.stores, open(t, shared.Options{Addrs: c.Addrs(), Replicas: 1, ReplicaWait: 200 * time.Millisecond}))
	}
	var mu sync.Mutex // guards from
	from := 0
	r.shard = func(int) store.Shard {
		mu.Lock()
		defer mu.Unlock()
		for {
			from++
			shard := fmt.Sprint("person-", from)
			if redistest.Home(shard) == 0 {
				return store.Shard(shard)
			}
		}
	}
	probe := r.shard(0)
	r.faults = []fault{{name: "cluster failover", fate: trails, do: func(t *testing.T) {
		first.Kill()
		redistest.Eventually(t, "the replica is promoted", func() bool { return replica.Leads(t) })
		first.Start(t)
		c.Settled(t, replica, first)
		answers(t, probe, r.stores...)
	}}}
	return r
}
