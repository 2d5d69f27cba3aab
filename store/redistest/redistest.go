// Package redistest runs real redis-servers on loopback for tests: one, one
// behind TLS and a name, one with replicas and Sentinels, a Cluster. All of them
// end with the test. It keeps out what anybody stores in them.
package redistest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is one redis-server.
type Server struct {
	Addr      string // host:port
	Port, Bus int    // Bus is where a Cluster's nodes meet
	// Args stand behind port and folder at each Start, unless they begin with
	// the file of a Sentinel.
	Args   []string
	Client *redis.Client // of this server alone

	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
	said  output
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

// Quiet silences the client library, which complains about every server that a
// test kills. It is for TestMain: nothing may use the library yet.
func Quiet() { redis.SetLogger(quiet{}) }

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// Start starts a server that keeps nothing on disk unless args say so.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	sv := prepare(t, args...)
	o := &redis.Options{Addr: sv.Addr}
	if i := slices.Index(args, "--requirepass"); i >= 0 {
		o.Password = args[i+1]
	}
	sv.dial(t, o)
	sv.Start(t)
	return sv
}

// prepare chooses where a server will be.
func prepare(t testing.TB, args ...string) *Server {
	t.Helper()
	sv := &Server{dir: t.TempDir(), Args: args}
	sv.Port, sv.Bus = freePorts(t)
	sv.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(sv.Port))
	return sv
}

func (sv *Server) dial(t testing.TB, o *redis.Options) {
	sv.Client = redis.NewClient(o)
	t.Cleanup(func() {
		_ = sv.Client.Close() // its server may be gone
		sv.Kill()
		if t.Failed() {
			t.Logf("redis-server at %s said:\n%s", sv.Addr, sv.Said())
		}
	})
}

// Start runs the process, again after it has ended, over the same folder, and
// returns when it answers.
func (sv *Server) Start(t testing.TB) {
	t.Helper()
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(sv.Port), "--dir", sv.dir, "--daemonize", "no"}
	if slices.Contains(sv.Args, "--sentinel") { // its file comes first, and it keeps no data
		args = append(slices.Clone(sv.Args), args...)
	} else {
		args = append(args, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
		args = append(args, sv.Args...)
		if slices.Contains(args, "--cluster-enabled") {
			args = append(args, "--cluster-port", strconv.Itoa(sv.Bus))
		}
	}
	sv.cmd = exec.Command("redis-server", args...) //nolint:gosec,noctx // a test's own, killed when it is over
	sv.cmd.Stdout, sv.cmd.Stderr = &sv.said, &sv.said
	if err := sv.cmd.Start(); err != nil {
		t.Fatalf("start redis-server, 7.0 or later (make tools installs it): %v", err)
	}
	ended, cmd := make(chan struct{}), sv.cmd
	sv.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	Eventually(t, "redis-server at "+sv.Addr+" answers", func() bool {
		select {
		case <-ended:
			t.Fatalf("redis-server ended: %s", sv.Said())
		default:
		}
		return sv.Client.Ping(t.Context()).Err() == nil
	})
}

// Kill is kill -9, waited for.
func (sv *Server) Kill() {
	if sv.cmd == nil || sv.cmd.Process == nil {
		return
	}
	_ = sv.cmd.Process.Kill() // it may have ended already
	<-sv.ended
}

// Restart ends the process after it has saved everything and starts another.
func (sv *Server) Restart(t testing.TB) {
	t.Helper()
	sv.Client.ShutdownSave(t.Context())
	<-sv.ended
	sv.Start(t)
}

// Signal sends a signal to the process.
func (sv *Server) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := sv.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v", sv.Addr, err)
	}
}

// PID of the process.
func (sv *Server) PID() int { return sv.cmd.Process.Pid }

// Said is what the server has written so far.
func (sv *Server) Said() string { return sv.said.String() }

// Do asks for what must succeed.
func (sv *Server) Do(t testing.TB, args ...any) any {
	t.Helper()
	reply, err := sv.Client.Do(t.Context(), args...).Result()
	if err != nil {
		t.Fatalf("%s: %v: %v", sv.Addr, args, err)
	}
	return reply
}

// Info is a field of a section of INFO, which must answer.
func (sv *Server) Info(t testing.TB, section, field string) string {
	t.Helper()
	info, err := sv.Client.Info(t.Context(), section).Result()
	if err != nil {
		t.Fatalf("INFO %s of %s: %v", section, sv.Addr, err)
	}
	return Field(info, field)
}

// Leads reports whether the server is a master, as far as it answers.
func (sv *Server) Leads(t testing.TB) bool {
	info, _ := sv.Client.Info(t.Context(), "replication").Result() // judged by what it says
	return Field(info, "role") == "master"
}

// Field of an answer of name:value lines, "" where there is none.
func Field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// freePorts finds two loopback ports nobody listens on. They lie below those
// that outgoing connections take (RFC 6335 section 6 begins at 49152, Linux at
// 32768), so that a server that was killed finds its own again.
func freePorts(t testing.TB) (int, int) {
	t.Helper()
	var ports []int
	for range 1000 {
		port := 10_000 + rand.IntN(22_000) //nolint:gosec // no secret
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == 2 {
			return ports[0], ports[1]
		}
	}
	t.Fatal("no free ports below 32768")
	return 0, 0
}

// Eventually waits until a condition holds, and fails the test after a minute.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: still not so after %v", what, patience)
		}
	}
}
