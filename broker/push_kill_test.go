package broker

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
	"sinho/providers/sim"
	"sinho/seal"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/shared"
)

// doomedNode, when set, makes this test binary the node that is killed: it holds
// a doomed as JSON.
const doomedNode = "SINHO_TEST_DOOMED_NODE"

func TestMain(m *testing.M) {
	if spec := os.Getenv(doomedNode); spec != "" {
		fmt.Fprintln(os.Stderr, serveDoomed(spec))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Where the node dies by SIGKILL, on its way from the approval to the answer.
const (
	diesLeased  = "holding the lease"
	diesRead    = "the vendor has given its result"
	diesWritten = "the code is in the store"
)

// doomed is all that two processes must agree on to be nodes of one broker, and
// where the second dies.
type doomed struct {
	Vendor, Base, TossKey string
	Keys, Secret          []byte
	Redis, File           string // one of them
	Dies                  string
}

// lives is how long a lease lives here: nobody wants to wait as long as people do.
const lives = 2 * time.Second

func (d doomed) adapter() (providers.Pusher, error) {
	p, err := providers.New(providers.Settings{
		ID: d.Vendor, Base: d.Base, ClientID: "us", ClientSecret: secret, PublicKeyPEM: d.TossKey,
		Assurance: providers.Verified, AssertsCI: true,
	}, &http.Client{Timeout: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	return p.(providers.Pusher), nil
}

func (d doomed) open(ctx context.Context) (store.Store, error) {
	if d.File != "" {
		return embedded.Open(d.File, embedded.Options{Wait: 30 * time.Second})
	}
	return shared.Open(ctx, shared.Options{Addrs: []string{d.Redis}, Timeout: 30 * time.Second})
}

// configure makes cfg that of the broker both nodes belong to, but for the store.
func (d doomed) configure(cfg *Config) error {
	var err error
	if cfg.Keys, err = keys.Parse(d.Keys); err != nil {
		return err
	}
	if cfg.Ring, err = seal.NewRing("test", seal.Key{Version: 1, Secret: d.Secret}); err != nil {
		return err
	}
	cfg.Clients, err = client.NewRegistry(client.Client{
		ID: "booking", SecretHash: sha256.Sum256([]byte(secret)), Name: providers.Text{KO: "예약", EN: "Booking"}, RedirectURIs: []string{callback},
	})
	if err != nil {
		return err
	}
	vendor, err := d.adapter()
	cfg.Issuer, cfg.Pepper, cfg.Now = issuer, []byte(strings.Repeat("p", 32)), time.Now
	cfg.Providers = []providers.Provider{vendor}
	return err
}

// serveDoomed is the node: it says where it listens, and looks at pushes.
func serveDoomed(spec string) error {
	var d doomed
	if err := json.Unmarshal([]byte(spec), &d); err != nil {
		return err
	}
	var cfg Config
	if err := d.configure(&cfg); err != nil {
		return err
	}
	s, err := d.open(context.Background())
	if err != nil {
		return err
	}
	cfg.Store = dyingStore{s, d.Dies}
	cfg.Providers[0] = dyingVendor{cfg.Providers[0].(providers.Pusher), d.Dies}
	b, err := New(cfg)
	if err != nil {
		return err
	}
	b.lease = lives
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wait/{journey}", func(w http.ResponseWriter, r *http.Request) {
		step, err := b.Waiting(w, r, r.PathValue("journey"))
		fmt.Fprintln(w, step.Redirect, err)
	})
	return http.Serve(l, mux)
}

// die is kill -9.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

type dyingVendor struct {
	providers.Pusher
	at string
}

func (v dyingVendor) Result(ctx context.Context, p providers.Pending) (providers.Identity, error) {
	if v.at == diesLeased {
		die()
	}
	who, err := v.Pusher.Result(ctx, p)
	if v.at == diesRead && err == nil {
		die()
	}
	return who, err
}

type dyingStore struct {
	store.Store
	at string
}

func (s dyingStore) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	out, err := s.Store.Apply(ctx, shard, attempt, durable, ops...)
	if s.at == diesWritten && err == nil && ops[0].Key != "lease" {
		die()
	}
	return out, err
}

// A node is killed between the result of a push, which PASS gives once and Toss
// twice, and the answer to the site. Another node on the same store, or the same
// one started anew on the same file, finishes the login or asks for one more tap.
func TestANodeKilledBetweenAResultAndTheAnswer(t *testing.T) {
	var wg sync.WaitGroup // all at once: they mostly wait
	defer wg.Wait()
	for _, vendor := range []string{"pass", "toss"} {
		for _, dies := range []string{diesLeased, diesRead, diesWritten} {
			for _, kept := range []string{"redis", "file"} {
				// What was read once is gone, and so is a code of a store that began anew.
				// Where the file had not heard of the code yet, Toss tells the rest again.
				again := vendor == "pass" && dies != diesLeased
				either := vendor == "toss" && dies == diesWritten && kept == "file"
				wg.Go(func() {
					t.Run(vendor+", "+dies+", "+kept, func(t *testing.T) { testKilled(t, vendor, dies, kept, again, either) })
				})
			}
		}
	}
}

func testKilled(t *testing.T, vendor, dies, kept string, again, either bool) {
	d := doomed{Vendor: vendor, Dies: dies, Secret: []byte(strings.Repeat("k", seal.KeySize))}
	if kept == "redis" {
		d.Redis = startRedis(t)
	} else {
		d.File = filepath.Join(t.TempDir(), "live.db")
	}
	startVendor(t, &d, sim.Auto)
	all, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	if d.Keys, err = all.Marshal(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(cfg *Config) {
		if err := d.configure(cfg); err != nil {
			t.Fatal(err)
		}
	})
	br := w.browser()
	first := sim.People()[0]
	who := &providers.Contact{Name: first.Name, Birthdate: strings.ReplaceAll(first.Birthdate, "-", ""), Phone: first.Phone}
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), vendor, who))) // needs no store

	killed(t, d, br, name)

	w.cfg.Store, err = d.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cfg.Store.Close() })
	w.b = w.node()
	w.b.lease, w.h, br.b, br.h = lives, w.b.Handler(), w.b, w.b.Handler()
	s := ledOn(t, br, name)
	if again || either && !strings.HasPrefix(s.Redirect, callback) { // the result is gone with the node; the request is not
		r := w.wantNotice(s, nil, NoticeAgain)
		name = journeyOf(t, must2(t)(br.begin(r, vendor, who)))
		s = ledOn(t, br, name)
	}
	if !strings.HasPrefix(s.Redirect, callback) {
		t.Fatalf("got %s, want the site", s.Redirect)
	}
	tok := w.redeem(s.Redirect)
	if c := w.claims(tok); c.ACR != ACRVerifiedFresh || c.Subject == "" {
		t.Errorf("got %+v, want the person, verified", c)
	}
	if rec := w.post("/token", codeForm(query(t, s.Redirect).Get("code")), "booking", secret); decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("the code again: got %d %s, want invalid_grant", rec.Code, rec.Body)
	}
}

// startVendor starts the simulator of d's vendor, whose phones approve so.
func startVendor(t *testing.T, d *doomed, approve sim.Approve) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	d.Base = "http://" + server.Listener.Addr().String()
	control := sim.Defaults()
	control.LatencyMS, control.Approve = 0, approve
	s, err := sim.New(sim.Config{ID: d.Vendor, Base: d.Base, ClientID: "us", ClientSecret: secret, Control: &control})
	if err != nil {
		t.Fatal(err)
	}
	d.TossKey = string(s.TossPublicKey())
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(func() { s.Close(); server.Close() })
}

// killed runs the doomed node and looks at the push there until it is dead.
func killed(t *testing.T, d doomed, br *browser, journey string) {
	t.Helper()
	spec, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), doomedNode+"="+string(spec))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it is dead, unless the test has failed
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the node does not start: %v %s", cmd.Wait(), complaints.String())
	}
	for {
		r := br.request(http.MethodGet, "http://"+lines.Text()+"/wait/"+journey, nil)
		r.RequestURI = ""
		resp, err := http.DefaultClient.Do(r.WithContext(t.Context()))
		if err != nil {
			break // no answer: it has died on this one
		}
		said, err := bufio.NewReader(resp.Body).ReadString('\n')
		_ = resp.Body.Close()
		if err != nil || strings.TrimSpace(said) != "<nil>" {
			t.Fatalf("the node answered %q %v, want it to be waiting", said, err)
		}
		pause(t)
	}
	_, _ = bufio.NewReader(out).ReadString(0)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the node ended by %v, want SIGKILL: %s", err, complaints.String())
	}
}

// ledOn looks at a push, as the page does, until it leads somewhere.
func ledOn(t *testing.T, br *browser, journey string) Step {
	t.Helper()
	for {
		s := must2(t)(br.waiting(journey))
		if s.Wait == nil {
			return s
		}
		pause(t)
	}
}

// pause is between two looks.
func pause(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
