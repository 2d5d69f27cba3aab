package demo

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
)

// pages renders one part of the demo: layout, its own templates, its own files.
type pages struct {
	name      string
	templates *template.Template
	data      frame
}

// frame is what every page of a part shows around its content.
type frame struct {
	Part   string // booking, school, stage
	KO, EN string
	View   any
}

// newPages parses the templates of a part: layout, trouble and the named ones.
func newPages(part, ko, en string, funcs template.FuncMap, names ...string) (*pages, error) {
	paths := []string{"pages/layout.html", "pages/trouble.html"}
	for _, n := range names {
		paths = append(paths, "pages/"+n+".html")
	}
	t, err := template.New(part).Funcs(funcs).ParseFS(files, paths...)
	if err != nil {
		return nil, fmt.Errorf("pages of %s: %w", part, err)
	}
	return &pages{name: part, templates: t, data: frame{Part: part, KO: ko, EN: en}}, nil
}

// render writes a page, or a plain error when the template fails.
func (p *pages) render(w http.ResponseWriter, status int, name string, view any) {
	data := p.data
	data.View = view
	var body bytes.Buffer
	if err := p.templates.ExecuteTemplate(&body, name+".html", data); err != nil {
		http.Error(w, "page "+name+": "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// static serves the files of these parts below prefix.
func (p *pages) static(prefix string, parts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		part, _, _ := strings.Cut(name, ".")
		if r.URL.Path != prefix+name || !slices.Contains(parts, part) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		http.ServeFileFS(w, r, files, "static/"+name)
	})
}
