package shared

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a redis-server of our own on loopback.
type server struct {
	dir       string
	port, bus int
	options   []string
	client    *redis.Client
	cmd       *exec.Cmd
	ended     chan struct{} // closed when cmd has ended
	output    *output
}

// output is what a server says. mu guards said.
type output struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// startServer starts a redis-server that ends with the test.
func startServer(t testing.TB, options ...string) *server {
	t.Helper()
	sv := &server{dir: t.TempDir(), options: options}
	sv.port, sv.bus = freePorts(t)
	sv.client = redis.NewClient(&redis.Options{Addr: sv.addr()})
	t.Cleanup(func() {
		sv.client.Close()
		sv.kill()
	})
	sv.start(t)
	return sv
}

func (sv *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(sv.port)) }

// start runs the process, again after it has ended, over the same folder.
func (sv *server) start(t testing.TB) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests of the shared store need a real redis-server, 7.0 or later: apt-get install redis-server, or brew install redis")
	}
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(sv.port), "--dir", sv.dir, "--daemonize", "no"}
	if slices.Contains(sv.options, "--sentinel") { // its file comes first, and it keeps no data
		args = append(slices.Clone(sv.options), args...)
	} else {
		args = append(args, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
		args = append(args, sv.options...)
	}
	if sv.output == nil {
		sv.output = new(output)
	}
	sv.cmd = exec.Command(program, args...)
	sv.cmd.Stdout, sv.cmd.Stderr = sv.output, sv.output
	if err := sv.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), sv.cmd
	sv.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	eventually(t, "redis-server on "+sv.addr()+" answers", func() bool {
		select {
		case <-sv.ended:
			t.Fatalf("redis-server ended: %s", sv.output)
		default:
		}
		return sv.client.Ping(t.Context()).Err() == nil
	})
}

// copyOf starts a replica and waits until it is in step.
func copyOf(t testing.TB, master *server) *server {
	t.Helper()
	replica := startServer(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	inStep(t, master, replica)
	return replica
}

// inStep waits until the replica has acknowledged a write, which it may begin
// to do a second after the master calls it online.
func inStep(t testing.TB, master, replica *server) {
	t.Helper()
	eventually(t, "the replica's link is up", func() bool {
		return replica.info(t, "replication", "master_link_status") == "up"
	})
	n := 0
	eventually(t, "the replica acknowledges", func() bool {
		p := master.client.Pipeline()
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

// kill ends the process at once and waits for it.
func (sv *server) kill() {
	if sv.cmd == nil || sv.cmd.Process == nil {
		return
	}
	_ = sv.cmd.Process.Kill() // it may have ended already
	<-sv.ended
}

// restart ends the process after it has saved everything and starts another.
func (sv *server) restart(t testing.TB) {
	t.Helper()
	sv.client.ShutdownSave(t.Context())
	<-sv.ended
	sv.start(t)
}

func (sv *server) info(t testing.TB, section, field string) string {
	t.Helper()
	info, err := sv.client.Info(t.Context(), section).Result()
	if err != nil {
		t.Fatalf("INFO %s of %s: %v", section, sv.addr(), err)
	}
	return infoField(info, field)
}

func (sv *server) must(t testing.TB, args ...any) any {
	t.Helper()
	reply, err := sv.client.Do(t.Context(), args...).Result()
	if err != nil {
		t.Fatalf("%s: %v: %v", sv.addr(), args, err)
	}
	return reply
}

// freePorts finds two loopback ports nobody listens on.
func freePorts(t testing.TB) (int, int) {
	t.Helper()
	var ports [2]int
	for i := range ports {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1]
}

// testCluster is three masters and a replica of the first.
type testCluster struct{ nodes []*server }

const (
	masters   = 3
	slotCount = 16384
)

func startCluster(t *testing.T) *testCluster {
	t.Helper()
	tc := &testCluster{}
	for range masters + 1 {
		port, bus := freePorts(t)
		sv := &server{dir: t.TempDir(), port: port, bus: bus, options: []string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "1000",
		}}
		sv.client = redis.NewClient(&redis.Options{Addr: sv.addr()})
		t.Cleanup(func() {
			sv.client.Close()
			sv.kill()
		})
		sv.start(t)
		tc.nodes = append(tc.nodes, sv)
	}
	first := tc.nodes[0]
	for i, sv := range tc.nodes {
		if i < masters {
			from, to := i*slotCount/masters, (i+1)*slotCount/masters-1
			if err := sv.client.ClusterAddSlotsRange(t.Context(), from, to).Err(); err != nil {
				t.Fatalf("give slots to %s: %v", sv.addr(), err)
			}
		}
		sv.must(t, "cluster", "set-config-epoch", i+1)
		if i > 0 {
			first.must(t, "cluster", "meet", "127.0.0.1", sv.port, sv.bus)
		}
	}
	replica := tc.nodes[masters]
	id := first.must(t, "cluster", "myid")
	eventually(t, "the replica knows its master", func() bool {
		return replica.client.ClusterReplicate(t.Context(), id.(string)).Err() == nil
	})
	tc.settled(t, first, replica)
	return tc
}

// settled waits until every running node sees a whole Cluster in which master
// has the first slots and replica follows it, and the replica is in step.
func (tc *testCluster) settled(t *testing.T, master, replica *server) {
	t.Helper()
	for _, sv := range tc.nodes {
		var state, nodes string
		defer func() {
			if t.Failed() {
				t.Logf("%s sees\n%s\n%s\nand said\n%s", sv.addr(), state, nodes, sv.output)
			}
		}()
		eventually(t, sv.addr()+" sees a whole cluster", func() bool {
			state = sv.client.ClusterInfo(t.Context()).Val()
			nodes = sv.client.ClusterNodes(t.Context()).Val()
			return infoField(state, "cluster_state") == "ok" && tc.whole(nodes, master, replica)
		})
	}
	inStep(t, master, replica)
}

// whole judges the answer to CLUSTER NODES: id, address, flags, master, …, slots.
func (tc *testCluster) whole(nodes string, master, replica *server) bool {
	known := make(map[string][]string)
	for line := range strings.Lines(nodes) {
		fields := strings.Fields(line)
		address, _, _ := strings.Cut(fields[1], "@")
		known[address] = fields
		if strings.Contains(fields[2], "fail") || strings.Contains(fields[2], "handshake") {
			return false
		}
	}
	m, r := known[master.addr()], known[replica.addr()]
	return len(known) == len(tc.nodes) && r != nil && len(m) > 8 &&
		strings.HasPrefix(m[8], "0-") && strings.Contains(r[2], "slave") && r[3] == m[0]
}

func (tc *testCluster) addrs() []string {
	var addrs []string
	for _, sv := range tc.nodes {
		addrs = append(addrs, sv.addr())
	}
	return addrs
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: still not so after %v", what, patience)
		}
	}
}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // it complains about every server a test kills
	os.Exit(m.Run())
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
