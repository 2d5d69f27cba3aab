package operator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sinho/signal"
	"sinho/store"
)

// hourTTL is how long a provider's hour is kept: a little longer than a
// signal.History is.
const hourTTL = 26 * time.Hour

// Source is what a Chronicle writes down. Its functions must not block.
type Source struct {
	Board func() signal.Board
	// Since gives a provider's sealed seconds after one, oldest first.
	Since func(provider string, second int64) []signal.Bucket
}

// Chronicle keeps the last day of every provider, over restarts too.
type Chronicle struct {
	store store.Store
	log   *slog.Logger

	mu    sync.Mutex // guards what follows
	all   map[string]*day
	wrong bool // the last read or write failed
}

// day is one provider's.
type day struct {
	signal.History

	loaded bool      // what the store had is in; only then it is written again
	tried  time.Time // to load it
}

// again is how long after a failure to load it is tried anew.
const again = 10 * time.Second

// NewChronicle is an empty one.
func NewChronicle(s store.Store, log *slog.Logger) *Chronicle {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Chronicle{store: s, log: log, all: map[string]*day{}}
}

// Run takes in, every second, what source has, and keeps each minute that is
// over. It ends with ctx, which is no error.
func (c *Chronicle) Run(ctx context.Context, source func() Source) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.Look(ctx, source())
		}
	}
}

// Look takes in what source has now.
func (c *Chronicle) Look(ctx context.Context, source Source) {
	board := source.Board()
	for _, s := range board.Providers {
		c.mu.Lock()
		h := c.all[s.ID]
		if h == nil {
			h = new(day)
			c.all[s.ID] = h
		}
		override := s.Reason.Code == signal.CodeOperator || s.Reason.Code == signal.CodeDisabled
		closed := h.Take(source.Since(s.ID, h.Seen()), s.Light, override)
		due := !h.loaded && (h.tried.IsZero() || board.At.Sub(h.tried) >= again)
		c.mu.Unlock()
		if due {
			c.load(ctx, s.ID, h, board.At)
		}
		if len(closed) > 0 && h.loaded {
			c.note(ctx, c.keep(ctx, s.ID, closed[len(closed)-1].At))
		}
	}
}

// Minutes of a provider from first to last, both Unix minutes, oldest first.
func (c *Chronicle) Minutes(id string, first, last int64) []signal.Minute {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.all[id]; h != nil {
		return h.Minutes(first, last)
	}
	return nil
}

// line is a minute as it is kept: within the hour, light, override, counts, and
// the times in milliseconds.
type line [11]int64

func lineOf(m signal.Minute) line {
	var override int64
	if m.Override {
		override = 1
	}
	return line{
		m.At % 60, int64(m.Light), override, int64(m.Started), int64(m.Returned), int64(m.Cancelled),
		int64(m.Legs), int64(m.Failed), m.P50.Milliseconds(), m.P95.Milliseconds(), m.P99.Milliseconds(),
	}
}

func (l line) minute(hour int64) (m signal.Minute, ok bool) {
	for _, n := range l {
		if n < 0 || n > 1<<32-1 {
			return m, false
		}
	}
	light := signal.Light(min(l[1], 255)) //nolint:gosec // bounded
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	count := func(n int64) uint32 { return uint32(n) } //nolint:gosec // bounded above
	return signal.Minute{
		At: hour*60 + l[0], Light: light, Override: l[2] == 1,
		Started: count(l[3]), Returned: count(l[4]), Cancelled: count(l[5]), Legs: count(l[6]), Failed: count(l[7]),
		P50: ms(l[8]), P95: ms(l[9]), P99: ms(l[10]),
	}, l[0] < 60 && light >= signal.Green && light <= signal.Grey
}

// historyShard spreads providers over a cluster.
func historyShard(id string) store.Shard { return store.Shard("history " + id) }

func hourKey(hour int64) string { return fmt.Sprintf("hour/%d", hour) }

// keep writes the hour of a minute that is over, up to that minute, as it is
// known here; the last node to write wins.
func (c *Chronicle) keep(ctx context.Context, id string, last int64) error {
	var lines []line
	hour := last / 60
	for _, m := range c.Minutes(id, hour*60, last) {
		lines = append(lines, lineOf(m))
	}
	body, err := encode(lines)
	if err != nil {
		return err
	}
	var attempt store.Attempt
	_, _ = rand.Read(attempt[:]) // never fails
	_, err = c.store.Apply(ctx, historyShard(id), attempt, false,
		store.Op{Kind: store.Put, Key: hourKey(hour), Value: body, TTL: hourTTL})
	return err
}

// load reads what was kept of a provider's last day. Only Look calls it.
func (c *Chronicle) load(ctx context.Context, id string, into *day, at time.Time) {
	into.tried = at
	now, err := c.store.Now(ctx)
	if err != nil {
		c.note(ctx, err)
		return
	}
	this := now.Unix() / 3600
	for hour := this - signal.HistoryMinutes/60 + 1; hour <= this; hour++ {
		body, err := c.store.Read(ctx, historyShard(id), hourKey(hour))
		if errors.Is(err, store.ErrAbsent) {
			continue
		}
		if err != nil {
			c.note(ctx, err)
			return
		}
		var lines []line
		if err := json.Unmarshal(body, &lines); err != nil {
			c.log.ErrorContext(ctx, "an hour of the lights' history cannot be read", "provider", id, "error", err)
			continue
		}
		c.mu.Lock()
		for _, l := range lines {
			if m, ok := l.minute(hour); ok {
				into.Put(m)
			}
		}
		c.mu.Unlock()
	}
	into.loaded = true
}

// note logs when keeping begins to fail, and when it works again.
func (c *Chronicle) note(ctx context.Context, err error) {
	c.mu.Lock()
	was := c.wrong
	c.wrong = err != nil
	c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil && !was:
		c.log.ErrorContext(ctx, "the lights' history is not kept", "error", err)
	case err == nil && was:
		c.log.InfoContext(ctx, "the lights' history is kept again")
	}
}
