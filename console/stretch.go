package console

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"sinho/operator"
	"sinho/signal"
)

// stretch is what one provider did in one step of time.
type stretch struct {
	At       time.Time // begin, UTC
	Provider string    // "*": all together
	Seconds  int       // of it, how many somebody measured
	signal.Rollup
}

// step is how long a stretch is.
type step string

// The steps. A whole is everything that was asked for, and all providers together
// behind them.
const (
	stepMinute step = "minute"
	stepHour   step = "hour"
	stepDay    step = "day" // of UTC
	stepWhole  step = "whole"
)

// What may be asked for at once.
const (
	mostMinutes = 24 * time.Hour
	mostHours   = operator.HoursKept
)

// asked is which part of the history somebody wants.
type asked struct {
	Provider string    // "" for all
	From, To time.Time // UTC; full hours, or full minutes by the minute; To is not in it
	Step     step
}

// errAsked wraps what is wrong with a question, in words for whoever asked.
var errAsked = errors.New("cannot be asked")

// askedOf reads a question; what is left out is the last seven days by the hour,
// or the last hour by the minute.
func askedOf(q url.Values, now time.Time, known func(string) bool) (asked, error) {
	for name, values := range q {
		if !slices.Contains([]string{"provider", "from", "to", "step"}, name) || len(values) != 1 {
			return asked{}, fmt.Errorf("%w: %q is not a parameter, or is there twice", errAsked, name)
		}
	}
	a := asked{Provider: q.Get("provider"), Step: step(q.Get("step"))}
	if a.Step == "" {
		a.Step = stepHour
	}
	grain, span, most := time.Hour, 7*24*time.Hour, mostHours
	switch a.Step {
	case stepMinute:
		grain, span, most = time.Minute, time.Hour, mostMinutes
	case stepHour, stepDay, stepWhole:
	default:
		return asked{}, fmt.Errorf("%w: step is minute, hour, day or whole", errAsked)
	}
	if a.Provider != "" && !known(a.Provider) {
		return asked{}, fmt.Errorf("%w: there is no such provider", errAsked)
	}
	var err error
	if a.To, err = when(q.Get("to"), now); err != nil {
		return asked{}, err
	}
	if a.From, err = when(q.Get("from"), a.To.Add(-span)); err != nil {
		return asked{}, err
	}
	a.From = a.From.Truncate(grain)
	if over := a.To.Truncate(grain); !over.Equal(a.To) {
		a.To = over.Add(grain)
	}
	switch {
	case !a.From.Before(a.To):
		return asked{}, fmt.Errorf("%w: from is not before to", errAsked)
	case a.To.Sub(a.From) > most+grain:
		return asked{}, fmt.Errorf("%w: at most %v at once by this step", errAsked, most)
	}
	return a, nil
}

// when reads a time in RFC 3339, or a day of UTC.
func when(text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise.UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 2000 && t.Year() < 3000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: a time is 2026-08-09T20:00:00Z or 2026-08-09", errAsked)
}

// history answers a question: stretches by provider as configured, oldest first,
// and the hours they come of, none by the minute.
func (c *Console) history(ctx context.Context, a asked) (all []stretch, hours map[string][]signal.Hour, err error) {
	hours = map[string][]signal.Hour{}
	whole := stretch{At: a.From, Provider: "*"}
	for _, p := range c.cfg.Lights.Board().Providers {
		if a.Provider != "" && a.Provider != p.ID {
			continue
		}
		if a.Step == stepMinute {
			past, err := c.cfg.Lights.Past(ctx, p.ID, a.From.Unix()/60, a.To.Unix()/60-1)
			if err != nil {
				return nil, nil, err
			}
			for _, m := range past {
				sum, seconds := m.Sum()
				all = append(all, stretch{At: time.Unix(m.At*60, 0).UTC(), Provider: p.ID, Seconds: seconds, Rollup: sum})
			}
			continue
		}
		if hours[p.ID], err = c.cfg.Lights.Hours(ctx, p.ID, a.From.Unix()/3600, a.To.Unix()/3600-1); err != nil {
			return nil, nil, err
		}
		for _, s := range stretchesOf(a, p.ID, hours[p.ID]) {
			all = append(all, s)
			whole.Rollup = whole.Add(s.Rollup)
			whole.Seconds += s.Seconds
		}
	}
	if a.Step == stepWhole && a.Provider == "" {
		all = append(all, whole)
	}
	return all, hours, nil
}

// stretchesOf puts a provider's hours into steps.
func stretchesOf(a asked, id string, hours []signal.Hour) (all []stretch) {
	for _, h := range hours {
		at := h.Begin()
		switch a.Step {
		case stepDay:
			at = at.Truncate(24 * time.Hour)
		case stepWhole:
			at = a.From
		case stepHour, stepMinute:
		}
		if n := len(all); n == 0 || !all[n-1].At.Equal(at) {
			all = append(all, stretch{At: at, Provider: id})
		}
		last := &all[len(all)-1]
		last.Seconds += h.Seconds
		last.Rollup = last.Add(h.Rollup)
	}
	return all
}
