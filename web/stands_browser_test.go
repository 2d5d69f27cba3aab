package web

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"sinho/signal"
)

// TestTheOrderStandsWhileNoLightChanges has shares alone turn the order round, on a page
// that nobody touches, as they do by a little every second.
func TestTheOrderStandsWhileNoLightChanges(t *testing.T) {
	s, base := newStage(t)
	p, _ := newPhone(t)
	p.do("open", chromedp.Navigate(base+"/login?r=x"))
	p.until(`document.querySelector("#live")?.className === "on" && document.querySelector("#routes .first")`)
	js[bool](p, `window.later = 0, (real => performance.now = () => real() + later)(performance.now.bind(performance)), true`)
	first := func() string { return js[string](p, orderOnPage+`.split(" ")[0]`) }
	word := func(id, is string) string {
		return `document.querySelector('#routes [data-id="` + id + `"] .word').textContent === "` + is + `"`
	}
	// turn has next to nobody be sent to a route, with a light of its own for another.
	turn := func(from, other string, l signal.Light) {
		var all []signal.Status
		for _, id := range []string{"naver", "kakao", "toss"} {
			one := status(id, signal.Green)
			if one.Share = 1; id == from {
				one.Share = 1e-6
			}
			if id == other {
				one.Light = l
			}
			all = append(all, one)
		}
		s.set(all...)
	}
	seen := func() { // by now the page has had it and looked whether it may move
		at := js[float64](p, `performance.now()`)
		p.until(`performance.now() > ` + strconv.FormatFloat(at, 'f', 0, 64) + ` + 1200`)
	}
	was := first()
	other := "naver"
	if was == other {
		other = "kakao"
	}
	turn(was, other, signal.Green)
	seen()
	if got := first(); got != was {
		t.Errorf("shares alone: got %s first at once, want %s to stand", got, was)
	}
	turn(was, other, signal.Yellow)
	p.until(word(other, "지연"))
	p.until(orderOnPage + `.split(" ")[0] !== "` + was + `"`)

	now := first()
	turn(now, other, signal.Yellow)
	seen()
	if got := first(); got != now {
		t.Errorf("after a light: got %s first at once, want %s to stand", got, now)
	}
	js[bool](p, `later = 11000, true`)
	turn(now, other, signal.Yellow)
	p.until(orderOnPage + `.split(" ")[0] !== "` + now + `"`)
}
