// Package peers lets client libraries that nobody here wrote log people in:
// npm openid-client, Python Authlib, go-oidc and oauth2-proxy, each in a site
// as its users write one (testdata/peers, shown in docs/integrate). And it sends
// people to providers that nobody here wrote: npm oidc-provider, zitadel/oidc
// and django-oauth-toolkit (testdata/upstreams, docs/connect.md). They meet the
// built program over HTTP on loopback; people are package citizen's.
package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What is built or installed once.
var (
	root   = absolute("..")
	cache  = filepath.Join(root, ".cache")
	sinho  string // the program
	goSite string // testdata/peers/go-oidc
)

func absolute(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return whole
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sinho-peers-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		sinho, goSite = filepath.Join(dir, "sinho"), filepath.Join(dir, "go-oidc")
		for path, pkg := range map[string]string{sinho: "sinho/cmd/sinho", goSite: "sinho/testdata/peers/go-oidc"} {
			build := exec.Command("go", "build", "-o", path, pkg)
			build.Stderr = os.Stderr
			if err := build.Run(); err != nil {
				fmt.Fprintln(os.Stderr, "build "+pkg+":", err)
				return 1
			}
		}
		return m.Run()
	}())
}

// installed is a path below .cache; `make peers` puts it there.
func installed(t *testing.T, path ...string) string {
	t.Helper()
	whole := filepath.Join(append([]string{cache}, path...)...)
	if _, err := os.Stat(whole); err != nil {
		t.Fatalf("%v: `make peers upstreams` installs what these tests need", err)
	}
	return whole
}

// process is a program under test.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	out   *lines
	ended chan struct{} // closed then
}

// start runs a program in dir and waits for a line that ready accepts. It ends
// with the test.
func start(t *testing.T, name, dir string, env []string, ready func(string) bool, command string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(command, args...), out: &lines{more: make(chan struct{})}, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	stdout, in := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		scan := bufio.NewScanner(stdout)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			p.out.add(scan.Text())
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		in.Close()
		cancel() // nothing more will be printed
	}()
	t.Cleanup(p.stop)
	if err := p.out.wait(ctx, ready); err != nil {
		t.Fatalf("%s has ended, or is not ready after two minutes (%v)", name, err)
	}
	return p
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("%s did not end within 10 s of being told", p.name)
		<-p.ended
	}
	if p.t.Failed() {
		p.t.Logf("%s printed:\n%s", p.name, p.out.all())
	}
}

// says waits for a line with all these words among those printed since mark.
func (p *process) says(t *testing.T, mark int, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := p.out.waitFrom(ctx, mark, func(s string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(s, word) })
	})
	if err != nil {
		t.Errorf("%s says nothing of %q; since then it printed:\n%s", p.name, words, p.out.from(mark))
	}
}

// lines keeps what a process printed and lets one wait for a line.
type lines struct {
	mu   sync.Mutex // guards what follows
	text []string
	more chan struct{} // closed with each line
}

func (l *lines) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, s)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *lines) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.text)
}

func (l *lines) from(mark int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text[mark:], "\n")
}

func (l *lines) all() string { return l.from(0) }

func (l *lines) wait(ctx context.Context, match func(string) bool) error {
	return l.waitFrom(ctx, 0, match)
}

func (l *lines) waitFrom(ctx context.Context, mark int, match func(string) bool) error {
	for {
		l.mu.Lock()
		for ; mark < len(l.text); mark++ {
			if match(l.text[mark]) {
				l.mu.Unlock()
				return nil
			}
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func line(want string) func(string) bool { return func(s string) bool { return s == want } }

// ports finds n free ports; they are free again when it returns.
func ports(t *testing.T, n int) []int {
	t.Helper()
	var free []int
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		free = append(free, l.Addr().(*net.TCPAddr).Port)
	}
	return free
}

// basePort finds one that is free with the fourteen behind it, as the simulators
// and the demo want it.
func basePort(t *testing.T) int {
	t.Helper()
	for base := 20000 + os.Getpid()%20000; base < 60000; base += 20 {
		if allFree(base, base+14) {
			return base
		}
	}
	t.Fatal("no free run of ports")
	return 0
}

func allFree(first, last int) bool {
	for port := first; port <= last; port++ {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// waitForPort waits until somebody listens.
func waitForPort(t *testing.T, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nobody listens on port %d after 30 s", port)
		}
	}
}
