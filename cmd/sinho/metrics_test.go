package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"sinho/broker"
	"sinho/citizen"
	"sinho/providers"
	"sinho/signal"
	"sinho/signal/live"
	"sinho/store"
)

// scraped are the samples of a scrape, by series as it is written there.
type scraped map[string]float64

func parseScrape(t *testing.T, text string) scraped {
	t.Helper()
	all := scraped{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		n, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			t.Fatalf("scrape: %v in %q", err, line)
		}
		all[line[:cut]] = n
	}
	return all
}

func (s scraped) want(t *testing.T, series string, least, most float64) {
	t.Helper()
	if got, there := s[series]; !there || got < least || got > most {
		t.Errorf("%s: got %v (there: %t), want %v to %v", series, got, there, least, most)
	}
}

// watched runs a node whose metrics are scraped by the function it gives; more is
// appended to its settings.
func (w *world) watched(more ...string) (*running, func() string) {
	w.t.Helper()
	var err error
	if w.aside, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.aside.Close() })
	w.write(w.text(strings.Join(more, ""), `metrics_listen: ""`, "metrics_listen: "+w.aside.Addr().String()+w.alert(w.site.URL+"/alerts"),
		"    sector: booking\n", "    sector: booking\n    backchannel_logout_uri: "+w.site.URL+"/backchannel\n"))
	return w.serve(), func() string {
		resp, err := w.client.Get("http://" + w.aside.Addr().String() + "/metrics")
		if err != nil {
			w.t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			w.t.Fatalf("scrape: got %d (%v): %s", resp.StatusCode, err, text)
		}
		return string(text)
	}
}

func TestANodeTellsPrometheusWhatItDoes(t *testing.T) {
	w := newWorld(t, "http")
	_, scrape := w.watched()
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("got %s (%v), want it in", out.Why, out.Err)
	}
	text := scrape()
	got := parseScrape(t, text)
	const many = 1e9
	for _, what := range []string{"started", "returned", "completed"} {
		got.want(t, `sinho_logins_`+what+`_total{provider="naver"}`, 1, 1)
		got.want(t, `sinho_logins_`+what+`_total{provider="oidc"}`, 0, 0)
	}
	got.want(t, `sinho_logins_failed_total{class="throttled",provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_leg_duration_seconds_count{provider="naver"}`, 1, many)
	got.want(t, `sinho_provider_leg_duration_seconds_bucket{provider="naver",le="1"}`, 0, many)
	got.want(t, `sinho_provider_legs_in_flight{provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_errors_total{class="faulty",provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_share_ratio{provider="naver"}`, 0, 1)
	got.want(t, `sinho_provider_request_limit{provider="naver"}`, 1024, 1024)
	got.want(t, `sinho_provider_requests_under_way{provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_breaker_open{provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_refused_total{provider="naver",reason="full"}`, 0, 0)
	got.want(t, `sinho_provider_repeated_total{provider="naver"}`, 0, 0)
	got.want(t, `sinho_logins_failed_total{class="shed",provider="naver"}`, 0, 0)
	got.want(t, `sinho_provider_capacity_estimate_logins_per_second{provider="naver"}`, 1, many)
	got.want(t, `sinho_provider_capacity_measured{provider="naver"}`, 0, 0)
	got.want(t, `sinho_store_operation_duration_seconds_count{operation="apply",outcome="done"}`, 2, many)
	got.want(t, `sinho_watchers`, 0, 0)
	got.want(t, `sinho_watchers_limit`, 10_000, 10_000)
	var colours float64
	for light := signal.Green; light <= signal.Grey; light++ {
		colours += got[`sinho_provider_light{light="`+light.String()+`",provider="naver"}`]
	}
	if colours != 1 {
		t.Errorf("naver has %v colours, want one", colours)
	}
	got.want(t, `sinho_logout_deliveries_total{client="booking",result="told"}`, 0, 0)
	got.want(t, `sinho_logout_queue_length`, 0, 0)
	got.want(t, `sinho_alert_deliveries_total{alert="ops",result="given_up"}`, 0, 0)
	got.want(t, `sinho_alert_queue_length`, 0, 1)
	// Which site somebody came from is told nowhere; that a site is told of ended
	// sessions says nothing about anybody.
	rest := strings.ReplaceAll(text, `sinho_logout_deliveries_total{client="booking"`, "")
	for _, private := range []string{"홍길동", "01000000000", "hong@example.com", "booking", "127.0.0.1"} {
		if strings.Contains(rest, private) {
			t.Errorf("the metrics have %q in them", private)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if status, _ := w.get("/metrics"); status != http.StatusNotFound {
		t.Errorf("got %d for /metrics on the public listener, want 404", status)
	}
}

func TestLoginsAreCountedByWhatBecameOfThem(t *testing.T) {
	m := newMetrics(func() *lights { return someLights(t) })
	var told []string
	h := m.counting(broker.Hooks{
		Started:  func(broker.Trip) { told = append(told, "started") },
		Returned: func(broker.Trip) { told = append(told, "returned") },
		Ended:    func(broker.Trip) { told = append(told, "ended") },
	})
	h.Started(broker.Trip{Provider: "naver"})
	h.Returned(broker.Trip{Provider: "naver"})
	h.Ended(broker.Trip{Provider: "naver"})
	h.Ended(broker.Trip{Provider: "naver", Err: &providers.Error{Class: providers.Throttled}})
	h.Ended(broker.Trip{Provider: "naver", Err: &providers.Error{Class: providers.Throttled}})
	if got, want := strings.Join(told, " "), "started returned ended ended ended"; got != want {
		t.Errorf("the lights were told %q, want %q", got, want)
	}
	got := scrapeOf(t, m)
	got.want(t, `sinho_logins_started_total{provider="naver"}`, 1, 1)
	got.want(t, `sinho_logins_returned_total{provider="naver"}`, 1, 1)
	got.want(t, `sinho_logins_completed_total{provider="naver"}`, 1, 1)
	got.want(t, `sinho_logins_failed_total{class="throttled",provider="naver"}`, 2, 2)
}

func TestStoreOperationsAreCountedByOutcome(t *testing.T) {
	m := newMetrics(func() *lights { return someLights(t) })
	inside := &moody{}
	st := m.timing(inside)
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, tc := range []struct {
		ctx context.Context
		err error
	}{
		{t.Context(), nil},
		{t.Context(), store.ErrAbsent},
		{t.Context(), store.ErrAbsent},
		{t.Context(), store.ErrTooFewReplicas},
		{t.Context(), store.ErrUnavailable},
		{gone, store.ErrUnavailable},
		{t.Context(), errors.New("a key too long")},
	} {
		inside.read = tc.err
		if _, err := st.Read(tc.ctx, "s", "k"); !errors.Is(err, tc.err) {
			t.Errorf("got %v, want the answer of the store inside, %v", err, tc.err)
		}
	}
	got := scrapeOf(t, m)
	for outcome, want := range map[string]float64{"done": 1, "absent": 2, "unavailable": 2, "left": 1, "refused": 1} {
		got.want(t, `sinho_store_operation_duration_seconds_count{operation="read",outcome="`+outcome+`"}`, want, want)
	}
}

func TestWithoutMetricsNothingIsWrapped(t *testing.T) {
	var m *metrics
	inside := &moody{}
	if got := m.timing(inside); got != store.Store(inside) {
		t.Errorf("got %T, want the store itself", got)
	}
	if h := m.counting(broker.Hooks{}); h.Started != nil {
		t.Error("got a hook, want none")
	}
	m.expect(nil)
}

// someLights are those of one provider that nobody uses.
func someLights(t *testing.T) *lights {
	t.Helper()
	l, err := live.New(live.Config{Providers: []live.Provider{{ID: "naver"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &lights{Live: l}
}

func scrapeOf(t *testing.T, m *metrics) scraped {
	t.Helper()
	w := httptest.NewRecorder()
	m.server(false).Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: got %d: %s", w.Code, w.Body)
	}
	return parseScrape(t, w.Body.String())
}

func TestProfilesAreServedOnlyWhenAskedFor(t *testing.T) {
	for asked, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		w := httptest.NewRecorder()
		newMetrics(func() *lights { return nil }).server(asked).Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine?debug=1", nil))
		if w.Code != want {
			t.Errorf("profiles asked for %v: got status %d, want %d", asked, w.Code, want)
		}
	}
}
