package broker

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
	"sinho/seal"
)

const (
	issuer   = "https://login.example"
	callback = "https://booking.example/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
	pkce     = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	secret   = "booking-secret-booking-secret-booking-secret"
	phone    = "01000000000"
)

var aCI = providers.NewCI(strings.Repeat("Q0kx", 22))

var testKeys = sync.OnceValues(keys.Generate)

// clock is the test's own; everything in this package takes it as an argument.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a broker with everything around it.
type world struct {
	t                  testing.TB
	cfg                Config
	b                  *Broker
	h                  http.Handler
	store              *memory
	clock              *clock
	logs               *logBuffer
	naver, kakao, pass *vendor
	disabled           map[string]bool
	admit              map[string]string
	mu                 sync.Mutex // guards trips
	trips              []string
	lastErr            *providers.Error
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func testClients(t testing.TB) *client.Registry {
	t.Helper()
	r, err := client.NewRegistry(
		client.Client{
			ID: "booking", SecretHash: sha256.Sum256([]byte(secret)), Name: providers.Text{KO: "예약", EN: "Booking"},
			RedirectURIs: []string{callback}, PostLogoutURIs: []string{"https://booking.example/bye"}, Start: "https://booking.example/start",
		},
		client.Client{
			ID: "school", SecretHash: sha256.Sum256([]byte(secret + "2")), Name: providers.Text{KO: "학교", EN: "School"},
			RedirectURIs: []string{"https://school.example/cb?x=1"}, Algorithm: "RS256",
		},
		client.Client{
			ID: "app", Public: true, Native: true, Name: providers.Text{KO: "앱", EN: "App"},
			RedirectURIs: []string{"http://127.0.0.1/cb"},
		},
		client.Client{
			ID: "bank", SecretHash: sha256.Sum256([]byte(secret + "3")), Name: providers.Text{KO: "은행", EN: "Bank"},
			RedirectURIs: []string{"https://bank.example/cb"}, MinAssurance: providers.Verified,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newWorld(t testing.TB, tweaks ...func(*Config)) *world {
	t.Helper()
	k, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, clock: &clock{now: time.Unix(1_800_000_000, 0)}, logs: &logBuffer{},
		disabled: map[string]bool{}, admit: map[string]string{},
	}
	w.store = newMemory(w.clock.Now)
	person := providers.Identity{
		Issuer: "https://vendor.example", Subject: "upstream-subject-1", Assurance: providers.Asserted,
		Name: "홍길동", Birthdate: "1990-05-12", Gender: "male", Phone: "+821000000000", PhoneVerified: true,
		Email: "hong@example.com", Nickname: "길동이", Picture: "https://img.example/1.png",
	}
	w.naver = &vendor{info: providers.Info{ID: "naver", Shape: providers.Redirect, Assurance: providers.Asserted, Fresh: providers.FreshRequested}, who: person}
	w.kakao = &vendor{info: providers.Info{ID: "kakao", Shape: providers.Redirect, Assurance: providers.Asserted, AssertsCI: true}, who: person}
	w.kakao.who.Subject, w.kakao.who.CI = "kakao-subject", aCI
	w.pass = &vendor{info: providers.Info{ID: "pass", Shape: providers.Push, Assurance: providers.Verified, AssertsCI: true, Fresh: providers.FreshProved}, who: person, progress: providers.Waiting}
	w.pass.who.Subject, w.pass.who.CI, w.pass.who.Assurance = "pass-subject", aCI, providers.Verified
	w.cfg = Config{
		Issuer: issuer, Clients: testClients(t), Keys: k, Ring: ring, Pepper: []byte(strings.Repeat("p", 32)), Store: w.store,
		Providers: []providers.Provider{redirector{w.naver}, redirector{w.kakao}, pusher{w.pass}},
		Log:       slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: w.clock.Now,
		Hooks: Hooks{
			Disabled: func(p string) bool { return w.disabled[p] },
			Admit:    func(p string) string { return w.admit[p] },
			Light:    func(string) string { return "green" },
			Started:  w.trip("started"), Returned: w.trip("returned"), Ended: w.trip("ended"),
		},
	}
	for _, tweak := range tweaks {
		tweak(&w.cfg)
	}
	w.b = w.node()
	w.h = w.b.Handler()
	return w
}

// node is one more broker with the same configuration and store.
func (w *world) node() *Broker {
	w.t.Helper()
	b, err := New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) trip(what string) func(Trip) {
	return func(t Trip) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if t.Err != nil {
			what := what + ":" + t.Err.Class.String()
			w.lastErr = t.Err
			w.trips = append(w.trips, what)
			return
		}
		if what == "ended" && t.Returned.IsZero() {
			what = "ended without a return"
		}
		w.trips = append(w.trips, what)
	}
}

func (w *world) travelled() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.trips, " ")
	w.trips = nil
	return s
}
