package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDemoInChromium is the walk of a newcomer: every provider on both screens,
// then every fault on an open page. One demo serves all of it; its parts run in
// order because faults would disturb the logins.
func TestDemoInChromium(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	t.Run("logins", func(t *testing.T) { testLogins(t, d) })
	t.Run("keyboard alone walks the chooser", func(t *testing.T) { testKeyboard(t, d) })
	t.Run("a citizen stuck at Kakao is offered the next route", func(t *testing.T) { testStuck(t, d) })
	t.Run("faults move the light on an open page", func(t *testing.T) { testFaults(t, d) })
	t.Run("stage", func(t *testing.T) { testStage(t, d) })
}

// testKeyboard tabs to the first suggestion and presses Enter, as somebody does
// who uses no pointer; every stop on the way must have a name to be read out.
func testKeyboard(t *testing.T, d *demo) {
	tab := browser(t, 1280, 900)
	openChooser(t, d, tab, atBooking)
	const active = `(() => { const e = document.activeElement; return e.id + "|" + (e.getAttribute("aria-label") || e.innerText || "").trim() })()`
	var stops []string
	for range 15 {
		do(t, tab, "press Tab", chromedp.KeyEvent(kb.Tab))
		id, name, _ := strings.Cut(eval[string](t, tab, active), "|")
		stops = append(stops, id)
		if name == "" {
			t.Errorf("stop %d (%s) has no name to read out", len(stops), id)
		}
		if strings.HasPrefix(id, "login-") || strings.HasPrefix(id, "open-") {
			break
		}
	}
	first := stops[len(stops)-1]
	if want := eval[string](t, tab, `document.querySelector("#routes [id^=login-], #routes [id^=open-]").id`); first != want {
		t.Fatalf("Tab stops at %v, want the first suggestion %s among them", stops, want)
	}
	if !eval[bool](t, tab, `["", "::before"].some((part) => getComputedStyle(document.activeElement, part).outlineStyle !== "none")`) {
		t.Error("the focus cannot be seen")
	}
	do(t, tab, "press Enter", chromedp.KeyEvent(kb.Enter))
	if push, ok := strings.CutPrefix(first, "open-"); ok { // its form opens, and the fields follow
		do(t, tab, "see the form", chromedp.WaitVisible(chromedp.CSS("#login-"+push)))
		return
	}
	do(t, tab, "see the provider's page", chromedp.WaitVisible(chromedp.CSS("#approve")))
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
	shown := func() string { return eval[string](t, tab, lightOnPage) }
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
