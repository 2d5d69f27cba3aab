package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/citizen"
	"sinho/providers"
)

func somePost(to string) *broker.FormPost {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	return &broker.FormPost{
		Action: to, Origin: u.Scheme + "://" + u.Host, Site: providers.Text{KO: "한빛 예약", EN: "Hanbit Booking"},
		Fields: []broker.Field{{Name: "code", Value: "c-1"}, {Name: "state", Value: ` "><script>alert(1)</script> 한글&x=y `}, {Name: "iss", Value: "https://login.test"}},
	}
}

func TestAnAnswerByFormLeadsToItsSiteAndNowhereElse(t *testing.T) {
	p := somePost("https://booking.test/cb?x=1&y=%2F")
	w := get(newWeb(t, &fake{step: broker.Step{Post: p}}, nil), "/callback/naver")
	if w.Code != http.StatusOK {
		t.Fatalf("got %d, want 200", w.Code)
	}
	for key, want := range map[string]string{
		"Content-Security-Policy": strings.TrimSuffix(bound, "'self'") + "https://booking.test",
		"Referrer-Policy":         "strict-origin", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("got %s %q, want %q", key, got, want)
		}
	}
	body := w.Body.String()
	harmless(t, body)
	forms := nodes(t, body, func(n *html.Node) bool { return n.Data == "form" })
	if len(forms) != 1 || attr(forms[0], "action") != p.Action || attr(forms[0], "method") != "post" {
		t.Errorf("got %d forms, want one to %s", len(forms), p.Action)
	}
	var got []broker.Field
	for _, n := range nodes(t, body, func(n *html.Node) bool { return n.Data == "input" }) {
		if attr(n, "type") != "hidden" {
			t.Errorf("got a visible field %q", attr(n, "name"))
		}
		got = append(got, broker.Field{Name: attr(n, "name"), Value: attr(n, "value")})
	}
	if diff := cmp.Diff(p.Fields, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	button := byID(t, body, "post")
	if got := text(button); got != "한빛 예약으로 계속하기 Continue to Hanbit Booking" {
		t.Errorf("got button %q, want Korean first and English beside", got)
	}
	for _, n := range nodes(t, body, func(n *html.Node) bool { return n.Data == "script" }) {
		if !strings.HasPrefix(attr(n, "src"), "/static/") || !has(n, "defer") {
			t.Errorf("got a script from %q, want our own files only", attr(n, "src"))
		}
	}
}

func TestAnAnswerByFormToNoOriginAtAllLeadsNowhere(t *testing.T) {
	p := somePost("https://booking.test/cb")
	p.Origin = "https://booking.test; script-src *"
	w := get(newWeb(t, &fake{step: broker.Step{Post: p}}, nil), "/callback/naver")
	if got, want := w.Header().Get("Content-Security-Policy"), strings.TrimSuffix(bound, "'self'")+"'none'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// receiver is a site that remembers what is posted to it.
type receiver struct {
	mu   sync.Mutex
	got  []url.Values // guarded by mu
	from []string     // guarded by mu: Origin and the query, which must be empty
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	if r.URL.Path != "/cb" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.got = append(s.got, r.PostForm)
	s.from = append(s.from, r.Method+" "+r.Header.Get("Origin")+" "+r.URL.RawQuery+" "+r.Header.Get("Referer"))
	s.mu.Unlock()
	w.Write([]byte(`<!doctype html><link rel=icon href="data:,"><title>site</title><h1 id=there>there</h1>`))
}

func (s *receiver) all() ([]url.Values, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got, s.from
}

// answering serves a page that leads to an answer by form, for a site that is
// really another one: 127.0.0.1 is not localhost.
func answering(t *testing.T) (base string, site *receiver, want url.Values) {
	t.Helper()
	site = &receiver{}
	there := httptest.NewServer(site)
	t.Cleanup(there.Close)
	p := somePost(strings.Replace(there.URL, "127.0.0.1", "localhost", 1) + "/cb")
	want = url.Values{}
	for _, f := range p.Fields {
		want.Set(f.Name, f.Value)
	}
	pages := newWeb(t, &fake{step: broker.Step{Post: p}, login: someLogin()}, nil)
	here := httptest.NewServer(pages)
	t.Cleanup(here.Close)
	return here.URL, site, want
}

func TestAnAnswerByFormArrivesAtAnotherSiteInARealBrowser(t *testing.T) {
	base, site, want := answering(t)
	p, complaints := newPhone(t)
	p.do("open a page to come back to", chromedp.Navigate(base+"/logged-out"))
	p.do("come from the provider", chromedp.Navigate(base+"/callback/naver?code=x"))
	p.until(`document.querySelector("#there")`)
	got, from := site.all()
	if len(got) != 1 || !cmp.Equal(got[0], want) {
		t.Fatalf("got %v, want %v once", got, want)
	}
	if want := "POST " + base + "  " + base + "/"; from[0] != want {
		t.Errorf("got %q, want %q: our origin, no query and no address of ours", from[0], want)
	}
	// The form is not in the history: back must not send a used code again.
	js[bool](p, `setTimeout(() => history.back(), 0), true`)
	p.until(`location.pathname === "/logged-out"`)
	if got, _ := site.all(); len(got) != 1 {
		t.Errorf("got %d answers, want the one", len(got))
	}
	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}
}

func TestAnAnswerByFormArrivesWithoutAScript(t *testing.T) {
	base, site, want := answering(t)
	b := citizen.New(citizen.Config{})
	page, err := b.Open(t.Context(), base+"/callback/naver?code=x")
	if err != nil {
		t.Fatal(err)
	}
	form, err := page.Form("#answer")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Submit(t.Context(), form, "#post"); err != nil {
		t.Fatal(err)
	}
	if got, _ := site.all(); len(got) != 1 || !cmp.Equal(got[0], want) {
		t.Errorf("got %v, want %v once", got, want)
	}
}
