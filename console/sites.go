package console

import (
	"context"
	"net/http"
	"time"

	"sinho/signal"
)

// Sites is what has become of telling sites that sessions have ended
// (back-channel log-out).
type Sites struct {
	Waiting int       // messages, of all nodes together
	Oldest  time.Time // since when the oldest of them waits
	Told    []SiteTold
	Alerts  *Alerts // nil: no endpoint is told of changed lights
}

// Alerts is what has become of telling endpoints that lights have changed. Their
// names are their ids.
type Alerts struct {
	Waiting int       // endpoints, of all nodes together
	Oldest  time.Time // since when the first of them waits
	Told    []SiteTold
}

// SiteTold is what became of telling one site or endpoint, by this node since its
// start.
type SiteTold struct {
	ID      string // of the client, or the alert
	Name    signal.Text
	Results []SiteResult
}

// SiteResult is one end of a try, as broker/logout and signal/alert name them.
type SiteResult struct {
	Result string
	Count  int
	Last   time.Time // zero for never
}

// Word is the result for people.
func (r SiteResult) Word() signal.Text {
	switch r.Result {
	case "told":
		return signal.Text{KO: "알림", EN: "told"}
	case "retry":
		return signal.Text{KO: "다시 시도", EN: "to be tried again"}
	case "refused":
		return signal.Text{KO: "거절됨", EN: "refused"}
	case "given_up":
		return signal.Text{KO: "포기", EN: "given up"}
	}
	return signal.Text{KO: r.Result, EN: r.Result}
}

// Bad says that it may not have been told: a person may still be logged in there.
func (r SiteResult) Bad() bool { return r.Count > 0 && r.Result != "told" }

type sitesView struct {
	frame
	Sites
}

// sites shows what waits to be told, and how telling goes.
func (c *Console) sites(w http.ResponseWriter, r *http.Request, v visitor) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	s, err := c.cfg.Sites(ctx)
	if err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "sites told", "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
		return
	}
	c.render(w, "sites", http.StatusOK, sitesView{c.frame(r, v, "sites", "사이트 로그아웃 알림", "Log-outs told to sites"), s})
}
