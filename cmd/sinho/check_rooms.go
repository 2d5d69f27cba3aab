package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sinho/config"
	"sinho/lobby"
	"sinho/signal"
)

// roomLines say in the summary of a configuration what its waiting rooms come to,
// and warn of what serve takes and an operator hardly means. What operators have
// ordered is in the store, which is not asked.
func roomLines(w io.Writer, line func(name, format string, args ...any), cfg *config.Config, now time.Time) {
	for _, r := range cfg.Rooms {
		seen := roomSeen{cfg: cfg, room: r, now: now, whose: roomClients(cfg, r), begins: beginsAt(cfg, r)}
		if opens, told := cfg.Opening(r); !opens.IsZero() {
			zone := cfg.TimeZone.Location()
			seen.opens, seen.told = opens.In(zone), told.In(zone)
		}
		line("room", "%s, %s", r.ID, seen)
		for _, what := range seen.doubts() {
			fmt.Fprintf(w, "warning: the room %s %s\n", r.ID, what)
		}
	}
	beyondContracts(w, cfg)
}

// roomSeen is a room of the settings at a moment.
type roomSeen struct {
	cfg         *config.Config
	room        config.Room
	now         time.Time
	whose       []config.Client
	begins      float64   // people a second, while no provider is measured
	opens, told time.Time // by the settings' zone; zero: it is open
}

// String is one line.
func (s roomSeen) String() string {
	var ids []string
	for _, c := range s.whose {
		ids = append(ids, c.ID)
	}
	who := "of " + strings.Join(ids, ", ")
	switch {
	case len(ids) == 0:
		who = "of nobody"
	case s.room.Clients == nil && len(ids) == len(s.cfg.Clients):
		who = "of all clients"
	case s.room.Clients == nil:
		who = "of all other clients: " + strings.Join(ids, ", ")
	}
	if s.room.Mode == "off" {
		return who + "; off, so nobody waits"
	}
	said := []string{who, string(s.room.Mode) + ", " + s.pace()}
	switch {
	case s.opens.IsZero():
		said = append(said, "open")
	case s.ahead():
		said = append(said, fmt.Sprintf("opens %s, in %s", s.opens.Format(readable), spell(s.opens.Sub(s.now))), s.early())
	default:
		said = append(said, fmt.Sprintf("opened %s, %s ago", s.opens.Format(readable), spell(s.now.Sub(s.opens))))
	}
	if s.room.Round != "" {
		said = append(said, "round "+s.room.Round)
	}
	return strings.Join(said, "; ")
}

// pace is how many people go on.
func (s roomSeen) pace() string {
	said := fmt.Sprintf("begins at %s a second", figure(s.begins))
	if s.room.MinRate > 0 {
		said += ", at least " + figure(s.room.MinRate)
	}
	if s.room.MaxRate > 0 {
		said += ", at most " + figure(s.room.MaxRate)
	}
	return said
}

// early is until when people may verify themselves ahead.
func (s roomSeen) early() string {
	if s.room.EarlyUntil == 0 {
		return "nobody verifies ahead"
	}
	return "verifying ahead until " + s.opens.Add(-s.room.EarlyUntil).Format("15:04")
}

// ahead: the opening is yet to come.
func (s roomSeen) ahead() bool { return s.now.Before(s.opens) }

// doubts are what to warn of, each to be read behind the room's name.
func (s roomSeen) doubts() []string {
	var all []string
	doubt := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	off := s.room.Mode == "off"
	doubt(len(s.whose) == 0, "is of nobody: there is no client that another room does not have")
	doubt(off && s.ahead(), "is off, so everybody gets in before its opening too: write mode: auto")
	if off {
		return all
	}
	unknown := !slices.ContainsFunc(s.cfg.Enabled(), func(p config.Provider) bool { return p.Capacity > 1 })
	doubt(unknown && s.room.MinRate == 0, "begins at %s people a second until the providers have been measured, for no provider has a capacity: set min_rate", figure(s.begins))
	if s.opens.IsZero() {
		return all
	}
	doubt(!s.ahead(), "has its opening behind it, so nobody is shuffled any more: for another one write another opening and another round; leave it as it is while anybody of this one waits")
	if !s.ahead() {
		return all
	}
	doubt(s.room.Round == "", "has an opening and no round: if it was ever open before, it opens with the numbers of then and nobody is shuffled. Write one, such as round: %q", s.opens.Format("0102"))
	doubt(s.told.After(s.now), "is announced on a day to come: a sealing key that begins until then changes the commitment that people have read. Write the day on which they are told")
	return append(all, s.turnless()...)
}

// turnless are the rotas by which it is nobody's turn when the room opens.
func (s roomSeen) turnless() []string {
	var all []string
	tables := s.cfg.Timetables()
	for _, c := range s.whose {
		r := tables[c.Rota]
		if r == nil {
			continue
		}
		switch turns, open := r.Today(s.opens); {
		case open:
		case len(turns) == 0:
			all = append(all, fmt.Sprintf("opens when the rota %s of %s is over: nobody will get in", c.Rota, c.ID))
		default:
			all = append(all, fmt.Sprintf("opens when it is nobody's turn by the rota %s of %s: people are called and turned away until %s", c.Rota, c.ID, turns[0].From.In(s.opens.Location()).Format(readable)))
		}
	}
	return all
}

// roomClients are whose a room is.
func roomClients(cfg *config.Config, r config.Room) []config.Client {
	var all []config.Client
	for _, c := range cfg.Clients {
		of := r.Clients
		if of == nil && !slices.ContainsFunc(cfg.Rooms, func(o config.Room) bool { return slices.Contains(o.Clients, c.ID) }) {
			of = []string{c.ID}
		}
		if slices.Contains(of, c.ID) {
			all = append(all, c)
		}
	}
	return all
}

// beginsAt is how many people a second a room lets go on if it is the only one in
// use and every provider can be chosen and was never seen congested.
func beginsAt(cfg *config.Config, r config.Room) float64 {
	var takes float64
	for _, p := range cfg.Enabled() {
		one, _ := signal.Capacity{}.Load(signal.Rules{}, signal.Bounds{Prior: p.Capacity, Cap: p.CapacityCap})
		takes += one
	}
	return lobby.Rules{Min: r.MinRate, Max: r.MaxRate}.Rate(takes, 0)
}

// beyondContracts warns of rooms that send more people on than providers may get:
// the least of a room counts whatever is measured.
func beyondContracts(w io.Writer, cfg *config.Config) {
	var least, most float64
	for _, r := range cfg.Rooms {
		if r.Mode != "off" {
			least += r.MinRate
		}
	}
	for _, p := range cfg.Enabled() {
		if p.CapacityCap == 0 {
			return
		}
		most += p.CapacityCap
	}
	if least > most {
		fmt.Fprintf(w, "warning: the rooms call at least %s people a second (min_rate), and the providers may get %s (capacity_cap)\n", figure(least), figure(most))
	}
}

// figure is a rate in few digits.
func figure(v float64) string { return fmt.Sprintf("%.4g", v) }

// spell is a span of time in its two greatest units, rounded down.
func spell(d time.Duration) string {
	hours, minutes := int(d.Hours()), int(d.Minutes())
	switch {
	case hours >= 24:
		return fmt.Sprintf("%d d %d h", hours/24, hours%24)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
