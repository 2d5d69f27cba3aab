package operator

import "sinho/signal"

// learn takes in an hour's calm minutes, as its two chapters have them now. What
// is usual ends with the newest hour known. The Chronicle's mu is held.
func (d *day) learn(hour int64, first, second signal.Chapter) {
	d.calm[hour] = signal.CalmOf(first, second)
	newest := hour
	for h := range d.calm {
		newest = max(newest, h)
	}
	for h := range d.calm {
		if h <= newest-signal.WeekHours {
			delete(d.calm, h)
		}
	}
	d.week = signal.WeekOf(newest, d.calm)
}
