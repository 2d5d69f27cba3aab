package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sinho/providers"
	"sinho/signal"
)

// Maintenance is one time, or one rule of times, at which a provider is away.
type Maintenance struct {
	// When one that comes once begins, by the clock of zone: 2026-08-09 02:00.
	From string `yaml:"from"`
	// When that ends, at most 31 days later.
	To string `yaml:"to"`
	// For one that comes again, instead of from and to: days and times of the clock,
	// as in `daily 02:00-02:30`, `sun 02:00-04:00`, `mon,wed,fri 23:30-01:00` (which
	// ends on the day after). Days are mon tue wed thu fri sat sun.
	Every string `yaml:"every"`
	// The zone of that clock, by its IANA name. Left out: time_zone.
	Zone Zone `yaml:"zone"`
	// What people read as the reason, in one language at least, 100 characters each.
	// Left out: that it is under maintenance.
	Reason Text `yaml:"reason"`
}

const (
	mostMaintenance = 50
	mostOnce        = 31 * 24 * time.Hour
	mostText        = 100 // characters
	moment          = "2006-01-02 15:04"
)

// Planned is the maintenance of every provider that has some, by id.
func (c *Config) Planned() map[string][]signal.Maintenance {
	all := map[string][]signal.Maintenance{}
	for _, p := range c.Providers {
		for _, m := range p.Maintenance {
			if one, _, _, _ := c.planned(m); one.Begin != one.End || !one.From.IsZero() { // Validate has told
				all[p.ID] = append(all[p.ID], one)
			}
		}
	}
	return all
}

// planned is m as the lights take it; key, what and do say what is wrong with it.
func (c *Config) planned(m Maintenance) (out signal.Maintenance, key, what, do string) {
	zone := m.Zone
	if zone == "" {
		zone = c.TimeZone
	}
	out = signal.Maintenance{Zone: zone.Location(), Reason: signal.Text(m.Reason)}
	if m.Every != "" {
		if m.From != "" || m.To != "" {
			return out, ".every", "stands beside from or to", "write every for one that comes again, or from and to for one that comes once"
		}
		what, do = recurring(m.Every, &out)
		return out, ".every", what, do
	}
	var ok bool
	for _, one := range []struct {
		key, value string
		into       *time.Time
	}{{".from", m.From, &out.From}, {".to", m.To, &out.To}} {
		if one.value == "" {
			return signal.Maintenance{}, one.key, "is missing", "write from and to, or every"
		}
		if *one.into, ok = clockTime(one.value, out.Zone); !ok {
			return signal.Maintenance{}, one.key, fmt.Sprintf("%q is no time of the clock in %s", one.value, zone), "write day and time, such as 2026-08-09 02:00"
		}
	}
	switch long := out.To.Sub(out.From); {
	case long <= 0:
		return out, ".to", fmt.Sprintf("%q is not after from", m.To), "write a later time"
	case long > mostOnce:
		return out, ".to", fmt.Sprintf("is %.0f days after from, at most 31", long.Hours()/24), "write enabled: false for a provider that is away so long"
	}
	return out, "", "", ""
}

// clockTime reads a time that the clock of a zone really shows: none that is left
// out where clocks are put forward.
func clockTime(text string, zone *time.Location) (time.Time, bool) {
	at, err := time.ParseInLocation(moment, text, zone)
	return at, err == nil && at.Format(moment) == text
}

// recurring reads days and times into out.
func recurring(text string, out *signal.Maintenance) (what, do string) {
	do = "write days and times, such as sun 02:00-04:00 or daily 02:00-02:30"
	days, times, _ := strings.Cut(text, " ")
	from, to, found := strings.Cut(times, "-")
	if !found {
		return fmt.Sprintf("%q has no times behind its days", text), do
	}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for day := range strings.SplitSeq(days, ",") {
		i := slices.Index(names, day)
		switch {
		case day == "daily" && days == "daily":
			out.Days = [7]bool{true, true, true, true, true, true, true}
		case i < 0:
			if near := nearest(strings.ToLower(day), append(names, "daily")); near != "" {
				do = fmt.Sprintf("did you mean %q?", near)
			}
			return fmt.Sprintf("%q is no day", day), do
		case out.Days[i]:
			return fmt.Sprintf("%q is there twice", day), "remove one of them"
		default:
			out.Days[i] = true
		}
	}
	if out.Begin, out.End, what = clockSpan(from, to); what != "" {
		return what, do
	}
	switch {
	case out.Begin == out.End:
		return fmt.Sprintf("%q ends as it begins", times), "write 00:00-24:00 for a whole day"
	case days == "daily" && out.End-out.Begin == 24*time.Hour:
		return fmt.Sprintf("%q is always", text), "write enabled: false for a provider that is away for good"
	}
	return "", ""
}

// clockSpan reads two times of the clock. An end before the begin is on the day
// after.
func clockSpan(from, to string) (begin, end time.Duration, what string) {
	for _, one := range []struct {
		text string
		into *time.Duration
	}{{from, &begin}, {to, &end}} {
		at, err := time.Parse("15:04", one.text)
		switch {
		case one.text == "24:00" && one.into == &end:
			*one.into = 24 * time.Hour
		case err != nil || len(one.text) != len("15:04"):
			return 0, 0, fmt.Sprintf("%q is no time of the clock", one.text)
		default:
			*one.into = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
		}
	}
	if end < begin {
		end += 24 * time.Hour
	}
	return begin, end, ""
}

// maintenance checks one of a provider's.
func (r *review) maintenance(path string, m Maintenance) {
	if _, key, what, do := r.c.planned(m); what != "" {
		r.wrong(path+key, what, do)
	}
	r.told(path+".reason", m.Reason)
}

// told checks a text that citizens read.
func (r *review) told(path string, t Text) {
	for _, one := range []struct{ key, text string }{{".ko", t.KO}, {".en", t.EN}} {
		if utf8.RuneCountInString(one.text) > mostText || strings.ContainsFunc(one.text, func(c rune) bool { return c < ' ' }) {
			r.wrong(path+one.key, fmt.Sprintf("is longer than %d characters, or more than a line", mostText), "write one short line")
		}
	}
}

// stranded are sites whose people could log in by nothing at all.
func (r *review) stranded() {
	enabled := r.c.Enabled()
	for i, c := range r.c.Clients {
		for _, p := range enabled {
			if len(p.Clients) == 0 || slices.Contains(p.Clients, c.ID) {
				c.RedirectURIs = nil
			}
		}
		if len(enabled) > 0 && len(c.RedirectURIs) > 0 {
			r.wrong(fmt.Sprintf("clients[%d].id", i), fmt.Sprintf("no enabled provider is for %q", c.ID), "add it to the clients of one, or let one be for all")
		}
	}
}

// terms checks who may use a provider and what it may give.
func (r *review) terms(path string, p Provider) {
	var known []string
	for _, c := range r.c.Clients {
		known = append(known, c.ID)
	}
	for i, id := range p.Clients {
		if slices.Contains(known, id) {
			continue
		}
		do := "write the id of one of the clients, or remove it"
		if near := nearest(id, known); near != "" {
			do = fmt.Sprintf("did you mean %q?", near)
		}
		r.wrong(fmt.Sprintf("%s.clients[%d]", path, i), fmt.Sprintf("%q is no client", id), do)
	}
	if p.Clients != nil && len(p.Clients) == 0 {
		r.wrong(path+".clients", "names nobody", "name some clients, or remove it for all; enabled: false leaves the provider out")
	}
	r.told(path+".notice", p.Notice)
	if p.Attributes == nil {
		return
	}
	words := providers.Attributes()
	for i, a := range *p.Attributes {
		if !slices.Contains(words, a) {
			do := "write some of " + strings.Join(words, ", ")
			if a == "ci" {
				do = "remove it; asserts_ci says whether its CI is believed"
			} else if near := nearest(a, words); near != "" {
				do = fmt.Sprintf("did you mean %q?", near)
			}
			r.wrong(fmt.Sprintf("%s.attributes[%d]", path, i), fmt.Sprintf("%q is nothing that it can give", a), do)
		}
	}
	if p.Needs == nil {
		return
	}
	for i, n := range *p.Needs {
		if slices.Contains(words, n) && !slices.Contains(*p.Attributes, n) {
			r.wrong(fmt.Sprintf("%s.needs[%d]", path, i), fmt.Sprintf("%q is not among attributes, so it would be asked for and dropped", n), "add it there, or remove it here")
		}
	}
}

// Terms are what is laid over a provider's adapter. Of the notice one language
// stands in for the other.
func (p Provider) Terms() providers.Terms {
	terms := providers.Terms{Clients: p.Clients, Notice: providers.Text{
		KO: cmp.Or(p.Notice.KO, p.Notice.EN), EN: cmp.Or(p.Notice.EN, p.Notice.KO),
	}}
	if p.Attributes != nil {
		terms.Limited, terms.Attributes = true, *p.Attributes
	}
	return terms
}
