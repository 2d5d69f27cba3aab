package simulate

import (
	"errors"
	"io"
	"net/http"
	"time"

	"sinho/providers/guard"
)

// line is the shipped guard in front of a provider (docs/decisions/0030-containment.md),
// on the simulation's clock. It is driven as the transport it is: every request
// is answered at once, and is under way until its body has been read, which is
// when the simulated leg ends.
type line struct {
	guard *guard.Guard
	trip  http.RoundTripper
	wire  *wire
}

func newLine(now func() time.Time) line {
	g, w := guard.New(guard.DefaultRules(), now), &wire{}
	return line{guard: g, trip: g.Client(&http.Client{Transport: w}).Transport, wire: w}
}

// wire answers with a body that nobody has read yet, and keeps it.
type wire struct{ last *ending }

func (w *wire) RoundTrip(*http.Request) (*http.Response, error) {
	w.last = &ending{}
	return &http.Response{StatusCode: http.StatusOK, Body: w.last}, nil
}

// ending is a body that ends well or breaks off.
type ending struct{ broken bool }

func (e *ending) Read([]byte) (int, error) {
	if e.broken {
		return 0, errBroken
	}
	return 0, io.EOF
}

func (e *ending) Close() error { return nil }

var errBroken = errors.New("the leg failed")

// post is every request: one that is not made twice.
var post = &http.Request{Method: http.MethodPost}

// open is a request under way.
type open struct {
	body io.Reader
	end  *ending
}

// enter is a request under way, or none where the guard refuses it.
func (l *line) enter() *open {
	resp, err := l.trip.RoundTrip(post) //nolint:bodyclose // read to its end by leave
	if err != nil {
		return nil
	}
	return &open{body: resp.Body, end: l.wire.last}
}

// leave ends it, well or not.
func (o *open) leave(well bool) {
	o.end.broken = !well
	_, _ = o.body.Read(nil)
}
