package live

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/signal"
)

func newLive(t *testing.T, most int) *Live {
	t.Helper()
	at := time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)
	l, err := New(Config{
		Providers:   []Provider{{ID: "naver", Name: signal.Text{KO: "네이버", EN: "Naver"}}, {ID: "kakao"}},
		MaxWatchers: most, Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// turn publishes a board on which kakao has another light.
func turn(t *testing.T, l *Live, light signal.Light) {
	t.Helper()
	b := l.look(l.now())
	b.Providers[1].Light = light
	if err := l.hub.publish(b); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, h http.Handler, path, etag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPollHasAnETagOfTheContentAlone(t *testing.T) {
	a, b := newLive(t, 0), newLive(t, 0)
	first := get(t, a.Handler(), "/signal", "")
	for header, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*",
	} {
		if got := first.Header().Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	var board signal.Board
	if err := json.Unmarshal(first.Body.Bytes(), &board); err != nil || board.Seq != 1 || len(board.Providers) != 2 {
		t.Fatalf("got %s, %v, want the first board", first.Body, err)
	}
	etag := first.Header().Get("ETag")

	// Another node, with a history of its own, shows the same.
	turn(t, b, signal.Red)
	turn(t, b, signal.Yellow)
	if got := get(t, b.Handler(), "/signal", "").Header().Get("ETag"); got != etag {
		t.Errorf("etag of another node: got %s, want %s", got, etag)
	}
	if got := b.Board().Seq; got != 3 {
		t.Errorf("seq after two changes: got %d, want 3", got)
	}
	for _, tag := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if w := get(t, a.Handler(), "/signal", tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("If-None-Match %s: got %d with %d bytes, want an empty 304", tag, w.Code, w.Body.Len())
		}
	}
	turn(t, a, signal.Red)
	w := get(t, a.Handler(), "/signal", etag)
	if w.Code != http.StatusOK || w.Header().Get("ETag") == etag {
		t.Errorf("after a change: got %d, want 200 with another etag", w.Code)
	}
}

func TestSeqGrowsOnlyWithTheContent(t *testing.T) {
	l := newLive(t, 0)
	pushed := l.hub.pushed.Load()
	turn(t, l, signal.Yellow)
	if got := l.Board().Seq; got != 1 || l.hub.pushed.Load() != pushed {
		t.Errorf("the same board again: got seq %d, want 1 and nothing pushed", got)
	}
	later := l.look(l.now().Add(resend))
	if err := l.hub.publish(later); err != nil {
		t.Fatal(err)
	}
	if got := l.hub.pushed.Load(); got == pushed || got.board.Seq != 1 {
		t.Error("after a long silence: want the same board pushed again with the same seq")
	}
}

func dial(t *testing.T, server *httptest.Server) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	return websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/signal/ws", http.Header{"Origin": {"https://elsewhere.example"}})
}

func receive(t *testing.T, c *websocket.Conn) signal.Board {
	t.Helper()
	var b signal.Board
	if err := c.ReadJSON(&b); err != nil {
		t.Fatalf("receive: %v", err)
	}
	return b
}

func TestAWatcherGetsTheBoardAndEachNewerOne(t *testing.T) {
	l := newLive(t, 0)
	server := httptest.NewServer(l.Handler())
	defer server.Close()
	c, _, err := dial(t, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b := receive(t, c); b.Seq != 1 {
		t.Errorf("got seq %d first, want 1", b.Seq)
	}
	turn(t, l, signal.Red)
	if b := receive(t, c); b.Seq != 2 || b.Providers[1].Light != signal.Red {
		t.Errorf("got seq %d %v, want 2 and red", b.Seq, b.Providers[1].Light)
	}
	l.hub.close()
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("at the end: got %v, want going away", err)
	}
}

func TestASlowReaderSkipsToTheLatest(t *testing.T) {
	l := newLive(t, 0)
	// What a watcher does between two sends: whatever came meanwhile, it finds one
	// frame, the newest, and nothing else is kept for it.
	mine := l.hub.pushed.Load()
	lights := []signal.Light{signal.Red, signal.Green}
	for i := range 1000 {
		turn(t, l, lights[i%2])
	}
	select {
	case <-mine.next:
	default:
		t.Fatal("a frame that is old: want its watchers woken")
	}
	if got := l.hub.pushed.Load().board.Seq; got != 1001 {
		t.Errorf("got seq %d, want the latest, 1001", got)
	}
}

func TestAttackTooManyWatchersAtOnce(t *testing.T) {
	l := newLive(t, 1)
	server := httptest.NewServer(l.Handler())
	defer server.Close()
	c, _, err := dial(t, server)
	if err != nil {
		t.Fatal(err)
	}
	receive(t, c)
	_, resp, err := dial(t, server)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: got %v, want 503 with Retry-After", resp)
	}
	if w := get(t, l.Handler(), "/signal/sse", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("one too many streams: got %d, want 503", w.Code)
	}
	c.Close()
	// Until its place is free again.
	for {
		c, _, err := dial(t, server)
		if err == nil {
			c.Close()
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("after one left: got %v, want a place", err)
		}
	}
}

func TestAttackFrameFloodOfAWatcher(t *testing.T) {
	l := newLive(t, 0)
	server := httptest.NewServer(l.Handler())
	defer server.Close()
	c, _, err := dial(t, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	receive(t, c)
	if err := c.WriteMessage(websocket.TextMessage, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("after 4 KB of talk: got another board, want the connection closed")
	}
}

func TestAnEventStreamSaysTheSame(t *testing.T) {
	l := newLive(t, 0)
	server := httptest.NewServer(l.Handler())
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/signal/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", "999")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("content type: got %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	event := func() (id string, b signal.Board) {
		for lines.Scan() {
			switch line := lines.Text(); {
			case strings.HasPrefix(line, "id: "):
				id = line[4:]
			case strings.HasPrefix(line, "data: "):
				if err := json.Unmarshal([]byte(line[6:]), &b); err != nil {
					t.Fatal(err)
				}
			case line == "":
				return id, b
			}
		}
		t.Fatal("the stream ended")
		return "", b
	}
	if id, b := event(); id != "1" || b.Seq != 1 {
		t.Errorf("got event %s with seq %d, want 1, whatever was seen before", id, b.Seq)
	}
	turn(t, l, signal.Grey)
	if id, b := event(); id != "2" || b.Providers[1].Light != signal.Grey {
		t.Errorf("got event %s %v, want 2 and grey", id, b.Providers[1].Light)
	}
	l.hub.close()
	if lines.Scan() {
		t.Errorf("at the end: got %q, want the stream closed", lines.Text())
	}
}

func TestHonestyIsAnUnknownShareBeforeAnybodyCame(t *testing.T) {
	l := newLive(t, 0)
	w := get(t, l.Handler(), "/signal/honesty", "")
	var doc struct {
		Since     time.Time
		Overall   struct{ Honesty *float64 }
		Providers map[string]struct {
			Begun   int
			Honesty *float64
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Overall.Honesty != nil || len(doc.Providers) != 2 || doc.Since.IsZero() {
		t.Errorf("got %s, want null honesty for both providers", w.Body)
	}
}

func TestAnyOriginMayAsk(t *testing.T) {
	l := newLive(t, 0)
	r := httptest.NewRequest(http.MethodOptions, "/signal", nil)
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Headers") != "If-None-Match" {
		t.Errorf("preflight: got %d %v", w.Code, w.Header())
	}
}
