package demo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/citizen"
)

// tiny is a site and a chooser without any protocol: each provider takes as
// long as told, and comes back with a notice when told so.
type tiny struct {
	routes []string
	takes  map[string]time.Duration
	fails  map[string]bool
}

func (s tiny) world() world {
	html := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, body)
	}
	broker := http.NewServeMux()
	broker.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		for _, p := range s.routes {
			html(w, fmt.Sprintf(`<form method=post action=/login/%s><button id=login-%s>x</button></form>`, p, p))
		}
	})
	broker.HandleFunc("POST /login/{provider}", func(w http.ResponseWriter, r *http.Request) {
		p := r.PathValue("provider")
		select {
		case <-time.After(s.takes[p]):
		case <-r.Context().Done():
			return
		}
		if s.fails[p] {
			http.Redirect(w, r, "/login?notice=failed&from="+p, http.StatusSeeOther)
			return
		}
		http.Redirect(w, r, "http://site.test/in", http.StatusSeeOther)
	})
	site := http.NewServeMux()
	site.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		html(w, `<form action="http://broker.test/login"><button>로그인</button></form>`)
	})
	site.HandleFunc("GET /in", func(http.ResponseWriter, *http.Request) {})
	return world{"site.test": site, "broker.test": broker}
}

// crowd runs one for a while in the bubble and gives what it counted, once
// everybody who was under way is in or gone.
func runCrowd(t *testing.T, cfg CrowdConfig, s tiny, script func(*Crowd)) Counts {
	t.Helper()
	cfg.Start, cfg.Transport = "http://site.test/", s.world()
	c, err := NewCrowd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	script(c)
	c.SetRate(0)
	c.Calm()
	for c.Counts().Waiting() > 0 {
		time.Sleep(time.Second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	n := c.Counts()
	if n.Started != n.In+n.GaveUp+n.Shed {
		t.Errorf("%d started, but %d in + %d gave up + %d shed", n.Started, n.In, n.GaveUp, n.Shed)
	}
	return n
}

func TestPeopleArriveAtTheRateAndSpreadAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		routes := []string{"kakao", "naver", "pass", "toss"}
		n := runCrowd(t, CrowdConfig{Rate: 20, Seed: 7}, tiny{routes: routes}, func(*Crowd) { time.Sleep(200 * time.Second) })
		near(t, "started", float64(n.Started), 4000, 4*math.Sqrt(4000))
		if n.In != n.Started || n.GaveUp != 0 {
			t.Errorf("%d of %d in, %d gave up", n.In, n.Started, n.GaveUp)
		}
		for i, p := range routes {
			want := 0.1
			if i == 0 {
				want = 0.6 + 0.1
			}
			near(t, "share of "+p, float64(n.Providers[p].In)/float64(n.In), want, 0.03)
		}
	})
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: got %.3f, want %.3f ± %.3f", what, got, want, within)
	}
}

func TestASeedRepeatsWhoComes(t *testing.T) {
	draw := func(seed uint64) []citizen.Person {
		c, err := NewCrowd(CrowdConfig{Start: "http://x.test/", Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		chance := rand.New(rand.NewPCG(seed, 0x5348))
		var who []citizen.Person
		for range 20 {
			who = append(who, c.citizen(chance).Person)
		}
		return who
	}
	if diff := cmp.Diff(draw(3), draw(3)); diff != "" {
		t.Errorf("the same seed drew others:\n%s", diff)
	}
	if cmp.Equal(draw(3), draw(4)) {
		t.Error("another seed drew the same")
	}
}

func TestAStormRisesAndFallsBack(t *testing.T) {
	for _, c := range []struct {
		since time.Duration
		base  float64
		want  float64
	}{
		{0, 10, 40},
		{40 * time.Second, 10, 10 + 30/math.E},
		{119 * time.Second, 10, 11.53},
		{0, 50, 50},
	} {
		near(t, fmt.Sprint("rate ", c.since, " after"), stormRate(c.base, 40, c.since, 40*time.Second), c.want, 0.01)
	}
	synctest.Test(t, func(t *testing.T) {
		n := runCrowd(t, CrowdConfig{Rate: 0, Seed: 1}, tiny{routes: []string{"kakao"}}, func(c *Crowd) {
			time.Sleep(time.Minute)
			if got := c.Counts(); got.Started != 0 || got.Storm {
				t.Errorf("somebody came at rate 0: %+v", got)
			}
			c.Storm()
			time.Sleep(time.Second)
			if got := c.Counts(); !got.Storm || got.Rate < 38 || got.Rate > 40 {
				t.Errorf("in the storm: %+v", got)
			}
			time.Sleep(3 * time.Minute)
			if got := c.Counts(); got.Storm || got.Rate != 0 {
				t.Errorf("after the storm: %+v", got)
			}
		})
		want := 40 * 40 * (1 - math.Exp(-3)) // the integral of the storm
		near(t, "people of the storm", float64(n.Started), want, 4*math.Sqrt(want))
	})
}

func TestWhoFailsTriesTheNextRouteOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := runCrowd(t, CrowdConfig{Rate: 5, Seed: 2}, tiny{routes: []string{"kakao", "naver"}, fails: map[string]bool{"kakao": true}}, func(*Crowd) { time.Sleep(time.Minute) })
		k := n.Providers["kakao"]
		if n.GaveUp != 0 || n.Retried == 0 || n.RetriedIn != n.Retried || k.In != 0 || k.Failed != n.Retried {
			t.Errorf("got %+v, want everybody whom Kakao failed in on the second try", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		all := map[string]bool{"kakao": true, "naver": true}
		n := runCrowd(t, CrowdConfig{Rate: 5, Seed: 2}, tiny{routes: []string{"kakao", "naver"}, fails: all}, func(*Crowd) { time.Sleep(time.Minute) })
		if n.In != 0 || n.Reasons["notice-failed"] != n.GaveUp || n.GaveUp != n.Started {
			t.Errorf("got %+v, want everybody to give up after one more try", n)
		}
	})
}

func TestTheCrowdIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := tiny{routes: []string{"kakao"}, takes: map[string]time.Duration{"kakao": 15 * time.Second}}
		n := runCrowd(t, CrowdConfig{Rate: 20, Seed: 3, MaxUnderWay: 30, MaxQueued: 10, GiveUp: 25 * time.Second}, slow, func(c *Crowd) {
			for range 60 {
				time.Sleep(time.Second)
				if got := c.Counts(); got.UnderWay > 30 || got.Queued > 10 {
					t.Fatalf("%d under way, %d queued; want at most 30 and 10", got.UnderWay, got.Queued)
				}
			}
		})
		if n.Shed == 0 || n.In == 0 || n.Reasons[citizen.WhyTime] != n.GaveUp {
			t.Errorf("got %+v, want some in, some shed, and time as the only reason to give up", n)
		}
		if n.P50 < 15_000 || n.P95 > 25_000 {
			t.Errorf("p50 %d ms, p95 %d ms; want between the provider's 15 s and patience's 25 s", n.P50, n.P95)
		}
	})
}

func TestPeopleUnderWayStopWhenTheCrowdEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := tiny{routes: []string{"kakao"}, takes: map[string]time.Duration{"kakao": time.Hour}}
		c, err := NewCrowd(CrowdConfig{Start: "http://site.test/", Transport: stuck.world(), Rate: 10})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Run(ctx); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("run ended with %v after %v, want nil after 10s", err, time.Since(began))
		}
		if n := c.Counts(); n.GaveUp != 0 || n.UnderWay != 0 {
			t.Errorf("got %+v, want nobody counted as given up", n)
		}
	})
}

func TestRatesAreOfTheLastSeconds(t *testing.T) {
	var m meter
	at := time.Unix(1000, 0)
	for range 10 {
		m.add(at)
	}
	for after, want := range map[time.Duration]float64{0: 0, time.Second: 2, 5 * time.Second: 2, 6 * time.Second: 0, time.Hour: 0} {
		if got := m.perSecond(at.Add(after)); got != want {
			t.Errorf("%v after ten events: got %v/s, want %v", after, got, want)
		}
	}
}

func TestQuantilesAreByNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*time.Millisecond)
	}
	for _, c := range []struct {
		of            []time.Duration
		percent, want int
	}{{nil, 50, 0}, {hundred[:1], 95, 1}, {hundred, 50, 50}, {hundred, 95, 95}, {hundred[:3], 50, 2}} {
		if got := quantile(c.of, c.percent); got != int64(c.want) {
			t.Errorf("p%d of %d: got %d, want %d", c.percent, len(c.of), got, c.want)
		}
	}
}

func TestACrowdOutOfRangeIsRefused(t *testing.T) {
	for _, cfg := range []CrowdConfig{{}, {Start: "x", Rate: -1}, {Start: "x", Follow: 1.5}, {Start: "x", MaxUnderWay: -1}} {
		if _, err := NewCrowd(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
