package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sinho/config"
)

// A stranger who asks for one problem after another fills no journal, and keeps no
// other line out of it.
func TestAttackAFloodOfProblemsFillsNoLog(t *testing.T) {
	var out strings.Builder
	log := newLog(&out, config.JSON, slog.LevelInfo).With("node", "a")
	began := time.Now()
	say := func(after time.Duration, level slog.Level, message string) {
		r := slog.NewRecord(began.Add(after), level, message, 0)
		if err := log.Handler().Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(out.String()), "\n") }
	for i := range 20_000 { // in ten seconds
		say(time.Duration(i)*500*time.Microsecond, slog.LevelInfo, "problem shown")
	}
	if got, most := len(lines()), problemsAtOnce+10*problemsPerSecond; got > most || got < most*9/10 {
		t.Errorf("got %d lines of 20,000 in ten seconds, want about %d", got, most)
	}
	told := len(lines())
	for range 50 {
		say(10*time.Second, slog.LevelError, "problem shown")
		say(10*time.Second, slog.LevelInfo, "login refused")
	}
	if got := len(lines()) - told; got != 100 {
		t.Errorf("got %d of 100 other lines, want them all", got)
	}
	say(20*time.Second, slog.LevelInfo, "problem shown")
	if last := lines()[len(lines())-1]; !strings.Contains(last, `"left_out":`) || !strings.Contains(last, `"node":"a"`) {
		t.Errorf("got %s, want how many were left out", last)
	}
}
