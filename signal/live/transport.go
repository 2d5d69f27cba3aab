package live

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"sinho/providers/guard"
	"sinho/signal"
)

// mostIdle connections of a provider are kept.
const mostIdle = 512

// pooled is a transport with the time-outs of a server leg and a pool for
// storms: connections stay open, so that 20:00 does not begin with handshakes.
func pooled(t Timeouts) *http.Transport {
	dialer := net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           own(dialer.DialContext),
		TLSHandshakeTimeout:   t.Connect,
		ResponseHeaderTimeout: t.Header,
		MaxIdleConns:          mostIdle,
		MaxIdleConnsPerHost:   mostIdle, // one transport is one provider's
		IdleConnTimeout:       90 * time.Second,
		// How many are open is bounded by who uses them (package guard).
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(mostIdle)},
		ForceAttemptHTTP2:      true,
		// One dead HTTP/2 connection would take every request with it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: t.Connect},
	}
}

// measuredClient is the client an adapter uses. Each provider has a transport of
// its own, so that one that hangs never holds the others.
func measuredClient(base http.RoundTripper, m *meter, t Timeouts) *http.Client {
	if base == nil {
		base = pooled(t)
	}
	return &http.Client{
		Transport: &measured{base: base, meter: m}, Timeout: t.Total,
		// A redirect would carry secrets, or our requests, to hosts nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// measured is a RoundTripper that counts each request as a server leg, from its
// start until its body is closed or fails.
type measured struct {
	base  http.RoundTripper
	meter *meter
}

// RoundTrip implements http.RoundTripper.
func (t *measured) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	l := &leg{ctx: ctx, meter: t.meter, began: t.meter.begin()}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		l.fail(err)
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		l.outcome, l.class = failed, signal.Throttled
	case resp.StatusCode >= http.StatusInternalServerError:
		l.outcome, l.class = failed, signal.Faulty
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		l.end()
		return resp, nil
	}
	l.body = resp.Body
	resp.Body = l
	// Whoever forgets the body does not leave a leg in flight for ever: the
	// client's total time-out ends it.
	l.stop = context.AfterFunc(ctx, func() { l.fail(ctx.Err()) })
	return resp, nil
}

// leg is one request under way, and its body.
type leg struct {
	ctx   context.Context //nolint:containedctx // of the request this is
	meter *meter
	began time.Time
	body  io.ReadCloser
	stop  func() bool // the watch over a forgotten body

	once    sync.Once
	outcome outcome
	class   signal.Class
}

// Read reads the body; its end is the end of the leg.
func (l *leg) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		l.end()
		l.stop()
	case err != nil:
		l.fail(err)
		l.stop()
	}
	return n, err
}

// Close closes the body; whoever has read enough ends the leg so.
func (l *leg) Close() error {
	err := l.body.Close()
	l.end()
	l.stop()
	return err
}

// fail ends the leg by an error.
func (l *leg) fail(err error) {
	l.once.Do(func() {
		o, class := classify(l.ctx, err)
		if l.outcome == failed {
			o, class = failed, l.class // the status had said so before
		}
		l.meter.end(l.began, o, class)
	})
}

func (l *leg) end() {
	l.once.Do(func() { l.meter.end(l.began, l.outcome, l.class) })
}

// classify tells a failure of the provider from a caller who went away, and from one
// of ours.
func classify(ctx context.Context, err error) (outcome, signal.Class) {
	if errors.Is(err, guard.ErrRefused) {
		return left, 0
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return failed, signal.TimedOut
	}
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) {
		return left, 0
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return failed, signal.TimedOut
	}
	return failed, signal.Refused
}
