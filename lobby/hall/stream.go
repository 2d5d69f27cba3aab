package hall

import (
	"net/http"

	"sinho/broadcast"
)

// watch finds the room and takes a place in it; what there is to refuse is answered.
func (h *Hall) watch(w http.ResponseWriter, r *http.Request) (*watcher, bool) {
	c, st := h.named(r.PathValue("room"))
	if c == nil {
		broadcast.Open(w.Header())
		http.NotFound(w, r)
		return nil, false
	}
	watching, ok := h.join(c, st, r)
	if !ok {
		broadcast.Open(w.Header())
		busy(w, 30, "too many watchers; GET the frame instead")
	}
	return watching, ok
}

// serveSocket sends the frame, and then each newer one.
func (h *Hall) serveSocket(w http.ResponseWriter, r *http.Request) {
	if watching, ok := h.watch(w, r); ok {
		defer watching.leave()
		broadcast.Socket(w, r, watching.each)
	}
}

// serveEvents is the same as an event stream.
func (h *Hall) serveEvents(w http.ResponseWriter, r *http.Request) {
	if watching, ok := h.watch(w, r); ok {
		defer watching.leave()
		broadcast.Events(w, r, watching.each)
	}
}
