package signal

import (
	"math"
	"slices"
	"strings"
)

// What reports and states learned to say after their first format went into
// use stands in an annex: one more provider, whose id no provider can have, and
// in that id the records. Nodes that know no annex take it for a provider they
// do not have: of a report they leave it out, of a state they pass it on.
// So nodes of both kinds understand each other.
//
// A record is a tag, a length and so many bytes. A tag this version does not
// know is skipped, and so is what follows in a record behind what it knows. A
// tag never gets another meaning.
const annexMark = "\x00"

// Tags of records.
const (
	tagCounts   = 1 // of a report: what completed, for each provider in its order
	tagCapacity = 2 // of a state: one provider's capacity
	tagLately   = 3 // of a state: who one provider's lamp saw leave lately
	tagAdvice   = 4 // of a state: what is recommended of one provider
)

// record writes one record.
func (w *wire) record(tag int, walk func(*wire)) {
	var body wire
	walk(&body)
	text := string(body.buf)
	number(w, &tag)
	w.text(&text)
}

// records reads an annex. known says what to do with a record, nil for one that
// is not known.
func (w *wire) records(annex string, known func(tag int) func(*wire)) {
	in := wire{buf: []byte(annex), reading: true}
	for len(in.buf) > 0 && in.err == nil {
		var tag int
		var text string
		number(&in, &tag)
		in.text(&text)
		walk := known(tag)
		if in.err != nil || walk == nil {
			continue
		}
		body := wire{buf: []byte(text), reading: true}
		walk(&body)
		if body.err != nil {
			in.err = body.err
		}
	}
	if in.err != nil && w.err == nil {
		w.err, w.buf = in.err, nil
	}
}

// attach adds the annex; r's own list stays as it is.
func (r *Report) attach() {
	var w wire
	w.record(tagCounts, r.walkCounts)
	r.Providers = append(slices.Clone(r.Providers), Measured{
		ID: annexMark + string(w.buf), Bucket: Bucket{Second: r.Second},
	})
}

// detach takes the annex off and reads it. Without one nobody counted what
// completed.
func (r *Report) detach(w *wire) {
	var annexes []string
	r.Providers = slices.DeleteFunc(r.Providers, func(m Measured) bool {
		annex, is := strings.CutPrefix(m.ID, annexMark)
		if is {
			annexes = append(annexes, annex)
		}
		return is
	})
	if len(r.Providers) == 0 {
		r.Providers = nil
	}
	for i := range r.Providers {
		r.Providers[i].Bucket.Uncounted = 1
	}
	for _, annex := range annexes {
		w.records(annex, func(tag int) func(*wire) {
			if tag == tagCounts {
				return r.walkCounts
			}
			return nil
		})
	}
}

func (r *Report) walkCounts(w *wire) {
	for i := range r.Providers {
		number(w, &r.Providers[i].Bucket.Completed)
		number(w, &r.Providers[i].Bucket.Uncounted)
	}
}

// attach adds the annex; s's own list stays as it is. Its lamp says only that it
// is fresh.
func (s *State) attach() {
	var w wire
	for i := range s.Lamps {
		if l := &s.Lamps[i]; l.Lamp.lately.any() {
			w.record(tagLately, func(w *wire) {
				w.text(&l.ID)
				l.Lamp.lately.walk(w)
			})
		}
	}
	for i := range s.Capacities {
		w.record(tagCapacity, s.Capacities[i].walk)
		w.record(tagAdvice, s.Capacities[i].walkAdvice)
	}
	if len(w.buf) == 0 {
		return
	}
	s.Lamps = append(slices.Clone(s.Lamps), SharedLamp{
		ID: annexMark + string(w.buf), Lamp: Lamp{Light: Yellow, seen: s.Second},
	})
}

// detach takes the annex off and reads it.
func (s *State) detach(w *wire) {
	var annexes []string
	s.Lamps = slices.DeleteFunc(s.Lamps, func(l SharedLamp) bool {
		annex, is := strings.CutPrefix(l.ID, annexMark)
		if is {
			annexes = append(annexes, annex)
		}
		return is
	})
	if len(s.Lamps) == 0 {
		s.Lamps = nil
	}
	for _, annex := range annexes {
		w.records(annex, func(tag int) func(*wire) {
			switch tag {
			case tagCapacity:
				return func(w *wire) {
					var c SharedCapacity
					c.walk(w)
					s.Capacities = append(s.Capacities, c)
				}
			case tagLately:
				return s.readLately
			case tagAdvice:
				return s.readAdvice
			}
			return nil
		})
	}
}

// readLately finds the lamp by its id: older nodes change their order.
func (s *State) readLately(w *wire) {
	var id string
	w.text(&id)
	var mine *Lamp
	for i := range s.Lamps {
		if s.Lamps[i].ID != id {
			continue
		}
		if mine != nil {
			w.fail("two lamps of one id")
			return
		}
		mine = &s.Lamps[i].Lamp
	}
	if mine != nil && w.err == nil {
		mine.lately = lately{}
		mine.lately.walk(w)
	}
}

// readAdvice puts what is recommended of a provider beside its capacity, which
// stands before it; without one it says nothing.
func (s *State) readAdvice(w *wire) {
	var c SharedCapacity
	c.walkAdvice(w)
	for i := range s.Capacities {
		if s.Capacities[i].ID == c.ID {
			s.Capacities[i].Capacity.advice = c.Capacity.advice
		}
	}
}

func (c *SharedCapacity) walk(w *wire) {
	w.text(&c.ID)
	c.Capacity.walk(w)
}

func (c *SharedCapacity) walkAdvice(w *wire) {
	w.text(&c.ID)
	a := &c.Capacity.advice
	for _, f := range []*float64{&a.backlog, &a.doubt, &a.unasked, &a.share} {
		w.float(f)
		if w.reading && (*f < 0 || math.IsInf(*f, 0)) {
			w.fail("an amount")
		}
	}
}
