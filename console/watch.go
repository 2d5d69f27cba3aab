package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"sinho/broadcast"
	"sinho/signal"
)

const (
	// look is how often a live page may change.
	look = 250 * time.Millisecond
	// recheck is how often a live page asks whether its session still is.
	recheck = 5 * time.Second
	// writeWait is how long one message may take to leave; a slower reader is
	// dropped.
	writeWait = 5 * time.Second
	// ping finds dead connections.
	ping = 20 * time.Second
	// signedOut closes the socket of a session that is over (private use).
	signedOut = 4001
)

// watch keeps the live part of one page fresh: the same template again, when it
// says something new. Nothing queues: a slow reader gets the newest when it is
// ready, or is dropped.
func (c *Console) watch(w http.ResponseWriter, r *http.Request) {
	v, err := c.visitor(r)
	if err != nil {
		http.Error(w, "로그인이 필요합니다. Please sign in.", http.StatusUnauthorized)
		return
	}
	select {
	case c.watchers <- struct{}{}:
		defer func() { <-c.watchers }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many live pages; refresh by hand", http.StatusServiceUnavailable)
		return
	}
	q := r.URL.Query()
	show := func(v visitor) ([]byte, bool) {
		f := c.frame(r, v, "", "", "")
		switch q.Get("page") {
		case "board":
			f.At = "/"
			body, err := c.part("board", c.boardView(f))
			return body, err == nil
		case "rooms":
			f.At = "/rooms"
			body, err := c.part("rooms", c.roomsView(f))
			return body, err == nil && c.cfg.Rooms != nil
		case "room":
			f.At = "/rooms/" + q.Get("id")
			room, ok := c.room(q.Get("id"))
			if !ok {
				return nil, false
			}
			body, err := c.part("room", c.roomView(f, room))
			return body, err == nil
		}
		f.At = "/providers/" + q.Get("id")
		view, ok := c.providerView(f, q.Get("id"), q.Get("span"))
		if !ok {
			return nil, false
		}
		body, err := c.part("provider", view)
		return body, err == nil
	}
	if _, ok := show(v); !ok {
		http.Error(w, "no such live page", http.StatusNotFound)
		return
	}
	// The default CheckOrigin lets only our own pages in.
	up := websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 4096, HandshakeTimeout: writeWait, CheckOrigin: c.sameOrigin}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		broadcast.Discard(conn, 3*ping)
	}()
	c.send(ctx, conn, v, show)
	_ = conn.Close() // ends the reader
	<-gone
}

// sameOrigin lets in pages of the console's own origin, by whatever name its
// browser reaches it.
func (c *Console) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == c.cfg.Origin || origin == "http://"+r.Host && !c.secure || origin == "https://"+r.Host
}

func (c *Console) send(ctx context.Context, conn *websocket.Conn, v visitor, show func(visitor) ([]byte, bool)) {
	bye := func(code int) {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last []byte
	var shown signal.Board
	checked, pinged, told := time.Now(), time.Now(), false
	for {
		changed := c.cfg.Desk.Changed()
		if now := time.Now(); now.Sub(checked) >= recheck {
			checked = now
			if c.alive(ctx, &v) != nil {
				bye(signedOut)
				return
			}
		}
		board, body, ok := c.cfg.Lights.Board(), last, true
		if last == nil || told || board.Seq != shown.Seq || !board.At.Equal(shown.At) {
			shown, told = board, false
			body, ok = show(v)
		}
		if !ok {
			bye(websocket.CloseGoingAway)
			return
		}
		now := time.Now()
		if !bytes.Equal(body, last) {
			last = body
			if conn.SetWriteDeadline(now.Add(writeWait)) != nil || conn.WriteMessage(websocket.TextMessage, body) != nil {
				return
			}
		}
		if now.Sub(pinged) >= ping {
			pinged = now
			if conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWait)) != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-changed:
			told = true
		case <-ctx.Done():
			return
		case <-c.done:
			bye(websocket.CloseGoingAway)
			return
		}
	}
}
