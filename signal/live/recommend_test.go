package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAllNodesRecommendTheSame: what is on its way to a provider by way of all
// nodes lowers its share at each of them, whoever dies or joins; a node that
// cannot meet the others goes by its lights.
func TestAllNodesRecommendTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.also = []Provider{{ID: "naver"}}
		for range 3 {
			c.join(0)
		}
		share := func(i int) float64 { return c.nodes[i].Board().Providers[0].Share }
		c.run(60, 40, c.one)
		// By its light naver, of which little is known, keeps a quarter: 0.2 of both.
		// Some ninety people are on their way to kakao, 216 are divided, and all who
		// begin go there, whatever they are told.
		if got := c.nodes[0].Light("kakao"); got != "green" || share(0) < 0.5 || share(0) > 0.75 {
			t.Errorf("got %s with a share of %v, want green and clearly fewer than 0.8", got, share(0))
		}
		synctest.Wait()
		for i, m := range c.nodes {
			if m.together.leads {
				c.kill(i)
				break
			}
		}
		c.run(60, 5, c.one)
		c.join(0)
		time.Sleep(2 * time.Second)
		c.run(60, 5, c.one)
		before := share(0)
		for _, m := range c.nodes {
			m.link.cut.Store(true)
		}
		c.run(60, 8, nil)
		if got := share(1); !c.nodes[1].Board().Local || got != 0.8 {
			t.Errorf("without the store: got a share of %v (local: %t), want the light's 0.8", got, c.nodes[1].Board().Local)
		}
		for _, m := range c.nodes {
			m.link.cut.Store(false)
		}
		c.run(60, 10, nil)
		c.one(0)
		if got := share(2); got > 0.75 {
			t.Errorf("together again: got a share of %v, before it was %v", got, before)
		}
		c.stop()
	})
}
