package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

// row is one provider in <sinho-lights> on the page, as its light and word.
func row(t *testing.T, tab context.Context, provider string) string {
	t.Helper()
	return eval[string](t, tab, `((r) => r ? r.dataset.light + " " + r.querySelector(".word").textContent : "")(
		document.querySelector("sinho-lights").shadowRoot?.querySelector("[data-id=`+provider+`]"))`)
}

// TestTheLightsOnASitesOwnPage opens the booking site's first page on both
// screens, breaks Kakao at its simulator, and watches the pages, which are never
// loaded again.
func TestTheLightsOnASitesOwnPage(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	var tabs []context.Context
	for _, size := range widths {
		tab := browser(t, size.width, size.height)
		do(t, tab, "open the booking site", chromedp.Navigate(d.url(atBooking, "/")), chromedp.WaitVisible(chromedp.CSS("sinho-lights")))
		waitFor(t, patience, "the lights are there and green", func() bool { return row(t, tab, "kakao") == "green 원활" })
		eval[bool](t, tab, `window.sinhoNotReloaded = true`)
		if wide := eval[int](t, tab, `document.documentElement.scrollWidth`); wide > int(size.width) {
			t.Errorf("the page is %d pixels wide on a screen of %d", wide, size.width)
		}
		if n := eval[int](t, tab, `document.querySelector("sinho-lights").shadowRoot.querySelectorAll(".row").length`); n != len(simAt) {
			t.Errorf("got %d providers, want %d", n, len(simAt))
		}
		shoot(t, tab, size.name+"-embed-green")
		tabs = append(tabs, tab)
	}
	d.control("kakao", `{"down":true}`)
	for i, tab := range tabs {
		waitFor(t, patience, "Kakao is grey on the open page", func() bool { return row(t, tab, "kakao") == "grey 선택불가" })
		if got := eval[string](t, tab, `document.querySelector("sinho-lights").shadowRoot.querySelector("[data-id=kakao] .reason").textContent`); got == "" {
			t.Error("no reason is told")
		}
		shoot(t, tab, widths[i].name+"-embed-broken")
		if !eval[bool](t, tab, `window.sinhoNotReloaded === true`) {
			t.Error("the page was loaded again")
		}
	}
	d.control("kakao", `{"down":false}`)
	waitFor(t, patience, "Kakao leaves grey on the open page", func() bool { return row(t, tabs[0], "kakao") != "grey 선택불가" })

	badge := browser(t, 360, 800)
	do(t, badge, "open the badge", chromedp.Navigate(d.url(atBroker, "/embed/badge.svg")), chromedp.WaitReady(chromedp.CSS("svg")))
	shoot(t, badge, "embed-badge")
}
