package sim

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static
var staticFiles embed.FS

// frame is what every page has around it.
type frame struct {
	ID, KO, EN       string // of the provider
	TitleKO, TitleEN string
	Static           string // where the style sheet is
	Script           bool
	RefreshS         int    // reload after so many seconds; 0: never
	PublicHome       string // a page of the vendor worth opening, as a path
}

type field struct{ Name, Value string }

type choice struct {
	Value, Name, Birthdate string
	Chosen                 bool
}

type loginView struct {
	Frame  frame
	Action string
	Client string
	Hidden []field
	People []choice
}

// oopsView is a request that cannot be served, told to whoever wrote it.
type oopsView struct {
	Frame      frame
	Code, What string
	Received   string
	Registered []string
}

func parseViews() (*template.Template, error) {
	t, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return t, nil
}

func (s *Sim) frame(ko, en string) frame {
	f := frame{ID: s.cfg.ID, TitleKO: ko, TitleEN: en, Static: "/static", PublicHome: s.vendor.home()}
	f.KO, f.EN = s.vendor.names()
	return f
}

// guard sets the headers of a page; formAction is the sources its forms may
// lead to.
func guard(w http.ResponseWriter, formAction string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+formAction)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// render writes a page; nothing is written before the template has succeeded.
func (s *Sim) render(w http.ResponseWriter, status int, name string, view any) {
	var b bytes.Buffer
	if err := s.views.ExecuteTemplate(&b, name, view); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	formAction := "'self'"
	if _, ok := view.(loginView); ok {
		// The answer to the login form leads to the client and from there on to
		// whichever site sent the person, and Chromium holds every hop of such a
		// chain against form-action. Only the first hop is known here.
		formAction = "'self' http: https:"
	}
	guard(w, formAction)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (s *Sim) oops(w http.ResponseWriter, view oopsView) {
	view.Frame = s.frame("요청을 처리할 수 없습니다", "This request cannot be served")
	s.render(w, http.StatusBadRequest, "oops.html", view)
}

// mountStatic serves the style sheet, the script and the picture under prefix.
func mountStatic(mux *http.ServeMux, prefix string) {
	files, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return // the folder is embedded: it is there
	}
	server := http.StripPrefix(prefix, http.FileServerFS(files))
	mux.HandleFunc("GET "+prefix+"/{file}", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.PathValue("file"), ".") {
			http.NotFound(w, r)
			return
		}
		guard(w, "'none'")
		w.Header().Set("Cache-Control", "max-age=60")
		server.ServeHTTP(w, r)
	})
}
