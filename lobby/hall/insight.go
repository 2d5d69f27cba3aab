package hall

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"sinho/lobby"
)

// Insight is one room as operators see it. Counts are this node's since it began;
// the queue is everybody's.
type Insight struct {
	Setting  Setting
	Counter  string      // name of the queue: Name, or Name.Round
	Proof    string      // commitment of the shuffle, hexadecimal, "" where there is no opening
	Queue    lobby.Queue // as this node last saw it
	Seen     time.Time   // when; zero: not yet
	Away     bool        // the last step is over five seconds ago: nobody new is called
	Capacity float64     // the room's part of ΣĈ, logins a second
	Rate     float64     // people a second that the last step let the main lane have
	Arrivals float64     // numbers taken, a second, on all nodes, over the last ten
	Admitted float64     // numbers called, a second, on all nodes, over the last ten
	Waiting  uint64      // numbers that wait, in both lanes
	Show     float64     // 0 to 1, of those who wait: how many are there
	Watchers int64       // sockets and event streams of this node
	Estimate Score
	Tickets  Counts // Extended is 0
	Passes   Counts
	Spent    uint64 // passes
}

// Score is how good the estimates were that people were shown when they came, for
// those who got their pass on this node.
type Score struct {
	Count  uint64
	Within uint64  // those that were a fifth off at most, or two seconds
	Error  float64 // mean of |estimate − wait| ÷ wait, of waits of ten seconds and more taken for ten
}

// Counts are of tickets or passes.
type Counts struct {
	Given, Extended uint64
	Refused         map[string]uint64 // by reason, all of Reasons
}

// Reasons why a ticket or a pass is refused.
var reasons = []struct {
	name string
	err  error
}{
	{"expired", lobby.ErrExpired},
	{"foreign_room", lobby.ErrForeignRoom},
	{"other_browser", lobby.ErrOtherBrowser},
	{"used", errUsed},
	{"restarted", errRestarted},
	{"forged", lobby.ErrForged}, // and whatever else
}

// Reasons are the names of Counts.Refused.
func Reasons() []string {
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = r.name
	}
	return names
}

// tally counts papers of one kind.
type tally struct {
	given, extended atomic.Uint64
	refused         [6]atomic.Uint64
}

func (t *tally) refuse(err error) {
	for i, r := range reasons {
		if errors.Is(err, r.err) || i == len(reasons)-1 {
			t.refused[i].Add(1)
			return
		}
	}
}

func (t *tally) counts() Counts {
	c := Counts{Given: t.given.Load(), Extended: t.extended.Load(), Refused: make(map[string]uint64, len(reasons))}
	for i, r := range reasons {
		c.Refused[r.name] = t.refused[i].Load()
	}
	return c
}

// counts of a chamber.
type counts struct {
	tickets, passes tally
	spent           atomic.Uint64

	mu    sync.Mutex // guards what follows
	score Score
	sum   float64
}

func newCounts() *counts { return &counts{} }

// score holds what a ticket was told against when it was called.
func (v *visit) score() {
	if v.ticket.Told.IsZero() || v.ticket.Late != 0 || v.ticket.Passed { // told nothing, or scored
		return
	}
	place, _ := v.q.Place(v.ticket.Number, v.l.opening.Seed)
	called, seen := v.l.past.calledAt(place)
	if !seen {
		return
	}
	v.c.count.scored(float64(v.ticket.Wait), called.Sub(v.ticket.Told).Seconds())
}

func (c *counts) scored(told, waited float64) {
	wrong := math.Abs(told-waited) / math.Max(10, waited)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.score.Count++
	c.sum += wrong
	if wrong <= 0.2 {
		c.score.Within++
	}
	c.score.Error = c.sum / float64(c.score.Count)
}

// Insights is every room there is, those that are off too, in the order of the
// settings.
func (h *Hall) Insights() []Insight {
	now := h.now()
	rooms := h.plan.Load().rooms
	all := make([]Insight, 0, len(rooms))
	for _, c := range rooms {
		st := c.state.Load()
		in := Insight{
			Setting: st.set, Counter: st.line.name, Proof: st.line.commitment(), Capacity: st.line.past.part(), Watchers: c.hub.watched.Load(),
			Tickets: c.count.tickets.counts(), Passes: c.count.passes.counts(), Spent: c.count.spent.Load(),
		}
		in.Arrivals, in.Admitted = st.line.past.lately()
		if k := st.line.latest.Load(); k != nil {
			in.Queue, in.Seen, in.Waiting = k.Queue, k.at, standingBy(&k.Queue)
			in.Rate, in.Show = float64(k.Rate)/1000, float64(k.Show)/1000
			in.Away = st.set.Mode != Off && now.Sub(k.at) > stale
		}
		c.count.mu.Lock()
		in.Estimate = c.count.score
		c.count.mu.Unlock()
		all = append(all, in)
	}
	return all
}

// stale is when what this node knows is too old to be told as it is.
const stale = 5 * time.Second
