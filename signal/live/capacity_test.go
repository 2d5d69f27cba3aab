package live

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// agreed demands that all nodes know one capacity.
func (c *cluster) agreed(second int) signal.Capacity {
	c.t.Helper()
	first := c.nodes[0].Insights()[0].Capacity
	for i, m := range c.nodes {
		if got := m.Insights()[0].Capacity; got != first {
			c.t.Fatalf("second %d: node 0 knows %+v, node %d %+v", second, first, i, got)
		}
	}
	return first
}

func TestAllNodesKnowOneCapacityWhoeverDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		var now signal.Capacity
		each := func(second int) {
			c.one(second)
			now = c.agreed(second)
		}
		c.run(9, 60, each)
		if now.Measured || now.Most < 6 || now.Most > 13 || now.Estimate != now.Most {
			t.Errorf("after a good minute: got %+v, want about nine a second at least, of all three together", now)
		}
		c.fault.slow.Store(true)
		c.run(9, 30, each)
		if !now.Measured || !now.Congested || now.Estimate < 5 || now.Estimate > 13 {
			t.Errorf("slow for half a minute: got %+v, want it measured by what completes", now)
		}
		synctest.Wait()
		for i, m := range c.nodes {
			if m.together.leads {
				c.kill(i)
				break
			}
		}
		c.fault.slow.Store(false)
		c.run(9, 20, each)
		if !now.Measured || now.Congested {
			t.Errorf("well again, with one node less: got %+v, want it remembered", now)
		}
		c.join(0)
		synctest.Wait()
		if got := c.nodes[2].Insights()[0].Capacity; !got.Measured || got.Most < 6 {
			t.Errorf("a node that has just begun: got %+v, want what the others know", got)
		}
		c.run(9, 5, each)
		c.stop()
	})
}

func TestANodeAloneLeavesTheEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(9, 30, c.one)
		before := c.agreed(0)
		for _, m := range c.nodes {
			m.link.cut.Store(true)
		}
		c.run(9, 20, nil)
		after := c.nodes[1].Insights()[0]
		if got := after.Capacity.Seen() - before.Seen(); got > 1 || !c.nodes[1].Board().Local {
			t.Errorf("without the store: got an estimate %d s newer (local: %t), want the one all had", got, c.nodes[1].Board().Local)
		}
		for _, m := range c.nodes {
			m.link.cut.Store(false)
		}
		c.run(9, 10, nil)
		if got := c.agreed(0); got.Seen() <= before.Seen()+20 {
			t.Errorf("the store is back: got %+v, want it to go on", got)
		}
		c.stop()
	})
}

func TestWhatIsInFlightIsOfAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(0.0001, 3, nil)
		for _, m := range c.nodes {
			for range 5 {
				m.meter("kakao").begin()
			}
		}
		time.Sleep(4 * time.Second)
		in := c.nodes[1].Insights()[0]
		if in.InFlight != 15 || in.Nodes != 3 || in.Alone || in.Oldest < 1500*time.Millisecond || in.Oldest > 4*time.Second {
			t.Errorf("got %d in flight at %d nodes (alone: %t), oldest %v, want 15 at 3, some seconds old", in.InFlight, in.Nodes, in.Alone, in.Oldest)
		}
		for _, m := range c.nodes {
			m.link.cut.Store(true)
		}
		time.Sleep(5 * time.Second)
		in = c.nodes[1].Insights()[0]
		if in.InFlight != 5 || in.Nodes != 1 || !in.Alone {
			t.Errorf("without the store: got %d in flight at %d nodes (alone: %t), want this one's five, said so", in.InFlight, in.Nodes, in.Alone)
		}
		for _, m := range c.nodes {
			m.link.cut.Store(false)
		}
		time.Sleep(3 * time.Second)
		c.kill(0)
		time.Sleep(8 * time.Second)
		if in := c.nodes[0].Insights()[0]; in.Nodes != 2 || in.Alone {
			t.Errorf("one has died: got %d nodes (alone: %t), want the two that are left", in.Nodes, in.Alone)
		}
		c.stop()
	})
}

// TestAMeasuredCapacityMovesTheShares: of two providers said to be alike, one
// slows down; it is still green by its own times, and sent fewer.
func TestAMeasuredCapacityMovesTheShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := &faulty{}, &faulty{}
		l, err := New(Config{
			Providers: []Provider{{ID: "slow", Capacity: 100}, {ID: "fast", Capacity: 100, CapacityCap: 90}},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "slow.test" {
					return slow.RoundTrip(r)
				}
				return fast.RoundTrip(r)
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{Live: l, ended: make(chan error, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel = cancel
		go func() { s.ended <- l.Run(ctx) }()
		share := func() float64 { return l.Board().Providers[0].Share }
		var people sync.WaitGroup
		log := func(seconds int) {
			for range 4 * seconds {
				for _, id := range []string{"slow", "fast"} {
					people.Go(func() {
						trip := Trip{Provider: id, Began: time.Now()}
						l.Started(trip)
						trip.Returned = time.Now()
						l.Returned(trip)
						resp, err := l.Client(id).Get("http://" + id + ".test/token")
						if err != nil {
							return
						}
						resp.Body.Close()
						l.Ended(trip)
					})
				}
				time.Sleep(250 * time.Millisecond)
			}
		}
		log(60)
		if got := share(); got < 0.52 || got > 0.53 {
			t.Errorf("nothing measured: got a share of %v, want 100 of 190", got)
		}
		slow.slow.Store(true)
		log(60)
		in := l.Insights()[0]
		if got := share(); !in.Capacity.Measured || in.Capacity.Estimate > 10 || got > 0.1 {
			t.Errorf("slow: got a share of %v by %+v, want a small one, by what completes", got, in.Capacity)
		}
		people.Wait()
		s.stop(t)
	})
}

func TestTellingOfALoginAllocatesNothing(t *testing.T) {
	began := time.Now()
	l, err := New(Config{Providers: []Provider{{ID: "kakao"}}, Now: func() time.Time { return began }})
	if err != nil {
		t.Fatal(err)
	}
	// People back are kept by the second they began, which is there by now.
	l.Returned(Trip{Provider: "kakao", Light: "green", Began: began})
	if got := testing.AllocsPerRun(1000, func() { tell(l, began) }); got != 0 {
		t.Errorf("got %v allocations a login, want none", got)
	}
}

// tell is all a login tells of itself.
func tell(l *Live, began time.Time) {
	trip := Trip{Provider: "kakao", Light: "green", Began: began}
	l.Started(trip)
	trip.Returned = began
	l.Returned(trip)
	trip.Ended = began
	l.Ended(trip)
}

func BenchmarkTell(b *testing.B) {
	began := time.Now()
	l, err := New(Config{Providers: []Provider{{ID: "kakao"}}, Now: func() time.Time { return began }})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		tell(l, began)
	}
}
