package signal

import "time"

// State is what a cluster of nodes knows of all its lights at the end of a
// second: whoever has it goes on as if it had made it. Operators' overrides are
// not in it.
type State struct {
	Second int64 // Unix second taken in last
	// Seq is the sequence number of the board, and Shown stands for the content it
	// was given for.
	Seq   int64
	Shown string
	Began time.Time // since when Honest counts
	Lamps []SharedLamp
	// Capacities of the same providers, of those whose is known.
	Capacities []SharedCapacity
}

// SharedLamp is one provider's part of a State.
type SharedLamp struct {
	ID   string
	Lamp Lamp
	// ProbeNext is when the next round of probes is due; zero: none.
	ProbeNext time.Time
}

// SharedCapacity is one provider's estimate as part of a State.
type SharedCapacity struct {
	ID       string
	Capacity Capacity
}

// MarshalBinary writes a state: 1 to 4 KB for each provider, as people are away.
func (s State) MarshalBinary() ([]byte, error) {
	var w wire
	s.attach()
	s.walk(&w)
	return w.end()
}

// UnmarshalBinary reads a state; ErrFormat for anything else.
func (s *State) UnmarshalBinary(data []byte) error {
	*s = State{}
	w := wire{buf: data, reading: true}
	s.walk(&w)
	s.detach(&w)
	_, err := w.end()
	return err
}

// Seen is the Unix second the lamp has taken in last, 0 for none.
func (l Lamp) Seen() int64 { return l.seen }

// Forgotten is the lamp of somebody who has seen nothing lately: what is usual
// stays known, the light is not.
func (l Lamp) Forgotten(now time.Time) Lamp { return l.unknown(now) }

func (s *State) walk(w *wire) {
	w.format(stateV1)
	number(w, &s.Second)
	number(w, &s.Seq)
	w.text(&s.Shown)
	w.time(&s.Began)
	for i := range w.count(len(s.Lamps)) {
		if w.err != nil {
			return
		}
		if w.reading {
			s.Lamps = append(s.Lamps, SharedLamp{})
		}
		w.text(&s.Lamps[i].ID)
		s.Lamps[i].Lamp.walk(w)
		w.time(&s.Lamps[i].ProbeNext)
	}
}

// walk visits every field but the override; a test fails for one it forgets.
func (l *Lamp) walk(w *wire) {
	number(w, &l.Light)
	if w.reading && (l.Light < Green || l.Light > Grey) {
		w.fail("a light")
	}
	w.bool(&l.Measured)
	w.time(&l.Since)
	number(w, &l.Epoch)
	w.text(&l.Reason.Code)
	w.text(&l.Reason.KO)
	w.text(&l.Reason.EN)
	number(w, &l.ProbeEvery)
	number(w, &l.Slow)
	number(w, &l.VerySlow)
	l.Honest.walk(w)
	number(w, &l.seen)
	number(w, &l.from)
	w.bool(&l.trickle)
	for i := range l.targets {
		number(w, &l.targets[i])
	}
	number(w, &l.calm)
	for i := range l.changes {
		w.time(&l.changes[i])
	}
	w.time(&l.improved)
	w.bool(&l.relapsed)
	w.time(&l.renewed)
	w.time(&l.enoughAt)
	w.floats(l.usual[:])
	l.crowd.walk(w, l.seen)
	for _, r := range []*row{&l.legs, &l.probes, &l.pages} {
		number(w, &r.n)
		number(w, &r.first)
		number(w, &r.last)
	}
	number(w, &l.lastGood)
	number(w, &l.lastProbe)
	number(w, &l.goodRounds)
	number(w, &l.relapses)
	w.time(&l.lifted)
}

func (h *Honesty) walk(w *wire) {
	number(w, &h.Begun)
	number(w, &h.Ended)
	number(w, &h.Failed)
	number(w, &h.Slow)
	w.float(&h.Vanished)
}

// walk leaves out cohorts nobody is in.
func (c *crowd) walk(w *wire, seen int64) {
	says := func(i int) bool {
		k := &c.cohorts[i]
		return *k != cohort{second: k.second}
	}
	w.sparse(len(c.cohorts), says, func(i int) { c.cohorts[i].walk(w, seen) })
	w.floats(c.curve.away[:])
	w.floats(c.curve.back[:])
	w.float(&c.yellow)
	w.float(&c.red)
	number(w, &c.onset)
	for _, f := range []*float64{&c.due, &c.came, &c.pageDue, &c.pageCame} {
		w.float(f)
	}
}

// walk writes the second as its age.
func (k *cohort) walk(w *wire, seen int64) {
	age := seen - k.second
	number(w, &age)
	if w.reading {
		k.second = seen - age
	}
	number(w, &k.away)
	number(w, &k.green)
	number(w, &k.greenAway)
	var flags uint8
	all := []*bool{&k.suspect, &k.lost, &k.vanishCounted}
	for i, f := range all {
		if *f {
			flags |= 1 << i
		}
	}
	number(w, &flags)
	for i, f := range all {
		if w.reading {
			*f = flags&(1<<i) != 0
		}
	}
	if w.reading && *k == (cohort{second: k.second}) {
		w.fail("a cohort nobody is in")
	}
}
