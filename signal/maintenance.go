package signal

import "time"

// MaintenanceNotice is how long before a maintenance people are told of it.
const MaintenanceNotice = time.Hour

// Maintenance is a time at which a provider is known to be away: once, or again
// and again (docs/decisions/0026-maintenance.md). The zero value is never.
type Maintenance struct {
	// From and To bound one that comes once; From belongs to it, To does not.
	From, To time.Time
	// Days are those on which a recurring one begins, by time.Weekday; none means
	// that it comes once. Begin and End are times of the clock on such a day, in
	// whole minutes since midnight; an End above 24 h is on the day after.
	Days       [7]bool
	Begin, End time.Duration
	// Zone is whose clock that is; nil is UTC.
	Zone *time.Location
	// Reason is what people read instead of the usual words.
	Reason Text
}

// Period is one maintenance as it takes place.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Text           // "ko", "en"
}

// longest is how far Next follows periods that meet each other.
const longest = 32 * 24 * time.Hour

// Next is the maintenance in force at now (in), or else the next one to come
// within ahead; any is false when there is neither. The end of one in force is
// that of all that follow it without a gap. Zones' clocks that are put forward or
// back move an occurrence as time.Date does.
func Next(all []Maintenance, now time.Time, ahead time.Duration) (p Period, in, any bool) {
	for _, m := range all {
		from, to, ok := m.occurrence(now)
		if !ok || from.Sub(now) > ahead {
			continue
		}
		if !any || from.Before(p.From) {
			p, any = Period{From: from.UTC(), To: to.UTC(), Text: m.Reason}, true
		}
	}
	if !any {
		return p, false, false
	}
	p.To = through(all, p.To)
	return p, !p.From.After(now), true
}

// through is the end of all maintenance that covers end, or end itself.
func through(all []Maintenance, end time.Time) time.Time {
	last := end.Add(longest)
	for more := true; more && end.Before(last); {
		more = false
		for _, m := range all {
			if from, to, ok := m.occurrence(end); ok && !from.After(end) && to.After(end) {
				end, more = to.UTC(), true
			}
		}
	}
	return end
}

// occurrence is the earliest one that ends after now.
func (m Maintenance) occurrence(now time.Time) (from, to time.Time, ok bool) {
	if m.Days == ([7]bool{}) {
		return m.From, m.To, m.From.Before(m.To) && m.To.After(now)
	}
	zone := m.Zone
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := now.In(zone).Date()
	// From two days before: one may last into the day after.
	for d := day - 2; d <= day+8; d++ {
		if !m.Days[time.Date(year, month, d, 12, 0, 0, 0, zone).Weekday()] {
			continue
		}
		from = time.Date(year, month, d, 0, int(m.Begin.Minutes()), 0, 0, zone)
		to = time.Date(year, month, d, 0, int(m.End.Minutes()), 0, 0, zone)
		if to.After(now) && from.Before(to) {
			return from, to, true
		}
	}
	return from, to, false
}

// Under is the status while maintenance is planned: grey during it, with its end
// and its words, and told of for MaintenanceNotice before it. An operator's word
// keeps its own words and lasts to the end of a maintenance that it leads into.
func (s Status) Under(all []Maintenance, now time.Time) Status {
	if len(all) == 0 {
		return s
	}
	p, in, any := Next(all, now, MaintenanceNotice)
	if said := s.Reason.Code == CodeOperator || s.Reason.Code == CodeDisabled; said && s.Until != nil {
		until := *s.Until
		if in && p.To.After(until) {
			until = p.To
		}
		until = through(all, until).Truncate(time.Second)
		s.Until = &until
		return s
	}
	switch {
	case in:
		until := p.To
		s.Light, s.Measured, s.Since, s.Until = Grey, false, p.From, &until
		s.Reason = Reason{Code: CodeMaintenance, Text: p.words("점검 중입니다.", "Under maintenance.")}
	case any:
		p.Text = p.words("점검이 예정되어 있습니다.", "Maintenance is planned.")
		s.Planned = &p
	}
	return s
}

// words are its own, or the usual ones.
func (p Period) words(ko, en string) Text {
	t := p.Text
	if t.KO == "" {
		t.KO = ko
	}
	if t.EN == "" {
		t.EN = en
	}
	return t
}
