package main

import (
	"context"
	"slices"

	"sinho/config"
	"sinho/console"
	"sinho/lobby/hall"
	"sinho/operator"
)

// This file lays operators' orders over the waiting rooms that the file names.

// laid is a room as it is to be: as in the file, but for what is ordered.
func laid(file hall.Setting, o operator.RoomOrder) hall.Setting {
	set := file
	if o.Mode != nil {
		set.Mode = hall.Mode(o.Mode.Mode)
	}
	if o.Limits != nil {
		set.Min, set.Max = o.Limits.Min, o.Limits.Max
	}
	// A file that says another opening than it did is the later word.
	if s := o.Schedule; s != nil && s.File.Same(operator.Opening{Opens: file.Opens, Round: file.Round}) {
		set.Opens, set.Announce = s.Opens, s.Announce
		if s.Round != "" {
			set.Round = s.Round
		}
	}
	if o.Closing != nil {
		set.Closed = true
		if set.Mode == hall.Off { // nobody walks past a closed room
			set.Mode = hall.Auto
		}
	}
	return set
}

// rooms are those of the file as they are to be now.
func (d desk) rooms(cfg *config.Config) []hall.Setting {
	orders := d.Orders()
	all := cfg.WaitingRooms()
	for i, file := range all {
		all[i] = laid(file, orders[file.Name])
	}
	return all
}

// follow calls use whenever something may be ordered otherwise, until ctx ends.
func (d desk) follow(ctx context.Context, use func()) error {
	for {
		changed := d.Changed() // before use looks, so that nothing is missed
		use()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// shown are the rooms for the console: at work, and as they are to be.
func (d desk) shown(cfg *config.Config, h *hall.Hall) []console.Room {
	files, sets := cfg.WaitingRooms(), d.rooms(cfg)
	var all []console.Room
	for _, in := range h.Insights() {
		if i := slices.IndexFunc(files, func(f hall.Setting) bool { return f.Name == in.Setting.Name }); i >= 0 {
			all = append(all, console.Room{Insight: in, Setting: sets[i], File: files[i]})
		}
	}
	return all
}
