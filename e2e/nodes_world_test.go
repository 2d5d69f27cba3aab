package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sites "sinho/demo"
	"sinho/providers/sim"
)

// cluster is what several nodes of `sinho serve` are in the field: a Redis, a
// balancer in front, providers and a site around them.
type cluster struct {
	t        *testing.T
	dir      string
	redis    *mortalRedis
	nodes    []*node
	balancer *balancer
	site     *httptest.Server
	sims     map[string]*simulator
}

// node is one process.
type node struct {
	f       *cluster
	name    string
	binary  string
	skew    string // of its machine's clock, for a binary that knows how
	address string
	cmd     *exec.Cmd
	ended   chan struct{}
	out     *lines
}

// simulator is a provider whose requests a test may watch.
type simulator struct {
	*sim.Sim

	base   string
	before atomic.Pointer[func(*http.Request)]
}

// newCluster starts everything and as many nodes as there are skews. A node with a
// skew needs the test build.
func newCluster(t *testing.T, skews ...string) *cluster {
	t.Helper()
	f := &cluster{t: t, dir: t.TempDir(), sims: map[string]*simulator{}}
	f.redis = startRedis(t)
	f.balancer = newBalancer(t)
	for _, id := range []string{"naver", "kakao", "oidc"} {
		f.simulate(id)
	}
	secret := "secret-of-booking"
	f.site = httptest.NewUnstartedServer(nil)
	base := "http://" + f.site.Listener.Addr().String()
	site, err := sites.NewBooking(sites.SiteConfig{Base: base, Issuer: f.balancer.url, ClientID: "booking", ClientSecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	f.site.Config.Handler = site.Handler()
	f.site.Start()
	t.Cleanup(f.site.Close)
	f.run(binary, "keys", "init", "--dir", filepath.Join(f.dir, "keys"))
	skewed := ""
	for i, skew := range skews {
		n := &node{f: f, name: fmt.Sprintf("node-%d", i), binary: binary, skew: skew, address: freeAddress(t)}
		if skew != "" {
			if skewed == "" {
				skewed = filepath.Join(f.dir, "sinho-skew")
				f.run("go", "build", "-tags", "skew", "-o", skewed, "sinho/cmd/sinho")
			}
			n.binary = skewed
		}
		f.write(n, secret)
		f.nodes = append(f.nodes, n)
		f.balancer.doors = append(f.balancer.doors, &door{base: "http://" + n.address})
		t.Cleanup(n.kill)
		n.start()
	}
	f.balancer.watch(t)
	return f
}

func (f *cluster) run(name string, args ...string) {
	f.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		f.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (f *cluster) simulate(id string) {
	f.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s := &simulator{base: "http://" + server.Listener.Addr().String()}
	one, err := sim.New(sim.Config{
		ID: id, Base: s.base, ClientID: "sinho", ClientSecret: "secret-of-" + id,
		RedirectURIs: []string{f.balancer.url + "/callback/" + id}, Seed: 1,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	s.Sim = one
	handler := one.Handler()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := s.before.Load(); before != nil {
			(*before)(r)
		}
		handler.ServeHTTP(w, r)
	})
	server.Start()
	f.t.Cleanup(func() { one.Close(); server.CloseClientConnections(); server.Close() })
	f.sims[id] = s
}

// control sets a simulator's fault.
func (f *cluster) control(id, body string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, f.sims[id].base+"/control", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		f.t.Fatalf("control %s: status %d", id, resp.StatusCode)
	}
}

func (f *cluster) write(n *node, secret string) {
	f.t.Helper()
	hash := sha256.Sum256([]byte(secret))
	base := "http://" + f.site.Listener.Addr().String()
	text := fmt.Sprintf(`public_url: %s
listen: ["%s"]
metrics_listen: ""
trusted_proxies: ["127.0.0.1"]
store: redis://%s
redis: {timeout: 2s}
keys_dir: ./keys
drain: {delay: 0s, limit: 5s}
clients:
  - id: booking
    name: {ko: 예약, en: Booking}
    secret_sha256: "%s"
    redirect_uris: ["%s/callback"]
    start: %s/login
    sector: booking
providers:
  - {id: naver, client_id: sinho, secret: "${SECRET_naver}", base: %s, capacity: 1}
  - {id: kakao, client_id: sinho, secret: "${SECRET_kakao}", base: %s, capacity: 1}
  - {id: oidc, client_id: sinho, secret: "${SECRET_oidc}", issuer: %s, name: {ko: 나라, en: Nara}, capacity: 1}
`, f.balancer.url, n.address, f.redis.address, hex.EncodeToString(hash[:]), base, base,
		f.sims["naver"].base, f.sims["kakao"].base, f.sims["oidc"].base)
	if err := os.WriteFile(n.file(), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (n *node) file() string { return filepath.Join(n.f.dir, n.name+".yaml") }

// start runs the process until it says it is ready.
func (n *node) start() {
	n.f.t.Helper()
	n.out = &lines{more: make(chan struct{})}
	n.cmd = exec.Command(n.binary, "serve", "--config", n.file())
	n.cmd.Env = append(os.Environ(), "SECRET_naver=secret-of-naver", "SECRET_kakao=secret-of-kakao", "SECRET_oidc=secret-of-oidc", "SINHO_SKEW="+n.skew)
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		n.f.t.Fatal(err)
	}
	n.cmd.Stderr = n.cmd.Stdout
	if err := n.cmd.Start(); err != nil {
		n.f.t.Fatal(err)
	}
	ended, cmd, out := make(chan struct{}), n.cmd, n.out
	n.ended = ended
	go func() {
		defer close(ended)
		scan := bufio.NewScanner(stdout)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			out.add(scan.Text())
		}
		_ = cmd.Wait() // killed, mostly
	}()
	ctx, cancel := context.WithTimeout(n.f.t.Context(), time.Minute)
	defer cancel()
	if err := n.out.wait(ctx, func(s string) bool { return strings.HasPrefix(s, "ready ") }); err != nil {
		n.f.t.Fatalf("%s is not ready; it printed:\n%s", n.name, n.out.all())
	}
}

// kill is kill -9.
func (n *node) kill() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
	if n.f.t.Failed() {
		n.f.t.Logf("%s printed:\n%s", n.name, tail(n.out.all(), 40))
	}
}

func (n *node) signal(s syscall.Signal) {
	n.f.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.f.t.Fatalf("%s: %v", n.name, err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// mortalRedis forgets everything when it is stopped.
type mortalRedis struct {
	t       *testing.T
	address string
	dir     string
	cmd     *exec.Cmd
}

func startRedis(t *testing.T) *mortalRedis {
	t.Helper()
	r := &mortalRedis{t: t, address: freeAddress(t), dir: t.TempDir()}
	t.Cleanup(r.stop)
	r.start()
	return r
}

func (r *mortalRedis) start() {
	r.t.Helper()
	_, port, _ := net.SplitHostPort(r.address)
	r.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", r.dir, "--maxmemory-policy", "noeviction")
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("start redis-server (make tools installs it): %v", err)
	}
	waitFor(r.t, time.Minute, "redis-server answers", func() bool {
		_, err := r.figure("uptime_in_seconds")
		return err == nil
	})
}

func (r *mortalRedis) stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it may have ended
	_ = r.cmd.Wait()
	r.cmd = nil
}

// figure is a number of INFO.
func (r *mortalRedis) figure(name string) (float64, error) {
	c, err := net.DialTimeout("tcp", r.address, time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.WriteString(c, "INFO\r\nQUIT\r\n"); err != nil {
		return 0, err
	}
	all, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(all)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("INFO has no %s", name)
}
