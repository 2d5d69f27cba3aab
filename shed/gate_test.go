package shed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// narrow is a gate that lets one be inside at a time, and who is.
func narrow(t *testing.T) (g *Gate, first *slot) {
	t.Helper()
	g = New(1)
	g.share = 1000
	for i := range g.rules {
		g.rules[i].inside = 1
	}
	first, out, _ := g.enter(t.Context(), Finishing)
	if out != admitted {
		t.Fatalf("got outcome %d, want a slot", out)
	}
	return g, first
}

// asked is a request that waits for a gate.
type asked struct {
	name string
	out  outcome
	slot *slot
	at   time.Time
}

func ask(ctx context.Context, g *Gate, c Class, name string, to chan<- asked) {
	go func() {
		s, out, _ := g.enter(ctx, c)
		to <- asked{name, out, s, time.Now()}
	}()
	synctest.Wait()
}

func TestClassesAreServedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := narrow(t)
		got := make(chan asked, classes)
		for _, c := range []Class{Rest, Beginning, Departing, UnderWay, Finishing} {
			ask(t.Context(), g, c, c.String(), got)
		}
		for _, c := range Classes() {
			g.leave(s, Unmeasured)
			a := <-got
			if a.name != c.String() || a.out != admitted {
				t.Errorf("got %s (%d), want %s let in", a.name, a.out, c)
			}
			s = a.slot
		}
		g.leave(s, Unmeasured)
		if s := g.State(); s.Inside != 0 || s.Classes[Rest].Queued != 0 {
			t.Errorf("got %+v, want nobody left", s)
		}
	})
}

func TestNobodyStarvesForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := narrow(t)
		got := make(chan asked, 200)
		ask(t.Context(), g, Rest, "rest", got)
		ask(t.Context(), g, Beginning, "beginning", got)
		for range 100 {
			ask(t.Context(), g, Finishing, "finishing", got)
		}
		order := map[string]int{}
		for n := 1; len(order) < 3; n++ {
			g.leave(s, Unmeasured)
			a := <-got
			if order[a.name] == 0 {
				order[a.name] = n
			}
			s = a.slot
		}
		if order["finishing"] != 1 || order["beginning"] > fairEvery+2 || order["rest"] > fairEvery+2 {
			t.Errorf("got first turns %v, want all within %d", order, fairEvery+2)
		}
	})
}

func TestUnderOverloadTheNewestIsServedAndTheOldestToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := narrow(t)
		got := make(chan asked, 3)
		began := time.Now()
		ask(t.Context(), g, Beginning, "patient", got)
		time.Sleep(g.rules[Beginning].short / 2)
		ask(t.Context(), g, Beginning, "older", got)
		ask(t.Context(), g, Beginning, "newer", got)
		g.leave(s, Unmeasured)
		if a := <-got; a.name != "newer" || a.out != admitted {
			t.Errorf("got %s (%d), want the newest let in", a.name, a.out)
		}
		for _, want := range []struct {
			name   string
			waited time.Duration
		}{
			{"older", g.rules[Beginning].short * 3 / 2},
			{"patient", g.rules[Beginning].patience},
		} {
			a := <-got
			if waited := a.at.Sub(began); a.name != want.name || a.out != late || waited != want.waited {
				t.Errorf("got %s (%d) after %v, want %s told after %v", a.name, a.out, waited, want.name, want.waited)
			}
		}
		if r := g.State().Classes[Beginning]; r.Late != 2 || r.Queued != 0 {
			t.Errorf("got %+v, want two late and none queued", r)
		}
	})
}

func TestWhoLeavesWhileWaitingNeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := narrow(t)
		got := make(chan asked, 2)
		ctx, leave := context.WithCancel(t.Context())
		ask(ctx, g, Finishing, "gone", got)
		ask(t.Context(), g, Finishing, "stays", got)
		leave()
		synctest.Wait()
		if a := <-got; a.name != "gone" || a.out != left || a.slot != nil {
			t.Errorf("got %+v, want it gone without a slot", a)
		}
		g.leave(s, Unmeasured)
		if a := <-got; a.name != "stays" || a.out != admitted {
			t.Errorf("got %+v, want the other let in", a)
		}
		if r := g.State().Classes[Finishing]; r.Left != 1 || r.Refused() != 0 {
			t.Errorf("got %+v, want one who left and nobody refused", r)
		}
	})
}

// A slot that comes in the same instant in which its client goes is given on.
func TestASlotForSomebodyWhoJustLeftIsGivenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := narrow(t)
		ctx, leave := context.WithCancel(t.Context())
		w := &waiter{ready: make(chan struct{})}
		g.mu.Lock()
		g.queues[Finishing].push(w)
		g.mu.Unlock()
		got := make(chan asked, 1)
		ask(t.Context(), g, Finishing, "behind", got)
		g.leave(s, Unmeasured)
		leave()
		if _, out, _ := g.called(ctx, w, Finishing); out != left {
			t.Errorf("got outcome %d, want that it left", out)
		}
		if a := <-got; a.out != admitted {
			t.Errorf("got outcome %d, want who was behind let in", a.out)
		}
	})
}

// steps makes rounds end when they are told to, and counts those that go.
func steps(g *Gate) (end chan struct{}, going *int) {
	end, going = make(chan struct{}), new(int)
	g.round = func() {
		*going++
		<-end
		*going--
	}
	return end, going
}

func TestFewAreAdmittedInARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(2)
		end, going := steps(g)
		got := make(chan asked, 100)
		for range 20 {
			ask(t.Context(), g, Beginning, "", got)
		}
		if len(got) != g.share || *going != 1 {
			t.Errorf("got %d admitted and %d going round, want %d and one", len(got), *going, g.share)
		}
		for range 10 {
			ask(t.Context(), g, Finishing, "", got)
		}
		if len(got) != g.share+10 {
			t.Errorf("got %d admitted, want all ten that finish too", len(got))
		}
		end <- struct{}{}
		synctest.Wait()
		if len(got) != 2*g.share+10 {
			t.Errorf("after a round: got %d admitted, want %d more", len(got), g.share)
		}
		for range 3 { // the rest, nobody, and the end
			end <- struct{}{}
			synctest.Wait()
			if *going == 0 {
				break
			}
		}
		if len(got) != 30 || *going != 0 {
			t.Errorf("got %d admitted and %d going round, want all and none: rounds end when nobody comes", len(got), *going)
		}
		for len(got) > 0 {
			g.leave((<-got).slot, Unmeasured)
		}
		if s := g.State(); s.Inside != 0 {
			t.Errorf("got %d inside, want none", s.Inside)
		}
	})
}

// A processor that was taken away for longer than anybody's patience is no
// reason to refuse those who wait for it.
func TestWhoWaitedWhileTheMachineStoodStillWaitsOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(1)
		end, _ := steps(g)
		got := make(chan asked, 10)
		for range g.share + 2 {
			ask(t.Context(), g, Beginning, "", got)
		}
		time.Sleep(g.rules[Beginning].patience * 3 / 2)
		end <- struct{}{}
		synctest.Wait()
		if r := g.State().Classes[Beginning]; r.Admitted() != uint64(g.share)+2 || r.Refused() != 0 {
			t.Errorf("got %+v, want all let in", r)
		}
		for range g.share {
			ask(t.Context(), g, Beginning, "", got)
		}
		time.Sleep(2*g.rules[Beginning].patience + time.Millisecond)
		if r := g.State().Classes[Beginning]; r.Late == 0 || r.Queued != 0 {
			t.Errorf("got %+v, want that nobody waits for ever", r)
		}
		close(end)
	})
}

func TestAFewRequestsNeedNoRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(2)
		_, going := steps(g)
		for range 4 {
			s, _, _ := g.enter(t.Context(), Beginning)
			g.leave(s, Unmeasured)
		}
		synctest.Wait()
		if *going != 0 {
			t.Errorf("got %d going round, want none", *going)
		}
	})
}

func TestQueuesAndAdmissionAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(1)
		ctx, end := context.WithCancel(t.Context())
		for {
			s, out, _ := g.enter(ctx, Finishing)
			if out != admitted || s == nil {
				t.Fatalf("got outcome %d, want a slot", out)
			}
			if g.inside == mostInside {
				break
			}
		}
		got := make(chan asked, 20_000)
		sum := 0
		for _, c := range Classes() {
			for range g.rules[c].depth + 10 {
				go func() {
					s, out, _ := g.enter(ctx, c)
					got <- asked{out: out, slot: s}
				}()
			}
			sum += g.rules[c].depth
		}
		synctest.Wait()
		s := g.State()
		queued := 0
		for _, c := range Classes() {
			queued += s.Classes[c].Queued
			if n := s.Classes[c].Full; n != 10 {
				t.Errorf("%s: got %d refused for the queue's depth, want 10", c, n)
			}
		}
		if queued != sum || g.inside != mostInside {
			t.Errorf("got %d waiting and %d inside, want %d and %d", queued, g.inside, sum, mostInside)
		}
		end()
		synctest.Wait()
		for _, r := range g.State().Classes {
			if r.Queued != 0 {
				t.Errorf("got %+v, want none waiting once all have left", r)
			}
		}
	})
}

func TestOnlyAsManyAreSentAwayAsCanBeFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(2)
		for range 200 {
			for part := Return; part < parts; part++ {
				s, _, _ := g.enter(t.Context(), Finishing)
				time.Sleep(2 * time.Millisecond)
				Outside(context.WithValue(t.Context(), slotKey{}, s))()
				g.leave(s, part)
				s, _, _ = g.enter(t.Context(), Finishing) // nonsense costs nothing and teaches nothing
				g.leave(s, part)
			}
		}
		// 6 ms of 2 processors, six tenths of which are promised: 200 a second.
		if r := g.State().Departures; r < 180 || r > 240 {
			t.Fatalf("got %.0f departures a second, want about 200", r)
		}
		gone := 0
		for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
			if s, out, _ := tryNow(g, Departing); out == admitted {
				gone++
				g.leave(s, Unmeasured)
			}
		}
		if gone < 1800 || gone > 2700 { // a second's worth was saved
			t.Errorf("got %d sent away in ten seconds, want about 2200", gone)
		}
		if s, out, _ := tryNow(g, Beginning); out != admitted {
			t.Error("the pace keeps pages back, want it to keep departures only")
		} else {
			g.leave(s, Unmeasured)
		}
	})
}

// tryNow enters, or leaves at once.
func tryNow(g *Gate, c Class) (*slot, outcome, time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	g.mu.Lock()
	can := g.queues[c].length == 0 && g.may(c, g.now())
	g.mu.Unlock()
	if !can {
		cancel()
	}
	defer cancel()
	return g.enter(ctx, c)
}

func TestWhoIsRefusedByThousandsStaysAwayLonger(t *testing.T) {
	a := again{processors: 2}
	now := time.Duration(0)
	spread := func(perSecond int) (least, most time.Duration) {
		least = time.Hour
		for range 60 {
			for i := range perSecond {
				d := a.after(now + time.Duration(i)*time.Second/time.Duration(perSecond))
				least, most = min(least, d), max(most, d)
			}
			now += time.Second
			least, most = min(least, a.pause/2), a.pause*3/2
		}
		return least, most
	}
	if least, most := spread(100); least < 2*time.Second || most > 6*time.Second {
		t.Errorf("got %v to %v for few, want 2 to 6 s", least, most)
	}
	if _, most := spread(5000); most != longestPause*3/2 {
		t.Errorf("got %v at most for very many, want %v", most, longestPause*3/2)
	}
	if _, most := spread(100); most != shortestPause*3/2 {
		t.Errorf("got %v at most once they are few, want %v", most, shortestPause*3/2)
	}
}
