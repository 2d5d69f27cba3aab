package signal

import "time"

// WeekHours is how many hours a Week looks back: seven days.
const WeekHours = 7 * 24

// ahead is how far Seoul's clock is ahead of UTC, in seconds; there is no summer time.
const ahead = 9 * 3600

// hourOfDay is the hour of a Unix second in Seoul, 0..23.
func hourOfDay(second int64) int { return int((second + ahead) % 86_400 / 3600) }

// Calm is what a provider did in those minutes of an hour in which its light was
// green from end to end, and neither an operator nor the settings had a word in
// it. The zero Calm is an hour that has none.
type Calm struct {
	// People sent there, and come back with whatever.
	Started, Returned int64
	// Failed are failures that colour, Legs the server legs that ended, by how long
	// they took.
	Failed int64
	Legs   [HistogramBuckets]int64
}

// CalmOf is the calm part of the hour that two chapters make. The same chapters
// make the same, whoever puts them together.
func CalmOf(first, second Chapter) (c Calm) {
	for _, chapter := range []Chapter{first, second} {
		for _, parts := range chapter {
			sum, seconds := parts.Sum()
			if seconds == 0 || !sum.calm(int64(seconds)) {
				continue
			}
			c.Started += sum.Started
			c.Returned += sum.Returned
			c.Failed += sum.Failed()
			for i, n := range sum.Legs {
				c.Legs[i] += n
			}
		}
	}
	return c
}

// calm reports whether nothing but a green that the lights themselves have found
// was shown in so many seconds.
func (r *Rollup) calm(seconds int64) bool {
	return r.Lights[Green] >= seconds && r.Lights[Green] == r.lit() && r.Overruled == 0 && r.Planned == 0
}

// Returns are people sent to a provider, and how many of them came back.
type Returns struct{ Started, Returned int64 }

// Week is what is usual at a provider: what it did in the calm minutes of the
// last seven days. The zero Week is of a provider nobody knows.
type Week struct {
	// Legs are the server legs it rests on, Failed those of them that failed, P90
	// what nine in ten took at most.
	Legs, Failed int64
	P90          time.Duration
	// Hours are returns by the hour of the day in Seoul.
	Hours [24]Returns
}

// WeekOf is the week that ends with Unix hour last.
func WeekOf(last int64, hours map[int64]Calm) (w Week) {
	var legs [HistogramBuckets]int64
	for at, c := range hours {
		if at > last || at <= last-WeekHours {
			continue
		}
		w.Failed += c.Failed
		for i, n := range c.Legs {
			legs[i] += n
			w.Legs += n
		}
		h := &w.Hours[hourOfDay(at*3600)]
		h.Started += c.Started
		h.Returned += c.Returned
	}
	w.P90 = quantile(legs[:], 0.9)
	return w
}

// usualP90 is p90₀: of the last seven days as soon as they hold enough, until
// then what was learned in the last minutes; 0 while neither says anything.
func (r *Rules) usualP90(w *Week, lately *baseline) time.Duration {
	if w.Legs >= r.WeekNeeds {
		return w.P90
	}
	return lately.p90(r.BaselineNeeds)
}

// failing is how many of a thousand legs usually fail; false while too few are
// known for that.
func (w *Week) failing() (perMille int, known bool) {
	if w.Legs < 1000 {
		return 0, false
	}
	return int((1000*w.Failed + w.Legs/2) / w.Legs), true
}

// back is the share of people who usually come back in the hour of a Unix
// second; false while too few have gone then.
func (w *Week) back(r *ReturnRules, second int64) (share float64, known bool) {
	h := w.Hours[hourOfDay(second)]
	if h.Started < r.HourNeeds {
		return 0, false
	}
	return min(float64(h.Returned)/float64(h.Started), 1), true
}
