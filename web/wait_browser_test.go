package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// pushStage is the pages of one push whose state a test changes.
type pushStage struct {
	mu    sync.Mutex
	state broker.Wait // guarded by mu
	site  string      // guarded by mu: where the push leads, "" while it waits
	calls []string    // guarded by mu
}

func (s *pushStage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func newPushStage(t *testing.T) (*pushStage, string) {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<title>there</title><h1 id=there>there</h1>"))
	}))
	t.Cleanup(site.Close)
	s := &pushStage{state: *someWait(nil).Wait}
	s.state.Expires = time.Now().Add(4 * time.Minute)
	s.state.Login.Site.Origin, s.state.Login.Routes[0].Origin = site.URL, site.URL
	flow := (&fake{}).flow()
	flow.Waiting = func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.site != "" {
			return broker.Step{Redirect: site.URL + s.site}, nil
		}
		j := s.state
		j.Journey = journey
		return broker.Step{Wait: &j}, nil
	}
	flow.Resend = func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, "resend "+journey)
		s.state.Dragging, s.state.Resend, s.state.Resent, s.state.Phrase = false, false, true, "푸른 별빛 07"
		return broker.Step{Redirect: "/wait/second"}, nil
	}
	flow.Leave = func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, "leave "+journey)
		return broker.Step{Redirect: "/login?r=x"}, nil
	}
	flow.Begin = func(_ http.ResponseWriter, _ *http.Request, _, provider string, _ *providers.Contact) (broker.Step, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, "begin "+provider)
		return broker.Step{Redirect: site.URL + "/authorize"}, nil
	}
	pages, err := New(Config{Flow: flow, Board: boardOf(status("naver", signal.Green), status("kakao", signal.Red), status("toss", signal.Red))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Handler())
	t.Cleanup(server.Close)
	return s, server.URL
}

func TestThePageOfAPushInARealBrowser(t *testing.T) {
	s, base := newPushStage(t)
	p, complaints := newPhone(t)
	fits := func() {
		t.Helper()
		if js[bool](p, `document.documentElement.scrollWidth > 360`) {
			t.Error("got a page wider than a phone of 360 pixels")
		}
		if small := js[[]string](p, `[...document.querySelectorAll("a, button")]
			.filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML.slice(0, 80))`); len(small) > 0 {
			t.Errorf("got targets under 44 pixels: %q", small)
		}
	}
	shown := `document.querySelector("#resend")?.getClientRects().length`

	p.do("open", chromedp.Navigate(base+"/wait/first"))
	p.until(`document.querySelector("#left").textContent.startsWith("3분")`) // it counts by itself
	if js[bool](p, shown+" > 0") {
		t.Error("another is offered at once")
	}
	fits()

	s.set(func() { s.state.Dragging, s.state.Resend = true, true })
	p.until(shown + ` > 0 && !document.querySelector("#drag").hidden`)
	fits()

	p.do("press twice", chromedp.Evaluate[chromedp.Void](`{ const b = document.querySelector("#resend"); b.click(); b.click(); }`))
	p.until(`location.pathname === "/wait/second" && document.querySelector("#phrase").textContent === "푸른 별빛 07" && document.querySelector("#resent")`)
	fits()
	s.set(func() {
		if !slices.Equal(s.calls, []string{"resend first"}) {
			t.Errorf("got %v, want one push more", s.calls)
		}
		s.state.Dragging = true
	})

	p.do("open", chromedp.Navigate(base+"/wait/second?notice=often&wait=80"))
	p.until(`document.querySelector("#unsent")?.textContent.includes("1분 20초 뒤에")`)
	fits()
	p.do("take the next route", chromedp.Evaluate[chromedp.Void](`document.querySelector("#next").click()`))
	p.until(`document.querySelector("#there") && location.pathname === "/authorize"`)
	s.set(func() {
		if want := []string{"resend first", "leave second", "begin naver"}; !slices.Equal(s.calls, want) {
			t.Errorf("got %v, want %v", s.calls, want)
		}
	})

	s.set(func() { s.state.Dragging, s.state.Approved = false, true })
	p.do("open", chromedp.Navigate(base+"/wait/third"))
	p.until(`document.querySelector("#say").textContent.includes("승인을 확인했습니다")`)
	s.set(func() { s.site = "/callback" })
	p.until(`document.querySelector("#there") && location.pathname === "/callback"`)

	if bad := complaints(); len(bad) > 0 {
		t.Errorf("the browser complains: %q", bad)
	}
}
