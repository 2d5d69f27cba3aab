package seal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the diff")

// The sealed format is a promise between nodes of different versions: what a
// golden file holds must open for ever, and Seal must write it byte for byte as
// long as formatV1 is what it writes.
func TestSealedFormatIsTheGoldenOne(t *testing.T) {
	share := bytes.Repeat([]byte{0xA5}, 32)
	expires := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, tc := range []struct {
		name    string
		cell    string
		purpose string
		with    []byte
		plain   string
		bind    []string
	}{
		{"empty", "a", "", nil, "", nil},
		{"request", "demo", "request", nil, `{"client_id":"booking"}`, []string{"http://localhost:8080"}},
		{"journey", "demo", "journey", nil, "여정", []string{"http://localhost:8080", "booking"}},
		{"access", "seoul-1", "access", share, "claims", []string{"http://localhost:8080", "booking"}},
		{"cell-of-16", "abcdefghij-12345", "session", nil, "session", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := ring(t, tc.cell,
				Key{Version: 7, Secret: secretOf(0x77)},
				Key{Version: 3, Secret: secretOf(0x33)})
			r.fill = func(b []byte) {
				for i := range b {
					b[i] = byte(0xC0 + i)
				}
			}
			box := r.Box(tc.purpose)
			if tc.with != nil {
				box = box.With(tc.with)
			}
			got, err := box.Seal([]byte(tc.plain), expires, tc.bind...)
			if err != nil {
				t.Fatalf("Seal: %v", err)
			}
			want := golden(t, tc.name+".sealed", got)
			if got != want {
				t.Errorf("Seal: got %s, want %s", got, want)
			}
			plain, err := box.Open(want, expires.Add(-time.Millisecond), tc.bind...)
			if err != nil || string(plain) != tc.plain {
				t.Errorf("Open: got %q, %v, want %q", plain, err, tc.plain)
			}
		})
	}
}

func TestDerivedSecretsAreTheGoldenOnes(t *testing.T) {
	r := ring(t, "demo", Key{Version: 7, Secret: secretOf(0x77), SealFrom: noon}, Key{Version: 3, Secret: secretOf(0x33)})
	for name, at := range map[string]time.Time{"code.derived": noon.Add(-1), "code-by-the-next-key.derived": noon} {
		got := hex.EncodeToString(r.Derive("code", at, []byte("journey"), nil, []byte("1")))
		if want := golden(t, name, got); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func golden(t *testing.T, name, got string) (want string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b, []byte("\n")))
}
