package live

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

func TestThreeNodesShowOneLightEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newCluster(t, 0, 0, 0)
		seen := map[string]bool{}
		each := func(second int) {
			c.one(second)
			seen[c.nodes[0].Light("kakao")] = true
		}
		c.run(9, 60, each)
		if got := c.nodes[0].Light("kakao"); got != "green" {
			t.Fatalf("after a good minute: got %s, want green", got)
		}
		c.fault.down.Store(true)
		c.run(9, 20, each)
		if got := c.nodes[2].Light("kakao"); got != "grey" {
			t.Errorf("after 20 s of nothing: got %s, want grey", got)
		}
		c.fault.down.Store(false)
		c.run(9, 90, each)
		if got := c.nodes[1].Light("kakao"); got != "green" || !seen["yellow"] || !seen["red"] && !seen["grey"] {
			t.Errorf("got %s at last and saw %v, want green, by way of the others", got, seen)
		}
		var advanced int64
		for _, m := range c.nodes {
			advanced += m.link.advanced.Load()
			if n := m.link.refused.Load(); n > 0 {
				t.Errorf("%d reports came late, want none", n)
			}
		}
		// The first look may advance the second before the first.
		if seconds := int64(time.Since(began).Seconds()); advanced < seconds-1 || advanced > seconds+1 {
			t.Errorf("got %d states in %d seconds, want one a second", advanced, seconds)
		}
		c.stop()
	})
}

// TestOneRoundOfProbesForAllNodes: whoever advances the state makes it, and when
// the next one is due is in the state, so there is one each five seconds for the
// whole cluster.
func TestOneRoundOfProbesForAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(0.0001, 60, c.one)
		// Three probes a round, a round every five seconds, however many nodes.
		if got := c.fault.asked.Load(); got < 30 || got > 42 {
			t.Errorf("got %d probes in a minute, want about 36", got)
		}
		c.stop()
	})
}

func TestWhoeverDiesLeavesOneLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(9, 30, c.one)
		synctest.Wait()
		for i, m := range c.nodes {
			if m.together.leads {
				c.kill(i)
				break
			}
		}
		c.run(9, 20, c.one)
		if len(c.nodes) != 2 || c.nodes[0].Light("kakao") != "green" {
			t.Errorf("got %d nodes and %s, want two that stayed green", len(c.nodes), c.nodes[0].Light("kakao"))
		}
		c.join(0)
		synctest.Wait()
		if got := c.nodes[2].Light("kakao"); got != "green" {
			t.Errorf("a node that has just begun: got %s, want what the others know, green", got)
		}
		c.run(9, 10, c.one)
		c.stop()
	})
}

// TestANodeThatWasStoppedAdoptsWhatTheOthersKnow stops a node at each moment of
// its second for ten seconds, in which the light turns.
func TestANodeThatWasStoppedAdoptsWhatTheOthersKnow(t *testing.T) {
	for _, at := range []string{"leave", "look", "advance"} {
		t.Run("before it could "+at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 0, 0, 0)
				c.run(9, 30, c.one)
				victim := c.nodes[0]
				for _, m := range c.nodes {
					if m.together.leads { // only it advances
						victim = m
					}
				}
				var others cluster
				for _, m := range c.nodes {
					if m != victim {
						others.nodes = append(others.nodes, m)
					}
				}
				others.t, others.rng, others.fault = c.t, c.rng, c.fault
				var once sync.Once
				stop := func(op string) {
					if op == at {
						once.Do(func() { time.Sleep(10 * time.Second) })
					}
				}
				victim.link.before.Store(&stop)
				c.fault.down.Store(true)
				others.run(9, 10, others.one)
				if got := others.nodes[0].Light("kakao"); got != "grey" {
					t.Fatalf("the others: got %s, want grey", got)
				}
				refused := victim.link.refused.Load()
				time.Sleep(1500 * time.Millisecond) // it goes on
				c.run(9, 10, c.one)
				if late := victim.link.refused.Load() - refused; at == "leave" && late != 1 {
					t.Errorf("got %d late reports refused, want the one it was stopped with", late)
				}
				c.stop()
			})
		})
	}
}

func TestWithoutTheStoreEachNodeGoesOnByItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		clear bool
	}{{"which comes back as it was", false}, {"which comes back empty", true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 0, 0, 0)
				up := c.upwards()
				c.run(12, 40, func(second int) { c.one(second); up(second) })
				for _, m := range c.nodes {
					m.link.cut.Store(true)
				}
				c.fault.down.Store(true)
				if tt.clear {
					c.table.Clear()
				}
				c.run(12, 30, up)
				for i, m := range c.nodes {
					if b := m.Board(); !b.Local || b.Providers[0].Light != signal.Grey {
						t.Errorf("node %d by itself: got local %t and %s, want its own grey", i, b.Local, b.Providers[0].Light)
					}
				}
				for _, m := range c.nodes {
					m.link.cut.Store(false)
				}
				c.run(12, 3, up)
				if b := c.nodes[0].Board(); b.Local || b.Providers[0].Light != signal.Grey {
					t.Errorf("together again: got local %t and %s, want a grey of all", b.Local, b.Providers[0].Light)
				}
				c.fault.down.Store(false)
				c.run(12, 90, func(second int) { c.one(second); up(second) })
				if got := c.nodes[0].Light("kakao"); got != "green" {
					t.Errorf("after recovery: got %s, want green", got)
				}
				c.stop()
			})
		})
	}
}

func TestANodeCutOffFollowsTheOthersWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		up := c.upwards()
		c.run(12, 30, c.one)
		cut := c.nodes[1]
		cut.link.cut.Store(true)
		c.run(12, 30, func(second int) {
			up(second)
			if a, b := body(c.nodes[0]), body(c.nodes[2]); a != b || strings.Contains(a, `"local":true`) {
				t.Fatalf("second %d: the other two differ:\n%s\n%s", second, a, b)
			}
			if second >= 5 && !cut.Board().Local {
				t.Fatalf("second %d: cut off and not local: %s", second, body(cut))
			}
		})
		cut.link.cut.Store(false)
		c.run(12, 3, up)
		c.run(12, 10, func(second int) { c.one(second); up(second) })
		c.stop()
	})
}

func TestOfThreeThatAdvanceAtOnceOneWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(9, 10, c.one)
		var waiting atomic.Int64
		var before, advanced [3]int64
		meet := func(op string) { // nobody advances before all three would
			if op != "advance" {
				return
			}
			waiting.Add(1)
			time.Sleep(150 * time.Millisecond)
		}
		for i, m := range c.nodes {
			m.link.before.Store(&meet)
			before[i] = m.link.advanced.Load()
		}
		began := time.Now()
		c.run(9, 20, c.one)
		seconds := int64(time.Since(began).Seconds())
		var sum int64
		for i, m := range c.nodes {
			advanced[i] = m.link.advanced.Load() - before[i]
			sum += advanced[i]
		}
		if sum < seconds-1 || sum > seconds+1 || waiting.Load() < 2*sum {
			t.Errorf("%d tried and %v advanced in %d seconds, want one of several each second", waiting.Load(), advanced, seconds)
		}
		c.stop()
	})
}

func TestNodesWhoseMachinesAreOffShowOneLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 7*time.Second, 0, -90*time.Second)
		c.run(9, 3, nil) // each finds out how far it is off
		c.run(9, 60, c.one)
		for i, m := range c.nodes {
			if off := time.Until(m.link.clock.Now()).Abs(); off > 50*time.Millisecond {
				t.Errorf("node %d is off by %v, want it by the store", i, off)
			}
			if m.Light("kakao") != "green" {
				t.Errorf("node %d: got %s, want green", i, m.Light("kakao"))
			}
		}
		c.stop()
	})
}

func TestAStoreWhoseClockGoesBackStopsNoLight(t *testing.T) {
	for _, by := range []time.Duration{1500 * time.Millisecond, 4 * time.Second, time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 0, 0, 0)
				up := c.upwards()
				c.run(9, 30, c.one)
				c.table.TurnBack(by)
				c.run(9, 12, up)
				c.run(9, 30, func(second int) { c.one(second); up(second) })
				if got := c.nodes[0].Light("kakao"); got != "green" {
					t.Errorf("got %s, want green", got)
				}
				c.stop()
			})
		})
	}
}

func TestAStateNobodyHereCanReadIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0)
		time.Sleep(5 * time.Second)
		seat := c.table.Seat("newer")
		sight, err := seat.Look(t.Context(), 0, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		version, won, err := seat.Advance(t.Context(), sight.Version, sight.Sealed, []byte{200, 1, 2})
		if err != nil || !won {
			t.Fatalf("got %t, %v, want the newer node's state in place", won, err)
		}
		for range 10 { // a node of a newer kind goes on with it
			time.Sleep(time.Second)
			if sight, err = seat.Look(t.Context(), 0, 0, ""); err != nil || sight.Version != version {
				t.Fatalf("got version %q, %v, want %q untouched", sight.Version, err, version)
			}
			if version, won, err = seat.Advance(t.Context(), version, sight.Sealed, []byte{200, 1, 2}); err != nil || !won {
				t.Fatalf("the newer node: got %t, %v, want its state in place", won, err)
			}
		}
		if b := c.nodes[0].Board(); !b.Local {
			t.Error("want the node's own measurement, flagged")
		}
		time.Sleep(10 * time.Second) // the newer node is gone
		c.one(0)
		c.stop()
	})
}

func TestWhatADeadNodeHadInFlightIsSoonForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		c.run(9, 5, c.one)
		dying := c.nodes[1]
		for range 20 {
			dying.meter("kakao").begin()
		}
		time.Sleep(2 * time.Second)
		upto := time.Now().Unix() - 1
		count := func() int {
			node := c.nodes[0]
			node.turn.Lock()
			defer node.turn.Unlock()
			next := 0
			for _, f := range node.together.flights {
				legs := f.legs["kakao"]
				next += legs.Total()
			}
			return next
		}
		if got := count(); got != 20 {
			t.Errorf("known by the other at %d: got %d legs in flight, want 20", upto, got)
		}
		c.kill(1)
		time.Sleep(4 * time.Second)
		if got := count(); got != 20 {
			t.Errorf("four seconds later: got %d, want 20 still", got)
		}
		time.Sleep(3 * time.Second)
		if got := count(); got != 0 {
			t.Errorf("seven seconds later: got %d, want none", got)
		}
		c.stop()
	})
}

func (l *Live) meter(id string) *meter { return l.byID[id].meter }

func TestAStoppedProcessBlamesNoProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(time.Now, 8*time.Second)
		m.seal(time.Now())
		began := m.begin()
		time.Sleep(10 * time.Second) // nobody ticks
		m.end(began, failed, signal.TimedOut)
		m.of(began, func(b *signal.Bucket) { b.ProbesFailed++ })
		asked := m.begin()
		time.Sleep(time.Second)
		m.end(asked, good, 0)
		full, inFlight := m.seal(time.Now().Add(time.Second))
		var sum signal.Bucket
		for _, b := range full {
			sum = sum.Add(b)
		}
		if sum.Failed() != 0 || sum.ProbesFailed != 0 || sum.Legs.Total() != 1 || inFlight.Total() != 0 {
			t.Errorf("got %+v, want only what was asked after it went on", sum)
		}
	})
}

func TestANodeByItselfNeedsNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0)
		c.run(9, 30, c.one)
		if got := c.nodes[0].Light("kakao"); got != "green" {
			t.Errorf("got %s, want green", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if taken, err := c.nodes[0].link.Seat.Leave(ctx, time.Now().Unix()-1, nil, 0); taken || err == nil {
			t.Errorf("got %t, %v, want an error: the context had ended", taken, err)
		}
		c.stop()
	})
}
