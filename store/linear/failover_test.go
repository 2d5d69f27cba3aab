package linear

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/shared"
)

// watched is a master, a replica that copies it over a wire, and a Sentinel.
type watched struct {
	master, replica *server
	guard           *server
	copying         *wire
	run             *run
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{master: startServer(t), run: &run{groups: 12, calm: 1500}}
	// A Sentinel would take the wire away after eight seconds; runs are shorter.
	w.copying = startWire(t, w.master.addr())
	_, port, _ := net.SplitHostPort(w.copying.Listen)
	w.replica = startServer(t, "--replicaof", "127.0.0.1 "+port)
	inStep(t, w.master, w.replica)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor sinho 127.0.0.1 %d 1\nsentinel down-after-milliseconds sinho %d\nsentinel failover-timeout sinho 5000\n", w.master.port, patient)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.guard = startServer(t, file, "--sentinel")
	eventually(t, "the sentinel knows the replica", func() bool {
		replicas, ok := w.guard.must(t, "sentinel", "replicas", "sinho").([]any)
		return ok && len(replicas) == 1
	})
	for range 2 {
		w.run.stores = append(w.run.stores, open(t, shared.Options{Addrs: []string{w.guard.addr()}, MasterName: "sinho", Replicas: 1, ReplicaWait: 200 * time.Millisecond}))
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
	w.guard.must(t, "sentinel", "set", "sinho", "down-after-milliseconds", silence)
}

// wakes makes the Sentinel alert.
func (w *watched) wakes(t *testing.T) { w.bears(t, alert) }

// promoted waits for the successor, and has the Sentinel go back to being
// patient while after does the rest, for what takes long makes endings vague.
func (w *watched) promoted(t *testing.T, after func()) {
	t.Helper()
	eventually(t, "the replica is promoted", func() bool { return w.replica.role(t) == "master" })
	var calm sync.WaitGroup
	calm.Go(func() {
		if err := w.guard.client.Do(t.Context(), "sentinel", "set", "sinho", "down-after-milliseconds", patient).Err(); err != nil {
			t.Errorf("the sentinel: %v", err)
		}
	})
	after()
	calm.Wait()
}

// returns starts the killed master as an empty replica of its successor.
func (w *watched) returns(t *testing.T) {
	t.Helper()
	w.master.args = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(w.replica.port)}
	w.master.start(t)
	inStep(t, w.replica, w.master)
	answers(t, "probe", w.run.stores...)
}

// sentinel kills the master.
func sentinel(t *testing.T) *run {
	w := watch(t)
	w.run.faults = []fault{{name: "sentinel failover", fate: trails, ready: w.wakes, do: func(t *testing.T) {
		w.master.kill()
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
		w.master.kill()
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
		w.master.signal(t, syscall.SIGSTOP)
		w.promoted(t, func() { w.master.signal(t, syscall.SIGCONT) })
	}}}
	return w.run
}

const slots = 16384

// cluster is three masters, the first with a replica; the first is killed and
// comes back empty. All shards are the first one's.
func cluster(t *testing.T) *run {
	var nodes []*server
	for i := range 4 {
		nodes = append(nodes, startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000"))
		if i < 3 {
			if err := nodes[i].client.ClusterAddSlotsRange(t.Context(), i*slots/3, (i+1)*slots/3-1).Err(); err != nil {
				t.Fatal(err)
			}
		}
		nodes[i].must(t, "cluster", "set-config-epoch", i+1)
		if i > 0 {
			nodes[0].must(t, "cluster", "meet", "127.0.0.1", nodes[i].port, nodes[i].bus)
		}
	}
	first, replica := nodes[0], nodes[3]
	id := first.must(t, "cluster", "myid").(string)
	eventually(t, "the replica knows its master", func() bool { return replica.client.ClusterReplicate(t.Context(), id).Err() == nil })
	whole(t, nodes)
	inStep(t, first, replica)
	r := &run{groups: 12, calm: 1500}
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.addr())
	}
	for range 2 {
		r.stores = append(r.stores, open(t, shared.Options{Addrs: addrs, Replicas: 1, ReplicaWait: 200 * time.Millisecond}))
	}
	var mu sync.Mutex // guards from
	from := 0
	r.shard = func(int) store.Shard {
		mu.Lock()
		defer mu.Unlock()
		for {
			from++
			shard := fmt.Sprint("person-", from)
			if slotOf(shard) < slots/3 {
				return store.Shard(shard)
			}
		}
	}
	probe := r.shard(0)
	r.faults = []fault{{name: "cluster failover", fate: trails, do: func(t *testing.T) {
		first.kill()
		eventually(t, "the replica is promoted", func() bool { return replica.role(t) == "master" })
		first.start(t)
		whole(t, nodes)
		inStep(t, replica, first)
		answers(t, probe, r.stores...)
	}}}
	return r
}

// whole waits until every node sees a Cluster of all.
func whole(t *testing.T, nodes []*server) {
	t.Helper()
	for _, sv := range nodes {
		eventually(t, sv.addr()+" sees a whole cluster", func() bool {
			seen := sv.client.ClusterNodes(t.Context()).Val()
			return field(sv.client.ClusterInfo(t.Context()).Val(), "cluster_state") == "ok" && strings.Count(seen, "\n") == len(nodes) &&
				!strings.Contains(seen, "fail") && !strings.Contains(seen, "handshake") && strings.Contains(seen, "slave")
		})
	}
}

// slotOf is the hash slot of a hash tag: CRC16 (XMODEM) modulo 16384.
func slotOf(tag string) int {
	var crc uint16
	for _, b := range []byte(tag) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}
