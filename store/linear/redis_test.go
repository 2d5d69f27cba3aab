package linear

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"sinho/store"
	"sinho/store/shared"
)

// server is a redis-server of our own on loopback.
type server struct {
	dir       string
	port, bus int
	args      []string
	client    *redis.Client
	cmd       *exec.Cmd
	ended     chan struct{} // closed when cmd has ended
	mu        sync.Mutex    // guards said
	said      bytes.Buffer
}

func (sv *server) Write(b []byte) (int, error) {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	return sv.said.Write(b)
}

// startServer starts a redis-server that ends with the test. args come behind
// port and folder, unless they begin with the file of a Sentinel.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	sv := &server{dir: t.TempDir(), args: args}
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

// start runs the process, again over the same folder after it has ended.
func (sv *server) start(t *testing.T) {
	t.Helper()
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(sv.port), "--dir", sv.dir, "--daemonize", "no"}
	if slices.Contains(sv.args, "--sentinel") {
		args = append(slices.Clone(sv.args), args...)
	} else {
		args = append(args, "--save", "", "--repl-diskless-sync-delay", "0")
		args = append(args, sv.args...)
		if slices.Contains(args, "--cluster-enabled") {
			args = append(args, "--cluster-port", strconv.Itoa(sv.bus))
		}
	}
	cmd := exec.Command("redis-server", args...)
	cmd.Stdout, cmd.Stderr = sv, sv
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server (make tools installs it): %v", err)
	}
	sv.cmd = cmd
	ended := make(chan struct{})
	sv.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	eventually(t, "redis-server on "+sv.addr()+" answers", func() bool {
		select {
		case <-ended:
			t.Fatalf("redis-server ended: %s", sv.said.String())
		default:
		}
		return sv.client.Ping(t.Context()).Err() == nil
	})
}

// kill is kill -9.
func (sv *server) kill() {
	_ = sv.cmd.Process.Kill() // it may have ended already
	<-sv.ended
}

func (sv *server) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := sv.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (sv *server) must(t *testing.T, args ...any) any {
	t.Helper()
	reply, err := sv.client.Do(t.Context(), args...).Result()
	if err != nil {
		t.Fatalf("%s: %v: %v", sv.addr(), args, err)
	}
	return reply
}

func (sv *server) role(t *testing.T) string {
	info, _ := sv.client.Info(t.Context(), "replication").Result()
	return field(info, "role")
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func freePorts(t *testing.T) (int, int) {
	t.Helper()
	var ports [2]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1]
}

// open is a node's store.
func open(t *testing.T, o shared.Options) store.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// answers waits until every store does, with a durable change.
func answers(t *testing.T, shard store.Shard, stores ...store.Store) {
	t.Helper()
	n := 0
	for _, s := range stores {
		eventually(t, "the store answers again", func() bool {
			n++
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := s.Apply(ctx, shard, store.Attempt{15: 1, 14: byte(n), 13: byte(n >> 8), 12: byte(time.Now().UnixNano())}, true,
				store.Op{Kind: store.Put, Key: "probe", TTL: time.Minute})
			return err == nil
		})
	}
}

// wire is a toxiproxy in front of a server.
type wire struct{ *toxiproxy.Proxy }

func startWire(t *testing.T, to string) *wire {
	t.Helper()
	log := zerolog.Nop()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), log)
	p := toxiproxy.NewProxy(api, "redis", "127.0.0.1:0", to)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &wire{p}
}

// poison puts a toxic on the wire for a while.
func (w *wire) poison(t *testing.T, toxic string, while time.Duration) {
	t.Helper()
	added, err := w.Toxics.AddToxicJson(strings.NewReader(toxic))
	if err != nil {
		t.Fatal(err)
	}
	rest(t, while)
	if err := w.Toxics.RemoveToxic(t.Context(), added.Name); err != nil {
		t.Fatal(err)
	}
}

// rest lets a fault last. Nothing is judged by how long it takes.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// oneServer is a redis-server behind a wire, and two nodes. With journal every
// change is in its file before it is answered.
func oneServer(t *testing.T, journal bool, rounds int) *run {
	args := []string{"--appendonly", "no"}
	if journal {
		args = []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	sv := startServer(t, args...)
	w := startWire(t, sv.addr())
	r := &run{groups: 12, calm: 1500, resends: journal}
	for range 2 {
		r.stores = append(r.stores, open(t, shared.Options{Addrs: []string{w.Listen}, Timeout: 400 * time.Millisecond}))
	}
	killed := fault{name: "redis killed", fate: forgets, do: func(t *testing.T) {
		sv.kill()
		sv.start(t)
		answers(t, "probe", r.stores...)
	}}
	if journal {
		killed.name, killed.fate = "redis killed, with a journal", keeps
	}
	faults := []fault{killed}
	if journal {
		faults = append(faults,
			fault{name: "redis paused", do: func(t *testing.T) {
				sv.signal(t, syscall.SIGSTOP)
				rest(t, 700*time.Millisecond)
				sv.signal(t, syscall.SIGCONT)
				answers(t, "probe", r.stores...)
			}},
			poisoned(r, w, "requests lost", `{"name":"x","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`),
			poisoned(r, w, "replies lost", `{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`),
			poisoned(r, w, "connections reset", `{"name":"x","type":"reset_peer","stream":"downstream","attributes":{"timeout":20}}`),
			poisoned(r, w, "slow and uneven", `{"name":"x","type":"latency","stream":"downstream","attributes":{"latency":150,"jitter":300}}`),
		)
	}
	for range rounds {
		r.faults = append(r.faults, faults...)
	}
	return r
}

func poisoned(r *run, w *wire, name, toxic string) fault {
	return fault{name: name, do: func(t *testing.T) {
		w.poison(t, toxic, 700*time.Millisecond)
		answers(t, "probe", r.stores...)
	}}
}

// inStep waits until the replica has acknowledged a write.
func inStep(t *testing.T, master, replica *server) {
	t.Helper()
	n := 0
	eventually(t, "the replica acknowledges", func() bool {
		info, _ := replica.client.Info(t.Context(), "replication").Result()
		if field(info, "master_link_status") != "up" {
			return false
		}
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

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
