package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sinho/lobby/rota"
	"sinho/providers"
)

// Rota says who may log in when, by their verified date of birth.
type Rota struct {
	// Our name for it, 1 to 32 of a-z 0-9 and -. Needed. Clients name it as their
	// rota.
	ID string `yaml:"id"`
	// The zone whose calendar and clock it goes by, by its IANA name. Left out:
	// time_zone.
	Zone Zone `yaml:"zone"`
	// How long after the end of their window somebody may still finish who came from
	// the site before it, 0s to 30m.
	Grace time.Duration `yaml:"grace"`
	// Whom it admits, 50 at most, one at least: everybody whom one of them admits, and
	// nobody else.
	Rules []RotaRule `yaml:"rules"`
}

// RotaRule opens windows to some people.
type RotaRule struct {
	// With daily the first day on which a window begins: 2021-08-09. Without it the
	// day and time at which the one window begins: 2021-08-21 20:00. Needed.
	From string `yaml:"from"`
	// With daily the last day on which one begins. Without it the day and time at
	// which the window ends. Left out: it goes on for good.
	To string `yaml:"to"`
	// Opens a window on each day, between these times: `20:00-18:00` (which ends on
	// the day after), `00:00-24:00`. Left out: one window, from from to to.
	Daily string `yaml:"daily"`
	// Only those whose day of birth ends in the same digit as the day on which the
	// window begins: on the 9th people born on a 9th, 19th or 29th. Needs daily.
	LastDigit bool `yaml:"last_digit"`
	// The first year of birth it is for. Left out: all before as well.
	BornFrom int `yaml:"born_from"`
	// The last year of birth it is for. Left out: all after as well.
	BornTo int `yaml:"born_to"`
}

const (
	mostRotas = 20
	mostRules = 50
	mostGrace = 30 * time.Minute
	firstYear = 1850 // of birth that is no slip of the pen
	lastYear  = 2200
)

func defaultRota() Rota { return Rota{Grace: 10 * time.Minute} }

// Timetables are the rotas as they decide, by id.
func (c *Config) Timetables() map[string]*rota.Rota {
	all := map[string]*rota.Rota{}
	for _, r := range c.Rotas {
		out := &rota.Rota{Zone: c.zoneOf(r).Location(), Grace: r.Grace}
		for _, rule := range r.Rules {
			if one, _, what, _ := c.timetable(r, rule); what == "" { // Validate has told
				out.Rules = append(out.Rules, one)
			}
		}
		all[r.ID] = out
	}
	return all
}

func (c *Config) zoneOf(r Rota) Zone {
	if r.Zone != "" {
		return r.Zone
	}
	return c.TimeZone
}

// timetable is one rule as it decides; key, what and do say what is wrong with it.
func (c *Config) timetable(r Rota, rule RotaRule) (out rota.Rule, key, what, do string) {
	out = rota.Rule{Digit: rule.LastDigit, BornFrom: rule.BornFrom, BornTo: rule.BornTo, Daily: rule.Daily != ""}
	if out.Daily {
		do = "write times such as 20:00-18:00, or 00:00-24:00 for whole days"
		from, to, found := strings.Cut(rule.Daily, "-")
		if !found {
			return out, ".daily", fmt.Sprintf("%q is not two times", rule.Daily), do
		}
		switch out.Begin, out.End, what = clockSpan(from, to); {
		case what != "":
			return out, ".daily", what, do
		case out.Begin == out.End:
			return out, ".daily", fmt.Sprintf("%q ends as it begins", rule.Daily), do
		}
	}
	if rule.From == "" {
		return out, ".from", "is missing", "write " + dayOrMoment(out.Daily)
	}
	zone := c.zoneOf(r)
	if out.First, what = edge(rule.From, out.Daily, zone, &out.Begin); what != "" {
		return out, ".from", what, "write " + dayOrMoment(out.Daily)
	}
	if rule.To == "" {
		return out, "", "", ""
	}
	if out.Last, what = edge(rule.To, out.Daily, zone, &out.End); what != "" {
		return out, ".to", what, "write " + dayOrMoment(out.Daily)
	}
	if before, same := strings.Compare(rule.To, rule.From), rule.To == rule.From; before < 0 || same && !out.Daily {
		return out, ".to", fmt.Sprintf("%q is not after from", rule.To), "write a later one, or remove it for a rule without end"
	}
	return out, "", "", ""
}

func dayOrMoment(daily bool) string {
	if daily {
		return "a day, such as 2021-08-09: the times are in daily"
	}
	return "day and time, such as 2021-08-21 20:00; or a day, and the times of each day in daily"
}

// edge reads a day, or a day and a time of the clock. Both are in one spelling
// only, so texts compare as what they mean.
func edge(text string, daily bool, zone Zone, clock *time.Duration) (day rota.Date, what string) {
	if daily {
		day, err := rota.ParseDate(text)
		if err != nil {
			return day, fmt.Sprintf("%q is no day", text)
		}
		return day, ""
	}
	at, ok := clockTime(text, zone.Location())
	if !ok {
		return day, fmt.Sprintf("%q is no day and time of the clock in %s", text, zone)
	}
	*clock = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	return rota.DateIn(at, zone.Location()), ""
}

// rotas checks each of them, and who goes by one.
func (r *review) rotas() {
	r.items("rotas", len(r.c.Rotas), 0, mostRotas)
	first := map[string]int{}
	for i, one := range r.c.Rotas {
		path := fmt.Sprintf("rotas[%d]", i)
		r.ownID("rotas", i, one.ID, "vaccine", first)
		r.span(path+".grace", one.Grace, 0, mostGrace)
		r.items(path+".rules", len(one.Rules), 1, mostRules)
		for j, rule := range one.Rules {
			r.rotaRule(fmt.Sprintf("%s.rules[%d]", path, j), one, rule)
		}
	}
	for i, c := range r.c.Clients {
		if c.Rota != "" {
			r.turnTaker(fmt.Sprintf("clients[%d]", i), c)
		}
	}
}

func (r *review) rotaRule(path string, of Rota, rule RotaRule) {
	if _, key, what, do := r.c.timetable(of, rule); what != "" {
		r.wrong(path+key, what, do)
	}
	if rule.LastDigit && rule.Daily == "" {
		r.wrong(path+".last_digit", "is set, though there is no daily, so no day to compare with", "write daily: 20:00-18:00, or remove last_digit")
	}
	for _, year := range []struct {
		key string
		of  int
	}{{".born_from", rule.BornFrom}, {".born_to", rule.BornTo}} {
		if year.of != 0 {
			r.count(path+year.key, year.of, firstYear, lastYear)
		}
	}
	if rule.BornTo != 0 && rule.BornFrom > rule.BornTo {
		r.wrong(path+".born_to", fmt.Sprintf("%d is before born_from", rule.BornTo), "write the later year in born_to")
	}
}

// turnTaker checks a client that goes by a rota: there is one, and somebody can
// pass it.
func (r *review) turnTaker(path string, c Client) {
	var known []string
	for _, one := range r.c.Rotas {
		known = append(known, one.ID)
	}
	if !slices.Contains(known, c.Rota) {
		do := "write the id of one of the rotas, or remove it"
		if near := nearest(c.Rota, known); near != "" {
			do = fmt.Sprintf("did you mean %q?", near)
		}
		r.wrong(path+".rota", fmt.Sprintf("%q is no rota", c.Rota), do)
	}
	able := false
	for i, p := range r.c.Providers {
		if !p.Enabled || providers.Assurance(p.Assurance) != providers.Verified || len(p.Clients) > 0 && !slices.Contains(p.Clients, c.ID) {
			continue
		}
		able = true
		if p.Attributes != nil && !slices.Contains(*p.Attributes, string(providers.AttrBirthdate)) {
			r.wrong(fmt.Sprintf("providers[%d].attributes", i), fmt.Sprintf("leaves out birthdate, by which the rota of %q decides", c.ID),
				"add birthdate, or keep the provider from that client by clients")
		}
	}
	if !able && len(r.c.Enabled()) > 0 {
		r.wrong(path+".rota", "lets nobody in: no enabled provider for this client has assurance: verified", "add one, for a rota decides by a verified date of birth")
	}
}
