package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinho/config"
	"sinho/store"
	"sinho/store/embedded"
)

// generations makes one generation of each text, each after the one before.
func (w *world) generations(texts ...string) []*generation {
	w.t.Helper()
	sec, err := openVault(filepath.Join(w.dir, "keys"))
	if err != nil {
		w.t.Fatal(err)
	}
	st, err := embedded.Open(filepath.Join(w.t.TempDir(), "sinho.db"), embedded.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { st.Close() })
	all := []*generation{nil}
	for _, text := range texts {
		w.write(text)
		cfg, err := config.Load(w.path, w.env)
		if err != nil {
			w.t.Fatal(err)
		}
		g, err := nextGeneration(context.Background(), cfg, all[len(all)-1], sec, outside{store: st, stands: newStanding(nil)}, slog.New(slog.DiscardHandler))
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, g)
	}
	return all[1:]
}

func TestLightsAndAdaptersStayWhenNothingAboutThemChanges(t *testing.T) {
	w := newWorld(t, "http")
	for _, tc := range []struct {
		name           string
		text           string
		lights, naver  bool // the same as before
		oidc, newClass bool
	}{
		{name: "nothing", text: w.text(""), lights: true, naver: true, oidc: true},
		{name: "a client", text: w.text("", "Booking", "Bookings"), lights: true, naver: true, oidc: true},
		{name: "notes and pushes", text: w.text("pushes_per_minute: 9\n", "capacity: 1}", "notes: x}"), lights: true, naver: true, oidc: true},
		{name: "one provider's scopes", text: w.text("", "issuer:", "scopes: [openid, email], issuer:"), lights: true, naver: true},
		{name: "a capacity", text: w.text("", "capacity: 1", "capacity: 2")},
		{name: "a name", text: w.text("", "Nara", "Nara ID")},
		{name: "the order", text: w.text("", "capacity: 1", "order: 5")},
		{name: "one that is gone", text: w.text("", "capacity: 1", "enabled: false")},
	} {
		t.Run("after a change of "+tc.name, func(t *testing.T) {
			w.t = t
			all := w.generations(w.text(""), tc.text)
			before, after := all[0], all[1]
			if got := before.lights == after.lights; got != tc.lights || after.newborn == tc.lights {
				t.Errorf("got the same lights: %t, newborn: %t; want the same: %t", got, after.newborn, tc.lights)
			}
			if !tc.lights {
				return
			}
			if got := before.adapters[0] == after.adapters[0]; got != tc.naver {
				t.Errorf("naver: got the same adapter: %t, want %t", got, tc.naver)
			}
			if got := before.adapters[1] == after.adapters[1]; got != tc.oidc {
				t.Errorf("oidc: got the same adapter: %t, want %t", got, tc.oidc)
			}
		})
	}
}

// moody is a store whose answers a test decides.
type moody struct {
	store.Store

	err   error // of Apply: where nothing can be written, reading may go well
	read  error
	asked int
}

func (m *moody) Read(context.Context, store.Shard, string) ([]byte, error) {
	return []byte{1}, m.read
}

func (m *moody) Apply(context.Context, store.Shard, store.Attempt, bool, ...store.Op) (store.Outcome, error) {
	m.asked++
	return store.Outcome{}, m.err
}

func TestReadinessFollowsTheStoreAndAsksItOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{}
		h := &health{store: m, durability: "best-effort", now: time.Now}
		mux := http.NewServeMux()
		h.routes(mux)
		at := func(path string) (int, string) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w.Code, strings.TrimSpace(w.Body.String())
		}
		ask := func() (int, string) { return at("/readyz") }
		for range 5 {
			if code, body := ask(); code != 200 || body != `{"status":"ready","durability":"best-effort"}` {
				t.Errorf("got %d %s, want 200 and best-effort", code, body)
			}
		}
		if m.asked != 1 {
			t.Errorf("the store was asked %d times within a second, want once", m.asked)
		}
		m.err = errors.New("gone")
		time.Sleep(readyEvery) // the bubble's clock
		if code, body := ask(); code != 503 || body != `{"status":"store","durability":"best-effort"}` {
			t.Errorf("got %d %s, want 503 for the store", code, body)
		}
		time.Sleep(readyEvery)
		asked := m.asked
		if code, body := at("/readyz?exclude=store"); code != 200 || body != `{"status":"ready","durability":"best-effort"}` || m.asked != asked {
			t.Errorf("without the store: got %d %s after asking it %d times, want 200 and it not asked", code, body, m.asked-asked)
		}
		m.err = nil
		time.Sleep(readyEvery)
		if code, _ := ask(); code != 200 {
			t.Errorf("got %d after the store came back, want 200", code)
		}
		h.leaving.Store(true)
		for _, path := range []string{"/readyz", "/readyz?exclude=store"} {
			if code, body := at(path); code != 503 || body != `{"status":"draining","durability":"best-effort"}` {
				t.Errorf("%s of a node that leaves: got %d %s, want 503", path, code, body)
			}
		}
	})
}

func TestAttackForwardedHeadersOfStrangers(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, tc := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"a stranger's claim", "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9:4000"},
		{"one proxy", "10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"two proxies", "10.0.0.1:4000", []string{"198.51.100.1, 10.2.3.4"}, "198.51.100.1:0"},
		{"what somebody put before", "10.0.0.1:4000", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1:0"},
		{"rubbish before the asker", "10.0.0.1:4000", []string{"unknown, 198.51.100.1"}, "198.51.100.1:0"},
		{"rubbish as the asker", "10.0.0.1:4000", []string{"198.51.100.1, unknown"}, "10.0.0.1:4000"},
		{"nothing forwarded", "10.0.0.1:4000", nil, "10.0.0.1:4000"},
		{"a proxy by IPv6", "[::1]:4000", []string{"2001:db8::7"}, "[2001:db8::7]:0"},
		{"a mapped address", "[::ffff:10.0.0.1]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.peer
			r.Header["X-Forwarded-For"] = tc.forwarded
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("Forwarded", "for=1.1.1.1")
			behindProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.RemoteAddr != tc.want {
					t.Errorf("got %s, want %s", r.RemoteAddr, tc.want)
				}
				if len(r.Header) != 0 {
					t.Errorf("got headers %v, want none that claim anything", r.Header)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

func TestAPanicIsAnsweredAndLoggedWithoutWhatItSaid(t *testing.T) {
	log := newLines()
	h := recovered(newLog(log, config.JSON, slog.LevelInfo), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("홍길동 1990-05-12")
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	ref := strings.Fields(w.Body.String()[strings.Index(w.Body.String(), "Reference"):])[1]
	if w.Code != 500 || !strings.Contains(w.Body.String(), "문의번호 "+ref) || !strings.Contains(log.String(), `"ref":"`+ref+`"`) {
		t.Errorf("got %d %q and log %s, want a reference that equals the log's", w.Code, w.Body, log)
	}
	if strings.Contains(log.String(), "홍길동") {
		t.Errorf("the log quotes the panic: %s", log)
	}
}

func TestAClaimIsKeptAndRenewed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	st, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	one, two := []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))
	for range 2 {
		if err := claimStore(t.Context(), st, one); err != nil {
			t.Fatalf("got %v, want the same pepper welcome", err)
		}
	}
	if err := claimStore(t.Context(), st, two); err == nil || !strings.Contains(err.Error(), fingerprint(one)) {
		t.Errorf("got %v, want another pepper refused, naming the store's", err)
	}
	kept, err := st.Read(t.Context(), pepperShard, pepperKey)
	if err != nil || string(kept) != fingerprint(one) {
		t.Errorf("got %s (%v), want the first fingerprint", kept, err)
	}
}
