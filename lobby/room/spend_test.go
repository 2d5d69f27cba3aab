package room

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/shared"
)

func passOf(epoch, n uint64) lobby.Pass {
	ticket := ticketOf(n)
	ticket.Epoch = epoch
	return ticket.Pass(epoch, [32]byte{1}, noon)
}

// lobby.md: parallel double spend, and every tab that has the pass.
func TestAttackWaitingRoomOnePassSpentAHundredTimesAtOnceOverThreeNodes(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		epoch, n := number(t, all[0], at(0))
		for round := range uint64(4) { // the first on a page that is not there yet
			pass := passOf(epoch, n+round)
			var wait sync.WaitGroup
			var won, refused atomic.Int64
			attempts := make([]store.Attempt, 100)
			winner := atomic.Int64{}
			for i := range attempts {
				attempts[i] = fresh()
				wait.Go(func() {
					switch err := all[i%3].Spend(t.Context(), pass, attempts[i]); {
					case err == nil:
						won.Add(1)
						winner.Store(int64(i))
					case errors.Is(err, ErrSpent):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if won.Load() != 1 || refused.Load() != 99 {
				t.Fatalf("got %d spent and %d refused, want 1 and 99", won.Load(), refused.Load())
			}
			for _, r := range all { // a reload of the winner's callback, on any node, twice
				for range 2 {
					if err := r.Spend(t.Context(), pass, attempts[winner.Load()]); err != nil {
						t.Errorf("the winner again: got %v, want its answer", err)
					}
				}
				if err := r.Spend(t.Context(), pass, attempts[(winner.Load()+1)%100]); !errors.Is(err, ErrSpent) {
					t.Errorf("a loser again: got %v, want ErrSpent", err)
				}
				if err := r.Spend(t.Context(), pass, fresh()); !errors.Is(err, ErrSpent) {
					t.Errorf("another: got %v, want ErrSpent", err)
				}
			}
		}
	})
}

func TestPassesOfOnePageAreEachSpent(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		epoch, _ := number(t, all[0], at(0))
		var wait sync.WaitGroup
		for n := range uint64(150) {
			wait.Go(func() {
				if err := all[n%3].Spend(t.Context(), passOf(epoch, n*7), fresh()); err != nil {
					t.Errorf("pass %d: %v", n, err)
				}
			})
		}
		wait.Wait()
		for n := range uint64(150) {
			if err := all[(n+1)%3].Spend(t.Context(), passOf(epoch, n*7), fresh()); !errors.Is(err, ErrSpent) {
				t.Errorf("pass %d again: got %v, want ErrSpent", n, err)
			}
		}
	})
}

// A pass dies with the run of the store that it was made on, spent or not, on a
// page that was there or is yet to come; the ticket gets another.
func TestAPassDiesWithTheRunOfTheStore(t *testing.T) {
	for _, fault := range []string{"restart", "loss"} {
		t.Run("after a "+fault, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p *place) {
				all := nodes(t, p, 2, time.Time{})
				epoch, n := number(t, all[0], at(0))
				for _, r := range all {
					if _, err := r.Look(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := all[0].Spend(t.Context(), passOf(epoch, n), fresh()); err != nil {
					t.Fatal(err)
				}
				if fault == "restart" {
					p.restart(t)
				} else {
					p.lose(t)
				}
				for i, r := range []*Room{all[0], all[1], node(t, p.open(t), time.Time{})} {
					for name, pass := range map[string]lobby.Pass{"the spent one": passOf(epoch, n), "one of its page": passOf(epoch, n+1), "one of another page": passOf(epoch, n+5*perPage)} {
						err := r.Spend(t.Context(), pass, fresh())
						if known := name == "the spent one" && errors.Is(err, ErrSpent); !known && !errors.Is(err, ErrRestarted) {
							t.Errorf("node %d, %s: got %v, want ErrRestarted", i, name, err)
						}
					}
				}
				q := step(t, all[1], 1, at(5))
				if q.Epoch == epoch {
					t.Fatal("the epoch is still the same")
				}
				if _, again := number(t, all[0], at(5)); again <= n && fault == "restart" {
					t.Errorf("the number %d comes again after %d", again, n)
				}
				ticket := ticketOf(n)
				ticket.Epoch = epoch
				if err := all[0].Spend(t.Context(), ticket.Pass(q.Epoch, [32]byte{1}, at(5)), fresh()); err != nil {
					t.Errorf("the ticket's next pass: got %v, want it spent", err)
				}
			})
		})
	}
}

// lobby.md: parallel double spend, over a restart. Of all who come back with a pass
// of before, by whatever login and on whatever node, one gets in, and gets in again
// when its callback is sent again.
func TestAttackWaitingRoomOnePassOfBeforeSpentAFewTimesAtOnce(t *testing.T) {
	may := func(*lobby.Queue) error { return nil }
	for _, fault := range []string{"restart", "loss"} {
		t.Run("after a "+fault, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p *place) {
				all := nodes(t, p, 3, time.Time{})
				epoch, n := number(t, all[0], at(0))
				for _, r := range all {
					if _, err := r.Look(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if fault == "restart" {
					p.restart(t)
				} else {
					p.lose(t)
				}
				pass, attempts := passOf(epoch, n), make([]store.Attempt, 30)
				var wait sync.WaitGroup
				var won atomic.Int64
				winner := atomic.Int64{}
				for i := range attempts {
					attempts[i] = fresh()
					wait.Go(func() {
						switch err := all[i%3].SpendAnew(t.Context(), pass, attempts[i], may); {
						case err == nil:
							won.Add(1)
							winner.Store(int64(i))
						case !errors.Is(err, ErrSpent):
							t.Error(err)
						}
					})
				}
				wait.Wait()
				if won.Load() != 1 {
					t.Fatalf("%d got in, want 1", won.Load())
				}
				for i, r := range all {
					if err := r.SpendAnew(t.Context(), pass, attempts[winner.Load()], may); err != nil {
						t.Errorf("node %d, the winner again: got %v", i, err)
					}
					if err := r.SpendAnew(t.Context(), pass, fresh(), may); !errors.Is(err, ErrSpent) {
						t.Errorf("node %d, another: got %v, want ErrSpent", i, err)
					}
				}
				q, err := all[0].Look(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ticket := ticketOf(n)
				ticket.Epoch = epoch
				if err := all[1].Spend(t.Context(), ticket.Pass(q.Epoch, [32]byte{1}, at(5)), fresh()); !errors.Is(err, ErrSpent) {
					t.Errorf("the ticket's next pass: got %v, want ErrSpent", err)
				}
				no := errors.New("no")
				if err := all[2].SpendAnew(t.Context(), passOf(epoch, n+1), fresh(), func(*lobby.Queue) error { return no }); !errors.Is(err, no) {
					t.Errorf("one that may not: got %v, want no", err)
				}
				if err := all[2].SpendAnew(t.Context(), passOf(q.Epoch, n+2), fresh(), may); !errors.Is(err, ErrRestarted) {
					t.Errorf("one of this epoch: got %v, want ErrRestarted", err)
				}
			})
		})
	}
}

// After a loss two people may have one number, of two epochs; both come in.
func TestTwoEpochsOfANumberHaveABitEach(t *testing.T) {
	p := onBbolt(t)
	r := node(t, p.open(t), time.Time{})
	epoch, n := number(t, r, at(0))
	older := ticketOf(n)
	older.Epoch = epoch + 2
	for name, pass := range map[string]lobby.Pass{"of this epoch": passOf(epoch, n), "of an older one": older.Pass(epoch, [32]byte{1}, noon)} {
		if err := r.Spend(t.Context(), pass, fresh()); err != nil {
			t.Errorf("the number %s: got %v, want it spent", name, err)
		}
		if err := r.Spend(t.Context(), pass, fresh()); !errors.Is(err, ErrSpent) {
			t.Errorf("the number %s again: got %v, want ErrSpent", name, err)
		}
	}
}

func TestPagesOfAMillionSpentPassesAreLessThanAMegabyte(t *testing.T) {
	sv := redistest.Start(t)
	s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{sv.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := node(t, s, time.Time{})
	epoch, _ := number(t, r, at(0))
	for n := uint64(0); n < 1_000_000; n += perPage {
		for bit := range uint64(2) { // each page has been at both its keys
			if err := r.Spend(t.Context(), passOf(epoch, n+bit), fresh()); err != nil {
				t.Fatal(err)
			}
		}
	}
	used, pages := int64(0), 0
	for _, k := range sv.Do(t, "keys", "*spent*").([]any) {
		used += sv.Do(t, "memory", "usage", k).(int64)
		pages++
	}
	t.Logf("%d records, %d bytes", pages, used)
	if pages != 2*977 || used > 1<<20 {
		t.Errorf("got %d records of %d bytes, want 1954 of a megabyte at most", pages, used)
	}
}

// An answer that is lost, sent again.
type forgetful struct {
	store.Store
	lose atomic.Bool
}

func (f *forgetful) Apply(ctx context.Context, shard store.Shard, a store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	o, err := f.Store.Apply(ctx, shard, a, durable, ops...)
	if f.lose.Load() && err == nil {
		return store.Outcome{}, store.ErrUnavailable
	}
	return o, err
}

func TestALostAnswerCostsNoPassAndNoNumber(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		f := &forgetful{Store: p.open(t)}
		r := node(t, f, time.Time{})
		epoch, n := number(t, r, at(0))
		pass, attempt := passOf(epoch, n), fresh()
		if err := r.Spend(t.Context(), passOf(epoch, n+1), fresh()); err != nil {
			t.Fatal(err)
		}
		f.lose.Store(true)
		if err := r.Spend(t.Context(), pass, attempt); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		if _, _, err := r.Number(t.Context(), at(1)); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		f.lose.Store(false)
		if err := r.Spend(t.Context(), pass, attempt); err != nil {
			t.Errorf("the same attempt again: got %v, want its answer", err)
		}
		if _, again := number(t, r, at(1)); again <= n {
			t.Errorf("got the number %d after %d", again, n)
		}
	})
}

// A pass that was spent at the second try, its callback sent again to a node that
// knows only that the pass is spent.
func TestAnAnswerIsTheSameAfterALostRace(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 3, time.Time{})
		epoch, n := number(t, all[0], at(0))
		attempt := fresh()
		for i, who := range []int{0, 1, 0} { // the third finds its page moved on
			a := fresh()
			if i == 2 {
				a = attempt
			}
			if err := all[who].Spend(t.Context(), passOf(epoch, n+uint64(i)), a); err != nil {
				t.Fatal(err)
			}
		}
		for i, r := range []*Room{all[2], all[1], all[0], all[2]} {
			if err := r.Spend(t.Context(), passOf(epoch, n+2), attempt); err != nil {
				t.Errorf("again, %d: got %v, want its answer", i, err)
			}
		}
	})
}
