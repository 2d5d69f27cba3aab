package hall

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"sinho/lobby"
	"sinho/lobby/room"
)

// plan is which rooms there are and whose they are. It is immutable.
type plan struct {
	rooms  []*chamber // in the order of the settings
	byName map[string]*chamber
	client map[string]*chamber
	rest   *chamber // of every client that no room names
}

// chamber is one room of the node: its watchers and its counts stay while its
// settings and even its queue change.
type chamber struct {
	name  string
	hub   *hub
	count *counts
	state atomic.Pointer[state]
}

// state is a chamber as it is to be now. It is immutable; what the line points to
// is not.
type state struct {
	set  Setting
	line *line
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)
	roundForm = regexp.MustCompile(`^[a-z0-9]{0,10}$`)
)

// counter is the name of the room's counters.
func (s *Setting) counter() string {
	if s.Round == "" {
		return s.Name
	}
	return s.Name + "." + s.Round
}

// same: the queue of one setting is the queue of another.
func (s *Setting) same(o *Setting) bool {
	return s.counter() == o.counter() && s.Opens.Equal(o.Opens) && s.Announce.Equal(o.Announce)
}

// before the opening.
func (s *Setting) before(now time.Time) bool { return !s.Opens.IsZero() && now.Before(s.Opens) }

// mayBe: verifying early is offered.
func (s *Setting) mayBe(now time.Time) bool {
	return s.Early > 0 && !s.Closed && s.before(now) && now.Before(s.Opens.Add(-s.Early))
}

func (s *Setting) validate() error {
	switch {
	case !nameForm.MatchString(s.Name):
		return fmt.Errorf("room %q: want a name of 1 to 20 of a-z 0-9 and -", s.Name)
	case !roundForm.MatchString(s.Round):
		return fmt.Errorf("room %s: round %q: want at most 10 of a-z 0-9", s.Name, s.Round)
	case s.Mode != Off && s.Mode != Auto && s.Mode != Forced:
		return fmt.Errorf("room %s: mode %q: want off, auto or forced", s.Name, s.Mode)
	case s.Early < 0:
		return fmt.Errorf("room %s: early %v: want 0 or more", s.Name, s.Early)
	}
	return nil
}

// Use has the rooms be as they are set from now on, all of them at once or, with
// an error, none. A room that is there already keeps its watchers and counts, and,
// where name, round, opening and announcement are the same, its queue as this node
// knows it. It asks nothing of the store.
func (h *Hall) Use(rooms []Setting) error {
	h.turn.Lock()
	defer h.turn.Unlock()
	old := h.plan.Load()
	next := &plan{byName: map[string]*chamber{}, client: map[string]*chamber{}}
	states := make([]*state, 0, len(rooms))
	var faults []error
	for _, set := range rooms {
		set.Clients = slices.Clone(set.Clients)
		c, st, err := h.chamber(old, set)
		if err == nil {
			err = next.add(c, &set)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		states = append(states, st)
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("waiting rooms: %w", err)
	}
	for i, c := range next.rooms {
		c.state.Store(states[i])
	}
	h.plan.Store(next)
	for _, c := range old.rooms {
		if now := next.byName[c.name]; now == nil || now.state.Load().set.Mode == Off {
			c.hub.clear()
		}
	}
	return nil
}

// chamber is a room that is there already or a new one, and what it is to be.
func (h *Hall) chamber(old *plan, set Setting) (*chamber, *state, error) {
	if err := set.validate(); err != nil {
		return nil, nil, err
	}
	c := old.byName[set.Name]
	if c == nil {
		c = &chamber{name: set.Name, hub: newHub(), count: newCounts()}
		l, err := h.newLine(&set)
		return c, &state{set: set, line: l}, err
	}
	was := c.state.Load()
	if was.set.same(&set) {
		return c, &state{set: set, line: was.line}, nil
	}
	l, err := h.newLine(&set)
	if err == nil && l.name == was.line.name { // an opening was moved: who has the page open is there
		l.here = was.line.here
	}
	return c, &state{set: set, line: l}, err
}

// add gives a room its name and its clients, unless another has them.
func (p *plan) add(c *chamber, set *Setting) error {
	if p.byName[c.name] != nil {
		return fmt.Errorf("room %s: there are two of that name", c.name)
	}
	p.byName[c.name] = c
	p.rooms = append(p.rooms, c)
	if len(set.Clients) == 0 {
		if p.rest != nil {
			return fmt.Errorf("room %s: room %s is for all other clients already", c.name, p.rest.name)
		}
		p.rest = c
	}
	for _, id := range set.Clients {
		if other := p.client[id]; other != nil && other != c {
			return fmt.Errorf("room %s: client %q has room %s already", c.name, id, other.name)
		}
		p.client[id] = c
	}
	return nil
}

// of is the room of a client; nil where it has none or the room is off.
func (h *Hall) of(client string) (*chamber, *state) {
	p := h.plan.Load()
	c := p.client[client]
	if c == nil && p.rest != nil && (h.cfg.Known == nil || h.cfg.Known(client)) {
		c = p.rest
	}
	return c.on()
}

// named is the room of a name, nil where there is none or it is off.
func (h *Hall) named(name string) (*chamber, *state) {
	return h.plan.Load().byName[name].on()
}

func (c *chamber) on() (*chamber, *state) {
	if c == nil {
		return nil, nil
	}
	st := c.state.Load()
	if st.set.Mode == Off {
		return nil, nil
	}
	return c, st
}

// newLine is the queue that a setting says.
func (h *Hall) newLine(set *Setting) (*line, error) {
	l := &line{name: set.counter(), here: newPresence(), asking: make(chan struct{}, 1)}
	if !set.Opens.IsZero() {
		l.opening = lobby.Opening{At: set.Opens, Seed: room.Seed(h.cfg.Ring, l.name, set.Announce, set.Opens)}
		l.proof = proofOf(l.opening.Seed)
	}
	var err error
	l.room, err = room.New(room.Config{Name: l.name, Opens: set.Opens, Seed: l.opening.Seed}, h.cfg.Store)
	return l, err
}

// proofOf is the commitment to a seed, hexadecimal.
func proofOf(seed [lobby.SeedSize]byte) string {
	proof := lobby.Commitment(seed)
	return hex.EncodeToString(proof[:])
}

// commitment is that of the shuffle that was drawn or, before, will be; "" for none.
func (l *line) commitment() string {
	if k := l.latest.Load(); k != nil && k.Seed != [lobby.SeedSize]byte{} {
		return proofOf(k.Seed)
	}
	return l.proof
}

// Opens is when a client's room will open; zero once it has, or where there is none.
func (h *Hall) Opens(client string) time.Time {
	if _, st := h.of(client); st != nil && st.set.before(h.now()) {
		return st.set.Opens
	}
	return time.Time{}
}

// known is a queue as a node last saw it.
type known struct {
	lobby.Queue

	at time.Time // when it was seen
}

// line is one queue as this node knows it.
type line struct {
	name    string
	room    *room.Room
	opening lobby.Opening
	proof   string // commitment to its seed, hexadecimal

	latest atomic.Pointer[known]
	asking chan struct{} // whose turn it is to look where nothing is known
	failed atomic.Int64  // Unix milliseconds of the last look that failed
	here   *presence
	missed atomic.Int64 // Unix milliseconds of the last page that found no place among the watchers
	past   past

	// What follows belongs to the goroutine that steps.
	asked    bool // whether a Closed setting was told to the store
	told     bool // and which
	disagree time.Time
	away     error
	warned   bool
	left     left
}

// queue is what this node decides by: what the last step has found, or, before the
// first, one look at the store.
func (l *line) queue(ctx context.Context, now time.Time) (*lobby.Queue, error) {
	if k := l.latest.Load(); k != nil {
		return &k.Queue, nil
	}
	if since := now.UnixMilli() - l.failed.Load(); since >= 0 && since < 1000 {
		return nil, unavailable(errors.New("nothing is known yet"))
	}
	ctx, cancel := within(ctx)
	defer cancel()
	select {
	case l.asking <- struct{}{}:
		defer func() { <-l.asking }()
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
	if k := l.latest.Load(); k != nil {
		return &k.Queue, nil
	}
	q, err := l.room.Look(ctx)
	if err != nil {
		l.failed.Store(now.UnixMilli())
		return nil, err
	}
	l.latest.CompareAndSwap(nil, &known{q, now})
	return &l.latest.Load().Queue, nil
}
