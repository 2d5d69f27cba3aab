// Package broadcast sends everybody the newest of something, the same bytes for
// all: by WebSocket, as an event stream, and to whoever polls. What is newest, and
// when it is told, is its caller's to say. Nobody's cookie or message decides
// anything here, so any origin may watch.
package broadcast

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// WriteWait is how long one message may take to leave; a slower reader is dropped.
	WriteWait = 10 * time.Second
	// PingEvery finds dead connections, along with a message. Callers send something
	// as often, changed or not.
	PingEvery = 25 * time.Second
)

// Message is one state in the forms it is sent in, made once for everybody.
type Message struct {
	event  []byte
	socket *websocket.PreparedMessage
}

// NewMessage prepares data, which has no line breaks; id is that of its event.
func NewMessage(id int64, data []byte) (Message, error) {
	socket, err := websocket.NewPreparedMessage(websocket.TextMessage, data)
	if err != nil {
		return Message{}, fmt.Errorf("prepare message: %w", err)
	}
	event := append([]byte("id: "+strconv.FormatInt(id, 10)+"\ndata: "), data...)
	return Message{event: append(event, "\n\n"...), socket: socket}, nil
}

// Each gives a watcher every message to send, the newest whenever it comes back,
// until send fails, gone is closed or there will be no more, which it says.
type Each func(gone <-chan struct{}, send func(Message) error) (over bool)

// Socket serves one WebSocket.
func Socket(w http.ResponseWriter, r *http.Request, each Each) {
	up := websocket.Upgrader{
		ReadBufferSize: 256, WriteBufferSize: 256,
		CheckOrigin: func(*http.Request) bool { return true },
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		Discard(conn, 3*PingEvery)
	}()
	var pinged time.Time
	over := each(gone, func(m Message) error {
		now := time.Now()
		if err := conn.SetWriteDeadline(now.Add(WriteWait)); err != nil {
			return err
		}
		if err := conn.WritePreparedMessage(m.socket); err != nil {
			return err
		}
		if now.Sub(pinged) < PingEvery {
			return nil
		}
		pinged = now
		return conn.WriteControl(websocket.PingMessage, nil, now.Add(WriteWait))
	})
	if over {
		bye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
		_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
	}
	_ = conn.Close() // ends the reader
	<-gone
}

// Discard reads until the connection ends. Watchers have nothing to say: a message
// over 512 bytes ends it, and so does silence, as browsers answer pings.
func Discard(conn *websocket.Conn, silence time.Duration) {
	conn.SetReadLimit(512)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(silence)) }
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

// Events serves one event stream, for whoever cannot speak WebSocket. A reconnect
// gets the newest, whatever it had seen.
func Events(w http.ResponseWriter, r *http.Request, each Each) {
	Open(w.Header())
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return // it would wait for a body for ever, and keep a watcher's place
	}
	out := http.NewResponseController(w)
	// A deadline is one message's: over HTTP/2 it ends a stream on which nothing is
	// being written, too. A server without them (a test's recorder) sends all the same.
	forever := time.Time{}
	_ = out.SetWriteDeadline(forever)
	each(r.Context().Done(), func(m Message) error {
		_ = out.SetWriteDeadline(time.Now().Add(WriteWait))
		if _, err := w.Write(m.event); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		_ = out.SetWriteDeadline(forever)
		return nil
	})
}
