package shed

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A real browser that is refused comes again by itself: a page by loading, a form
// by being sent once more with what was typed, even with a field called submit.
func TestABrowserComesAgainByItself(t *testing.T) {
	var refused atomic.Int32
	form := `<form method="post" action="/login/naver"><input name="r" value='a"b&amp;c'><input name="submit" value="1"><button>go</button></form>`
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.Method == http.MethodPost {
			if got := r.PostFormValue("r") + r.PostFormValue("submit"); got != `a"b&c1` {
				t.Errorf("got %q sent again", got)
			}
			_, _ = w.Write([]byte(`<p id="there">in</p>`))
			return
		}
		_, _ = w.Write([]byte(form))
	})
	_, full := busyHandler(t, next.ServeHTTP)
	open := New(2).Handler(next, kinds, "")
	turns := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/favicon") {
			http.NotFound(w, r)
			return
		}
		if refused.Add(1)%2 == 1 { // the first time
			full.ServeHTTP(w, r)
			return
		}
		open.ServeHTTP(w, r)
	}
	srv := httptest.NewServer(http.HandlerFunc(turns))
	defer srv.Close()
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, end := context.WithTimeout(ctx, time.Minute)
	defer end()
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/login?r=x")); err != nil {
		t.Fatalf("start Chromium, which this test needs: %v", err)
	}
	lang, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.documentElement.lang + getComputedStyle(document.querySelector("h1")).fontSize`))
	if err != nil || !strings.HasPrefix(lang, "ko2") { // the style applies: not 32px
		t.Errorf("got %q (%v), want the page of a refusal with its style", lang, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, step := range []string{`document.querySelector("form input[name=r]")?.type === "text"`, `document.querySelector("button").click(), true`, `!!document.querySelector("#there")`} {
		for {
			// An error is a page that is just leaving.
			if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](step)); err == nil && ok {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("never came true: %s", step)
			case <-tick.C:
			}
		}
	}
	if n := refused.Load(); n != 4 {
		t.Errorf("got %d requests, want each once refused and once served", n)
	}
}
