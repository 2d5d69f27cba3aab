package live

import (
	"net/http"

	"sinho/broadcast"
)

// serveSocket sends the board, and then each newer one.
func (l *Live) serveSocket(w http.ResponseWriter, r *http.Request) {
	l.serve(w, r, broadcast.Socket)
}

// serveEvents is the same as an event stream.
func (l *Live) serveEvents(w http.ResponseWriter, r *http.Request) {
	l.serve(w, r, broadcast.Events)
}

func (l *Live) serve(w http.ResponseWriter, r *http.Request, by func(http.ResponseWriter, *http.Request, broadcast.Each)) {
	if !l.hub.join() {
		broadcast.Open(w.Header())
		busy(w)
		return
	}
	defer l.hub.leave()
	by(w, r, l.hub.each)
}
