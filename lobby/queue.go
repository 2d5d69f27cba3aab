package lobby

import (
	"math"
	"slices"
	"time"
)

// Lane is one line of numbers.
type Lane struct {
	Next    uint64 // the number given out next
	Serving uint64 // numbers below it are called, at the end of the second; never less than before
	Step    uint64 // how many of them within this second
}

// at is Serving at a moment: the numbers of a second are called evenly in it.
func (l Lane) at(second int64, now time.Time) uint64 {
	since := now.Sub(time.Unix(second, 0))
	switch {
	case since >= time.Second:
		return l.Serving
	case since <= 0:
		return l.Serving - l.Step
	}
	return l.Serving - l.Step + uint64(float64(l.Step)*since.Seconds())
}

// Mark is where a queue was.
type Mark struct {
	Second  int64  // Unix second
	Called  uint64 // numbers of the main lane that were given out and called
	Allowed uint64 // as in Queue
}

const (
	// MarkEvery is how far apart marks are, in seconds.
	MarkEvery = 10
	// Marks is how many a queue keeps: the oldest is older than a pass lives.
	Marks = int(PassLife/time.Second)/MarkEvery + 2
)

// Queue is all there is to a room: a few counters that every node shares.
type Queue struct {
	Epoch  uint64 // random, not zero: another one proves that a store has lost something
	Closed bool   // the operator's switch: nobody is called
	Drawn  bool   // after the opening, or without one
	Crowd  uint64 // how many numbers there were at the draw
	From   int64  // Unix second before which nobody is called: the draw's, or when it was opened again
	Main   Lane
	Late   Lane
	Second int64  // Unix second of the last step
	Moved  int64  // Unix second in which Main.Serving last grew
	Rest   uint64 // thousandths of a person left over by the last step
	Owed   uint64 // thousandths of a person that the late lane had too few of so far
	Show   uint64 // per mille of the main lane's waiting numbers whose people are there
	Rate   uint64 // thousandths of people that the last step let the main lane have
	// Best is the most that providers could take, thousandths of logins a second, of
	// late: an hour halves it. Foreseen is what the main lane could have of it once a
	// part is lost (see Reserve), thousandths of people a second; 0: not known.
	Best, Foreseen uint64
	// Allowed is the sum of Rate: what the main lane could have had since the
	// beginning, whether or not anybody waited.
	Allowed uint64
	Marks   []Mark // oldest first
	// Seed of the draw, so that places stay whatever settings say of the opening
	// afterwards. Zero: it is not kept.
	Seed [SeedSize]byte

	other []byte // fields of later formats, kept as they are
}

// Draw ends the pre-queue: every number there is by now takes part in the
// shuffle. Drawn already, it changes nothing.
func (q Queue) Draw(opens time.Time) Queue {
	if !q.Drawn {
		q.Drawn, q.Crowd, q.From = true, min(q.Main.Next, MaxCrowd), opens.Add(Settle).Unix()
	}
	return q
}

// Unshuffled ends a pre-queue of a room that has no opening any more: places are
// numbers, first come first served.
func (q Queue) Unshuffled() Queue {
	q.Drawn = true
	return q
}

// Switch opens or closes the room: a closed one calls nobody and forgets nothing.
func (q Queue) Switch(open bool, now time.Time) Queue {
	if open && q.Closed {
		q.From = max(q.From, now.Unix())
	}
	q.Closed = !open
	return q
}

// Raise takes the higher of what this queue and one of before say: numbers never
// go back, whatever a store has lost. The epoch is q's own.
func (q Queue) Raise(seen Queue) Queue {
	if !q.Drawn && seen.Drawn {
		q.Drawn, q.Crowd, q.Seed, q.From = true, seen.Crowd, seen.Seed, seen.From
	}
	q.Main, q.Late = q.Main.raise(seen.Main, seen.Second-q.Second), q.Late.raise(seen.Late, seen.Second-q.Second)
	if seen.Second > q.Second {
		q.Second, q.Moved, q.Show, q.Rate, q.Rest, q.Owed = seen.Second, seen.Moved, seen.Show, seen.Rate, seen.Rest, seen.Owed
		q.Best, q.Foreseen = seen.Best, seen.Foreseen
		q.Marks = seen.Marks
	}
	q.Allowed = max(q.Allowed, seen.Allowed)
	return q
}

// raise takes the higher of each. newer is by how many seconds what was seen is:
// numbers are called evenly only within the second they belong to, at once if
// that is over.
func (l Lane) raise(seen Lane, newer int64) Lane {
	l.Next = max(l.Next, seen.Next)
	switch {
	case seen.Serving < l.Serving && newer > 0, seen.Serving > l.Serving && newer < 0:
		l.Step = 0
	case seen.Serving > l.Serving, newer > 0:
		l.Step = seen.Step
	}
	l.Serving = max(l.Serving, seen.Serving)
	return l
}

// Step is the queue in the second of now. It calls nobody twice in a second and
// makes up for no second that was missed; what the clock says is later than the
// last step or nothing happens. While fewer wait than may go on, numbers are
// called in advance, so that whoever comes goes right through.
func (q Queue) Step(r Rules, s Sample, now time.Time) Queue {
	second := now.Unix()
	if second <= q.Second {
		return q
	}
	past := second - q.Second
	q.Second, q.Main.Step, q.Late.Step, q.Rate = second, 0, 0, 0
	line := walk{at: q.Main.Serving, end: q.Main.Next, live: s.Live}
	q.Show = line.total()
	switch {
	case q.Closed:
		return q.held(past)
	case !q.Drawn, second < q.From:
		return q.mark()
	}
	q.foresee(r, s.Capacity)
	rate := r.Rate(s.Capacity, s.Backlog)
	people := rate + float64(q.Rest)/1000
	owed := float64(q.Owed) / 1000
	q.Late.Step, q.Owed = q.late(people, rate*LateShare+owed)
	q.Late.Serving += q.Late.Step
	people -= float64(q.Late.Step)
	q.Rate = uint64(1000 * max(0, rate-float64(q.Late.Step)-float64(q.Owed)/1000+owed))
	q.Allowed += q.Rate

	numbers, found := line.advance(people)
	people -= found
	if q.Main.Serving+numbers >= q.Main.Next { // nobody waits: in advance
		numbers += min(uint64(people), q.ahead(numbers, found+people))
	}
	q.Rest = uint64(1000 * (people - math.Floor(people)))
	q.Main.Step = numbers
	q.Main.Serving += numbers
	if numbers > 0 {
		q.Moved = second
	}
	return q.mark()
}

const (
	// Reserve is the part of the best capacity that people are told to expect to be
	// lost while they wait: half of one provider in four.
	Reserve = 1.0 / 8
	// fading of Best, of which a second takes one part: half an hour takes 30 %.
	fading = 5200
)

// foresee keeps the best capacity, and what it leaves when a part is lost.
func (q *Queue) foresee(r Rules, capacity float64) {
	q.Best = max(uint64(1000*finite(capacity)), q.Best-q.Best/fading)
	q.Foreseen = uint64(1000 * r.Rate((1-Reserve)*float64(q.Best)/1000, 0))
}

// late is how many of a second's people come from the late lane, of which share is
// due to it while others wait, and the thousandths that it had too few: of a room
// that calls less than five people a second it has one every few seconds.
func (q *Queue) late(people, share float64) (late, owed uint64) {
	all := waiting(q.Late)
	if waiting(q.Main) == 0 {
		return min(all, uint64(people)), 0
	}
	if late = min(all, uint64(min(share, people))); late == all { // nobody is left to owe it to
		return late, 0
	}
	return late, uint64(1000 * (share - float64(late)))
}

// ahead is how many more numbers may be called after so many, until there are
// those of Lead beyond the ones given out.
func (q *Queue) ahead(numbers uint64, people float64) uint64 {
	limit, at := q.Main.Next+uint64(people*Lead.Seconds()), q.Main.Serving+numbers
	if limit <= at {
		return 0
	}
	return limit - at
}

// waiting is how many numbers of a lane are not called.
func waiting(l Lane) uint64 {
	if l.Next <= l.Serving {
		return 0
	}
	return l.Next - l.Serving
}

// held lets calls grow no older while the room is closed, for nobody gets a pass by
// them then: so many seconds are as if they had not been.
func (q Queue) held(seconds int64) Queue {
	q.Marks = slices.Clone(q.Marks)
	for i := range q.Marks {
		q.Marks[i].Second += seconds
	}
	return q
}

// mark keeps where the queue is, every MarkEvery seconds.
func (q Queue) mark() Queue {
	if n := len(q.Marks); n > 0 && q.Second < q.Marks[n-1].Second+MarkEvery {
		return q
	}
	from := max(0, len(q.Marks)+1-Marks)
	q.Marks = append(append(make([]Mark, 0, Marks), q.Marks[from:]...), Mark{q.Second, min(q.Main.Serving, q.Main.Next), q.Allowed})
	return q
}

// Fresh is the place from which calls are younger than a pass lives: whoever is
// before it comes late. Marks are MarkEvery apart, so it errs in favour of people
// by as much.
func (q *Queue) Fresh() uint64 {
	fresh := uint64(0)
	for _, m := range q.Marks {
		if m.Second <= q.Second-int64(PassLife/time.Second) {
			fresh = m.Called
		}
	}
	return fresh
}

// Place of a number; false before the draw, when it has none yet.
func (q *Queue) Place(number uint64, seed [SeedSize]byte) (uint64, bool) {
	if !q.Drawn {
		return 0, false
	}
	s := q.Shuffle(seed)
	return s.Place(number), true
}

// Shuffle is the one that was drawn: by the seed that is kept, or else by this one.
func (q *Queue) Shuffle(seed [SeedSize]byte) Shuffle { return NewShuffle(q.drawnBy(seed), q.Crowd) }

func (q *Queue) drawnBy(seed [SeedSize]byte) [SeedSize]byte {
	if q.Seed != [SeedSize]byte{} {
		return q.Seed
	}
	return seed
}

// Admits is nil when a ticket may have its pass: its place is called, or its
// number in the late lane. Otherwise ErrClosed, ErrNotCalled or, for one that was
// called and did not come, ErrTooLate.
func (q *Queue) Admits(t *Ticket, seed [SeedSize]byte, now time.Time) error {
	place, drawn := q.Place(t.Number, seed)
	switch {
	case q.Closed:
		return ErrClosed
	case !drawn, now.Unix() < q.From, place >= q.Main.at(q.Second, now):
		return ErrNotCalled
	case place >= q.Fresh():
		return nil
	case t.Late == 0:
		return ErrTooLate
	case t.Late-1 >= q.Late.at(q.Second, now):
		return ErrNotCalled
	}
	return nil
}
