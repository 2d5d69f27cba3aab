package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/citizen"
	"sinho/deploy/haproxy"
)

// runProgram runs a real program until the test ends, and returns when it has
// written a line with ready in it. Without ready it does not wait.
func runProgram(t *testing.T, ready, name string, args ...string) *lines {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := newLines()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (make tools installs it): %v", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	if ready != "" {
		out.wait(t, ended, ready)
	}
	return out
}

// freeAddress is a loopback address nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// replaced puts what is here in the place of what stands in an example; each
// must stand there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the example has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// balancer is one of the examples, started before three nodes: HTTPS at secure,
// HTTP at plain. dir has cert.pem and key.pem.
type balancer struct {
	name  string
	start func(t *testing.T, dir, plain, secure string, nodes []string)
}

func balancers() []balancer {
	return []balancer{{"HAProxy", startHAProxy}, {"nginx", startNginx}}
}

func startHAProxy(t *testing.T, dir, plain, secure string, nodes []string) {
	t.Helper()
	haproxy.Start(t, haproxy.Place{Plain: plain, Secure: secure, Certificate: chained(t, dir), Nodes: [3]string(nodes)})
}

// chained is chain and key together, as HAProxy wants them.
func chained(t *testing.T, dir string) (both []byte) {
	t.Helper()
	for _, name := range []string{"cert.pem", "key.pem"} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, body...)
	}
	return both
}

func startNginx(t *testing.T, dir, plain, secure string, nodes []string) {
	t.Helper()
	text := replaced(t, deployed(t, "nginx/sinho.conf"),
		"listen 80;", "listen "+plain+";", "listen 443 ssl", "listen "+secure+" ssl",
		"/etc/nginx/certs/fullchain.pem", filepath.Join(dir, "cert.pem"), "/etc/nginx/certs/privkey.pem", filepath.Join(dir, "key.pem"),
		"/var/log/nginx/sinho.log", filepath.Join(dir, "access.log"),
		"10.0.0.11:8080", nodes[0], "10.0.0.12:8080", nodes[1], "10.0.0.13:8080", nodes[2],
		"https://id.example.kr$request_uri", "https://"+secure+"$request_uri")
	writeFile(t, filepath.Join(dir, "sinho.conf"), text)
	frame := "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n"
	if os.Getuid() == 0 {
		frame = "user root;\n" + frame // the test's folder is root's
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		frame += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	path := filepath.Join(dir, "nginx.conf")
	writeFile(t, path, frame+"include sinho.conf;\n}\n")
	args := []string{"-p", dir, "-c", path, "-e", "stderr"}
	if out, err := exec.CommandContext(t.Context(), "nginx", append(args, "-t")...).CombinedOutput(); err != nil || strings.Contains(string(out), "[warn]") {
		t.Fatalf("nginx -t (make tools installs it): %v\n%s", err, out)
	}
	runProgram(t, "", "nginx", args...)
	reach(t, plain, secure)
}

// reach waits until somebody listens at each address.
func reach(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		for {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-t.Context().Done():
				t.Fatal("nobody listens at " + address)
			}
		}
	}
}

// nodesOn is nodes that share a Redis, behind whatever answers at w.public.
func (w *world) nodesOn(redis string, n int) (nodes []*running, addresses []string) {
	w.t.Helper()
	writeFile(w.t, filepath.Join(w.dir, "redis.txt"), "hush")
	for i := range n {
		one := *w
		one.path = filepath.Join(w.dir, fmt.Sprintf("node%d.yaml", i+1))
		var err error
		if one.door, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			w.t.Fatal(err)
		}
		one.write(one.text("trusted_proxies: [127.0.0.1]\nredis: {password_file: redis.txt}\n", "./data/sinho.db", "redis://"+redis))
		nodes, addresses = append(nodes, one.serve()), append(addresses, one.door.Addr().String())
	}
	return nodes, addresses
}

func TestPeopleLogInThroughTheBalancers(t *testing.T) {
	for _, b := range balancers() {
		t.Run(b.name, func(t *testing.T) {
			redis, _ := redis(t)
			w := newWorld(t, "https")
			secure, plain := w.door.Addr().String(), freeAddress(t)
			w.door.Close() // the balancer takes it
			w.trust(&tls.Config{RootCAs: w.certify(1, time.Now().Add(time.Hour))})
			nodes, addresses := w.nodesOn(redis, 3)
			b.start(t, w.dir, plain, secure, addresses)

			for i := range 6 { // more than there are nodes
				if out := w.login(t.Context(), citizen.Named([]string{"naver", "oidc"}[i%2])); !out.In {
					t.Fatalf("login %d: got %s (%v) after %v, want it in", i, out.Why, out.Err, out.Tries)
				}
			}
			w.secureCookies()
			w.plainLeadsToTLS(plain)
			w.lightsBySocket()

			nodes[1].end() // one node goes: whoever comes next notices nothing
			for i := range 6 {
				if out := w.login(t.Context(), citizen.Named([]string{"naver", "oidc"}[i%2])); !out.In {
					t.Errorf("login %d without a node: got %s (%v) after %v, want it in", i, out.Why, out.Err, out.Tries)
				}
			}
		})
	}
}

// secureCookies looks at what a browser is given on its way in.
func (w *world) secureCookies() {
	w.t.Helper()
	b := citizen.New(citizen.Config{Transport: w.client.Transport})
	page, err := b.Open(w.t.Context(), w.site.URL+"/")
	if err == nil {
		page, err = b.Click(w.t.Context(), page, "#login")
	}
	if err != nil || !strings.HasPrefix(page.URL.String(), w.public+"/login?") {
		w.t.Fatalf("got to %v (%v), want the chooser at %s", page, err, w.public)
	}
	if got := page.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		w.t.Errorf("got Strict-Transport-Security %q", got)
	}
	cookies, err := b.Cookies(w.public)
	if err != nil {
		w.t.Fatal(err)
	}
	bound := 0
	for _, c := range cookies {
		switch {
		case strings.HasPrefix(c.Name, "booking-"): // the site's: all ports share a jar
		case strings.HasPrefix(c.Name, "__Host-"):
			bound++
		default:
			w.t.Errorf("got cookie %s, want it bound to this host over TLS", c.Name)
		}
	}
	if bound == 0 {
		w.t.Error("got no cookie of the broker")
	}
}

// plainLeadsToTLS asks without TLS.
func (w *world) plainLeadsToTLS(plain string) {
	w.t.Helper()
	stay := *w.client
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := stay.Get("http://" + plain + "/login?r=x")
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusMovedPermanently || !strings.HasPrefix(to, "https://") || !strings.HasSuffix(to, "/login?r=x") {
		w.t.Errorf("got %d to %s, want 301 to https", resp.StatusCode, to)
	}
}

// lightsBySocket watches the lights over TLS, from another origin.
func (w *world) lightsBySocket() {
	w.t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: w.client.Transport.(*http.Transport).TLSClientConfig}
	conn, _, err := dialer.DialContext(w.t.Context(), "wss"+strings.TrimPrefix(w.public, "https")+"/signal/ws", http.Header{"Origin": {"https://site.example.kr"}})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, board, err := conn.ReadMessage(); err != nil || !strings.Contains(string(board), "naver") {
		w.t.Errorf("got %s (%v), want a board", board, err)
	}
}

func TestReadyAsksANode(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	w.serve()
	out := newLines()
	if err := run(t.Context(), []string{"ready", "--url", w.public + "/readyz"}, out, out); err != nil || !strings.Contains(out.String(), `"ready"`) {
		t.Errorf("got %s (%v), want ready", out, err)
	}
	if err := run(t.Context(), []string{"ready", "--url", w.public + "/nowhere"}, out, out); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want an error that says 404", err)
	}
	if err := run(t.Context(), []string{"ready", "--url", "http://" + freeAddress(t) + "/readyz"}, out, out); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want an error: nobody is there", err)
	}
}
