package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sinho/citizen"
)

// full walks logins with package citizen: real HTML parsing and cookies, at a
// higher cost. It and walker must come to the same outcomes.
type full struct {
	site     *site
	carrier  *carrier
	retries  int
	patience time.Duration
}

// startPath is where the site's own page is, at the origin of the redirect URI.
const startPath = "/.rush/start"

// walk is a whole login.
func (w *full) walk(ctx context.Context, p person, buf *bytes.Buffer) (out outcome) {
	home, err := url.Parse(w.site.redirectURI)
	if err != nil {
		out.failure = &failure{kind: kindAddress, err: err}
		return out
	}
	home = home.ResolveReference(&url.URL{Path: startPath})
	l := newLogin()
	road := &road{w: w, login: l, start: home.String(), buf: buf, led: &out.ledger}
	b := citizen.New(citizen.Config{Transport: road, Timeout: w.patience, MaxBody: maxBody, UserAgent: userAgent})
	got := citizen.Login(ctx, b, citizen.Walk{
		Start: road.start, Retries: w.retries, Person: p.who, Choose: p.pick,
		Tried: func(t citizen.Try) {
			out.tries++
			if t.Why == kindPage || t.Why == kindAgain || strings.HasPrefix(t.Why, kindNotice+"-") {
				out.notices = append(out.notices, t.Why)
			}
		},
	})
	out.provider = got.Provider
	if n := len(out.notices); got.Why == citizen.WhyPage && n > 0 && out.notices[n-1] == kindPage {
		out.notices = out.notices[:n-1] // nobody went back after the last one
	}
	switch {
	case road.back != nil: // with a code or an error
		out.failure = w.site.finish(ctx, w.carrier, buf, &out.ledger, l, road.back)
	default:
		out.failure = why(got)
	}
	out.in = out.failure == nil
	return out
}

// why names what ended a walk that did not reach the redirect URI.
func why(got citizen.Outcome) *failure {
	err := got.Err
	if err == nil {
		err = errors.New("the walk ended without an error")
		if got.Page != nil {
			err = fmt.Errorf("%s (%d): %s", plain(got.Page.URL), got.Page.Status, gist(got.Page.Body))
		}
	}
	kind := kindOther
	switch got.Why {
	case citizen.WhyTime:
		kind = kindPatience
	case citizen.WhyStopped:
		kind = kindStopped
	case citizen.WhyNothing:
		kind = kindNothing
	case citizen.WhyStuck:
		kind = kindStuck
	case citizen.WhyAgain:
		kind = kindAgain
	case citizen.WhyProblem, citizen.WhyPage, citizen.WhySite:
		kind = map[string]string{citizen.WhyPage: kindProvider}[got.Why]
		switch {
		case got.Err != nil:
			kind = kindOf(got.Err)
		case kind == "":
			kind = kindProblem
		}
		if got.Err == nil && got.Page != nil && got.Page.Status >= 400 {
			kind = fmt.Sprintf("%s-%d", kind, got.Page.Status)
		}
	default:
		if strings.HasPrefix(got.Why, kindNotice+"-") {
			kind = got.Why
		}
	}
	return &failure{kind: kind, err: err}
}

// road carries one citizen's requests. The site's own addresses are answered
// here: its start page, and the redirect URI, which ends the walk.
type road struct {
	w     *full
	login login
	start string
	buf   *bytes.Buffer
	led   *ledger
	back  url.Values
}

// RoundTrip answers for the site, and asks the network for everybody else. A
// pause before another look at a waiting page was the person's.
func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	address := req.URL.String()
	if address == r.start {
		return reply(req, http.StatusOK, r.page()), nil
	}
	if back, ok := r.w.site.came(address); ok {
		r.back = back
		return reply(req, http.StatusOK, ""), nil
	}
	c := r.w.carrier
	if req.Method == http.MethodGet && c.own(req.URL) && c.step(req) == stepWait && waitedBefore(r.led) {
		r.led.person += time.Since(r.led.last)
	}
	a, err := c.do(req, r.buf, r.led)
	if err != nil {
		return nil, err
	}
	body := slices.Clone(a.body)
	return &http.Response{
		StatusCode: a.status, Header: a.header, Request: req,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// waitedBefore says whether the last request was a look at a waiting page too.
func waitedBefore(l *ledger) bool {
	return len(l.visits) > 0 && l.visits[len(l.visits)-1].step == stepWait
}

// page is the site's own: a form that asks for a login.
func (r *road) page() string {
	var out strings.Builder
	fmt.Fprintf(&out, `<form action="%s">`, html.EscapeString(r.w.site.authorize))
	for name, values := range r.w.site.ask(r.login) {
		fmt.Fprintf(&out, `<input type="hidden" name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(values[0]))
	}
	out.WriteString(`<button>login</button></form>`)
	return out.String()
}

func reply(req *http.Request, status int, page string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(page)), ContentLength: int64(len(page)),
	}
}
