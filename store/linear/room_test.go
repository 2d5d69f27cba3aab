package linear

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"sinho/evidence"
	"sinho/lobby"
	"sinho/lobby/room"
	"sinho/store"
	"sinho/store/redistest"
)

// TestRoomsOutliveFaults is the second part of `make evidence-tickets`: nodes of a
// waiting room give out numbers, step and spend passes while every fault of `make
// evidence-store` happens to their store. No number is given twice in an epoch, no
// node's serving or numbers go back, and no pass is spent twice. As a miniature it
// does each fault once.
func TestRoomsOutliveFaults(t *testing.T) {
	const seed = 1
	rounds, again := 1, 1
	if evidence.Collecting() {
		rounds, again = 6, 5
	}
	e := evidence.New("tickets-faults", seed)
	defer e.Close(t)
	faults, stores := map[string]int{}, map[string]tally{}
	e.Figures = map[string]any{"faults": faults, "stores": stores}
	for _, w := range worlds(rounds, again) {
		for n := range w.again {
			t.Run(fmt.Sprintf("%s %d", w.name, n+1), func(t *testing.T) {
				r := w.make(t)
				r.seed = seed + uint64(n)
				h := newHouse(t, r)
				r.load = h.visit
				r.drive(t)
				h.goOn(t)
				got := h.count()
				t.Logf("%+v", got)
				for _, f := range r.windows {
					faults[f.name]++
				}
				stores[w.name] = stores[w.name].and(got)
				for i, b := range h.breaches {
					if i < 5 {
						t.Error(b)
					}
				}
				e.Must(t, len(h.breaches) == 0, fmt.Sprintf("%s: %d promises broken", w.name, len(h.breaches)))
				e.Must(t, got.Numbers > 0 && got.Spent > 0 && got.Refused > 0, w.name+": nothing was given or refused: the run shows nothing")
				e.Must(t, got.Epochs > 1 == (len(r.endings) > 0), fmt.Sprintf("%s: %d epochs with %d ends of the store's run", w.name, got.Epochs, len(r.endings)))
			})
		}
	}
}

// tally is what has happened in a house.
type tally struct {
	Numbers    int `json:"numbers"`
	Epochs     int `json:"epochs"`
	Again      int `json:"numbers_given_in_two_epochs"`
	Passes     int `json:"passes"`
	Spent      int `json:"spent"`
	Refused    int `json:"second_uses_refused"`
	Restarted  int `json:"refused_as_of_before_a_loss"`
	AtOnce     int `json:"spent_at_once_after_a_loss"`
	Readmitted int `json:"tickets_that_entered_again_after_a_loss"`
	Unanswered int `json:"unanswered"`
}

func (a tally) and(b tally) tally {
	return tally{
		a.Numbers + b.Numbers, a.Epochs + b.Epochs, a.Again + b.Again, a.Passes + b.Passes, a.Spent + b.Spent,
		a.Refused + b.Refused, a.Restarted + b.Restarted, a.AtOnce + b.AtOnce, a.Readmitted + b.Readmitted, a.Unanswered + b.Unanswered,
	}
}

// house is a room of several nodes, and what they have promised people.
type house struct {
	run   *run
	name  string
	nodes []*room.Room

	mu       sync.Mutex // guards what follows
	high     []lobby.Queue
	given    map[place]bool
	passes   []*entry
	renewed  map[lobby.Pass]*entry
	epochs   map[uint64]bool
	tally    tally
	breaches []string
}

// place is a number and the epoch it was given in.
type place struct{ epoch, number uint64 }

// entry is a pass, and what its uses came to.
type entry struct {
	pass               lobby.Pass
	won, lost, unknown int
}

func newHouse(t *testing.T, r *run) *house {
	t.Helper()
	name, n := "vaccine", 0
	for redistest.Home("lobby-"+name) != 0 { // whose master is killed
		n++
		name = fmt.Sprint("vaccine", n)
	}
	h := &house{run: r, name: name, given: map[place]bool{}, renewed: map[lobby.Pass]*entry{}, epochs: map[uint64]bool{}, high: make([]lobby.Queue, len(r.stores)+1)}
	for i := range h.high {
		node, err := room.New(room.Config{Name: name}, r.stores[i%len(r.stores)])
		if err != nil {
			t.Fatal(err)
		}
		h.nodes = append(h.nodes, node)
	}
	return h
}

func (h *house) breach(format string, args ...any) {
	h.breaches = append(h.breaches, fmt.Sprintf(format, args...))
}

// visit is one caller's few steps at a node.
func (h *house) visit(ctx context.Context, n int) {
	chance := mrand.New(mrand.NewPCG(h.run.seed, uint64(n)))
	for range 10 {
		i := chance.IntN(len(h.nodes))
		var err error
		switch chance.IntN(8) {
		case 0:
			err = h.step(ctx, i)
		case 1, 2:
			err = h.number(ctx, i)
		default:
			err = h.spend(ctx, i, chance)
		}
		h.run.steps.Add(1)
		if err != nil {
			h.mu.Lock()
			h.tally.Unanswered++
			if !errors.Is(err, store.ErrUnavailable) {
				h.breach("%v", err)
			}
			h.mu.Unlock()
			h.run.calmDown(ctx)
		}
	}
}

// goOn lets people come until numbers of another run of the store are given out, if
// any has ended: a block may outlive one by two seconds, and a Sentinel leaves a
// master that was deposed alone for a while, so that two lead.
func (h *house) goOn(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	ctx, over := context.WithCancel(t.Context())
	defer over()
	for n := range h.run.groups {
		all.Go(func() {
			for n := n; ctx.Err() == nil; n += h.run.groups {
				h.visit(ctx, n)
			}
		})
	}
	redistest.Eventually(t, "numbers of another run are given out", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.epochs) > 1 || len(h.run.endings) == 0
	})
}

// before is what a node has shown before a call.
func (h *house) before(i int) lobby.Queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.high[i]
}

func (h *house) step(ctx context.Context, i int) error {
	was := h.before(i)
	q, err := h.nodes[i].Step(ctx, lobby.Rules{Min: 500}, lobby.Sample{}, time.Now())
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.Main.Serving < was.Main.Serving || q.Main.Next < was.Main.Next {
		h.breach("node %d went from %+v back to %+v", i, was.Main, q.Main)
	}
	h.high[i].Main.Serving = max(h.high[i].Main.Serving, q.Main.Serving)
	h.high[i].Main.Next = max(h.high[i].Main.Next, q.Main.Next)
	return nil
}

func (h *house) number(ctx context.Context, i int) error {
	epoch, n, err := h.nodes[i].Number(ctx, time.Now())
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := (place{epoch, n}); h.given[p] {
		h.breach("the number %d of epoch %x was given twice", n, epoch)
	} else {
		h.given[p], h.epochs[epoch] = true, true
	}
	h.high[i].Main.Next = max(h.high[i].Main.Next, n+1)
	h.passes = append(h.passes, &entry{pass: h.pass(place{epoch, n}, epoch)})
	return nil
}

// pass is what a ticket gets in an epoch.
func (h *house) pass(born place, epoch uint64) lobby.Pass {
	t := lobby.Ticket{Room: h.name, Epoch: born.epoch, Number: born.number, Seed: [16]byte{1}}
	return t.Pass(epoch, [32]byte{1}, h.run.began)
}

// spend uses one of the latest passes, which others do too.
func (h *house) spend(ctx context.Context, i int, chance *mrand.Rand) error {
	h.mu.Lock()
	if len(h.passes) == 0 {
		h.mu.Unlock()
		return h.number(ctx, i)
	}
	e := h.passes[len(h.passes)-1-chance.IntN(min(len(h.passes), 40))]
	h.mu.Unlock()
	var a store.Attempt
	_, _ = rand.Read(a[:]) // never fails
	err := h.nodes[i].Spend(ctx, e.pass, a)
	for errors.Is(err, store.ErrUnavailable) && chance.IntN(2) == 0 && ctx.Err() == nil {
		h.run.calmDown(ctx)
		i = chance.IntN(len(h.nodes)) // a reload reaches any node
		err = h.nodes[i].Spend(ctx, e.pass, a)
	}
	h.spent(e, err)
	switch {
	case errors.Is(err, room.ErrRestarted) && chance.IntN(2) == 0:
		return h.spendAnew(ctx, i, e.pass, a)
	case errors.Is(err, room.ErrRestarted):
		return h.renew(ctx, i, e.pass)
	case errors.Is(err, room.ErrSpent):
		return nil
	}
	return err
}

// spendAnew spends at once what a ticket whose pass has died would get, as a login
// that comes back does.
func (h *house) spendAnew(ctx context.Context, i int, dead lobby.Pass, a store.Attempt) error {
	var epoch uint64
	err := h.nodes[i].SpendAnew(ctx, dead, a, func(q *lobby.Queue) error {
		epoch = q.Epoch
		return nil
	})
	if epoch != 0 {
		h.spent(h.another(dead, epoch), err)
		h.mu.Lock()
		if err == nil {
			h.tally.AtOnce++
		}
		h.mu.Unlock()
	}
	if errors.Is(err, room.ErrSpent) || errors.Is(err, room.ErrRestarted) {
		return nil
	}
	return err
}

// another is the pass of a dead one's ticket in an epoch, however often it is given.
func (h *house) another(dead lobby.Pass, epoch uint64) *entry {
	p := h.pass(place{dead.Born, dead.Number}, epoch)
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.renewed[p]
	if e == nil {
		e = &entry{pass: p}
		h.renewed[p] = e
		h.passes = append(h.passes, e)
	}
	return e
}

// spent writes down what one use of a pass came to.
func (h *house) spent(e *entry, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		if e.won++; e.won > 1 {
			h.breach("the pass of number %d, epoch %x, was spent by %d", e.pass.Number, e.pass.Epoch, e.won)
		}
	case errors.Is(err, room.ErrSpent):
		e.lost++
	case errors.Is(err, room.ErrRestarted):
		e.unknown++
		h.tally.Restarted++
	default:
		e.unknown++
	}
}

// renew gives a ticket whose pass has died another.
func (h *house) renew(ctx context.Context, i int, dead lobby.Pass) error {
	q, err := h.nodes[i].Look(ctx)
	if err != nil {
		return err
	}
	if q.Epoch != dead.Epoch && q.Epoch != dead.Born {
		h.another(dead, q.Epoch)
	}
	return nil
}

// count adds everything up when all is over.
func (h *house) count() tally {
	c := h.tally
	c.Numbers, c.Passes = len(h.given), len(h.passes)
	numbers, tickets := map[uint64]int{}, map[place]int{}
	for p := range h.given {
		if numbers[p.number]++; numbers[p.number] == 2 {
			c.Again++
		}
	}
	c.Epochs = len(h.epochs)
	for _, e := range h.passes {
		c.Spent += min(e.won, 1)
		c.Refused += e.lost
		if e.lost > 0 && e.won == 0 && e.unknown == 0 {
			h.breach("the pass of number %d, epoch %x, was refused, and nobody has spent it", e.pass.Number, e.pass.Epoch)
		}
		ticket := place{e.pass.Born, e.pass.Number}
		if tickets[ticket] += e.won; e.won > 0 && tickets[ticket] == 2 {
			c.Readmitted++
		}
	}
	return c
}

// TestTheCheckOfRoomsCanFail gives rooms to stores that break their contract. It
// must find nothing wrong on the sound one, and on one whose loss ends its run.
func TestTheCheckOfRoomsCanFail(t *testing.T) {
	for b, broken := range map[breakage]bool{sound: false, losesDurable: false, takesTwice: true, deniesLoss: true} {
		t.Run("a store that "+name(b), func(t *testing.T) {
			m := newMemory(b)
			restart := fault{name: "restart", fate: keeps, do: func(*testing.T) { m.restart() }}
			r := &run{stores: []store.Store{m, m}, groups: 8, calm: 1000, seed: 1, faults: []fault{restart, restart}}
			h := newHouse(t, r)
			r.load = h.visit
			r.drive(t)
			h.goOn(t)
			got := h.count()
			t.Logf("%+v, %d promises broken", got, len(h.breaches))
			if (len(h.breaches) > 0) != broken {
				t.Errorf("got %d promises broken, want some %t: %.3q", len(h.breaches), broken, h.breaches)
			}
			if got.Numbers == 0 || got.Spent == 0 || got.Refused == 0 {
				t.Errorf("got %+v: the run shows nothing", got)
			}
		})
	}
}
