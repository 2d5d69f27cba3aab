package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sinho/signal"
)

func TestTheEmbedIsOneScriptThatAnySiteMayLoad(t *testing.T) {
	h := newWeb(t, &fake{}, nil)
	w := get(h, "/embed/lights.js", "Cookie", "sinho-lang=en")
	body := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != "" {
		t.Fatalf("got %d and cookies %q", w.Code, w.Header().Get("Set-Cookie"))
	}
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Access-Control-Allow-Origin": "*",
		"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	again := get(h, "/embed/lights.js", "If-None-Match", w.Header().Get("ETag"))
	if w.Header().Get("ETag") == "" || again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("got %d and %d bytes for a known ETag, want 304 and none", again.Code, again.Body.Len())
	}
	for _, want := range []string{"원활", "Smooth", "customElements.define(\"sinho-lights\"", `path: "/signal"`, ":host([compact])"} {
		if !strings.Contains(body, want) {
			t.Errorf("got a script without %q", want)
		}
	}
	for _, never := range []string{"eval(", "new Function", ".innerHTML", "setAttribute(\"style\"", ".style.", "document.cookie", "localStorage"} {
		if strings.Contains(body, never) {
			t.Errorf("got %q in the script; a site's policy, or its visitors, would not like it", never)
		}
	}
	check := exec.CommandContext(t.Context(), "node", "--check", "-")
	check.Stdin = strings.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("node: %v\n%s", err, out)
	}
	if w := do(h, httptest.NewRequest(http.MethodPost, "/embed/lights.js", nil), nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("got %d for a POST, want 405", w.Code)
	}
}

func TestTheScriptIsTheSameForEveryNodeAndRequest(t *testing.T) {
	one, err := lightsScript(dictionary())
	if err != nil {
		t.Fatal(err)
	}
	two, err := lightsScript(dictionary())
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("got another script the second time (%v)", err)
	}
	if _, err := lightsScript(words{}); err == nil {
		t.Error("got no error for a dictionary without the words")
	}
}

// drawn reads a badge: well-formed, no style sheet, script or reference in it.
func drawn(t *testing.T, body []byte) (title, desc string, texts []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(body))
	in := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return title, desc, texts
		}
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		switch e := token.(type) {
		case xml.StartElement:
			in = e.Name.Local
			if in == "style" || in == "script" || in == "image" || in == "foreignObject" {
				t.Errorf("got a <%s>", in)
			}
			for _, a := range e.Attr {
				if a.Name.Local == "style" || a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("got an attribute %s", a.Name.Local)
				}
			}
		case xml.CharData:
			switch in {
			case "title":
				title += string(e)
			case "desc":
				desc += string(e)
			case "text":
				texts = append(texts, string(e))
			}
		case xml.EndElement:
			in = ""
		}
	}
}

func TestABadgeTellsTheLightByShapeWordAndColour(t *testing.T) {
	naver, kakao, toss := status("naver", signal.Green), status("kakao", signal.Grey), status("toss", signal.Yellow)
	kakao.Name = signal.Text{KO: "카카오", EN: "Kakao & <friends>"}
	h := newWeb(t, &fake{}, func(c *Config) { c.Board = boardOf(naver, kakao, toss) })
	for _, tc := range []struct {
		path   string
		status int
		title  string
		desc   string
		texts  string
		colour string
	}{
		{"/embed/badge/kakao.svg", 200, "카카오: 선택불가", "카카오: kakao 이유", "카카오|선택불가", "#515c65"},
		{"/embed/badge/kakao.svg?lang=en", 200, "Kakao & <friends>: Closed", "Kakao & <friends>: kakao reason", "Kakao & <friends>|Closed", "#515c65"},
		{"/embed/badge/naver.svg?lang=fr", 200, "naver: 원활", "naver: naver 이유", "naver|원활", "#0b6b39"},
		{"/embed/badge.svg", 200, "naver: 원활, 카카오: 선택불가, toss: 지연", "naver: naver 이유 카카오: kakao 이유 toss: toss 이유", "naver|원활|카카오|선택불가|toss|지연", "#7a5200"},
		{"/embed/badge/nobody.svg?lang=en", 404, "?: There is no such way to log in", "", "?|There is no such way to log in", "#515c65"},
		{"/embed/badge/kakao.png", 404, "?: 그런 로그인 방법은 없습니다", "", "?|그런 로그인 방법은 없습니다", "#515c65"},
		{"/embed/badge/kakao", 404, "?: 그런 로그인 방법은 없습니다", "", "?|그런 로그인 방법은 없습니다", "#515c65"},
	} {
		w := get(h, tc.path, "Accept-Language", "en")
		if w.Code != tc.status || w.Header().Get("Content-Type") != "image/svg+xml" || w.Header().Get("Cache-Control") != "public, max-age=5" ||
			w.Header().Get("Cross-Origin-Resource-Policy") != "cross-origin" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: got %d %v", tc.path, w.Code, w.Header())
		}
		title, desc, texts := drawn(t, w.Body.Bytes())
		if title != tc.title || desc != tc.desc || strings.Join(texts, "|") != tc.texts || !strings.Contains(w.Body.String(), tc.colour) {
			t.Errorf("%s: got title %q, desc %q, texts %q, want %q, %q, %q and %s", tc.path, title, desc, texts, tc.title, tc.desc, tc.texts, tc.colour)
		}
		again := get(h, tc.path, "If-None-Match", w.Header().Get("ETag"))
		if tc.status == http.StatusOK && (again.Code != http.StatusNotModified || again.Body.Len() > 0) {
			t.Errorf("%s: got %d for a known ETag, want 304", tc.path, again.Code)
		}
	}
	shapes := map[string]bool{}
	for _, light := range []string{"green", "yellow", "red", "grey"} {
		shapes[drawShape(light, 0, 0)] = true
		if got := contrast(rgb(t, hue(light)[1:]), rgb(t, "ffffff")); got < 4.5 {
			t.Errorf("%s: got contrast %.2f of white on it, want 4.5", light, got)
		}
	}
	if len(shapes) != 4 {
		t.Errorf("got %d shapes for four lights", len(shapes))
	}
}

// The colours are the pages' own, so what sinho.css is tested for holds here.
func TestTheElementHasTheColoursOfThePages(t *testing.T) {
	colours := func(file, scheme string) map[string]string {
		css, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(css)
		at := strings.Index(text, "prefers-color-scheme: dark")
		switch scheme {
		case "day":
			text = text[:at]
		case "night":
			text = text[at:]
		case "forced night":
			text = text[strings.Index(text, ":host([theme=dark])"):]
		}
		all := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(text, -1) {
			if all[m[1]] == "" {
				all[m[1]] = m[2]
			}
		}
		return all
	}
	for _, tc := range []struct{ element, pages string }{{"day", "day"}, {"night", "night"}, {"forced night", "night"}} {
		mine, pages := colours("embed/lights.css", tc.element), colours("static/sinho.css", tc.pages)
		if len(mine) != 12 {
			t.Errorf("%s: got %d colours, want 12", tc.element, len(mine))
		}
		for name, value := range mine {
			if pages[name] != value {
				t.Errorf("%s: got --%s %s, want %s as on the pages", tc.element, name, value, pages[name])
			}
		}
	}
}
