package web

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"sinho/broker"
)

// TestTheWayBackFromACrowdedBrowserLeadsToTheSite presses it with pages behind, as
// whoever has been at a provider has.
func TestTheWayBackFromACrowdedBrowserLeadsToTheSite(t *testing.T) {
	var mu sync.Mutex
	declined := 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<title>site</title><h1 id=site>site</h1>"))
	}))
	t.Cleanup(site.Close)
	f := &fake{login: someLogin()}
	f.login.Site.Origin = site.URL
	flow := f.flow()
	flow.Decline = func(http.ResponseWriter, *http.Request, string) (broker.Step, error) {
		mu.Lock()
		defer mu.Unlock()
		declined++
		return broker.Step{Redirect: site.URL + "/callback?error=access_denied"}, nil
	}
	pages, err := New(Config{Flow: flow, Board: allGreen()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Handler())
	t.Cleanup(server.Close)
	p, _ := newPhone(t)
	p.before(`history.back = () => sessionStorage.setItem("back", "called")`)
	p.do("come by other pages", chromedp.Navigate(server.URL+"/login?r=x"), chromedp.Navigate(site.URL+"/provider"),
		chromedp.Navigate(server.URL+"/login?r=x&notice="+broker.NoticePeople))
	p.do("press", chromedp.Click("#notice button"))
	p.until(`document.querySelector("#site")`)
	if got := js[string](p, `location.pathname`); got != "/callback" {
		t.Errorf("got to %s, want the site's callback", got)
	}
	p.do("look at the page before", chromedp.Navigate(server.URL+"/login?r=x"))
	if js[bool](p, `sessionStorage.getItem("back") !== null`) {
		t.Error("the button went back in the history as well")
	}
	mu.Lock()
	defer mu.Unlock()
	if declined != 1 {
		t.Errorf("got %d declined, want one", declined)
	}
}
