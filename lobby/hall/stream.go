package hall

import (
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// watch finds the room and takes a place in it; what there is to refuse is answered.
func (h *Hall) watch(w http.ResponseWriter, r *http.Request) (*watcher, bool) {
	c, st := h.named(r.PathValue("room"))
	if c == nil {
		openToAll(w.Header())
		http.NotFound(w, r)
		return nil, false
	}
	watching, ok := h.join(c, st, r)
	if !ok {
		openToAll(w.Header())
		busy(w, 30, "too many watchers; GET the frame instead")
	}
	return watching, ok
}

// serveSocket sends the frame, and then each newer one.
func (h *Hall) serveSocket(w http.ResponseWriter, r *http.Request) {
	watching, ok := h.watch(w, r)
	if !ok {
		return
	}
	defer watching.leave()
	up := websocket.Upgrader{
		ReadBufferSize: 256, WriteBufferSize: 256,
		CheckOrigin: func(*http.Request) bool { return true }, // frames are public
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	gone := make(chan struct{})
	watching.gone = gone
	go func() {
		defer close(gone)
		discard(conn)
	}()
	var pinged time.Time
	watching.each(func(f *frame) error {
		now := time.Now()
		if err := conn.SetWriteDeadline(now.Add(writeWait)); err != nil {
			return err
		}
		if err := conn.WritePreparedMessage(f.socket); err != nil {
			return err
		}
		if now.Sub(pinged) < pingEvery {
			return nil
		}
		pinged = now
		return conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWait))
	})
	bye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
	_ = conn.Close() // ends the reader
	<-gone
}

// discard reads until the connection ends. Watchers have nothing to say: a message
// over 512 bytes ends it, and so does silence after several pings.
func discard(conn *websocket.Conn) {
	conn.SetReadLimit(512)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(3 * pingEvery)) }
	if alive("") != nil {
		return
	}
	conn.SetPongHandler(alive)
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return
		}
	}
}

// serveEvents is the same as an event stream, for whoever cannot speak WebSocket.
func (h *Hall) serveEvents(w http.ResponseWriter, r *http.Request) {
	watching, ok := h.watch(w, r)
	if !ok {
		return
	}
	defer watching.leave()
	watching.gone = r.Context().Done()
	openToAll(w.Header())
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	watching.each(func(f *frame) error {
		// A server without deadlines (a test's recorder) sends all the same.
		_ = out.SetWriteDeadline(time.Now().Add(writeWait))
		if _, err := w.Write(f.event); err != nil { //nolint:gosec // an event stream of base64url, and no page
			return err
		}
		return out.Flush()
	})
}
