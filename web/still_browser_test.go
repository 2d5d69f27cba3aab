package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"sinho/signal"
)

// TestNothingMovesUnderAPointer holds the mouse over the list, or its button
// down elsewhere, while the lights change so that the order would.
func TestNothingMovesUnderAPointer(t *testing.T) {
	s, base := newStage(t)
	p, _ := newPhone(t)
	p.do("open", chromedp.Navigate(base+"/login?r=x"))
	p.until(`document.querySelector("#live")?.className === "on" && document.querySelector("#routes .first")`)
	js[bool](p, `window.ticks = 0, setInterval(() => ticks++, 500), true`)
	// The script looks every 500 ms whether it may move: let it look four times.
	looks := func(p phone) {
		js[bool](p, `ticks = 0, true`)
		p.until(`ticks >= 5`)
	}
	lights := func(shut string) {
		var all []signal.Status
		for _, id := range []string{"naver", "kakao", "toss"} {
			l := signal.Green
			if id == shut {
				l = signal.Grey
			}
			all = append(all, status(id, l))
		}
		s.set(all...)
	}
	for _, hold := range []struct {
		name string
		on   string // where the mouse goes
		down bool
	}{
		{"over the last card", "#routes > li:last-child .name", false},
		{"a button held down elsewhere", "h1", true},
	} {
		t.Run(hold.name, func(t *testing.T) {
			p := phone{t, p.ctx}
			lights("")
			p.until(`!document.querySelector("#routes li[data-light=grey]")`)
			looks(p)
			before := js[string](p, orderOnPage)
			first := js[string](p, orderOnPage+`.split(" ")[0]`)
			x, y := p.middle(hold.on)
			p.do("go there", chromedp.MouseEvent(chromedp.MouseMoved, x, y))
			if hold.down {
				p.do("press", chromedp.MouseEvent(chromedp.MousePressed, x, y, chromedp.Button("left")))
			}
			lights(first)
			p.until(`document.querySelector("#routes li[data-light=grey]")`)
			looks(p)
			if got := js[string](p, orderOnPage); got != before {
				t.Errorf("got order %q under the pointer, want %q as it was", got, before)
			}
			if hold.down {
				p.do("let go", chromedp.MouseEvent(chromedp.MouseReleased, x, y, chromedp.Button("left")))
			}
			x, y = p.middle("h1")
			p.do("go away", chromedp.MouseEvent(chromedp.MouseMoved, x, y))
			p.until(orderOnPage + `.endsWith("` + first + `")`)
		})
	}
}

// middle of an element in the window, scrolled to.
func (p phone) middle(selector string) (x, y float64) {
	p.Helper()
	at := js[[]float64](p, `(() => { const e = document.querySelector("`+selector+`"); e.scrollIntoView({ block: "center" });
		const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`)
	return at[0], at[1]
}
