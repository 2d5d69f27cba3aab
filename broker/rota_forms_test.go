package broker

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a request tells of a turn is stable as the other forms are.
func TestTheSealedTurnIsStable(t *testing.T) {
	q := request{ID: id{1}, Client: "booking", RedirectURI: callback, MaxAge: -1, Term: rotaTerm{Told: true, Next: time.Unix(1_800_086_400, 0), Until: time.Unix(1_800_165_600, 0)}}
	got := "turn " + hex.EncodeToString(q.marshal()) + "\n"
	file := filepath.Join("testdata", "turn.golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got %swant %s", got, want)
	}
}
