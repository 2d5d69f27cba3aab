package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/lobby"
	"sinho/signal"
)

// later is what a rota says at a time: the turn of a digit, and after so long that
// of the next.
func later(t *testing.T, digits []int, changes ...time.Time) *broker.Today {
	t.Helper()
	if len(digits) == 0 {
		return &broker.Today{}
	}
	turn := turnOf(t, 9, digits[0])
	today := &broker.Today{Open: true, Turns: []broker.Turn{turn}}
	if len(changes) > 0 {
		today.Changes, today.Then = changes[0], later(t, digits[1:], changes[1:]...)
	}
	return today
}

func TestTheLineComesWithWhatItWillSay(t *testing.T) {
	f := &fake{login: someLogin()}
	h := newWeb(t, f, nil)
	everybody := broker.Turn{Digit: -1, From: august(t, 21, 20)}
	f.login.Today = &broker.Today{Open: true, Turns: []broker.Turn{everybody}, Changes: august(t, 22, 18), Then: later(t, []int{9})}
	for _, lang := range []string{"ko", "en"} {
		for range 2 { // rendered, then kept
			body := get(h, "/login?r=x&lang="+lang).Body.String()
			wellFormed(t, body)
			box := byID(t, body, "rota")
			if !has(box, "hidden") || text(box) != "" {
				t.Errorf("everybody's turn: got %q shown", text(box))
			}
			said := attr(box, "data-later")
			ko, en := strings.Index(said, "9·19·29일"), strings.Index(said, "on a 9th, 19th or 29th")
			if ko < 0 || en < 0 || (ko < en) != (lang == "ko") || !strings.Contains(said, `"at":1629622800000`) {
				t.Errorf("%s: got %q, want the line of later in both languages and when", lang, said)
			}
		}
	}
	f.login.Today = later(t, []int{9})
	if box := byID(t, get(h, "/login?r=x").Body.String(), "rota"); attr(box, "data-later") != "" || has(box, "hidden") {
		t.Error("got a later line, want the one of now alone")
	}
}

const rotaLine = `document.querySelector("#rota .title")?.textContent`

// strangeClock is a device whose clock is five hours fast, and jumps.
const strangeClock = `{ const real = Date.now.bind(Date); Date.now = () => real() + 5 * 3600000 * (1 + Math.floor(performance.now() / 500) % 2); }`

// TestTheLineChangesUnderAReader keeps the chooser open over the end of a window.
func TestTheLineChangesUnderAReader(t *testing.T) {
	f := &fake{login: someLogin()}
	f.login.Expires = noon.Add(time.Hour)
	f.login.Today = later(t, []int{9, 0, 1}, noon.Add(20*time.Minute), noon.Add(40*time.Minute), noon.Add(50*time.Minute))
	s := &stage{board: allGreen()()}
	pages, err := New(Config{Flow: f.flow(), Now: func() time.Time { return noon }, Board: func() signal.Board { s.mu.Lock(); defer s.mu.Unlock(); return s.board }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages.Handler())
	mux.HandleFunc("/signal/ws", s.socket)
	mux.HandleFunc("/signal", s.document)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p, complaints := newPhone(t)
	p.before(strangeClock + watched + `{ const clock = performance.now.bind(performance); window.on = 0; performance.now = () => clock() + on; }`)
	p.do("open", chromedp.Navigate(server.URL+"/login?r=x"))
	p.until(`document.querySelector("#live")?.className === "on"`)
	if got := js[string](p, rotaLine); !strings.Contains(got, "9·19·29일") {
		t.Errorf("got %q to begin with, want the turn of now", got)
	}
	js[bool](p, `window.on = 21 * 60000, true`)
	p.until(rotaLine + `.includes("10·20·30일") && document.querySelector("#rota .beside").textContent.includes("on a 10th, 20th or 30th")`)
	if got := js[[]string](p, `said`); len(got) == 0 || !strings.Contains(got[0], "10·20·30일") {
		t.Errorf("got %q said to who listens", got)
	}
	// The device slept: the lights know how late it is.
	s.mu.Lock()
	s.board.At = noon.Add(45 * time.Minute)
	s.mu.Unlock()
	s.set(s.board.Providers...)
	p.until(rotaLine + `.includes("1·11·21·31일")`)
	s.mu.Lock()
	s.board.At = noon.Add(55 * time.Minute)
	s.mu.Unlock()
	s.set(s.board.Providers...)
	p.until(rotaLine + ` === "정해진 접수 일정이 모두 끝났습니다"`)
	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}
}

// TestTheLineChangesUnderWhoWaits does the same in the waiting room, by its frames.
func TestTheLineChangesUnderWhoWaits(t *testing.T) {
	s, base := newQueueStage(t)
	s.set(func(s *queueStage) {
		open(200)(&s.frame)
		s.queue.Today = later(t, []int{9, 0}, noon.Add(30*time.Minute))
	})
	p, _ := newPhone(t)
	p.before(strangeClock)
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(`document.querySelector("#wait")?.getClientRects().length > 0 && ` + rotaLine + `.includes("9·19·29일")`)
	s.push(func(f *lobby.Frame) { f.Second = noon.Add(31 * time.Minute).Unix() })
	p.until(rotaLine + `.includes("10·20·30일")`)
}

// TestTheLineIsOfTheOpening comes to the waiting room before a window begins with
// the opening.
func TestTheLineIsOfTheOpening(t *testing.T) {
	s, base := newQueueStage(t)
	turn := turnOf(t, 9, 9)
	turn.From = time.Now().Add(time.Hour)
	s.set(func(s *queueStage) {
		s.frame.Second, s.frame.Opens = turn.From.Unix()-10, turn.From.Unix()
		s.queue.Today = &broker.Today{Open: true, Turns: []broker.Turn{turn}}
	})
	p, _ := newPhone(t)
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(rotaLine + `.startsWith("열릴 때 차례: ") && document.querySelector("#rota .beside").textContent.startsWith("At the opening: ")`)
	s.push(func(f *lobby.Frame) { f.Second = turn.From.Unix() + 1; open(200)(f) })
	p.until(rotaLine + `.startsWith("지금 차례: ") && document.querySelector("#rota .beside").textContent.startsWith("Now: ")`)
}
