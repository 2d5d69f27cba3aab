package live

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"sinho/broadcast"
	"sinho/signal"
)

// Handler serves the board to everybody: GET /signal (ETag, If-None-Match),
// /signal/ws (WebSocket), /signal/sse (event stream), /signal/honesty, and
// /signal/summary.json for status pages. It
// sets and reads no cookie, and any origin may read.
func (l *Live) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signal", l.servePoll)
	mux.HandleFunc("OPTIONS /signal", broadcast.Preflight)
	mux.HandleFunc("GET /signal/ws", l.serveSocket)
	mux.HandleFunc("GET /signal/sse", l.serveEvents)
	mux.HandleFunc("GET /signal/honesty", l.serveHonesty)
	mux.HandleFunc("GET /signal/summary.json", l.serveSummary)
	return mux
}

func (l *Live) servePoll(w http.ResponseWriter, r *http.Request) {
	f := l.hub.latest()
	broadcast.Open(w.Header())
	if broadcast.Unchanged(w, r, f.etag) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.body)))
	_, _ = w.Write(f.body)
}

// busy refuses a watcher; it may poll, and try again after a while of its own.
func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(30+rand.IntN(90))) //nolint:gosec // spreads clients, hides nothing
	http.Error(w, "too many watchers; GET /signal instead", http.StatusServiceUnavailable)
}

// honesty is the document at /signal/honesty.
type honesty struct {
	Since     time.Time         `json:"since"`
	Overall   honest            `json:"overall"`
	Providers map[string]honest `json:"providers"`
}

// honest adds the share to the counts; null while nothing was judged.
type honest struct {
	signal.Honesty
	Share *float64 `json:"honesty"`
}

func newHonest(h signal.Honesty) honest {
	out := honest{Honesty: h}
	if share, ok := h.Share(); ok {
		out.Share = &share
	}
	return out
}

// Honesty is green honesty since the start, over all providers and by id; where
// nodes show one light, of all of them since the first one's start.
func (l *Live) Honesty() (overall signal.Honesty, byID map[string]signal.Honesty) {
	byID = make(map[string]signal.Honesty, len(l.providers))
	for _, p := range l.providers {
		p.mu.Lock()
		h := p.lamp.Honest
		p.mu.Unlock()
		byID[p.ID], overall = h, overall.Add(h)
	}
	return overall, byID
}

func (l *Live) serveHonesty(w http.ResponseWriter, _ *http.Request) {
	overall, byID := l.Honesty()
	doc := honesty{Since: time.Unix(l.began.Load(), 0).UTC(), Overall: newHonest(overall), Providers: map[string]honest{}}
	for id, h := range byID {
		doc.Providers[id] = newHonest(h)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		http.Error(w, "honesty cannot be shown", http.StatusInternalServerError)
		return
	}
	broadcast.Open(w.Header())
	w.Header().Set("Cache-Control", "public, max-age=1")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body)
}
