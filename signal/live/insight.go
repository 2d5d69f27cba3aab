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
	// Server legs of this node under way, and the age of the oldest, known to a
	// quarter of a second.
	InFlight int
	Oldest   time.Duration
	// Prior is the configured capacity, in the unit common to all providers.
	Prior float64
	// ProbeEvery is the pace of probes now, 0 for none.
	ProbeEvery time.Duration
	Honesty    signal.Honesty
}

// Insights are one of each provider, in configured order.
func (l *Live) Insights() []Insight {
	now := l.now()
	all := make([]Insight, len(l.providers))
	for i, p := range l.providers {
		all[i] = l.insight(p, now)
	}
	return all
}

func (l *Live) insight(p *provider, now time.Time) Insight {
	ages, n, oldest := p.meter.ages(now)
	in := Insight{ID: p.ID, Name: p.Name, InFlight: n, Oldest: oldest, Prior: p.Capacity}
	if in.Prior <= 0 {
		in.Prior = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lamp := p.lamp
	in.Own = signal.Status{
		ID: p.ID, Name: p.Name, Light: lamp.Light, Measured: lamp.Measured,
		Since: lamp.Since.UTC().Truncate(time.Second), Reason: lamp.Reason,
	}
	in.Epoch = lamp.Epoch
	in.View = lamp.View(l.rules, signal.Sample{Buckets: p.buckets, InFlight: ages})
	in.Slow, in.VerySlow = lamp.Slow, lamp.VerySlow
	for i := range p.buckets {
		in.Recent = in.Recent.Add(p.buckets[i])
	}
	in.Seconds = len(p.buckets)
	in.ProbeEvery, in.Honesty = lamp.ProbeEvery, lamp.Honest
	return in
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
