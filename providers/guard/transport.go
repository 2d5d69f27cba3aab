package guard

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// transport is the guarded way. A request is under way until its body has been
// read, closed, or given up.
type transport struct {
	guard *Guard
	base  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.once(req, true)
	if !repeatable(req) || !worthwhile(resp, err) || req.Context().Err() != nil || !t.guard.again() {
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close() // nobody will read it
	}
	breath := time.NewTimer(t.guard.rules.Breath/5 + rand.N(t.guard.rules.Breath*4/5+1)) //nolint:gosec // jitter
	defer breath.Stop()
	select {
	case <-breath.C:
		return t.once(req, false)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// repeatable requests may be made twice without doing anything twice.
func repeatable(req *http.Request) bool {
	return req.Method == http.MethodGet && (req.Body == nil || req.Body == http.NoBody)
}

// worthwhile: another try may go better. A time-out has used its time, a refusal
// was ours.
func worthwhile(resp *http.Response, err error) bool {
	if err != nil {
		var timeout net.Error
		late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
		return !late && !errors.Is(err, ErrRefused)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// once makes the request, if the guard lets it. Only the first of a row earns
// another one a repeat.
func (t *transport) once(req *http.Request, first bool) (*http.Response, error) {
	own, err := t.guard.enter(first)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper does, whatever happens
		}
		return nil, err
	}
	ctx := req.Context()
	l := &leg{ctx: ctx, guard: t.guard, own: own}
	resp, err := t.base.RoundTrip(req)
	switch {
	case errors.Is(err, ErrRefused): // below, by this machine
		l.end(neither)
		return nil, err
	case err != nil:
		l.fail()
		return nil, err
	case resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		l.early, l.whole = bad, bad
	case resp.StatusCode < http.StatusMultipleChoices:
		l.whole = good
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		l.end(l.whole)
		return resp, nil
	}
	l.body = resp.Body
	resp.Body = l
	// Whoever forgets the body does not keep its place for ever.
	l.stop = context.AfterFunc(ctx, l.fail)
	return resp, nil
}

// leg is one request under way, and its body.
type leg struct {
	ctx          context.Context //nolint:containedctx // of the request this is
	guard        *Guard
	own          ticket
	early, whole verdict // closed before its end, and read to it
	body         io.ReadCloser
	stop         func() bool
	once         sync.Once
}

// Read reads the body; its end is the end of the leg.
func (l *leg) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		l.stop()
		l.end(l.whole)
	case err != nil:
		l.stop()
		l.fail()
	}
	return n, err
}

// Close closes the body. One that was not read to its end was too long, or not
// worth it: it says nothing good.
func (l *leg) Close() error {
	l.stop()
	err := l.body.Close()
	l.end(l.early)
	return err
}

// fail ends the leg by an error: the provider's, unless its caller went away.
func (l *leg) fail() {
	v := bad
	if errors.Is(l.ctx.Err(), context.Canceled) && l.early != bad {
		v = neither
	}
	l.end(v)
}

func (l *leg) end(v verdict) { l.once.Do(func() { l.guard.leave(l.own, v) }) }
