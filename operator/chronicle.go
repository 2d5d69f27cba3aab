package operator

import (
	"context"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"sinho/signal"
	"sinho/store"
)

// How long the store keeps what the lights did, from its last change.
const (
	// MinutesKept is a day more than the week that a page shows.
	MinutesKept = 8 * 24 * time.Hour
	// HoursKept is two days more than the 90 that are promised, because the hours
	// of a day share a record.
	HoursKept = 92 * 24 * time.Hour
)

const (
	// again is how long after a failure to load it is tried anew.
	again = 10 * time.Second
	// settled is how long after its end an hour is put together: by then every node
	// has written its last minute.
	settled = 90 * time.Second
	// unsavedMost is how many chapters wait for a store that is away: a day.
	unsavedMost = 48
	// lookWithin bounds what one look waits for the store; a minute of seconds waits
	// with the lights meanwhile.
	lookWithin = 10 * time.Second
	// lastWithin bounds the last write of a node that ends.
	lastWithin = 2 * time.Second
)

// Source is what a Chronicle writes down. Its functions must not block.
type Source struct {
	Board func() signal.Board
	// Since gives a provider's sealed seconds after one, oldest first.
	Since func(provider string, second int64) []signal.Bucket
	// Vanished are a provider's logins begun on green and given up for lost, as its
	// Honesty counts them; nil counts none.
	Vanished func(provider string) float64
	// Usual is told, at each look, what the minutes that are kept say is usual; nil
	// asks for nothing.
	Usual func(provider string, w signal.Week)
}

// Chronicle keeps what every provider did: the last day in memory, its minutes
// and hours in the store, merged with what other nodes have written
// (docs/decisions/0032-history.md). It is safe for concurrent use.
type Chronicle struct {
	store store.Store
	log   *slog.Logger
	run   int64 // names this process where it measured by itself

	mu    sync.Mutex // guards what follows
	all   map[string]*day
	wrong bool // the last read or write failed
}

// day is one provider's. Only Look changes it, under the Chronicle's mu.
type day struct {
	signal.History

	unsaved map[int64]signal.Chapter // minutes that are over and not written yet
	due     map[int64]bool           // hours to be put together anew
	behind  []int64                  // past hours to be looked after once

	calm map[int64]signal.Calm // the calm part of the last week's hours
	week signal.Week           // and what is usual by them

	loaded   bool // what the store had is in
	tried    time.Time
	vanished float64 // counted so far
	counts   bool    // vanished is known, of what local says
	local    bool
}

// NewChronicle is an empty one.
func NewChronicle(s store.Store, log *slog.Logger) *Chronicle {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Chronicle{
		store: s, log: log, all: map[string]*day{},
		run: 1 + int64(mathrand.Int32()), //nolint:gosec // tells processes apart, hides nothing
	}
}

// Run takes in, every second, what source has, and keeps each minute that is
// over. It ends with ctx, which is no error, and then writes the minute under way.
func (c *Chronicle) Run(ctx context.Context, source func() Source) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.finish(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
			c.Look(ctx, source())
		}
	}
}

// Look takes in what source has now, and keeps what is over.
func (c *Chronicle) Look(ctx context.Context, source Source) {
	board := source.Board()
	for _, s := range board.Providers {
		c.take(s, board, source)
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, s := range board.Providers {
		c.keep(ctx, s.ID, board.At)
		if source.Usual != nil {
			source.Usual(s.ID, c.day(s.ID).week)
		}
	}
}

// take lets in a provider's new seconds.
func (c *Chronicle) take(s signal.Status, board signal.Board, source Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.all[s.ID]
	if d == nil {
		d = &day{unsaved: map[int64]signal.Chapter{}, due: map[int64]bool{}, calm: map[int64]signal.Calm{}}
		c.all[s.ID] = d
	}
	if d.Seen() > board.At.Unix()+store.Ahead { // the clock went back
		d.over(d.Close())
	}
	seconds := source.Since(s.ID, d.Seen())
	shown := signal.Shown{
		Light: s.Light, Since: s.Since.Unix(),
		Overruled: s.Reason.Code == signal.CodeOperator || s.Reason.Code == signal.CodeDisabled,
		Planned:   s.Reason.Code == signal.CodeMaintenance,
	}
	if board.Local {
		shown.Run = c.run
	}
	if len(seconds) > 0 && source.Vanished != nil {
		shown.Vanished = d.lost(source.Vanished(s.ID), board.Local)
	}
	d.over(d.Take(seconds, shown))
}

// lost is how many more have vanished. Where the count began anew, or is another
// one (this node's alone, or that of all), nothing is known of the difference.
func (d *day) lost(now float64, local bool) float64 {
	before, counts := d.vanished, d.counts && d.local == local
	d.vanished, d.local, d.counts = now, local, true
	if !counts {
		return 0
	}
	return max(now-before, 0)
}

// over notes minutes to be written.
func (d *day) over(closed []signal.Recorded) {
	for _, m := range closed {
		chapter, place := signal.ChapterOf(m.At)
		pages := d.unsaved[chapter]
		pages[place] = pages[place].Merge(m.Parts)
		d.unsaved[chapter] = pages
	}
	for len(d.unsaved) > unsavedMost {
		oldest := int64(0)
		for chapter := range d.unsaved {
			if oldest == 0 || chapter < oldest {
				oldest = chapter
			}
		}
		delete(d.unsaved, oldest)
	}
}

// keep brings the store up to date with one provider.
func (c *Chronicle) keep(ctx context.Context, id string, at time.Time) {
	d := c.day(id)
	if !d.loaded {
		if !d.tried.IsZero() && at.Sub(d.tried).Abs() < again {
			return
		}
		d.tried = at
		err := c.load(ctx, id, d, at)
		c.note(ctx, err)
		if err != nil {
			return
		}
		d.loaded = true
	}
	if len(d.unsaved) > 0 {
		c.note(ctx, c.save(ctx, id, d))
	}
	hours := d.hoursDue(at)
	if n := len(d.behind); n > 0 {
		hours = append(hours, d.behind[n-1])
	}
	for _, hour := range hours {
		err := c.roll(ctx, id, hour)
		if c.note(ctx, err); err != nil {
			return
		}
		c.mu.Lock()
		delete(d.due, hour)
		if n := len(d.behind); n > 0 && d.behind[n-1] == hour {
			d.behind = d.behind[:n-1]
		}
		c.mu.Unlock()
	}
}

// hoursDue are those that have settled.
func (d *day) hoursDue(at time.Time) (hours []int64) {
	for hour := range d.due {
		if at.Unix() >= (hour+1)*3600+int64(settled.Seconds()) {
			hours = append(hours, hour)
		}
	}
	slices.Sort(hours)
	return hours
}

// finish writes what a node that ends knows.
func (c *Chronicle) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWithin)
	defer cancel()
	c.mu.Lock()
	all := make(map[string]*day, len(c.all))
	for id, d := range c.all {
		all[id] = d
		d.over(d.Close())
	}
	c.mu.Unlock()
	for id, d := range all {
		c.note(ctx, c.save(ctx, id, d))
	}
}

// day is the one of a provider, nil when it is unknown.
func (c *Chronicle) day(id string) *day {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id]
}

// Minutes of a provider's last day from first to last, both Unix minutes, oldest
// first. It asks no store.
func (c *Chronicle) Minutes(id string, first, last int64) []signal.Minute {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.all[id]; d != nil {
		return d.Minutes(first, last)
	}
	return nil
}

// note logs when keeping begins to fail, and when it works again.
func (c *Chronicle) note(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) { // the node ends
		return
	}
	c.mu.Lock()
	was := c.wrong
	c.wrong = err != nil
	c.mu.Unlock()
	switch {
	case err != nil && !was:
		c.log.ErrorContext(ctx, "the lights' history is not kept", "error", err)
	case err == nil && was:
		c.log.InfoContext(ctx, "the lights' history is kept again")
	}
}
