package citizen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve starts a site of its own port.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func page(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, body)
}

func open(t *testing.T, b *Browser, address string) *Page {
	t.Helper()
	p, err := b.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRedirectsAreFollowedAsBrowsersDo(t *testing.T) {
	for _, c := range []struct {
		name       string
		status     int
		wantMethod string
		wantBody   string
	}{
		{"301 turns a post into a get", http.StatusMovedPermanently, "GET", ""},
		{"302 turns a post into a get", http.StatusFound, "GET", ""},
		{"303 turns a post into a get", http.StatusSeeOther, "GET", ""},
		{"307 keeps the post and its body", http.StatusTemporaryRedirect, "POST", "a=1"},
		{"308 keeps the post and its body", http.StatusPermanentRedirect, "POST", "a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var method, body string
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					page(w, `<form method=post action=/go><input name=a value=1></form>`)
				case "/go":
					http.Redirect(w, r, "/end", c.status)
				case "/end":
					got, _ := io.ReadAll(r.Body)
					method, body = r.Method, string(got)
				}
			})
			b := New(Config{})
			form, err := open(t, b, url).Form("")
			if err != nil {
				t.Fatal(err)
			}
			end, err := b.Submit(t.Context(), form, "")
			if err != nil {
				t.Fatal(err)
			}
			if method != c.wantMethod || body != c.wantBody {
				t.Errorf("got %s %q, want %s %q", method, body, c.wantMethod, c.wantBody)
			}
			var chain []string
			for _, h := range end.Chain {
				chain = append(chain, fmt.Sprint(h.Method, " ", h.URL.Path, " ", h.Status))
			}
			if diff := cmp.Diff([]string{fmt.Sprint("POST /go ", c.status), c.wantMethod + " /end 200"}, chain); diff != "" {
				t.Errorf("chain (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAVisitThatCannotEndIsAnErrorThatNamesIt(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop?secret=1", http.StatusSeeOther)
		case "/long":
			_, _ = w.Write(make([]byte, 2000))
		case "/app":
			http.Redirect(w, r, "kakaotalk://web", http.StatusSeeOther)
		}
	})
	for _, c := range []struct {
		name, address string
		want          error
	}{
		{"a loop of redirects", url + "/loop", ErrRedirects},
		{"a page longer than the browser takes", url + "/long", ErrTooLarge},
		{"a redirect to an app", url + "/app", ErrAddress},
		{"an address that is not http", "file:///etc/hosts", ErrAddress},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(Config{MaxBody: 1000, MaxRedirects: 5}).Open(t.Context(), c.address)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a query: %v", err)
			}
		})
	}
}

func TestCookiesAreSharedByThePortsOfOneHost(t *testing.T) {
	read := func(w http.ResponseWriter, r *http.Request) {
		for _, c := range r.Cookies() {
			fmt.Fprint(w, c.Name, "=", c.Value, ";")
		}
	}
	one := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "plain", Value: "1", Path: "/"})
		http.SetCookie(w, &http.Cookie{Name: "__Host-safe", Value: "2", Path: "/", Secure: true})
		http.SetCookie(w, &http.Cookie{Name: "huge", Value: strings.Repeat("x", 4096), Path: "/"})
	})
	two := serve(t, read)
	b := New(Config{})
	open(t, b, one)
	if got, want := string(open(t, b, two).Body), "plain=1;__Host-safe=2;"; got != want {
		t.Errorf("the other port got %q, want %q", got, want)
	}
	if got := string(open(t, New(Config{}), two).Body); got != "" {
		t.Errorf("another browser sent %q, want nothing", got)
	}
	if kept, err := b.Cookies(one); err != nil || len(kept) != 2 {
		t.Errorf("got %v (%v), want the two cookies a browser keeps", kept, err)
	}
}

func TestFormsSayWhereTheyComeFrom(t *testing.T) {
	type heard struct{ Site, Origin string }
	var got heard
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = heard{r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")}
	})
	policy := ""
	self := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/take" {
			got = heard{r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")}
			return
		}
		w.Header().Set("Referrer-Policy", policy)
		page(w, `<form id=own method=post action=/take></form><form id=port method=post action="`+other+`"></form><form id=far method=post action="`+strings.Replace(other, "127.0.0.1", "localhost", 1)+`"></form>`)
	})
	for _, c := range []struct {
		name, form, policy string
		want               heard
	}{
		{"to itself", "#own", "", heard{"same-origin", self}},
		{"to another port", "#port", "", heard{"same-site", self}},
		{"to another host", "#far", "", heard{"cross-site", self}},
		{"with a policy that hides the origin", "#own", "no-referrer", heard{"same-origin", "null"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy = c.policy
			b := New(Config{})
			form, err := open(t, b, self).Form(c.form)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Submit(t.Context(), form, ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAPageThatNeverComesEndsWithTheBrowsersPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := New(Config{Transport: silent{}, Timeout: 7 * time.Second}).Open(t.Context(), "http://x.test/")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 7s") {
			t.Errorf("got %v, want the browser's time-out", err)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("took %v, want 7s", took)
		}
	})
}

func TestClickTakesLinksAndButtons(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			page(w, `<a id=next href="/link?x=1">다음  페이지</a><form action=/form><button id=go name=b value=2>보내기</button></form>`)
			return
		}
		page(w, r.URL.RequestURI())
	})
	b := New(Config{})
	home := open(t, b, url)
	for selector, want := range map[string]string{
		"#next": "/link?x=1", "다음 페이지": "/link?x=1", "/link": "/link?x=1",
		"#go": "/form?b=2", "보내기": "/form?b=2", "b=2": "/form?b=2",
	} {
		got, err := b.Click(t.Context(), home, selector)
		if err != nil || got.Text() != want {
			t.Errorf("click %q: got %v (%v), want %s", selector, got, err, want)
		}
	}
	_, err := b.Click(t.Context(), home, "#gone")
	if absent, ok := errors.AsType[*AbsentError](err); !ok || !cmp.Equal(absent.Found, []string{"#next", "#go"}) {
		t.Errorf("got %v, want an error that lists #next and #go", err)
	}
}
