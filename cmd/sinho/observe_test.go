package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"

	"sinho/citizen"
	"sinho/config"
)

// TestALoginLeavesNothingPersonalInLogOrTraces walks whole logins with names,
// telephone numbers and CI in them, with everything on that writes anything.
func TestALoginLeavesNothingPersonalInLogOrTraces(t *testing.T) {
	collected := newReceiver(t)
	w := newWorld(t, "http")
	hidden := &spy{base: w.client.Transport, secrets: map[string]string{}}
	w.client.Transport = hidden
	w.write(w.text(fmt.Sprintf("log: {access: true, level: debug}\ntraces: {otlp_endpoint: %q, sample: 1}\n", collected.URL),
		"client_id: sinho, secret: \"${SECRET_oidc}\"", "client_id: sinho, secret: \"${SECRET_oidc}\", asserts_ci: true, ci_claim: ci"))
	r := w.serve()
	for _, id := range []string{"naver", "oidc"} {
		if out := w.login(t.Context(), citizen.Named(id)); !out.In {
			t.Fatalf("by %s: got %s (%v), want it in; log:\n%s", id, out.Why, out.Err, r.log)
		}
	}
	w.get("/login?r=nonsense-of-a-stranger")
	w.get("/no/such/page/010-1234-5678")
	odd, _ := http.NewRequestWithContext(t.Context(), "HONGGILDONG", w.public+"/token?who=010-1234-5678", nil)
	odd.Header.Set("User-Agent", "browser of Hong")
	if resp, err := w.client.Do(odd); err == nil {
		resp.Body.Close()
	}
	r.end()

	collected.mu.Lock()
	defer collected.mu.Unlock()
	if len(collected.bad) > 0 {
		t.Errorf("the receiver could not read it: %v", collected.bad)
	}
	if len(hidden.secrets) < 20 {
		t.Fatalf("the spy knows %d secrets, want codes, states, tokens and cookies", len(hidden.secrets))
	}
	for where, text := range map[string]string{"traces": string(collected.raw), "log": r.log.String()} {
		for secret, what := range hidden.secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the %s have the %s in them", where, what)
			}
		}
		for _, private := range append(personal(), "nonsense-of-a-stranger", "010-1234", "HONGGILDONG", "browser of", "Go-http-client") {
			if strings.Contains(text, private) {
				t.Errorf("the %s have %q in them", where, private)
			}
		}
	}
	t.Run("spans", func(t *testing.T) { judgeSpans(t, collected.all) })
	t.Run("access lines", func(t *testing.T) { judgeLines(t, r.log.String()) })
}

// judgeSpans looks for the shape of two logins.
func judgeSpans(t *testing.T, all []*spans.Span) {
	byID := map[string]*spans.Span{}
	for _, s := range all {
		byID[string(s.SpanId)] = s
	}
	shape := map[string]int{} // "parent > name"
	refs := map[string]map[string]bool{}
	for _, s := range all {
		name := s.Name
		if parent := byID[string(s.ParentSpanId)]; parent != nil {
			name = parent.Name + " > " + name
			if !bytes.Equal(parent.TraceId, s.TraceId) {
				t.Errorf("%s is in another trace than its parent", name)
			}
		} else if len(s.ParentSpanId) > 0 {
			t.Errorf("%s has a parent that was never sent", name)
		}
		shape[name]++
		if ref := textOf(s, "sinho.ref"); ref != "" {
			if refs[ref] == nil {
				refs[ref] = map[string]bool{}
			}
			refs[ref][s.Name] = true
		}
	}
	for name, want := range map[string]int{
		"GET /authorize": 2, "POST /login/{provider}": 2, "GET /callback/{provider}": 2, "POST /token": 2, "GET /userinfo": 2,
		"GET /callback/{provider} > store apply":    2,
		"GET /callback/{provider} > provider naver": 2,
		"POST /token > store apply":                 2,
		"GET /userinfo > store read":                2,
		"OTHER none":                                1, "GET /": 1,
	} {
		if shape[name] != want {
			t.Errorf("got %d of %q, want %d; there are %v", shape[name], name, want, shape)
		}
	}
	whole := 0
	for _, names := range refs {
		if names["GET /authorize"] && names["POST /login/{provider}"] && names["GET /callback/{provider}"] && names["POST /token"] {
			whole++
		}
	}
	if whole != 2 {
		t.Errorf("got %d references that go through a whole login, want 2: %v", whole, refs)
	}
}

// judgeLines looks at what an access line has, and has not.
func judgeLines(t *testing.T, log string) {
	var routes []string
	for line := range strings.Lines(log) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if got["msg"] != "request" {
			continue
		}
		for key := range got {
			if !slices.Contains([]string{"time", "level", "msg", "method", "route", "status", "ms", "bytes", "ref", "client"}, key) {
				t.Errorf("got %s in %s", key, line)
			}
		}
		one := fmt.Sprintf("%s %s %v", got["method"], got["route"], got["status"])
		if client := got["client"]; client != nil {
			one += fmt.Sprint(" ", client)
		}
		if got["ref"] == nil && one != "GET /userinfo 200" && !strings.HasPrefix(one, "GET /static/") && !strings.HasPrefix(one, "GET /jwks") && !strings.HasPrefix(one, "GET /.well-known/") && got["method"] != "OTHER" {
			t.Errorf("no reference in %s", line)
		}
		routes = append(routes, one)
	}
	for _, want := range []string{
		"GET /authorize 303 booking", "GET /login 200 booking", "POST /login/{provider} 303 booking", "GET /callback/{provider} 303 booking",
		"POST /token 200 booking", "GET /userinfo 200", "GET /login 400", "GET / 404", "OTHER none 405",
	} {
		if !slices.Contains(routes, want) {
			t.Errorf("no %q in %q", want, routes)
		}
	}
}

// TestNothingIsObservedUnlessAskedTo: off is off, to the last allocation.
func TestNothingIsObservedUnlessAskedTo(t *testing.T) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	off := observer{access: func() bool { return false }}.watch(bare)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	if without, with := testing.AllocsPerRun(100, func() { bare(w, r) }), testing.AllocsPerRun(100, func() { off.ServeHTTP(w, r) }); with != without {
		t.Errorf("got %v allocations more, want none", with-without)
	}
	var none *traces
	st, client := &moody{}, &http.Client{}
	if none.calls(st) != st || none.legs("naver", client) != client {
		t.Error("without traces something is wrapped, want nothing")
	}
	if got, err := newTraces(t.Context(), config.Traces{Sample: 1}, nil); got != nil || err != nil {
		t.Errorf("got %v, %v without an endpoint, want none", got, err)
	}
}

func BenchmarkObserver(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	log := newLog(io.Discard, config.JSON, slog.LevelInfo)
	for name, h := range map[string]http.Handler{
		"without": bare,
		"off":     observer{log: log, access: func() bool { return false }}.watch(bare),
		"access":  observer{log: log, access: func() bool { return true }}.watch(bare),
	} {
		b.Run(name, func(b *testing.B) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// TestObservedAnswersStayWhatTheyAre: streams flush, sockets are taken over, and
// a reload switches lines on and off.
func TestObservedAnswersStayWhatTheyAre(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text("log: {access: true}\n"))
	r := w.serve()
	socket, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.public, "http")+"/signal/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, _, err := socket.ReadMessage(); err != nil {
		t.Errorf("the socket says nothing: %v", err)
	}
	socket.Close()
	r.log.waitFor(t, `"route":"/signal/ws","status":101`, 1)

	stream, err := w.client.Get(w.public + "/signal/sse")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := stream.Body.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("got %d bytes, %v of the stream, want it flushed", n, err)
	}
	stream.Body.Close()
	r.log.waitFor(t, `"route":"/signal/sse","status":200`, 1)

	if w.get("/healthz"); r.log.count("healthz") > 0 {
		t.Error("health checks have access lines, want none")
	}
	r.reload(w.text(""), "configuration taken")
	before := r.log.count(`"msg":"request"`)
	w.get("/jwks")
	if n := r.log.count(`"msg":"request"`); n != before {
		t.Errorf("got %d lines after it was switched off, want none", n-before)
	}
}

func TestWhatIsCounted(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   told
		bytes  int64
	}{
		{"nothing at all", func(http.ResponseWriter, *http.Request) {}, told{method: "GET", route: "none", status: 200}, 0},
		{"a body", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "abc") }, told{method: "GET", route: "none", status: 200}, 3},
		{"early hints, then an error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}, told{method: "GET", route: "none", status: 418}, 0},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic("홍길동") }, told{method: "GET", route: "none", status: 500}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := newLines()
			logger := newLog(log, config.JSON, slog.LevelInfo)
			h := observer{log: logger, access: func() bool { return true }}.watch(recovered(logger, tc.answer))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?who=Hong", nil))
			var got struct {
				Msg, Method, Route, Ref string
				Status                  int
				Bytes                   int64
			}
			text := strings.Split(strings.TrimSpace(log.String()), "\n")
			if err := json.Unmarshal([]byte(text[len(text)-1]), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, told{method: got.Method, route: got.Route, status: got.Status}, cmp.AllowUnexported(told{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tc.bytes >= 0 && got.Bytes != tc.bytes {
				t.Errorf("got %d bytes, want %d", got.Bytes, tc.bytes)
			}
			if tc.want.status == 500 && !strings.Contains(text[0], `"ref":"`+got.Ref+`"`) {
				t.Errorf("the line has reference %q, the panic's log %s", got.Ref, text[0])
			}
			if strings.Contains(log.String(), "Hong") {
				t.Errorf("the query is logged: %s", log)
			}
		})
	}
}

// TestACollectorThatIsAwayIsToldOfOnce and hurts nobody.
func TestACollectorThatIsAwayIsToldOfOnce(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	log := newLines()
	tr, err := newTraces(t.Context(), config.Traces{OTLPEndpoint: away.URL, Sample: 1}, newLog(log, config.JSON, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	h := observer{access: func() bool { return false }, traces: tr}.watch(http.NotFoundHandler())
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	_ = tr.close(t.Context())
	if n := log.count("traces could not be sent"); n != 1 {
		t.Errorf("got %d lines, want one:\n%s", n, log)
	}
}
