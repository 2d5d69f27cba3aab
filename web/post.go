package web

import (
	"net/http"

	"sinho/broker"
	"sinho/providers"
)

// postView is an answer to a site on its way (OAuth 2.0 Form Post Response
// Mode).
type postView struct {
	page
	Site   providers.Text
	Action string
	Fields []broker.Field
}

// Post shows the page that sends p to its site: by a script, or by its button
// where there is none.
func (web *Web) Post(w http.ResponseWriter, r *http.Request, p *broker.FormPost) {
	v := postView{page: web.page(w, r, p.Locale), Site: p.Site, Action: p.Action, Fields: p.Fields}
	v.Title, _ = v.T("post", "site", p.Site)
	strict(w.Header())
	w.Header().Set("Content-Security-Policy", policyOnly(p.Origin))
	// Origin says whose form it is, to sites that look; no address goes along.
	w.Header().Set("Referrer-Policy", "strict-origin")
	web.render(w, "post", http.StatusOK, v)
}
