package hall

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sinho/broadcast"
	"sinho/lobby"
)

// idleEvery is how often a room in which nobody waits shows where it is, in seconds.
const idleEvery = 5

// frame is one frame in every form it is sent in: the same bytes for everybody,
// made and signed once.
type frame struct {
	lobby.Frame

	jws     string
	body    []byte // of GET
	etag    string
	message broadcast.Message
	next    chan struct{} // closed when a newer one is pushed
}

// notice is what people read of a room that is closed, in the form of GET.
type notice struct {
	KO string `json:"ko"`
	EN string `json:"en"`
}

// newFrame is a frame in every form. The words of a closed room go with GET alone:
// what is sent to everybody each second carries none.
func (h *Hall) newFrame(f lobby.Frame, words [2]string) (*frame, error) {
	claims, err := f.Marshal()
	if err != nil {
		return nil, fmt.Errorf("marshal frame: %w", err)
	}
	jws, err := h.cfg.Sign(claims, FrameType)
	if err == nil && jws == "" {
		err = fmt.Errorf("an empty signature")
	}
	if err != nil {
		return nil, fmt.Errorf("sign frame: %w", err)
	}
	body, err := json.Marshal(struct {
		Frame  json.RawMessage `json:"frame"`
		JWS    string          `json:"jws"`
		Notice notice          `json:"notice,omitzero"`
	}{claims, jws, notice{words[0], words[1]}})
	if err != nil {
		return nil, fmt.Errorf("marshal frame: %w", err)
	}
	message, err := broadcast.NewMessage(f.Second, []byte(jws))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(claims, words[0]+"\x00"+words[1]...))
	return &frame{
		Frame: f, jws: jws, body: body, message: message, next: make(chan struct{}),
		etag: `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, // nodes sign the same with other bytes
	}, nil
}

// hub has the latest frame of a room. Watchers wait on the one they sent last;
// whoever is slow finds the newest when it comes back, so nothing ever queues.
type hub struct {
	polled  atomic.Pointer[frame] // renewed each second; nil before the first
	pushed  atomic.Pointer[frame] // renewed each second while anybody waits
	watched atomic.Int64
	failed  atomic.Bool // the last frame could not be made

	mu    sync.Mutex    // guards what follows
	at    time.Time     // of the last push
	first chan struct{} // closed when the first frame is there
	done  chan struct{} // closed when those who watch now have to go
}

func newHub() *hub { return &hub{first: make(chan struct{}), done: make(chan struct{})} }

func (h *hub) latest() *frame { return h.polled.Load() }

// show makes a frame the latest, and pushes it at once or when it is time.
func (h *hub) show(f *frame, atOnce bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polled.Store(f)
	last := h.pushed.Load()
	if last == nil || atOnce || last.Room != f.Room || f.Second-last.Second >= idleEvery {
		h.push(f, now)
	}
}

// again pushes the last frame once more where there was none for long, so that
// connections are kept: devices drop what they have.
func (h *hub) again(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := h.pushed.Load(); last != nil && now.Sub(h.at).Abs() >= broadcast.PingEvery {
		same := *last
		same.next = make(chan struct{})
		h.push(&same, now)
	}
}

// push wakes everybody. h.mu is held.
func (h *hub) push(f *frame, now time.Time) {
	last := h.pushed.Swap(f)
	h.at = now
	if last == nil {
		close(h.first)
		return
	}
	close(last.next)
}

// clear has everybody go who watches.
func (h *hub) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.done)
	h.done = make(chan struct{})
}

// ends are the channels that a watcher waits on besides frames.
func (h *hub) ends() (first, done <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first, h.done
}

// watcher is one connection that gets every frame.
type watcher struct {
	h           *Hall
	hub         *hub
	first, done <-chan struct{}
	leave       func()
}

// join takes a watcher's place; false when all are taken or it is over.
func (h *Hall) join(c *chamber, st *state, r *http.Request) (*watcher, bool) {
	select {
	case <-h.over:
		return nil, false
	default:
	}
	if h.watched.Add(1) > int64(h.cfg.MaxWatchers) {
		h.watched.Add(-1)
		if _, waits := h.waiting(c, st, r); waits {
			st.line.missed.Store(h.now().UnixMilli())
		}
		return nil, false
	}
	c.hub.watched.Add(1)
	stay := h.place(c, st, r)
	first, done := c.hub.ends()
	return &watcher{h: h, hub: c.hub, first: first, done: done, leave: func() {
		stay()
		c.hub.watched.Add(-1)
		h.watched.Add(-1)
	}}, true
}

// place counts the ticket that comes with a watcher as there, until the function
// it gives is called.
func (h *Hall) place(c *chamber, st *state, r *http.Request) func() {
	l := st.line
	t, waits := h.waiting(c, st, r)
	if !waits || t.Late != 0 || !l.here.join(t.Number) {
		return func() {}
	}
	return func() { l.here.leave(t.Number, h.now()) }
}

// waiting is the ticket that comes with a watcher of our own pages, if one does.
func (h *Hall) waiting(c *chamber, st *state, r *http.Request) (t lobby.Ticket, ok bool) {
	value := h.cookieOf(r, kindTicket, c.name)
	if value == "" || !h.ours(r) {
		return t, false
	}
	t, err := h.papers.OpenTicket(value, st.line.name, h.now())
	if err != nil {
		c.count.tickets.refuse(err)
		return t, false
	}
	st.line.room.Observe(t)
	return t, true
}

// ours: a page of ours asks. Event streams of one's own origin have no Origin.
func (h *Hall) ours(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == h.origin || origin == "" && r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// each is a broadcast.Each.
func (w *watcher) each(gone <-chan struct{}, send func(broadcast.Message) error) (over bool) {
	for next := w.first; ; {
		select {
		case <-next:
		case <-gone:
			return false
		case <-w.done:
			return true
		case <-w.h.over:
			return true
		}
		f := w.hub.pushed.Load()
		if send(f.message) != nil {
			return false
		}
		next = f.next
	}
}

// Handler serves each room's frames to everybody: GET /rooms/{room} (JSON
// {"frame":…,"jws":"…"}, with "notice":{"ko":"…","en":"…"} where a room was closed
// with one, ETag), /rooms/{room}/ws (WebSocket; each message is the
// compact JWS) and /rooms/{room}/sse (event stream; each event's data is). Any
// origin may read; a ticket's cookie counts from our own pages alone.
func (h *Hall) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rooms/{room}", h.servePoll)
	mux.HandleFunc("OPTIONS /rooms/{room}", broadcast.Preflight)
	mux.HandleFunc("GET /rooms/{room}/ws", h.serveSocket)
	mux.HandleFunc("GET /rooms/{room}/sse", h.serveEvents)
	return mux
}

func (h *Hall) servePoll(w http.ResponseWriter, r *http.Request) {
	broadcast.Open(w.Header())
	c, _ := h.named(r.PathValue("room"))
	if c == nil {
		http.NotFound(w, r)
		return
	}
	f := c.hub.latest()
	if f == nil {
		busy(w, 1, "no frame yet")
		return
	}
	if broadcast.Unchanged(w, r, f.etag) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.body)))
	_, _ = w.Write(f.body)
}

// busy refuses, with a time to come again of each one's own.
func busy(w http.ResponseWriter, least int, why string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", strconv.Itoa(least+rand.IntN(3*least))) //nolint:gosec // spreads clients, hides nothing
	http.Error(w, why, http.StatusServiceUnavailable)
}
