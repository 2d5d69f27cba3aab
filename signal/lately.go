package signal

// latelyMinutes is how many minutes of starts are remembered.
const latelyMinutes = 13

// sent is everybody sent away in one minute.
type sent struct {
	minute            int64 // Unix time in minutes
	started, returned uint32
	// spoiled: too many of them met something that another rule has judged, or
	// nobody looked meanwhile.
	spoiled bool
}

// lately is who was sent away in the last minutes and has come back since, by the
// minute they left in, as a ring. It is what "the same hour of the last week"
// is compared with: the curve of crowd follows the last minutes, and so takes a
// fall over an hour for usual.
type lately [latelyMinutes]sent

// at is a minute's place, cleared when the ring held an older one.
func (t *lately) at(minute int64) *sent {
	s := &t[uint64(minute)%latelyMinutes] //nolint:gosec // only a ring index
	if s.minute != minute {
		*s = sent{minute: minute}
	}
	return s
}

// take lets one sealed second in. Whoever left in this minute or the one before
// it is not judged when spoiled.
func (t *lately) take(b *Bucket, spoiled bool) {
	now := b.Second / 60
	t.at(now).started += b.Started
	for _, c := range b.Backs {
		if m := c.Start / 60; m <= now && m > now-latelyMinutes {
			t.at(m).returned += c.N
		}
	}
	if spoiled {
		t.at(now).spoiled = true
		t.at(now - 1).spoiled = true
	}
}

// compared are people who left lately, long enough ago to be back.
type compared struct {
	minutes      int // the stretch they left in
	started, due float64
	returned     int
}

// against are the newest settled minutes, as many as it takes, and how many
// would have come back of their people in the same hours of a week.
func (t *lately) against(r *ReturnRules, w *Week, now int64) (c compared) {
	newest := now/60 - r.Settle
	for m := newest; m > newest-r.Most; m-- {
		s := &t[uint64(m)%latelyMinutes] //nolint:gosec // only a ring index
		share, known := w.back(r, m*60)
		if !known || c.minutes >= int(r.Least) && c.started >= r.Needs {
			break
		}
		c.minutes++
		if s.minute != m || s.spoiled {
			continue
		}
		c.started += float64(s.started)
		c.returned += int(min(s.returned, s.started))
		c.due += share * float64(s.started)
	}
	return c
}

// short reports whether surely fewer came back than Ratio of those due.
func (c compared) short(r *ReturnRules) bool {
	return c.started >= r.Needs && upperBound(c.returned, int(c.started), r.Z) < r.Ratio*c.due/c.started
}

// any reports whether anybody is remembered.
func (t *lately) any() bool {
	for i := range t {
		if t.says(i) {
			return true
		}
	}
	return false
}

func (t *lately) says(i int) bool { return t[i] != sent{minute: t[i].minute} }

// walk leaves out minutes that say nothing. They are written as they are, not as
// ages: older nodes pass the annex on beside a lamp that has gone on.
func (t *lately) walk(w *wire) {
	w.sparse(len(t), t.says, func(i int) {
		s := &t[i]
		number(w, &s.minute)
		number(w, &s.started)
		number(w, &s.returned)
		w.bool(&s.spoiled)
		if w.reading && !t.says(i) {
			w.fail("a minute of nobody")
		}
	})
}
