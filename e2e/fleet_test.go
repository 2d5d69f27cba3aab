package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sinho/citizen"
	sites "sinho/demo"
	"sinho/deploy/haproxy"
	"sinho/store/redistest"
)

// plan is what a fleet is to be.
type plan struct {
	nodes int
	skews map[int]string // how far the machine of a node is off
	store string         // in the settings
	more  string         // settings: redis and drain among them
	// shipped: behind HAProxy with the files of deploy, instead of a balancer that
	// a test can lead.
	shipped bool
	latency int // of the simulators, in ms
	// metrics: each node has a listener for them.
	metrics bool
	// edit makes of the simulators' settings what they are to be; nil: as they are.
	edit func(settings string) string
	// changes are pairs of what to replace by what in the settings.
	changes []string
}

// fleet is several nodes of `sinho serve` as they are in the field: behind a
// balancer, on one store, with providers and sites around them.
type fleet struct {
	*apart

	nodes     []*node
	balancer  *balancer       // nil if shipped
	transport *http.Transport // of whoever comes
	site      *httptest.Server
}

// node is one of them; process is nil while it was never started.
type node struct {
	*process

	f                     *fleet
	name, address, binary string
	env                   []string
	path                  string // of its settings
	metrics               string // address, "" for none
}

func newFleet(t *testing.T, p plan) *fleet {
	t.Helper()
	scheme := "http"
	if p.shipped {
		scheme = "https"
	}
	f := &fleet{apart: newApart(t, scheme, p.latency), transport: sites.SharedTransport()}
	t.Cleanup(f.transport.CloseIdleConnections)
	if p.edit != nil {
		f.config = p.edit(f.config)
	}
	p.changes = append(p.changes, "clients:\n", "clients:\n"+f.booking(), "store: ./data/sinho.db", "store: "+p.store)
	for i := range p.nodes {
		f.nodes = append(f.nodes, f.node(i, p))
	}
	if p.shipped {
		f.shipped()
	} else {
		f.balancer = newBalancer(t, f.port(0), f.nodes)
	}
	for _, n := range f.nodes {
		n.start()
	}
	if f.balancer != nil {
		f.balancer.watch(t)
	}
	waitFor(t, time.Minute, "the door is open", func() bool {
		resp, err := f.client().Get(f.issuer + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return f
}

// port is the address of a place by its offset from the base: the balancer at 0,
// nodes from 4 on, the simulators where a demo has them.
func (f *fleet) port(offset int) string { return fmt.Sprintf("127.0.0.1:%d", f.base+offset) }

func (f *fleet) client() *http.Client {
	return &http.Client{Transport: f.transport, Timeout: 15 * time.Second}
}

// shipped starts HAProxy before three nodes, and has everybody trust it.
func (f *fleet) shipped() {
	f.t.Helper()
	cert, key := redistest.SelfSigned(f.t)
	f.env = append(f.env, "SSL_CERT_FILE="+writeFile(f.t, filepath.Join(f.dir, "door.pem"), string(cert)))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	f.transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	place := haproxy.Place{Plain: f.port(9), Secure: f.port(0), Certificate: append(cert, key...)}
	for i, n := range f.nodes {
		place.Nodes[i] = n.address
	}
	haproxy.Start(f.t, place)
}

// booking starts a site, and returns its client as it stands in the settings.
func (f *fleet) booking() string {
	f.t.Helper()
	f.site = httptest.NewUnstartedServer(nil)
	base, secret := "http://"+f.site.Listener.Addr().String(), "secret-of-booking"
	site, err := sites.NewBooking(sites.SiteConfig{Base: base, Issuer: f.issuer, ClientID: "booking", ClientSecret: secret, Client: f.client()})
	if err != nil {
		f.t.Fatal(err)
	}
	f.site.Config.Handler = site.Handler()
	f.site.Start()
	f.t.Cleanup(f.site.Close)
	hash := sha256.Sum256([]byte(secret))
	return fmt.Sprintf(`  - id: booking
    name: {ko: 예약, en: Booking}
    secret_sha256: "%s"
    redirect_uris: ["%s/callback"]
    start: %s/login
    sector: booking
`, hex.EncodeToString(hash[:]), base, base)
}

// node prepares one. A machine that is off needs the test build.
func (f *fleet) node(i int, p plan) *node {
	f.t.Helper()
	n := &node{f: f, name: fmt.Sprintf("node-%d", i), address: f.port(4 + i), binary: binary}
	if skew := p.skews[i]; skew != "" {
		n.env = []string{"SINHO_SKEW=" + skew}
		n.binary = filepath.Join(f.dir, "sinho-skew")
		if out, err := exec.Command("go", "build", "-tags", "skew", "-o", n.binary, "sinho/cmd/sinho").CombinedOutput(); err != nil {
			f.t.Fatalf("build with skew: %v\n%s", err, out)
		}
	}
	metrics := ""
	if p.metrics {
		n.metrics = fmt.Sprintf("127.0.0.1:%d", freePort(f.t))
		metrics = n.metrics
	}
	n.path = f.write(n.name, fmt.Sprintf("metrics_listen: %q\n", metrics)+"trusted_proxies: [127.0.0.1]\n"+p.more,
		append(p.changes, fmt.Sprintf(`listen: ["127.0.0.1:%d"]`, f.base), fmt.Sprintf("listen: [%q]", n.address))...)
	return n
}

// start runs the process until it says it is ready. It is killed with the test,
// for it would take its drain.delay to leave.
func (n *node) start() {
	n.f.t.Helper()
	defer n.f.t.Cleanup(n.kill)
	n.process = launch(n.f.t, append(n.env, n.f.env...), "ready ", n.binary, "serve", "--config", n.path)
}

// kill is kill -9.
func (n *node) kill() { n.end(syscall.SIGKILL) }

func (n *node) signal(s syscall.Signal) {
	n.f.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.f.t.Fatalf("%s: %v", n.name, err)
	}
}

// board is what a node shows at /signal, nil while it does not answer.
func (n *node) board() (board map[string]any) {
	client := &http.Client{Timeout: time.Second}
	resp, err := client.Get("http://" + n.address + "/signal")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&board) != nil {
		return nil
	}
	return board
}

// locals is how many nodes say that they go by themselves.
func (f *fleet) locals() (count int) {
	for _, n := range f.nodes {
		if local, said := n.board()["local"].(bool); said && local {
			count++
		}
	}
	return count
}

// login is one at the booking site.
func (f *fleet) login(w citizen.Walk) citizen.Outcome {
	w.Start, w.Person = f.site.URL+"/", citizen.People()[0]
	return citizen.Login(f.t.Context(), citizen.New(citizen.Config{Transport: f.transport}), w)
}

// serving is where a handler answers until the test is over.
func serving(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
