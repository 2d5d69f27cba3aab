package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sinho/lobby"
)

// sights reads frames of rooms. Everybody gets the same bytes, so each is read
// once. Signatures are not looked at: that is the pages' part. It is safe for
// concurrent use.
type sights struct {
	mu    sync.Mutex // guards known
	known map[string]*lobby.Frame
}

// mostSights are remembered; then all are forgotten.
const mostSights = 64

var errNoFrame = errors.New("no frame of a room")

// frame is what a compact JWS carries.
func (s *sights) frame(wire []byte) (*lobby.Frame, error) {
	s.mu.Lock()
	f := s.known[string(wire)]
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	parts := strings.Split(string(wire), ".")
	if len(parts) != 3 {
		return nil, errNoFrame
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoFrame, err)
	}
	f = new(lobby.Frame)
	if err := json.Unmarshal(payload, f); err != nil || f.Version == 0 {
		return nil, fmt.Errorf("%w: %s: %w", errNoFrame, payload, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= mostSights {
		s.known = map[string]*lobby.Frame{}
	}
	s.known[string(wire)] = f
	return f, nil
}

// watch holds the room's socket until this person is called, the socket ends, or
// the person drops it; and says when to look again.
func (g *walking) watch(ctx context.Context, at *url.URL, s *seat) time.Duration {
	own, cancel := g.untilDropped(ctx)
	defer cancel()
	began := time.Now()
	defer func() { g.out.ledger.person += time.Since(began) }()
	conn, again := g.hold(own, at, s.Socket)
	if conn == nil {
		g.dropped(ctx, own)
		return again
	}
	defer func() { _ = conn.Close() }()
	unhook := context.AfterFunc(own, func() { _ = conn.Close() })
	defer unhook()
	var last *lobby.Frame
	for {
		_, r, err := conn.NextReader()
		var buf bytes.Buffer
		if err == nil {
			_, err = buf.ReadFrom(r)
		}
		if err != nil {
			g.dropped(ctx, own)
			return leastLook
		}
		f, err := g.frame(buf.Bytes())
		if err != nil || last != nil && f.Second <= last.Second {
			continue
		}
		last = f
		if g.calledIn(own, f, s) {
			return leastLook
		}
	}
}

// reckon is what this person's device makes of a frame.
func (g *walking) reckon(f *lobby.Frame, s *seat, since time.Duration) (lobby.View, error) {
	v, err := f.View(*s.Number, 0, since)
	if err == nil && v.Known && !v.Called {
		g.stay.toldOf(time.Now(), v.P50, v.P90)
	}
	return v, err
}

// dropped notes the end of what was held, if it was the person's own doing.
func (g *walking) dropped(ctx, own context.Context) {
	switch {
	case own.Err() != nil && ctx.Err() == nil:
		g.drop()
	case ctx.Err() == nil:
		g.stay.broken++
	}
}

// calledIn says whether a frame calls this person, who waits for its moment in the
// frame's second. Who has to do something about their place (too late, or another
// version) looks again too.
func (g *walking) calledIn(ctx context.Context, f *lobby.Frame, s *seat) bool {
	const tenths = 10
	for i := range tenths + 1 {
		v, err := g.reckon(f, s, time.Duration(i)*time.Second/tenths)
		if err != nil || v.Called || v.TooLate {
			return true
		}
		if end, err := g.reckon(f, s, time.Second); err == nil && !end.Called {
			return false
		}
		if pause(ctx, time.Second/tenths) != nil {
			return false
		}
	}
	return false
}

// hold connects to the room; no connection: look again in so long.
func (g *walking) hold(ctx context.Context, at *url.URL, socket string) (*websocket.Conn, time.Duration) {
	dialer := websocket.Dialer{HandshakeTimeout: dialPatience, ReadBufferSize: 1 << 10, WriteBufferSize: 256, WriteBufferPool: &g.socketPool}
	h := http.Header{"User-Agent": {userAgent}, "Origin": {g.carrier.origin}}
	if cookies := g.cookies(at); cookies != "" {
		h.Set("Cookie", cookies)
	}
	conn, resp, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(g.carrier.origin, "http")+socket, h)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		after := onSecondThought
		if resp != nil {
			after = max(after, retryAfter(resp.Header, time.Now()))
		}
		return nil, after
	}
	conn.SetReadLimit(maxBody)
	return conn, 0
}
