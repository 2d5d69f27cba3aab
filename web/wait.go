package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// waitView is the page of a push under way.
type waitView struct {
	page
	Provider providers.Text
	Phrase   string
	State    string // where the script asks how it goes
	Ref      string
	Dragging bool
	Resend   bool // another can be sent now
	Resent   bool
	Approved bool
	Unsent   *notice // why another was not sent just now
	Left     string
	LeftMS   int64
	Next     *nextView // the route one would better take
	Path     string    // this page
	Script   string
}

// nextView is a route to go on with.
type nextView struct {
	lightView
	ID     string
	Sealed string
	Direct bool // one press goes there
}

// waitState is the answer of /wait/{journey}/state.
type waitState struct {
	// Go is where to go now: the site, or the chooser with a notice.
	Go       string `json:"go,omitempty"`
	Dragging bool   `json:"dragging,omitempty"`
	Resend   bool   `json:"resend,omitempty"`
	Approved bool   `json:"approved,omitempty"`
	LeftMS   int64  `json:"left_ms,omitempty"`
	// Problem tells the script to open the page that shows it.
	Problem string `json:"problem,omitempty"`
}

// wait answers GET /wait/{journey}: one look at the push.
func (web *Web) wait(w http.ResponseWriter, r *http.Request) {
	s, err := web.cfg.Flow.Waiting(w, r, r.PathValue("journey"))
	web.step(w, r, s, err)
}

func (web *Web) showWait(w http.ResponseWriter, r *http.Request, j *broker.Wait) {
	left := max(j.Expires.Sub(web.cfg.Now()), 0)
	path := "/wait/" + url.PathEscape(j.Journey)
	v := waitView{
		page: web.page(w, r, j.Login.Locale), Provider: j.Provider.Name, Phrase: j.Phrase,
		State: path + "/state", Ref: j.Login.Ref, Dragging: j.Dragging, LeftMS: left.Milliseconds(),
		Resend: j.Resend, Resent: j.Resent, Approved: j.Approved, Unsent: web.unsent(r, j.Login), Next: web.better(j, heldOn(r)), Path: path,
	}
	v.Left = v.duration(left)
	v.Switch = path + "?lang=" + v.Other
	v.Script = v.script(siteName(j.Login.Site))
	v.Title, _ = v.T("wait.title", "p", v.Provider)
	allowForms(w.Header(), j.Login)
	web.render(w, "wait", http.StatusOK, v)
}

// better is the route to suggest instead of the one waited for: the first green
// one of this person's own order, or a yellow one where this one is worse; nil
// when there is none.
func (web *Web) better(j *broker.Wait, h held) *nextView {
	now, board := web.cfg.Now(), web.cfg.Board()
	known := statuses(j.Login.Routes, board)
	order := arrange(j.Login, board, signal.Epoch(now), broker.Notice{Code: broker.NoticeExpired, From: j.Provider.ID}, h)
	for _, light := range []signal.Light{signal.Green, signal.Yellow} {
		if light == signal.Yellow && known[j.Provider.ID].Light <= signal.Yellow {
			break
		}
		for _, id := range order {
			if id == j.Provider.ID || known[id].Light != light {
				continue
			}
			i := slices.IndexFunc(j.Login.Routes, func(p providers.Info) bool { return p.ID == id })
			route := j.Login.Routes[i]
			v := nextView{lightView: viewLight(light), ID: id, Sealed: j.Login.Sealed, Direct: route.Shape == providers.Redirect}
			v.Name = route.Name
			return &v
		}
	}
	return nil
}

// waitState answers GET /wait/{journey}/state for the script.
func (web *Web) waitState(w http.ResponseWriter, r *http.Request) {
	s, err := web.cfg.Flow.Waiting(w, r, r.PathValue("journey"))
	var answer waitState
	status := http.StatusOK
	switch {
	case err != nil:
		p := problem(err)
		answer.Problem, status = p.Code, p.Status
		if status < 400 || status > 599 {
			status = http.StatusInternalServerError
		}
		if status >= 500 {
			// The script asks again; anything else it shows by opening the page,
			// which logs it.
			web.log(r, p, p.Ref, status)
		}
	case s.Wait != nil:
		answer.Dragging, answer.Resend, answer.Approved = s.Wait.Dragging, s.Wait.Resend, s.Wait.Approved
		answer.LeftMS = max(s.Wait.Expires.Sub(web.cfg.Now()), time.Millisecond).Milliseconds()
	case s.Redirect != "":
		web.proved(w, r, s)
		answer.Go = s.Redirect
	case s.Post != nil:
		// A script cannot follow a form: the page anew is the form.
		answer.Go = "/wait/" + url.PathEscape(r.PathValue("journey"))
	default:
		web.fail(w, r, errors.New("broker decided nothing"))
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		web.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// unsent is why another push was not sent, as broker.Resend has put it into the
// address; nil for nothing.
func (web *Web) unsent(r *http.Request, l broker.Login) *notice {
	q := r.URL.Query()
	n := web.settle(broker.Notice{Code: q.Get("notice"), Wait: waitIn(q.Get("wait"))}, l.Routes)
	if n.Code == "" {
		return nil
	}
	v := notice{Code: n.Code, Next: "wait.unsent.next", Wait: web.span(n.Wait)}
	if n.Code == broker.NoticeOften || n.Code == broker.NoticeCrowd {
		v.Next = "notice." + n.Code + ".next"
	}
	return &v
}

// leave answers POST /wait/{journey}/leave: back to the chooser, or with the
// field "to" straight on to another provider, by the request in "r".
func (web *Web) leave(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	s, err := web.cfg.Flow.Leave(w, r, r.PathValue("journey"))
	if to := r.PostForm.Get("to"); err == nil && to != "" && strings.HasPrefix(s.Redirect, "/login?") {
		s, err = web.cfg.Flow.Begin(w, r, r.PostForm.Get("r"), to, nil)
	}
	web.step(w, r, s, err)
}

// resend answers POST /wait/{journey}/resend: the push once more.
func (web *Web) resend(w http.ResponseWriter, r *http.Request) {
	s, err := web.cfg.Flow.Resend(w, r, r.PathValue("journey"))
	web.step(w, r, s, err)
}
