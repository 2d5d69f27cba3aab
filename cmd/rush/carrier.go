package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// step is one kind of request to the broker's own origin.
type step int

// The steps of a login, in their order.
const (
	stepAuthorize step = iota
	stepQueue
	stepChooser
	stepChoose
	stepWait
	stepCallback
	stepToken
	stepUserinfo
	stepOther
	steps
)

func (s step) String() string {
	return [...]string{"authorize", "queue", "chooser", "choose", "wait", "callback", "token", "userinfo", "other"}[s]
}

// ledger is where the time of one login went. Only one goroutine writes it.
type ledger struct {
	// broker is the time spent waiting for answers of the broker's own origin,
	// with what it waits there itself: a callback holds the provider's server
	// legs. provider is the same for every other origin; person what people
	// take: at a provider's page, and between two looks at a waiting page.
	broker, provider, person time.Duration
	visits                   []visited
	last                     time.Time // when the last answer was complete
}

// visited is one request to the broker.
type visited struct {
	step step
	took time.Duration
}

// maxBody is the most bytes of one answer.
const maxBody = 1 << 20

// errLarge: an answer is longer than maxBody.
var errLarge = errors.New("the answer is larger than 1 MiB")

// carrier makes requests and books their time.
type carrier struct {
	rt      http.RoundTripper
	answers *answers
	// origin of the broker, and the paths that discovery names.
	origin, authorize, token, userinfo string
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte // valid until the buffer it was read into is used again
}

// visitError is a request that got no answer. Its text has no query.
type visitError struct {
	what    string
	foreign bool // not at the broker's origin
	err     error
}

func (e *visitError) Error() string { return e.what + ": " + e.err.Error() }
func (e *visitError) Unwrap() error { return e.err }

// do sends a request, reads the answer into buf and books the time.
func (c *carrier) do(req *http.Request, buf *bytes.Buffer, l *ledger) (answer, error) {
	began := time.Now()
	resp, err := c.rt.RoundTrip(req)
	var a answer
	if err == nil {
		a.status, a.header = resp.StatusCode, resp.Header
		buf.Reset()
		_, err = buf.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
		_ = resp.Body.Close()
		if err == nil && buf.Len() > maxBody {
			err = errLarge
		}
		a.body = buf.Bytes()
	}
	c.book(req, l, began)
	if c.own(req.URL) {
		c.answers.heard(c.step(req), saidOf(a, err), l.last.Sub(began))
	}
	if err != nil {
		return answer{}, &visitError{fmt.Sprintf("%s %s", req.Method, plain(req.URL)), !c.own(req.URL), err}
	}
	return a, nil
}

func (c *carrier) book(req *http.Request, l *ledger, began time.Time) {
	l.last = time.Now()
	took := l.last.Sub(began)
	if !c.own(req.URL) {
		l.provider += took
		return
	}
	l.broker += took
	l.visits = append(l.visits, visited{c.step(req), took})
}

// own says whether an address is at the broker's origin.
func (c *carrier) own(u *url.URL) bool { return u.Scheme+"://"+u.Host == c.origin }

func (c *carrier) step(req *http.Request) step {
	switch path := req.URL.Path; {
	case path == c.authorize:
		return stepAuthorize
	case path == c.token:
		return stepToken
	case path == c.userinfo:
		return stepUserinfo
	case path == pathQueue:
		return stepQueue
	case path == "/login":
		return stepChooser
	case strings.HasPrefix(path, "/login/"):
		return stepChoose
	case strings.HasPrefix(path, "/wait/"):
		return stepWait
	case strings.HasPrefix(path, "/callback/"):
		return stepCallback
	default:
		return stepOther
	}
}

// plain is an address without query, which may carry secrets.
func plain(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// newTransport keeps as many connections as people may be under way, so that a
// login does not pay for a new one.
func newTransport(most int, patience time.Duration) *http.Transport {
	dial := &net.Dialer{Timeout: patience, KeepAlive: -1}
	return &http.Transport{
		DialContext:         dial.DialContext,
		MaxIdleConns:        most,
		MaxIdleConnsPerHost: most,
		IdleConnTimeout:     time.Minute,
		TLSHandshakeTimeout: patience,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		ReadBufferSize:      8 << 10,
	}
}

// Kinds of failure are a closed list, apart from codes that the broker itself
// gives (notice-…, refused-…, token-…) and statuses. connect, network and large
// are provider-connect and so on when it was not the broker's origin.
const (
	kindConnect    = "connect"       // nobody listens, or the connection was refused
	kindFiles      = "files"         // this process may open no more files
	kindNetwork    = "network"       // the connection broke
	kindPatience   = "patience"      // the person gave up: --patience is over
	kindLarge      = "large"         // an answer over 1 MiB
	kindStuck      = "stuck"         // a page with no way on
	kindNothing    = "nothing"       // the chooser offers nothing that may be taken
	kindState      = "state"         // another state or issuer came back
	kindIDToken    = "id_token"      // the ID token does not verify
	kindUserinfo   = "userinfo"      // userinfo fails, or tells another sub
	kindStopped    = "stopped"       // Ctrl-C; not a failure
	kindLeft       = "left"          // the person left the provider's page by --leave; not a failure
	kindProblem    = "problem"       // an error page of the broker, with its status
	kindProvider   = "provider-page" // an error page of the provider, with its status
	kindNotice     = "notice"        // back at the chooser, with the notice's code
	kindRefused    = "refused"       // back at the site with an OAuth error
	kindToken      = "token"         // the token endpoint refuses, with its error
	kindAgain      = "again"         // the chooser came back without saying why
	kindReload     = "reload"        // on the way: a page of the broker's address was loaded again, with its status
	kindBegan      = "began-anew"    // on the way: from the site once more, with what had failed
	kindPage       = "page"          // of a try that was not the last: a page that never came
	kindUnlean     = "unlean"        // a page the lean walker cannot read
	kindAddress    = "address"       // a redirect to something that is not http
	kindRoom       = "room"          // a waiting room that answers what is no seat, with its status
	kindNoShow     = "no-show"       // the person did not come when called; not a failure
	kindClosed     = "tab-closed"    // a second tab, once the first had gone on
	kindTurnedBack = "turned-back"   // a second tab, back in the room from the provider: its pass was spent
	kindOther      = "other"
)

// kindOf names an error that a request ended with.
func kindOf(err error) string {
	from := ""
	if v, ok := errors.AsType[*visitError](err); ok && v.foreign {
		from = "provider-"
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return kindPatience
	case errors.Is(err, context.Canceled):
		return kindStopped
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return kindFiles
	case errors.Is(err, errUnlean):
		return kindUnlean
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EADDRNOTAVAIL):
		return from + kindConnect
	case errors.Is(err, errLarge):
		return from + kindLarge
	default:
		return from + kindNetwork
	}
}
