package sim

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	testClient = "sinho"
	testSecret = "s3cret&with=signs"
	testBack   = "http://client.test/callback"
)

func config(id string) Config {
	return Config{
		ID: id, Base: "http://sim.test", ClientID: testClient, ClientSecret: testSecret,
		ClientName: "신호", RedirectURIs: []string{testBack}, Seed: 1, Control: &Control{CapacityPerS: maxCapacity, Approve: Auto},
	}
}

// build makes a simulator that is not listening.
func build(t *testing.T, cfg Config) *Sim {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// start makes a simulator and serves it on a port of its own.
func start(t *testing.T, cfg Config) (*Sim, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	cfg.Base = "http://" + server.Listener.Addr().String()
	s, err := New(cfg)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(func() { s.Close(); server.Close() })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s, client
}

// result of one request to a handler, without a network.
type result struct {
	status  int
	body    string
	header  http.Header
	dropped bool // the connection was closed without an answer
	took    time.Duration
}

// ask lets s answer r.
func ask(s *Sim, r *http.Request) (res result) {
	begun := time.Now()
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // the value panicked with
				panic(p)
			}
			res = result{dropped: true}
		}
		res.took = time.Since(begun)
	}()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return result{status: w.Code, body: w.Body.String(), header: w.Header()}
}

func get(s *Sim, path string) result {
	return ask(s, httptest.NewRequest(http.MethodGet, path, nil))
}

func postForm(s *Sim, path string, form url.Values) result {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(s, r)
}

func put(s *Sim, body string) result {
	return ask(s, httptest.NewRequest(http.MethodPut, "/control", strings.NewReader(body)))
}

// control sets the control or fails the test.
func control(t *testing.T, s *Sim, body string) {
	t.Helper()
	if res := put(s, body); res.status != http.StatusOK {
		t.Fatalf("put control %s: got %d %s, want 200", body, res.status, res.body)
	}
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return string(b)
}

func TestEveryMistakeInTheConfigurationIsReportedAtOnce(t *testing.T) {
	_, err := New(Config{ID: "google", Base: "http://localhost:1/", Control: &Control{}, RedirectURIs: []string{"/relative"}})
	if err == nil {
		t.Fatal("got no error, want one")
	}
	for _, want := range []string{"ID must be", "Base", "ClientID and ClientSecret", "/relative", "Control"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %q", err, want)
		}
	}
	if _, err := New(Config{ID: "kakao", Base: "http://localhost:1", ClientID: "a", ClientSecret: "b"}); err == nil {
		t.Error("got a redirect simulator without redirect URIs, want an error")
	}
	if _, err := New(Config{ID: "pass", Base: "http://localhost:1", ClientID: "a", ClientSecret: "b"}); err != nil {
		t.Errorf("got %v for a push simulator, want it to need no redirect URI", err)
	}
}

func TestPeopleAreTheSameEverywhere(t *testing.T) {
	people := Everybody()
	if len(People()) != 8 || people[0].Name != "홍길동" || people[0].Family != "홍" || people[0].Given != "길동" {
		t.Fatalf("got %+v, want eight people and others, with 홍길동 first", people)
	}
	seen := map[string]bool{}
	for k, p := range people {
		if len(p.CI) != 88 || seen[p.CI] {
			t.Errorf("person %d: got a CI of %d characters (seen before: %t), want 88 of their own", k, len(p.CI), seen[p.CI])
		}
		seen[p.CI] = true
		if got, ok := find(people, p.Name, p.digits(), p.Phone); !ok || got != k {
			t.Errorf("find %s: got %d, %t, want %d", p.Name, got, ok, k)
		}
	}
	if got := people[0].age(time.Date(2021, 5, 11, 0, 0, 0, 0, seoul())); got != 30 {
		t.Errorf("got age %d on the day before the birthday, want 30", got)
	}
	if _, ok := find(people, "홍길동", "19900512", "01000000001"); ok {
		t.Error("got somebody with another telephone number, want nobody")
	}
}
