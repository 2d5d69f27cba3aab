package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"sinho/signal"
)

// TestLettersTwiceAsLargeFitAPhone has the letters of the browser at 200 % (WCAG
// 2.2, 1.4.4): nothing is cut off, and no text runs down a column of one word.
func TestLettersTwiceAsLargeFitAPhone(t *testing.T) {
	s, base := newQueueStage(t)
	chooser, chooserBase := newStage(t)
	chooser.set(status("naver", signal.Green), status("kakao", signal.Red), status("toss", signal.Grey))
	p, _ := newPhone(t)
	s.set(func(s *queueStage) { open(placeOf(777) / 3)(&s.frame) })
	// Whoever zooms in by half has half the width.
	p.do("zoom", chromedp.EmulateViewport(180, 400, chromedp.EmulateScale(2)))
	for _, lang := range []string{"ko", "en"} {
		for path, shows := range map[string]string{base + "/queue": "wait", chooserBase + "/login": "routes"} {
			p.do("open", chromedp.Navigate(path+"?r=x&lang="+lang))
			p.until(fmt.Sprintf(isShown, shows))
			if got := js[int](p, `document.documentElement.scrollWidth`); got > 180 {
				t.Errorf("%s in %s: got %d pixels, want 180 at most: %q", path, lang, got, js[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 180.5).map(e => e.outerHTML.slice(0, 80))`))
			}
			if thin := js[[]string](p, `[...document.querySelectorAll(".card .name, .card .why")].filter(e => e.getBoundingClientRect().width < 90).map(e => e.id + " " + e.getBoundingClientRect().width)`); len(thin) > 0 {
				t.Errorf("%s in %s: got %q, want the width of the card", path, lang, thin)
			}
		}
	}
}
