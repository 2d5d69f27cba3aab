package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakesReadAsInTheGoldenFiles loads each testdata/config/*.yaml, which
// is named for what is wrong with it, and compares the whole message.
func TestMistakesReadAsInTheGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("got %d files (%v), want 20 at least", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(strings.ReplaceAll(name, "-", " "), func(t *testing.T) {
			_, err := Load(file, environment)
			if err == nil {
				t.Fatal("got no mistake, want one at least")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			got := strings.ReplaceAll(err.Error(), file, filepath.Base(file)) + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryMistakeHasAPlaceAndSaysWhatToDo(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, err := Load(file, environment)
		all, ok := errors.AsType[Mistakes](err)
		if !ok {
			t.Fatalf("%s: got %T, want Mistakes", file, err)
		}
		for _, m := range all {
			if m.Line < 1 || m.Column < 1 || m.Wrong == "" || m.Do == "" || m.File != file {
				t.Errorf("%s: got %+v, want file, line, column, what is wrong and what to do", file, *m)
			}
		}
	}
}

func TestAFileThatIsNotThereIsOneMistake(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), environment)
	if all, ok := errors.AsType[Mistakes](err); !ok || len(all) != 1 || !strings.Contains(err.Error(), "--config") {
		t.Errorf("got %v, want one mistake that names --config", err)
	}
}

func TestMistakesOfCallersHaveTheirPlace(t *testing.T) {
	c := load(t, write(t, "sinho.yaml", smallest+"keys_dir: gone\n"))
	m := c.Mistake("keys_dir", "is not there", "make it")
	if m.Line != 6 || m.Column != 1 || !strings.HasSuffix(m.Error(), "sinho.yaml:6:1: keys_dir: is not there\n    make it") {
		t.Errorf("got %v, want line 6, column 1", m)
	}
	if m := c.Mistake("tls.cert_file", "x", "y"); m.Line != 1 {
		t.Errorf("got line %d for what is not written, want 1", m.Line)
	}
}

func TestAConfigurationMadeByHandIsCheckedToo(t *testing.T) {
	var c Config
	err := c.Validate()
	for _, want := range []string{"public_url: is missing", "listen: names no address", "store: is empty", "keys_dir: is empty", "providers: has none"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	c = Default()
	c.PublicURL = "http://localhost"
	c.Providers = []Provider{{ID: "naver", Enabled: true, Capacity: 1, ClientID: "us", Secret: "hush"}}
	if err := c.Validate(); err != nil {
		t.Errorf("got %v, want it good", err)
	}
}

// FuzzLoad: whatever a file says, it is a valid configuration or mistakes with
// places.
func FuzzLoad(f *testing.F) {
	f.Add(smallest)
	f.Add("a: &x [*x]\n")
	f.Add("clients: [{id: 1}, null, [], {redirect_uris: {}}]\nproviders: {}\n")
	f.Add("? a\n: b\n<<: c\n\"\": d\n1: 2\n")
	f.Add("listen: [\"${\", \"${A}\", \"$${\", \"${EMPTY}\"]\n")
	f.Add("providers: [{id: a, clients: [b], maintenance: [{every: sun 23:30-01:00, zone: UTC}, {from: 2026-08-09 02:00, to: 2026-08-09 04:00}]}]\n")
	f.Add("alerts: [{id: ops, url: https://a, secret: whsec_, quiet: [daily 22:00-07:00], lights: [red], providers: [], zone: UTC, language: en}]\n")
	f.Add("rotas: [{id: v, zone: UTC, grace: 5m, rules: [{from: 2021-08-09, daily: 20:00-18:00, last_digit: true, born_from: 1972}, {from: 2021-08-21 20:00, to: 2021-09-18 18:00}]}]\nclients: [{id: b, rota: w}]\n")
	f.Add("%YAML 1.2\n---\nx: |2\n  a\n...\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := newDocument("f.yaml", environment)
		d.files = []string{}
		c := Default()
		c.doc = d
		if root := d.parse([]byte(text)); root != nil {
			d.take(root, &c)
		}
		for _, m := range d.mistakes {
			if m.Line < 1 || m.Column < 1 {
				t.Errorf("got %v without a place", m)
			}
		}
	})
}
