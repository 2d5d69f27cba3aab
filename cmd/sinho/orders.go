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
		set.Closed, set.Notice = true, [2]string{o.Closing.Notice.KO, o.Closing.Notice.EN}
		if set.Mode == hall.Off { // nobody walks past a closed room
			set.Mode = hall.Auto
		}
	}
	return set
}

// ordered are the file's rooms as they are to be.
func ordered(files []hall.Setting, orders map[string]operator.RoomOrder) []hall.Setting {
	all := slices.Clone(files)
	for i, file := range files {
		all[i] = laid(file, orders[file.Name])
	}
	return all
}

// follow calls use whenever something may be ordered otherwise, until ctx ends.
func (d desk) follow(ctx context.Context, use func()) {
	for {
		changed := d.Changed() // before use looks, so that nothing is missed
		use()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// order has the rooms be as they are ordered now.
func (n *node) order(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.current.Load()
	if err := g.rooms.use(g.cfg, g.around()); err != nil {
		n.log.ErrorContext(ctx, "operators' orders for rooms are not taken", "error", err)
	}
}

// hasRoom reports whether the configuration names a room.
func (n *node) hasRoom(name string) bool {
	return slices.ContainsFunc(n.current.Load().cfg.Rooms, func(r config.Room) bool { return r.ID == name })
}

// atWork are the rooms of this node.
func (n *node) atWork() []hall.Insight { return n.current.Load().rooms.Insights() }

// shown are the rooms of a generation for its console; nil where there is none.
func (n *node) shown(g *generation) *console.Rooms {
	files := settings(g.cfg)
	if len(files) == 0 {
		return nil
	}
	return &console.Rooms{
		Tape: n.tape, Load: g.lights.Load,
		All: func() []console.Room {
			var all []console.Room
			sets := ordered(files, n.desk.Orders())
			for _, in := range g.rooms.Insights() {
				if i := slices.IndexFunc(files, func(f hall.Setting) bool { return f.Name == in.Setting.Name }); i >= 0 {
					all = append(all, console.Room{Insight: in, Setting: sets[i], File: files[i]})
				}
			}
			return all
		},
	}
}
