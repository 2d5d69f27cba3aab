package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// dialPatience is how long one connection may take to be made.
	dialPatience = 20 * time.Second
	// slowBuffer is the receive buffer of a watcher that will not read, in
	// bytes: small, so that the server soon feels it.
	slowBuffer = 4 << 10
)

// connection to the lights. Only one goroutine reads.
type connection struct {
	// next waits for a message and puts it into buf; it also answers pings.
	next func(buf *bytes.Buffer) error
	// close ends it, also under a reader.
	close func()
}

// refusal is a server that answered without a WebSocket.
type refusal struct {
	status int
	after  time.Duration // Retry-After; 0 when it says none
}

func (r *refusal) Error() string {
	if r.after > 0 {
		return fmt.Sprintf("refused with status %d, try again after %v", r.status, r.after)
	}
	return fmt.Sprintf("refused with status %d", r.status)
}

// socketDialer connects watchers.
type socketDialer struct {
	to   string
	from []netip.Addr
	each int
	pool sync.Pool // write buffers, which pongs alone need
}

func newSocketDialer(to string, from []netip.Addr, each int) *socketDialer {
	return &socketDialer{to: to, from: from, each: each}
}

// dial connects watcher n; slow ones get a small receive buffer.
func (d *socketDialer) dial(ctx context.Context, n int, slow bool) (*connection, error) {
	dialer := websocket.Dialer{
		HandshakeTimeout: dialPatience, ReadBufferSize: 1 << 10, WriteBufferSize: 256, WriteBufferPool: &d.pool,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return d.connect(ctx, network, address, n, slow)
		},
	}
	conn, resp, err := dialer.DialContext(ctx, d.to, http.Header{"User-Agent": {userAgent}})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	switch {
	case err != nil && resp != nil:
		return nil, &refusal{resp.StatusCode, retryAfter(resp.Header, time.Now())}
	case err != nil:
		return nil, err
	}
	conn.SetReadLimit(maxBody)
	return &connection{
		next: func(buf *bytes.Buffer) error {
			_, r, err := conn.NextReader()
			if err != nil {
				return err
			}
			buf.Reset()
			_, err = buf.ReadFrom(r)
			return err
		},
		close: func() { _ = conn.Close() },
	}, nil
}

// connect makes the TCP connection, from a source address where one is given.
func (d *socketDialer) connect(ctx context.Context, network, address string, n int, slow bool) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	if len(d.from) > 0 {
		source := d.from[n/d.each%len(d.from)]
		dialer.LocalAddr = &net.TCPAddr{IP: source.AsSlice()}
		if network = "tcp6"; source.Is4() {
			network = "tcp4" // localhost may be ::1 first
		}
	}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil || !slow {
		return c, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		err = tcp.SetReadBuffer(slowBuffer)
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("make the receive buffer small: %w", err)
	}
	return c, nil
}

// retryAfter reads Retry-After (RFC 9110, 10.2.3), as seconds or as a date, at
// most an hour; 0 when there is none that can be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(max(seconds, 0), 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), time.Hour)
}

// ending names how a connection ended, for counting.
func ending(err error) string {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return "closed-" + strconv.Itoa(closed.Code)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "ended"
	}
	return kindOf(err)
}

// dialing names why a connection was not made.
func dialing(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return "refused-" + strconv.Itoa(r.status)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return kindAddress
	}
	return kindOf(err)
}
