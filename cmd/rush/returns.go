package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// homecoming is one return from a provider: a request to the broker's callback, and
// how it was answered in the end.
type homecoming struct {
	provider string
	began    time.Time
	reloads  int // of the page, while no answer came
	asked    int // how often it led to a provider once more
}

// The answers that are neither a notice of the chooser, a status nor a kind of
// failure.
const (
	answerSite  = "site"  // back to the site, with a code
	answerRoom  = "room"  // back to the waiting room
	answerError = "error" // back to the site, with an error
	answerPage  = "page"  // another page of the broker
	answerGone  = "gone"  // none: nobody came back from the provider that was asked once more
)

// returnHeader names the columns of --returns.
const returnHeader = "began_ms,ended_ms,provider,answer,reloads,asked,called_ms,pair"

// comesHome begins a return, if it is one.
func (g *walking) comesHome(to *url.URL) {
	if provider, is := strings.CutPrefix(to.Path, "/callback/"); is && g.room != nil && g.carrier.own(to) && g.home == nil {
		g.home = &homecoming{provider: provider, began: time.Now(), reloads: g.reloads}
	}
}

// isHome ends a return by an answer, which is where it leads: another callback is
// none yet (a form_post that is bounced to a GET), nor is a provider that is asked
// once more.
func (g *walking) isHome(at *url.URL, a answer, location string, err error) {
	if g.home == nil || !g.carrier.own(at) {
		return
	}
	if answer := g.answerOf(a, location, err); answer != "" {
		g.endsHome(answer)
	}
}

// endsHome notes how a return was answered.
func (g *walking) endsHome(answer string) {
	called := int64(0)
	if g.stay != nil {
		called = milli(g.stay.called)
	}
	h := g.home
	g.returns.write(fmt.Sprintf("%d,%d,%s,%s,%d,%d,%d,%t", h.began.UnixMilli(), time.Now().UnixMilli(), h.provider, answer, g.reloads-h.reloads, h.asked, called, g.person.greedy))
	g.home = nil
}

// answerOf is where an answer leads, "" where the return is not over.
func (g *walking) answerOf(a answer, location string, err error) string {
	switch {
	case err != nil:
		return kindOf(err)
	case location == "" || a.status < 300 || a.status > 399:
		if a.status == http.StatusOK {
			return answerPage
		}
		return strconv.Itoa(a.status)
	}
	if back, is := g.site.came(location); is {
		if back.Get("code") == "" || back.Has("error") {
			return answerError
		}
		return answerSite
	}
	to, err := url.Parse(location)
	switch {
	case err != nil:
		return kindAddress
	case strings.HasPrefix(to.Path, "/callback/"):
		return ""
	case to.IsAbs() && !g.carrier.own(to):
		g.home.asked++
		return ""
	case to.Path == pathQueue:
		return answerRoom
	case to.Query().Get("notice") != "":
		return kindNotice + "-" + to.Query().Get("notice")
	default:
		return answerPage
	}
}
