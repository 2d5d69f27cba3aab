package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
)

// asset is one embedded static file.
type asset struct {
	body    []byte
	kind    string // media type
	version string // first 12 hexadecimal digits of its SHA-256
}

func loadAssets() (map[string]asset, error) {
	entries, err := files.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	all := make(map[string]asset, len(entries))
	for _, e := range entries {
		body, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		sum := sha256.Sum256(body)
		all[e.Name()] = asset{body: body, kind: kinds[path.Ext(e.Name())], version: hex.EncodeToString(sum[:6])}
	}
	return all, nil
}

// assetURL changes when the file does, so browsers may keep it.
func (c *Console) assetURL(name string) (string, error) {
	a, ok := c.assets[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return "/static/" + name + "?v=" + a.version, nil
}

func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.PathValue("file")]
	if !ok {
		c.problem(w, r, http.StatusNotFound, problemNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	if r.URL.Query().Get("v") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.body)
}
