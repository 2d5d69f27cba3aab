package web

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"

	"sinho/broker"
)

// What goes wrong before broker is asked.
const (
	problemMethod    = "method"
	problemCrossSite = "cross_site"
)

// problemView is a problem's page. Both languages are on it: it may stand at an
// address that cannot be opened again in another one.
type problemView struct {
	page
	Key       string // of its words
	Ref       string
	Site      *broker.Site
	Developer []string
	// Again repeats this very request when that can help: only its query, so that
	// it can lead nowhere else.
	Again    bool
	AgainURL template.URL
}

// Problem shows p as a page with its words, its reference and a way on, and logs
// it once with its cause. A nil p is an internal problem.
func (web *Web) Problem(w http.ResponseWriter, r *http.Request, p *broker.Problem) {
	if p == nil {
		p = &broker.Problem{Status: http.StatusInternalServerError, Code: broker.ProblemInternal}
	}
	v := problemView{page: web.page(w, r, ""), Key: "problem." + p.Code, Ref: p.Ref, Site: p.Site, Developer: p.Developer}
	if _, ok := web.words[v.Key]; !ok {
		v.Key = "problem." + broker.ProblemInternal
	}
	if v.Ref == "" {
		v.Ref = broker.NewReference() // broker never saw it
	}
	status := p.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	strict(w.Header())
	if p.Code == broker.ProblemStore || p.Code == broker.ProblemInternal {
		w.Header().Set("Retry-After", "5")
		v.Again = r.Method == http.MethodGet
		v.AgainURL = template.URL("?" + r.URL.RawQuery) //nolint:gosec // begins with "?": stays on this path
	}
	web.log(r, p, v.Ref, status)
	if web.cfg.Noted != nil {
		web.cfg.Noted(r.Context(), v.Ref)
	}
	v.Title, _ = v.T(v.Key)
	web.render(w, "problem", status, v)
}

// log is the one place a problem is told to the operators: its route, never its
// address, which carries sealed values.
func (web *Web) log(r *http.Request, p *broker.Problem, ref string, status int) {
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	web.cfg.Log.LogAttrs(r.Context(), level, "problem shown", slog.String("ref", ref), slog.String("code", p.Code),
		slog.Int("status", status), slog.String("route", r.Pattern), slog.Any("cause", p.Cause))
}

// fail shows whatever error a step of the flow gave.
func (web *Web) fail(w http.ResponseWriter, r *http.Request, err error) {
	web.Problem(w, r, problem(err))
}

func problem(err error) *broker.Problem {
	if p, ok := errors.AsType[*broker.Problem](err); ok && p != nil {
		return p
	}
	return &broker.Problem{Status: http.StatusInternalServerError, Code: broker.ProblemInternal, Cause: err}
}

func (web *Web) notFound(w http.ResponseWriter, r *http.Request) {
	web.Problem(w, r, &broker.Problem{Status: http.StatusNotFound, Code: broker.ProblemNotFound})
}

// only answers what a path does not do, naming what it does.
func (web *Web) only(methods string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		web.Problem(w, r, &broker.Problem{Status: http.StatusMethodNotAllowed, Code: problemMethod})
	}
}

func (web *Web) crossSite(w http.ResponseWriter, r *http.Request) {
	web.Problem(w, r, &broker.Problem{Status: http.StatusForbidden, Code: problemCrossSite})
}
