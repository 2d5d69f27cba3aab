package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAPhoneWaitsIsCalledAndLogsIn is a citizen's evening on a phone, with scripts
// and without: they come before the opening, get a number, reload, close the page
// and come again with the same number, are called, choose and log in.
func TestAPhoneWaitsIsCalledAndLogsIn(t *testing.T) {
	d := startDemo(t, "--scene", "august", "--opens-in", "45s", "--seed", "2")
	phones := []struct {
		name string
		tab  context.Context //nolint:containedctx // a tab is its context
	}{{"with scripts", browser(t, 360, 800)}, {"without scripts", browser(t, 360, 800)}}
	do(t, phones[1].tab, "switch scripts off", scripts(false))
	const number = `document.querySelector("#queue").dataset.number`
	come := func(tab context.Context) string {
		do(t, tab, "open the booking site", chromedp.Navigate(d.url(atBooking, "/")))
		press(t, tab, "ask for a login", "form button")
		do(t, tab, "wait in the room", chromedp.WaitVisible(chromedp.CSS("#queue")))
		return eval[string](t, tab, number)
	}
	numbers := make([]string, len(phones))
	for i, p := range phones {
		numbers[i] = come(p.tab)
		do(t, p.tab, "reload", chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#queue")))
		if got := eval[string](t, p.tab, number); got != numbers[i] {
			t.Errorf("%s: number %s after a reload, want %s", p.name, got, numbers[i])
		}
		do(t, p.tab, "go elsewhere", chromedp.Navigate("about:blank"))
		if got := come(p.tab); got != numbers[i] {
			t.Errorf("%s: number %s after coming again, want %s", p.name, got, numbers[i])
		}
	}
	if numbers[0] == numbers[1] {
		t.Errorf("two phones have the number %s", numbers[0])
	}
	scene := d.getJSON(atBroker, "/stage/state")["scene"].(map[string]any)
	name := scene["guests"].([]any)[0].(map[string]any)["name"]
	for _, p := range phones {
		ctx, cancel := context.WithTimeout(p.tab, patience)
		err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS("#routes")), chromedp.WaitReady(chromedp.CSS("#login-toss")))
		cancel()
		if err != nil {
			t.Fatalf("%s: not called: %v\non the page: %s", p.name, err, pageText(p.tab))
		}
		shoot(t, p.tab, "phone-called "+p.name)
		fits(t, p.tab, 360, "the chooser")
		enter(t, d, p.tab, route{id: "toss", push: true})
		if got := me(t, d, p.tab, atBooking)["name"]; got != name {
			t.Errorf("%s: the site knows %v, want %v", p.name, got, name)
		}
	}
}

// enter logs in at the booking site, and chooses again where a provider that the crowd
// is at too did not answer in time: the chooser has the same request.
func enter(t *testing.T, d *demo, tab context.Context, r route) {
	t.Helper()
	const again = `location.pathname === "/login" && new URLSearchParams(location.search).has("notice") && document.readyState === "complete"`
	for range 3 {
		choose(t, tab, r)
		back := false
		waitFor(t, patience, "a login ends", func() bool {
			back = eval[bool](t, tab, again)
			return back || strings.HasPrefix(eval[string](t, tab, "location.href"), d.url(atBooking, "/"))
		})
		if !back {
			break
		}
	}
	arrive(t, d, tab, atBooking)
}
