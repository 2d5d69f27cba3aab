package hall

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"sinho/lobby"
)

// serve is a node's handler on a socket, stepped by the test.
func (s *scene) serve() *httptest.Server {
	server := httptest.NewServer(s.Handler())
	s.t.Cleanup(func() {
		s.once.Do(func() { close(s.over) })
		server.Close()
	})
	return server
}

func (d *device) dial(t *testing.T, server *httptest.Server, room, origin string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	h := http.Header{"Origin": {origin}}
	d.mu.Lock()
	for name, value := range d.cookies {
		h.Add("Cookie", name+"="+value)
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return websocket.DefaultDialer.DialContext(ctx, strings.Replace(server.URL, "http", "ws", 1)+"/rooms/"+room+"/ws", h)
}

func frameOf(t testing.TB, jws string) (f lobby.Frame) {
	t.Helper()
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		t.Fatalf("got %q, want a compact JWS", jws)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(claims, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, m, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(m)
}

// until steps the room's clock until something is so.
func (s *scene) until(what string, so func() bool) {
	s.t.Helper()
	for range 30_000 {
		if so() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	s.t.Fatalf("waited in vain: %s", what)
}

// What operators say of a closed room is in the answer that is asked for, and not
// in what is sent to everybody each second.
func TestAClosedRoomsWordsAreAskedForAndNotPushed(t *testing.T) {
	closed := auto("main")
	closed.Closed, closed.Notice = true, [2]string{"21시에 <다시> 열어요.", "Back at 21:00."}
	s := one(t, auto("main"))
	server := s.serve()
	s.wait(1)
	type answer struct {
		Frame  lobby.Frame
		JWS    string
		Notice *struct{ KO, EN string }
	}
	get := func() (a answer, etag string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/rooms/main", nil)
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a, res.Header.Get("ETag")
	}
	use := func(set Setting) {
		t.Helper()
		if err := s.Use([]Setting{set}); err != nil {
			t.Fatal(err)
		}
		s.wait(1)
	}
	if a, _ := get(); a.Notice != nil || a.Frame.Closed {
		t.Errorf("open: got %+v", a)
	}
	use(closed)
	a, _ := get()
	if !a.Frame.Closed || a.Notice == nil || a.Notice.KO != closed.Notice[0] || a.Notice.EN != closed.Notice[1] {
		t.Errorf("closed: got %+v, want the words", a)
	}
	conn, res, err := newDevice().dial(t, server, "main", "https://anybody.example")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	defer conn.Close()
	if jws := read(t, conn); jws != a.JWS || frameOf(t, jws) != a.Frame {
		t.Errorf("pushed: got %q, want the frame alone", jws)
	}
	// The same frame with other words is another answer; none once it is open.
	f := s.newFrame
	one, _ := f(a.Frame, closed.Notice)
	other, _ := f(a.Frame, [2]string{"22시에", "At 22:00"})
	if one.etag == other.etag || string(one.body) == string(other.body) {
		t.Error("a changed notice has the ETag of before")
	}
	closed.Closed = false
	use(closed)
	s.wait(1)
	if a, _ := get(); a.Notice != nil {
		t.Errorf("open again: got %+v", a.Notice)
	}
}

func TestEverybodyGetsTheSameFrameByEveryWay(t *testing.T) {
	s := one(t, auto("main"))
	server := s.serve()
	s.wait(1)
	d := newDevice()
	conn, res, err := d.dial(t, server, "main", "https://anybody.example")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	defer conn.Close()
	jws := read(t, conn)
	if f := frameOf(t, jws); f.Room != "main" || f.Second != s.time().Unix() || f.Version != 1 {
		t.Errorf("got %+v", f)
	}

	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/rooms/main/sse", nil)
	events, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	lines := bufio.NewReader(events.Body)
	id, _ := lines.ReadString('\n')
	data, err := lines.ReadString('\n')
	if err != nil || data != "data: "+jws+"\n" || id != "id: "+strconv.FormatInt(s.time().Unix(), 10)+"\n" || events.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("got %q %q, %v", id, data, err)
	}

	get := func(etag string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/rooms/main", nil)
		req.Header.Set("If-None-Match", etag)
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	polled := get("")
	body, _ := io.ReadAll(polled.Body)
	var doc struct {
		Frame lobby.Frame `json:"frame"`
		JWS   string      `json:"jws"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.JWS != jws || doc.Frame != frameOf(t, jws) {
		t.Errorf("got %s, %v", body, err)
	}
	if polled.Header.Get("Access-Control-Allow-Origin") != "*" || polled.Header.Get("Cache-Control") != "public, max-age=1" || len(polled.Cookies()) != 0 {
		t.Errorf("got the header %v", polled.Header)
	}
	if again := get(polled.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("got %s, want 304", again.Status)
	}
	s.wait(1)
	if later := get(polled.Header.Get("ETag")); later.StatusCode != http.StatusOK {
		t.Errorf("a second later: got %s, want 200", later.Status)
	}
}

func TestFramesComeEverySecondWhileSomebodyWaitsAndSeldomElse(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(10)
	pushed := func(seconds int) int {
		n, last := 0, s.plan.Load().rooms[0].hub.pushed.Load()
		for range seconds {
			s.wait(1)
			if f := s.plan.Load().rooms[0].hub.pushed.Load(); f != last {
				n, last = n+1, f
			}
		}
		return n
	}
	if got := pushed(20); got != 4 {
		t.Errorf("nobody waits: got %d frames in 20 s, want 4", got)
	}
	s.crowd("shop", 100)
	if got := pushed(5); got != 5 {
		t.Errorf("people wait: got %d frames in 5 s, want 5", got)
	}
}

func TestWatchersBeyondTheMostAreRefusedAndComeAgain(t *testing.T) {
	s := one(t, auto("main"))
	s.cfg.MaxWatchers = 1
	server := s.serve()
	s.wait(1)
	d := newDevice()
	conn, res, err := d.dial(t, server, "main", issuer)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	read(t, conn)
	_, res, err = d.dial(t, server, "main", issuer)
	if err == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Fatalf("got %v, %v, want 503 with Retry-After", res, err)
	}
	res.Body.Close()
	conn.Close()
	s.until("the place is free", func() bool { return s.watched.Load() == 0 })
	conn, res, err = d.dial(t, server, "main", issuer)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	conn.Close()
	if _, res, err := d.dial(t, server, "none", issuer); err == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("a room that is not there: got %v, %v, want 404", res, err)
	} else {
		res.Body.Close()
	}
}

// Aeroplane mode on and off, and again: the place stays, and counts once.
func TestAttackWaitingRoomByAnAeroplaneModeToggle(t *testing.T) {
	s := busyRoom(t)
	server := s.serve()
	d := newDevice()
	first := d.seat(s, "shop")
	l := s.plan.Load().rooms[0].state.Load().line
	here := func() uint32 {
		_, n := l.here.count(l.latest.Load().Main.Serving, s.time())
		return n
	}
	s.clock.Add(int64(2 * time.Minute)) // what counted the page's first answer is over
	if n := here(); n != 0 {
		t.Fatalf("%d are there without a socket, want none", n)
	}
	for range 3 {
		conn, res, err := d.dial(t, server, "main", issuer)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if f := frameOf(t, read(t, conn)); f.Room != "main" {
			t.Errorf("got %+v", f)
		}
		if n := here(); n != 1 {
			t.Errorf("%d are there with a socket, want 1", n)
		}
		conn.UnderlyingConn().Close()
		s.until("the socket is gone", func() bool { return s.watched.Load() == 0 })
		if n := here(); n != 1 {
			t.Errorf("%d are there just after, want 1", n)
		}
	}
	s.clock.Add(int64(grace))
	if n := here(); n != 0 {
		t.Errorf("%d are there %v after, want none", n, grace)
	}
	if again := d.seat(s, "shop"); again.Number != first.Number {
		t.Errorf("got number %d, want %d", again.Number, first.Number)
	}
}

func TestATicketCountsFromOurOwnPagesAlone(t *testing.T) {
	s := busyRoom(t)
	d := newDevice()
	d.seat(s, "shop")
	c := s.plan.Load().rooms[0]
	l := c.state.Load().line
	for name, tc := range map[string]struct {
		header http.Header
		want   int
	}{
		"our page":                     {http.Header{"Origin": {issuer}}, 1},
		"an event stream of our page":  {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 1},
		"another site":                 {http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 0},
		"a site of our domain":         {http.Header{"Origin": {"https://www.login.example"}}, 0},
		"http":                         {http.Header{"Origin": {"http://login.example"}}, 0},
		"a sandboxed frame":            {http.Header{"Origin": {"null"}}, 0},
		"an event stream of elsewhere": {http.Header{"Sec-Fetch-Site": {"same-site"}}, 0},
		"no browser":                   {nil, 0},
	} {
		r := d.request("/rooms/main/ws")
		maps.Copy(r.Header, tc.header)
		l.here = newPresence()
		leave := s.place(c, c.state.Load(), r)
		if _, n := l.here.count(0, s.time()); int(n) != tc.want {
			t.Errorf("%s: %d counted, want %d", name, n, tc.want)
		}
		leave()
	}
}

func TestNoFrameGoesOutUnsigned(t *testing.T) {
	if _, err := New(Config{Store: onBbolt(t), Ring: ring(t), Issuer: issuer}); err == nil {
		t.Error("a hall without a signature was made")
	}
	s := one(t, auto("main"))
	for name, broken := range map[string]func([]byte, string) (string, error){
		"an error": func([]byte, string) (string, error) { return "", errors.New("no key") },
		"nothing":  func([]byte, string) (string, error) { return "", nil },
	} {
		s.cfg.Sign = broken
		s.wait(3)
		if f := s.plan.Load().rooms[0].hub.latest(); f != nil {
			t.Errorf("%s: got the frame %+v, want none", name, f)
		}
	}
	if n := strings.Count(s.log.String(), "no frame"); n != 1 {
		t.Errorf("the log says it %d times, want once:\n%s", n, s.log)
	}
	s.cfg.Sign = sign
	s.wait(1)
	if s.plan.Load().rooms[0].hub.latest() == nil {
		t.Error("no frame although it can be signed again")
	}
}

// Run steps by the clock and ends with its context; watchers are told.
func TestRunStepsEachSecondAndEndsItsWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onBbolt(t)
		h, err := New(Config{Rooms: []Setting{auto("main")}, Store: st, Ring: ring(t), Issuer: issuer, Sign: sign, Load: func() (float64, float64) { return 5, 0 }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		w := httptest.NewRecorder()
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			h.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rooms/main/sse", nil))
		}()
		time.Sleep(30*time.Second + 500*time.Millisecond)
		in := h.Insights()[0]
		if age := time.Since(time.Unix(in.Queue.Second, 0)); age < 0 || age > time.Second || in.Away {
			t.Errorf("the last step was %v ago", age)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		<-watched
		if n := strings.Count(w.Body.String(), "data: "); n < 6 || n > 8 {
			t.Errorf("got %d events in 30 s in which nobody waited, want one in five seconds", n)
		}
	})
}
