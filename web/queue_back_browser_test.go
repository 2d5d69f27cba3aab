package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sinho/lobby"
)

// storable is a response without no-store: Chromium keeps no page in its
// back-forward cache that has it and a socket, as ours do, but others may.
type storable struct{ http.ResponseWriter }

func (w storable) WriteHeader(status int) {
	w.Header().Del("Cache-Control")
	w.ResponseWriter.WriteHeader(status)
}

func (w storable) Write(p []byte) (int, error) {
	w.Header().Del("Cache-Control")
	return w.ResponseWriter.Write(p)
}

// newBackStage is a waiting room that can be left for a page elsewhere and come
// back to.
func newBackStage(t *testing.T, kept bool) (*queueStage, string) {
	t.Helper()
	s, _ := newQueueStage(t)
	room := s.handler
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<title>elsewhere</title><h1 id=elsewhere>elsewhere</h1>"))
	})
	mux.Handle("/", room)
	mux.HandleFunc("/queue", func(w http.ResponseWriter, r *http.Request) {
		if kept {
			w = storable{w}
		}
		room.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

// TestTheWaitingRoomIsComeBackTo leaves the page and comes back, as it is kept by
// the browser or loaded anew.
func TestTheWaitingRoomIsComeBackTo(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprintf("kept by the browser: %t", kept), func(t *testing.T) {
			s, base := newBackStage(t, kept)
			p, _ := newPhone(t)
			// Whoever lost a connection comes back as late as there is; what is silent
			// for forty seconds is so for a moment when it leaves.
			p.before(watched + `{
				const timer = setTimeout.bind(window);
				window.setTimeout = (f, ms, ...more) => timer(f, ms === 40000 && window.quick ? 1500 : ms, ...more);
				Math.random = () => 0.99;
				window.restored = 0;
				addEventListener("pageshow", e => { if (e.persisted) restored++; });
			}`)
			s.set(func(s *queueStage) { open(200)(&s.frame) })
			come := func(p phone) {
				p.Helper()
				s.push(open(200))
				p.do("open", chromedp.Navigate(base+"/queue?r=x"))
				p.until(fmt.Sprintf(isShown, "wait"))
				s.joined(t)
			}
			// leave goes elsewhere for longer than the page may hear nothing.
			leave := func(p phone) {
				p.Helper()
				js[bool](p, `window.quick = true`)
				s.push(func(f *lobby.Frame) { f.Serving++ })
				p.until(fmt.Sprintf(textOf, "called-far") + ` === "지금 201번째까지 불렀어요"`)
				js[bool](p, `window.quick = false, location.href = "/elsewhere", true`)
				p.until(`document.querySelector("#elsewhere")`)
				js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 250), true`)
				p.until(`ticks >= 8`)
			}
			back := func(p phone) {
				p.Helper()
				p.do("back", chromedp.NavigateBack())
				p.until(`document.querySelector("#queue")`)
				if got := js[int](p, `restored`); (got == 1) != kept {
					t.Fatalf("got the page restored %d times, want it kept: %t", got, kept)
				}
			}

			t.Run("and goes on where the room is by now", func(t *testing.T) {
				p := phone{t, p.ctx}
				come(p)
				leave(p)
				s.push(open(500))
				back(p)
				p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-500) + `명"`)
				s.joined(t) // at once, not when a crowd would
				s.push(open(520))
				p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-520) + `명" && !(` + fmt.Sprintf(isShown, "lost") + `)`)
			})

			t.Run("and goes in, if it was called meanwhile", func(t *testing.T) {
				p := phone{t, p.ctx}
				come(p)
				leave(p)
				s.set(func(s *queueStage) { s.seat.Called = true })
				s.push(open(placeOf(777) + 10))
				p.do("back", chromedp.NavigateBack())
				p.until(`location.pathname === "/login" && document.querySelector("#chooser")`)
			})
		})
	}
}

// TestWhoWentInComesBackToAButtonThatWorks has a session, goes in at the opening
// and comes back from the site to a page that the browser kept.
func TestWhoWentInComesBackToAButtonThatWorks(t *testing.T) {
	s, base := newBackStage(t, true)
	p, _ := newPhone(t)
	p.before(`window.restored = 0; addEventListener("pageshow", e => { if (e.persisted) restored++; });`)
	s.set(func(s *queueStage) { s.queue.Verified, s.seat.Spread = true, 0; open(200)(&s.frame) })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(`location.pathname === "/login"`)
	p.do("back", chromedp.NavigateBack())
	p.until(`document.querySelector("#login-continue")?.getClientRects().length > 0`)
	posted := func() (n int) {
		s.set(func(s *queueStage) { n = len(s.posted) })
		return n
	}
	if js[int](p, `restored`) == 1 {
		if n := posted(); n != 1 {
			t.Errorf("got %d sent, want the page to wait for the person, who came back on purpose", n)
		}
		js[bool](p, `document.querySelector("#login-continue").click(), true`)
	}
	p.until(`location.pathname === "/login"`)
	if n := posted(); n != 2 {
		t.Errorf("got %d sent, want 2", n)
	}
}

// TestTheWaitingRoomWithReducedMotion changes numbers once a frame, moves nothing,
// and takes nobody for called before they are.
func TestTheWaitingRoomWithReducedMotion(t *testing.T) {
	s, base := newQueueStage(t)
	p, complaints := newPhone(t)
	less := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, less); err != nil {
		t.Fatal(err)
	}
	// The page's clock can be held.
	p.before(watched + `{
		const clock = performance.now.bind(performance);
		window.held = 0;
		performance.now = () => held || clock();
		window.changes = [];
		document.addEventListener("DOMContentLoaded", () => {
			const far = document.getElementById("called-far");
			if (far) new MutationObserver(() => changes.push(far.textContent)).observe(far, { childList: true });
		});
	}`)
	mine := placeOf(777)
	rush := func(serving uint64) func(*lobby.Frame) {
		return func(f *lobby.Frame) { open(serving)(f); f.Step = 200 }
	}
	s.set(func(s *queueStage) { rush(200)(&s.frame) })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(fmt.Sprintf(isShown, "wait"))
	s.joined(t)

	t.Run("numbers change with each frame, and not between", func(t *testing.T) {
		p := phone{t, p.ctx}
		js[bool](p, `window.held = performance.now(), changes.length = 0, true`)
		for i := range uint64(4) {
			s.push(rush(400 + 200*i))
			p.until(fmt.Sprintf(textOf, "called-far") + ` === "지금 ` + commas(400+200*i) + `번째까지 불렀어요"`)
		}
		js[bool](p, `window.held = 0, window.ticks = 0, setInterval(() => ticks++, 250), true`)
		p.until(`ticks >= 6`)
		if got := js[[]string](p, `changes`); len(got) != 4 {
			t.Errorf("got %q, want one change for each of four frames", got)
		}
		if moving := js[[]string](p, `document.getAnimations().map(a => (a.animationName || a.transitionProperty) + " " + a.effect.target.outerHTML.slice(0, 60))`); len(moving) > 0 {
			t.Errorf("got %q moving", moving)
		}
	})

	t.Run("the turn comes when it does, and is not asked for before", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) { s.seat.Reload = time.Minute })
		js[bool](p, `window.held = performance.now(), true`)
		s.push(rush(mine + 1)) // the last of this second
		p.until(fmt.Sprintf(textOf, "called-far") + ` === "지금 ` + commas(mine+1) + `번째까지 불렀어요"`)
		js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 250), true`)
		p.until(`ticks >= 6`)
		if got, want := p.text("ahead"), "앞에 기다리는 사람 0명"; got != want || js[bool](p, fmt.Sprintf(isShown, "standing")) {
			t.Errorf("got %q, or that it stands; want %q", got, want)
		}
		s.set(func(s *queueStage) {
			if s.asked != 0 {
				t.Errorf("got the pass asked for %d times before the turn has come", s.asked)
			}
			s.seat.Called = true
		})
		js[bool](p, `window.held = 0, true`)
		p.until(`location.pathname === "/login"`)
	})

	for _, c := range complaints() {
		if !strings.Contains(c, "503") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}
