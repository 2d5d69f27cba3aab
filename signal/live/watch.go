package live

import (
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// writeWait is how long one message may take to leave; a reader that is slower
// is dropped.
const writeWait = 10 * time.Second

// upgrader takes any origin: the board is public, no cookie is read, and nothing
// a watcher sends is looked at.
func upgrader() websocket.Upgrader {
	return websocket.Upgrader{
		ReadBufferSize:  256,
		WriteBufferSize: 256,
		CheckOrigin:     func(*http.Request) bool { return true },
	}
}

// serveSocket sends the board, and then each newer one.
func (l *Live) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !l.hub.join() {
		openToAll(w.Header())
		busy(w)
		return
	}
	defer l.hub.leave()
	up := upgrader()
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		discard(conn)
	}()
	l.sendSocket(conn, gone)
	_ = conn.Close() // ends the reader
	<-gone
}

// discard reads until the connection ends. Watchers have nothing to say: a
// frame over 512 bytes ends it, and so does silence after several boards, as a
// browser answers the pings that go with them.
func discard(conn *websocket.Conn) {
	conn.SetReadLimit(512)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(3 * resend)) }
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

// sendSocket writes whatever is newest whenever there is something newer.
func (l *Live) sendSocket(conn *websocket.Conn, gone <-chan struct{}) {
	var pinged time.Time
	for {
		f := l.hub.pushed.Load()
		now := time.Now()
		if conn.SetWriteDeadline(now.Add(writeWait)) != nil || conn.WritePreparedMessage(f.socket) != nil {
			return
		}
		if now.Sub(pinged) >= resend {
			pinged = now
			if conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWait)) != nil {
				return
			}
		}
		select {
		case <-f.next:
		case <-gone:
			return
		case <-l.hub.done:
			bye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
			_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
			return
		}
	}
}

// serveEvents is the same as an event stream, for whoever cannot speak
// WebSocket. A reconnect gets the latest board, whatever it had seen.
func (l *Live) serveEvents(w http.ResponseWriter, r *http.Request) {
	openToAll(w.Header())
	if !l.hub.join() {
		busy(w)
		return
	}
	defer l.hub.leave()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	for {
		f := l.hub.pushed.Load()
		// A server without deadlines (a test's recorder) sends all the same.
		_ = out.SetWriteDeadline(time.Now().Add(writeWait))
		if _, err := w.Write(f.event); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-f.next:
		case <-r.Context().Done():
			return
		case <-l.hub.done:
			return
		}
	}
}
