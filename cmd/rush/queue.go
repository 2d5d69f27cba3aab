package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// pathQueue is where a waiting room is, at the broker's origin.
const pathQueue = "/queue"

// manner is how a person follows the waiting room.
type manner int

// The manners.
const (
	byPage   manner = iota // a device without JavaScript: the page as it refreshes itself
	byAPI                  // an app: JSON, again when Retry-After says so
	bySocket               // the room's socket, with the device's own reckoning
)

func (m manner) String() string { return [...]string{"page", "api", "socket"}[m] }

// habits are how a person of a storm behaves in the waiting room.
type habits struct {
	manner    manner
	tab       bool // opens the link in a second tab
	greedy    bool // and goes on in both when called
	reconnect bool // drops what it holds at the moment of the storm
	noShow    bool // does not come when called
}

// seat is what GET /queue answers an app (docs/lobby.md).
type seat struct {
	Room   string  `json:"room"`
	State  string  `json:"state"`
	Number *uint64 `json:"number"` // null: there is nothing to wait for
	Wait   *struct {
		P50 float64 `json:"p50"`
		P90 float64 `json:"p90"`
	} `json:"wait"`
	Continue string `json:"continue"`
	Socket   string `json:"socket"`
}

// The states that need something else than waiting.
const (
	seatCalled = "called"
	seatLate   = "late"
)

// room is what a run knows of waiting rooms.
type room struct {
	sights
	stays    *stays
	returns  *table
	tabAfter time.Duration // a quarter of the longest time until a second tab
	moment   time.Time     // in which those who reconnect drop what they hold; zero: never

	browsers   atomic.Uint64
	socketPool sync.Pool // write buffers, which pongs alone need
}

// newBrowser numbers browsers from 1.
func (r *room) newBrowser() uint64 {
	if r == nil {
		return 0
	}
	return r.browsers.Add(1)
}

// shed counts an answer that told to come again later.
func (r *room) shed(withPass bool, at step) {
	r.stays.mu.Lock()
	defer r.stays.mu.Unlock()
	if withPass {
		r.stays.shedPass++
		r.stays.shedAt[at.String()]++
		return
	}
	r.stays.shed++
}

// passRoom looks where a request is about to go. At the waiting room an app waits,
// and this is where it goes on then; on a device without JavaScript the page does.
func (g *walking) passRoom(ctx context.Context, to *url.URL) (*url.URL, *failure) {
	switch {
	case g.room == nil || !g.carrier.own(to):
		return nil, nil
	case to.Path == pathQueue:
		if f := g.meet(); f != nil || g.person.manner == byPage {
			return nil, f
		}
		return g.queue(ctx, to)
	case to.Path == "/login" && g.inRoom:
		return nil, g.turn()
	default:
		return nil, nil
	}
}

// queue waits in the room at an address, as an app or by the socket, and gives
// where to go on once it is this person's turn.
func (g *walking) queue(ctx context.Context, at *url.URL) (*url.URL, *failure) {
	for range mostLooks {
		s, after, f := g.ask(ctx, at)
		if f != nil {
			return nil, f
		}
		if s != nil {
			if s.Number != nil && g.stay.held(*s.Number) && g.overtaken() {
				return nil, failed(kindTurnedBack, "the other tab was first")
			}
			g.stay.sits(s, time.Now())
			g.openTab(ctx)
			if s.State == seatCalled {
				return g.onwardFrom(at, s)
			}
			if g.person.manner == bySocket && s.Socket != "" && s.State != seatLate {
				after = g.watch(ctx, at, s)
			}
		}
		if err := g.rest(ctx, after); err != nil {
			return nil, &failure{kind: kindOf(err), err: err}
		}
	}
	return nil, failed(kindStuck, "%d looks at the waiting room", mostLooks)
}

// overtaken: the other tab of this browser has got in, while this one has waited.
func (g *walking) overtaken() bool { return (g.tab || g.other != nil) && g.jar.entered.Load() }

// mostLooks bounds one stay, which ends by --patience long before.
const mostLooks = 2000

// meet is coming to the room: for the first time, or back from a provider.
func (g *walking) meet() *failure {
	if g.inRoom {
		return nil
	}
	g.inRoom = true
	if g.stay == nil {
		g.stay = &stay{who: g.browser, tab: g.tab, habits: g.person.habits, came: time.Now()}
		g.stay.anew = g.anew
		return nil
	}
	if g.out.tries > 0 {
		g.stay.again++
		g.close(failed(kindRoom, "back in the waiting room"))
		if g.person.greedy && (g.tab || g.other != nil) {
			return failed(kindTurnedBack, "the other tab was first")
		}
	}
	return nil
}

// turn is being called.
func (g *walking) turn() *failure {
	g.inRoom = false
	g.stay.calledAt(time.Now())
	switch {
	case g.person.noShow:
		return failed(kindNoShow, "did not come when called")
	case g.tab && !g.person.greedy:
		return failed(kindClosed, "the second tab is left alone")
	}
	return nil
}

// leaveRoom ends the stay as the login has ended.
func (g *walking) leaveRoom() {
	if g.stay == nil {
		return
	}
	outcome := outcomeIn
	if f := g.out.failure; f != nil {
		outcome = f.kind
	} else {
		g.stay.in = time.Now()
	}
	g.stays.ended(g.stay, outcome)
}

// openTab opens the site's link in a second tab of the same browser, seconds after
// the first has its number, if this person does that. It is closed when the first is
// done; a greedy person goes on in it as well.
func (g *walking) openTab(ctx context.Context) {
	if !g.person.tab || g.tab || g.other != nil {
		return
	}
	own, shut := context.WithCancel(ctx)
	t := &walking{walker: g.walker, buf: new(bytes.Buffer), person: g.person, jar: g.jar, browser: g.browser, tab: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if pause(own, time.Duration(1+g.browser%4)*g.tabAfter) == nil {
			t.login(own)
		}
	}()
	g.other, g.done = t, func() {
		defer shut()
		if g.person.greedy {
			select {
			case <-done:
			case <-time.After(tabPatience):
			}
		}
		shut()
		<-done
	}
}

// bothTabs is what becomes of the person, whichever tab got in. Who was turned back
// in the first, and not let in in the second, begins anew in one.
func (g *walking) bothTabs(ctx context.Context) outcome {
	if g.other == nil {
		return g.out
	}
	g.done()
	if g.out.in || g.out.failure.kind != kindTurnedBack {
		return g.out
	}
	if g.other.out.in {
		return g.other.out
	}
	g.person.tab, g.person.greedy, g.other, g.stay, g.inRoom, g.home, g.anew = false, false, nil, nil, false, nil, true
	g.back, g.chooser, g.out = nil, nil, outcome{}
	g.login(ctx)
	return g.out
}

// tabPatience is how long a greedy person looks at the second tab after the first
// is done.
const tabPatience = 20 * time.Second

// onwardFrom is where a person who is called goes from the room.
func (g *walking) onwardFrom(at *url.URL, s *seat) (*url.URL, *failure) {
	if f := g.turn(); f != nil {
		return nil, f
	}
	to, err := at.Parse(s.Continue)
	if err != nil {
		return nil, &failure{kind: kindAddress, err: err}
	}
	return to, nil
}

// ask looks at the room as an app does. No seat: come again after what it says.
func (g *walking) ask(ctx context.Context, at *url.URL) (*seat, time.Duration, *failure) {
	a, err := g.fetch(ctx, at)
	if err != nil {
		if ctx.Err() != nil || kindOf(err) != kindNetwork && kindOf(err) != kindConnect || g.reloads >= g.reload {
			return nil, 0, &failure{kind: kindOf(err), err: err}
		}
		g.reloads++
		g.out.notices = append(g.out.notices, kindReload+"-"+kindNetwork)
		return nil, onSecondThought, nil
	}
	g.jar.keep(at.Hostname(), at.Path, a.header["Set-Cookie"])
	after := retryAfter(a.header, time.Now())
	switch {
	case a.status == http.StatusOK:
	case away(a.status), a.status == http.StatusTooManyRequests:
		g.turnedAway(a)
		return nil, max(after, onSecondThought), nil
	default:
		return nil, 0, failed(fmt.Sprintf("%s-%d", kindRoom, a.status), "%s: %s", plain(at), gist(a.body))
	}
	s := new(seat)
	if err := json.Unmarshal(a.body, s); err != nil || s.State == "" {
		return nil, 0, failed(kindRoom, "%s answers an app with what is no seat: %v", plain(at), err)
	}
	return s, max(after, leastLook), nil
}

// leastLook is the shortest time between two looks, whatever the room says.
const leastLook = 200 * time.Millisecond

func (g *walking) fetch(ctx context.Context, at *url.URL) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return answer{}, err
	}
	req.Header = http.Header{"User-Agent": {userAgent}, "Accept": {"application/json"}, "Accept-Language": {"ko"}}
	if cookies := g.cookies(at); cookies != "" {
		req.Header.Set("Cookie", cookies)
	}
	return g.carrier.do(req, g.buf, &g.out.ledger)
}

// rest waits for the next look. The moment of the storm ends it once.
func (g *walking) rest(ctx context.Context, after time.Duration) error {
	began := time.Now()
	defer func() { g.out.ledger.person += time.Since(began) }()
	own, cancel := g.untilDropped(ctx)
	defer cancel()
	err := pause(own, after)
	if ctx.Err() == nil && err != nil {
		g.drop()
		return nil
	}
	return err
}

// untilDropped ends when this person drops what it holds, if that is still to come.
func (g *walking) untilDropped(ctx context.Context) (context.Context, context.CancelFunc) {
	if g.stay == nil || !g.person.reconnect || g.stay.dropped {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, g.moment)
}

// drop notes that this person has dropped everything and begins anew with its ticket.
func (g *walking) drop() { g.stay.dropped = true }
