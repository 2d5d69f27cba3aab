package shared

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
)

func TestWhatTheClientSaysIsALineOfTheLog(t *testing.T) {
	var out bytes.Buffer
	for level, want := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		out.Reset()
		LogTo(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})))
		chatter{}.Printf(t.Context(), "dial %s: %d", "x\n", 7)
		LogTo(nil)
		if (out.Len() > 0) != want {
			t.Fatalf("at %v: got %q, want a line: %v", level, out.String(), want)
		}
		if !want {
			continue
		}
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["says"] != "dial x\n: 7" {
			t.Errorf("got %q (%v), want one JSON object with what was said", out.String(), err)
		}
	}
}
