package shed

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Kind is what a request is, as far as overload goes.
type Kind struct {
	Class Class
	Part  Part
	// Machine: a refusal is JSON, whatever the request accepts.
	Machine bool
	// Readable: a refusal may be read by scripts of any origin, as the answer may.
	Readable bool
	// Foreign: forms of other sites may be sent here, so the page of a refusal may
	// send one again.
	Foreign bool
}

// mostBody is how much of a body is read before its request is counted: more than
// any handler behind takes.
const mostBody = 16<<10 + 1

// Handler lets requests through to next by their kind. A body is read first, and
// what is longer than any handler takes is left for the handler: a slow client
// holds no slot, and one that leaves while it waits is noticed. Nor does one that is
// being answered. A request whose client went away while it waited is answered by
// nobody.
//
// origin is the public URL: forms from it are our own ("": the Host says).
func (g *Gate) Handler(next http.Handler, kind func(*http.Request) Kind, origin string) http.Handler {
	refusals := newRefusals(origin)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := kind(r)
		if k.Class == Open {
			next.ServeHTTP(w, r)
			return
		}
		body := readBody(r)
		s, out, after := g.enter(r.Context(), k.Class)
		switch out {
		case admitted:
			g.serve(w, r, next, s, k.Part, body)
		case left:
		default:
			refusals.answer(w, r, k, body, after)
		}
	})
}

func (g *Gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler, s *slot, p Part, body *early) {
	in := r.WithContext(context.WithValue(r.Context(), slotKey{}, s))
	if body != nil {
		in.Body = body
	}
	a := &answering{ResponseWriter: w, leave: sync.OnceFunc(func() { g.leave(s, p) })}
	defer func() {
		a.leave()
		r.Pattern = in.Pattern // for whoever tells of the request
	}()
	next.ServeHTTP(a, in)
}

// answering is outside once its handler, which has made up its answer by then,
// begins to send it: whoever does not read keeps nobody else out.
type answering struct {
	http.ResponseWriter

	leave func() // once
}

// Write implements http.ResponseWriter.
func (a *answering) Write(p []byte) (int, error) {
	a.leave()
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// early is a body of which the beginning has been read.
type early struct {
	io.Reader
	io.Closer

	begun []byte
	whole bool
}

// readBody is nil for a request without one.
func readBody(r *http.Request) *early {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	begun, err := io.ReadAll(io.LimitReader(r.Body, mostBody))
	b := &early{Closer: r.Body, begun: begun, whole: err == nil && len(begun) < mostBody}
	switch {
	case b.whole:
		b.Reader = bytes.NewReader(begun)
	case err != nil:
		b.Reader = io.MultiReader(bytes.NewReader(begun), broken{err})
	default:
		b.Reader = io.MultiReader(bytes.NewReader(begun), r.Body)
	}
	return b
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// Client is c, and whoever waits for its answers or reads them is outside.
func Client(c *http.Client) *http.Client {
	out := *c
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	out.Transport = transport{base}
	return &out
}

type transport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	back := Outside(r.Context())
	defer back()
	resp, err := t.base.RoundTrip(r)
	if err == nil && resp.Body != nil {
		resp.Body = &slow{resp.Body, r.Context()}
	}
	return resp, err
}

type slow struct {
	io.ReadCloser

	ctx context.Context //nolint:containedctx // of the request whose answer it is
}

func (s *slow) Read(p []byte) (int, error) {
	back := Outside(s.ctx)
	defer back()
	return s.ReadCloser.Read(p)
}

// seconds in whole, at least one.
func seconds(d time.Duration) int { return max(1, int((d+time.Second/2)/time.Second)) }
