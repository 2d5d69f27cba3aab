package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Replica starts a replica and waits until it is in step.
func Replica(t testing.TB, master *Server) *Server {
	t.Helper()
	replica := Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
	InStep(t, master, replica)
	return replica
}

// InStep waits until the replica has acknowledged a write, which it may begin to
// do a second after the master calls it online.
func InStep(t testing.TB, master, replica *Server) {
	t.Helper()
	n := 0
	Eventually(t, replica.Addr+" acknowledges what "+master.Addr+" writes", func() bool {
		info, _ := replica.Client.Info(t.Context(), "replication").Result() // judged by what it says
		if Field(info, "master_link_status") != "up" {
			return false
		}
		p := master.Client.Pipeline()
		written := p.Set(t.Context(), "warm "+strconv.Itoa(n), "", time.Second)
		wait := p.Do(t.Context(), "wait", 1, 100)
		_, _ = p.Exec(t.Context()) // each command has its own error
		if written.Err() != nil {
			n++ // in a Cluster: another master's key
			return false
		}
		acknowledged, err := wait.Int()
		return err == nil && acknowledged == 1
	})
}

// Name is what Sentinels know their master by.
const Name = "sinho"

// downAfter is how long a Sentinel waits for an answer. On a busy machine half a
// second is too little: it writes its file to the disk at each step, hears nothing
// meanwhile, and goes from one living master to the next.
const downAfter = time.Second

// Sentinels starts some that watch a master with one replica, and returns when
// each knows everybody.
func Sentinels(t testing.TB, master *Server, count int) (all []*Server) {
	t.Helper()
	for range count {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d %[3]d\nsentinel down-after-milliseconds %[1]s %[4]d\nsentinel failover-timeout %[1]s 5000\n",
			Name, master.Port, count/2+1, downAfter.Milliseconds())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, Start(t, file, "--sentinel"))
	}
	for _, one := range all {
		Eventually(t, "the Sentinel at "+one.Addr+" knows everybody", func() bool {
			replicas, ok := one.Do(t, "sentinel", "replicas", Name).([]any)
			others, known := one.Do(t, "sentinel", "sentinels", Name).([]any)
			return ok && known && len(replicas) == 1 && len(others) == count-1
		})
	}
	return all
}

// How a Cluster is made.
const (
	Masters = 3
	Slots   = 16384
)

// Cluster is Masters masters, each with as good as the same number of slots, in
// their order, and behind them the replicas.
type Cluster struct{ Nodes []*Server }

// StartCluster starts one. followed are the masters that have a replica each;
// the replicas stand behind the masters, in this order.
func StartCluster(t testing.TB, followed ...int) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range Masters + len(followed) {
		c.join(t)
	}
	for i, of := range followed {
		replica := c.Nodes[Masters+i]
		id := c.Nodes[of].Do(t, "cluster", "myid").(string)
		Eventually(t, "the replica knows its master", func() bool {
			return replica.Client.ClusterReplicate(t.Context(), id).Err() == nil
		})
	}
	c.whole(t, func(map[string][]string) bool { return true })
	for i, of := range followed {
		c.Settled(t, c.Nodes[of], c.Nodes[Masters+i])
	}
	return c
}

// join starts one more node and makes it known to the first.
func (c *Cluster) join(t testing.TB) {
	t.Helper()
	sv := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
	i := len(c.Nodes)
	c.Nodes = append(c.Nodes, sv)
	if i < Masters {
		if err := sv.Client.ClusterAddSlotsRange(t.Context(), i*Slots/Masters, (i+1)*Slots/Masters-1).Err(); err != nil {
			t.Fatalf("give slots to %s: %v", sv.Addr, err)
		}
	}
	sv.Do(t, "cluster", "set-config-epoch", i+1)
	if i > 0 {
		c.Nodes[0].Do(t, "cluster", "meet", "127.0.0.1", sv.Port, sv.Bus)
	}
}

// Settled waits until every node sees a whole Cluster in which master has slots
// and replica follows it, and the replica is in step.
func (c *Cluster) Settled(t testing.TB, master, replica *Server) {
	t.Helper()
	c.whole(t, func(known map[string][]string) bool {
		m, r := known[master.Addr], known[replica.Addr]
		return len(m) > 8 && strings.Contains(r[2], "slave") && r[3] == m[0]
	})
	InStep(t, master, replica)
}

// whole waits until every node knows all, finds nothing wrong with any, and what
// it knows is right. That is the answer to CLUSTER NODES by address: id, address,
// flags, master, …, slots.
func (c *Cluster) whole(t testing.TB, right func(known map[string][]string) bool) {
	t.Helper()
	for _, sv := range c.Nodes {
		Eventually(t, sv.Addr+" sees a whole cluster", func() bool {
			state := sv.Client.ClusterInfo(t.Context()).Val()
			nodes := sv.Client.ClusterNodes(t.Context()).Val()
			known := make(map[string][]string)
			for line := range strings.Lines(nodes) {
				fields := strings.Fields(line)
				address, _, _ := strings.Cut(fields[1], "@")
				known[address] = fields
				if strings.Contains(fields[2], "fail") || strings.Contains(fields[2], "handshake") {
					return false
				}
			}
			return Field(state, "cluster_state") == "ok" && len(known) == len(c.Nodes) && right(known)
		})
	}
}

// Addrs of all nodes.
func (c *Cluster) Addrs() (addrs []string) {
	for _, sv := range c.Nodes {
		addrs = append(addrs, sv.Addr)
	}
	return addrs
}

// Home is which of the masters has a hash tag to begin with.
func Home(tag string) int {
	slot := Slot(tag)
	for i := range Masters {
		if slot < (i+1)*Slots/Masters {
			return i
		}
	}
	return Masters - 1
}

// Slot of a hash tag: CRC16 (XMODEM) modulo Slots.
func Slot(tag string) int {
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
	return int(crc) % Slots
}
