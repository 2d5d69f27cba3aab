package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/clock"
	"sinho/signal"
	"sinho/store"
	"sinho/store/storetest"
)

// link is a node's way to the table, which a test may cut or hold up.
type link struct {
	*storetest.Seat

	table *storetest.Table
	clock *clock.Clock
	cut   atomic.Bool
	// before is called with the name of each operation before the table sees it.
	before   atomic.Pointer[func(op string)]
	refused  atomic.Int64 // reports that came late
	advanced atomic.Int64 // states put in place
}

var errCut = errors.New("link cut")

func (k *link) pass(ctx context.Context, op string) error {
	if before := k.before.Load(); before != nil {
		(*before)(op)
	}
	if k.cut.Load() {
		<-ctx.Done()
		return errCut
	}
	asked := k.clock.Machine()
	k.clock.Saw(asked, k.clock.Machine(), k.table.Now())
	return nil
}

func (k *link) Leave(ctx context.Context, second int64, report []byte, floor int64) (bool, error) {
	if err := k.pass(ctx, "leave"); err != nil {
		return false, err
	}
	taken, err := k.Seat.Leave(context.WithoutCancel(ctx), second, report, floor)
	if err == nil && !taken {
		k.refused.Add(1)
	}
	return taken, err
}

func (k *link) Look(ctx context.Context, after, upto int64, known string) (store.Sight, error) {
	if err := k.pass(ctx, "look"); err != nil {
		return store.Sight{}, err
	}
	return k.Seat.Look(context.WithoutCancel(ctx), after, upto, known)
}

func (k *link) Advance(ctx context.Context, from string, second int64, state []byte) (string, bool, error) {
	if err := k.pass(ctx, "advance"); err != nil {
		return "", false, err
	}
	version, won, err := k.Seat.Advance(context.WithoutCancel(ctx), from, second, state)
	if won {
		k.advanced.Add(1)
	}
	return version, won, err
}

// member is one node of a cluster under test.
type member struct {
	*stage
	link *link
}

// cluster is some nodes around one table, with one provider, or one that people go
// to and some others.
type cluster struct {
	t     *testing.T
	table *storetest.Table
	fault *faulty
	nodes []*member
	rng   *rand.Rand
	names int
	also  []Provider // besides the one people go to
}

// newCluster starts a node for each offset of a machine's clock.
func newCluster(t *testing.T, offsets ...time.Duration) *cluster {
	t.Helper()
	c := &cluster{t: t, table: storetest.NewTable(), fault: &faulty{}, rng: rand.New(rand.NewPCG(1, 2))}
	for _, off := range offsets {
		c.join(off)
	}
	return c
}

func (c *cluster) join(off time.Duration) *member {
	c.t.Helper()
	c.names++
	clk := clock.New(func() time.Time { return time.Now().Add(off) }, nil)
	k := &link{Seat: c.table.Seat(fmt.Sprint("node-", c.names)), table: c.table, clock: clk}
	l, err := New(Config{
		Providers: append([]Provider{{
			ID: "kakao", Name: signal.Text{KO: "카카오", EN: "Kakao"},
			Probes: func() []Probe {
				return []Probe{{Name: "discovery", URL: "http://kakao.test/discovery"}, {Name: "keys", URL: "http://kakao.test/keys"}, {Name: "page", URL: "http://kakao.test/page"}}
			},
		}}, c.also...),
		Transport: c.fault, Exchange: k, Now: clk.Now,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	m := &member{link: k, stage: &stage{Live: l, fault: c.fault, cancel: cancel, ended: make(chan error, 1), rng: c.rng}}
	go func() { m.ended <- l.Run(ctx) }()
	c.nodes = append(c.nodes, m)
	return m
}

// kill ends a node at once.
func (c *cluster) kill(i int) {
	c.nodes[i].stop(c.t)
	c.nodes = append(c.nodes[:i:i], c.nodes[i+1:]...)
}

func (c *cluster) stop() {
	for _, m := range c.nodes {
		m.stop(c.t)
	}
}

// visit is one citizen, who begins at one node and comes back to any.
func (c *cluster) visit(stay time.Duration, from, to *member) {
	if from.Admit("kakao") != "" {
		return
	}
	trip := Trip{Provider: "kakao", Light: from.Light("kakao"), Began: from.link.clock.Now()}
	from.Started(trip)
	if c.fault.down.Load() || c.fault.pageHang.Load() {
		return
	}
	time.Sleep(stay)
	trip.Returned = to.link.clock.Now()
	to.Returned(trip)
	for range 3 {
		resp, err := to.Client("kakao").Get("http://kakao.test/token")
		if err != nil {
			trip.Class, trip.Colours, trip.Seen = "down", true, true
			break
		}
		resp.Body.Close()
	}
	trip.Ended = to.link.clock.Now()
	to.Ended(trip)
}

// run lets citizens in for so many seconds and calls each at every second's end,
// nine tenths of the way to the next board.
func (c *cluster) run(rate float64, seconds int, each func(second int)) {
	c.t.Helper()
	var people sync.WaitGroup
	defer people.Wait()
	for second := range seconds {
		end := time.Now().Truncate(time.Second).Add(time.Second)
		if time.Until(end) < 500*time.Millisecond {
			end = end.Add(time.Second)
		}
		for {
			next := time.Duration(c.rng.ExpFloat64() / rate * float64(time.Second))
			if time.Now().Add(next).After(end.Add(-50 * time.Millisecond)) {
				break
			}
			time.Sleep(next)
			from, to := c.nodes[c.rng.IntN(len(c.nodes))], c.nodes[c.rng.IntN(len(c.nodes))]
			stay := time.Duration((0.1 + 2.9*c.rng.Float64()) * float64(time.Second))
			people.Go(func() { c.visit(stay, from, to) })
		}
		time.Sleep(time.Until(end.Add(-50 * time.Millisecond)))
		if each != nil {
			each(second)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// body is the board of a node as everybody gets it.
func body(m *member) string { return string(m.hub.latest().body) }

// one demands that all nodes show the same bytes, and a board of all of them.
func (c *cluster) one(second int) {
	c.t.Helper()
	for _, m := range c.nodes {
		if body(m) != body(c.nodes[0]) {
			c.t.Fatalf("second %d: two boards:\n%s\n%s", second, body(c.nodes[0]), body(m))
		}
		if m.Board().Local {
			c.t.Fatalf("second %d: a board of one node's own: %s", second, body(m))
		}
	}
}

// upwards demands that no node's sequence number goes back.
func (c *cluster) upwards() func(int) {
	last := map[*member]int64{}
	return func(second int) {
		for i, m := range c.nodes {
			if seq := m.Board().Seq; seq < last[m] {
				c.t.Errorf("second %d: node %d went back from %d to %d", second, i, last[m], seq)
			} else {
				last[m] = seq
			}
		}
	}
}
