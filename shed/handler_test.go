package shed

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// full are kinds by path, and a gate on which nobody may be admitted any more.
func busyHandler(t *testing.T, next http.HandlerFunc) (*Gate, http.Handler) {
	t.Helper()
	g := New(1)
	for i := range g.rules {
		g.rules[i].inside, g.rules[i].patience, g.rules[i].short = 0, time.Millisecond, 0
	}
	return g, g.Handler(next, kinds, "https://id.example.kr")
}

func kinds(r *http.Request) Kind {
	switch r.URL.Path {
	case "/token":
		return Kind{Class: Finishing, Machine: true, Readable: true}
	case "/authorize":
		return Kind{Class: Beginning, Foreign: true}
	case "/static":
		return Kind{Class: Open}
	}
	return Kind{Class: Beginning}
}

func do(h http.Handler, method, path, accept, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://id.example.kr"+path, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", accept)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

const browser = "text/html,application/xhtml+xml,*/*;q=0.8"

func TestWhatIsRefusedIsToldHonestly(t *testing.T) {
	_, h := busyHandler(t, func(http.ResponseWriter, *http.Request) { t.Error("it was served") })
	for _, tc := range []struct {
		name, method, path, accept, body string
		headers                          []string
		want, never                      []string
	}{
		{
			name: "a page loads itself again", method: "GET", path: "/login?r=abc", accept: browser,
			want: []string{`<html lang="ko">`, `http-equiv="refresh"`, "하던 로그인과 차례는 그대로", "Your login and your place are kept"}, never: []string{"<form", "<script", "abc"},
		},
		{
			name: "a form sends itself again", method: "POST", path: "/login/naver", accept: browser, body: "r=%22%3E%3Cscript%3E&phone=010", headers: []string{"Sec-Fetch-Site", "same-origin"},
			want: []string{`<form method="post">`, `name="r" value="` + html.EscapeString(`"><script>`) + `"`, `name="phone" value="010"`, script}, never: []string{"http-equiv", `"><script>`},
		},
		{
			name: "a form of another site does not become ours", method: "POST", path: "/login/naver", accept: browser, body: "r=1", headers: []string{"Sec-Fetch-Site", "cross-site"},
			want: []string{"앞 화면으로"}, never: []string{"<form", "http-equiv", "<script"},
		},
		{
			name: "unless they may come from anywhere", method: "POST", path: "/authorize", accept: browser, body: "client_id=1", headers: []string{"Sec-Fetch-Site", "cross-site"},
			want: []string{`name="client_id" value="1"`},
		},
		{
			name: "what is no form is not sent again", method: "POST", path: "/login/naver", accept: browser, body: "r=1", headers: []string{"Content-Type", "text/plain"},
			want: []string{"앞 화면으로"}, never: []string{"<form"},
		},
		{
			name: "nor what is too long to have been read", method: "POST", path: "/login/naver", accept: browser, body: "r=" + strings.Repeat("1", mostBody),
			want: []string{"앞 화면으로"}, never: []string{"<form"},
		},
		{
			name: "a site's server gets the error of its endpoint", method: "POST", path: "/token", accept: browser, body: "code=1",
			want: []string{`{"error":"temporarily_unavailable",`}, never: []string{"<"},
		},
		{
			name: "so does a script", method: "GET", path: "/login", accept: "application/json",
			want: []string{`{"error":"temporarily_unavailable",`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := do(h, tc.method, tc.path, tc.accept, tc.body, tc.headers...)
			got := rec.Body.String()
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %s, want %s in it", got, want)
				}
			}
			for _, never := range tc.never {
				if strings.Contains(got, never) {
					t.Errorf("got %s, want no %s in it", got, never)
				}
			}
			head := rec.Header()
			if rec.Code != http.StatusServiceUnavailable || head.Get("Cache-Control") != "no-store" {
				t.Errorf("got %d, %v", rec.Code, head)
			}
			var after int
			if n, err := fmt.Sscan(head.Get("Retry-After"), &after); n != 1 || after < 2 || after > 6 {
				t.Errorf("got Retry-After %q (%v), want 2 to 6", head.Get("Retry-After"), err)
			}
			if page := strings.HasPrefix(got, "<"); page != strings.Contains(head.Get("Content-Security-Policy"), hash(style)) {
				t.Errorf("got policy %q", head.Get("Content-Security-Policy"))
			} else if page && (!strings.Contains(got, `<link rel="icon" href="data:,">`) || !strings.Contains(head.Get("Content-Security-Policy"), "img-src data:;")) {
				t.Error("got a page whose icon is another request")
			}
		})
	}
	if got := do(h, "POST", "/token", "", "x=1").Header().Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("got %q, want that scripts may read it", got)
	}
}

func TestWhatIsOpenIsNeverRefused(t *testing.T) {
	g, h := busyHandler(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	if rec := do(h, "GET", "/static", browser, ""); rec.Code != http.StatusTeapot {
		t.Errorf("got %d, want it served", rec.Code)
	}
	if s := g.State(); s.Inside != 0 {
		t.Errorf("got %+v, want it uncounted", s)
	}
}

func TestAHandlerReadsTheBodyAsItCame(t *testing.T) {
	for _, length := range []int{1, mostBody - 1, mostBody, 3 * mostBody} {
		sent := strings.Repeat("x", length)
		h := New(1).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got, err := io.ReadAll(r.Body); string(got) != sent || err != nil {
				t.Errorf("%d bytes: got %d (%v)", length, len(got), err)
			}
			r.Pattern = "POST /token"
		}), kinds, "")
		r := httptest.NewRequest("POST", "/token", strings.NewReader(sent))
		h.ServeHTTP(httptest.NewRecorder(), r)
		if r.Pattern != "POST /token" {
			t.Errorf("got pattern %q, want the one that took it", r.Pattern)
		}
	}
	cut := errors.New("cut off")
	h := New(1).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got, err := io.ReadAll(r.Body); string(got) != "half" || !errors.Is(err, cut) {
			t.Errorf("got %q (%v), want half and that it was cut off", got, err)
		}
	}), kinds, "")
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader("half"), broken{cut})))
}

func TestAPanicGivesItsSlotBack(t *testing.T) {
	g := New(1)
	h := g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		panic(http.ErrAbortHandler)
	}), kinds, "")
	func() {
		defer func() { _ = recover() }()
		do(h, "GET", "/login", browser, "")
	}()
	if s := g.State(); s.Inside != 0 {
		t.Errorf("got %+v, want nobody inside", s)
	}
}

// Clients over real connections: one goes while it waits, one while it is served.
func TestWorkForWhoeverLeftIsCancelled(t *testing.T) {
	g := New(1)
	for i := range g.rules {
		g.rules[i].inside = 1
	}
	served, ended := make(chan string, 2), make(chan error, 2)
	srv := httptest.NewServer(g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		served <- r.URL.RawQuery
		<-r.Context().Done()
		ended <- r.Context().Err()
	}), kinds, ""))
	defer srv.Close()
	send := func(ctx context.Context, name string) <-chan error {
		done := make(chan error, 1)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/token?"+name, strings.NewReader("code=1"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			resp, err := srv.Client().Do(r)
			if err == nil {
				resp.Body.Close()
			}
			done <- err
		}()
		return done
	}
	first, leaveFirst := context.WithCancel(t.Context())
	second, leaveSecond := context.WithCancel(t.Context())
	defer leaveSecond()
	one := send(first, "first")
	if got := <-served; got != "first" {
		t.Fatalf("got %q served", got)
	}
	two := send(second, "second")
	until(t, "it waits", func() bool { return g.State().Classes[Finishing].Queued == 1 })
	leaveSecond()
	<-two
	until(t, "it is forgotten", func() bool { return g.State().Classes[Finishing].Left == 1 })
	leaveFirst()
	<-one
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the work cancelled", err)
	}
	until(t, "all is over", func() bool { return g.State().Inside == 0 })
	if len(served) != 0 {
		t.Errorf("%s was served, want it never to run", <-served)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// What a provider takes is not what finishing costs.
func TestAnswersOfProvidersAreNoWorkOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(1)
		c := Client(&http.Client{Transport: answers(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(drip{})}, nil
		})})
		h := g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Millisecond / 4)
			ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://provider.example", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do(ask)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond / 4)
		}), func(*http.Request) Kind { return Kind{Class: Finishing, Part: Return} }, "")
		do(h, "GET", "/callback/naver", browser, "")
		if got := time.Duration(g.pace.costs[Return].d); got != time.Millisecond/2 {
			t.Errorf("got %v for a callback, want 500µs", got)
		}
	})
}

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// drip is a body that takes a second to end.
type drip struct{}

func (drip) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, io.EOF
}

// BenchmarkHandler is what a request pays for the gate, beside none.
func BenchmarkHandler(b *testing.B) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, body := range map[string]string{"get": "", "post": "grant_type=authorization_code&code=" + strings.Repeat("c", 300)} {
		for _, tc := range []struct {
			name string
			h    http.Handler
		}{{"without", nothing}, {"with", New(2).Handler(nothing, kinds, "")}} {
			b.Run(name+"/"+tc.name, func(b *testing.B) {
				b.ReportAllocs()
				r := httptest.NewRequest("POST", "/login", http.NoBody)
				w := httptest.NewRecorder()
				for b.Loop() {
					if body != "" {
						r.Body = io.NopCloser(strings.NewReader(body))
					}
					tc.h.ServeHTTP(w, r)
				}
			})
		}
	}
}

// BenchmarkOutside is what a wait for a store or a provider pays.
func BenchmarkOutside(b *testing.B) {
	g := New(2)
	s, _, _ := g.enter(b.Context(), Finishing)
	ctx := context.WithValue(b.Context(), slotKey{}, s)
	b.ReportAllocs()
	for b.Loop() {
		Outside(ctx)()
	}
}

// BenchmarkRefusal is what it costs not to serve somebody a page.
func BenchmarkRefusal(b *testing.B) {
	g := New(2)
	for i := range g.rules {
		g.rules[i].inside, g.rules[i].depth, g.rules[i].short = 0, 0, 0
	}
	h := g.Handler(http.NotFoundHandler(), kinds, "")
	r := httptest.NewRequest("GET", "/login", http.NoBody)
	r.Header.Set("Accept", browser)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
