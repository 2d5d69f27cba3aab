package operator

import (
	"context"
	"maps"
	"slices"

	"sinho/signal"
)

// Hours of a provider from first to last, both Unix hours, oldest first; those
// nobody measured are missing. The one under way, and those that are not written
// yet, are put together of their minutes. It reads a record for each day.
func (c *Chronicle) Hours(ctx context.Context, id string, first, last int64) ([]signal.Hour, error) {
	from, _ := signal.DayOf(first)
	to, _ := signal.DayOf(last)
	hours, err := c.days(ctx, id, from, to)
	if err != nil {
		return nil, err
	}
	for at, chapters := range c.fresh(id) {
		if at < first || at > last {
			continue
		}
		one, two := chaptersOf(at)
		kept, err := c.chapters(ctx, id, one, two)
		if err != nil {
			return nil, err
		}
		hour := signal.HourOf(at, kept[one].Merge(chapters[0]), kept[two].Merge(chapters[1]))
		hours[at] = hours[at].Fuller(hour)
	}
	all := make([]signal.Hour, 0, len(hours))
	for _, at := range slices.Sorted(maps.Keys(hours)) {
		if at >= first && at <= last && hours[at].Seconds > 0 {
			all = append(all, hours[at])
		}
	}
	return all, nil
}

// Past are a provider's minutes from first to last, both Unix minutes, oldest
// first, as long as MinutesKept. It reads a record for each half hour.
func (c *Chronicle) Past(ctx context.Context, id string, first, last int64) ([]signal.Recorded, error) {
	from, _ := signal.ChapterOf(first)
	to, _ := signal.ChapterOf(last)
	chapters, err := c.chapters(ctx, id, from, to)
	if err != nil {
		return nil, err
	}
	for at, more := range c.fresh(id) {
		for i, n := range []int64{at * chaptersAnHour, at*chaptersAnHour + 1} {
			if n >= from && n <= to {
				chapters[n] = chapters[n].Merge(more[i])
			}
		}
	}
	var all []signal.Recorded
	for _, n := range slices.Sorted(maps.Keys(chapters)) {
		for i, parts := range chapters[n] {
			if at := n*signal.ChapterMinutes + int64(i); len(parts) > 0 && at >= first && at <= last {
				all = append(all, signal.Recorded{At: at, Parts: parts})
			}
		}
	}
	return all, nil
}

// fresh are the chapters of hours that are not in their day yet, as far as only
// this node knows them.
func (c *Chronicle) fresh(id string) map[int64][chaptersAnHour]signal.Chapter {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[int64][chaptersAnHour]signal.Chapter{}
	d := c.all[id]
	if d == nil {
		return all
	}
	for at := range d.due {
		all[at] = [chaptersAnHour]signal.Chapter{}
	}
	add := func(n int64, chapter signal.Chapter) {
		pair := all[n/chaptersAnHour]
		pair[n%chaptersAnHour] = pair[n%chaptersAnHour].Merge(chapter)
		all[n/chaptersAnHour] = pair
	}
	for n, chapter := range d.unsaved {
		add(n, chapter)
	}
	if open := d.Open(); open.At > 0 {
		n, place := signal.ChapterOf(open.At)
		var chapter signal.Chapter
		chapter[place] = open.Parts
		add(n, chapter)
	}
	return all
}
