package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// away says whether a status is that of a node that is gone, as a balancer or
// the node itself tells.
func away(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// loadAgain is the browser's reload button, pressed a moment later, or when the
// page said (Retry-After). A form that had been sent is sent again. A status of 0 is
// no answer.
func (g *walking) loadAgain(ctx context.Context, a answer) bool {
	after := retryAfter(a.header, time.Now())
	g.turnedAway(a)
	if g.reloads >= g.reload {
		return false
	}
	g.reloads++
	why := kindNetwork
	if a.status != 0 {
		why = strconv.Itoa(a.status)
	}
	g.out.notices = append(g.out.notices, kindReload+"-"+why)
	began := time.Now()
	err := pause(ctx, max(onSecondThought, min(after, mostAfter)))
	g.out.ledger.person += time.Since(began)
	return err == nil
}

// mostAfter is how long a person waits at most before they reload.
const mostAfter = time.Minute

// crowded says whether an answer is that of a node of which more is asked than it
// can do, and not of one whose store is gone, say.
func crowded(a answer) bool {
	return away(a.status) && a.header.Get("Retry-After") != "" &&
		(bytes.Contains(a.body, []byte("more is asked than can be done")) || bytes.Contains(a.body, []byte("Very many people are here")))
}

// cookies are those of a request.
func (g *walking) cookies(to *url.URL) string {
	cookies := g.jar.header(to.Hostname(), to.Path)
	g.withPass = strings.Contains(cookies, passCookie)
	return cookies
}

// turnedAway notes that somebody was told to come again later, and whether they
// came with a pass: one that the other tab of this browser has got meanwhile is none.
func (g *walking) turnedAway(a answer) {
	if visits := g.out.ledger.visits; g.room != nil && crowded(a) && len(visits) > 0 {
		g.shed(g.withPass, visits[len(visits)-1].step)
	}
}

// passCookie is in the name of the cookie of a pass.
const passCookie = "sinho-p-"
