package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/evidence"
)

// fleet is three nodes behind HAProxy, and a Redis with a replica under three
// Sentinels.
type fleet struct {
	*apart
	nodes           [3]*process
	ports           [3]int
	configs         [3]string
	master, replica *process
	mPort, rPort    int
	sentinel        int // port of one
}

// haproxyConfig is as little as a balancer needs: no stickiness, nodes asked
// whether they are ready, nothing sent a second time that may have been done.
const haproxyConfig = `
defaults
  mode http
  timeout connect 1s
  timeout client 70s
  timeout server 70s
  option redispatch
  retries 3
  retry-on conn-failure
  option forwardfor
  errorfile 502 %s
  errorfile 503 %s
  errorfile 504 %s
frontend door
  bind 127.0.0.1:%d
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 500ms fall 1 rise 2
%s`

// haproxyPage is what people see while no node has an answer: what happened and
// the next step, which is to load the page again.
const haproxyPage = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nRetry-After: 2\r\nConnection: close\r\n\r\n" +
	`<!doctype html><html lang="ko"><meta charset="utf-8"><title>잠시만요</title>
<h1>잠시 연결이 끊겼습니다</h1><p>입력한 것은 그대로 있습니다. 잠시 뒤 이 페이지를 새로고침해 주세요.</p>
<p lang="en">The connection was lost for a moment. Nothing you did is lost: please reload this page.</p></html>
`

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{apart: newApart(t, 20)}
	f.master, f.mPort = redisServer(t, "--repl-diskless-sync-delay", "0")
	f.replica, f.rPort = redisServer(t, "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 "+strconv.Itoa(f.mPort))
	addrs := make([]string, 3)
	for i := range addrs {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		f.sentinel = freePort(t)
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor sinho 127.0.0.1 %d 2\nsentinel down-after-milliseconds sinho 1000\nsentinel failover-timeout sinho 6000\n",
			f.sentinel, filepath.Dir(file), f.mPort)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		launch(t, "+monitor master", "redis-server", file, "--sentinel")
		addrs[i] = fmt.Sprintf("127.0.0.1:%d", f.sentinel)
	}
	waitFor(t, time.Minute, "a sentinel knows the replica and the other two", func() bool {
		said := redisCLI(f.sentinel, "sentinel", "master", "sinho")
		return strings.Contains(said, "num-slaves\n1") && strings.Contains(said, "num-other-sentinels\n2")
	})
	var servers strings.Builder
	for i := range f.nodes {
		f.ports[i] = freePort(t)
		fmt.Fprintf(&servers, "  server node%d 127.0.0.1:%d\n", i+1, f.ports[i])
		f.configs[i] = strings.NewReplacer(
			fmt.Sprintf(`listen: ["127.0.0.1:%d"]`, f.base), fmt.Sprintf(`listen: ["127.0.0.1:%d"]`, f.ports[i]),
			"store: ./data/sinho.db", "store: redis+sentinel://"+strings.Join(addrs, ",")+"/sinho",
		).Replace(f.config)
		f.nodes[i] = f.node(i)
	}
	dir := t.TempDir()
	file, page := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "again.http")
	for path, text := range map[string]string{file: fmt.Sprintf(haproxyConfig, page, page, page, f.base, servers.String()), page: haproxyPage} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	launch(t, "Loading success", "haproxy", "-W", "-f", file)
	waitFor(t, time.Minute, "the door is open", func() bool { return f.getsReady() })
	return f
}

func (f *fleet) getsReady() bool {
	resp, err := http.Get(f.issuer + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func redisCLI(port int, args ...string) string {
	out, _ := exec.Command("redis-cli", append([]string{"-p", strconv.Itoa(port)}, args...)...).Output() // judged by what it says
	return string(out)
}

// node starts a node.
func (f *fleet) node(i int) *process {
	f.t.Helper()
	original := f.config
	f.config = f.configs[i]
	defer func() { f.config = original }()
	return f.serve("node"+strconv.Itoa(i+1), "redis: {replicas: 1, replica_wait: 300ms}\ntrusted_proxies: [127.0.0.1]\ndrain: {delay: 2s, limit: 20s}\n")
}

// happening is something done to the fleet.
type happening struct {
	What string  `json:"what"`
	At   float64 `json:"at_s"`
	Took float64 `json:"took_s"`
}

// TestLoginsOutliveNodesAndRedis is `make evidence-failover`: logins at a steady
// rate while one node is killed and comes back, another is drained and comes
// back, and Redis fails over. Nobody may be lost: whoever does not get in at
// once gets a page or an answer with a next step, takes it, and is in.
func TestLoginsOutliveNodesAndRedis(t *testing.T) {
	rate, phase := 150, 30*time.Second
	if !evidence.Collecting() {
		rate, phase = 25, 6*time.Second
	}
	phase = min(phase, spanOf(t, 5*phase)/5)
	e := evidence.New("failover", 1)
	defer e.Close(t)
	f := newFleet(t)
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
	happen("node 1 killed (SIGKILL)", func() { f.nodes[0].end(syscall.SIGKILL) })
	happen("node 1 started again", func() { f.nodes[0] = f.node(0) })
	until(2)
	happen("node 2 drained (SIGTERM) until it ended", func() { f.nodes[1].end(syscall.SIGTERM) })
	happen("node 2 started again", func() { f.nodes[1] = f.node(1) })
	until(3)
	happen("Redis killed until its replica leads", func() {
		f.master.end(syscall.SIGKILL)
		waitFor(t, time.Minute, "the replica leads", func() bool { return strings.Contains(redisCLI(f.rPort, "role"), "master") })
	})
	happen("the old Redis started again as a replica", func() {
		launch(t, "MASTER <-> REPLICA sync: Finished", "redis-server", "--port", strconv.Itoa(f.mPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
			"--dir", t.TempDir(), "--replicaof", "127.0.0.1 "+strconv.Itoa(f.rPort))
	})
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
