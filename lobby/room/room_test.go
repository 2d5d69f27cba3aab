package room

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// counting counts what a room asks of a store.
type counting struct {
	store.Store
	asked atomic.Int64
}

func (c *counting) Apply(ctx context.Context, shard store.Shard, a store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	c.asked.Add(1)
	return c.Store.Apply(ctx, shard, a, durable, ops...)
}

func (c *counting) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	c.asked.Add(1)
	return c.Store.ReadAll(ctx, shard, keys...)
}

// place is a store that several nodes share, and how it dies.
type place struct {
	hand    // the store's clock
	open    func(t *testing.T) store.Store
	restart func(t *testing.T) // it comes back with what it had, as another run
	lose    func(t *testing.T) // it comes back empty
}

func onRedis(t *testing.T) *place {
	sv := redistest.Start(t)
	p := &place{
		restart: func(t *testing.T) { sv.Restart(t) },
		lose:    func(t *testing.T) { sv.Do(t, "flushall") },
	}
	p.open = func(t *testing.T) store.Store {
		return clocked{shop(t, shared.Options{Addrs: []string{sv.Addr}}), &p.hand}
	}
	return p
}

// shop is a node's store.
func shop(t *testing.T, o shared.Options) store.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// onBbolt has one store for all nodes, as the file has one process.
func onBbolt(t *testing.T) *place {
	file := filepath.Join(t.TempDir(), "store.db")
	now := &swap{}
	reopen := func(t *testing.T, file string) {
		if now.Store != nil {
			now.Close()
		}
		s, err := embedded.Open(file, embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		now.Store = s
	}
	reopen(t, file)
	t.Cleanup(func() { now.Close() })
	p := &place{
		restart: func(t *testing.T) { reopen(t, file) },
		lose:    func(t *testing.T) { file += ".new"; reopen(t, file) },
	}
	p.open = func(*testing.T) store.Store { return clocked{now, &p.hand} }
	return p
}

// swap is a store that is opened anew beneath its users, between two tests of them.
type swap struct{ store.Store }

func everywhere(t *testing.T, f func(t *testing.T, p *place)) {
	t.Run("on bbolt", func(t *testing.T) { f(t, onBbolt(t)) })
	t.Run("on Redis", func(t *testing.T) { f(t, onRedis(t)) })
}

func node(t *testing.T, s store.Store, opens time.Time) *Room {
	t.Helper()
	r, err := New(Config{Name: "vaccine", Opens: opens}, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func nodes(t *testing.T, p *place, n int, opens time.Time) []*Room {
	t.Helper()
	all := make([]*Room, n)
	for i := range all {
		all[i] = node(t, p.open(t), opens)
	}
	return all
}

func step(t *testing.T, r *Room, people float64, now time.Time) lobby.Queue {
	t.Helper()
	q, err := r.Step(t.Context(), lobby.Rules{Min: people}, lobby.Sample{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func number(t *testing.T, r *Room, now time.Time) (epoch, n uint64) {
	t.Helper()
	epoch, n, err := r.Number(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return epoch, n
}

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func TestNoNumberIsGivenTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		const workers, each = 8, 300
		all := nodes(t, p, 3, time.Time{})
		got := make([][]uint64, 3*workers)
		var wait sync.WaitGroup
		for w := range got {
			wait.Go(func() {
				r := all[w%3]
				for i := range each {
					now := at(float64(i) / 100)
					_, n, err := r.Number(t.Context(), now)
					if err != nil {
						t.Error(err)
						return
					}
					got[w] = append(got[w], n)
					if i%50 == 0 {
						if _, err := r.Step(t.Context(), lobby.Rules{Min: 100}, lobby.Sample{}, now); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wait.Wait()
		given := map[uint64]bool{}
		for _, numbers := range got {
			for _, n := range numbers {
				if given[n] {
					t.Fatalf("the number %d was given twice", n)
				}
				given[n] = true
			}
		}
		if len(given) != 3*workers*each {
			t.Errorf("got %d numbers, want %d", len(given), 3*workers*each)
		}
		q, err := all[0].Look(t.Context())
		if err != nil || q.Main.Next < uint64(len(given)) {
			t.Errorf("got %+v, %v, want every number below next", q, err)
		}
	})
}

func TestAMillionNumbersAreFewStoreOperations(t *testing.T) {
	const million = 1_000_000
	sv := redistest.Start(t)
	s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{sv.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, counters := make([]*Room, 3), make([]*counting, 3)
	for i := range all {
		counters[i] = &counting{Store: s}
		all[i] = node(t, counters[i], time.Time{})
	}
	step(t, all[0], 1, at(0))
	var wait sync.WaitGroup
	for i, r := range all {
		wait.Go(func() { // a minute of 5,556 a second at each of three nodes
			for n := range million/3 + 1 {
				if _, _, err := r.Number(t.Context(), at(float64(n)/5556)); err != nil {
					t.Errorf("node %d: %v", i, err)
					return
				}
			}
		})
	}
	wait.Wait()
	asked := int64(0)
	for _, c := range counters {
		asked += c.asked.Load()
	}
	used := int64(0)
	for _, k := range sv.Do(t, "keys", "*").([]any) {
		used += sv.Do(t, "memory", "usage", k).(int64)
	}
	t.Logf("%d operations; all that is stored, remembered answers of a minute with it: %d bytes", asked, used)
	if asked > 20_000 {
		t.Errorf("got %d operations for a million numbers, want 20,000 at most", asked)
	}
	if used > 1<<20 {
		t.Errorf("got %d bytes, want a megabyte at most", used)
	}
}

func TestServingNeverGoesBack(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		number(t, all[0], at(0))
		before := make([]uint64, len(all))
		for second := range 60 {
			now := at(float64(second))
			p.is(now)
			var wait sync.WaitGroup
			for i, r := range all {
				wait.Go(func() {
					q, err := r.Step(t.Context(), lobby.Rules{Min: float64(10 * (i + 1))}, lobby.Sample{}, now)
					if err == nil {
						_, _, err = r.Number(t.Context(), now)
					}
					if err != nil {
						t.Error(err)
					}
					if q.Main.Serving < before[i] {
						t.Errorf("node %d: serving went from %d to %d", i, before[i], q.Main.Serving)
					}
					before[i] = q.Main.Serving
				})
			}
			wait.Wait()
		}
		high := slices.Max(before)
		for name, fault := range map[string]func(*testing.T){"restart": p.restart, "loss": p.lose} {
			fault(t)
			p.is(at(100))
			for _, r := range all {
				if q := step(t, r, 1, at(100)); q.Main.Serving < high {
					t.Errorf("after a %s serving is %d, want %d at least", name, q.Main.Serving, high)
				}
			}
		}
	})
}

func TestASecondIsSteppedOnceByAllNodes(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		for range 200 {
			number(t, all[0], at(0)) // one epoch for all
		}
		before := step(t, all[0], 10, at(1)).Main.Serving
		var wait sync.WaitGroup
		for range 10 {
			for _, r := range all {
				wait.Go(func() { step(t, r, 10, at(2)) })
			}
		}
		wait.Wait()
		if q := step(t, all[2], 10, at(2)); q.Main.Serving != before+10 {
			t.Errorf("got %d called in one second, want 10", q.Main.Serving-before)
		}
	})
}

// Numbers of before the opening are shuffled, later ones are not, whatever block a
// node has left; and none of before is given out after.
func TestTheDrawIsOneForAllNodes(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		opens := at(10)
		all := nodes(t, p, 3, opens)
		last := uint64(0)
		for i := range 60 {
			_, n := number(t, all[i%3], at(9.5))
			last = max(last, n)
		}
		p.is(opens)
		var wait sync.WaitGroup
		queues := make([]lobby.Queue, 3)
		for i, r := range all {
			wait.Go(func() { queues[i] = step(t, r, 5, at(10)) })
		}
		wait.Wait()
		for i, r := range all {
			if q := queues[i]; !q.Drawn || q.Crowd != queues[0].Crowd || q.Crowd <= last || q.Main.Serving != 0 {
				t.Errorf("node %d: got %+v, want one draw of all numbers, and nobody called", i, q)
			}
			if _, n := number(t, r, at(10.1)); n < queues[0].Crowd {
				t.Errorf("node %d: the number %d of before the draw was given out after it", i, n)
			}
		}
		if q := step(t, all[1], 5, at(13)); q.Main.Serving == 0 {
			t.Error("nobody is called once the shuffle is known")
		}
		p.lose(t)
		if q := step(t, all[2], 5, at(14)); q.Crowd != queues[0].Crowd || q.Main.Next <= last {
			t.Errorf("after a loss: got %+v, want the draw that was", q)
		}
	})
}

func TestAClosedRoomStaysClosedThroughALoss(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 2, time.Time{})
		number(t, all[0], at(0))
		if _, err := all[0].Switch(t.Context(), false, at(1)); err != nil {
			t.Fatal(err)
		}
		if q := step(t, all[1], 50, at(2)); !q.Closed || q.Main.Serving != 0 {
			t.Errorf("got %+v, want it closed on the other node", q)
		}
		p.lose(t)
		if q := step(t, all[1], 50, at(3)); !q.Closed {
			t.Error("a loss of the store has opened it")
		}
		if _, err := all[1].Switch(t.Context(), true, at(4)); err != nil {
			t.Fatal(err)
		}
		if q := step(t, all[0], 50, at(5)); q.Closed || q.Main.Serving == 0 {
			t.Errorf("got %+v, want it open and people called", q)
		}
	})
}

func TestATicketAboveTheCountersRaisesThem(t *testing.T) {
	p := onBbolt(t)
	r := node(t, p.open(t), time.Time{})
	number(t, r, at(0))
	p.lose(t)
	r = node(t, p.open(t), time.Time{}) // every node has forgotten too
	r.Observe(ticketOf(70_000))
	if _, n := number(t, r, at(1)); n != 70_001 {
		t.Errorf("got the number %d, want the one after the ticket's", n)
	}
}

func TestANodeKeepsNoBlockForLater(t *testing.T) {
	p := onBbolt(t)
	all := nodes(t, p, 2, time.Time{})
	for range 2000 { // blocks grow in a storm
		number(t, all[0], at(0))
	}
	_, busy := number(t, all[1], at(0))
	if _, late := number(t, all[0], at(3)); late < busy {
		t.Errorf("got the number %d three seconds after %d: somebody is led past those who came before", late, busy)
	}
}

// Nor does it take as much for one who comes a minute after a storm as in it: numbers
// that nobody has would stand before whoever comes next.
func TestANodeTakesFewNumbersAfterAStorm(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		r := nodes(t, p, 1, time.Time{})[0]
		for i := range 5000 {
			number(t, r, at(float64(i)/10_000))
		}
		_, before := number(t, r, at(60))
		_, after := number(t, r, at(70))
		if after > before+1 {
			t.Errorf("got %d after %d, want the next", after, before)
		}
	})
}
