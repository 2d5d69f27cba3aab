package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/lobby"
)

// opRoom is a waiting room of the small broker: whoever has looked so often is
// called. Its broker's mutex guards it.
type opRoom struct {
	looks   int // until called
	next    uint64
	seen    map[string]int // looks by number
	spent   map[string]bool
	crowded int    // so many answers tell to come again later, as an overloaded node does
	forget  bool   // numbers change at each look
	same    bool   // everybody has one number
	lenient bool   // passes are never spent
	once    bool   // one look is told that it is called; who is in has a session, and no ticket
	told    bool   // once: one has been
	frames  int    // sent by sockets
	sockets int    // opened
	accepts string // of the last look
}

func newOPRoom() *opRoom { return &opRoom{looks: 3, seen: map[string]int{}, spent: map[string]bool{}} }

// serve answers what has to do with the room, and says whether it has.
func (q *opRoom) serve(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == "/authorize" && r.Form.Get("client_id") == "playground":
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "1", Path: "/", HttpOnly: true, MaxAge: 60})
		http.Redirect(w, r, "/queue?r="+url.QueryEscape(r.Form.Encode()), http.StatusSeeOther)
	case r.URL.Path == pathQueue && q.crowded > 0:
		q.crowded--
		w.Header().Set("Retry-After", "0")
		trouble(w, http.StatusServiceUnavailable, `{"error_description":"more is asked than can be done right now"}`)
	case r.URL.Path == pathQueue:
		q.look(w, r)
	case r.URL.Path == "/rooms/x/ws":
		q.socket(w, r)
	case strings.HasPrefix(r.URL.Path, "/login"):
		if c, err := r.Cookie("sinho-p-x"); err == nil && c.Value != "" {
			return false
		}
		http.Redirect(w, r, "/queue?r="+url.QueryEscape(r.Form.Get("r")), http.StatusSeeOther)
	default:
		return false
	}
	return true
}

func (q *opRoom) look(w http.ResponseWriter, r *http.Request) {
	q.accepts = r.Header.Get("Accept")
	number := ""
	if c, err := r.Cookie("sinho-t-x"); err == nil && !q.forget {
		number = c.Value
	}
	if number == "" {
		number = strconv.FormatUint(q.next, 10)
		if !q.same {
			q.next++
		}
		http.SetCookie(w, &http.Cookie{Name: "sinho-t-x", Value: number, Path: "/", HttpOnly: true, MaxAge: 600})
	}
	q.seen[number]++
	r2 := url.QueryEscape(r.Form.Get("r"))
	state, to := "waiting", "/login?r="+r2
	if q.seen[number] >= q.looks && (!q.once || !q.told) {
		state, q.told = "called", true
		http.SetCookie(w, &http.Cookie{Name: "sinho-p-x", Value: number, Path: "/", HttpOnly: true, MaxAge: 600})
	}
	switch {
	case strings.Contains(q.accepts, "text/html") && state == "called":
		http.Redirect(w, r, to, http.StatusSeeOther)
	case strings.Contains(q.accepts, "text/html") && hasSession(r):
		page(w, `<form method="post" action="/sessions"><button>계속</button></form>`)
	case strings.Contains(q.accepts, "text/html"):
		page(w, fmt.Sprintf(`<noscript><meta http-equiv="refresh" content="0.01; url=/queue?r=%s"></noscript>`, r2))
	default:
		w.Header().Set("Retry-After", "0")
		n, _ := strconv.ParseUint(number, 10, 64)
		send(w, map[string]any{
			"room": "x", "state": state, "number": n, "continue": to, "socket": "/rooms/x/ws", "wait": map[string]float64{"p50": 1, "p90": 2},
		})
	}
}

func hasSession(r *http.Request) bool {
	_, err := r.Cookie("sinho-s")
	return err == nil
}

// socket sends a frame that calls everybody at once.
func (q *opRoom) socket(w http.ResponseWriter, r *http.Request) {
	q.sockets++
	up := websocket.Upgrader{}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	q.frames++
	_ = c.WriteMessage(websocket.TextMessage, frameOf(lobby.Frame{Version: 1, Room: "x", Second: int64(q.frames), Serving: 1 << 20, Show: 1000, Rate: 1000, Slow: 1000}))
}

// frameOf is a frame as it is sent; nobody looks at the signature here.
func frameOf(f lobby.Frame) []byte {
	payload, _ := json.Marshal(f)
	return []byte("e30." + base64.RawURLEncoding.EncodeToString(payload) + ".e30")
}

// spend says whether the pass of a login that has come back is good; who has none
// goes to the room with a new number.
func (q *opRoom) spend(w http.ResponseWriter, r *http.Request) bool {
	c, err := r.Cookie("sinho-p-x")
	if err == nil && (q.lenient || !q.spent[c.Value]) {
		q.spent[c.Value] = true
		if q.once {
			http.SetCookie(w, &http.Cookie{Name: "sinho-s", Value: "1", Path: "/", MaxAge: 60})
			http.SetCookie(w, &http.Cookie{Name: "sinho-t-x", Path: "/", MaxAge: -1})
			http.SetCookie(w, &http.Cookie{Name: "sinho-p-x", Path: "/", MaxAge: -1})
		}
		return true
	}
	http.SetCookie(w, &http.Cookie{Name: "sinho-t-x", Path: "/", MaxAge: -1})
	http.SetCookie(w, &http.Cookie{Name: "sinho-p-x", Path: "/", MaxAge: -1})
	http.Redirect(w, r, "/queue?r="+url.QueryEscape(r.Form.Get("r")), http.StatusSeeOther)
	return false
}

// throughRoom sends people through the room, all alike.
func throughRoom(t *testing.T, o *fakeOP, people int, h habits) loginReport {
	t.Helper()
	return throughRoomUntil(t, o, people, h, time.Now().Add(time.Hour))
}

func throughRoomUntil(t *testing.T, o *fakeOP, people int, h habits, moment time.Time) loginReport {
	t.Helper()
	opt := stormOptions{loginOptions: o.options(), onset: onset{decay: time.Second}, capacity: 1, times: 1}
	opt.reload = 5
	if err := opt.prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	r, err := prepareStorm(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	r.room.moment, r.room.tabAfter = moment, time.Millisecond
	for range people {
		p := somebody(t, "kakao")
		p.habits = h
		r.tally.arrived(0)
		r.one(t.Context(), p, time.Now())
	}
	return r.report()
}

func TestPeopleWaitTheirTurnByEachManner(t *testing.T) {
	for _, m := range []manner{byPage, byAPI, bySocket} {
		t.Run(m.String(), func(t *testing.T) {
			o := startOP(t)
			o.room = newOPRoom()
			doc := throughRoom(t, o, 3, habits{manner: m})
			room := doc.Room
			if doc.In != 3 || room.People != 3 || room.By[m.String()] != 3 || room.Outcomes["in"] != 3 || room.Waited.Count != 3 || room.CalledToIn.Count != 3 {
				t.Fatalf("got %+v, errors %v %v", room, doc.Errors, doc.Examples)
			}
			if room.LostPlace != 0 || room.DoubleNumber != 0 || room.Again != 0 || room.Shed != 0 || room.ShedWithPass != 0 {
				t.Errorf("got %+v, want nothing wrong", room)
			}
			if told := room.Estimates.Told; (m == byPage) != (told == 0) {
				t.Errorf("%d were told an estimate", told)
			}
			if (m == bySocket) != (o.room.sockets > 0) {
				t.Errorf("%d sockets by %s", o.room.sockets, m)
			}
		})
	}
}

func TestWhatARoomDoesWrongIsCounted(t *testing.T) {
	t.Run("a lost place", func(t *testing.T) {
		o := startOP(t)
		o.room = newOPRoom()
		o.room.forget = true
		o.room.looks = 1
		if doc := throughRoom(t, o, 1, habits{manner: byAPI}); doc.Room.LostPlace != 0 {
			t.Errorf("lost at the first look: %+v", doc.Room)
		}
		o.room.looks, o.room.next = 3, 0
		o.room.seen = map[string]int{"3": 2} // number 0 is of the look before anybody comes
		if doc := throughRoom(t, o, 1, habits{manner: byAPI}); doc.Room.LostPlace != 2 || doc.In != 1 {
			t.Errorf("got %+v, want two numbers lost on the way to the third", doc.Room)
		}
	})
	t.Run("one number for two", func(t *testing.T) {
		o := startOP(t)
		o.room = newOPRoom()
		o.room.same, o.room.lenient = true, true
		if doc := throughRoom(t, o, 3, habits{manner: byAPI}); doc.Room.DoubleNumber != 2 {
			t.Errorf("got %+v, want two who had the number of another", doc.Room)
		}
	})
	t.Run("told to come again later", func(t *testing.T) {
		o := startOP(t)
		o.room = newOPRoom()
		o.room.crowded = 3 // one for the look before anybody comes
		if doc := throughRoom(t, o, 1, habits{manner: byAPI}); doc.Room.Shed != 2 || doc.Room.ShedWithPass != 0 || doc.In != 1 {
			t.Errorf("got %+v, want two", doc.Room)
		}
	})
	t.Run("both tabs get in", func(t *testing.T) {
		o := startOP(t)
		o.room = newOPRoom()
		o.room.lenient = true
		o.room.looks = 8
		if doc := throughRoom(t, o, 1, habits{manner: byAPI, tab: true, greedy: true}); doc.Room.Tabs != (tabReport{Opened: 1, Same: 1, Twice: 1}) {
			t.Errorf("got %+v", doc.Room.Tabs)
		}
	})
}

func TestTheSecondTabHasThePlaceOfTheFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		greedy bool
		want   tabReport
	}{
		{"left alone", false, tabReport{Opened: 1, Same: 1}},
		{"turned back, for the pass is spent", true, tabReport{Opened: 1, Same: 1, Turned: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := startOP(t)
			o.room = newOPRoom()
			o.room.looks = 10
			doc := throughRoom(t, o, 1, habits{manner: byAPI, tab: true, greedy: c.greedy})
			if doc.Room.Tabs != c.want || doc.In != 1 {
				t.Errorf("got %+v and %d in, want %+v and one", doc.Room.Tabs, doc.In, c.want)
			}
		})
	}
}

// One tab hears nothing of its turn until the other has got in: its number was spent,
// which is no lost place.
func TestATabThatComesTooLateHasLostNoPlace(t *testing.T) {
	for _, m := range []manner{byPage, byAPI} {
		t.Run(m.String(), func(t *testing.T) {
			o := startOP(t)
			o.room = newOPRoom()
			o.room.looks, o.room.once = 10, true
			doc := throughRoom(t, o, 1, habits{manner: m, tab: true, greedy: true})
			if doc.In < 1 || doc.Room.LostPlace != 0 || doc.Room.Tabs.Turned != 1 || len(doc.Errors) != 0 {
				t.Errorf("got %d in, %d places lost, tabs %+v, %v", doc.In, doc.Room.LostPlace, doc.Room.Tabs, doc.Errors)
			}
		})
	}
}

func TestWhoDoesNotComeIsNoFailure(t *testing.T) {
	o := startOP(t)
	o.room = newOPRoom()
	doc := throughRoom(t, o, 2, habits{manner: byPage, noShow: true})
	if doc.Room.NoShow != 2 || doc.Left != 2 || doc.Failed != 0 || doc.In != 0 {
		t.Errorf("got %d left, %d failed, %+v", doc.Left, doc.Failed, doc.Room)
	}
}

func TestWhoDropsEverythingComesBackWithTheirPlace(t *testing.T) {
	for _, m := range []manner{byPage, byAPI, bySocket} {
		t.Run(m.String(), func(t *testing.T) {
			o := startOP(t)
			o.room = newOPRoom()
			doc := throughRoomUntil(t, o, 1, habits{manner: m, reconnect: true}, time.Now())
			if doc.Room.Reconnect != 1 || doc.Room.Kept != 1 || doc.In != 1 {
				t.Errorf("got %+v", doc.Room)
			}
		})
	}
}

func TestReturnsAreWrittenWithTheirAnswer(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		again       int // callbacks
		want        string
		asked       int // those who were
	}{
		{"a code", "", 0, "site", 0},
		{"an error", "access denied", 0, "error", 0},
		{"the provider's failure", "kakao fails", 0, "notice-failed", 0},
		{"a provider that is asked once more", "", 1, "site", 1},
		{"a provider that is asked without end", "", 1_000_000, "gone", math.MaxInt},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := startOP(t)
			o.breakWith(c.fault)
			o.mu.Lock()
			o.again = c.again
			o.mu.Unlock()
			opt := stormOptions{loginOptions: o.options(), onset: onset{decay: time.Second}, capacity: 1, times: 1}
			opt.returns = t.TempDir() + "/returns.csv"
			opt.waits = t.TempDir() + "/waits.csv"
			opt.span, opt.follow = 50*time.Millisecond, 1
			opt.capacity = 200
			var stdout strings.Builder
			opt.json = true
			if err := opt.prepare(time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := runStorm(t.Context(), opt, &stdout, &strings.Builder{}); err != nil && c.fault == "" && c.want == "site" {
				t.Fatal(err)
			}
			rows := readCSV(t, opt.returns)
			if len(rows) < 3 || strings.Join(rows[0], ",") != returnHeader {
				t.Fatalf("got %v", rows)
			}
			asked := 0
			for _, row := range rows[1:] {
				if row[2] != "kakao" || row[3] != c.want || row[7] != "false" {
					t.Errorf("got %v, want %s of kakao", row, c.want)
				}
				if row[5] != "0" {
					asked++
				}
			}
			if want := min(c.asked, len(rows)-1); asked != want {
				t.Errorf("%d asked once more, want %d", asked, want)
			}
			if rows := readCSV(t, opt.waits); len(rows) != 1 || strings.Join(rows[0], ",") != stayHeader {
				t.Errorf("got %v, want nobody who met a room", rows)
			}
		})
	}
}
