package simulate

import (
	"math"
	"time"

	"sinho/signal"
)

// visible is how long after the end of a second the board that knows it is out:
// the exchange between nodes takes that long (store.Sealed and a little).
const visible = 0.3

// probeTimeout is how long a probe waits, in seconds.
const probeTimeout = 3

// meter is one provider's buckets, lamp and capacity, and the figures that the
// policies without lights go by.
type meter struct {
	bucket   signal.Bucket   // the second under way
	buckets  []signal.Bucket // sealed, oldest first
	lamp     signal.Lamp
	capacity signal.Capacity
	due      time.Time // next round of probes
	changes  int
	// Of the second under way and the ten before: time of legs, and how many.
	tookSum, tookN float64
	took           [10][2]float64
}

func (m *meter) started(green bool) {
	m.bucket.Started++
	m.bucket.StartedGreen += count(green)
}

// leg counts one that ended, after so many seconds.
func (m *meter) leg(took float64) {
	m.bucket.Legs.Observe(seconds(took))
	m.tookSum += took
	m.tookN++
}

// ended counts a login that is over.
func (m *meter) ended(green, failed, slow bool) {
	if !green {
		return
	}
	m.bucket.GreenEnded++
	switch {
	case failed:
		m.bucket.GreenFailed++
	case slow:
		m.bucket.GreenSlow++
	}
}

// latency is the mean of the last ten seconds; what nobody used is quick.
func (m *meter) latency() float64 {
	var sum, n float64
	for _, t := range m.took {
		sum, n = sum+t[0], n+t[1]
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// board is what is published once a second.
type board struct {
	at       float64 // visible from then on
	statuses []signal.Status
	latency  []float64
}

// mostBoards are kept: Refresh, the finger and a little.
const mostBoards = 64

func (w *world) latest() *board { return w.boardAt(w.now) }

// boardAt is the one that was out at a time, the first one before any was.
func (w *world) boardAt(at float64) *board {
	i := len(w.boards) - 1
	if i > 0 {
		i = max(i-max(int(math.Floor(w.boards[i].at-at)), 0), 0)
	}
	for i > 0 && w.boards[i].at > at {
		i--
	}
	return &w.boards[i]
}

// name is a provider's id; there are six at most.
func name(i int) string { return "abcdef"[i : i+1] }

// index is the provider of an id.
func (w *world) index(id string) int { return int(id[0] - 'a') }

// tick seals a second, advances every lamp and capacity, publishes the board and
// starts probes, in signal/live's order.
func (w *world) tick() {
	now := time.Unix(unix(w.now), 0)
	b := board{at: w.now + visible}
	capacities := make([]signal.Capacity, len(w.providers))
	for i := range w.providers {
		p := &w.providers[i]
		w.advance(i, now)
		b.statuses = append(b.statuses, p.meter.lamp.Status(name(i), signal.Text{}, now))
		b.latency = append(b.latency, p.meter.latency())
		capacities[i] = p.meter.capacity
	}
	signal.Recommend(w.rules, b.statuses, w.bounds, capacities)
	signal.Advise(w.rules, b.statuses, w.bounds, capacities)
	for i := range capacities {
		w.providers[i].meter.capacity = capacities[i]
	}
	w.boards = append(w.boards, b)
	if len(w.boards) > 2*mostBoards {
		w.boards = append(w.boards[:0], w.boards[mostBoards:]...)
	}
	w.note(&b)
	w.agenda.plan(event{at: w.now + 1, kind: ticks})
}

// advance takes a provider's light one second further.
func (w *world) advance(i int, now time.Time) {
	p := &w.providers[i]
	m := &p.meter
	if w.now > 0 {
		m.buckets = append(m.buckets, m.bucket)
		if over := len(m.buckets) - w.rules.LongWindow; over > 0 {
			m.buckets = append(m.buckets[:0], m.buckets[over:]...)
		}
		copy(m.took[1:], m.took[:])
		m.took[0] = [2]float64{m.tookSum, m.tookN}
		m.tookSum, m.tookN = 0, 0
	}
	m.bucket = signal.Bucket{Second: now.Unix()}
	before := m.lamp.Light
	sample := signal.Sample{Buckets: m.buckets, InFlight: p.ages(w.now)}
	m.lamp = m.lamp.Step(w.rules, sample, now)
	m.capacity = m.capacity.Step(w.rules, w.bounds[i], m.lamp, sample)
	if m.lamp.Light != before && w.now >= warm {
		m.changes++
	}
	w.probe(i, now)
}

// ages of the legs under way, by the youngest that one of a slot can be.
func (p *provider) ages(now float64) (h signal.Histogram) {
	newest := int(now * 4)
	for back := range min(slots, newest+1) {
		if n := p.flight[(newest-back)%slots]; n > 0 {
			h[signal.Index(seconds(max(now-float64(newest-back+1)/4, 0)))] += n
		}
	}
	return h
}

// probe starts a round if one is due: of the server's discovery document, and of
// the page. They need no server of the station.
func (w *world) probe(i int, now time.Time) {
	p := &w.providers[i]
	every := p.meter.lamp.ProbeEvery
	if every == 0 {
		p.meter.due = time.Time{}
		return
	}
	if soon := now.Add(every); p.meter.due.IsZero() || p.meter.due.After(soon) {
		p.meter.due = now
	}
	if now.Before(p.meter.due) {
		return
	}
	p.meter.due = now.Add(every - time.Second/2)
	after := distance
	if p.state.hangs {
		after = probeTimeout
	}
	well := !p.state.hangs && !p.state.refuses
	e := event{at: w.now + after, kind: probed, where: int8(i)} //nolint:gosec // a handful
	if well {
		e.what = 1
	}
	w.agenda.plan(e)
}

// probed counts a round. A page that is dead answers with a failure at once.
func (w *world) probed(i int, well bool) {
	p := &w.providers[i]
	b := &p.meter.bucket
	if well {
		b.ProbesOK++
	} else {
		b.ProbesFailed++
	}
	if p.state.dead {
		b.PagesFailed++
	} else {
		b.PagesOK++
	}
}
