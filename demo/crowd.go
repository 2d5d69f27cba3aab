package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sinho/citizen"
)

// CrowdConfig says who comes and how often. Zero fields take the defaults
// named with them.
type CrowdConfig struct {
	// Start is the page whose first form is the login form.
	Start string
	// Rate of arrivals, logins a second in total; 0 is nobody.
	Rate float64
	// StormPeak is the total rate a storm starts with (40); it falls back to
	// Rate with the time constant StormDecay (40 s) and ends after StormFor (2 min).
	StormPeak  float64
	StormDecay time.Duration
	StormFor   time.Duration
	// Follow is the share that takes the first suggestion (0.6); the others are
	// spread evenly over what can be chosen.
	Follow float64
	// GiveUp is how long a person tries in all, waiting for a turn included (60 s).
	GiveUp time.Duration
	// Patience is how long a person looks at a page that does not come (20 s).
	Patience time.Duration
	// Think is the mean time a person looks at a provider's page (500 ms; it
	// varies evenly by half of it). Negative is none.
	Think time.Duration
	// MaxUnderWay people walk at once (400); MaxQueued more wait for a turn
	// (200); who comes then is turned away and counted as shed.
	MaxUnderWay int
	MaxQueued   int
	// Seed of all that is left to chance.
	Seed uint64
	// Transport is shared by all browsers; nil is SharedTransport().
	Transport http.RoundTripper
	// People to type into push forms; nil is citizen.People().
	People []citizen.Person
	// Language of the browsers, "" is Korean.
	Language string
}

func (c CrowdConfig) withDefaults() CrowdConfig {
	or := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	or(&c.StormPeak, 40)
	or(&c.Follow, 0.6)
	span(&c.StormDecay, 40*time.Second)
	span(&c.StormFor, 2*time.Minute)
	span(&c.GiveUp, time.Minute)
	span(&c.Patience, 20*time.Second)
	span(&c.Think, 500*time.Millisecond)
	if c.MaxUnderWay == 0 {
		c.MaxUnderWay = 400
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = 200
	}
	if c.Transport == nil {
		c.Transport = SharedTransport()
	}
	if c.People == nil {
		c.People = citizen.People()
	}
	return c
}

// Crowd is the synthetic citizens: they arrive at random (Poisson) and walk the
// real pages, each with a browser of their own. What it counts is what happened.
type Crowd struct {
	cfg   CrowdConfig
	tally tally
	// changed wakes the arrivals when the rate may have risen from zero.
	changed chan struct{}
	room    chan struct{} // one for each person walking

	mu     sync.Mutex // guards all below
	start  string
	people []citizen.Person
	base   float64
	storm  time.Time // when the current storm began; zero: none
}

// NewCrowd makes a crowd that has not started yet.
func NewCrowd(cfg CrowdConfig) (*Crowd, error) {
	cfg = cfg.withDefaults()
	if cfg.Start == "" {
		return nil, errors.New("crowd: no page to start from")
	}
	if cfg.Rate < 0 || cfg.Follow < 0 || cfg.Follow > 1 || cfg.MaxUnderWay < 1 || cfg.MaxQueued < 0 {
		return nil, fmt.Errorf("crowd: rate %v, follow %v, %d under way or %d queued is out of range", cfg.Rate, cfg.Follow, cfg.MaxUnderWay, cfg.MaxQueued)
	}
	return &Crowd{
		cfg: cfg, base: cfg.Rate, start: cfg.Start, people: cfg.People,
		changed: make(chan struct{}, 1), room: make(chan struct{}, cfg.MaxUnderWay),
		tally: tally{providers: map[string]*flow{}, reasons: map[string]int64{}},
	}, nil
}

// SetRate changes the base rate, logins a second.
func (c *Crowd) SetRate(rate float64) {
	c.mu.Lock()
	c.base = max(rate, 0)
	c.mu.Unlock()
	c.wake()
}

// StartAt has people who come from now on begin at another page.
func (c *Crowd) StartAt(page string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = page
}

// Invite has the people who come from now on be these, at least one; birthdates are
// YYYYMMDD.
func (c *Crowd) Invite(guests []Guest) {
	people := make([]citizen.Person, len(guests))
	for i, g := range guests {
		people[i] = citizen.Person{Name: g.Name, Birthdate: g.Birthdate, Phone: g.Phone}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people = people
}

// Storm begins a storm now, also during another one.
func (c *Crowd) Storm() {
	c.mu.Lock()
	c.storm = time.Now()
	c.mu.Unlock()
	c.wake()
}

// Calm ends a storm at once.
func (c *Crowd) Calm() {
	c.mu.Lock()
	c.storm = time.Time{}
	c.mu.Unlock()
}

func (c *Crowd) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// rate of arrivals now, the base rate, and whether a storm is on.
func (c *Crowd) rate(now time.Time) (total, base float64, storm bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.storm.IsZero() || now.Sub(c.storm) >= c.cfg.StormFor {
		return c.base, c.base, false
	}
	return stormRate(c.base, c.cfg.StormPeak, now.Sub(c.storm), c.cfg.StormDecay), c.base, true
}

// Run lets people come until ctx ends, then waits for those under way, who stop
// at once. It returns nil when ctx ended it.
func (c *Crowd) Run(ctx context.Context) error {
	var people sync.WaitGroup
	defer people.Wait()
	defer func() {
		if t, ok := c.cfg.Transport.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}()
	chance := rand.New(rand.NewPCG(c.cfg.Seed, 0x5348)) //nolint:gosec // who comes when is no secret, and a seed repeats it
	var queued atomic.Int64
	for {
		if err := c.nextArrival(ctx, chance); err != nil {
			return nil //nolint:nilerr // ctx ended, which is how a crowd goes home
		}
		w, lang := c.citizen(chance), c.cfg.Language
		c.tally.arrived()
		select {
		case c.room <- struct{}{}:
		default:
			if queued.Load() >= int64(c.cfg.MaxQueued) {
				c.tally.turnedAway()
				continue
			}
			queued.Add(1)
			people.Go(func() {
				c.queue(ctx, w, lang, &queued)
			})
			continue
		}
		people.Go(func() {
			defer func() { <-c.room }()
			c.walk(ctx, w, lang, c.cfg.GiveUp)
		})
	}
}

// queue waits for a turn, then walks in what is left of the person's time.
func (c *Crowd) queue(ctx context.Context, w citizen.Walk, lang string, queued *atomic.Int64) {
	began := time.Now()
	c.tally.queue(1)
	patience := time.NewTimer(c.cfg.GiveUp)
	defer patience.Stop()
	select {
	case c.room <- struct{}{}:
		queued.Add(-1)
		c.tally.queue(-1)
		defer func() { <-c.room }()
		c.walk(ctx, w, lang, c.cfg.GiveUp-time.Since(began))
	case <-patience.C:
		queued.Add(-1)
		c.tally.queue(-1)
		c.tally.ended(citizen.Outcome{Why: citizen.WhyTime}, 0)
	case <-ctx.Done():
		queued.Add(-1)
		c.tally.queue(-1)
	}
}

// walk is one person's login.
func (c *Crowd) walk(ctx context.Context, w citizen.Walk, lang string, left time.Duration) {
	own, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	c.tally.underWay(1)
	defer c.tally.underWay(-1)
	b := citizen.New(citizen.Config{Transport: c.cfg.Transport, Timeout: c.cfg.Patience, MaxBody: 256 << 10, Language: lang})
	out := citizen.Login(own, b, w)
	if !out.In && ctx.Err() != nil {
		return // sent home, which is nobody's failure
	}
	c.tally.ended(out, c.cfg.GiveUp-left)
}

// citizen draws who comes next.
func (c *Crowd) citizen(chance *rand.Rand) citizen.Walk {
	follows := chance.Float64() < c.cfg.Follow
	other := chance.Uint32()
	think := time.Duration(0)
	if c.cfg.Think > 0 {
		think = time.Duration(float64(c.cfg.Think) * (0.5 + chance.Float64()))
	}
	choose := citizen.First()
	if !follows {
		choose = citizen.Anyone(func(n int) int { return int(other % uint32(n)) }) //nolint:gosec // n counts buttons on a page
	}
	c.mu.Lock()
	start, people := c.start, c.people
	c.mu.Unlock()
	return citizen.Walk{
		Start: start, Choose: choose, Retries: 1,
		Person: people[chance.IntN(len(people))],
		Think:  func() time.Duration { return think },
		Chosen: c.tally.chosen, Tried: c.tally.tried,
	}
}
