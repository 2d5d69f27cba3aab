package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/lobby"
)

// TestWhoWasCalledIsToldWhyTheyDoNotGoIn has the frames call a device, and the room
// then not let it in.
func TestWhoWasCalledIsToldWhyTheyDoNotGoIn(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	p.before(watched)
	waiting := func(p phone) {
		p.Helper()
		s.set(func(s *queueStage) {
			s.seat.Called, s.seat.Number, s.seat.Reload, s.seat.Room.Closed = false, 777, time.Second, false
		})
		s.push(func(f *lobby.Frame) { open(100)(f); f.Closed = false })
		p.do("open", chromedp.Navigate(base+"/queue?r=x"))
		p.until(fmt.Sprintf(isShown, "wait"))
	}

	calls := func(f *lobby.Frame) { open(placeOf(777) + 10)(f); f.Closed = false }
	shut := func(f *lobby.Frame) { open(placeOf(777) + 10)(f); f.Closed = true }
	t.Run("the room was closed, and opens again", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		js[bool](p, `window.same = true`)
		s.set(func(s *queueStage) {
			s.seat.Room.Closed, s.seat.Room.Notice = true, [2]string{"21시에 다시 열어요.", "Back at 21:00."}
		})
		s.push(calls) // the last before it was closed
		p.until(fmt.Sprintf(isShown, "closed") + ` && !(` + fmt.Sprintf(isShown, "called") + `) && !(` + fmt.Sprintf(isShown, "standing") + `) && document.title.startsWith("잠시 멈춰 두었어요")`)
		s.push(shut)
		p.until(fmt.Sprintf(textOf, "notice-is") + ` === "21시에 다시 열어요." && ` + fmt.Sprintf(textOf, "place") + ` === "` + commas(placeOf(777)+1) + `번째"`)
		if !js[bool](p, `window.same === true`) {
			t.Error("the page was loaded again")
		}
		s.set(func(s *queueStage) { s.seat.Called, s.seat.Room.Closed, s.seat.Room.Notice = true, false, [2]string{} })
		s.push(calls)
		p.until(`location.pathname === "/login"`)
	})

	t.Run("it is closed while nobody looks, and calls again when it opens", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		js[bool](p, `document.querySelector("#sound").click(), true`)
		p.until(`beeps === 3`)
		js[bool](p, `Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away !== false }), true`)
		s.push(calls)
		p.until(`beeps === 6 && document.title === "▶ 차례입니다"`)
		s.push(shut)
		p.until(fmt.Sprintf(isShown, "closed") + ` && !(` + fmt.Sprintf(isShown, "called") + `) && document.title.startsWith("잠시 멈춰 두었어요")`)
		s.set(func(s *queueStage) { s.seat.Called = true })
		s.push(calls)
		p.until(`beeps === 9 && document.title === "▶ 차례입니다" && ` + fmt.Sprintf(isShown, "called"))
		js[bool](p, `window.away = false, document.dispatchEvent(new Event("visibilitychange")), true`)
		p.until(`location.pathname === "/login"`)
	})

	t.Run("another tab has used the number, and there is a new one", func(t *testing.T) {
		p := phone{t, p.ctx}
		waiting(p)
		s.set(func(s *queueStage) { s.seat.Number = 4999 })
		if placeOf(4999) <= placeOf(777)+10 {
			t.Fatal("the new number is called too")
		}
		s.push(calls)
		p.until(fmt.Sprintf(isShown, "wait") + ` && ` + fmt.Sprintf(textOf, "place") + ` === "` + commas(placeOf(4999)+1) + `번째"`)
	})
}

// TestWhoWaitsInARoomThatIsSwitchedOffGoesIn learns it from the answer that there is
// no such room, and does not take it for a lost connection.
func TestWhoWaitsInARoomThatIsSwitchedOffGoesIn(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	p.before(watched + `Math.random = () => 0.01; addEventListener("pagehide", () => sessionStorage.setItem("said", said.join("|")));`)
	s.set(func(s *queueStage) { open(100)(&s.frame); s.seat.Reload = time.Minute })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(fmt.Sprintf(isShown, "wait"))
	s.joined(t)
	s.set(func(s *queueStage) { s.none = true })
	s.leave(false)
	p.until(`location.pathname === "/login"`)
	if got := js[string](p, `sessionStorage.getItem("said")`); got != "" {
		t.Errorf("got %q said on the way, want nothing", got)
	}
}

// TestTheOfferToVerifyEarlyEndsOnAnOpenPage has the room closed and opened before
// that, which takes the offer away and gives it back.
func TestTheOfferToVerifyEarlyEndsOnAnOpenPage(t *testing.T) {
	s, base := newQueueStage(t)
	p, _ := newPhone(t)
	s.set(func(s *queueStage) { s.seat.Room.Early = time.Hour; s.queue.MayVerify = true })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	s.joined(t)
	offered := fmt.Sprintf(isShown, "early-go")
	p.until(offered)
	s.push(func(f *lobby.Frame) { f.Closed = true })
	p.until(fmt.Sprintf(isShown, "closed") + ` && !(` + offered + `)`)
	s.push(func(f *lobby.Frame) { f.Closed = false })
	p.until(fmt.Sprintf(isShown, "before") + ` && ` + offered)
	s.push(func(f *lobby.Frame) { f.Second = f.Opens - 3600 })
	p.until(fmt.Sprintf(isShown, "before") + ` && !(` + offered + `)`)
}
