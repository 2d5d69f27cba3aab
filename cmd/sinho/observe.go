package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A request is observed for its access line and for its span, or not at all.
// What is told of it is from closed lists and our own patterns: route, never
// address or query; method, if it is a known one; status; and by whom it was
// asked, as the broker knows it: 문의번호 and client.

// note is what becomes known of a request while it is answered.
type note struct {
	mu          sync.Mutex // guards what follows
	ref, client string
}

type noteKey struct{}

// noteOn writes on the note of ctx, if it has one; "" changes nothing.
func noteOn(ctx context.Context, ref, client string) {
	n, ok := ctx.Value(noteKey{}).(*note)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if ref != "" {
		n.ref = ref
	}
	if client != "" {
		n.client = client
	}
}

func (n *note) read() (ref, client string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ref, n.client
}

// observer watches requests. With neither access nor traces it costs nothing.
type observer struct {
	log    *slog.Logger
	access func() bool
	traces *traces // nil: none
}

func (o observer) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		access := o.access()
		if !access && o.traces == nil {
			next.ServeHTTP(w, r)
			return
		}
		o.serve(w, r, next, access)
	})
}

func (o observer) serve(w http.ResponseWriter, r *http.Request, next http.Handler, access bool) {
	began := time.Now()
	about := &note{}
	ctx, end := o.traces.request(context.WithValue(r.Context(), noteKey{}, about), r)
	r = r.WithContext(ctx)
	c := &counted{ResponseWriter: w}
	defer func() {
		if c.status == 0 {
			c.status = http.StatusOK
			if ctx.Err() != nil {
				c.status = statusLeft
			}
		}
		ref, client := about.read()
		told := told{method: knownMethod(r.Method), route: routeOf(r), status: c.status, ref: ref, client: client}
		end(told)
		if access {
			o.line(ctx, told, time.Since(began), c.bytes)
		}
	}()
	next.ServeHTTP(c, r)
}

// statusLeft is told of a request whose asker went away before any answer.
const statusLeft = 499

// told is what may be told of a request.
type told struct {
	method, route string
	status        int
	ref, client   string
}

func (o observer) line(ctx context.Context, t told, took time.Duration, bytes int64) {
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs, slog.String("method", t.method), slog.String("route", t.route), slog.Int("status", t.status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", bytes))
	if t.ref != "" {
		attrs = append(attrs, slog.String("ref", t.ref))
	}
	if t.client != "" {
		attrs = append(attrs, slog.String("client", t.client))
	}
	o.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// knownMethod is m, if it is one: strangers may write anything there.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// routeOf is the path of the pattern that took r, which is ours and not the
// asker's.
func routeOf(r *http.Request) string {
	_, path, found := strings.Cut(r.Pattern, " ")
	if !found {
		path = r.Pattern
	}
	if path == "" {
		return "none"
	}
	return path
}

// counted is a ResponseWriter that remembers status and bytes.
type counted struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (c *counted) WriteHeader(status int) {
	if c.status == 0 && status >= 200 || status == http.StatusSwitchingProtocols {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *counted) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush implements http.Flusher.
func (c *counted) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// Hijack implements http.Hijacker, for WebSockets.
func (c *counted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h, ok := c.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.ErrUnsupported
	}
	conn, rw, err := h.Hijack()
	if err == nil {
		c.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}
