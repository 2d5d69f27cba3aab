package operator

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sinho/signal"
	"sinho/store"
)

// historyShard spreads providers over a cluster.
func historyShard(id string) store.Shard { return store.Shard("history " + id) }

func minutesKey(chapter int64) string { return fmt.Sprintf("minutes/%d", chapter) }
func hoursKey(day int64) string       { return fmt.Sprintf("hours/%d", day) }

// chaptersAnHour is how many records of minutes make an hour.
const chaptersAnHour = 60 / signal.ChapterMinutes

// chaptersOf are the two of an hour.
func chaptersOf(hour int64) (first, second int64) {
	return hour * chaptersAnHour, hour*chaptersAnHour + 1
}

// records reads records of one provider by key; what is absent is missing.
func (c *Chronicle) records(ctx context.Context, id string, keys []string) (map[string][]byte, error) {
	all := make(map[string][]byte, len(keys))
	for some := range slices.Chunk(keys, store.MaxOps) {
		values, err := c.store.ReadAll(ctx, historyShard(id), some...)
		if err != nil {
			return nil, fmt.Errorf("read the lights' history: %w", err)
		}
		for i, v := range values {
			if v != nil {
				all[some[i]] = v
			}
		}
	}
	return all, nil
}

// chapters reads those from first to last. One that cannot be read is left out
// and logged.
func (c *Chronicle) chapters(ctx context.Context, id string, first, last int64) (map[int64]signal.Chapter, error) {
	var keys []string
	for n := first; n <= last; n++ {
		keys = append(keys, minutesKey(n))
	}
	raw, err := c.records(ctx, id, keys)
	if err != nil {
		return nil, err
	}
	all := make(map[int64]signal.Chapter, len(raw))
	for n := first; n <= last; n++ {
		body, ok := raw[minutesKey(n)]
		if !ok {
			continue
		}
		var chapter signal.Chapter
		if err := chapter.UnmarshalBinary(body); err != nil {
			c.log.ErrorContext(ctx, "minutes of the lights' history cannot be read", "provider", id, "chapter", n, "error", err)
			continue
		}
		all[n] = chapter
	}
	return all, nil
}

// days reads the hours of days from first to last, as chapters does.
func (c *Chronicle) days(ctx context.Context, id string, first, last int64) (map[int64]signal.Hour, error) {
	var keys []string
	for n := first; n <= last; n++ {
		keys = append(keys, hoursKey(n))
	}
	raw, err := c.records(ctx, id, keys)
	if err != nil {
		return nil, err
	}
	all := map[int64]signal.Hour{}
	for n := first; n <= last; n++ {
		body, ok := raw[hoursKey(n)]
		if !ok {
			continue
		}
		day, err := signal.DecodeDay(n, body)
		if err != nil {
			c.log.ErrorContext(ctx, "hours of the lights' history cannot be read", "provider", id, "day", n, "error", err)
			continue
		}
		for _, h := range day {
			if h.Seconds > 0 {
				all[h.At] = h
			}
		}
	}
	return all, nil
}

// load reads what was kept of a provider's last day and, of the last week, what is
// usual, and which hours were not put together while nobody could. Only Look calls
// it.
func (c *Chronicle) load(ctx context.Context, id string, d *day, at time.Time) error {
	now := at.Unix() / 60
	last, _ := signal.ChapterOf(now)
	kept, err := c.chapters(ctx, id, last-signal.WeekHours*chaptersAnHour, last)
	if err != nil {
		return err
	}
	hour := now / 60
	first := hour - int64(MinutesKept.Hours()) + 1
	from, _ := signal.DayOf(first)
	to, _ := signal.DayOf(hour)
	hours, err := c.days(ctx, id, from, to)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, chapter := range kept {
		if n < last-signal.HistoryMinutes/signal.ChapterMinutes {
			continue
		}
		for i, parts := range chapter {
			if sum, seconds := parts.Sum(); seconds > 0 {
				d.Put(signal.MinuteOf(n*signal.ChapterMinutes+int64(i), sum))
			}
		}
	}
	for h := hour - signal.WeekHours; h < hour; h++ {
		first, second := chaptersOf(h)
		d.learn(h, kept[first], kept[second])
	}
	d.behind = nil
	for h := first; h < hour; h++ {
		if _, ok := hours[h]; !ok {
			d.behind = append(d.behind, h)
		}
	}
	return nil
}

// save writes minutes that are over, merged with what other nodes have written.
func (c *Chronicle) save(ctx context.Context, id string, d *day) error {
	c.mu.Lock()
	unsaved := maps.Clone(d.unsaved)
	c.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(unsaved)) {
		var merged signal.Chapter
		err := c.update(ctx, id, minutesKey(n), MinutesKept, func(was []byte) (next []byte, err error) {
			merged, next, err = mergeChapter(was, unsaved[n])
			return next, err
		})
		unreadable := errors.Is(err, signal.ErrFormat)
		if err != nil && !unreadable {
			return err
		}
		if unreadable { // a newer version's: it knows more
			c.log.ErrorContext(ctx, "minutes of the lights' history are of another version", "provider", id, "chapter", n, "error", err)
		}
		c.mu.Lock()
		delete(d.unsaved, n)
		if !unreadable {
			d.due[n/chaptersAnHour] = true
			d.correct(n, merged)
		}
		c.mu.Unlock()
	}
	return nil
}

// correct shows the last day as all nodes have put it together.
func (d *day) correct(n int64, chapter signal.Chapter) {
	for i, parts := range chapter {
		if sum, seconds := parts.Sum(); seconds > 0 {
			d.Correct(signal.MinuteOf(n*signal.ChapterMinutes+int64(i), sum))
		}
	}
}

// mergeChapter is a record with more in it, and its bytes. Where that is too much
// for a record the emptiest parts go.
func mergeChapter(was []byte, more signal.Chapter) (merged signal.Chapter, next []byte, err error) {
	if was != nil {
		if err := merged.UnmarshalBinary(was); err != nil {
			return merged, nil, fmt.Errorf("minutes: %w", err)
		}
	}
	merged = merged.Merge(more)
	for {
		next, err = merged.MarshalBinary()
		if err != nil || len(next) <= store.MaxValue || !merged.Thin() {
			return merged, next, err
		}
	}
}

// roll puts an hour together of its minutes, and writes it into its day.
func (c *Chronicle) roll(ctx context.Context, id string, at int64) error {
	first, second := chaptersOf(at)
	kept, err := c.chapters(ctx, id, first, second)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.all[id].learn(at, kept[first], kept[second])
	c.mu.Unlock()
	hour := signal.HourOf(at, kept[first], kept[second])
	if hour.Seconds == 0 {
		return nil
	}
	n, place := signal.DayOf(at)
	err = c.update(ctx, id, hoursKey(n), HoursKept, func(was []byte) ([]byte, error) {
		var day, more signal.Day
		if was != nil {
			if day, err = signal.DecodeDay(n, was); err != nil {
				return nil, fmt.Errorf("hours: %w", err)
			}
		}
		more[place] = hour
		return day.Merge(more).Encode()
	})
	if errors.Is(err, signal.ErrFormat) { // a newer version's: it knows more
		c.log.ErrorContext(ctx, "hours of the lights' history are of another version", "provider", id, "day", n, "error", err)
		return nil
	}
	return err
}

// update replaces a record by what merge makes of it, and makes it anew when
// another node was faster. merge gets nil for an absent one.
func (c *Chronicle) update(ctx context.Context, id, key string, ttl time.Duration, merge func(was []byte) ([]byte, error)) error {
	for try := range tries {
		was, err := c.store.Read(ctx, historyShard(id), key)
		if err != nil && !errors.Is(err, store.ErrAbsent) {
			return fmt.Errorf("keep the lights' history: %w", err)
		}
		if err != nil {
			was = nil
		}
		next, err := merge(was)
		if err != nil {
			return fmt.Errorf("keep the lights' history: %w", err)
		}
		if was != nil && bytes.Equal(was, next) {
			return nil
		}
		ops := []store.Op{{Kind: store.PutNew, Key: key, Value: next, TTL: ttl}}
		if was != nil {
			ops = []store.Op{{Kind: store.Hold, Key: key, Value: was}, {Kind: store.Put, Key: key, Value: next, TTL: ttl}}
		}
		var attempt store.Attempt
		_, _ = rand.Read(attempt[:]) // never fails
		out, err := c.store.Apply(ctx, historyShard(id), attempt, false, ops...)
		if err != nil {
			return fmt.Errorf("keep the lights' history: %w", err)
		}
		if out.Conflict == nil {
			return nil
		}
		pause(ctx, try)
	}
	return fmt.Errorf("keep the lights' history: %w", ErrBusy)
}
