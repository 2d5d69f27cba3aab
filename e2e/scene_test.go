package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/citizen"
)

// TestAugustInChromium is the scene as a visitor meets it: the stage counts down, a
// click leads to the booking site and its waiting room, on a phone and on a desk;
// after the opening somebody whose turn it is gets in, and the stage shows the room
// at work.
func TestAugustInChromium(t *testing.T) {
	d := startDemo(t, "--scene", "august", "--opens-in", "30s", "--seed", "1")
	scene := func() map[string]any {
		m, _ := d.getJSON(atBroker, "/stage/state")["scene"].(map[string]any)
		return m
	}
	if scene() == nil {
		t.Fatal("the demo began without the scene")
	}
	for _, w := range widths {
		tab := browser(t, w.width, w.height)
		do(t, tab, "open the stage", chromedp.Navigate(d.url(atBroker, "/")), chromedp.WaitVisible(chromedp.CSS("#room")))
		waitFor(t, patience, "the stage shows the room", func() bool {
			return eval[string](t, tab, `document.querySelector('[data-r=given]').textContent`) != "0"
		})
		shoot(t, tab, w.name+"-august-before")
		fits(t, tab, w.width, "the stage")
		press(t, tab, "go to the booking site", "#join")
		press(t, tab, "ask for a login", "form button")
		do(t, tab, "wait in the room", chromedp.WaitVisible(chromedp.CSS("#queue")))
		shoot(t, tab, w.name+"-august-queue")
		fits(t, tab, w.width, "the waiting room")
	}
	waitFor(t, patience, "the room has opened", func() bool { s := scene(); return s["left_s"].(float64) == 0 && s["called_per_s"].(float64) > 0 })
	for _, w := range widths {
		tab := browser(t, w.width, w.height)
		do(t, tab, "open the stage", chromedp.Navigate(d.url(atBroker, "/")), chromedp.WaitVisible(chromedp.CSS("#room")))
		shoot(t, tab, w.name+"-august-open")
		fits(t, tab, w.width, "the stage")
	}
	guest := scene()["guests"].([]any)[0].(map[string]any)
	digits := func(s string) (out string) {
		for _, r := range s {
			if r >= '0' && r <= '9' {
				out += string(r)
			}
		}
		return out
	}
	who := citizen.Person{Name: guest["name"].(string), Birthdate: digits(guest["birthdate"].(string)), Phone: digits(guest["phone"].(string))}
	out := citizen.Login(t.Context(), citizen.New(citizen.Config{Timeout: time.Minute}), citizen.Walk{
		Start: d.url(atBooking, "/"), Choose: citizen.Named("toss"), Retries: 5, Person: who,
	})
	if !out.In {
		t.Errorf("%+v did not get in: %s, %v\n%.800s", who, out.Why, out.Err, out.Page.Text())
	}
	waitFor(t, patience, "the crowd gets in", func() bool {
		crowd := d.getJSON(atBroker, "/stage/state")["crowd"].(map[string]any)
		return crowd["in"].(float64) > 10
	})
}

// fits demands that a page is no wider than its screen.
func fits(t *testing.T, tab context.Context, width int64, what string) {
	t.Helper()
	if wide := eval[int](t, tab, `document.documentElement.scrollWidth`); wide > int(width) {
		t.Errorf("%s is %d pixels wide on a screen of %d", what, wide, width)
	}
}
