package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

const (
	controlPath = "/control"
	panelPath   = "/control/page"
	maxControl  = 4 << 10 // bytes of a control body
)

type panelView struct {
	Frame   frame
	Control Control
	Wrong   *FieldError
	Counts  []count
	Quirks  []quirkView
}

type count struct {
	KO, EN string
	N      int64
}

// mountControl adds the control and its page. What is on control answers
// always; the page is at "/" of rest too, where it goes down with the others.
func (s *Sim) mountControl(control, rest *http.ServeMux, front *http.CrossOriginProtection) {
	control.HandleFunc("GET "+controlPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.Control(), nil)
	})
	control.HandleFunc("GET "+controlPath+"/seconds", s.lastSeconds)
	control.Handle("PUT "+controlPath, front.Handler(http.HandlerFunc(s.put)))
	control.HandleFunc("GET "+panelPath, func(w http.ResponseWriter, _ *http.Request) { s.panel(w, http.StatusOK, nil) })
	control.Handle("POST "+panelPath, front.Handler(http.HandlerFunc(s.post)))
	s.mountQuirks(control, front)
	mountStatic(control, "/control/static")
	mountStatic(rest, "/static")
	rest.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { s.panel(w, http.StatusOK, nil) })
}

// put is PUT /control: merge, answer the full state.
func (s *Sim) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil {
		answer(w, nil, &refusal{status: http.StatusBadRequest, body: &FieldError{Reason: "the body is too large or broken"}})
		return
	}
	c, err := s.SetControl(body)
	if err != nil {
		answer(w, nil, &refusal{status: http.StatusBadRequest, body: asFieldError(err)})
		return
	}
	answer(w, c, nil)
}

func asFieldError(err error) *FieldError {
	if wrong, ok := errors.AsType[*FieldError](err); ok {
		return wrong
	}
	return &FieldError{Reason: err.Error()}
}

// post takes the page's form, whose every field is there: a switch that is
// off sends nothing.
func (s *Sim) post(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxControl)
	if err := r.ParseForm(); err != nil {
		s.panel(w, http.StatusBadRequest, &FieldError{Reason: "the form could not be read"})
		return
	}
	if _, err := s.SetControl(formBody(r)); err != nil {
		s.panel(w, http.StatusBadRequest, asFieldError(err))
		return
	}
	guard(w, "'self'")
	w.Header().Set("Location", panelPath)
	w.WriteHeader(http.StatusSeeOther)
}

// formBody is the form as the JSON object PUT takes.
func formBody(r *http.Request) []byte {
	body := map[string]any{"approve": r.PostFormValue("approve"), "fault": r.PostFormValue("fault")}
	for _, name := range []string{"latency_ms", "error_rate", "capacity_per_s"} {
		body[name] = r.PostFormValue(name) // not a number: refused by its name
		if n, err := strconv.ParseFloat(r.PostFormValue(name), 64); err == nil {
			body[name] = n
		}
	}
	for _, name := range []string{"hang", "page_hang", "down"} {
		body[name] = r.PostForm.Has(name)
	}
	var b bytes.Buffer
	if json.NewEncoder(&b).Encode(body) != nil {
		return nil // NaN or infinity: not JSON, refused as a body
	}
	return b.Bytes()
}

func (s *Sim) panel(w http.ResponseWriter, status int, wrong *FieldError) {
	f := s.frame("제어판", "Control")
	f.Static, f.Script = "/control/static", true
	inside, line := s.queue.load()
	s.render(w, status, "panel.html", panelView{
		Frame: f, Control: s.Control(), Wrong: wrong, Quirks: s.quirkViews(),
		Counts: []count{
			{"확인된 로그인", "logins given", s.tally.logins.Load()},
			{"답한 요청", "requests answered", s.tally.answered.Load()},
			{"오류로 답함", "answered with an error", s.tally.failed.Load()},
			{"대기열 초과로 거절", "refused, queue full", s.tally.refused.Load()},
			{"끊은 연결", "connections dropped", s.tally.dropped.Load()},
			{"처리 중", "being served", int64(inside - line)},
			{"줄 선 요청", "waiting in line", int64(line)},
			{"붙잡힌 요청", "held without an answer", s.held.Load()},
		},
	})
}
