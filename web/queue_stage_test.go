package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	pagecdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
	"sinho/signal"
	"sinho/store"
)

// queueStage is a waiting room whose frames and seat a test changes. Its clock is
// its own: it stands at the second of its frame.
type queueStage struct {
	mu      sync.Mutex
	frame   lobby.Frame       // guarded by mu
	seat    hall.Seat         // guarded by mu: what the frame does not say
	queue   broker.Queueing   // guarded by mu
	sockets []*websocket.Conn // guarded by mu
	cut     bool              // guarded by mu: nothing is answered
	deaf    bool              // guarded by mu: no socket is taken
	away    bool              // guarded by mu: nobody is told their place
	none    bool              // guarded by mu: the room is off
	asked   int               // guarded by mu: for a seat, by the script
	posted  []string          // guarded by mu
	polled  int               // guarded by mu: the room's document

	joins   chan struct{} // one for each socket
	handler http.Handler
}

// set changes something, unseen.
func (s *queueStage) set(change func(*queueStage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// push sends the next second's frame to whoever is connected.
func (s *queueStage) push(change func(*lobby.Frame)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame.Second++
	if change != nil {
		change(&s.frame)
	}
	s.send(s.frame)
}

func (s *queueStage) send(f lobby.Frame) {
	for _, c := range s.sockets {
		c.WriteMessage(websocket.TextMessage, []byte(s.wire(f)))
	}
}

func (s *queueStage) wire(f lobby.Frame) string {
	b, err := f.Marshal()
	if err != nil {
		panic(err)
	}
	return jws(string(b))
}

func (s *queueStage) take(http.ResponseWriter, *http.Request, broker.Entrance) (hall.Seat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return hall.Seat{}, store.ErrUnavailable
	}
	if s.none {
		return hall.Seat{}, hall.ErrNoRoom
	}
	out := s.seat
	out.Frame, out.Now = s.wire(s.frame), time.Unix(s.frame.Second, 0)
	if s.frame.Opens != 0 {
		out.Opens = time.Unix(s.frame.Opens, 0)
	}
	v, err := s.frame.View(out.Number, out.Late, 0)
	out.View = v
	out.View.Called = out.Called
	return out, err
}

// leave closes every socket; refuse refuses new ones and everything else.
func (s *queueStage) leave(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = refuse
	for _, c := range s.sockets {
		c.Close()
	}
	s.sockets = nil
	for len(s.joins) > 0 {
		<-s.joins
	}
}

// joined waits for a socket.
func (s *queueStage) joined(t *testing.T) {
	t.Helper()
	select {
	case <-s.joins:
	case <-time.After(time.Minute):
		t.Fatal("nobody connects")
	}
}

func (s *queueStage) serve(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	for _, path := range []string{"/rooms/vaccine/sse", "/signal", "/signal/"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) })
	}
	mux.HandleFunc("/rooms/vaccine/ws", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		deaf := s.deaf
		s.mu.Unlock()
		if deaf {
			http.Error(w, "full", http.StatusServiceUnavailable)
			return
		}
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sockets = append(s.sockets, c)
		c.WriteMessage(websocket.TextMessage, []byte(s.wire(s.frame)))
		s.joins <- struct{}{}
	})
	mux.HandleFunc("/rooms/vaccine", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		out := map[string]any{"frame": s.frame, "jws": s.wire(s.frame)}
		if n := s.seat.Room.Notice; s.frame.Closed && n[0] != "" {
			out["notice"] = queueText{n[0], n[1]}
		}
		s.polled++
		json.NewEncoder(w).Encode(out)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		cut, none := s.cut, s.none
		if r.Header.Get("Accept") == "application/json" && r.URL.Path == "/queue" && !cut {
			s.asked++
		}
		s.mu.Unlock()
		if cut {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		if none && strings.HasPrefix(r.URL.Path, "/rooms/") {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// newQueueStage is a room that opens in 3 h 4 min 5 s, with number 777 of 5,000.
func newQueueStage(t *testing.T) (*queueStage, string) {
	t.Helper()
	_, proof := openingOf()
	s := &queueStage{queue: someQueueing(), joins: make(chan struct{}, 1000)}
	s.queue.Expires = time.Now().Add(time.Hour)
	s.seat = hall.Seat{
		Room: hall.Setting{Name: "vaccine", Title: [2]string{"백신 예약 대기실", "Vaccine booking"}}, Number: 777, Proof: proof,
		MayBe: true, Reload: 20 * time.Second, Spread: 300 * time.Millisecond,
	}
	s.frame = lobby.Frame{Version: 1, Room: "vaccine", Second: noon.Unix(), Next: 5000, Show: 1000, Proof: proof, Opens: noon.Add(3*time.Hour + 4*time.Minute + 5*time.Second).Unix()}
	flow := (&fake{login: someLogin()}).flow()
	flow.Queue = func(http.ResponseWriter, *http.Request, string) (broker.Queueing, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		q := s.queue
		q.Sealed = fmt.Sprintf("fresh-%d", s.asked)
		return q, nil
	}
	flow.Continue = func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.posted = append(s.posted, sealed)
		return broker.Step{Redirect: "/login?r=in"}, nil
	}
	pages, err := New(Config{Flow: flow, Seat: s.take, Board: boardOf(status("naver", signal.Green), status("kakao", signal.Red), status("toss", signal.Yellow))})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = s.serve(pages.Handler())
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return s, server.URL
}

// open is the frame after the opening, with so many called.
func open(serving uint64) func(*lobby.Frame) {
	return func(f *lobby.Frame) {
		o, _ := openingOf()
		f.Opens, f.Crowd, f.Seed = 0, 5000, hex.EncodeToString(o.Seed[:])
		f.Serving, f.Step, f.Rate, f.Slow, f.Moved = serving, min(20, serving), 20000, 15000, f.Second
	}
}

// placeOf is where the shuffle puts a number.
func placeOf(number uint64) uint64 {
	o, _ := openingOf()
	shuffle := lobby.NewShuffle(o.Seed, 5000)
	return shuffle.Place(number)
}

// before runs a script in every page before its own.
func (p phone) before(script string) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, pagecdp.AddScriptToEvaluateOnNewDocument, pagecdp.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		p.Fatal(err)
	}
}

// airplane takes the device off the network, or puts it back.
func (p phone) airplane(on bool) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: on, DownloadThroughput: -1, UploadThroughput: -1}); err != nil {
		p.Fatal(err)
	}
}

// watched counts what a page does that could startle somebody.
const watched = `
	window.beeps = 0; window.notes = []; window.said = [];
	window.AudioContext = class {
		constructor() { this.currentTime = 0; this.destination = {}; }
		resume() { return Promise.resolve(); }
		createOscillator() { return { frequency: {}, connect: x => x, start() { beeps++; }, stop() {} }; }
		createGain() { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: x => x }; }
	};
	window.Notification = class { constructor(title) { notes.push(title); } static requestPermission() { return Promise.resolve("granted"); } };
	Notification.permission = "default";
	document.addEventListener("DOMContentLoaded", () => {
		const say = document.getElementById("say");
		if (say) new MutationObserver(() => said.push(say.textContent)).observe(say, { childList: true });
	});
`

const (
	textOf  = `document.querySelector("#%s")?.textContent`
	isShown = `document.querySelector("#%s")?.getClientRects().length > 0`
)

func (p phone) text(id string) string {
	p.Helper()
	return js[string](p, fmt.Sprintf(textOf, id)+` || ""`)
}

// fits fails where the page is wider than the phone, or something too small to press.
func (p phone) fits(width int) {
	p.Helper()
	if js[bool](p, fmt.Sprintf(`document.documentElement.scrollWidth > %d`, width)) {
		p.Errorf("got a page wider than a phone of %d pixels", width)
	}
	if small := js[[]string](p, `[...document.querySelectorAll("a, button, label.tick, summary")]
		.filter(e => !e.matches(".use a") && e.getClientRects().length && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML.slice(0, 80))`); len(small) > 0 {
		p.Errorf("got targets under 44 pixels: %q", small)
	}
}
