package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// stage is a real listener with the pages, lights that a test can change, and a
// provider at another origin.
type stage struct {
	mu      sync.Mutex
	board   signal.Board      // guarded by mu
	sockets []*websocket.Conn // guarded by mu
	begun   []string          // guarded by mu
	looks   int               // guarded by mu: at the push
	deaf    bool              // guarded by mu: no socket is taken
	hold    chan struct{}     // guarded by mu: a login begins when two have been taken
}

func (s *stage) frame() []byte {
	list := []map[string]any{}
	for _, p := range s.board.Providers {
		list = append(list, map[string]any{
			"id": p.ID, "light": viewLight(p.Light).Light, "measured": p.Measured, "since": p.Since, "until": p.Until, "share": p.Share, "planned": p.Planned,
			"reason": map[string]string{"ko": p.Reason.KO, "en": p.Reason.EN},
		})
	}
	out, err := json.Marshal(map[string]any{"seq": s.board.Seq, "at": s.board.At, "local": s.board.Local, "providers": list})
	if err != nil {
		panic(err)
	}
	return out
}

// set changes the lights for everybody who watches.
func (s *stage) set(all ...signal.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board.Seq++
	s.board.At = s.board.At.Add(time.Second)
	s.board.Providers = all
	for _, c := range s.sockets {
		c.WriteMessage(websocket.TextMessage, s.frame())
	}
}

func (s *stage) socket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	deaf := s.deaf
	s.mu.Unlock()
	if deaf {
		http.Error(w, "full", http.StatusServiceUnavailable)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // as signal/live has it
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.sockets = append(s.sockets, c)
	c.WriteMessage(websocket.TextMessage, s.frame())
	s.mu.Unlock()
}

// unhold takes one step of the login that is held, and with the release ends
// the holding.
func (s *stage) unhold(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	hold := s.hold
	if r.PathValue("step") == "release" {
		s.hold = nil
	}
	s.mu.Unlock()
	select {
	case <-hold:
	case <-r.Context().Done():
	}
}

// pressed is the routes begun so far.
func (s *stage) pressed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun)
}

func (s *stage) document(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Write(s.frame())
}

func newStage(t *testing.T) (*stage, string) {
	t.Helper()
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<title>provider</title><h1 id=there>there</h1>"))
	}))
	t.Cleanup(provider.Close)
	s := &stage{}
	s.board = allGreen()()
	login := someLogin()
	login.Expires = time.Now().Add(time.Hour)
	login.Routes[0].Origin, login.Site.Origin = provider.URL, provider.URL
	f := &fake{login: login}
	flow := f.flow()
	flow.Resume = func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Login, error) {
		l := login
		if sealed == "hint" {
			l.Hint = "kakao"
		}
		return l, nil
	}
	flow.Begin = func(_ http.ResponseWriter, r *http.Request, _, id string, c *providers.Contact) (broker.Step, error) {
		s.mu.Lock()
		s.begun = append(s.begun, id)
		hold := s.hold
		s.mu.Unlock()
		for range 2 { // reached, then released
			if hold == nil {
				break
			}
			select {
			case hold <- struct{}{}:
			case <-r.Context().Done():
			}
		}
		if c != nil {
			return broker.Step{Redirect: "/wait/j"}, nil
		}
		return broker.Step{Redirect: provider.URL + "/authorize"}, nil
	}
	flow.Waiting = func(http.ResponseWriter, *http.Request, string) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.looks++; s.looks > 2 {
			return broker.Step{Redirect: provider.URL + "/site?code=1"}, nil
		}
		return someWait(func(j *broker.Wait) {
			j.Expires = time.Now().Add(time.Minute)
			j.Login = login
			j.Dragging = s.looks > 1
		}), nil
	}
	pages, err := New(Config{Flow: flow, Board: func() signal.Board { s.mu.Lock(); defer s.mu.Unlock(); return s.board }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages.Handler())
	mux.HandleFunc("/signal/ws", s.socket)
	mux.HandleFunc("/signal", s.document)
	mux.HandleFunc("/hold/{step}", s.unhold)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

// phone is a Chromium of 360 × 800 pixels.
type phone struct {
	*testing.T
	ctx context.Context
}

func newPhone(t *testing.T) (phone, func() []string) {
	t.Helper()
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.WindowSize(360, 800), chromedp.Flag("lang", "ko"), chromedp.Flag("accept-lang", "ko"))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800)); err != nil {
		t.Fatalf("start Chromium, which this test needs: %v", err)
	}
	messages := chromedp.Console(ctx)
	var found []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				found = append(found, m.String())
			}
			if m.Text == "the end" {
				return
			}
		}
	}()
	// complaints is what the browser had against the pages until now.
	complaints := func() []string {
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`console.log("the end")`)); err != nil {
			t.Fatal(err)
		}
		<-done
		return found
	}
	return phone{t, ctx}, complaints
}

// do takes steps, bounded.
func (p phone) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatalf("%s: %v", what, err)
	}
}

// js evaluates on the page.
func js[T any](p phone, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// until waits for a condition on the page, whatever page that is by then.
func (p phone) until(condition string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// An error is a page that is just leaving.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")")); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			p.Fatalf("never came true: %s", condition)
		case <-tick.C:
		}
	}
}

const orderOnPage = `[...document.querySelectorAll("#routes > li")].map(l => l.dataset.id).join(" ")`

func TestTheChooserInARealBrowser(t *testing.T) {
	s, base := newStage(t)
	p, complaints := newPhone(t)
	const live = `document.querySelector("#live")?.className === "on"`
	there := `document.querySelector("#there")`
	p.do("open the chooser", chromedp.Navigate(base+"/login?r=x"))
	p.until(live)

	if js[bool](p, `document.documentElement.scrollWidth > 360`) {
		t.Error("got a page wider than a phone of 360 pixels")
	}
	if small := js[[]string](p, `[...document.querySelectorAll("a, button:not(.card .go), input:not([type=hidden], [type=checkbox]), label.tick, summary, .card")]
		.filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML.slice(0, 80))`); len(small) > 0 {
		t.Errorf("got targets under 44 pixels: %q", small)
	}

	t.Run("a light changes in place and a closed route cannot be pressed", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(status("naver", signal.Green), status("kakao", signal.Grey), status("toss", signal.Red))
		p.until(`document.querySelector("#login-kakao").disabled && document.querySelector("#light-kakao .word").textContent === "선택불가"`)
		p.until(`document.querySelector("#light-toss .shape").textContent === "■" && !document.querySelector("#until-kakao").hidden`)
		p.until(orderOnPage + `.endsWith("kakao")`)
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`!document.querySelector("#login-kakao").disabled && document.querySelector("#until-kakao").hidden`)
	})

	t.Run("a maintenance is told of before it begins, and until which day it lasts", func(t *testing.T) {
		p := phone{t, p.ctx}
		away := status("naver", signal.Green)
		away.Planned = &signal.Period{From: noon.Add(30 * time.Minute), To: noon.Add(20 * time.Hour)}
		s.set(away, status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`document.querySelector("#planned-naver").textContent === "12:30부터 3월 3일 08:00까지 점검으로 닫힙니다"`)
		away = status("naver", signal.Grey)
		end := noon.Add(20 * time.Hour)
		away.Until = &end
		s.set(away, status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`document.querySelector("#planned-naver").hidden && document.querySelector("#until-naver").textContent.startsWith("3월 3일 08:00까지")`)
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`document.querySelector("#planned-naver").hidden && !document.querySelector("#login-naver").disabled`)
	})

	t.Run("nothing moves under a focus, and moves when it has gone", func(t *testing.T) {
		p := phone{t, p.ctx}
		p.until(`document.querySelector("#routes .first")`)
		first := js[string](p, orderOnPage+`.split(" ")[0]`)
		last := js[string](p, orderOnPage+`.split(" ").at(-1)`)
		js[bool](p, `document.querySelector("#routes > li:last-child").querySelector("summary, button").focus(), true`)
		var all []signal.Status
		for _, id := range []string{"naver", "kakao", "toss"} {
			l := signal.Green
			if id == first {
				l = signal.Grey
			}
			all = append(all, status(id, l))
		}
		s.set(all...)
		p.until(`document.querySelector("#routes li[data-light=grey]")`)
		// The script looks every 500 ms whether it may move: let it look four times.
		js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 500), true`)
		p.until(`ticks >= 5`)
		if got := js[string](p, orderOnPage); !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) {
			t.Errorf("got order %q under a focus, want it as it was, from %s to %s", got, first, last)
		}
		js[bool](p, `document.activeElement.blur(), true`)
		p.until(orderOnPage + `.endsWith("` + first + `")`)
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`!document.querySelector("#routes li[data-light=grey]")`)
	})

	t.Run("what is said of a closed route that the site asks for goes when it opens", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(status("naver", signal.Green), status("kakao", signal.Grey), status("toss", signal.Green))
		p.do("open", chromedp.Navigate(base+"/login?r=hint"))
		p.until(live + ` && !document.querySelector("#notice[data-hint=kakao]").hidden`)
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(`document.querySelector("#notice").hidden`)
		p.do("open", chromedp.Navigate(base+"/login?r=x"))
		p.until(live)
	})

	t.Run("two presses are one, the provider opens, and coming back finds the button alive", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.mu.Lock()
		s.hold = make(chan struct{})
		s.mu.Unlock()
		// The page itself presses again, once the first press has reached the
		// server, and then lets the server go on.
		js[bool](p, `document.querySelector("#login-naver").click(),
			fetch("/hold/reached").then(() => { document.querySelector("#login-naver").click(); return fetch("/hold/release"); }), true`)
		p.until(there)
		got := s.pressed()
		if len(got) != 1 {
			t.Errorf("got %v begun, want one", got)
		}
		p.do("come back", chromedp.NavigateBack())
		p.until(`document.querySelector("#login-naver") && !document.querySelector("form[data-sent]")`)
		js[bool](p, `document.querySelector("#login-naver").click(), true`)
		p.until(there)
	})

	t.Run("a push waits and moves on by itself", func(t *testing.T) {
		p := phone{t, p.ctx}
		p.do("open", chromedp.Navigate(base+"/login?r=x&notice=contact&from=toss"))
		p.do("fill", chromedp.SendKeys("#contact-toss-name", "홍길동"), chromedp.SendKeys("#contact-toss-birthdate", "19900512"),
			chromedp.SendKeys("#contact-toss-phone", "010-0000-0000"), chromedp.Click("#login-toss"))
		p.until(there)
	})

	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}

	t.Run("a socket that is refused leaves a page that is live all the same", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.mu.Lock()
		s.deaf = true
		s.mu.Unlock()
		p.do("open", chromedp.Navigate(base+"/login?r=x"))
		p.until(live) // by polling, after the socket and the events were refused
	})
}
