package main

import (
	"context"
	"log/slog"
	"time"

	"sinho/shed"
)

// tellRefusals logs what a gate refuses, one line for each second in which it has
// refused anybody, with how many of each class, until ctx ends. It reads the gate's
// own counters: a refusal costs nothing for it, and a flood cannot fill the log.
func tellRefusals(ctx context.Context, gate *shed.Gate, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := gate.State()
	for {
		select {
		case <-ctx.Done():
			refusalLine(context.WithoutCancel(ctx), log, before, gate.State())
			return
		case <-tick.C:
		}
		now := gate.State()
		refusalLine(ctx, log, before, now)
		before = now
	}
}

// refusalLine logs what was refused from before to now, if anything was.
func refusalLine(ctx context.Context, log *slog.Logger, before, now shed.State) {
	var attrs []slog.Attr
	for _, c := range shed.Classes() {
		var reasons []any
		if n := now.Classes[c].Full - before.Classes[c].Full; n > 0 {
			reasons = append(reasons, slog.Uint64("full", n))
		}
		if n := now.Classes[c].Late - before.Classes[c].Late; n > 0 {
			reasons = append(reasons, slog.Uint64("late", n))
		}
		if len(reasons) > 0 {
			attrs = append(attrs, slog.Group(c.String(), reasons...))
		}
	}
	if len(attrs) > 0 {
		log.LogAttrs(ctx, slog.LevelWarn, "requests refused", append(attrs, slog.Int("inside", now.Inside))...)
	}
}
