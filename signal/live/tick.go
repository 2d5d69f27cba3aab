package live

import (
	"context"
	"sync"
	"time"

	"sinho/signal"
)

// Run ticks until ctx ends, which is not an error. It closes every watcher and
// waits for every probe before it returns. It may be called once.
func (l *Live) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	defer l.hub.close()
	if l.together.exchange != nil {
		l.runTogether(ctx, &probes)
		return nil
	}
	for l.pause(ctx, l.untilTick()) {
		l.tick(ctx, &probes)
	}
	return nil
}

// pause is false when ctx ended first.
func (l *Live) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// grace is how long after the end of a second it is sealed.
const grace = 20 * time.Millisecond

// untilTick is the time until shortly after the next full second.
func (l *Live) untilTick() time.Duration {
	now := l.now()
	return now.Truncate(time.Second).Add(time.Second + grace).Sub(now)
}

// tick is one second of a node by itself: seal what is over, advance every lamp,
// publish, start probes.
func (l *Live) tick(ctx context.Context, probes *sync.WaitGroup) {
	now := l.now()
	l.seal(now)
	l.alone(ctx, now, probes)
}

// seal takes what each meter has of the seconds that are over.
func (l *Live) seal(now time.Time) {
	for _, p := range l.providers {
		sealed, inFlight := p.meter.seal(now)
		p.own, p.flight = lastOf(append(p.own, sealed...), l.rules.LongWindow), inFlight
	}
}

// lastOf keeps the newest of a list, in place.
func lastOf(list []signal.Bucket, most int) []signal.Bucket {
	if over := len(list) - most; over > 0 {
		return append(list[:0], list[over:]...)
	}
	return list
}

// alone advances every lamp by what this node has measured itself.
func (l *Live) alone(ctx context.Context, now time.Time, probes *sync.WaitGroup) {
	var due []*provider
	l.turn.Lock()
	for _, p := range l.providers {
		p.mu.Lock()
		for _, b := range p.own {
			if n := len(p.buckets); n == 0 || b.Second > p.buckets[n-1].Second {
				p.buckets = append(p.buckets, b)
			}
		}
		p.buckets = lastOf(p.buckets, l.rules.LongWindow)
		p.expire(now)
		next := l.step(p, p.flight, now)
		l.show(p, next.Lamp)
		// Where other nodes have their part of the logins, this one's alone says
		// nothing of a capacity.
		if l.together.exchange == nil {
			p.capacity = next.capacity
		}
		p.probeNext, p.anew = next.ProbeNext, time.Time{}
		p.mu.Unlock()
		if next.due {
			due = append(due, p)
		}
	}
	if l.together.exchange == nil {
		l.recommend(now)
	}
	l.publish(ctx, now, 0)
	l.turn.Unlock()
	for _, p := range due {
		l.startProbes(ctx, p, probes)
	}
}

// stepped is one provider's lamp and capacity a tick later, and whether a round
// of probes is due in it.
type stepped struct {
	signal.SharedLamp

	capacity signal.Capacity
	due      bool
}

// step is what p's lamp and capacity become; p stays as it is. p.mu is held.
func (l *Live) step(p *provider, inFlight signal.Histogram, now time.Time) stepped {
	s := stepped{SharedLamp: signal.SharedLamp{ID: p.ID}}
	sample := signal.Sample{Buckets: p.buckets, InFlight: inFlight, Week: p.week}
	s.Lamp = p.lamp.Step(l.rules, sample, now)
	s.capacity = p.capacity.Step(l.rules, p.bounds(), s.Lamp, sample)
	if !p.anew.IsZero() || s.Lamp.Light == signal.Green && p.away(now) {
		s.Lamp = s.Lamp.Forgotten(now)
	}
	every := s.Lamp.ProbeEvery
	if every == 0 || p.Probes == nil {
		return s
	}
	s.ProbeNext = p.probeNext
	if soon := now.Add(every); s.ProbeNext.IsZero() || s.ProbeNext.After(soon) {
		s.ProbeNext = now
	}
	if !now.Before(s.ProbeNext) {
		// A little less than the pace, so that the tick at the next full second is due.
		s.ProbeNext, s.due = now.Add(every-time.Second/2), true
	}
	return s
}

// show makes lamp the one of p. p.mu is held.
func (l *Live) show(p *provider, lamp signal.Lamp) {
	before := p.lamp.Light
	p.lamp = lamp
	p.meter.verySlow.Store(int64(lamp.VerySlow))
	p.thaw()
	if lamp.Light != before {
		l.log.Info("light", "provider", p.ID, "from", before.String(), "to", lamp.Light.String(),
			"reason", lamp.Reason.Code, "detail", lamp.Reason.EN)
	}
}

// publish shows the board with seq, or a higher one. l.turn is held.
func (l *Live) publish(ctx context.Context, now time.Time, seq int64) {
	board := l.look(now)
	board.Seq = seq
	if err := l.hub.publish(board); err != nil {
		l.log.ErrorContext(ctx, "lights: publish", "error", err)
	}
}

// known is one provider's light as told and its capacity.
type known func(int, *provider) (signal.Status, signal.Capacity)

// current is what p shows now.
func current(now time.Time) known {
	return func(_ int, p *provider) (signal.Status, signal.Capacity) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.status(p.lamp, now), p.capacity
	}
}

// all are every provider's.
func (l *Live) all(of known) ([]signal.Status, []signal.Capacity) {
	statuses, capacities := make([]signal.Status, len(l.providers)), make([]signal.Capacity, len(l.providers))
	for i, p := range l.providers {
		statuses[i], capacities[i] = of(i, p)
	}
	return statuses, capacities
}

// recommend takes the recommendation of a node by itself one second further.
// l.turn is held.
func (l *Live) recommend(now time.Time) {
	statuses, capacities := l.all(current(now))
	signal.Recommend(l.rules, statuses, l.bounds, capacities)
	for i, p := range l.providers {
		p.mu.Lock()
		p.capacity = capacities[i]
		p.mu.Unlock()
	}
}

// look is the board now, without its sequence number.
func (l *Live) look(now time.Time) signal.Board {
	return l.board(now, l.local.Load(), current(now))
}

// board is one of the given lights and capacities. A node that cannot meet the
// others does not know what is on its way to a provider, and goes by capacities
// as all knew them and by its lights.
func (l *Live) board(now time.Time, local bool, of known) signal.Board {
	statuses, capacities := l.all(of)
	if local {
		signal.Shares(l.rules, statuses, signal.Capacities(l.rules, l.bounds, capacities))
		signal.Limit(statuses, l.bounds, capacities)
	} else {
		signal.Advise(l.rules, statuses, l.bounds, capacities)
	}
	return signal.Board{At: now.UTC().Truncate(time.Second), Local: local, Providers: statuses}
}
