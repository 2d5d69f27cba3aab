package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/lobby"
)

func TestTheWaitingRoomInARealBrowser(t *testing.T) {
	s, base := newQueueStage(t)
	p, complaints := newPhone(t)
	// A device whose clock is five hours fast, and jumps.
	p.before(`{ const real = Date.now.bind(Date); Date.now = () => real() + 5 * 3600000 * (1 + Math.floor(performance.now() / 500) % 2); }` + watched)
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	s.joined(t)

	t.Run("the opening is counted down by the server's clock", func(t *testing.T) {
		p := phone{t, p.ctx}
		p.until(fmt.Sprintf(textOf, "countdown") + ` < "3:04:04"`)
		if got := p.text("countdown"); !strings.HasPrefix(got, "3:0") {
			t.Errorf("got %q, want about 3:04", got)
		}
		s.push(func(f *lobby.Frame) { f.Second += 3600 })
		p.until(fmt.Sprintf(textOf, "countdown") + `.startsWith("2:0")`)
		p.fits(360)
	})

	t.Run("the place comes from the frame", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.push(func(f *lobby.Frame) { f.Second, f.Opens, f.Crowd = f.Opens, 0, 5000 })
		p.until(fmt.Sprintf(isShown, "drawing") + ` && document.querySelector("#head").textContent === "순서를 정하고 있어요"`)
		s.push(open(0))
		p.until(fmt.Sprintf(textOf, "place") + ` === "` + commas(placeOf(777)+1) + `번째"`)
		p.until(fmt.Sprintf(textOf, "verify") + `.includes("--number 777")`)
		if got, want := p.text("ahead"), "앞에 기다리는 사람 "+commas(placeOf(777))+"명"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if js[bool](p, fmt.Sprintf(isShown, "before")+`||`+fmt.Sprintf(isShown, "drawing")+`||`+fmt.Sprintf(isShown, "early")) {
			t.Error("what was before the opening is still shown")
		}
		p.fits(360)
	})

	t.Run("it shrinks, and an old frame changes nothing", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.push(open(200))
		p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-200) + `명"`)
		s.set(func(s *queueStage) {
			old := s.frame
			old.Second, old.Serving = old.Second-5, 0
			s.send(old)
		})
		s.push(open(300))
		p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-300) + `명"`)
		if got := js[float64](p, `document.querySelector("#bar").value`); got <= 0 || got > 100 {
			t.Errorf("got bar %v", got)
		}
	})

	t.Run("it stands, and says so", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.push(func(f *lobby.Frame) { f.Rate, f.Slow, f.Step, f.Moved = 0, 0, 0, f.Second-65 })
		p.until(fmt.Sprintf(isShown, "standing") + ` && !(` + fmt.Sprintf(isShown, "wait") + `) && ` + fmt.Sprintf(textOf, "moved") + `.includes("1분 전")`)
		s.push(func(f *lobby.Frame) { f.Closed = true })
		p.until(fmt.Sprintf(isShown, "closed") + ` && !(` + fmt.Sprintf(isShown, "standing") + `) && document.title.startsWith("잠시 멈춰 두었어요")`)
		s.push(func(f *lobby.Frame) { f.Closed = false; open(320)(f) })
		p.until(fmt.Sprintf(isShown, "wait") + ` && !(` + fmt.Sprintf(isShown, "closed") + `)`)
	})

	t.Run("an airplane mode costs no place", func(t *testing.T) {
		p := phone{t, p.ctx}
		place := p.text("place")
		p.airplane(true)
		s.leave(true)
		p.until(fmt.Sprintf(isShown, "lost") + ` && document.querySelector("#lost").textContent.includes("연결이 끊겼어요. 자리는 그대로예요.")`)
		if got := p.text("place"); got != place {
			t.Errorf("got place %q, want %q as it was", got, place)
		}
		s.leave(false)
		p.airplane(false)
		s.joined(t)
		p.until(`!(` + fmt.Sprintf(isShown, "lost") + `)`)
		s.push(open(340))
		p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-340) + `명"`)
	})

	t.Run("it says little to who listens", func(t *testing.T) {
		p := phone{t, p.ctx}
		before := js[[]string](p, `said`)
		for i := range uint64(8) {
			s.push(open(400 + 40*i))
		}
		p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-680) + `명"`)
		if after := js[[]string](p, `said`); len(after) != len(before) {
			t.Errorf("got %q said while nothing but numbers changed", after[len(before):])
		}
		if got := strings.Join(before, "|"); strings.Count(got, "차례를 기다리고 있어요") > 2 || !strings.Contains(got, "연결이 끊겼어요") {
			t.Errorf("got %q said", got)
		}
	})

	t.Run("nothing sounds before the buttons are pressed", func(t *testing.T) {
		p := phone{t, p.ctx}
		if js[int](p, `beeps + notes.length`) != 0 {
			t.Error("it sounds by surprise")
		}
		js[bool](p, `document.querySelector("#sound").click(), document.querySelector("#notify").click(), true`)
		p.until(`beeps === 3 && notes.length === 1 && document.querySelector("#sound").getAttribute("aria-pressed") === "true" && document.querySelector("#notify").getAttribute("aria-pressed") === "true"`)
		js[bool](p, `document.querySelector("#sound").click(), true`)
		p.until(`document.querySelector("#sound").getAttribute("aria-pressed") === "false"`)
		js[bool](p, `document.querySelector("#sound").click(), true`)
		p.until(`beeps === 6`)
	})

	t.Run("whoever looks away has a minute to come, and then goes on", func(t *testing.T) {
		p := phone{t, p.ctx}
		js[bool](p, `Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away !== false }), true`)
		s.push(open(placeOf(777) + 10))
		p.until(`document.title === "▶ 차례입니다" && beeps === 9 && notes.length === 2 && document.querySelector("#called").textContent.includes("돌아오면 바로 들어가요")`)
		s.set(func(s *queueStage) {
			if s.asked != 0 {
				t.Error("the pass was asked for while nobody looks")
			}
			s.seat.Called = true
		})
		js[bool](p, `window.away = false, document.dispatchEvent(new Event("visibilitychange")), true`)
		p.until(`location.pathname === "/login" && document.querySelector("#chooser")`)
		if got := js[string](p, `location.search`); got != "?r=fresh-1" {
			t.Errorf("got to %q, want the renewed request", got)
		}
	})

	for _, c := range complaints() {
		if !strings.Contains(c, "WebSocket") && !strings.Contains(c, "503") && !strings.Contains(c, "INTERNET_DISCONNECTED") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}

func TestTheWaitingRoomGoesOnByItself(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	p.before(watched)
	waiting := func(p phone) {
		p.Helper()
		s.set(func(s *queueStage) { s.seat.Called, s.seat.Late, s.asked, s.queue.Verified = false, 0, 0, false })
		s.push(open(100))
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		p.until(fmt.Sprintf(isShown, "wait"))
	}

	t.Run("called, silently", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		s.set(func(s *queueStage) { s.seat.Called = true })
		s.push(open(placeOf(777) + 10))
		p.until(`location.pathname === "/login"`)
	})

	t.Run("called, as soon as the server agrees", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		s.set(func(s *queueStage) { s.seat.Reload = time.Second })
		s.push(open(placeOf(777) + 10))
		p.until(fmt.Sprintf(isShown, "called"))
		p.until(`new URLSearchParams(location.search).get("r") !== "x"`) // it has asked, and been told to wait
		s.set(func(s *queueStage) { s.seat.Called = true })
		p.until(`location.pathname === "/login"`)
	})

	t.Run("late, into the late lane", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		s.set(func(s *queueStage) { s.seat.Late = 9 })
		s.push(func(f *lobby.Frame) {
			open(placeOf(777) + 500)(f)
			f.Fresh, f.Late = placeOf(777)+100, 2
		})
		p.until(fmt.Sprintf(isShown, "late") + ` && ` + fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 6명" && ` + fmt.Sprintf(textOf, "place") + ` === "9번째"`)
	})

	t.Run("in by the session, at the opening", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) {
			s.seat.Late, s.seat.Called, s.queue.Verified = 0, false, true
			s.frame = lobby.Frame{Version: 1, Room: "vaccine", Second: s.frame.Second, Proof: s.seat.Proof, Show: 1000, Opens: s.frame.Second + 50}
		})
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		p.until(fmt.Sprintf(isShown, "verified") + ` && !(` + fmt.Sprintf(isShown, "going") + `)`)
		s.set(func(s *queueStage) { s.queue.Verified = false }) // the form is on the page already
		s.push(func(f *lobby.Frame) { f.Opens, f.Crowd = 0, 5000 })
		p.until(`location.pathname === "/login"`)
		s.set(func(s *queueStage) {
			if len(s.posted) != 1 {
				t.Errorf("got %v posted, want one", s.posted)
			}
		})
	})

	t.Run("not where somebody must agree first", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) {
			s.queue.Verified, s.queue.Agreement, s.posted, s.seat.Spread = true, &broker.Agreement{Claims: []string{"name"}}, nil, 0
		})
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		p.until(fmt.Sprintf(isShown, "claims") + ` && document.querySelector("#head").textContent === "열렸어요"`)
		js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 250), true`)
		p.until(`ticks >= 4`)
		s.set(func(s *queueStage) {
			if len(s.posted) != 0 {
				t.Error("it agreed by itself")
			}
		})
	})
}

// TestTheWaitingRoomInRoughWeather has no sockets, no SHA-256, a store that is away
// and long waits.
func TestTheWaitingRoomInRoughWeather(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	// A long wait of the page's is a short one here, and its clock can be put on.
	p.before(watched + `{
		const timer = setTimeout.bind(window), clock = performance.now.bind(performance);
		const quick = location.search === "?r=quick";
		window.on = 0;
		window.setTimeout = (f, ms, ...more) => timer(f, ms < 600000 ? Math.min(ms, 3000) : quick ? 200 : ms, ...more);
		performance.now = () => clock() + on;
	}`)

	t.Run("frames are polled where no connection can be had", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) { s.deaf = true; open(100)(&s.frame) })
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		s.push(open(900))
		p.until(fmt.Sprintf(textOf, "ahead") + ` === "앞에 기다리는 사람 ` + commas(placeOf(777)-900) + `명"`)
		s.set(func(s *queueStage) { s.deaf = false })
	})

	t.Run("the request is renewed, in the address and in the forms", func(t *testing.T) {
		p := phone{t, p.ctx}
		p.do("open", chromedp.Navigate(base+"/queue?r=quick"))
		p.until(`location.search.startsWith("?r=fresh-") && location.search.slice(3) === document.querySelector("#held input[name=r]").value && document.querySelector("a.switch").href.includes("r=fresh-") && document.querySelector("a.switch").href.endsWith("&lang=en")`)
	})

	t.Run("the server is asked where the browser cannot hash", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) {
			s.frame = lobby.Frame{Version: 1, Room: "vaccine", Second: s.frame.Second + 1, Proof: s.seat.Proof, Show: 1000, Opens: s.frame.Second + 600}
			s.joins = make(chan struct{}, 1000)
		})
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		s.joined(t)
		js[bool](p, `Object.defineProperty(crypto, "subtle", { value: undefined }), true`)
		s.push(open(0))
		p.until(fmt.Sprintf(textOf, "place") + ` === "` + commas(placeOf(777)+1) + `번째"`)
	})

	t.Run("a store that is away is waited for", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) { s.away = true })
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		p.until(fmt.Sprintf(isShown, "lost") + ` && document.querySelector("#head").textContent === "자리를 확인하지 못하고 있어요"`)
		s.set(func(s *queueStage) { s.away = false })
		p.until(fmt.Sprintf(isShown, "wait"))
	})

	t.Run("whoever does not come within a minute is taken in all the same", func(t *testing.T) {
		p := phone{t, p.ctx}
		js[bool](p, `document.querySelector("#vibrate").click(), document.querySelector("#sound").click(), true`)
		p.until(`beeps === 3`)
		js[bool](p, `Object.defineProperty(document, "hidden", { configurable: true, get: () => true }), true`)
		s.set(func(s *queueStage) { s.seat.Called = true })
		s.push(open(placeOf(777) + 1))
		p.until(`beeps === 6`)
		if got := js[string](p, `location.pathname`); got != "/queue" {
			t.Errorf("got to %s before the minute was over", got)
		}
		js[bool](p, `window.on = 61000, true`)
		p.until(`location.pathname === "/login"`)
	})
}

// TestTheWaitingRoomSoundsInARealBrowser presses the button as a person does, and
// looks at the page by night.
func TestTheWaitingRoomSoundsInARealBrowser(t *testing.T) {
	s, base := newQueueStage(t)
	p, complaints := newPhone(t)
	p.do("widen", chromedp.EmulateViewport(412, 915))
	night := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, night); err != nil {
		t.Fatal(err)
	}
	s.set(func(s *queueStage) { open(placeOf(777) / 3)(&s.frame) })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(fmt.Sprintf(isShown, "wait"))
	p.do("press", chromedp.Click("#sound"))
	p.until(`document.querySelector("#sound").getAttribute("aria-pressed") === "true" && document.querySelector("#calls-say").textContent === "차례가 되면 방금 그 소리가 나요."`)
	js[bool](p, `document.querySelector("#shuffle").open = true`)
	p.fits(412)
	p.picture("queue-night-ko")
	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}
}

// TestTheWaitingRoomFitsAPhone walks through the states in both languages; with
// SINHO_SCREENS it keeps a picture of each.
func TestTheWaitingRoomFitsAPhone(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	p.do("widen", chromedp.EmulateViewport(412, 915))
	start := s.frame
	mine := placeOf(777)
	for _, c := range []struct {
		name  string
		frame func(*lobby.Frame)
		seat  func(*queueStage)
		shows string
	}{
		{"before", func(*lobby.Frame) {}, nil, "before"},
		{"verified", func(*lobby.Frame) {}, func(s *queueStage) { s.queue.Verified = true }, "verified"},
		{"waiting", open(mine / 3), nil, "wait"},
		{"standing", func(f *lobby.Frame) { open(mine / 3)(f); f.Rate, f.Slow, f.Moved = 0, 0, f.Second-65 }, nil, "standing"},
		{"called", open(mine + 10), func(s *queueStage) { s.seat.Reload = time.Minute }, "called"},
		{"late", func(f *lobby.Frame) { open(mine + 500)(f); f.Fresh, f.Late = mine+100, 2 }, func(s *queueStage) { s.seat.Late = 9 }, "late"},
		{"closed", func(f *lobby.Frame) { open(mine / 3)(f); f.Closed, f.Rate, f.Slow = true, 0, 0 }, nil, "closed"},
		{"going", open(mine / 3), func(s *queueStage) { s.queue.Verified, s.seat.Spread = true, time.Hour }, "going"},
	} {
		for _, lang := range []string{"ko", "en"} {
			t.Run(c.name+" "+lang, func(t *testing.T) {
				p := phone{t, p.ctx}
				s.set(func(s *queueStage) {
					s.frame, s.queue.Verified, s.seat.Late, s.seat.Spread, s.seat.Reload = start, false, 0, 300*time.Millisecond, 20*time.Second
					c.frame(&s.frame)
					if c.seat != nil {
						c.seat(s)
					}
				})
				p.do("open", chromedp.Navigate(base+"/queue?r=x&lang="+lang))
				p.until(fmt.Sprintf(isShown, c.shows) + ` && ` + fmt.Sprintf(isShown, "calls"))
				p.fits(412)
				p.picture("queue-" + c.name + "-" + lang)
			})
		}
	}
}
