package main

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnOnsetIsEvenBeforeAndDecaysAfterTheOpening(t *testing.T) {
	o := onset{before: 1000, early: 10 * time.Second, peak: 300, decay: 40 * time.Second}
	var came []time.Duration
	for at := time.Duration(0); ; {
		if at += later(o.pace, at, 210*time.Second, 1); at >= 210*time.Second {
			break
		}
		came = append(came, at)
	}
	within := func(from, to time.Duration) int {
		n := 0
		for _, at := range came {
			if at >= from && at < to {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		name     string
		from, to time.Duration
		want     float64
	}{
		{"before, the first half", 0, 5 * time.Second, 500},
		{"before, the second half", 5 * time.Second, 10 * time.Second, 500},
		{"the first second", 10 * time.Second, 11 * time.Second, 300 * 40 * (1 - math.Exp(-1.0/40))},
		{"until it has fallen to a third", 10 * time.Second, 50 * time.Second, 300 * 40 * (1 - math.Exp(-1))},
		{"in all", 0, 210 * time.Second, 1000 + 300*40*(1-math.Exp(-5))},
	} {
		if got := float64(within(c.from, c.to)); math.Abs(got-c.want) > 2+c.want/200 {
			t.Errorf("%s: %g came, want %.0f", c.name, got, c.want)
		}
	}
	if !slices.IsSorted(came) {
		t.Error("somebody came before the one before")
	}
}

func TestNobodyComesWhereThePaceIsNothing(t *testing.T) {
	if got := later(func(time.Duration) float64 { return 0 }, time.Second, 3*time.Second, 1); got != 2*time.Second {
		t.Errorf("got %v, want the time that is left", got)
	}
}

func TestAStormIsCheckedBeforeItBegins(t *testing.T) {
	now := time.Date(2026, 8, 9, 10, 59, 0, 0, time.UTC)
	good := func() stormOptions {
		o := startOP(t).options()
		return stormOptions{loginOptions: o, onset: onset{decay: time.Second, early: time.Second}, capacity: 1, times: 5}
	}
	for flag, bend := range map[string]func(*stormOptions){
		"--capacity":  func(o *stormOptions) { o.capacity = 0 },
		"--times":     func(o *stormOptions) { o.times = math.NaN() },
		"--decay":     func(o *stormOptions) { o.decay = 0 },
		"--before":    func(o *stormOptions) { o.before, o.early = 1, 0 },
		"--early":     func(o *stormOptions) { o.early = -1 },
		"--tabs":      func(o *stormOptions) { o.tabs = 1.1 },
		"--greedy":    func(o *stormOptions) { o.greedy = -1 },
		"--reconnect": func(o *stormOptions) { o.reconnect = 2 },
		"--no-show":   func(o *stormOptions) { o.noShow = 2 },
		"--no-script": func(o *stormOptions) { o.noScript = 2 },
		"--sockets":   func(o *stormOptions) { o.sockets = 2 },
		"--opens":     func(o *stormOptions) { o.opens = "20:00" },
		"is over":     func(o *stormOptions) { o.opens = "2021-08-09T20:00:00+09:00" },
		"--retries":   func(o *stormOptions) { o.retries = 11 },
	} {
		o := good()
		bend(&o)
		if err := o.prepare(now); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("got %v, want it to name %s", err, flag)
		}
	}
	o := good()
	o.opens = "2026-08-09T20:00:00+09:00"
	if err := o.prepare(now); err != nil || !o.t0.Equal(now.Add(time.Minute)) || o.peak != 5 {
		t.Errorf("got %v, opening %v, peak %v", err, o.t0, o.peak)
	}
	if o = good(); o.prepare(now) != nil || !o.t0.Equal(now.Add(time.Second)) {
		t.Errorf("got the opening at %v, want a second later", o.t0)
	}
}

// The page about rush names every switch that `rush storm` has beyond `rush login`,
// and no other.
func TestThePageAboutRushNamesTheSwitchesOfAStorm(t *testing.T) {
	text, err := os.ReadFile("../../docs/rush.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "**`rush storm`**")
	if !ok {
		t.Fatal("docs/rush.md says nothing of a storm")
	}
	section, _, _ = strings.Cut(section, "\n**`rush ")
	login, storm := loginCommand().Flags(), stormCommand().Flags()
	switches := regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(storm.FlagUsages(), -1)
	for _, name := range switches {
		if login.Lookup(name[1]) == nil && !strings.Contains(section, "`--"+name[1]+"`") {
			t.Errorf("docs/rush.md does not name --%s", name[1])
		}
	}
	if len(switches) < 20 {
		t.Errorf("got %d switches", len(switches))
	}
	for _, name := range regexp.MustCompile("`--([a-z-]+)`").FindAllStringSubmatch(section, -1) {
		if storm.Lookup(name[1]) == nil {
			t.Errorf("docs/rush.md names --%s, which is no switch", name[1])
		}
	}
}
