package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// route is one way to log in, with what the booking site must then know.
type route struct {
	id        string
	push      bool
	assurance string
}

var routes = []route{
	{"naver", false, "asserted"},
	{"kakao", false, "asserted"},
	{"pass", true, "verified"},
	{"toss", true, "verified"},
	{"oidc", false, "asserted"},
}

// logIn walks from a site's page to its page again, by one provider.
func logIn(t *testing.T, d *demo, tab context.Context, site int, r route, shots string) {
	t.Helper()
	openChooser(t, d, tab, site)
	shoot(t, tab, shots+"-chooser")
	choose(t, tab, r)
	if r.push {
		do(t, tab, "see the waiting page of "+r.id, chromedp.WaitVisible(chromedp.CSS("#phrase")))
		shoot(t, tab, shots+"-waiting-"+r.id)
	} else {
		press(t, tab, "approve at "+r.id, "#approve")
	}
	arrive(t, d, tab, site)
}

// openChooser goes to a site and presses its first login button.
func openChooser(t *testing.T, d *demo, tab context.Context, site int) {
	t.Helper()
	do(t, tab, "open the site", chromedp.Navigate(d.url(site, "/")))
	press(t, tab, "press the site's login button", "form button")
	do(t, tab, "see the chooser", chromedp.WaitVisible(chromedp.CSS("#routes")))
}

// choose presses a provider's button on the chooser.
func choose(t *testing.T, tab context.Context, r route) {
	t.Helper()
	if r.push {
		eval[bool](t, tab, `(() => { const d = document.querySelector("#login-`+r.id+`").closest("details"); if (d) d.open = true; return true })()`)
	}
	press(t, tab, "choose "+r.id, "#login-"+r.id)
}

// arrive waits until the tab is back at the site and logged in.
func arrive(t *testing.T, d *demo, tab context.Context, site int) {
	t.Helper()
	home := d.url(site, "/")
	began := time.Now()
	for !strings.HasPrefix(eval[string](t, tab, "location.href"), home) || eval[string](t, tab, "document.readyState") != "complete" {
		if time.Since(began) > 30*time.Second {
			shoot(t, tab, "failed")
			t.Fatalf("not back at %s after 30 s\non the page: %s", home, pageText(tab))
		}
		waitTick(t)
	}
}

func waitTick(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(150 * time.Millisecond):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// me reads the claims the site knows, with the tab's own cookies.
func me(t *testing.T, d *demo, tab context.Context, site int) map[string]any {
	t.Helper()
	do(t, tab, "open /me", chromedp.Navigate(d.url(site, "/me")))
	var claims map[string]any
	text := eval[string](t, tab, "document.body.innerText")
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		t.Fatalf("/me: %v in %q", err, text)
	}
	return claims
}

func testLogins(t *testing.T, d *demo) {
	for _, size := range widths {
		t.Run(size.name, func(t *testing.T) {
			subjects := map[string]string{}
			for _, r := range routes {
				t.Run(r.id, func(t *testing.T) {
					subjects[r.id] = testOneLogin(t, d, r, size.name, size.width, size.height)
				})
			}
			for _, r := range []string{"pass", "toss"} {
				if subjects[r] == "" || subjects[r] != subjects["kakao"] {
					t.Errorf("sub over %s is %q, over kakao %q; both carry CI, want the same", r, subjects[r], subjects["kakao"])
				}
			}
			for _, r := range []string{"naver", "oidc"} {
				if subjects[r] == subjects["kakao"] {
					t.Errorf("sub over %s equals the one over kakao although %s carries no CI", r, r)
				}
			}
		})
	}
}

func testOneLogin(t *testing.T, d *demo, r route, size string, width, height int64) string {
	tab := browser(t, width, height)
	logIn(t, d, tab, atBooking, r, size)
	if text := pageText(tab); !strings.Contains(text, "홍길동") || !strings.Contains(text, "1990") {
		t.Errorf("the booking site does not show name and birthdate after a login by %s:\n%s", r.id, text)
	}
	shoot(t, tab, size+"-booking-"+r.id)
	claims := me(t, d, tab, atBooking)
	for claim, want := range map[string]string{"name": "홍길동", "birthdate": "1990-05-12", "assurance": r.assurance} {
		if got := claims[claim]; got != want {
			t.Errorf("%s by %s: got %v, want %s", claim, r.id, got, want)
		}
	}
	sub, _ := claims["sub"].(string)
	if sub == "" {
		t.Errorf("no sub in %v", claims)
	}
	book(t, d, tab)
	singleSignOn(t, d, tab)
	logOut(t, d, tab)
	return sub
}

// book takes the first slot that can be taken.
func book(t *testing.T, d *demo, tab context.Context) {
	t.Helper()
	do(t, tab, "open the booking site", chromedp.Navigate(d.url(atBooking, "/")))
	press(t, tab, "book a slot", `form[action="/book"] button:not([disabled])`)
	arrive(t, d, tab, atBooking)
	if text := pageText(tab); !strings.Contains(text, "예약") {
		t.Errorf("no booking on the page:\n%s", text)
	}
}

// singleSignOn expects the school platform to know the person after one Continue,
// and to ask for a fresh login where it wants one.
func singleSignOn(t *testing.T, d *demo, tab context.Context) {
	t.Helper()
	openChooser(t, d, tab, atSchool)
	press(t, tab, "continue to the school platform", "#login-continue")
	arrive(t, d, tab, atSchool)
	if got := me(t, d, tab, atSchool)["name"]; got != "홍길동" {
		t.Errorf("the school platform knows %v, want 홍길동", got)
	}
	do(t, tab, "open the school platform", chromedp.Navigate(d.url(atSchool, "/")))
	press(t, tab, "ask for a fresh login", "#fresh button")
	do(t, tab, "see the chooser", chromedp.WaitVisible(chromedp.CSS("#routes")))
	if eval[bool](t, tab, `!!document.querySelector("#login-continue")`) {
		t.Error("a fresh login offers to continue with the old one")
	}
}

// logOut ends the session at the broker too: the next login asks again.
func logOut(t *testing.T, d *demo, tab context.Context) {
	t.Helper()
	do(t, tab, "open the booking site", chromedp.Navigate(d.url(atBooking, "/")))
	press(t, tab, "log out of the booking site", `form[action="/logout"] button`)
	arrive(t, d, tab, atBooking)
	openChooser(t, d, tab, atBooking)
	if eval[bool](t, tab, `!!document.querySelector("#login-continue")`) {
		t.Error("the chooser still offers to continue after a log-out")
	}
}
