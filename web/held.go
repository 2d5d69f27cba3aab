package web

import (
	"net/http"
	"slices"
	"strings"

	"sinho/broker"
	"sinho/providers"
)

// Which certificates a person has decides which route can work for them at all.
// The device remembers it, and nobody else: a cookie of provider ids, which is
// read to order the page, so that pages without JavaScript have the same order,
// and of which the server keeps nothing.

const (
	heldCookie = "sinho-have"
	// heldFor is how long a device remembers, in seconds: half a year after the
	// last login or change.
	heldFor = 180 * 24 * 3600
	// mostHeld bounds the cookie; the oldest are forgotten.
	mostHeld = 12
)

// held are the ids of the providers whose certificates are on this device, the
// newest last. None: nothing is known, which is not "has none".
type held []string

// heldOn reads what the device remembers. What no provider can be called is left out.
func heldOn(r *http.Request) (h held) {
	c, err := r.Cookie(heldCookie)
	if err != nil || len(c.Value) > mostHeld*33 {
		return nil
	}
	for id := range strings.SplitSeq(c.Value, ".") {
		h = h.with(id)
	}
	return h
}

func (h held) has(id string) bool { return slices.Contains(h, id) }

// with adds a provider, or makes it the newest.
func (h held) with(id string) held {
	if id == "" || len(id) > 32 || strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	}) {
		return h
	}
	out := append(slices.DeleteFunc(slices.Clone(h), func(s string) bool { return s == id }), id)
	return out[max(0, len(out)-mostHeld):]
}

// among says whether any of the routes is held. Where none is, what is held says
// nothing about them.
func (h held) among(routes []providers.Info) bool {
	return slices.ContainsFunc(routes, func(p providers.Info) bool { return h.has(p.ID) })
}

// keep leaves h with the device.
func (web *Web) keep(w http.ResponseWriter, h held) {
	c := &http.Cookie{ //nolint:gosec // Secure follows the issuer's scheme
		Name: heldCookie, Value: strings.Join(h, "."), Path: "/", MaxAge: heldFor,
		HttpOnly: true, Secure: web.cfg.Secure, SameSite: http.SameSiteLaxMode,
	}
	if len(h) == 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// proved leaves with the device that the certificate of a provider is on it: it
// has just led somebody in.
func (web *Web) proved(w http.ResponseWriter, r *http.Request, s broker.Step) {
	if s.Proved != "" {
		web.keep(w, heldOn(r).with(s.Proved))
	}
}

// certificates answers POST /certificates: what the person says they have, of
// the routes of this request, then the chooser again with the same notice.
func (web *Web) certificates(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	l, err := web.cfg.Flow.Resume(w, r, r.PostForm.Get("r"))
	if err != nil {
		web.fail(w, r, err)
		return
	}
	h, said := heldOn(r), r.PostForm["have"]
	for _, p := range l.Routes {
		if !slices.Contains(said, p.ID) {
			h = slices.DeleteFunc(h, func(id string) bool { return id == p.ID })
		} else if !h.has(p.ID) {
			h = h.with(p.ID)
		}
	}
	web.keep(w, h)
	if l.Queue != "" {
		seeOther(w, l.Queue)
		return
	}
	n := broker.Notice{Code: r.PostForm.Get("notice"), From: r.PostForm.Get("from"), Wait: waitIn(r.PostForm.Get("wait"))}
	seeOther(w, chooserURL(l.Sealed, web.settle(n, l.Routes), ""))
}

// heldView is the form on the chooser in which a person says what they have.
type heldView struct {
	page
	Sealed string
	Notice broker.Notice
	Wait   string // of the notice, as the URL has it
	Ticks  []tick
	Any    bool
}

// tick is one certificate that a person may have.
type tick struct {
	ID   string
	Name providers.Text
	Held bool
}

func viewHeld(p page, l broker.Login, n broker.Notice, h held) heldView {
	v := heldView{page: p, Sealed: l.Sealed, Notice: n, Wait: waitOut(n.Wait), Any: h.among(l.Routes)}
	for _, route := range l.Routes {
		v.Ticks = append(v.Ticks, tick{ID: route.ID, Name: route.Name, Held: h.has(route.ID)})
	}
	return v
}

// key is everything the form depends on, but for the sealed request.
func (v *heldView) key() string {
	var b strings.Builder
	for _, s := range []string{"held", v.Lang, v.Notice.Code, v.Notice.From, v.Wait} {
		b.WriteString(s + "\x00")
	}
	for _, t := range v.Ticks {
		mark := "-"
		if t.Held {
			mark = "+"
		}
		b.WriteString(mark + t.ID + "\x00" + t.Name.KO + "\x00" + t.Name.EN + "\x00")
	}
	return b.String()
}
