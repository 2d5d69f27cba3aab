package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sinho/broker"
)

// mineView is the page on which people see and end their own sessions.
type mineView struct {
	page
	Mine broker.Mine
	Live bool
}

// When says a time as people in Korea read it.
func (v mineView) When(t time.Time) string { return t.In(korea).Format("1/2 15:04") }

// mine answers GET /sessions.
func (web *Web) mine(w http.ResponseWriter, r *http.Request) {
	m, live, err := web.cfg.Flow.Mine(w, r)
	if err != nil {
		web.fail(w, r, err)
		return
	}
	strict(w.Header()) // broker's own are for redirects
	v := mineView{page: web.page(w, r, ""), Mine: m, Live: live}
	v.Switch = "/sessions?" + url.Values{"lang": {v.Other}}.Encode()
	v.Title, _ = v.T("mine")
	web.render(w, "mine", http.StatusOK, v)
}

// endMine answers POST /sessions/{what}: session, all or consent.
func (web *Web) endMine(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	s, err := web.cfg.Flow.EndMine(w, r, r.PathValue("what"), r.PostForm.Get("token"))
	web.step(w, r, s, err)
}

// decline answers POST /login/decline: the person does not agree.
func (web *Web) decline(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	s, err := web.cfg.Flow.Decline(w, r, r.PostForm.Get("r"))
	web.step(w, r, s, err)
}

// outView is the page after logging out, before it, or on the way past sites
// that are told in the browser.
type outView struct {
	page
	Confirm string
	Frames  []string
	To      template.URL // registered by the site
	ToHost  string
}

// loggedOut is where a logout ends that no site wants back. With confirm it
// asks first: the broker found a live session and no proof of who is asking.
// With front it tells sites by frames, then offers the way back.
func (web *Web) loggedOut(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := outView{page: web.page(w, r, ""), Confirm: q.Get("confirm")}
	title, query := "out", url.Values{"lang": {v.Other}}
	switch {
	case v.Confirm != "":
		title = "out.ask"
		query.Set("confirm", v.Confirm)
	case q.Get("front") != "":
		d, err := web.cfg.Flow.Departed(r, q.Get("front"))
		if err != nil {
			web.fail(w, r, err)
			return
		}
		v.Frames, v.To, v.ToHost = d.Frames, template.URL(d.To), host(d.To) //nolint:gosec // sealed by broker, exactly registered
		allowFrames(w.Header(), d.Frames)
		query.Set("front", q.Get("front"))
	}
	v.Title, _ = v.T(title)
	v.Switch = "/logged-out?" + query.Encode()
	web.render(w, "out", http.StatusOK, v)
}

// allowFrames lets this page load the sites' log-out pages in frames, and no
// others.
func allowFrames(h http.Header, frames []string) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, frame := range frames {
		u, err := url.Parse(frame)
		if err != nil {
			continue
		}
		if o := source(u.Scheme + "://" + u.Host); o != "" && !seen[o] {
			seen[o] = true
			b.WriteString(" " + o)
		}
	}
	if b.Len() > 0 {
		h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; frame-src"+b.String())
	}
}
