package hall

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"sinho/lobby"
	"sinho/lobby/room"
)

// Hall is the waiting rooms of one node. It is safe for concurrent use.
type Hall struct {
	cfg     Config
	papers  *room.Papers
	origin  string // of the pages
	node    [8]byte
	began   time.Time
	plan    atomic.Pointer[plan]
	turn    sync.Mutex // whose turn it is to change the plan
	paid    recent     // whose pass was spent here
	spent   recent     // of which nothing more is to come
	late    lates
	watched atomic.Int64
	over    chan struct{} // closed when Run ends
	once    sync.Once
}

// New is a hall with its rooms. Nothing is asked of the store yet; nobody is called
// and no frame is there before Run.
func New(cfg Config) (*Hall, error) {
	if cfg.Store == nil || cfg.Ring == nil || cfg.Sign == nil {
		return nil, errors.New("hall: a store, sealing keys and a signature are needed")
	}
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, errors.New("hall: the issuer is no address")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxWatchers == 0 {
		cfg.MaxWatchers = 10_000
	}
	h := &Hall{
		cfg: cfg, papers: room.NewPapers(cfg.Ring, cfg.Issuer), origin: u.Scheme + "://" + u.Host,
		node: newNode(), began: cfg.Now(), over: make(chan struct{}),
	}
	h.plan.Store(&plan{})
	if err := h.Use(cfg.Rooms); err != nil {
		return nil, err
	}
	return h, nil
}

// tickAfter is how long after a full second rooms are stepped: late enough for a
// clock that is read a little early.
const tickAfter = 2 * time.Millisecond

// Run steps every room each second and shows everybody the frame, until ctx ends,
// which is not an error; then it closes every watcher. It may be called once.
func (h *Hall) Run(ctx context.Context) error {
	defer h.once.Do(func() { close(h.over) })
	for {
		now := h.now()
		timer := time.NewTimer(now.Truncate(time.Second).Add(time.Second + tickAfter).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			h.tick(ctx)
		}
	}
}

// tick is one second of every room.
func (h *Hall) tick(ctx context.Context) {
	now, p := h.now(), h.plan.Load()
	var capacity, backlog float64
	if h.cfg.Load != nil {
		capacity, backlog = h.cfg.Load()
	}
	ctx, cancel := within(ctx)
	defer cancel()
	parts := p.parts()
	var rooms sync.WaitGroup
	for i, c := range p.rooms {
		if _, st := c.on(); st != nil {
			rooms.Go(func() { h.step(ctx, c, st, capacity*parts[i], backlog*parts[i], now) })
		}
	}
	rooms.Wait()
}

// parts is what part of the capacity each room has: rooms in use share it equally,
// and one that is not calls in advance what it would have if it were.
func (p *plan) parts() []float64 {
	busy, used := 0, make([]bool, len(p.rooms))
	for i, c := range p.rooms {
		if _, st := c.on(); st != nil && st.line.inUse() {
			used[i] = true
			busy++
		}
	}
	parts := make([]float64, len(p.rooms))
	for i := range parts {
		n := busy
		if !used[i] {
			n++
		}
		parts[i] = 1 / float64(n)
	}
	return parts
}

// inUse: numbers wait, or some were given out lately.
func (l *line) inUse() bool {
	k := l.latest.Load()
	if k == nil || !k.Drawn || k.Closed {
		return false
	}
	arrived, _ := l.past.lately()
	return arrived > 0 || standingBy(&k.Queue) > 0
}

// step is one second of one room. Only one is under way for a room.
func (h *Hall) step(ctx context.Context, c *chamber, st *state, capacity, backlog float64, now time.Time) {
	l, set := st.line, &st.set
	rules := lobby.Rules{Min: set.Min, Max: set.Max}
	sample := lobby.Sample{Capacity: capacity, Backlog: backlog, Live: h.live(l, now)}
	if set.before(now) { // whatever was drawn before, nobody is called now
		rules, sample = lobby.Rules{}, lobby.Sample{}
	}
	before := l.latest.Load()
	q, err := l.room.Step(ctx, rules, sample, now)
	if err == nil {
		q, err = l.follow(ctx, set, q, now)
	}
	h.tell(l, err)
	if err != nil {
		c.hub.again(now)
		return
	}
	l.latest.Store(&known{q, now})
	l.past.add(&q, capacity)
	if q.Drawn {
		l.here.draw(q.Shuffle(l.opening.Seed))
	}
	if set.before(now) && q.Drawn && !l.warned {
		l.warned = true
		h.cfg.Log.Warn("waiting room: it has an opening and was open before; a new round begins anew", "room", l.name)
	}
	h.publish(c, st, before, &q, now)
	h.exchange(ctx, l, now)
}

// follow has the store's switch be as it is set here. It is told at once what has
// changed here; where nodes disagree for no such reason, one is about to learn
// better, and only what stays is told.
func (l *line) follow(ctx context.Context, set *Setting, q lobby.Queue, now time.Time) (lobby.Queue, error) {
	if q.Closed == set.Closed {
		l.asked, l.told, l.disagree = true, set.Closed, time.Time{}
		return q, nil
	}
	if l.disagree.IsZero() {
		l.disagree = now
	}
	changed := !l.asked && set.Closed || l.asked && l.told != set.Closed
	if !changed && now.Sub(l.disagree) < disagreeFor {
		return q, nil
	}
	return l.room.Switch(ctx, !set.Closed, now)
}

// disagreeFor is how long nodes may be of two minds about the switch.
const disagreeFor = 15 * time.Second

// tell logs when the store goes away and when it is back.
func (h *Hall) tell(l *line, err error) {
	switch {
	case err != nil && l.away == nil:
		h.cfg.Log.Warn("waiting room: the store is away; nobody new is called", "room", l.name, "error", err)
	case err == nil && l.away != nil:
		h.cfg.Log.Info("waiting room: the store is back", "room", l.name)
	}
	l.away = err
}

// publish shows everybody in a room where it is.
func (h *Hall) publish(c *chamber, st *state, before *known, q *lobby.Queue, now time.Time) {
	shares := uint64(0)
	if h.cfg.Shares != nil {
		shares = h.cfg.Shares()
	}
	f := q.Frame(st.line.name, st.line.opening, shares)
	f.Closed = f.Closed || st.set.Closed
	if last := c.hub.latest(); last != nil && last.Room == f.Room && f.Second <= last.Second {
		return
	}
	var words [2]string
	if st.set.Closed {
		words = st.set.Notice
	}
	shown, err := h.newFrame(f, words)
	if err != nil {
		if c.hub.failed.CompareAndSwap(false, true) {
			h.cfg.Log.Error("waiting room: no frame", "room", st.line.name, "error", err)
		}
		return
	}
	c.hub.failed.Store(false)
	c.hub.show(shown, st.set.before(now) || !q.Drawn || called(before, q), now)
}

// called: somebody waits, or has until this second.
func called(before *known, q *lobby.Queue) bool {
	return before == nil || q.Closed != before.Closed ||
		q.Main.Next > before.Main.Serving || q.Late.Next > before.Late.Serving
}

// standingBy is how many numbers wait in both lanes.
func standingBy(q *lobby.Queue) uint64 {
	return q.Main.Next - min(q.Main.Next, q.Main.Serving) + q.Late.Next - min(q.Late.Next, q.Late.Serving)
}
