package web

import (
	"net/http"
	"net/url"
	"time"

	"sinho/broker"
	"sinho/providers"
)

// deviceView is the page of a person whom a site refuses while another of their
// devices is in.
type deviceView struct {
	page
	Sealed string
	Ref    string
	Site   providers.Text
	When   providers.Text // until when, as far as anybody knows
	Again  string         // the chooser, for whoever has logged out there
}

// device answers GET /device: until when another device is in, and the way back to
// the site. Once the time has come it leads on to the chooser.
func (web *Web) device(w http.ResponseWriter, r *http.Request) {
	h, err := web.cfg.Flow.Elsewhere(r, r.URL.Query().Get("r"))
	switch {
	case err != nil:
		web.fail(w, r, err)
		return
	case h.Over:
		seeOther(w, h.Chooser)
		return
	}
	v := deviceView{page: web.page(w, r, h.Locale), Sealed: h.Sealed, Ref: h.Ref, Site: siteName(h.Site)}
	v.When = web.untilClock(h.Until)
	v.Title, _ = v.T("device")
	v.Again = h.Chooser
	v.Switch = "/device?" + url.Values{"r": {h.Sealed}, "lang": {v.Other}}.Encode()
	allowForms(w.Header(), broker.Login{Site: h.Site})
	web.render(w, "device", http.StatusOK, v)
}

// untilClock is a time of the clock in Korea, in the minute after which it is
// surely over.
func (web *Web) untilClock(t time.Time) providers.Text {
	if whole := t.Truncate(time.Minute); whole.Before(t) {
		t = whole.Add(time.Minute)
	}
	at := moment(t.In(korea), false)
	return providers.Text{KO: at.KO, EN: web.in("en", "rota.korean", "t", at)}
}
