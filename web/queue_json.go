package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sinho/broker"
	"sinho/lobby/hall"
)

// queueAnswer is the waiting room as apps read it (docs/lobby.md). Numbers and
// places count from 0; what is not known is null.
type queueAnswer struct {
	Room       string     `json:"room"`
	Title      queueText  `json:"title"`
	State      string     `json:"state"`
	Number     *uint64    `json:"number"`
	Place      *uint64    `json:"place"`
	Ahead      *uint64    `json:"ahead"`
	Wait       *queueWait `json:"wait"`
	Moved      *time.Time `json:"moved"`
	Opens      *time.Time `json:"opens"`
	Notice     *queueText `json:"notice,omitempty"` // of a closed room
	Commitment string     `json:"commitment,omitempty"`
	Verified   bool       `json:"verified"`
	Early      bool       `json:"early"`
	// Continue is where the person goes on: once called, or with a session.
	Continue string `json:"continue,omitempty"`
	Frames   string `json:"frames,omitempty"`
	Socket   string `json:"socket,omitempty"`
	// Problem and Ref say why there is no answer.
	Problem string `json:"problem,omitempty"`
	Ref     string `json:"ref,omitempty"`
}

// queueText is in both languages.
type queueText struct {
	KO string `json:"ko"`
	EN string `json:"en"`
}

// queueWait is an estimate in seconds.
type queueWait struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
}

func (web *Web) queueJSON(w http.ResponseWriter, q broker.Queueing, s hall.Seat, away bool) {
	a := queueAnswer{Room: s.Room.Name, State: stateOf(s, away), Commitment: s.Proof, Verified: q.Verified, Early: mayVerify(q, s, away)}
	a.Title = queueText{s.Room.Title[0], s.Room.Title[1]}
	if n := noticeOf(s, a.State); n.KO != "" {
		a.Notice = &queueText{n.KO, n.EN}
	}
	a.Continue = broker.ChooserURL(q.Sealed, broker.Notice{})
	switch {
	case away:
		answerQueue(w, http.StatusServiceUnavailable, reloadIn(s, away), a)
		return
	case going(q, a.State) && !s.Called:
		a.State, a.Continue = queueCalled, broker.QueueURL(q.Sealed) // the page with the form
	case a.State == queueDrawing:
		a.State = queueWaiting
	}
	if s.Room.Name != "" {
		a.Number = &s.Number
		a.Frames = framesURL(s.Room.Name)
		a.Socket = a.Frames + "/ws"
	}
	if v := s.View; v.Drawn {
		a.Place, a.Ahead = &v.Place, &v.Ahead
		if v.Known {
			a.Wait = &queueWait{v.P50, v.P90}
		}
		if v.Moved != 0 {
			at := time.Unix(v.Moved, 0).UTC()
			a.Moved = &at
		}
	}
	if !s.Opens.IsZero() {
		at := s.Opens.UTC()
		a.Opens = &at
	}
	answerQueue(w, http.StatusOK, reloadIn(s, false), a)
}

// queueProblem tells an app what a person would read on a page.
func (web *Web) queueProblem(w http.ResponseWriter, r *http.Request, err error) {
	p, after := problem(err), 0
	ref, status := p.Ref, p.Status
	if ref == "" {
		ref = broker.NewReference()
	}
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		after = reloadIn(hall.Seat{}, true)
	}
	web.log(r, p, ref, status)
	if web.cfg.Noted != nil {
		web.cfg.Noted(r.Context(), ref)
	}
	answerQueue(w, status, after, queueAnswer{State: queueAway, Problem: p.Code, Ref: ref})
}

// framesURL is where everybody's frames are.
func framesURL(room string) string { return "/rooms/" + url.PathEscape(room) }

// answerQueue writes an answer. after is in seconds, 0 for never.
func answerQueue(w http.ResponseWriter, status, after int, a queueAnswer) {
	body, err := json.Marshal(a)
	if err != nil { // numbers that are none
		http.Error(w, "{}", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
