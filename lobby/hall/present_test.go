package hall

import (
	"context"
	"sync"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/store"
)

func (s *scene) line() *line { return s.plan.Load().rooms[0].state.Load().line }

// seconds lets every node step, each second.
func seconds(all []*scene, n int) {
	for range n {
		all[0].clock.Add(int64(time.Second))
		for _, s := range all {
			s.tick(s.t.Context())
		}
	}
}

// Of 1,500 who wait, on three nodes, two of three stay: counts add up over nodes, and then half as many numbers again are called for as many people.
func TestNodesAddUpWhoIsThere(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 3, auto("main"))
		seconds(all, 130) // past the time in which everybody is believed to be there
		all[0].capacity.Store(0)
		seconds(all, 1)
		first := all[0].line().latest.Load().Main.Serving
		for i := range 1500 {
			d := newDevice()
			seat := d.seat(all[i%3], "shop")
			if seat.Number%3 < 2 {
				all[i%3].line().here.join(seat.Number)
			} else {
				all[i%3].line().here.visit(seat.Number, all[0].time().Add(farthest))
			}
		}
		seconds(all, 1)
		for range 6 { // the others may not have told yet
			if got := all[1].live(all[1].line(), all[1].time()); got != nil {
				t.Errorf("got %d there before every node can have told, want nothing concluded", sumOf(got))
			}
			seconds(all, 1)
		}
		seconds(all, 3)
		waiting := standingBy(&all[1].line().latest.Load().Queue)
		if got := sumOf(all[1].live(all[1].line(), all[1].time())); waiting < 1450 || uint64(got) < waiting-64 || uint64(got) > waiting {
			t.Fatalf("%d are there while every page is open, want the %d who wait", got, waiting)
		}
		all[0].clock.Add(int64(2 * farthest)) // pages without a socket have not come again
		seconds(all, 4)
		for i, s := range all {
			got := sumOf(s.live(s.line(), s.time()))
			if want := uint32(1000); got < want-20 || got > want+20 {
				t.Errorf("node %d: %d are there, want about %d", i, got, want)
			}
		}
		all[0].capacity.Store(103) // 100 people a second
		before := all[0].line().latest.Load().Main.Serving
		seconds(all, 4)
		k := all[2].line().latest.Load()
		if called := k.Main.Serving - before; called < 560 || called > 640 {
			t.Errorf("%d numbers called for 400 people of whom two of three are there, want about 600", called)
		}
		if k.Show < 600 || k.Show > 720 || before < first {
			t.Errorf("got show %d, want about 667", k.Show)
		}
	})
}

func sumOf(live []uint32) (n uint32) {
	for _, v := range live {
		n += v
	}
	return n
}

// A node that falls silent, vanishes from the list or is unknown makes nobody call
// more: everybody is believed to be there until its people must be back.
func TestANodeThatFallsSilentMakesNobodyCallMore(t *testing.T) {
	all := scenes(t, onBbolt(t), 2, auto("main"))
	seconds(all, 130)
	all[0].capacity.Store(0)
	seconds(all, 1)
	for i := range 200 {
		seat := newDevice().seat(all[i%2], "shop")
		all[i%2].line().here.join(seat.Number)
	}
	seconds(all, 10)
	live := func() []uint32 { return all[0].live(all[0].line(), all[0].time()) }
	if live() == nil {
		t.Fatal("nobody is counted while both nodes tell")
	}
	seconds(all[:1], 12)
	if got := live(); got != nil {
		t.Errorf("the other node is silent: got %v, want nothing concluded", got[0])
	}
	if err := dropKey(all[0], "here"); err != nil {
		t.Fatal(err)
	}
	seconds(all[:1], 20)
	if got := live(); got != nil {
		t.Errorf("and its count is lost: got %v, want nothing concluded", got[0])
	}
	seconds(all[:1], 120)
	if got := sumOf(live()); got < 80 || got > 100 {
		t.Errorf("two minutes later: got %d, want this node's hundred", got)
	}
}

func dropKey(s *scene, key string) error {
	_, err := s.cfg.Store.Apply(context.Background(), store.Shard("lobby-main"), attempt(), false, store.Op{Kind: store.Delete, Key: key})
	return err
}

// Just after a restart nobody is counted yet, and nobody is believed to be away.
func TestANodeThatHasJustBegunBelievesEverybodyToBeThere(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	s.capacity.Store(0)
	for range 100 {
		newDevice().seat(s, "shop")
	}
	s.line().here.join(90)
	s.wait(60)
	if got := s.live(s.line(), s.time()); got != nil {
		t.Errorf("got %v, want nothing concluded", got)
	}
}

// A list of more nodes than fit may miss some.
func TestAFullListConcludesNothing(t *testing.T) {
	l := &left{}
	var list []byte
	for i := range mostNodes {
		e := entry{node: [8]byte{byte(i), 1}, second: noon.Unix(), all: 5}
		list = append(list, e.marshal()...)
	}
	if l.learn(list, [8]byte{}, noon); !l.full || len(l.others) != mostNodes {
		t.Errorf("got full %v with %d, want full", l.full, len(l.others))
	}
	if l.learn(list[entrySize:], [8]byte{1, 1}, noon); l.full {
		t.Error("it is full with one fewer")
	}
	if len(list) > store.MaxValue || entrySize > store.MaxEntry {
		t.Errorf("%d bytes do not fit a record", len(list))
	}
}

func TestCountsOfAnEarlierServingAreTakenForThePartThatStillWaits(t *testing.T) {
	for name, tc := range map[string]struct {
		from, serving uint64
		first         []uint16
		want          []uint32
		known         int
	}{
		"of the same":           {100, 100, []uint16{900, 700}, []uint32{900, 700}, horizon},
		"half of the first":     {0, 500, []uint16{800, 700}, []uint32{400, 700}, horizon},
		"from within, onwards":  {400, 700, []uint16{600, 100}, []uint32{300, 100}, horizon},
		"of a thousand before":  {900, 1000, []uint16{100, 640, 5}, []uint32{640, 5}, horizon - 1},
		"long before":           {0, 64_000, []uint16{1, 2, 3}, []uint32{0, 0}, 0},
		"the next, from within": {900, 1500, []uint16{100, 640, 5}, []uint32{320, 5}, horizon - 1},
	} {
		e := entry{from: tc.from}
		copy(e.first[:], tc.first)
		sum := make([]uint32, horizon)
		if known := e.addTo(sum, tc.serving); known != tc.known || sum[0] != tc.want[0] || sum[1] != tc.want[1] {
			t.Errorf("%s: got %v of %d, want %v of %d", name, sum[:3], known, tc.want, tc.known)
		}
	}
}

// A node that has missed seconds counts from where the queue was then. Those who have
// been called since, by others, are no no-shows of its next step.
func TestANodeThatMissedSecondsCallsNoMore(t *testing.T) {
	all := scenes(t, onBbolt(t), 2, auto("main"))
	seconds(all, 130)
	all[0].capacity.Store(0)
	seconds(all, 1)
	for range 4000 {
		seat := newDevice().seat(all[0], "shop")
		all[0].line().here.join(seat.Number)
	}
	all[0].capacity.Store(100)
	seconds(all, 8)
	for at := uint64(0); at < 960; at = all[1].line().latest.Load().Main.Serving {
		seconds(all, 1)
	}
	seconds(all[1:], 3) // over the thousand
	all[0].wait(1)
	if q := all[0].line().latest.Load(); q.Main.Step > 110 || q.Main.Serving < 1100 {
		t.Errorf("%d numbers were called up to %d, want about a hundred", q.Main.Step, q.Main.Serving)
	}
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	e := entry{node: newNode(), second: noon.Unix(), from: 1 << 40, all: 7}
	e.first[0], e.first[horizon-1] = 1000, 999
	var got entry
	b := e.marshal()
	if got.unmarshal(b); got != e || len(b) != entrySize {
		t.Errorf("got %+v, want %+v", got, e)
	}
}

// Whoever joined before the draw is counted at their place after it.
func TestTheDrawKeepsWhoIsThere(t *testing.T) {
	p := newPresence()
	for n := range uint64(3000) {
		if n%3 == 0 {
			p.join(n)
		}
	}
	p.join(6)
	s := lobby.NewShuffle([lobby.SeedSize]byte{7}, 3000)
	p.draw(s)
	p.draw(lobby.NewShuffle([lobby.SeedSize]byte{8}, 3000)) // once only
	first, all := p.count(0, noon)
	if all != 1000 || int(first[0])+int(first[1])+int(first[2]) != 1000 {
		t.Errorf("got %d, %v, want 1000 over three thousands", all, first[:3])
	}
	want := uint16(0)
	for n := uint64(0); n < 3000; n += 3 {
		if s.Place(n) >= 500 && s.Place(n) < 1000 {
			want++
		}
	}
	if first, _ := p.count(500, noon); first[0] != want {
		t.Errorf("got %d from place 500 on, want %d", first[0], want)
	}
	for n := range uint64(3000) {
		if n%3 == 0 {
			p.leave(n, noon)
		}
	}
	p.leave(6, noon)
	if _, all := p.count(500, noon.Add(grace)); all != 0 || len(p.pages) != 0 {
		t.Errorf("%d are there in %d pages after all have left, want none", all, len(p.pages))
	}
}

// Before the draw a number is no place: whoever leaves then is not left behind.
func TestWhoLeavesBeforeTheDrawIsGoneAfterIt(t *testing.T) {
	p := newPresence()
	p.join(5)
	p.join(500)
	p.count(100, noon)
	p.leave(5, noon)
	p.draw(lobby.NewShuffle([lobby.SeedSize]byte{1}, 1000))
	if _, n := p.count(0, noon.Add(grace)); n != 1 {
		t.Errorf("%d are there, want the one who stayed", n)
	}
}

func TestPresenceIsSafeWhileItIsDrawnAndCounted(t *testing.T) {
	p := newPresence()
	var all sync.WaitGroup
	for w := range uint64(8) {
		all.Go(func() {
			for n := range uint64(500) {
				if p.join(n*8 + w) {
					p.visit(n, noon)
					p.leave(n*8+w, noon)
				}
			}
		})
	}
	all.Go(func() { p.draw(lobby.NewShuffle([lobby.SeedSize]byte{1}, 4000)) })
	all.Go(func() { p.count(100, noon) })
	all.Wait()
	if _, n := p.count(100, noon.Add(grace)); n != 0 {
		t.Errorf("%d are left, want none", n)
	}
}
