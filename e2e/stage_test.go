package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestTwinLanesAndDevicesInChromium is what a newcomer sees of the advice: two
// lanes that end in a counted sentence, and choosers that differ from device to
// device.
func TestTwinLanesAndDevicesInChromium(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	t.Run("two devices have orders of their own", func(t *testing.T) { testDevices(t, d) })
	t.Run("a device remembers its certificates", func(t *testing.T) { testCertificates(t, d) })
	t.Run("a storm and a break end in one counted sentence", func(t *testing.T) { testTwins(t, d) })
}

// scripts lets the tab's pages run theirs, or not.
func scripts(run bool) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return chromedp.Void{}, err
	}
}

// ordered is a chooser's order with what it was made of.
type ordered struct {
	Order string `json:"order"`
	Seed  string `json:"seed"`
	Epoch string `json:"epoch"`
}

func orderOn(t *testing.T, tab context.Context) ordered {
	t.Helper()
	return eval[ordered](t, tab, `(() => { const m = document.getElementById("chooser"); return {
		order: [...document.querySelectorAll("#routes > li")].map(l => l.dataset.id).join(" "),
		seed: m.dataset.seed, epoch: m.dataset.epoch } })()`)
}

// shares are everybody's, and the lights, as one string.
func (d *demo) shares() string {
	var b strings.Builder
	for _, p := range d.getJSON(atBroker, "/signal")["providers"].([]any) {
		m := p.(map[string]any)
		fmt.Fprint(&b, m["id"], m["light"], m["share"], " ")
	}
	return b.String()
}

// testDevices looks at choosers of many devices until two differ, then reloads
// one of them with and without its script.
func testDevices(t *testing.T, d *demo) {
	one := browser(t, 360, 800)
	openChooser(t, d, one, atBooking)
	differs := false
	for try := 0; try < 8 && !differs; try++ { // five routes: two in 120 are alike by chance
		other := browser(t, 360, 800)
		openChooser(t, d, other, atBooking)
		a, b := orderOn(t, one), orderOn(t, other)
		if a.Seed == b.Seed {
			t.Fatalf("two devices have the seed %q", a.Seed)
		}
		if differs = a.Order != b.Order; differs {
			shoot(t, one, "phone-device-one")
			shoot(t, other, "phone-device-other")
		}
	}
	if !differs {
		t.Error("nine devices have the same order")
	}
	stays(t, d, one)
}

// stays demands that a live page's order, which its script has made, is there
// again after a reload, with script and without: within one epoch and by the
// same shares. It looks until it has seen that.
func stays(t *testing.T, d *demo, tab context.Context) {
	t.Helper()
	for range 20 {
		before := d.shares()
		do(t, tab, "reload with script", scripts(true), chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#live.on")))
		live := orderOn(t, tab)
		do(t, tab, "reload again", chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#live.on")))
		again := orderOn(t, tab)
		do(t, tab, "reload without script", scripts(false), chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#routes")))
		plain := orderOn(t, tab)
		if live.Seed != again.Seed || live.Seed != plain.Seed {
			t.Fatalf("the device's seed went from %q to %q to %q", live.Seed, again.Seed, plain.Seed)
		}
		if live.Epoch != plain.Epoch || before != d.shares() {
			continue
		}
		if live.Order != again.Order || live.Order != plain.Order {
			t.Errorf("the order was %q, after a reload %q, without script %q; want the same", live.Order, again.Order, plain.Order)
		}
		return
	}
	t.Fatal("no three looks within one epoch and by the same shares")
}

// testCertificates says which certificates a device has, with and without
// script, and looks at where they stand; and at one that is used.
func testCertificates(t *testing.T, d *demo) {
	for _, script := range []bool{true, false} {
		tab := browser(t, 360, 800)
		openChooser(t, d, tab, atBooking)
		tickCertificate(t, tab, script, "toss", "pass")
		held := func(id string) bool {
			return eval[bool](t, tab, fmt.Sprintf(`!!document.querySelector('[data-id=%s] .held') && document.getElementById("have-%s").checked`, id, id))
		}
		for _, id := range []string{"naver", "kakao", "pass", "toss", "oidc"} {
			if want := id == "toss" || id == "pass"; held(id) != want {
				t.Errorf("with script %t: %s is held: %t, want %t", script, id, !want, want)
			}
		}
		if factor := eval[string](t, tab, `document.querySelector("[data-id=kakao]").dataset.factor`); factor != "0.1" {
			t.Errorf("with script %t: kakao weighs %s, want 0.1", script, factor)
		}
		stays(t, d, tab) // weights and all
		if script {
			eval[bool](t, tab, `document.getElementById("held").open = true`)
			shoot(t, tab, "phone-certificates")
		}
	}
	// A login that succeeds is remembered, a device that never logged in has nothing.
	tab := browser(t, 360, 800)
	logIn(t, d, tab, atBooking, route{id: "naver"}, "phone-remembered")
	logOut(t, d, tab)
	if got := eval[string](t, tab, `[...document.querySelectorAll("#held :checked")].map(e => e.value).join(" ")`); got != "naver" {
		t.Errorf("after a login by Naver the device has %q, want naver", got)
	}
	shoot(t, tab, "phone-remembered-after")
	if cookie := eval[string](t, tab, "document.cookie"); strings.Contains(cookie, "naver") {
		t.Errorf("scripts can read what the device has: %q", cookie)
	}
	tickCertificate(t, tab, true, "naver") // takes the tick away
	if got := eval[int](t, tab, `document.querySelectorAll("#held :checked, .held .held").length`); got != 0 {
		t.Errorf("%d certificates are left after forgetting", got)
	}
}

// tickCertificate opens the form, turns ticks over and sends it.
func tickCertificate(t *testing.T, tab context.Context, script bool, ids ...string) {
	t.Helper()
	do(t, tab, "with or without script", scripts(script), chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#held summary")))
	do(t, tab, "open the form", chromedp.ScrollIntoView(chromedp.CSS("#held summary")), chromedp.Click(chromedp.CSS("#held summary")), chromedp.WaitVisible(chromedp.CSS("#held-save")))
	for _, id := range ids {
		do(t, tab, "tick "+id, chromedp.Click(chromedp.CSS("#have-"+id)))
	}
	press(t, tab, "remember", "#held-save")
	do(t, tab, "see the chooser again", chromedp.WaitVisible(chromedp.CSS("#routes")))
}

// testTwins presses Storm and Break Kakao and waits for the sentence.
func testTwins(t *testing.T, d *demo) {
	tab := browser(t, 360, 800)
	do(t, tab, "open the stage", chromedp.Navigate(d.url(atBroker, "/")), chromedp.WaitVisible(chromedp.CSS("#twins")))
	shoot(t, tab, "phone-twins-before")
	do(t, tab, "press Storm", chromedp.Click(chromedp.CSS("button.storm")))
	do(t, tab, "press Break Kakao", chromedp.Click(chromedp.CSS(`.break button[value=server]`)))
	waitFor(t, patience, "the page shows both lanes under way", func() bool {
		return eval[bool](t, tab, `document.querySelector('[data-door=kakao] [data-t=fault]').hidden === false &&
			Number(document.querySelector('[data-fate=in] [data-side=left]').textContent) > 0 &&
			Number(document.querySelector('[data-fate=in] [data-side=right]').textContent) > 0`)
	})
	shoot(t, tab, "phone-twins-during")
	waitFor(t, 2*time.Minute, "the sentence is there", func() bool {
		return eval[bool](t, tab, `!document.getElementById("verdict").hidden`)
	})
	shoot(t, tab, "phone-twins-after")
	if wide := eval[int](t, tab, `document.documentElement.scrollWidth`); wide > 360 {
		t.Errorf("the stage is %d pixels wide on a phone of 360", wide)
	}

	// The sentence says what was counted, and so does the table; everybody is somewhere.
	twins := d.getJSON(atBroker, "/stage/state")["twins"].(map[string]any)
	told := eval[string](t, tab, `document.getElementById("verdict").textContent`)
	var in [2]float64
	for i, side := range []string{"left", "right"} {
		lane := twins[side].(map[string]any)
		n := func(what string) float64 { return lane[what].(float64) }
		if sum := n("in") + n("gave_up") + n("left") + n("outside"); n("came") != 1000 || sum != 1000 {
			t.Errorf("%s: %v came and %v are somewhere, want 1000", side, n("came"), sum)
		}
		in[i] = n("in")
		for _, want := range []string{fmt.Sprintf("%.0f명(절반이 %.0f초, 95\u00a0%%가 %.0f초 안에, 다시 해야 했던 사람 %.0f명)", n("in"), n("half_s"), n("most_s"), n("again"))} {
			if !strings.Contains(told, want) {
				t.Errorf("the sentence %q lacks %q", told, want)
			}
		}
		if shown := eval[string](t, tab, fmt.Sprintf(`document.querySelector("[data-fate=in] [data-side=%s]").textContent`, side)); shown != fmt.Sprint(n("in")) {
			t.Errorf("%s: the table says %s in, counted are %v", side, shown, n("in"))
		}
	}
	t.Log(told)
	if in[1] < in[0] {
		t.Errorf("%v got in told the fastest, %v with Sinho", in[0], in[1])
	}
	logged := eval[string](t, tab, `document.getElementById("events").textContent`)
	if !strings.Contains(logged, "같은 천 명 가운데") {
		t.Errorf("the log has no sentence:\n%s", logged)
	}

	// Without script the page says the same.
	do(t, tab, "reload without script", scripts(false), chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#verdict")))
	if plain := eval[string](t, tab, `document.getElementById("verdict").textContent`); plain != told {
		t.Errorf("without script: %q, want %q", plain, told)
	}
	do(t, tab, "recover", chromedp.Click(chromedp.CSS("button.recover")))
	do(t, tab, "see the stage", chromedp.WaitVisible(chromedp.CSS("#twins")))
}
