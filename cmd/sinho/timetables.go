package main

import (
	"time"

	"sinho/broker"
	"sinho/lobby/rota"
)

// timetables are rotas by name, as the broker asks them.
type timetables map[string]*rota.Rota

// deciding is h with the rotas in it.
func (t timetables) deciding(h broker.Hooks) broker.Hooks {
	h.Rota, h.Today = t.decide, t.today
	return h
}

// decide admits nobody by a rota that is not there, or whose birthdate is none.
func (t timetables) decide(name, born string, came, now time.Time) broker.Verdict {
	date, err := rota.ParseDate(born)
	r := t[name]
	if err != nil || r == nil {
		return broker.Verdict{}
	}
	d := r.Decide(date, came, now)
	v := broker.Verdict{Admitted: d.Admitted}
	if !d.Admitted && !d.Never {
		v.Next, v.Until = d.Window.From, d.Window.To
	}
	return v
}

// A page that stays open is told what its rota says later: so many changes, within
// so long.
const (
	mostChanges = 3
	tellAhead   = 12 * time.Hour
)

// today is whose turn it is, and what will be said while a page may stay open.
func (t timetables) today(name string, now time.Time) broker.Today {
	r := t[name]
	if r == nil {
		return broker.Today{Zone: time.UTC}
	}
	first := todayAt(r, now)
	for last, n := &first, 0; n < mostChanges && !last.Changes.IsZero() && last.Changes.Sub(now) <= tellAhead; n++ {
		then := todayAt(r, last.Changes)
		last.Then, last = &then, &then
	}
	return first
}

func todayAt(r *rota.Rota, now time.Time) broker.Today {
	turns, open := r.Today(now)
	out := broker.Today{Zone: r.Zone, Open: open, Changes: r.Changes(now)}
	for _, turn := range turns {
		out.Turns = append(out.Turns, broker.Turn(turn))
	}
	return out
}
