package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Span is the time line of one key, in whole seconds of UTC:
//
//	published   from Made: it is in the JWKS, or opens what others sealed
//	active      from From: it signs or seals, until a newer key does
//	retired     still published: what it made is still alive
//	removed     from Until: it is no more
//
// The instants stand in the files, so nodes that read the same files switch at
// the same moment without asking each other.
type Span struct {
	Made  time.Time // zero: before keys had time lines
	From  time.Time // zero: since ever
	Until time.Time // zero: as long as no newer key has been made
}

// State of a key at a moment.
type State string

// States, in the order in which a key has them.
const (
	Published State = "published"
	Active    State = "active"
	Retired   State = "retired"
	Removed   State = "removed"
)

// Ended says that the key is no more at now.
func (s Span) Ended(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// ActiveAt is the index of the one that is active at now among keys of one kind,
// or -1: the latest From that has come; of equals the first.
func ActiveAt(line []Span, now time.Time) int {
	best := -1
	for i, s := range line {
		if s.From.After(now) || s.Ended(now) {
			continue
		}
		if best < 0 || s.From.After(line[best].From) {
			best = i
		}
	}
	return best
}

// States of keys of one kind at now.
func States(line []Span, now time.Time) []State {
	active := ActiveAt(line, now)
	all := make([]State, len(line))
	for i, s := range line {
		switch {
		case i == active:
			all[i] = Active
		case s.Ended(now):
			all[i] = Removed
		case s.From.After(now):
			all[i] = Published
		default:
			all[i] = Retired
		}
	}
	return all
}

// CheckLine finds what would leave a moment from now on without an active key.
func CheckLine(line []Span, now time.Time) error {
	if ActiveAt(line, now) < 0 {
		return errors.New("no key is active yet, or all have ended")
	}
	order := slices.Clone(line)
	slices.SortStableFunc(order, func(a, b Span) int { return b.From.Compare(a.From) }) // newest first
	for i, s := range order {
		switch {
		case s.Until.IsZero():
		case i == 0:
			return fmt.Errorf("the newest key ends at %s with none to follow", stampOf(s.Until))
		case !s.Until.After(order[i-1].From):
			return fmt.Errorf("a key ends at %s, before the next begins at %s", stampOf(s.Until), stampOf(order[i-1].From))
		}
	}
	return nil
}

// Newest is the index of the key that is active last, or -1 of none.
func Newest(line []Span) int {
	best := -1
	for i, s := range line {
		if best < 0 || s.From.After(line[best].From) {
			best = i
		}
	}
	return best
}

// Succeed gives the older keys their end, keep after from, when a key follows
// them that is active from then on. What has an end already keeps it.
func Succeed(line []Span, from time.Time, keep time.Duration) []Span {
	out := slices.Clone(line)
	for i := range out {
		if out[i].Until.IsZero() {
			out[i].Until = from.Add(keep)
		}
	}
	return out
}

// NeedsSuccessor says that without the key at i no key would be active, nor is
// there one that waits. A retired key never comes back.
func NeedsSuccessor(line []Span, i int, now time.Time) bool {
	return ActiveAt(line, now) == i && waiting(line, now) < 0
}

// waiting is the index of the key that is active next, or -1.
func waiting(line []Span, now time.Time) int {
	next := -1
	for i, s := range line {
		if s.From.After(now) && (next < 0 || s.From.Before(line[next].From)) {
			next = i
		}
	}
	return next
}

// Without is the line after the key at i has been taken away. If that one was
// active, the one that waits begins now; and the newest of the rest has no end.
func Without(line []Span, i int, now time.Time) []Span {
	wasActive := ActiveAt(line, now) == i
	out := slices.Delete(slices.Clone(line), i, i+1)
	if next := waiting(out, now); wasActive && next >= 0 {
		out[next].From = now
	}
	if len(out) > 0 {
		out[Newest(out)].Until = time.Time{}
	}
	return out
}

// layout of an instant in a file.
const layout = "2006-01-02T15:04:05Z"

func stampOf(t time.Time) string { return t.UTC().Format(layout) }

// FormatTime writes an instant as key files do.
func FormatTime(t time.Time) string { return stampOf(t) }

// ParseTime reads an instant of a key file: whole seconds of UTC, so that every
// instant has one spelling.
func ParseTime(text string) (time.Time, error) {
	at, err := time.Parse(layout, text)
	if err != nil || stampOf(at) != text {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2026-01-02T03:04:05Z", text)
	}
	return at, nil
}
