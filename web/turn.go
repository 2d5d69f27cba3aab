package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinho/broker"
	"sinho/providers"
)

// turnView is the page of a person who has logged in and whose turn it is not.
type turnView struct {
	page
	Sealed string
	Ref    string
	Site   providers.Text
	When   providers.Text // of the next turn, empty where none is left
}

// turn answers GET /turn: when the person's turn is, and the way back to the
// site. Once it has come it leads on to the chooser.
func (web *Web) turn(w http.ResponseWriter, r *http.Request) {
	t, err := web.cfg.Flow.TurnedAway(r, r.URL.Query().Get("r"))
	switch {
	case err != nil:
		web.fail(w, r, err)
		return
	case t.Chooser != "":
		seeOther(w, t.Chooser)
		return
	}
	v := turnView{page: web.page(w, r, t.Locale), Sealed: t.Sealed, Ref: t.Ref, Site: siteName(t.Site)}
	title := "turn.never"
	if !t.Next.IsZero() {
		title, v.When = "turn", web.window(t.Next, t.Until, true)
	}
	v.Title, _ = v.T(title)
	v.Switch = "/turn?" + url.Values{"r": {t.Sealed}, "lang": {v.Other}}.Encode()
	allowForms(w.Header(), broker.Login{Site: t.Site})
	web.render(w, "turn", http.StatusOK, v)
}

// away answers POST /turn and POST /device: the person goes back to the site.
func (web *Web) away(back func(http.ResponseWriter, *http.Request, string) (broker.Step, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := readForm(w, r, maxForm); err != nil {
			web.fail(w, r, err)
			return
		}
		s, err := back(w, r, r.PostForm.Get("r"))
		web.step(w, r, s, err)
	}
}

// rotaLine tells at a time whose turn it is in one line, nil where there is nothing
// to tell. Ahead of an opening it is told whose it will be.
func (web *Web) rotaLine(today *broker.Today, at time.Time) *providers.Text {
	if today == nil {
		return nil
	}
	if len(today.Turns) == 0 {
		t := web.words["rota.over"]
		return &t
	}
	var ko, en []string
	for _, turn := range today.Turns {
		if today.Open && turn.Digit < 0 && turn.BornFrom == 0 && turn.BornTo == 0 {
			return nil // everybody's
		}
		who, when := web.whose(turn), web.window(turn.From, turn.To, false)
		ko = append(ko, who.KO+" ("+when.KO+")")
		en = append(en, who.EN+" ("+when.EN+")")
	}
	key := "rota.next"
	switch {
	case today.Open && begins(today).After(at):
		key = "rota.opening"
	case today.Open:
		key = "rota.now"
	}
	return &providers.Text{KO: web.in("ko", key, "who", strings.Join(ko, " · ")), EN: web.in("en", key, "who", strings.Join(en, " · "))}
}

// begins is when the first of its turns does.
func begins(today *broker.Today) time.Time {
	return slices.MinFunc(today.Turns, func(a, b broker.Turn) int { return a.From.Compare(b.From) }).From
}

// laterLine is one of laterLines: from At on, in milliseconds of the server.
type laterLine struct {
	At     int64  `json:"at"`
	Is     string `json:"is"` // in the page's language, "" for nothing to tell
	Beside string `json:"beside"`
}

// laterLines are what the line will say while the page may stay open, as JSON for
// its script; "" for nothing else.
func (web *Web) laterLines(p page, today *broker.Today) string {
	var all []laterLine
	say := func(today *broker.Today, at time.Time) {
		l := laterLine{At: at.UnixMilli()}
		if t := web.rotaLine(today, at); t != nil {
			l.Is, l.Beside = p.In(*t), p.Beside(*t)
		}
		all = append(all, l)
	}
	if today != nil && today.Open && len(today.Turns) > 0 && begins(today).After(web.cfg.Now()) {
		say(today, begins(today))
	}
	for ; today != nil && today.Then != nil; today = today.Then {
		say(today.Then, today.Changes)
	}
	raw, err := json.Marshal(all)
	if err != nil || all == nil {
		return ""
	}
	return string(raw)
}

// in says key in one language.
func (web *Web) in(lang, key string, args ...any) string {
	s, err := web.words.say(lang, key, args)
	if err != nil { // a key of this package's own
		return ""
	}
	return s
}

// both says key in both languages.
func (web *Web) both(key string, args ...any) providers.Text {
	return providers.Text{KO: web.in("ko", key, args...), EN: web.in("en", key, args...)}
}

// whose says for whom a turn is: years of birth, and days of birth by their last
// digit, each named, for nobody should have to work that out.
func (web *Web) whose(t broker.Turn) providers.Text {
	var years providers.Text
	switch {
	case t.BornFrom != 0 && t.BornFrom == t.BornTo:
		years = web.both("rota.year", "from", t.BornFrom)
	case t.BornFrom != 0 && t.BornTo != 0:
		years = web.both("rota.years", "from", t.BornFrom, "to", t.BornTo)
	case t.BornFrom != 0:
		years = web.both("rota.years.from", "from", t.BornFrom)
	case t.BornTo != 0:
		years = web.both("rota.years.to", "to", t.BornTo)
	case t.Digit < 0:
		return web.words["rota.all"]
	}
	if t.Digit < 0 {
		return years
	}
	var ko, en []string
	for day := t.Digit; day <= 31; day += 10 {
		if day > 0 {
			ko, en = append(ko, strconv.Itoa(day)), append(en, ordinal(day))
		}
	}
	last, article := len(en)-1, "a "
	if t.Digit == 8 {
		article = "an "
	}
	days := providers.Text{KO: strings.Join(ko, "·"), EN: article + strings.Join(en[:last], ", ") + " or " + en[last]}
	if years.KO == "" {
		return web.both("rota.days", "days", days)
	}
	return web.both("rota.years.days", "years", years, "days", days)
}

func ordinal(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// window says a window by the clock of its own zone, long with weekdays; to may be
// zero, for no end.
func (web *Web) window(from, to time.Time, long bool) providers.Text {
	key, args := "rota.from", []any{"from", moment(from, long)}
	if !to.IsZero() {
		key = "rota.span"
		if long {
			key = "rota.span.long"
		}
		args = append(args, "to", moment(to, long))
		if sameDay(from, to) {
			args[3] = to.Format("15:04")
		}
	}
	zone := from.Location().String()
	said := web.both(key, args...)
	if zone == "Asia/Seoul" {
		return providers.Text{KO: said.KO, EN: web.in("en", "rota.korean", "t", said)}
	}
	return web.both("rota.zone", "t", said, "zone", zone)
}

// moment is a time with its day, and perhaps its weekday. It breaks over no line.
func moment(t time.Time, weekday bool) providers.Text {
	out := providers.Text{KO: fmt.Sprintf("%d월 %d일 ", t.Month(), t.Day()), EN: t.Format("2 Jan 15:04")}
	if weekday {
		out.KO = strings.TrimSpace(out.KO) + "(" + [...]string{"일", "월", "화", "수", "목", "금", "토"}[t.Weekday()] + ") "
		out.EN = t.Format("Mon 2 Jan 15:04")
	}
	out.KO += t.Format("15:04")
	const together = "\u00a0"
	return providers.Text{KO: strings.ReplaceAll(out.KO, " ", together), EN: strings.ReplaceAll(out.EN, " ", together)}
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}
