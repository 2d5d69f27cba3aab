package providers

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
)

// CI and DI print nowhere: under no verb, from within nothing, in no encoding.
func TestCIAndDINeverPrint(t *testing.T) {
	secret, other := strings.Repeat("Q0kx", 22), strings.Repeat("D", 66)
	ci, di := NewCI(secret), asDI(other)
	if ci.Reveal() != secret || di.Reveal() != other || ci.Version() != CIVersion {
		t.Fatalf("got %q of version %d and %q", ci.Reveal(), ci.Version(), di.Reveal())
	}
	type private struct {
		name string
		ci   CI
		di   *DI
	}
	var out bytes.Buffer
	values := map[string]any{
		"ci": ci, "di": di, "pointer": &ci, "identity": Identity{CI: ci, DI: di}, "private": private{"x", ci, &di},
		"inside": ci.hidden, "handle": ci.handle, "list": []CI{ci}, "keys": map[CI]DI{ci: di}, "error": fmt.Errorf("is %v %w", ci, errors.New("x")),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%b", "%c", "%U", "%e", "%p", "%T", "%y", "%20.3s"} {
			fmt.Fprintf(&out, name+" "+verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		if raw, err := json.Marshal(map[string]any{"v": v}); err == nil {
			out.Write(raw)
		}
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(h).Info("line", "v", v, slog.Group("g", "v", v))
		}
		if err := template.Must(template.New("").Parse("{{.}} {{printf \"%v %d\" . .}}")).Execute(&out, v); err != nil {
			t.Error(err)
		}
	}
	if raw, err := xml.Marshal(struct{ CI CI }{ci}); err == nil {
		out.Write(raw)
	}
	text := out.String()
	for _, form := range []string{secret, other, fmt.Sprintf("%x", secret), fmt.Sprintf("%x", other), fmt.Sprintf("%X", secret), "81 48 107", "Q0kxQ0kx", "DDDDDD"} {
		if i := strings.Index(text, form); i >= 0 {
			t.Errorf("it prints: %.200s", text[max(0, i-80):])
		}
	}
	if !strings.Contains(text, `{"v":"CI(hidden)"}`) || !strings.Contains(text, `"v":"DI(hidden)"`) {
		t.Error("nothing was printed at all: the test tries nothing")
	}
}

// Two are equal exactly when their values are; none is none.
func TestCIIsComparedByValue(t *testing.T) {
	one, same, other := NewCI(strings.Repeat("Q0kx", 22)), NewCI(strings.Repeat("Q0kx", 22)), NewCI(strings.Repeat("A", 86)+"==")
	if one != same || !one.Equal(same) || one == other || one.Equal(other) {
		t.Error("equal and unequal are mixed up")
	}
	none := NewCI("too short")
	if none != (CI{}) || none.Reveal() != "" || none.Version() != 0 || none.Equal(one) {
		t.Errorf("got %q of version %d for none", none.Reveal(), none.Version())
	}
	var back struct{ CI CI }
	if err := json.Unmarshal([]byte(`{"CI":"`+one.Reveal()+`"}`), &back); err == nil || back.CI != (CI{}) {
		t.Error("a CI came in by JSON, past its adapter's settings")
	}
}
