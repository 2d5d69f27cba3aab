package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"sinho/providers"
)

// lightsScript is the one file behind <sinho-lights>: the words, the style sheet
// (constructed, so that no site has to allow inline styles), live.js and the
// element, in a scope of their own.
func lightsScript(ws words) ([]byte, error) {
	spoken := map[string]map[string]string{"ko": {}, "en": {}}
	for _, key := range []string{
		"light.green", "light.yellow", "light.red", "light.grey",
		"light.green.is", "light.yellow.is", "light.red.is", "light.grey.is", "light.unmeasured",
		"until", "planned", "choose.stale", "choose.local", "embed.title", "embed.from", "embed.since",
	} {
		t, ok := ws[key]
		if !ok {
			return nil, fmt.Errorf("no words for %q", key)
		}
		spoken["ko"][key], spoken["en"][key] = t.KO, t.EN
	}
	said, err := json.Marshal(spoken)
	if err != nil {
		return nil, fmt.Errorf("marshal words: %w", err)
	}
	var parts [3]string
	for i, name := range []string{"embed/lights.css", "static/live.js", "embed/lights.js"} {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		parts[i] = string(body)
	}
	css, err := json.Marshal(parts[0])
	if err != nil {
		return nil, fmt.Errorf("marshal style sheet: %w", err)
	}
	return fmt.Appendf(nil, "(function () {\nvar module, scope = {}, WORDS = %s, CSS = %s;\n(function () {\n%s}).call(scope);\n(function () {\n%s})();\n})();\n",
		said, css, parts[1], parts[2]), nil
}

// openToSites lets other origins use an answer: it is the same for everybody,
// and no cookie is read or set.
func openToSites(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// tagged answers with body, or 304 to whoever has it already.
func tagged(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if status == http.StatusOK && strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// lights answers GET /embed/lights.js. Sites write its plain address into their
// pages, so it is kept for five minutes and no longer.
func (web *Web) lights(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	openToSites(h)
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	tagged(w, r, http.StatusOK, web.script)
}

// badge answers GET /embed/badge.svg and GET /embed/badge/{file}: the lights as a
// picture, for pages without JavaScript.
func (web *Web) badge(w http.ResponseWriter, r *http.Request) {
	lang := known(r.URL.Query().Get("lang"))
	if lang == "" {
		lang = "ko"
	}
	p := page{words: web.words, Lang: lang}
	var plates []plate
	file := r.PathValue("file")
	id, svg := strings.CutSuffix(file, ".svg")
	board := web.cfg.Board()
	for _, s := range board.Providers {
		if file != "" && (!svg || s.ID != id) {
			continue
		}
		v := viewLight(s.Light)
		name := p.In(providers.Text(s.Name))
		if name == "" {
			name = s.ID
		}
		plates = append(plates, plate{
			name: name, light: v.Light, shape: v.Shape, word: p.In(web.words[v.Word]),
			why: p.In(providers.Text(s.Reason.Text)),
		})
	}
	status := http.StatusOK
	if len(plates) == 0 {
		status = http.StatusNotFound
		plates = []plate{{name: "?", light: "grey", shape: "✕", word: p.In(web.words["embed.nothing"])}}
	}
	h := w.Header()
	openToSites(h)
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Cache-Control", "public, max-age=5")
	tagged(w, r, status, drawBadge(plates, lang))
}
