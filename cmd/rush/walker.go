package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sinho/citizen"
)

// person is who comes next and what they will do.
type person struct {
	follows  bool   // takes the first suggestion
	other    uint32 // else this one, modulo what is offered
	provider string // else always this one
	who      citizen.Person
	pace     float64 // standard normal: how quick they are at a provider's page
	leaves   bool    // the first provider's page, and does not come back
	habits           // in a waiting room
}

// pick is what the person takes of what is offered; below zero is nothing.
func (p person) pick(offered []string) int {
	switch {
	case p.provider != "":
		return slices.Index(offered, p.provider)
	case p.follows || len(offered) == 0:
		return len(offered) - max(len(offered), 1) // the first, or below zero
	default:
		return int(p.other % uint32(len(offered))) //nolint:gosec // counts buttons on a page
	}
}

// outcome of one login.
type outcome struct {
	in       bool
	provider string // of the last choice, "" before any
	tries    int
	// notices are the codes the chooser came back with on the way.
	notices []string
	ways    []way    // that were taken; the lean walker's alone
	failure *failure // why it is not in
	ledger  ledger
}

// walker walks logins with as little as real pages allow: requests, cookies,
// redirects, forms and refreshes, over one shared pool of connections.
type walker struct {
	site    *site
	carrier *carrier
	retries int
	reload  int
	manners
	*room // nil: waiting rooms are followed by their page, and nothing is kept of them
}

// walking is one login under way.
type walking struct {
	*walker
	jar    *jar
	buf    *bytes.Buffer
	out    outcome
	person person
	back   url.Values // the answer, once at the redirect URI

	browser uint64
	tab     bool        // the second one
	stay    *stay       // nil before a waiting room
	home    *homecoming // under way
	inRoom  bool
	anew    bool     // after both tabs were turned away
	other   *walking // the second tab, nil: there is none
	done    func()   // waits until it has been closed

	chooser  *url.URL // the last one seen
	returned bool     // there by the browser's back button
	withPass bool     // the last request brought a waiting room's pass along
	reloads  int
}

// mostSteps bounds a login that never arrives, mostRedirects a row of redirects.
const (
	mostSteps     = 400
	mostRedirects = 20
)

// walk is a whole login: to the redirect URI by the pages, then as the site.
func (w *walker) walk(ctx context.Context, p person, buf *bytes.Buffer) outcome {
	g := &walking{walker: w, buf: buf, person: p, jar: new(jar), browser: w.newBrowser()}
	g.login(ctx)
	return g.bothTabs(ctx)
}

func (g *walking) login(ctx context.Context) {
	l := newLogin()
	f := g.arrive(ctx, g.site.start(l))
	if g.home != nil {
		g.endsHome(answerGone)
	}
	g.close(f)
	if f == nil {
		f = g.site.finish(ctx, g.carrier, g.buf, &g.out.ledger, l, g.back)
	}
	g.out.in, g.out.failure = f == nil, f
	g.leaveRoom()
}

// arrive follows pages until the redirect URI is reached. When a page never comes,
// or is the provider's error page, the person goes back to the chooser if they
// may try again.
func (g *walking) arrive(ctx context.Context, start string) *failure {
	at, err := url.Parse(start)
	if err != nil {
		return &failure{kind: kindAddress, err: err}
	}
	page, f := g.visit(ctx, http.MethodGet, at, nil, "")
	for range mostSteps {
		switch {
		case f != nil && f.page && g.chooser != nil && g.out.tries <= g.retries && ctx.Err() == nil:
			g.out.notices = append(g.out.notices, kindPage)
			g.close(f)
			g.returned = true
			if page, f = g.visit(ctx, http.MethodGet, g.chooser, nil, ""); f != nil {
				return f
			}
		case f != nil || g.back != nil:
			return f
		}
		page, f = g.onward(ctx, page)
	}
	return failed(kindStuck, "%d pages without arriving", mostSteps)
}

// seen is a page that was read.
type seen struct {
	view
	at     *url.URL
	status int
	origin string // what the page says of itself in Origin
}

// onward looks at a page and takes the next step.
func (g *walking) onward(ctx context.Context, page *seen) (*seen, *failure) {
	own := g.carrier.own(page.at)
	if own {
		if choices := page.choices(); len(choices) > 0 {
			return g.choose(ctx, page, choices)
		}
	}
	switch {
	case page.status >= 400 && own:
		return nil, failed(fmt.Sprintf("%s-%d", kindProblem, page.status), "%s: %s", plain(page.at), gist(g.buf.Bytes()))
	case page.status >= 400:
		f := failed(fmt.Sprintf("%s-%d", kindProvider, page.status), "%s", plain(page.at))
		f.page = true
		return nil, f
	case page.refresh:
		to, err := page.at.Parse(page.to)
		if err != nil {
			return nil, &failure{kind: kindAddress, err: err}
		}
		if own && page.at.Path == pathQueue && g.stay != nil {
			g.openTab(ctx)
		}
		if err := g.rest(ctx, page.after); err != nil {
			return nil, &failure{kind: kindOf(err), err: err}
		}
		return g.visit(ctx, http.MethodGet, to, nil, "")
	case !own && len(page.forms) > 0: // the provider's page: the first button approves
		if f := g.linger(ctx); f != nil {
			return nil, f
		}
		f := &page.forms[0]
		var b *button
		if len(f.buttons) > 0 {
			b = &f.buttons[0]
		}
		return g.send(ctx, page, f, b)
	case own && page.at.Path == pathQueue && g.overtaken():
		return nil, failed(kindTurnedBack, "the other tab was first, and this one goes on by its session")
	default:
		return nil, failed(kindStuck, "no way on from %s (%d)", plain(page.at), page.status)
	}
}

// choose picks a provider on the chooser; the second time somebody meets it,
// something went wrong, and they try again as often as they may.
func (g *walking) choose(ctx context.Context, page *seen, choices []choice) (*seen, *failure) {
	p := g.person
	g.chooser = page.at
	if g.out.tries > 0 {
		kind := kindAgain
		if code := page.at.Query().Get("notice"); code != "" {
			kind = kindNotice + "-" + code
		}
		if !g.returned {
			g.out.notices = append(g.out.notices, kind)
		}
		g.returned = false
		back := failed(kind, "back at the chooser after %s", g.out.provider)
		g.close(back)
		if g.out.tries > g.retries {
			return nil, back
		}
		if others := slices.DeleteFunc(slices.Clone(choices), func(c choice) bool { return c.provider == g.out.provider }); len(others) > 0 {
			choices = others
		}
		p.provider, p.follows = "", true
	}
	offered := make([]string, len(choices))
	for i, c := range choices {
		offered[i] = c.provider
	}
	i := p.pick(offered)
	if i < 0 {
		return nil, failed(kindNothing, "the chooser offers %v", offered)
	}
	c := choices[i]
	g.take(c)
	c.form.fill("name", p.who.Name)
	c.form.fill("birthdate", p.who.Birthdate)
	c.form.fill("phone", p.who.Phone)
	return g.send(ctx, page, c.form, c.button)
}

// send presses a button of a form.
func (g *walking) send(ctx context.Context, page *seen, f *form, b *button) (*seen, *failure) {
	if name := f.missing(); name != "" {
		return nil, failed(kindStuck, "the form on %s wants %q", plain(page.at), name)
	}
	to, err := page.at.Parse(f.action)
	if err != nil {
		return nil, &failure{kind: kindAddress, err: err}
	}
	if f.post {
		return g.visit(ctx, http.MethodPost, to, page, f.encode(b))
	}
	to.RawQuery = f.encode(b)
	return g.visit(ctx, http.MethodGet, to, page, "")
}

// visit makes one request and follows redirects to a page, or to the redirect
// URI, where it sets g.back and gives no page.
func (g *walking) visit(ctx context.Context, method string, to *url.URL, from *seen, body string) (*seen, *failure) {
	for range mostRedirects {
		if to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
			return nil, failed(kindAddress, "%q is not an http address", plain(to))
		}
		if next, f := g.passRoom(ctx, to); f != nil {
			return nil, f
		} else if next != nil {
			method, body, to = http.MethodGet, "", next
		}
		g.comesHome(to)
		a, err := g.request(ctx, method, to, from, body)
		for err == nil && away(a.status) || err != nil && kindOf(err) == kindNetwork {
			if !g.carrier.own(to) || !g.loadAgain(ctx, a) {
				break
			}
			a, err = g.request(ctx, method, to, from, body)
		}
		g.isHome(to, a, a.header.Get("Location"), err)
		if err != nil {
			return nil, &failure{kind: kindOf(err), err: err, page: true}
		}
		location := a.header.Get("Location")
		back, home := g.site.came(location)
		if home && back.Get("code") != "" {
			g.jar.entered.Store(true) // before the other tab can see that the ticket is gone
		}
		g.jar.keep(to.Hostname(), to.Path, a.header["Set-Cookie"])
		if location == "" || a.status < 300 || a.status > 399 {
			page := &seen{at: to, status: a.status}
			if page.view, err = look(a.body); err != nil {
				return nil, &failure{kind: kindOf(err), err: fmt.Errorf("%s: %w", plain(to), err)}
			}
			page.origin = to.Scheme + "://" + to.Host
			if a.header.Get("Referrer-Policy") == "no-referrer" {
				page.origin = "null"
			}
			return page, nil
		}
		if a.status != http.StatusTemporaryRedirect && a.status != http.StatusPermanentRedirect {
			method, body = http.MethodGet, ""
		}
		if home {
			g.back = back
			return nil, nil
		}
		next, err := to.Parse(location)
		if err != nil {
			return nil, &failure{kind: kindAddress, err: err}
		}
		to = next
	}
	return nil, failed(kindStuck, "more than %d redirects in a row", mostRedirects)
}

func (g *walking) request(ctx context.Context, method string, to *url.URL, from *seen, body string) (answer, error) {
	req := (&http.Request{Method: method, URL: to, Host: to.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	h := http.Header{
		"User-Agent":      {userAgent},
		"Accept":          {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"ko"},
		"Sec-Fetch-Mode":  {"navigate"},
		"Sec-Fetch-Dest":  {"document"},
		"Sec-Fetch-Site":  {relation(from, to)},
	}
	if cookies := g.cookies(to); cookies != "" {
		h["Cookie"] = []string{cookies}
	}
	if method == http.MethodPost {
		data := []byte(body)
		req.Body, req.ContentLength = readCloser{bytes.NewReader(data)}, int64(len(data))
		req.GetBody = nil
		h["Content-Type"] = []string{"application/x-www-form-urlencoded"}
		h["Origin"] = []string{from.origin}
	}
	req.Header = h
	own := g.carrier.own(to)
	if !own && g.page > 0 {
		bounded, cancel := context.WithTimeout(ctx, g.page)
		defer cancel()
		req = req.WithContext(bounded)
	}
	a, err := g.carrier.do(req, g.buf, &g.out.ledger)
	g.passed(own)
	return a, err
}

// userAgent names the program to whoever reads logs.
const userAgent = "sinho-rush/1"

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// relation is Sec-Fetch-Site: ports make another origin and the same site.
func relation(from *seen, to *url.URL) string {
	switch {
	case from == nil:
		return "none"
	case from.at.Scheme == to.Scheme && from.at.Host == to.Host:
		return "same-origin"
	case from.at.Scheme == to.Scheme && from.at.Hostname() == to.Hostname():
		return "same-site"
	default:
		return "cross-site"
	}
}

// pause waits for d or until ctx ends, whose error it then gives.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gist is the first heading of an error page and, for developers, what it says
// in <pre>, for people who read a report.
func gist(body []byte) string {
	var parts []string
	for _, tag := range []string{"h1", "pre"} {
		_, rest, ok := strings.Cut(string(body), "<"+tag)
		if !ok {
			continue
		}
		_, rest, _ = strings.Cut(rest, ">")
		rest, _, _ = strings.Cut(rest, "</"+tag)
		if text := strings.Join(strings.Fields(strip(rest)), " "); text != "" {
			parts = append(parts, text)
		}
	}
	text := []rune(strings.Join(parts, " · "))
	return string(text[:min(len(text), 300)])
}
