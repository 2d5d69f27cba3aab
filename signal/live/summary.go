package live

import (
	"encoding/json"
	"net/http"
	"time"

	"sinho/broadcast"
	"sinho/signal"
)

// summary is the board in the form of Atlassian Statuspage's public API v2, for
// status pages and monitors that read that.
type summary struct {
	Page struct {
		ID       string    `json:"id"`
		Name     string    `json:"name"`
		TimeZone string    `json:"time_zone"`
		Updated  time.Time `json:"updated_at"`
	} `json:"page"`
	Components []component `json:"components"`
	Status     struct {
		Indicator   string `json:"indicator"`
		Description string `json:"description"`
	} `json:"status"`
}

// component is one provider. Measured is not of Statuspage: its words have none
// for "not known".
type component struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Status      string    `json:"status"`
	Updated     time.Time `json:"updated_at"`
	Position    int       `json:"position"`
	Description string    `json:"description"`
	Group       bool      `json:"group"`
	Measured    bool      `json:"measured"`
}

func summaryOf(b signal.Board) summary {
	s := summary{Components: make([]component, len(b.Providers))}
	s.Page.ID, s.Page.Name, s.Page.TimeZone, s.Page.Updated = "sinho", "Sinho", "Asia/Seoul", b.At
	for i, p := range b.Providers {
		s.Components[i] = component{
			ID: p.ID, Name: p.Name.EN, Status: p.Component(), Updated: p.Since, Position: i + 1,
			Description: p.Reason.EN, Measured: p.Measured,
		}
	}
	s.Status.Indicator, s.Status.Description = signal.Indicator(b.Providers)
	return s
}

// serveSummary answers the board as published last. It is made anew for each who
// asks, at most once a second through a cache: nothing of it is in the broadcast.
func (l *Live) serveSummary(w http.ResponseWriter, r *http.Request) {
	f := l.hub.latest()
	broadcast.Open(w.Header())
	if broadcast.Unchanged(w, r, f.etag) {
		return
	}
	body, err := json.Marshal(summaryOf(f.board))
	if err != nil {
		http.Error(w, "the summary cannot be shown; GET /signal instead", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body)
}
