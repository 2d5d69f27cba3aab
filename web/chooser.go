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
	"sinho/signal"
)

// soon is when a request that runs out begins to say so.
const soon = 2 * time.Minute

// korea is the civil time the pages speak (no daylight saving since 1988).
var korea = time.FixedZone("KST", 9*60*60)

// chooserView is the chooser's page.
type chooserView struct {
	page
	Login    broker.Login
	Site     providers.Text
	Host     string // where the answer will go, for who looks twice
	Notice   *notice
	InApp    *inApp
	Rota     *providers.Text // whose turn it is
	Later    string          // what that line will say, for the script
	NowMS    string          // of the server
	Cards    []card
	Favour   string
	Epoch    int64
	AllShut  bool
	Self     string // this page anew
	At       string // time of the board, "" when there is none
	AtMS     int64
	Local    bool
	Expiring bool
	Left     string // until the request expires
	LeftMS   string
	Legend   []lightView
	Script   string // JSON: words for the script
	Failed   string // where the person was just let down
	Held     heldView
	Slot     string // stands for the cards in a kept frame
	HeldSlot string // and for Held
}

// notice is a broker.Notice with its words.
type notice struct {
	Code, Key, Next string
	From            providers.Text
	Wait            providers.Text // until it is over
	Hint            string         // the route whose light it tells of: it goes when that opens
}

// lightView is how a light is told: never by colour alone.
type lightView struct {
	Light, Shape, Word, Is string
	Name                   providers.Text
}

// card is one route on the chooser.
type card struct {
	page
	lightView
	ID      string
	Sealed  string
	Push    bool
	First   bool // the one clear suggestion
	Shut    bool
	Open    bool // the push form is unfolded
	Demo    bool
	Why     string
	Until   string
	Planned string // a maintenance that begins soon
	Notice  string // the operator's own line about this route
	Factor  float64
	Held    bool // this device has its certificate
	Contact providers.Contact
}

// login answers GET /login: the chooser, or the waiting room that stands before it.
func (web *Web) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l, err := web.cfg.Flow.Resume(w, r, q.Get("r"))
	if err != nil {
		web.fail(w, r, err)
		return
	}
	web.showChooser(w, r, http.StatusOK, l, broker.Notice{Code: q.Get("notice"), From: q.Get("from"), Wait: waitIn(q.Get("wait"))}, nil)
}

// showChooser renders the chooser for l. typed is what the person wrote into the
// push form of n.From, to be mended there. Who may not choose yet is led to the
// waiting room.
func (web *Web) showChooser(w http.ResponseWriter, r *http.Request, status int, l broker.Login, n broker.Notice, typed *providers.Contact) {
	if l.Queue != "" {
		seeOther(w, l.Queue)
		return
	}
	now, board, h := web.cfg.Now(), web.cfg.Board(), heldOn(r)
	n = web.settle(n, l.Routes)
	v := chooserView{
		page: web.page(w, r, l.Locale), Login: l, Site: siteName(l.Site), Host: host(l.Site.Origin),
		InApp: inAppBrowser(r.UserAgent(), l.Site.Start), Epoch: signal.Epoch(now), Favour: favour(l, n), Failed: letDown(n),
		Local: board.Local, Legend: legend(), LeftMS: "0", Rota: web.rotaLine(l.Today, web.cfg.Now()),
	}
	v.Later, v.NowMS = web.laterLines(v.page, l.Today), milli(now.UnixMilli())
	v.Self = chooserURL(l.Sealed, n, "")
	v.Switch = chooserURL(l.Sealed, n, v.Other)
	if !board.At.IsZero() {
		v.At, v.AtMS = board.At.In(korea).Format(time.TimeOnly), board.At.UnixMilli()
	}
	if left := l.Expires.Sub(now); !l.Expires.IsZero() {
		left = max(left, 0)
		v.Left, v.LeftMS, v.Expiring = v.duration(left), strconv.FormatInt(left.Milliseconds(), 10), left < soon
	}
	names := map[string]providers.Text{}
	for _, p := range l.Routes {
		names[p.ID] = p.Name
	}
	if n.Code != "" {
		v.Notice = &notice{Code: n.Code, Key: "notice." + n.Code, Next: "notice." + n.Code + ".next", From: names[n.From]}
		if n.From == "" {
			v.Notice.From = web.words["notice.someone"]
		}
		v.Notice.Wait = web.span(n.Wait)
	}
	if v.Notice == nil {
		v.Notice = hintShut(l, board)
	}
	v.Held = viewHeld(v.page, l, n, h)
	v.Cards = web.cards(v.page, l, board, arrange(l, board, v.Epoch, n, h), n, h, typed)
	v.AllShut = len(v.Cards) > 0 && v.Cards[0].Shut
	allowForms(w.Header(), l)
	if typed != nil || l.Agreement != nil && l.Continue || !web.showKept(w, status, &v, (*chooserView).words) {
		v.words()
		web.render(w, "chooser", status, v)
	}
}

// hintShut is told of the route the site asks for when it is closed: nil while it
// is not, and for a route that could not serve this request anyway.
func hintShut(l broker.Login, board signal.Board) *notice {
	i := slices.IndexFunc(l.Routes, func(p providers.Info) bool { return p.ID == l.Hint })
	if i < 0 || statuses(l.Routes, board)[l.Hint].Light.Choosable() {
		return nil
	}
	key := "notice." + broker.NoticeClosed
	return &notice{Code: broker.NoticeClosed, Key: key, Next: key + ".next", From: l.Routes[i].Name, Hint: l.Hint}
}

// words adds title and script, which are the same for many.
func (v *chooserView) words() {
	v.Script = v.script(v.Site)
	if v.Notice != nil {
		v.Title, _ = v.T(v.Notice.Key, "p", v.Notice.From)
	} else {
		v.Title, _ = v.T("choose.title", "site", v.Site)
	}
}

// settle keeps of a notice, which came by the URL, only what has words and a
// route of this request.
func (web *Web) settle(n broker.Notice, routes []providers.Info) broker.Notice {
	if _, ok := web.words["notice."+n.Code+".next"]; !ok {
		return broker.Notice{}
	}
	if n.Code != broker.NoticeOften && n.Code != broker.NoticeCrowd {
		n.Wait = 0
	}
	if !slices.ContainsFunc(routes, func(p providers.Info) bool { return p.ID == n.From }) {
		n.From = ""
	}
	return n
}

// waitIn reads how long a notice lasts, as broker.ChooserURL writes it; 0 is
// anything else. A few values only, for each is a page that is kept.
func waitIn(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 10 || n > 120 || n%10 != 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// waitOut is what waitIn reads; "" for 0.
func waitOut(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.Itoa(int(d / time.Second))
}

// span says a time span in both languages; 0 is a moment.
func (web *Web) span(d time.Duration) providers.Text {
	if d == 0 {
		return web.words["moment"]
	}
	return providers.Text{KO: page{words: web.words, Lang: "ko"}.duration(d), EN: page{words: web.words, Lang: "en"}.duration(d)}
}

// cards in the given order. The first that may be chosen is the suggestion.
func (web *Web) cards(p page, l broker.Login, board signal.Board, order []string, n broker.Notice, h held, typed *providers.Contact) []card {
	infos := map[string]providers.Info{}
	for _, info := range l.Routes {
		infos[info.ID] = info
	}
	status, weight := statuses(l.Routes, board), weights(l, n, h)
	all := make([]card, 0, len(order))
	for i, id := range order {
		info, s := infos[id], status[id]
		c := card{
			page: p, lightView: viewLight(s.Light), ID: id, Sealed: l.Sealed,
			Push: info.Shape == providers.Push, Shut: !s.Light.Choosable(), Factor: weight(id), Held: h.has(id),
			Why: pick(p.Lang, providers.Text(s.Reason.Text)), Notice: pick(p.Lang, info.Notice),
		}
		c.Name = info.Name
		c.First = i == 0 && !c.Shut
		if c.Why == "" {
			c.Why, _ = p.T(c.Is)
			if !s.Measured {
				c.Why, _ = p.T("light.unmeasured")
			}
		}
		if c.Shut {
			c.Until, _ = p.T("until.unknown", "t", p.clock(s.Since, board.At))
			if s.Until != nil {
				c.Until, _ = p.T("until", "t", p.clock(*s.Until, board.At))
			}
		}
		if s.Planned != nil && !c.Shut {
			c.Planned, _ = p.T("planned", "from", p.clock(s.Planned.From, board.At), "to", p.clock(s.Planned.To, board.At))
		}
		if c.Push && web.cfg.DemoContact != nil {
			c.Contact, c.Demo = *web.cfg.DemoContact, true
		}
		if c.Push && n.Code == broker.NoticeContact && n.From == id {
			c.Open = true
			if typed != nil {
				c.Contact, c.Demo = *typed, false
			}
		}
		all = append(all, c)
	}
	return all
}

// chooserURL is the chooser of a request, with what happened and perhaps
// another language.
func chooserURL(sealed string, n broker.Notice, lang string) string {
	q := url.Values{"r": {sealed}}
	for k, v := range map[string]string{"notice": n.Code, "from": n.From, "lang": lang} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if wait := waitOut(n.Wait); wait != "" {
		q.Set("wait", wait)
	}
	return "/login?" + q.Encode()
}

// script is the words the chooser's script says, as JSON.
func (p page) script(site providers.Text) string {
	out := map[string]string{}
	for _, key := range []string{
		"choose.live", "choose.stale", "choose.new", "choose.closed.now", "choose.working", "until", "until.unknown", "planned", "day",
		"light.unmeasured", "expiring", "expiring.next", "expired", "expired.next", "seconds", "minutes",
		"wait.going", "wait.offline", "wait.approved",
	} {
		out[key], _ = p.T(key, "site", site)
	}
	for _, l := range legend() {
		out[l.Word], _ = p.T(l.Word)
		out[l.Is], _ = p.T(l.Is)
		out[l.Word+".beside"], _ = p.O(l.Word)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// duration says a time span in minutes and seconds, or seconds.
func (p page) duration(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	key, args := "seconds", []any{"n", s}
	if s >= 60 {
		key, args = "minutes", []any{"m", s / 60, "s", s % 60}
	}
	out, _ := p.T(key, args...)
	return out
}

// clock says a time by the clock of Korea, with its day when that is not the one
// of now.
func (p page) clock(t, now time.Time) string {
	t, now = t.In(korea), now.In(korea)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	out, _ := p.T("day", "m", int(t.Month()), "d", t.Day(), "t", t.Format("15:04"))
	return out
}

func viewLight(l signal.Light) lightView {
	v := lightView{Light: "yellow", Shape: "▲"}
	switch l {
	case signal.Green:
		v.Light, v.Shape = "green", "●"
	case signal.Red:
		v.Light, v.Shape = "red", "■"
	case signal.Grey:
		v.Light, v.Shape = "grey", "✕"
	case signal.Yellow:
	}
	v.Word, v.Is = "light."+v.Light, "light."+v.Light+".is"
	return v
}

func legend() []lightView {
	return []lightView{viewLight(signal.Green), viewLight(signal.Yellow), viewLight(signal.Red), viewLight(signal.Grey)}
}

func siteName(s broker.Site) providers.Text {
	if s.Name.KO == "" && s.Name.EN == "" {
		return providers.Text{KO: s.ID, EN: s.ID}
	}
	return s.Name
}

// host is the part of an origin a person should read.
func host(origin string) string {
	if u, err := url.Parse(origin); err == nil && strings.HasPrefix(u.Scheme, "http") {
		return u.Host
	}
	return fmt.Sprintf("%.60s", origin)
}
