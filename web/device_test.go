package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/providers"
)

func heldElsewhere(t *testing.T) broker.HeldElsewhere {
	return broker.HeldElsewhere{
		Sealed: "sealed-1", Ref: "8J10-74D7", Site: someLogin().Site, Chooser: "/login?r=fresh",
		Until: august(t, 12, 20).Add(9*time.Minute + time.Second),
	}
}

func TestTheRefusalOfAnotherDeviceSaysUntilWhenAndTheWaysOn(t *testing.T) {
	f := &fake{step: broker.Step{Redirect: "https://booking.test/cb?error=access_denied"}, held: heldElsewhere(t)}
	h := newWeb(t, f, nil)
	w := get(h, "/device?r=sealed-1")
	body := strings.ReplaceAll(w.Body.String(), "\u00a0", " ")
	wellFormed(t, body)
	for _, want := range []string{
		"<h1>다른 기기에서 이용 중입니다</h1>", "You are logged in on another device", "8월 12일 20:10", "12 Aug 20:10, Korean time",
		"한빛 예약에서는 한 사람이", "한빛 예약으로 돌아가기", "8J10-74D7", `name="r" value="sealed-1"`, `action="/device"`, `href="/login?r=fresh"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if p := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.HasSuffix(p, "form-action 'self' https://booking.test") {
		t.Errorf("got %d with policy %q, want the form to end at the site", w.Code, p)
	}
	back := post(h, "/device", url.Values{"r": {"sealed-1"}})
	if back.Code != http.StatusSeeOther || back.Header().Get("Location") != f.step.Redirect || f.calls[len(f.calls)-1] != "elsewhere back sealed-1" {
		t.Errorf("got %d to %s after %v, want the site", back.Code, back.Header().Get("Location"), f.calls)
	}
	f.held.Over = true
	if w := get(h, "/device?r=sealed-1"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?r=fresh" {
		t.Errorf("once it is over: got %d to %s, want the chooser", w.Code, w.Header().Get("Location"))
	}
	f.err = &broker.Problem{Status: 400, Code: broker.ProblemOtherBrowser}
	if w := get(h, "/device?r=sealed-1"); w.Code != 400 {
		t.Errorf("in another browser: got %d, want the problem's page", w.Code)
	}
	if w := post(h, "/device", url.Values{"r": {"x"}}, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("from another site: got %d, want 403", w.Code)
	}
}

func TestTheChooserSaysThatALoginHereTakesOver(t *testing.T) {
	h := newWeb(t, &fake{login: someLogin()}, nil)
	body := get(h, "/login?r=x&notice="+broker.NoticeDevice).Body.String()
	wellFormed(t, body)
	for _, want := range []string{"다른 기기나 브라우저에서 이용 중입니다", "the other is logged out"} {
		if !strings.Contains(body, want) {
			t.Errorf("the chooser lacks %q", want)
		}
	}
}

func TestAttackXSSThroughThePageOfAnotherDevice(t *testing.T) {
	f := &fake{held: broker.HeldElsewhere{Sealed: hostile, Ref: hostile, Chooser: "/login?r=x", Until: august(t, 12, 20)}}
	f.held.Site = broker.Site{Name: providers.Text{KO: hostile, EN: hostile}, Origin: hostile}
	w := get(newWeb(t, f, nil), "/device?r="+url.QueryEscape(hostile)+"&lang="+url.QueryEscape(hostile))
	harmless(t, w.Body.String())
	if p := w.Header().Get("Content-Security-Policy"); strings.ContainsAny(p, "<>\"{") {
		t.Errorf("got a policy %q with a stranger's words", p)
	}
}

// In Chromium at phone width: the refusal, in both languages. SINHO_SCREENS keeps
// pictures.
func TestTheRefusalOfAnotherDeviceOnAPhone(t *testing.T) {
	f := &fake{login: someLogin(), held: heldElsewhere(t)}
	pages, err := New(Config{Flow: f.flow(), Board: allGreen()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Handler())
	t.Cleanup(server.Close)
	p, _ := newPhone(t)
	for name, lang := range map[string]string{"device": "ko", "device-en": "en"} {
		p.do("the refusal", chromedp.Navigate(server.URL+"/device?r=sealed-1&lang="+lang), chromedp.WaitVisible("#when"))
		if js[bool](p, `document.documentElement.scrollWidth > 360`) {
			t.Errorf("%s is wider than a phone of 360 pixels", name)
		}
		for _, id := range []string{"#back", "#again"} {
			if got := js[float64](p, `document.querySelector("`+id+`").getBoundingClientRect().height`); got < 44 {
				t.Errorf("%s: %s is %v pixels high, want 44 at least", name, id, got)
			}
		}
		p.picture(name)
	}
}
