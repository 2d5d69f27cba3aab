package live

import (
	"time"

	"sinho/signal"
)

// Insight is one provider in numbers, for the people who run the broker.
type Insight struct {
	ID   string
	Name signal.Text
	// Own is the light by itself, without any operator's word; its share is not
	// set.
	Own   signal.Status
	Epoch int64 // grows with every change of the light
	// View is what the light is judged by, under the bounds Slow (t1) and
	// VerySlow (t2).
	View           signal.View
	Slow, VerySlow time.Duration
	// Recent is the sum of the last sealed Seconds, at most a minute.
	Recent  signal.Bucket
	Seconds int
	// Server legs under way at Nodes nodes together, and the least age the oldest
	// can have. Of several nodes they are those at the end of a second, told by all
	// that have within 5 s; else this node's own, as they are now.
	InFlight int
	Oldest   time.Duration
	Nodes    int
	// Alone: there should be others, and none told of what it has in flight.
	Alone bool
	// Capacity is the estimate, Bounds what the operator knows; a Prior that was
	// not set is 1.
	Capacity signal.Capacity
	Bounds   signal.Bounds
	// Maintenance is the one in force (Away), or the next one to come within a week;
	// nil for none.
	Maintenance *signal.Period
	Away        bool
	// ProbeEvery is the pace of probes now, 0 for none.
	ProbeEvery time.Duration
	Honesty    signal.Honesty
}

// Insights are one of each provider, in configured order.
func (l *Live) Insights() []Insight {
	now := l.now()
	l.turn.Lock()
	defer l.turn.Unlock()
	all := make([]Insight, len(l.providers))
	for i, p := range l.providers {
		all[i] = l.insight(p, now)
	}
	return all
}

func (l *Live) insight(p *provider, now time.Time) Insight {
	in := Insight{ID: p.ID, Name: p.Name, Bounds: p.bounds()}
	if in.Bounds.Prior <= 0 {
		in.Bounds.Prior = 1
	}
	ages := l.underWay(p, now, &in)
	p.mu.Lock()
	defer p.mu.Unlock()
	lamp := p.lamp
	in.Own = signal.Status{
		ID: p.ID, Name: p.Name, Light: lamp.Light, Measured: lamp.Measured,
		Since: lamp.Since.UTC().Truncate(time.Second), Reason: lamp.Reason,
	}
	in.Epoch, in.Capacity = lamp.Epoch, p.capacity
	in.View = lamp.View(l.rules, signal.Sample{Buckets: p.buckets, InFlight: ages, Week: p.week})
	in.Slow, in.VerySlow = lamp.Slow, lamp.VerySlow
	for i := range p.buckets {
		in.Recent = in.Recent.Add(p.buckets[i])
	}
	in.Seconds = len(p.buckets)
	in.ProbeEvery, in.Honesty = lamp.ProbeEvery, lamp.Honest
	if planned, away, any := signal.Next(p.planned, now, planAhead); any {
		in.Maintenance, in.Away = &planned, away
	}
	return in
}

// underWay says what is in flight, of all nodes if they tell. l.turn is held.
func (l *Live) underWay(p *provider, now time.Time, in *Insight) signal.Histogram {
	if l.together.exchange != nil && !l.local.Load() {
		if ages, nodes := l.together.inFlight(p.ID, now.Unix()-1); nodes > 0 {
			in.InFlight, in.Oldest, in.Nodes = ages.Total(), ages.Longest(), nodes
			return ages
		}
	}
	ages, n, oldest := p.meter.ages(now)
	in.InFlight, in.Oldest, in.Nodes, in.Alone = n, oldest, 1, l.together.exchange != nil
	return ages
}

// Since are the sealed seconds of a provider after a second, oldest first, of
// the last minute at most. They are shared: read only.
func (l *Live) Since(id string, second int64) []signal.Bucket {
	p := l.byID[id]
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.buckets {
		if p.buckets[i].Second > second {
			return append([]signal.Bucket(nil), p.buckets[i:]...)
		}
	}
	return nil
}

// ages are the legs under way by the youngest each can be, how many they are,
// and how old the oldest is.
func (m *meter) ages(now time.Time) (ages signal.Histogram, n int, oldest time.Duration) {
	newest := slotOf(now)
	for back := range int64(len(m.flight)) {
		k := int(m.flight[m.index(newest-back)].Load())
		if k <= 0 {
			continue
		}
		oldest = max(now.Sub(time.Unix(0, (newest-back+1)*int64(slot))), 0)
		ages[signal.Index(oldest)] += uint32(k) //nolint:gosec // positive and small
		n += k
	}
	return ages, n, oldest
}
