package demo

import (
	"maps"
	"slices"
	"sync"
	"time"

	"sinho/citizen"
)

const (
	// maxProviders bounds the table of what pages call a provider.
	maxProviders = 32
	// rateOver is the span the rates of a provider are averaged over, in seconds.
	rateOver = 5
	// samples is how many of the last logins the percentiles look at.
	samples = 512
)

// Counts is what the crowd has counted since it began.
type Counts struct {
	// Rate is the rate of arrivals now, Base without the storm, logins a second.
	Rate  float64 `json:"rate"`
	Base  float64 `json:"base"`
	Storm bool    `json:"storm"`
	// Started people; each is In, GaveUp, UnderWay, Queued or Shed, or was
	// stopped when the crowd ended.
	Started  int64 `json:"started"`
	In       int64 `json:"in"`
	GaveUp   int64 `json:"gave_up"`
	UnderWay int64 `json:"under_way"`
	Queued   int64 `json:"queued"`
	Shed     int64 `json:"shed"`
	// Retried people went back to the chooser once; RetriedIn got in then.
	Retried   int64 `json:"retried"`
	RetriedIn int64 `json:"retried_in"`
	// P50 and P95 of the last logins from first page to last, milliseconds;
	// zero before the first.
	P50 int64 `json:"p50_ms"`
	P95 int64 `json:"p95_ms"`
	// Reasons of those who gave up, see package citizen's Why.
	Reasons   map[string]int64        `json:"reasons"`
	Providers map[string]ProviderFlow `json:"providers"`
}

// Waiting is everybody who is neither in nor gone.
func (c Counts) Waiting() int64 { return c.UnderWay + c.Queued }

// ProviderFlow is what was counted at one provider. A try is one choice of it.
type ProviderFlow struct {
	Started int64 `json:"started"`
	In      int64 `json:"in"`
	Failed  int64 `json:"failed"`
	// UnderWay tries are at the provider now.
	UnderWay int64 `json:"under_way"`
	// StartsPerS and InPerS are means over the last whole seconds.
	StartsPerS float64 `json:"starts_per_s"`
	InPerS     float64 `json:"in_per_s"`
}

// tally counts. due belongs to the goroutine of Run alone.
type tally struct {
	due time.Time

	mu        sync.Mutex // guards all below
	counts    Counts
	providers map[string]*flow
	reasons   map[string]int64
	took      [samples]time.Duration
	seen      int
}

// flow is one provider's counters with the last seconds apart.
type flow struct {
	total  ProviderFlow
	starts meter
	ins    meter
}

// meter counts events by the second in a small ring.
type meter struct {
	second [rateOver + 2]int64
	count  [rateOver + 2]int64
}

func (m *meter) add(now time.Time) {
	s := now.Unix()
	i := s % int64(len(m.second))
	if m.second[i] != s {
		m.second[i], m.count[i] = s, 0
	}
	m.count[i]++
}

// perSecond is the mean of the last whole seconds.
func (m *meter) perSecond(now time.Time) float64 {
	var sum int64
	for i, s := range m.second {
		if age := now.Unix() - s; age >= 1 && age <= rateOver {
			sum += m.count[i]
		}
	}
	return float64(sum) / rateOver
}

func (t *tally) change(f func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.counts)
}

func (t *tally) arrived()         { t.change(func(c *Counts) { c.Started++ }) }
func (t *tally) turnedAway()      { t.change(func(c *Counts) { c.Shed++ }) }
func (t *tally) queue(n int64)    { t.change(func(c *Counts) { c.Queued += n }) }
func (t *tally) underWay(n int64) { t.change(func(c *Counts) { c.UnderWay += n }) }

// provider is the flow of one provider, nil when there are too many names.
func (t *tally) provider(id string) *flow {
	f := t.providers[id]
	if f == nil && len(t.providers) < maxProviders {
		f = &flow{}
		t.providers[id] = f
	}
	return f
}

// chosen counts the beginning of a try.
func (t *tally) chosen(provider string, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.provider(provider); f != nil {
		f.total.Started++
		f.total.UnderWay++
		f.starts.add(time.Now())
	}
}

// tried counts the end of a try.
func (t *tally) tried(try citizen.Try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.provider(try.Provider)
	if f == nil {
		return
	}
	f.total.UnderWay--
	if try.Why == "" {
		f.total.In++
		f.ins.add(time.Now())
		return
	}
	f.total.Failed++
}

// ended counts the end of a walk; waited is what the person queued before it.
func (t *tally) ended(out citizen.Outcome, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if out.Retried {
		t.counts.Retried++
	}
	if !out.In {
		t.counts.GaveUp++
		t.reasons[out.Why]++ // a closed list of words
		return
	}
	t.counts.In++
	if out.Retried {
		t.counts.RetriedIn++
	}
	t.took[t.seen%samples] = out.Took + waited
	t.seen++
}

// Counts is a picture of all counters at one moment.
func (c *Crowd) Counts() Counts {
	now := time.Now()
	rate, base, storm := c.rate(now)
	t := &c.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.counts
	out.Rate, out.Base, out.Storm = rate, base, storm
	out.Reasons = maps.Clone(t.reasons)
	out.Providers = make(map[string]ProviderFlow, len(t.providers))
	for id, f := range t.providers {
		one := f.total
		one.StartsPerS, one.InPerS = f.starts.perSecond(now), f.ins.perSecond(now)
		out.Providers[id] = one
	}
	took := slices.Clone(t.took[:min(t.seen, samples)])
	slices.Sort(took)
	out.P50, out.P95 = quantile(took, 50), quantile(took, 95)
	return out
}

// quantile of sorted times in milliseconds, by nearest rank.
func quantile(sorted []time.Duration, percent int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1].Milliseconds()
}
