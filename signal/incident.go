package signal

import "time"

// Incident is the longest stretch of minutes in a row in which a light was red or
// grey. A minute nobody measured ends it.
type Incident struct {
	From, To time.Time // UTC, To is the end of its last minute
	Worst    Light
	// Overruled: an operator's word was shown in it, Planned: a maintenance by the
	// settings. Where neither was, it was measured.
	Overruled, Planned bool
}

// Incidents of hours that are in order, oldest first.
func Incidents(hours []Hour) (all []Incident) {
	var open *Incident
	for _, h := range hours {
		for i, m := range h.Marks {
			if l := m.Light(); l != Red && l != Grey {
				open = nil
				continue
			}
			from := h.Begin().Add(time.Duration(i) * time.Minute)
			if open == nil || !open.To.Equal(from) {
				all = append(all, Incident{From: from})
				open = &all[len(all)-1]
			}
			open.To = from.Add(time.Minute)
			if m.Light().Worse(open.Worst) {
				open.Worst = m.Light()
			}
			open.Overruled = open.Overruled || m.Overruled()
			open.Planned = open.Planned || m.Planned()
		}
	}
	return all
}
