package web

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestAStaticFileIsKeptByBrowsersWhileItStays(t *testing.T) {
	h := newWeb(t, &fake{login: someLogin()}, nil)
	body := get(h, "/login?r=x").Body.String()
	for _, name := range []string{"sinho.css", "sinho.js", "order.js", "live.js", "chooser.js", "mark.svg"} {
		link := regexp.MustCompile(`/static/` + regexp.QuoteMeta(name) + `\?v=[0-9a-f]{12}`).FindString(body)
		if link == "" {
			t.Errorf("got no versioned link to %s", name)
			continue
		}
		w := get(h, link)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Content-Type") != mediaType(name) {
			t.Errorf("%s: got %d %v", name, w.Code, w.Header())
		}
		if again := get(h, link, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: got %d, want 304", name, again.Code)
		}
		if plain := get(h, "/static/"+name+"?v=old"); plain.Header().Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: got %q for another version, want it short-lived", name, plain.Header().Get("Cache-Control"))
		}
	}
}

// Contrast is WCAG 2's, AA: 4.5 for text, 3 for the edges of fields.
func TestEveryColourCanBeReadByDayAndByNight(t *testing.T) {
	css, err := files.ReadFile("static/sinho.css")
	if err != nil {
		t.Fatal(err)
	}
	day, night, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("got no dark scheme")
	}
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"ink", "paper", 4.5},
		{"ink", "card", 4.5},
		{"ink", "tint", 4.5},
		{"ink", "red-tint", 4.5},
		{"ink", "yellow-tint", 4.5},
		{"ink", "grey-tint", 4.5},
		{"soft", "paper", 4.5},
		{"soft", "card", 4.5},
		{"soft", "tint", 4.5},
		{"accent", "paper", 4.5},
		{"accent", "card", 4.5},
		{"accent", "tint", 4.5},
		{"on-accent", "accent", 4.5},
		{"on-accent", "accent-hover", 4.5},
		{"green", "green-tint", 4.5},
		{"yellow", "yellow-tint", 4.5},
		{"red", "red-tint", 4.5},
		{"grey", "grey-tint", 4.5},
		{"grey", "paper", 4.5},
		{"yellow", "paper", 4.5},
		{"yellow", "card", 4.5},
		{"accent", "grey-tint", 3},
		{"edge", "paper", 3},
		{"edge", "card", 3},
	}
	for scheme, text := range map[string]string{"day": day, "night": night} {
		colours := map[string][3]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(text, -1) {
			if _, ok := colours[m[1]]; !ok {
				colours[m[1]] = rgb(t, m[2])
			}
		}
		for _, p := range pairs {
			front, ok := colours[p.front]
			back, ok2 := colours[p.back]
			if !ok || !ok2 {
				t.Errorf("%s: got no --%s or --%s", scheme, p.front, p.back)
				continue
			}
			if got := contrast(front, back); got < p.least {
				t.Errorf("%s: got contrast %.2f of %s on %s, want at least %v", scheme, got, p.front, p.back, p.least)
			}
		}
	}
}

func rgb(t *testing.T, hex string) (out [3]float64) {
	t.Helper()
	for i := range out {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(fmt.Errorf("colour %s: %w", hex, err))
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			out[i] = c / 12.92
		} else {
			out[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return out
}

func contrast(a, b [3]float64) float64 {
	light := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(light(a), light(b)) / min(light(a), light(b))
}
