package console

import (
	"bytes"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sinho/operator"
	"sinho/providers/guard"
	"sinho/signal"
	"sinho/signal/live"
)

// door is one provider as the pages show it.
type door struct {
	signal.Status // as everybody sees it
	live.Insight

	Word          operator.Word // its ID is "" without one
	P50, P95, P99 time.Duration
	Returned      int
	Room          figure
	Failed        int
	Classes       []class
	Honest        honesty
	Strip         strip
	Rules         signal.Rules
	Kept          kept
}

// class is a kind of error and how many there were.
type class struct {
	Name signal.Text
	N    uint32
}

// kept is what this node has kept from a provider, apart from what the provider
// did: it is in no light.
type kept struct {
	guard.Reading

	Less bool // fewer may be under way than usually
}

// Any reports whether there is anything to tell.
func (k kept) Any() bool { return k.Open || k.Less || k.Full+k.Opened+k.TurnedAway > 0 }

func (c *Console) kept(provider string) kept {
	if c.cfg.Lights.Guard == nil {
		return kept{}
	}
	r, most := c.cfg.Lights.Guard(provider)
	return kept{Reading: r, Less: r.Limit < most}
}

// figure is what a provider is believed to take, in logins a second or, as it was
// set, in whatever unit.
type figure struct {
	Name  signal.Text
	Value string
	Said  bool // only as it was set
}

func roomOf(c signal.Capacity, b signal.Bounds) figure {
	switch {
	case c.Measured:
		return figure{Name: signal.Text{KO: "용량 추정", EN: "capacity/s"}, Value: "≈ " + rate(c.Estimate, 1)}
	case c.Most > b.Prior:
		return figure{Name: signal.Text{KO: "용량 최소", EN: "capacity/s"}, Value: "≥ " + rate(c.Most, 1)}
	default:
		return figure{Name: signal.Text{KO: "용량 설정", EN: "capacity, set"}, Value: strconv.FormatFloat(b.Prior, 'f', -1, 64), Said: true}
	}
}

// honesty is green honesty in numbers.
type honesty struct {
	signal.Honesty

	Share float64
	Known bool
	Lies  float64
}

func honestyOf(h signal.Honesty) honesty {
	share, ok := h.Share()
	return honesty{Honesty: h, Share: share, Known: ok, Lies: float64(h.Failed+h.Slow) + h.Vanished}
}

func classNames() []signal.Text {
	return []signal.Text{
		signal.Refused:   {KO: "연결 실패", EN: "refused"},
		signal.TimedOut:  {KO: "시간 초과", EN: "timed out"},
		signal.Faulty:    {KO: "서버 오류", EN: "5xx"},
		signal.Throttled: {KO: "속도 제한", EN: "throttled"},
		signal.Nonsense:  {KO: "이상한 응답", EN: "unusable"},
	}
}

// span is the one with a key, or the shortest that shows all there is.
func (c *Console) span(key string) span {
	if s, ok := spanOf(key); ok {
		return s
	}
	now := c.cfg.Now()
	first := int64(0)
	for _, p := range c.cfg.Lights.Board().Providers {
		if all := c.cfg.Lights.Minutes(p.ID, now.Unix()/60-signal.HistoryMinutes, now.Unix()/60); len(all) > 0 && (first == 0 || all[0].At < first) {
			first = all[0].At
		}
	}
	return fitting(now, first)
}

// doors are all providers in configured order.
func (c *Console) doors(s span) []door {
	now := c.cfg.Now()
	statuses := c.cfg.Lights.Board().Providers
	var all []door
	for _, in := range c.cfg.Lights.Insights() {
		i := slices.IndexFunc(statuses, func(s signal.Status) bool { return s.ID == in.ID })
		if i < 0 {
			continue
		}
		d := door{
			Status: statuses[i], Insight: in, Word: c.cfg.Desk.Word(in.ID), Rules: c.cfg.Lights.Rules,
			P50: in.Recent.Legs.Quantile(0.50), P95: in.Recent.Legs.Quantile(0.95), P99: in.Recent.Legs.Quantile(0.99),
			Returned: in.Recent.Returned(), Failed: in.Recent.Failed(), Room: roomOf(in.Capacity, in.Bounds), Honest: honestyOf(in.Honesty), Kept: c.kept(in.ID),
		}
		for i, name := range classNames() {
			d.Classes = append(d.Classes, class{name, in.Recent.Errors[i]})
		}
		d.Strip = stripOf(s, binsOf(s, now, func(first, last int64) []signal.Minute { return c.cfg.Lights.Minutes(in.ID, first, last) }))
		all = append(all, d)
	}
	return all
}

// ID and Name are the same in both.
func (d door) ID() string { return d.Status.ID }

// Name of the provider.
func (d door) Name() signal.Text { return d.Status.Name }

// Full reports whether about as many are being sent there as its contract allows.
func (d door) Full() bool { return d.Bounds.Cap > 0 && d.Capacity.Arrivals >= 0.85*d.Bounds.Cap }

// Overruled reports whether the light is an operator's word. A word that was
// just written is one before the lights have shown it.
func (d door) Overruled() bool { return d.Word.ID != "" }

type boardView struct {
	frame

	Now       time.Time
	Doors     []door
	Open      int
	Overruled int
	Honest    honesty
	Local     bool
	Span      span
}

func (c *Console) boardView(f frame) boardView {
	f.Live = "/ws?page=board"
	board := c.cfg.Lights.Board()
	v := boardView{frame: f, Now: c.cfg.Now(), Local: board.Local, Span: c.span("")}
	var all signal.Honesty
	for _, d := range c.doors(v.Span) {
		v.Doors = append(v.Doors, d)
		if d.Light.Choosable() {
			v.Open++
		}
		if d.Overruled() {
			v.Overruled++
		}
		all = all.Add(d.Honesty)
	}
	v.Honest = honestyOf(all)
	return v
}

func (c *Console) board(w http.ResponseWriter, r *http.Request, v visitor) {
	c.render(w, "board", http.StatusOK, c.boardView(c.frame(r, v, "board", "현황", "Board")))
}

// part renders the part of a page that is kept live.
func (c *Console) part(name string, view any) ([]byte, error) {
	var buf bytes.Buffer
	err := c.pages[name].ExecuteTemplate(&buf, "live", view)
	return buf.Bytes(), err
}

func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    c.assetURL,
		"seconds":  seconds,
		"percent":  percent,
		"rounded":  func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
		"date":     func(t time.Time) string { return t.In(c.cfg.Zone).Format("01-02") },
		"dated":    func(t time.Time) string { return t.In(c.cfg.Zone).Format("01-02 15:04") },
		"clock":    func(t time.Time) string { return t.In(c.cfg.Zone).Format("15:04") },
		"exact":    func(t time.Time) string { return t.In(c.cfg.Zone).Format("15:04:05") },
		"day":      c.dated,
		"field":    func(t time.Time) string { return t.In(c.cfg.Zone).Format("2006-01-02T15:04") },
		"people":   people1,
		"count":    func(n uint64) string { return grouped(int64(min(n, math.MaxInt64))) },
		"short":    func(s string) string { return s[:min(len(s), 20)] },
		"unix":     func(s int64) time.Time { return time.Unix(s, 0) },
		"modetext": modeText, "limitstext": limitsText,
		"formpart": func(v roomView, do string) formPart { return formPart{v.Form, do} },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"when":     func(t time.Time) string { return c.when(t) },
		"left":     func(t time.Time) signal.Text { return spanText(t.Sub(c.cfg.Now())) },
		"grouped":  grouped,
		"lasted":   func(from, to time.Time) signal.Text { return spanText(to.Sub(from)) },
		"ago":      func(t time.Time) signal.Text { return spanText(c.cfg.Now().Sub(t)) },
		"per":      func(n uint32, seconds int) string { return rate(float64(n), seconds) },
		"pern":     func(n, seconds int) string { return rate(float64(n), seconds) },
		"spans":    spans,
		"zone":     func() string { return c.cfg.Zone.String() },
		"stripTop": func() int { return stripHigh },
		"chartTop": func() int { return chartHigh },
	}
}

// when is a time of today by the clock, of another day with its date.
func (c *Console) when(t time.Time) string {
	t, now := t.In(c.cfg.Zone), c.cfg.Now().In(c.cfg.Zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("01-02 15:04")
}

// grouped writes a count with a comma before every three figures.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// seconds writes a duration as seconds with two or three figures.
func seconds(d time.Duration) string {
	s := d.Seconds()
	switch {
	case d <= 0:
		return "–"
	case s < 0.0995:
		return strconv.FormatFloat(s, 'f', 3, 64)
	case s < 9.95:
		return strconv.FormatFloat(s, 'f', 2, 64)
	default:
		return strconv.FormatFloat(s, 'f', 0, 64)
	}
}

func percent(share float64) string {
	p := share * 100
	if p == math.Trunc(p) || p >= 99.95 && p < 100 {
		return strconv.FormatFloat(math.Floor(p*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(p, 'f', 1, 64)
}

func rate(n float64, seconds int) string {
	if seconds <= 0 {
		return "–"
	}
	r := n / float64(seconds)
	if r >= 9.95 {
		return strconv.FormatFloat(r, 'f', 0, 64)
	}
	return strconv.FormatFloat(r, 'f', 1, 64)
}

// spanText is a length of time in words, in its greatest two units.
func spanText(d time.Duration) signal.Text {
	n := int(max(d, 0).Round(time.Second).Seconds())
	h, m, s := n/3600, n/60%60, n%60
	i := strconv.Itoa
	switch {
	case h > 0:
		return signal.Text{KO: i(h) + "시간 " + i(m) + "분", EN: i(h) + " h " + i(m) + " min"}
	case m >= 10:
		return signal.Text{KO: i(m) + "분", EN: i(m) + " min"}
	case m > 0:
		return signal.Text{KO: i(m) + "분 " + i(s) + "초", EN: i(m) + " min " + i(s) + " s"}
	default:
		return signal.Text{KO: i(s) + "초", EN: i(s) + " s"}
	}
}
