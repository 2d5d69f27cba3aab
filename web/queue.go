package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
	"sinho/providers"
	"sinho/signal"
)

// The states of somebody in the waiting room, as the page and the API name them.
const (
	queueBefore  = "before_opening"
	queueDrawing = "drawing" // open, and the shuffle not out yet: the API calls it waiting
	queueWaiting = "waiting"
	queueCalled  = "called"
	queueLate    = "late"
	queueClosed  = "closed"
	queueAway    = "unavailable"
	queueGoing   = "going" // a session is enough, and it has opened: the API calls it called
)

// awayReload is when a page comes again that could not be told its place.
const awayReload = 10 * time.Second

// queueView is the waiting room's page.
type queueView struct {
	page
	Login    broker.Login
	Verified bool
	Site     providers.Text
	Room     providers.Text // its title, empty for none
	Name     string         // of the room, "" while it is not known
	State    string
	Rota     *providers.Text
	Later    string // what that line will say, for the script
	Self     string // this page anew
	Reload   string // seconds

	Number, Place, Ahead, Called string // as people count, with commas
	Wait, Moved                  providers.Text
	Percent                      string
	Standing                     bool
	InLate                       bool
	Notice                       providers.Text // of a closed room, empty for none

	Left   string // until the opening
	Opens  providers.Text
	Proof  string
	Verify string // the command line that checks it, once there is a seed
	Early  bool

	Going    bool // a session is enough, and the opening has come
	Cards    []card
	At       string // when the lights were so
	Held     heldView
	Slot     string // stands for the cards in a kept frame
	HeldSlot string // and for Held

	// For the script: numbers from 0, milliseconds of the server.
	NumberAt, LateAt, PlaceAt string // PlaceAt is "" for none yet
	NowMS, OpensMS, Spread    string
	Frame, Script             string
}

// queue answers GET /queue: the waiting room, to people and (Accept:
// application/json) to apps.
func (web *Web) queue(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	sealed, apps := r.URL.Query().Get("r"), wantsJSON(r)
	switch {
	case web.cfg.Seat == nil && apps: // rooms may have gone while it waited
		answerQueue(w, http.StatusOK, reloadIn(hall.Seat{}, false), queueAnswer{State: queueCalled, Continue: broker.ChooserURL(sealed, broker.Notice{})})
		return
	case web.cfg.Seat == nil:
		seeOther(w, broker.ChooserURL(sealed, broker.Notice{}))
		return
	}
	q, err := web.cfg.Flow.Queue(w, r, sealed)
	if err != nil && apps {
		web.queueProblem(w, r, err)
		return
	}
	if err != nil {
		web.fail(w, r, err)
		return
	}
	s, err := web.cfg.Seat(w, r, q.Entrance)
	s.Called = s.Called || errors.Is(err, hall.ErrNoRoom) // nothing to wait for
	away := err != nil && !s.Called
	if away {
		web.cfg.Log.ErrorContext(r.Context(), "waiting room", "ref", q.Ref, "error", err)
	}
	switch {
	case apps:
		web.queueJSON(w, q, s, away)
	case s.Called:
		seeOther(w, broker.ChooserURL(q.Sealed, broker.Notice{}))
	default:
		web.showQueue(w, r, q, s, away)
	}
}

// early answers POST /queue/early: a login ahead of the opening.
func (web *Web) early(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	if web.cfg.Seat == nil {
		seeOther(w, broker.ChooserURL(r.PostForm.Get("r"), broker.Notice{}))
		return
	}
	s, err := web.cfg.Flow.VerifyEarly(w, r, r.PostForm.Get("r"))
	web.step(w, r, s, err)
}

// stateOf is where somebody is in the room.
func stateOf(s hall.Seat, away bool) string {
	switch {
	case away:
		return queueAway
	case s.Called:
		return queueCalled
	case s.Room.Closed || s.View.Closed:
		return queueClosed
	case !s.Opens.IsZero():
		return queueBefore
	case !s.View.Drawn && s.Proof != "":
		return queueDrawing
	case s.Late > 0 || s.View.TooLate:
		return queueLate
	}
	return queueWaiting
}

// going says that a session is enough now.
func going(q broker.Queueing, state string) bool {
	return q.Verified && state != queueBefore && state != queueClosed && state != queueAway
}

// mayVerify says that a login ahead of the opening is offered.
func mayVerify(q broker.Queueing, s hall.Seat, away bool) bool {
	return s.MayBe && q.MayVerify && !q.Verified && !away && !s.Opens.IsZero()
}

func (web *Web) showQueue(w http.ResponseWriter, r *http.Request, q broker.Queueing, s hall.Seat, away bool) {
	state := stateOf(s, away)
	v := queueView{
		page: web.page(w, r, q.Locale), Login: q.Login, Verified: q.Verified, Site: siteName(q.Site), State: state,
		Room: providers.Text{KO: s.Room.Title[0], EN: s.Room.Title[1]}, Name: s.Room.Name, Rota: web.rotaLine(q.Today),
		Self: broker.QueueURL(q.Sealed), Reload: strconv.Itoa(reloadIn(s, away)), Proof: s.Proof, Early: mayVerify(q, s, away),
		Going: going(q, state), Number: commas(s.Number + 1), NowMS: milli(s.Now.UnixMilli()), Spread: milli(s.Spread.Milliseconds()),
		NumberAt: strconv.FormatUint(s.Number, 10), LateAt: strconv.FormatUint(s.Late, 10), Frame: s.Frame, OpensMS: "0",
	}
	v.Switch = "/queue?" + url.Values{"r": {q.Sealed}, "lang": {v.Other}}.Encode()
	if v.Going {
		v.State = queueGoing
	}
	v.Later = web.laterLines(v.page, q.Today)
	v.Title, _ = v.T("queue." + v.State)
	v.Notice = noticeOf(s, state)
	v.line(web, s)
	if !s.Opens.IsZero() {
		at := moment(s.Opens.In(korea), true)
		v.Opens = providers.Text{KO: at.KO, EN: web.in("en", "rota.korean", "t", at)}
		v.Left, v.OpensMS = v.countdown(s.Opens.Sub(s.Now)), milli(s.Opens.UnixMilli())
	}
	if f, ok := frameOf(s.Frame); ok && f.Seed != "" && f.Crowd > 0 {
		v.Verify = fmt.Sprintf("sinho lobby verify --commitment %s --seed %s --count %d --number %d", f.Proof, f.Seed, f.Crowd, s.Number)
	}
	web.ready(&v, r)
	v.Script = web.calls[v.Lang]
	allowForms(w.Header(), q.Login)
	status := http.StatusOK
	if away {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", v.Reload)
	}
	if !web.showKeptQueue(w, status, &v) {
		web.render(w, "queue", status, v)
	}
}

// noticeOf is what the operators who have closed a room say to those who wait.
func noticeOf(s hall.Seat, state string) providers.Text {
	if state != queueClosed {
		return providers.Text{}
	}
	return providers.Text{KO: s.Room.Notice[0], EN: s.Room.Notice[1]}
}

func milli(ms int64) string { return strconv.FormatInt(ms, 10) }

// line is the place in the line, and how it moves.
func (v *queueView) line(web *Web, s hall.Seat) {
	if !s.View.Drawn {
		return
	}
	at, place := called(s)
	v.PlaceAt = strconv.FormatUint(s.View.Place, 10)
	v.InLate = s.Late > 0
	v.Place, v.Ahead, v.Called = commas(place+1), commas(s.View.Ahead), commas(at)
	v.Percent = strconv.FormatUint(100*min(at, place)/(place+1), 10)
	v.Standing = !s.View.Known
	if s.View.Known {
		v.Wait = web.about(s.View.P50, s.View.P90)
	}
	if s.View.Moved != 0 {
		v.Moved = web.ago(s.Now.Sub(time.Unix(s.View.Moved, 0)))
	}
}

// called is how far the lane has been called, and the place in it.
func called(s hall.Seat) (at, place uint64) {
	f, _ := frameOf(s.Frame)
	if s.Late > 0 {
		return f.Late, s.Late - 1
	}
	step := min(f.Step, f.Serving) // evenly within its second
	since := min(max(s.Now.Sub(time.Unix(f.Second, 0)).Seconds(), 0), 1)
	return f.Serving - step + uint64(float64(step)*since), s.View.Place
}

// ready is what can be done meanwhile: the routes as the chooser shows them, of
// which nothing begins here, and the certificates.
func (web *Web) ready(v *queueView, r *http.Request) {
	l, board, h := v.Login, web.cfg.Board(), heldOn(r)
	v.Cards = web.cards(v.page, l, board, arrange(l, board, signal.Epoch(web.cfg.Now()), broker.Notice{}, h), broker.Notice{}, h, nil)
	for i := range v.Cards {
		v.Cards[i].First = false // nobody need press it yet
	}
	v.Held = viewHeld(v.page, l, broker.Notice{}, h)
	if !board.At.IsZero() {
		v.At = board.At.In(korea).Format(time.TimeOnly)
	}
}

// frameOf reads a frame of our own.
func frameOf(jws string) (f lobby.Frame, ok bool) {
	_, rest, _ := strings.Cut(jws, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	return f, err == nil && json.Unmarshal(raw, &f) == nil && f.Version == 1
}

func reloadIn(s hall.Seat, away bool) int {
	d := s.Reload
	if away {
		d = awayReload
	}
	return max(2, int(math.Ceil(d.Seconds())))
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// commas writes a number as people read it.
func commas(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// about says a wait as a range of minutes, or of hours. The script says the same.
func (web *Web) about(p50, p90 float64) providers.Text {
	unit, key := 60.0, "queue.min"
	if p90 >= 7200 {
		unit, key = 3600, "queue.hours"
	}
	from, to := max(1, int(math.Round(p50/unit))), int(math.Ceil(p90/unit))
	switch {
	case p90 < 60:
		return web.words["queue.soon"]
	case from >= to:
		return web.both(key, "b", to)
	}
	return web.both(key+".range", "a", from, "b", to)
}

// ago says how long ago the queue moved. The script says the same.
func (web *Web) ago(d time.Duration) providers.Text {
	switch s := int(d / time.Second); {
	case s < 10:
		return web.words["queue.ago.now"]
	case s < 60:
		return web.both("queue.ago.s", "n", s)
	case s < 7200:
		return web.both("queue.ago.m", "n", s/60)
	default:
		return web.both("queue.ago.h", "n", s/3600)
	}
}

// countdown is 3:04 or 1:02:03, with days before it. The script says the same.
func (p page) countdown(d time.Duration) string {
	s := max(0, int(math.Ceil(d.Seconds())))
	out := fmt.Sprintf("%d:%02d", s/60%60, s%60)
	if s >= 3600 {
		out = fmt.Sprintf("%d:%02d:%02d", s/3600%24, s/60%60, s%60)
	}
	if s >= 86400 {
		days, _ := p.T("queue.days", "n", s/86400)
		out = days + " " + out
	}
	return out
}
