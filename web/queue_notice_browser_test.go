package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sinho/lobby"
)

// TestAClosedRoomSaysWhyInARealBrowser closes the room under people who wait, and
// changes what is said.
func TestAClosedRoomSaysWhyInARealBrowser(t *testing.T) {
	s, base := newQueueStage(t)
	p, complaints := newPhone(t)
	// What is a minute to the page is half a second here.
	p.before(watched + `{
		const timer = setTimeout.bind(window);
		window.setTimeout = (f, ms, ...more) => timer(f, ms >= 60000 && ms <= 120000 ? 500 : ms, ...more);
	}`)
	shut := func(f *lobby.Frame) { open(300)(f); f.Closed = true }
	says := func(ko, en string) string {
		return fmt.Sprintf(isShown+` && `+textOf+` === %q && `+textOf+` === %q`, "notice", "notice-is", ko, "notice-is-beside", en)
	}
	s.set(func(s *queueStage) { open(200)(&s.frame) })
	p.do("open", chromedp.Navigate(base+"/queue?r=x"))
	p.until(fmt.Sprintf(isShown, "wait"))

	t.Run("whoever waits reads it when the room closes", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) {
			s.seat.Room.Notice = [2]string{"<b>21시</b>에 다시 열어요.", "Back at 21:00."}
		})
		s.push(shut)
		p.until(fmt.Sprintf(isShown, "closed"))
		p.until(says("<b>21시</b>에 다시 열어요.", "Back at 21:00."))
		if got := js[[]string](p, `said`); !slices.Contains(got, "<b>21시</b>에 다시 열어요.") {
			t.Errorf("got %q said to who listens", got)
		}
		s.set(func(s *queueStage) {
			if s.asked != 0 {
				t.Errorf("got %d questions for a seat, want the answer that is the same for all", s.asked)
			}
		})
		p.fits(360)
	})

	t.Run("it changes while the room is closed", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) { s.seat.Room.Notice = [2]string{"22시에 다시 열어요.", "Back at 22:00."} })
		p.until(says("22시에 다시 열어요.", "Back at 22:00."))
		s.set(func(s *queueStage) { s.seat.Room.Notice = [2]string{} })
		p.until(`!(` + fmt.Sprintf(isShown, "notice") + `) && ` + fmt.Sprintf(isShown, "closed"))
	})

	t.Run("it goes with the closing", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) { s.seat.Room.Notice = [2]string{"22시에 다시 열어요.", "Back at 22:00."} })
		p.until(fmt.Sprintf(isShown, "notice"))
		s.push(func(f *lobby.Frame) { open(320)(f); f.Closed = false })
		p.until(fmt.Sprintf(isShown, "wait") + ` && ` + fmt.Sprintf(textOf, "notice-is") + ` === ""`)
		polled := 0
		s.set(func(s *queueStage) { polled, s.seat.Room.Notice = s.polled, [2]string{} })
		js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 250), true`)
		p.until(`ticks >= 6`)
		s.set(func(s *queueStage) {
			if s.polled != polled {
				t.Errorf("got %d more questions while it is open", s.polled-polled)
			}
		})
	})

	t.Run("whoever comes to a closed room reads it at once", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(func(s *queueStage) {
			s.seat.Room.Closed, s.seat.Room.Notice = true, [2]string{"곧 열어요.", "Open soon."}
			shut(&s.frame)
		})
		p.do("open", chromedp.Navigate(base+"/queue?r=x&lang=en"))
		p.until(says("Open soon.", "곧 열어요."))
		s.set(func(s *queueStage) { s.seat.Room.Notice = [2]string{"내일 열어요.", "Open tomorrow."} })
		p.until(says("Open tomorrow.", "내일 열어요."))
		p.picture("queue-notice-en")
	})

	for _, c := range complaints() {
		if !strings.Contains(c, "503") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}
