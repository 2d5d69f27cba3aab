package live

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sinho/signal"
)

// Handler serves the board to everybody: GET /signal (ETag, If-None-Match),
// /signal/ws (WebSocket), /signal/sse (event stream), /signal/honesty, and
// /signal/summary.json for status pages. It
// sets and reads no cookie, and any origin may read.
func (l *Live) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signal", l.servePoll)
	mux.HandleFunc("OPTIONS /signal", servePreflight)
	mux.HandleFunc("GET /signal/ws", l.serveSocket)
	mux.HandleFunc("GET /signal/sse", l.serveEvents)
	mux.HandleFunc("GET /signal/honesty", l.serveHonesty)
	mux.HandleFunc("GET /signal/summary.json", l.serveSummary)
	return mux
}

func openToAll(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag")
	h.Set("X-Content-Type-Options", "nosniff")
}

func servePreflight(w http.ResponseWriter, _ *http.Request) {
	openToAll(w.Header())
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
	w.Header().Set("Access-Control-Allow-Headers", "If-None-Match")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

func (l *Live) servePoll(w http.ResponseWriter, r *http.Request) {
	f := l.hub.latest()
	openToAll(w.Header())
	if unchanged(w, r, f.etag) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.body)))
	_, _ = w.Write(f.body)
}

// unchanged names what is shown, and answers whoever has it already.
func unchanged(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "public, max-age=1")
	if !matches(r.Header.Values("If-None-Match"), etag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// matches compares If-None-Match weakly with an entity tag (RFC 9110, 13.1.2).
func matches(fields []string, etag string) bool {
	for _, field := range fields {
		for tag := range strings.SplitSeq(field, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
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
	openToAll(w.Header())
	w.Header().Set("Cache-Control", "public, max-age=1")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body)
}
