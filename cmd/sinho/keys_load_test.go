package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sinho/citizen"
	"sinho/evidence"
)

// TestKeysRotateUnderLoad runs two processes of `sinho serve` on one Redis and
// one folder of keys behind a balancer that turns from one to the other at every
// request, while people log in, keys are rotated twice and the configuration is
// changed all the time, also into something that cannot be read. No ID token may
// fail to verify for a client that keeps /jwks as long as it may, and nobody may
// fail to log in.
//
// Times are short by flags: the overlap is after, /jwks is kept for keep.
func TestKeysRotateUnderLoad(t *testing.T) {
	after, calm, browsers := 9*time.Second, 2*time.Second, 2
	if evidence.Collecting() {
		after, calm, browsers = 30*time.Second, 75*time.Second, 4
	}
	const seed = 10
	e := evidence.New("keys", seed)
	defer e.Close(t)

	p := newPair(t)
	audit := &auditor{base: &http.Transport{MaxIdleConnsPerHost: 64}, jwks: p.public + "/jwks", keep: after / 3, kids: map[string]int{}, sealed: map[string]int{}}
	p.client.Transport = audit
	people := p.people(browsers, after+2*time.Second, seed)
	changes := p.change(3 * time.Second)
	for range 2 {
		pause(t, calm)
		p.rotate(after)
		pause(t, after+2*lookEvery)
	}
	pause(t, calm)
	changes.end()
	people.end()
	audit.settle(t)

	e.Figures["nodes"] = 2
	e.Figures["overlap_s"], e.Figures["jwks_kept_s"] = after.Seconds(), audit.keep.Seconds()
	e.Figures["rotations"] = 2
	e.Figures["logins"], e.Figures["login_failures"] = people.in.Load(), people.out.Load()
	e.Figures["logins_across_a_slow_provider_page"] = people.slow.Load()
	e.Figures["single_sign_ons"] = people.again.Load()
	e.Figures["id_tokens_verified"], e.Figures["verification_failures"] = audit.tokens, len(audit.failures)
	e.Figures["signing_keys_seen"] = audit.kids
	e.Figures["configurations_taken"], e.Figures["configurations_refused"] = p.count(`"msg":"configuration taken"`), p.count(`"msg":"configuration refused`)
	e.Figures["sealing_keys_seen"] = audit.sealed
	e.Must(t, people.out.Load() == 0, "a login failed")
	e.Must(t, len(audit.failures) == 0, "an ID token did not verify")
	e.Must(t, len(audit.kids) == 3, "three keys should have signed")
	e.Must(t, len(audit.sealed) == 3, "three keys should have sealed")
	e.Must(t, people.in.Load() > 20 && people.slow.Load() > 0 && people.again.Load() > 0, "too few logins to say anything")
	e.Must(t, p.count(`"msg":"configuration refused`) > 0 && p.count(`"msg":"configuration taken"`) > 4, "the configuration was not changed under load")
	for _, f := range append(audit.failures, people.failures()...) {
		t.Error(f)
	}
	if t.Failed() {
		t.Logf("node a:\n%s\nnode b:\n%s", tail(p.nodes[0].log), tail(p.nodes[1].log))
	}
}

func tail(l *lines) string {
	text := l.String()
	return text[max(0, len(text)-8000):]
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select { // what is proved here is what happens in time
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// pair is two processes behind a balancer.
type pair struct {
	*world
	binary string
	nodes  [2]*process
}

type process struct {
	address, path string
	text          string // of its configuration, without changes
	cmd           *exec.Cmd
	log           *lines
}

func newPair(t *testing.T) *pair {
	t.Helper()
	address, _ := redis(t)
	p := &pair{world: newWorld(t, "http"), binary: filepath.Join(t.TempDir(), "sinho")}
	build := exec.Command("go", "build", "-o", p.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sinho: %v\n%s", err, out)
	}
	var doors []*url.URL
	for i, name := range []string{"a", "b"} {
		n := &process{address: freeAddress(t), path: filepath.Join(p.dir, name+".yaml"), log: newLines()}
		n.text = p.text("redis: {password: hush}\ninsecure_sample: true\n",
			"./data/sinho.db", "redis://"+address, fmt.Sprintf("listen: [%q]", p.door.Addr()), fmt.Sprintf("listen: [%q]", n.address))
		p.nodes[i] = n
		n.write(t, n.text)
		p.start(n)
		doors = append(doors, &url.URL{Scheme: "http", Host: n.address})
	}
	var turn atomic.Uint64
	balancer := &http.Server{ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(doors[turn.Add(1)%2])
			r.Out.Host = r.In.Host
		},
	}}
	served := make(chan error, 1)
	go func() { served <- balancer.Serve(p.door) }()
	t.Cleanup(func() {
		balancer.Close()
		<-served
	})
	return p
}

// start runs the node and demands a clean end when the test is over.
func (p *pair) start(n *process) {
	p.t.Helper()
	ready := newLines()
	n.cmd = exec.Command(p.binary, "serve", "--config", n.path)
	n.cmd.Env = append(os.Environ(), "SECRET_naver=secret-of-naver", "SECRET_oidc=secret-of-oidc")
	n.cmd.Stdout, n.cmd.Stderr = ready, n.log
	if err := n.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			p.t.Errorf("serve ended with %v; its log:\n%s", err, n.log)
		}
	})
	ready.wait(p.t, ended, "ready "+p.public)
}

// write replaces the configuration of a node.
func (n *process) write(t *testing.T, text string) {
	t.Helper()
	writeFile(t, n.path+".new", text)
	if err := os.Rename(n.path+".new", n.path); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) count(part string) int { return p.nodes[0].log.count(part) + p.nodes[1].log.count(part) }

// rotate is the operator's command, with an overlap that only a test may have.
func (p *pair) rotate(after time.Duration) {
	p.t.Helper()
	cmd := exec.Command(p.binary, "keys", "rotate", "--dir", filepath.Join(p.dir, "keys"), "--after", after.String(), "--force")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Errorf("rotate: %v\n%s", err, out)
	}
}

// background is something that goes on until it is ended.
type background struct {
	stop chan struct{}
	done sync.WaitGroup
}

func (b *background) end() {
	close(b.stop)
	b.done.Wait()
}

func (b *background) stopped() bool {
	select {
	case <-b.stop:
		return true
	default:
		return false
	}
}

// change writes another configuration for one of the nodes again and again; each
// fourth cannot be taken. Half of the time the node is told by SIGHUP.
func (p *pair) change(every time.Duration) *background {
	b := &background{stop: make(chan struct{})}
	b.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-b.stop:
				return
			case <-tick.C:
			}
			n, more := p.nodes[i%2], fmt.Sprintf("pushes_per_minute: %d\n", 3+i%7)
			if i%4 == 3 {
				more = "pushes: 3\n"
			}
			n.write(p.t, n.text+more)
			if i%2 == 0 {
				_ = n.cmd.Process.Signal(syscall.SIGHUP)
			}
		}
	})
	return b
}

// people log in until they are ended; then each ends what they have begun.
type people struct {
	background
	in, out, slow, again atomic.Int64

	mu  sync.Mutex // guards why
	why []string
}

func (p *people) failures() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why
}

// people are so many who log in at once, as many who look at the provider's page
// for up to long, and one who has a session and uses it.
func (p *pair) people(browsers int, long time.Duration, seed uint64) *people {
	all := &people{background: background{stop: make(chan struct{})}}
	policies := []citizen.Policy{citizen.Named("naver"), citizen.Named("oidc")}
	for i := range 2 * browsers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		all.done.Go(func() {
			for n := i; !all.stopped(); n++ {
				w := citizen.Walk{Start: p.site.URL + "/", Choose: policies[n%2]}
				if i%2 == 1 {
					w.Think = func() time.Duration { return time.Duration(random.Int64N(int64(long))) }
				}
				out := all.walk(p, citizen.New(citizen.Config{Transport: p.client.Transport}), w)
				if out.In && i%2 == 1 {
					all.slow.Add(1)
				}
			}
		})
	}
	all.done.Go(func() {
		first := citizen.New(citizen.Config{Transport: p.client.Transport})
		all.walk(p, first, citizen.Walk{Start: p.site.URL + "/", Choose: policies[0]})
		for !all.stopped() {
			pause(p.t, time.Second)
			all.use(p, first)
		}
	})
	return all
}

// walk is one login; its patience ends a minute after the slowest provider.
func (p *people) walk(w *pair, b *citizen.Browser, walk citizen.Walk) citizen.Outcome {
	out := citizen.Login(w.t.Context(), b, walk)
	if out.In {
		p.in.Add(1)
		return out
	}
	p.out.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why = append(p.why, fmt.Sprintf("login by %s: got %s (%v) after %v, want it in", out.Provider, out.Why, out.Err, out.Tries))
	return out
}

// use asks the broker for a code on the strength of a session alone.
func (p *people) use(w *pair, b *citizen.Browser) {
	page, err := b.Open(w.t.Context(), w.site.URL+"/login")
	if err != nil || page == nil || page.Status != http.StatusOK || page.URL.Host != w.site.Listener.Addr().String() {
		p.out.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.why = append(p.why, fmt.Sprintf("single sign-on: got %v, %+v, want to be at the site", err, page))
		return
	}
	p.again.Add(1)
}
