package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// answer is what a vendor says on one leg.
type answer struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	// Drop the connection instead.
	Drop bool `json:"drop"`
}

// scene is one raw file: what a vendor answers, and what we were set to.
type scene struct {
	About    string          `json:"about"`
	Settings json.RawMessage `json:"settings"` // laid over the usual ones
	Fresh    bool            `json:"fresh"`
	Callback url.Values      `json:"callback"`
	Metadata map[string]any  `json:"metadata"`
	Claims   map[string]any  `json:"claims"` // of the ID token, laid over the usual ones
	Token    *answer         `json:"token"`
	Keys     *answer         `json:"keys"`
	Profile  *answer         `json:"profile"`

	// Push vendors: the leg that is asked (push, poll, result) and its answer.
	Leg    string  `json:"leg"`
	Answer *answer `json:"answer"`
}

// outcome is one golden file.
type outcome struct {
	About    string    `json:"about"`
	Identity *Identity `json:"identity,omitempty"`
	CI       string    `json:"ci,omitempty"`
	DI       string    `json:"di,omitempty"`
	// From is Identity.Origins in words.
	From     map[Attribute]string `json:"from,omitempty"`
	Progress string               `json:"progress,omitempty"`
	Ref      string               `json:"ref,omitempty"`
	Error    *struct {
		Class   string `json:"class"`
		Code    string `json:"code"`
		Said    string `json:"said,omitempty"`
		Seen    bool   `json:"seen"`
		Colours bool   `json:"colours"`
		Spent   bool   `json:"spent,omitempty"`
	} `json:"error,omitempty"`
}

// Every answer a vendor is known to give becomes one identity or one classed
// error: testdata/<kind>/<case>.json against <case>.golden.json.
func TestAnswersAsGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d scenes, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden.json") {
			continue
		}
		kind := filepath.Base(filepath.Dir(file))
		t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s scene
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&s); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			var got outcome
			switch kind {
			case "pass":
				got = s.atPass(t)
			case "toss":
				got = s.atToss(t)
			default:
				got = s.atRedirect(t, kind)
			}
			got.About = s.About
			compareGolden(t, strings.TrimSuffix(file, ".json")+".golden.json", got)
		})
	}
}

func compareGolden(t *testing.T, file string, got outcome) {
	t.Helper()
	var have bytes.Buffer
	enc := json.NewEncoder(&have)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, have.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), have.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func told(id Identity, err error) outcome {
	var o outcome
	if e, ok := errors.AsType[*Error](err); ok {
		o.Error = &struct {
			Class   string `json:"class"`
			Code    string `json:"code"`
			Said    string `json:"said,omitempty"`
			Seen    bool   `json:"seen"`
			Colours bool   `json:"colours"`
			Spent   bool   `json:"spent,omitempty"`
		}{e.Class.String(), e.Code, e.Said, e.Seen, e.Colours(), e.Spent}
		return o
	}
	o.Identity, o.CI, o.DI = &id, id.CI.Reveal(), id.DI.Reveal()
	o.From = map[Attribute]string{}
	for _, a := range EveryAttribute() {
		if from, told := id.Origins.Of(a); told {
			o.From[a] = from.Source.String() + ", " + from.Assurance.String()
		}
		if _, told := id.Origins.Of(a); told != id.has(a) {
			o.From[a] = "is it there or not"
		}
	}
	return o
}

func (a *answer) serve(w http.ResponseWriter, _ *http.Request) {
	if a.Drop {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(max(a.Status, 200))
	w.Write(a.text())
}

// text is the body; a JSON string stands for a body that is no JSON.
func (a *answer) text() []byte {
	var plain string
	if json.Unmarshal(a.Body, &plain) == nil {
		return []byte(plain)
	}
	return a.Body
}

func (s scene) settings(t *testing.T, usual Settings) Settings {
	t.Helper()
	if len(s.Settings) > 0 {
		if err := json.Unmarshal(s.Settings, &usual); err != nil {
			t.Fatal(err)
		}
	}
	return usual
}

func (s scene) atRedirect(t *testing.T, kind string) outcome {
	u := newUpstream(t, kind)
	u.claims, u.metadata = s.Claims, s.Metadata
	if s.Token != nil {
		u.override["token"] = s.Token.serve
		var more map[string]any
		if s.Token.Status <= 200 && json.Unmarshal(s.Token.Body, &more) == nil && more["error"] == nil {
			delete(u.override, "token")
			maps.Copy(u.token, more)
		}
	}
	if s.Keys != nil {
		u.override["keys"] = s.Keys.serve
	}
	if s.Profile != nil {
		u.override["profile"] = s.Profile.serve
	}
	p := redirector(t, s.settings(t, u.settings()), u.hosts(t).client())
	params := s.Callback
	if params == nil {
		params = codeParams()
	}
	ask := testAsk()
	ask.Fresh = s.Fresh
	return told(p.Exchange(t.Context(), ask, params))
}
