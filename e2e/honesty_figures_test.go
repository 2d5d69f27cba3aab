package e2e

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// honestCount is what ended of the ways begun on green.
type honestCount struct {
	Begun    int      `json:"begun"`
	Judged   int      `json:"judged"`
	Failed   int      `json:"failed"`
	Slow     int      `json:"slow"`
	Vanished int      `json:"vanished"`
	Honesty  *float64 `json:"honesty"`
}

func (c honestCount) bad() int { return c.Failed + c.Slow + c.Vanished }

func (c honestCount) String() string {
	return fmt.Sprintf("%s of %d", percent(c.Honesty), c.Judged)
}

// judged counts a way that is over.
func (c *honestCount) judged(w wayTaken) {
	switch w.became {
	case "left", "stopped", "refused":
		return
	case "failed":
		c.Failed++
	case "slow":
		c.Slow++
	case "vanished":
		c.Vanished++
	default:
	}
	c.Judged++
	share := 1 - float64(c.bad())/float64(c.Judged)
	c.Honesty = &share
}

// phase is a stretch in figures: what was begun, and what was judged, in it.
type phase struct {
	Name      string                 `json:"name"`
	From      float64                `json:"from_s"`
	To        float64                `json:"to_s"`
	All       honestCount            `json:"all"`
	Providers map[string]honestCount `json:"providers"`
	// Cohort is of those who began in it, whenever it was over: people on their way
	// when something breaks count where they began.
	Cohort  *float64 `json:"of_those_begun_in_it"`
	Product *float64 `json:"product_says"`
}

func (h *hour) phase(s stretch) phase {
	p := phase{
		Name: s.act.name, From: seconds(s.from.Sub(h.began)), To: seconds(s.to.Sub(h.began)),
		Providers: map[string]honestCount{}, Product: s.after.Overall.since(s.before.Overall),
	}
	var cohort honestCount
	in := func(at time.Time) bool { return !at.Before(s.from) && at.Before(s.to) }
	for _, w := range h.ways {
		if !w.green() {
			continue
		}
		if in(w.began) {
			cohort.judged(w)
		}
		one := p.Providers[w.provider]
		for _, c := range []*honestCount{&p.All, &one} {
			if in(w.began) {
				c.Begun++
			}
			if in(w.ended) {
				c.judged(w)
			}
		}
		p.Providers[w.provider] = one
	}
	p.Cohort = cohort.Honesty
	return p
}

// loss is where a fault cost green honesty: of its provider's logins begun on
// green, those that ended badly.
type loss struct {
	Fault    string  `json:"fault"`
	Provider string  `json:"provider"`
	From     float64 `json:"from_s"`
	To       float64 `json:"to_s"`
	// Turned: the light left green while it lasted. Lights are its changes from
	// the beginning of the fault on, in seconds since then.
	Turned bool     `json:"turned"`
	Lights []change `json:"lights"`
	// Before were on their way when it broke, which no light can help; Until began
	// before the light first left green; Later began on a green that had come back.
	Before int `json:"begun_before"`
	Until  int `json:"begun_until_it_turned"`
	Later  int `json:"begun_later"`
	// BySecond are the same by the second they began in since the fault.
	BySecond map[int]int    `json:"by_second_begun"`
	Kinds    map[string]int `json:"kinds"`
	// PerSecond is how many began there a second, in the stretch before.
	PerSecond float64 `json:"began_per_s_before"`
}

// loss of the fault in the i-th stretch. What ended badly in the calm after it is
// its too.
func (h *hour) loss(i int) loss {
	s := h.stretches[i]
	until := s.to
	if i+1 < len(h.stretches) {
		until = h.stretches[i+1].to
	}
	l := loss{
		Fault: s.act.name, Provider: s.act.provider, From: seconds(s.from.Sub(h.began)), To: seconds(s.to.Sub(h.began)),
		Lights: []change{}, BySecond: map[int]int{}, Kinds: map[string]int{},
	}
	turned := until
	for _, c := range h.changes() {
		if c.Provider != s.act.provider || c.at.Before(s.from) || c.at.After(until) {
			continue
		}
		if c.Light != "green" && !l.Turned {
			turned, l.Turned = c.at, c.at.Before(s.to)
		}
		l.Lights = append(l.Lights, change{At: seconds(c.at.Sub(s.from)), Light: c.Light, Reason: c.Reason})
	}
	for _, w := range h.ways {
		if w.provider != s.act.provider {
			continue
		}
		if i > 0 && !w.began.Before(h.stretches[i-1].from) && w.began.Before(s.from) {
			l.PerSecond += 1 / s.from.Sub(h.stretches[i-1].from).Seconds()
		}
		if !h.owns(s, until, w) {
			continue
		}
		switch {
		case w.began.Before(s.from):
			l.Before++
		case w.began.Before(turned):
			l.Until++
		default:
			l.Later++
		}
		l.BySecond[int(math.Floor(w.began.Sub(s.from).Seconds()))]++
		l.Kinds[w.became]++
	}
	l.PerSecond = math.Round(10*l.PerSecond) / 10
	return l
}

// owns says whether a lie is one of a fault's.
func (h *hour) owns(s stretch, until time.Time, w wayTaken) bool {
	return w.lie() && w.provider == s.act.provider && w.ended.After(s.from) && w.began.Before(until)
}

// elsewhere are the lies that no fault explains, with the first of them.
func (h *hour) elsewhere() map[string]any {
	n, some := 0, []string{}
	for _, w := range h.ways {
		if !w.lie() || w.ended.Before(h.began) {
			continue
		}
		explained := false
		for i, s := range h.stretches {
			until := s.to
			if i+1 < len(h.stretches) {
				until = h.stretches[i+1].to
			}
			explained = explained || s.act.provider != "" && h.owns(s, until, w)
		}
		if explained {
			continue
		}
		if n++; len(some) < 20 {
			some = append(some, fmt.Sprintf("%s %s, begun at %.1f s, over at %.1f s", w.provider, w.became, seconds(w.began.Sub(h.began)), seconds(w.ended.Sub(h.began))))
		}
	}
	return map[string]any{"count": n, "first": some}
}

// refused are people who pressed a green button and were not sent anywhere, by
// provider: they have begun nothing and are in no honesty.
func (h *hour) refused() map[string]int {
	out := map[string]int{}
	for _, w := range h.ways {
		if w.light == "green" && w.became == "refused" {
			out[w.provider]++
		}
	}
	return out
}

// accord is the same hour by both measurements.
type accord struct {
	Begun        int      `json:"begun"`
	ProductBegun int      `json:"product_begun"`
	Bad          int      `json:"bad"`
	ProductBad   float64  `json:"product_bad"`
	Honesty      *float64 `json:"honesty"`
	Product      *float64 `json:"product_honesty"`
	Difference   float64  `json:"difference"`
}

// agreement is of everything since the broker's start, by provider and of "all".
func (h *hour) agreement() map[string]accord {
	counts := map[string]*honestCount{"all": {}}
	ids := []string{"all"}
	for id := range simAt {
		counts[id] = &honestCount{}
		ids = append(ids, id)
	}
	for _, w := range h.ways {
		if w.green() {
			for _, id := range []string{"all", w.provider} {
				counts[id].Begun++
				counts[id].judged(w)
			}
		}
	}
	out := map[string]accord{}
	slices.Sort(ids)
	for _, id := range ids {
		c, p := counts[id], h.final.Providers[id]
		if id == "all" {
			p = h.final.Overall
		}
		a := accord{Begun: c.Begun, ProductBegun: p.Begun, Bad: c.bad(), ProductBad: p.bad(), Honesty: c.Honesty, Product: p.Share}
		if c.Honesty != nil && p.Share != nil {
			a.Difference = math.Abs(*c.Honesty - *p.Share)
		}
		out[id] = a
	}
	return out
}

// seconds of a duration, to a tenth.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
