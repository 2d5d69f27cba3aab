package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestDemoInChromium is the walk of a newcomer: every provider on both screens,
// then every fault on an open page. One demo serves all of it; its parts run in
// order because faults would disturb the logins.
func TestDemoInChromium(t *testing.T) {
	d := startDemo(t)
	t.Run("logins", func(t *testing.T) { testLogins(t, d) })
	t.Run("a citizen stuck at Kakao is offered the next route", func(t *testing.T) { testStuck(t, d) })
	t.Run("faults move the light on an open page", func(t *testing.T) { testFaults(t, d) })
	t.Run("stage", func(t *testing.T) { testStage(t, d) })
}

// testStuck approves at a Kakao whose server has just stopped answering.
func testStuck(t *testing.T, d *demo) {
	tab := browser(t, 360, 800)
	openChooser(t, d, tab, atBooking)
	choose(t, tab, route{id: "kakao"})
	do(t, tab, "see Kakao's page", chromedp.WaitVisible(chromedp.CSS("#approve")))
	d.control("kakao", `{"hang":true}`)
	defer d.control("kakao", `{"hang":false}`)
	press(t, tab, "approve", "#approve")
	do(t, tab, "come back to the chooser with what happened",
		chromedp.WaitVisible(chromedp.CSS("[role=alert]")),
		chromedp.WaitVisible(chromedp.CSS("#routes")))
	shoot(t, tab, "phone-stuck")
	first := eval[string](t, tab, `document.querySelector("#routes [id^=login-]").id`)
	if first == "login-kakao" {
		t.Errorf("the first suggestion after Kakao failed is Kakao again")
	}
	d.control("kakao", `{"hang":false}`)
	for _, r := range routes { // one tap on whatever is suggested now
		if "login-"+r.id == first {
			choose(t, tab, r)
			if !r.push {
				press(t, tab, "approve at "+r.id, "#approve")
			}
		}
	}
	arrive(t, d, tab, atBooking)
	if got := me(t, d, tab, atBooking)["name"]; got != "홍길동" {
		t.Errorf("after the next route the site knows %v, want 홍길동", got)
	}
	waitFor(t, 2*time.Minute, "Kakao is green again", func() bool { light, _ := d.light("kakao"); return light == "green" })
}

// testFaults breaks Kakao while a chooser stands open and is never reloaded.
func testFaults(t *testing.T, d *demo) {
	tab := browser(t, 360, 800)
	openChooser(t, d, tab, atBooking)
	eval[bool](t, tab, `window.sinhoNotReloaded = true`)
	shown := func() string {
		return eval[string](t, tab, `document.querySelector('#routes [data-id="kakao"]').dataset.light`)
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			f.run(t, d, shown, func() { shoot(t, tab, "phone-fault-"+f.name) })
		})
	}
	if !eval[bool](t, tab, `window.sinhoNotReloaded === true`) {
		t.Error("the page was reloaded; lights must move on an open page")
	}
}

// testStage looks at what a newcomer sees first.
func testStage(t *testing.T, d *demo) {
	for _, size := range widths {
		tab := browser(t, size.width, size.height)
		do(t, tab, "open the stage", chromedp.Navigate(d.url(atBroker, "/")), chromedp.WaitVisible(chromedp.CSS("h1")))
		for range 20 { // let it draw a few live seconds
			waitTick(t)
		}
		shoot(t, tab, size.name+"-stage")
		if wide := eval[int](t, tab, `document.documentElement.scrollWidth`); wide > int(size.width) {
			t.Errorf("the stage is %d pixels wide on a screen of %d", wide, size.width)
		}
	}
}
