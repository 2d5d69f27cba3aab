package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinho/citizen"
	"sinho/shed"
	"sinho/store"
)

// Every endpoint of the reference, and what is lost when it is not served.
func TestEveryEndpointHasItsPlaceUnderOverload(t *testing.T) {
	want := map[string]string{
		"finishing": "GET /callback/{provider}, POST /callback/{provider}, POST /token, GET /userinfo, POST /userinfo, POST /introspect, POST /revoke, GET /logout, POST /logout",
		"under_way": "GET /wait/{journey}, GET /wait/{journey}/state, POST /wait/{journey}/leave, POST /wait/{journey}/resend, POST /login/decline, GET /turn, POST /turn, GET /device, POST /device, GET /logged-out",
		"departing": "POST /login/{provider}, POST /login/continue",
		"beginning": "GET /authorize, POST /authorize, POST /par, GET /login, POST /certificates, GET /sessions, POST /sessions/{what}",
		"rest":      "GET /queue, POST /queue/early",
		"open": "GET /rooms/{room}, GET /rooms/{room}/ws, GET /rooms/{room}/sse, GET /.well-known/openid-configuration, GET /jwks, GET /static/{file}, GET /embed/lights.js, GET /embed/badge.svg, GET /embed/badge/{file}, " +
			"GET /signal, GET /signal.jws, GET /signal/ws, GET /signal/sse, GET /signal/honesty, GET /signal/summary.json",
	}
	class := map[string]string{}
	for name, list := range want {
		for endpoint := range strings.SplitSeq(list, ", ") {
			class[endpoint] = name
		}
	}
	route := regexp.MustCompile(`^(GET|POST) (/\S*)$`)
	seen := 0
	for _, row := range cells(reference(t, "endpoints.md")) {
		for _, word := range quoted(row[0]) {
			m := route.FindStringSubmatch(word)
			if m == nil || m[2] == "/healthz" || m[2] == "/readyz" { // these do not pass the gate
				continue
			}
			seen++
			got := kindOf(httptest.NewRequest(m[1], m[2], nil)).Class.String()
			if got != class[word] {
				t.Errorf("%s: got class %s, want %q", word, got, class[word])
			}
			delete(class, word)
		}
	}
	if seen < 30 || len(class) != 0 {
		t.Errorf("got %d endpoints, and none of %v", seen, class)
	}
	for path, want := range map[string]shed.Class{
		"/queue": shed.Rest, "/rooms/opening": shed.Open, "/rooms/opening/ws": shed.Open, "/login/ws": shed.Beginning,
		"/": shed.Rest, "/nowhere": shed.Rest, "/callbacks": shed.Rest,
	} {
		if got := kindOf(httptest.NewRequest(http.MethodGet, path, nil)).Class; got != want {
			t.Errorf("%s: got class %s, want %s", path, got, want)
		}
	}
	for _, odd := range []struct {
		method, path string
		want         shed.Class
	}{
		{http.MethodOptions, "/token", shed.Open},
		{http.MethodOptions, "/signal", shed.Open},
		{http.MethodHead, "/static/sinho.css", shed.Open},
		{http.MethodOptions, "/login", shed.Beginning}, // these are answered by pages
		{http.MethodOptions, "/nowhere", shed.Rest},
		{http.MethodPost, "/static/sinho.css", shed.Rest},
		{http.MethodOptions, "/embed/lights.js", shed.Rest},
	} {
		if got := kindOf(httptest.NewRequest(odd.method, odd.path, nil)).Class; got != odd.want {
			t.Errorf("%s %s: got class %s, want %s", odd.method, odd.path, got, odd.want)
		}
	}
	for _, held := range []struct {
		cookie, method, path string
		want                 shed.Class
	}{
		{"__Host-sinho-t-vaccine", http.MethodGet, "/queue", shed.Beginning},
		{"__Host-sinho-p-vaccine", http.MethodGet, "/queue", shed.UnderWay},
		{"sinho-p-vaccine", http.MethodGet, "/login", shed.UnderWay},
		{"__Host-sinho-t-vaccine", http.MethodGet, "/login", shed.Beginning},
		{"__Host-sinho-p-vaccine", http.MethodPost, "/login/kakao", shed.Departing},
		{"__Host-sinho-p-vaccine", http.MethodGet, "/authorize", shed.Beginning},
	} {
		r := httptest.NewRequest(held.method, held.path, nil)
		r.AddCookie(&http.Cookie{Name: held.cookie, Value: "sealed"})
		if got := kindOf(r).Class; got != held.want {
			t.Errorf("%s %s with %s: got class %s, want %s", held.method, held.path, held.cookie, got, held.want)
		}
	}
}

// A request that waits for the store costs no processor meanwhile, whatever it
// asks there.
func TestTheStoresTimeIsNoWorkOfARequest(t *testing.T) {
	for _, what := range []struct {
		name string
		ask  func(context.Context, store.Store)
	}{
		{"apply", func(ctx context.Context, st store.Store) { _, _ = st.Apply(ctx, "s", store.Attempt{}, false) }},
		{"read", func(ctx context.Context, st store.Store) { _, _ = st.Read(ctx, "s", "k") }},
		{"read all", func(ctx context.Context, st store.Store) { _, _ = st.ReadAll(ctx, "s", "k") }},
		{"now", func(ctx context.Context, st store.Store) { _, _ = st.Now(ctx) }},
	} {
		t.Run(what.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := shed.New(1)
				before := g.State().Departures
				h := g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					what.ask(r.Context(), outsideStore{sleepy{}})
				}), func(*http.Request) shed.Kind { return shed.Kind{Class: shed.Finishing, Part: shed.Return} }, "")
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/callback/naver", nil))
				if got := g.State().Departures; got <= before {
					t.Errorf("got %.0f departures a second after one that cost nothing, before %.0f", got, before)
				}
			})
		})
	}
}

// sleepy is a store that takes its time.
type sleepy struct{ store.Store }

func (sleepy) Apply(context.Context, store.Shard, store.Attempt, bool, ...store.Op) (store.Outcome, error) {
	time.Sleep(time.Second)
	return store.Outcome{}, nil
}

func (sleepy) Read(context.Context, store.Shard, string) ([]byte, error) {
	time.Sleep(time.Second)
	return nil, nil
}

func (sleepy) ReadAll(context.Context, store.Shard, ...string) ([][]byte, error) {
	time.Sleep(time.Second)
	return nil, nil
}

func (sleepy) Now(context.Context) (time.Time, error) {
	time.Sleep(time.Second)
	return time.Time{}, nil
}

// A login passes the gate of a real node, which learns what it costs and tells.
func TestALoginPassesTheGate(t *testing.T) {
	w := newWorld(t, "http")
	_, scrape := w.watched()
	unknown := 0.6 * float64(runtime.GOMAXPROCS(0)) / .00075
	parseScrape(t, scrape()).want(t, `sinho_departures_limit_logins_per_second`, unknown-1, unknown+1)
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("got %s (%v), want it in", out.Why, out.Err)
	}
	got := parseScrape(t, scrape())
	got.want(t, `sinho_request_queue_delay_seconds_count{class="finishing"}`, 3, 10)
	got.want(t, `sinho_request_queue_delay_seconds_count{class="departing"}`, 1, 1)
	got.want(t, `sinho_request_queue_delay_seconds_count{class="beginning"}`, 2, 10)
	got.want(t, `sinho_requests_inside`, 0, 0)
	for _, c := range shed.Classes() {
		got.want(t, `sinho_requests_queued{class="`+c.String()+`"}`, 0, 0)
		got.want(t, `sinho_requests_refused_total{class="`+c.String()+`",reason="full"}`, 0, 0)
		got.want(t, `sinho_requests_refused_total{class="`+c.String()+`",reason="late"}`, 0, 0)
		got.want(t, `sinho_requests_left_total{class="`+c.String()+`"}`, 0, 0)
	}
	if rate := got[`sinho_departures_limit_logins_per_second`]; rate > unknown-1 && rate < unknown+1 {
		t.Errorf("got %v departures a second before and after a login, want that it has taught something", rate)
	}
}
