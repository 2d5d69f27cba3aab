package live

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

func TestAnOverrideShowsAtOnceAndOnlyHereUntilOthersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		up := c.upwards()
		c.run(9, 30, c.one)
		o := &signal.Override{Reason: signal.Text{KO: "점검", EN: "Maintenance"}, Until: time.Now().Add(20*time.Second + 300*time.Millisecond)}
		before := c.nodes[0].Board().Seq
		if err := c.nodes[0].Override("kakao", o); err != nil {
			t.Fatal(err)
		}
		if b := c.nodes[0].Board(); b.Providers[0].Light != signal.Grey || b.Seq != before+1 {
			t.Fatalf("at once: got %s with seq %d, want grey with %d", b.Providers[0].Light, b.Seq, before+1)
		}
		if got := c.nodes[1].Light("kakao"); got != "green" {
			t.Errorf("a node that was not told: got %s, want green", got)
		}
		c.run(9, 3, up)
		if a, b := c.nodes[0].Light("kakao"), c.nodes[1].Light("kakao"); a != "grey" || b != "green" {
			t.Errorf("three seconds later: got %s and %s, want it to stay this node's own", a, b)
		}
		for _, m := range c.nodes[1:] {
			if err := m.Override("kakao", o); err != nil {
				t.Fatal(err)
			}
		}
		c.run(9, 2, up)
		c.run(9, 10, func(second int) { c.one(second); up(second) })
		unknown := 0
		c.run(9, 8, func(second int) { // it ends meanwhile
			c.one(second)
			up(second)
			if b := c.nodes[2].Board().Providers[0]; b.Light == signal.Yellow && !b.Measured {
				unknown++
			}
		})
		if unknown == 0 {
			t.Error("after its end: want an unmeasured yellow before anything else")
		}
		c.run(9, 60, func(second int) { c.one(second); up(second) })
		if got := c.nodes[1].Light("kakao"); got != "green" {
			t.Errorf("a minute later: got %s, want green", got)
		}
		c.stop()
	})
}

func TestALiftedOverrideBeginsAnewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		c.run(9, 30, c.one)
		o := &signal.Override{Disabled: true, Until: time.Now().Add(time.Hour)}
		for _, m := range c.nodes {
			if err := m.Override("kakao", o); err != nil {
				t.Fatal(err)
			}
		}
		c.run(9, 10, nil)
		for _, m := range c.nodes { // each hears of it a second later than the one before
			if err := m.Override("kakao", nil); err != nil {
				t.Fatal(err)
			}
			if b := m.Board().Providers[0]; b.Light != signal.Yellow || b.Measured || m.Disabled("kakao") {
				t.Errorf("at once: got %s, measured %t, disabled %t, want an unmeasured yellow", b.Light, b.Measured, m.Disabled("kakao"))
			}
			time.Sleep(time.Second)
		}
		c.run(9, 40, c.one)
		if got := c.nodes[0].Light("kakao"); got != "green" {
			t.Errorf("got %s, want green", got)
		}
		c.stop()
	})
}
