package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"sinho/config"
)

// What may be logged of problems that strangers can have as often as they like: some
// at once, and so many a second. journald keeps 10,000 lines of a unit in 30 s unless
// it is told otherwise, and what is beyond would take the place of others.
const (
	problemsAtOnce    = 1000
	problemsPerSecond = 100
)

// newLog writes lines for machines, or for whoever sits at a terminal. Times
// are UTC.
func newLog(w io.Writer, format config.Format, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}
	if format == config.PlainText {
		return slog.New(&fewProblems{slog.NewTextHandler(w, o), &problems{}})
	}
	return slog.New(&fewProblems{slog.NewJSONHandler(w, o), &problems{}})
}

// fewProblems leaves out "problem shown" beyond its bound, but for faults of ours. The
// next line says how many were left out.
type fewProblems struct {
	slog.Handler

	of *problems
}

// Handle implements slog.Handler.
func (h *fewProblems) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "problem shown" && r.Level < slog.LevelWarn {
		may, without := h.of.tell(r.Time)
		if !may {
			return nil
		}
		if without > 0 {
			r.AddAttrs(slog.Int("left_out", without))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *fewProblems) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &fewProblems{h.Handler.WithAttrs(attrs), h.of}
}

// WithGroup implements slog.Handler.
func (h *fewProblems) WithGroup(name string) slog.Handler {
	return &fewProblems{h.Handler.WithGroup(name), h.of}
}

// problems is how many have been told of late, and left out since.
type problems struct {
	mu      sync.Mutex // guards what follows
	told    float64
	at      time.Time
	without int
}

// tell reports whether one more may be told now, and how many were left out before it.
func (p *problems) tell(now time.Time) (may bool, without int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.at = max(0, p.told-problemsPerSecond*max(0, now.Sub(p.at).Seconds())), now
	if p.told+1 > problemsAtOnce {
		p.without++
		return false, 0
	}
	p.told++
	without, p.without = p.without, 0
	return true, without
}
