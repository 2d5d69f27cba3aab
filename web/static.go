package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
)

// asset is one embedded static file.
type asset struct {
	body    []byte
	kind    string // media type
	version string // first half of its SHA-256, hexadecimal
}

func loadAssets() (map[string]asset, error) {
	entries, err := files.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	all := make(map[string]asset, len(entries))
	for _, e := range entries {
		body, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		sum := sha256.Sum256(body)
		all[e.Name()] = asset{body: body, kind: mediaType(e.Name()), version: hex.EncodeToString(sum[:16])}
	}
	return all, nil
}

func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// assetURL is the address of a static file; it changes when the file does, so
// browsers may keep it for ever.
func (web *Web) assetURL(name string) (string, error) {
	a, ok := web.assets[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return "/static/" + name + "?v=" + a.version[:12], nil
}

func (web *Web) static(w http.ResponseWriter, r *http.Request) {
	a, ok := web.assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r) // nobody reads it, and it is not counted as work (docs/decisions/0039-overload.md)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", `"`+a.version+`"`)
	if r.URL.Query().Get("v") == a.version[:12] {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "public, max-age=60")
	}
	if r.Header.Get("If-None-Match") == `"`+a.version+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body)
}
