package room

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/store"
)

// hand is a store's clock that tests set; it begins at noon.
type hand struct{ since atomic.Int64 }

func (h *hand) is(now time.Time) { h.since.Store(int64(now.Sub(noon))) }
func (h *hand) now() time.Time   { return noon.Add(time.Duration(h.since.Load())) }

// clocked is a store with that clock.
type clocked struct {
	store.Store
	hand *hand
}

func (c clocked) Now(context.Context) (time.Time, error) { return c.hand.now(), nil }

const wrong = 5 * time.Minute

// A node whose clock is five minutes off, either way, first in the room or not,
// makes it neither faster nor slower.
func TestAWrongClockChangesNoPace(t *testing.T) {
	const people, seconds = 10, 30
	for _, by := range []time.Duration{wrong, -wrong} {
		for _, leads := range []bool{true, false} {
			t.Run(fmt.Sprintf("off by %v, first %t", by, leads), func(t *testing.T) {
				everywhere(t, func(t *testing.T, p *place) {
					all := nodes(t, p, 3, time.Time{})
					if leads {
						step(t, all[2], people, p.now().Add(by))
					}
					for range 1000 {
						number(t, all[0], p.now())
					}
					from := step(t, all[0], people, p.now()).Main.Serving
					for s := 1; s <= seconds; s++ {
						p.is(at(float64(s)))
						var wait sync.WaitGroup
						for i := range 9 { // thrice a second each
							now := p.now()
							if i%3 == 2 {
								now = now.Add(by)
							}
							wait.Go(func() {
								step(t, all[i%3], people, now)
								number(t, all[i%3], now)
							})
						}
						wait.Wait()
					}
					q := step(t, all[1], people, p.now())
					got := q.Main.Serving - from
					if got > people*seconds || got < people*(seconds-3) {
						t.Errorf("got %d called in %d seconds, want %d a second, and three seconds' less at most", got, seconds, people)
					}
					if q.Second != p.now().Unix() {
						t.Errorf("the last step is %d s from the store's clock", q.Second-p.now().Unix())
					}
				})
			})
		}
	}
}

// It has stepped, and is gone: nobody waits for its time to come.
func TestWhatAWrongClockHasSteppedBindsNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		for range 200 {
			number(t, all[0], p.now())
		}
		step(t, all[2], 10, p.now().Add(wrong)) // the room's first step: there is nothing to hold it against
		number(t, all[1], p.now())              // has seen it
		before := step(t, all[0], 10, at(1)).Main.Serving
		number(t, all[1], p.now()) // and says it once more
		for s := 1.0; s <= 10; s++ {
			p.is(at(s))
			step(t, all[0], 10, p.now())
			step(t, all[1], 10, p.now())
		}
		if q := step(t, all[0], 10, at(10)); q.Main.Serving < before+70 || q.Second != at(10).Unix() || q.Moved > q.Second || q.Fresh() != 0 {
			t.Errorf("got %+v, want the room to have gone on from %d", q, before)
		}
	})
}

// Five minutes before the opening by all clocks but one.
func TestAWrongClockDrawsForNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		opens := at(300)
		all := nodes(t, p, 2, opens)
		early := p.now().Add(wrong).Add(time.Second)
		_, last := number(t, node(t, p.open(t), opens), early)
		for _, r := range []*Room{all[1], node(t, p.open(t), opens)} {
			if q := step(t, r, 10, early); q.Drawn {
				t.Errorf("got %+v, want no draw", q)
			}
		}
		for range 100 {
			for i, now := range []time.Time{p.now(), early} {
				_, n := number(t, all[i], now)
				last = max(last, n)
			}
		}
		if q := step(t, all[1], 10, early); q.Drawn || q.Main.Serving != 0 || q.Main.Next > 1000 {
			t.Errorf("got %+v, want nothing drawn, nobody called and no numbers wasted", q)
		}
		if _, err := all[1].Switch(t.Context(), false, early); err != nil {
			t.Fatal(err)
		}
		if q, err := all[1].Switch(t.Context(), true, early); err != nil || q.From > at(5).Unix() {
			t.Errorf("got %+v, %v, want it open from now", q, err)
		}
		p.is(opens)
		q := step(t, all[0], 10, opens)
		if !q.Drawn || q.Crowd <= last || q.From != opens.Add(lobby.Settle).Unix() {
			t.Errorf("got %+v, want all numbers up to %d drawn at the opening", q, last)
		}
		if _, n := number(t, all[1], opens.Add(wrong)); n < q.Crowd {
			t.Errorf("the number %d of before the draw was given out after it", n)
		}
	})
}

// A node that is five minutes behind goes by the draw as soon as it sees it, and
// its block lasts for less than the seed is secret.
func TestASlowClockGivesOutNoShuffledNumberOnceItSeesTheDraw(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		opens := at(10)
		all := nodes(t, p, 2, opens)
		p.is(opens)
		late := opens.Add(-wrong)
		for range 2000 { // a block with many left
			number(t, all[1], late)
		}
		q := step(t, all[0], 10, opens)
		if _, err := all[1].Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, n := number(t, all[1], late); n < q.Crowd {
			t.Errorf("got the number %d of the shuffle of %d", n, q.Crowd)
		}
	})
}

func TestALateDrawKeepsItsSeedAsLong(t *testing.T) {
	p := onBbolt(t)
	r := node(t, p.open(t), at(10))
	number(t, r, at(9))
	p.is(at(25.5)) // the store was away
	q := step(t, r, 10, p.now())
	f := q.Frame("vaccine", lobby.Opening{At: at(10), Seed: [lobby.SeedSize]byte{1}}, 0)
	if !q.Drawn || f.Seed != "" || q.From != at(28).Unix() {
		t.Errorf("got %+v, want the seed kept for %v", q, lobby.Settle)
	}
}

// The node's clock is set right, by the store's: what was added to it is dropped.
func TestAClockThatIsCorrectedIsBelieved(t *testing.T) {
	p := onBbolt(t)
	all := nodes(t, p, 2, time.Time{})
	number(t, all[0], p.now())
	step(t, all[0], 10, p.now())
	step(t, all[1], 10, p.now().Add(wrong))
	for s := 1.0; s < 4; s++ {
		p.is(at(s))
		if q := step(t, all[1], 10, p.now()); q.Second != p.now().Unix() {
			t.Errorf("second %v: the last step is %d s from the store's clock", s, q.Second-p.now().Unix())
		}
	}
}
