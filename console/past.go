package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sinho/operator"
	"sinho/signal"
)

// past is how far back the page of history looks: a row for each day of a week, a
// column for each day of a longer time.
type past struct {
	Key  string
	Name signal.Text
	Days int
}

func pasts() []past {
	return []past{
		{"7d", signal.Text{KO: "7일", EN: "7 days"}, 7},
		{"90d", signal.Text{KO: "90일", EN: "90 days"}, 90},
	}
}

// mostListed bounds each list of the page.
const mostListed = 100

// mostPages bounds how far the page looks for operators' words.
const mostPages = 12

type historyView struct {
	frame

	Past      past
	Pasts     []past
	From, To  time.Time
	Providers []pastProvider
	Honest    honesty // of all providers together
	Incidents []pastIncident
	Unlisted  int // incidents
	Words     []auditLine
	Unsaid    bool // there may be more words
	CSV, JSON string
}

type pastProvider struct {
	ID     string
	Name   signal.Text
	Heat   heat
	Axis   []time.Time // of the days
	Times  chart
	Honest honesty
	Whole  stretch
	Days   []pastDay
	Bad    int // incidents
}

// pastDay is a day of the console's zone in numbers.
type pastDay struct {
	At     time.Time
	Honest honesty
	bin
}

type pastIncident struct {
	signal.Incident

	ID   string
	Name signal.Text
	Last bool // it is not over
}

func (c *Console) keepsHistory() bool { return c.cfg.Lights.Hours != nil && c.cfg.Lights.Past != nil }

// historyPage shows what the lights did.
func (c *Console) historyPage(w http.ResponseWriter, r *http.Request, v visitor) {
	p := pasts()[0]
	if i := slices.IndexFunc(pasts(), func(p past) bool { return p.Key == r.URL.Query().Get("span") }); i >= 0 {
		p = pasts()[i]
	}
	view, err := c.historyView(r.Context(), c.frame(r, v, "history", "이력", "History"), p)
	if err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "history", "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
		return
	}
	c.render(w, "history", http.StatusOK, view)
}

func (c *Console) historyView(ctx context.Context, f frame, p past) (historyView, error) {
	now := c.cfg.Now()
	a := asked{Step: stepWhole, To: now.UTC().Truncate(time.Hour).Add(time.Hour)}
	y, m, d := now.In(c.cfg.Zone).Date() // whole days of the zone, today the last
	a.From = time.Date(y, m, d-p.Days+1, 0, 0, 0, 0, c.cfg.Zone).UTC().Truncate(time.Hour)
	v := historyView{frame: f, Past: p, Pasts: pasts(), From: a.From, To: a.To}
	v.CSV = "/api/history.csv?from=" + a.From.Format(time.RFC3339)
	v.JSON = "/api/history?from=" + a.From.Format(time.RFC3339)
	all, hours, err := c.history(ctx, a)
	if err != nil {
		return v, err
	}
	for _, s := range all {
		if s.Provider == "*" {
			v.Honest = honestyOf(s.Honest())
			continue
		}
		one := c.pastProvider(s, hours[s.Provider], p, a)
		for _, i := range signal.Incidents(hours[s.Provider]) {
			one.Bad++
			v.Incidents = append(v.Incidents, pastIncident{
				Incident: i, ID: s.Provider, Name: one.Name, Last: !i.To.Before(now.Truncate(time.Minute)),
			})
		}
		v.Providers = append(v.Providers, one)
	}
	slices.SortStableFunc(v.Incidents, func(a, b pastIncident) int { return b.From.Compare(a.From) })
	if v.Unlisted = max(len(v.Incidents)-mostListed, 0); v.Unlisted > 0 {
		v.Incidents = v.Incidents[:mostListed]
	}
	v.Words, v.Unsaid, err = c.words(ctx, a.From)
	return v, err
}

func (c *Console) pastProvider(whole stretch, hours []signal.Hour, p past, a asked) pastProvider {
	one := pastProvider{ID: whole.Provider, Whole: whole, Honest: honestyOf(whole.Honest())}
	one.Name, _ = c.called(whole.Provider)
	days := c.daysOf(hours)
	columns := make([]bin, 0, 7*24)
	if p.Days > 7 {
		one.Heat = heatByDay(c.cfg.Zone, a.From, p.Days, hours)
		byDay := map[string]bin{}
		for _, d := range days {
			byDay[dayKey(d.At)] = d.bin
		}
		for i := range p.Days {
			columns = append(columns, byDay[dayKey(a.From.In(c.cfg.Zone).AddDate(0, 0, i))])
		}
	} else {
		one.Heat = heatByHour(c.cfg.Zone, a.From, p.Days, hours)
		byHour := map[int64]bin{}
		for _, h := range hours {
			byHour[h.At] = binOf(h.Begin(), h.Seconds, h.Rollup)
		}
		for i := range int64(p.Days * 24) {
			columns = append(columns, byHour[a.From.Unix()/3600+i])
		}
	}
	one.Axis = axisOf(c.cfg.Zone, a.From, p.Days)
	one.Times = percentiles(columns)
	slices.Reverse(days)
	one.Days = days
	return one
}

func dayKey(t time.Time) string { return t.Format(time.DateOnly) }

// daysOf puts hours into days of the console's zone, oldest first.
func (c *Console) daysOf(hours []signal.Hour) (days []pastDay) {
	var open stretch
	shut := func() {
		if open.Seconds > 0 {
			days = append(days, pastDay{At: open.At, Honest: honestyOf(open.Honest()), bin: binOf(open.At, open.Seconds, open.Rollup)})
		}
	}
	for _, h := range hours {
		if at := h.Begin().In(c.cfg.Zone); dayKey(at) != dayKey(open.At) {
			shut()
			open = stretch{At: at}
		}
		open.Seconds += h.Seconds
		open.Rollup = open.Add(h.Rollup)
	}
	shut()
	return days
}

// binOf is a stretch as one column; its percentiles are of all its legs.
func binOf(at time.Time, seconds int, r signal.Rollup) bin {
	return bin{
		At: at.Unix() / 60, Minutes: (seconds + 59) / 60, Light: r.Worst(), Override: r.Overruled > 0,
		Started: int(r.Started), Returned: int(r.Returned), Cancelled: int(r.Cancelled),
		Legs: int(r.Ended()), Failed: int(r.Failed()),
		P50: r.Quantile(0.50), P95: r.Quantile(0.95), P99: r.Quantile(0.99),
	}
}

// percentiles are three lines that differ by their strokes too.
func percentiles(bins []bin) chart {
	of := func(d func(bin) time.Duration) func(bin) (float64, bool) {
		return func(b bin) (float64, bool) { return d(b).Seconds(), b.Legs > 0 && b.Minutes > 0 }
	}
	p50, p95, p99 := of(func(b bin) time.Duration { return b.P50 }), of(func(b bin) time.Duration { return b.P95 }), of(func(b bin) time.Duration { return b.P99 })
	c := newChart(bins, p50, p95, p99)
	c.Lines = []curve{{"p99", draw(bins, c.Most, p99)}, {"p95", draw(bins, c.Most, p95)}, {"p50", draw(bins, c.Most, p50)}}
	return c
}

// words are what operators did since, newest first; more says that there may be
// older ones.
func (c *Console) words(ctx context.Context, since time.Time) (all []auditLine, more bool, err error) {
	page := int64(0)
	for range mostPages {
		entries, older, err := c.cfg.Desk.Trail(ctx, operator.Changes, page)
		if err != nil {
			return nil, false, err
		}
		for _, e := range entries {
			if e.At.Before(since) {
				return all, false, nil
			}
			if e.Room != "" {
				continue // no light's
			}
			if len(all) == mostListed {
				return all, true, nil
			}
			name, _ := c.called(e.Provider)
			all = append(all, auditLine{Entry: e, Did: didText(e), By: e.By, Name: name})
		}
		if older == 0 {
			return all, false, nil
		}
		page = older
	}
	return all, true, nil
}
