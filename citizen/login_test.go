package citizen

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// town is a site, a broker with a chooser, and providers, all in memory.
type town struct {
	choosers int      // how often the chooser was shown
	routes   []string // on the chooser
	notices  map[string]string
	hang     string // provider whose page never comes
	broken   string // provider whose page is an error
	pushes   int    // waiting pages before a push is done
	site     int    // status of the page one comes back to
	heard    []string
}

func (c *town) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.hang != "" && r.URL.Host == c.hang+".test" {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	rec := httptest.NewRecorder()
	c.serve(rec, r)
	return rec.Result(), nil
}

func (c *town) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	see := func(to string) { http.Redirect(w, r, to, http.StatusSeeOther) }
	provider := strings.TrimPrefix(r.URL.Path, "/login/")
	switch r.URL.Host + r.URL.Path {
	case "site.test/":
		page(w, `<form method=post action=/login><button>로그인</button></form>`)
	case "site.test/login":
		see("http://broker.test/login?r=sealed")
	case "site.test/back":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(c.site)
	case "broker.test/login":
		c.choosers++
		var b strings.Builder
		for _, p := range c.routes {
			fmt.Fprintf(&b, `<form method=post action=/login/%s><input type=hidden name=r value=sealed>`, p)
			if p == "pass" {
				b.WriteString(`<input name=name required><input name=birthdate required><input name=phone required>`)
			}
			fmt.Fprintf(&b, `<button id=login-%s>%s</button></form>`, p, p)
		}
		page(w, b.String())
	case "broker.test/login/pass":
		c.heard = append(c.heard, r.PostForm.Get("name")+" "+r.PostForm.Get("birthdate")+" "+r.PostForm.Get("phone"))
		see("/wait/1")
	case "broker.test/login/continue":
		see("http://site.test/back")
	case "broker.test/wait/1":
		if c.pushes--; c.pushes < 0 {
			see("http://site.test/back")
			return
		}
		page(w, `<noscript><meta http-equiv=refresh content=2></noscript><form method=post action=/wait/1/leave><button>그만</button></form>`)
	case "broker.test/problem":
		w.WriteHeader(http.StatusBadRequest)
	default:
		switch r.URL.Host {
		case "broker.test":
			see("http://" + provider + ".test/authorize")
		default:
			c.provider(w, r, see)
		}
	}
}

func (c *town) provider(w http.ResponseWriter, r *http.Request, see func(string)) {
	id := strings.TrimSuffix(r.URL.Host, ".test")
	switch {
	case id == c.broken:
		w.WriteHeader(http.StatusInternalServerError)
	case r.URL.Path == "/authorize":
		page(w, `<form action=/approve><button>동의</button><button name=cancel>취소</button></form>`)
	case c.notices[id] == "problem":
		see("http://broker.test/problem")
	case c.notices[id] != "":
		see("http://broker.test/login?r=sealed&from=" + id + "&notice=" + c.notices[id])
	default:
		see("http://site.test/back")
	}
}

func TestALoginIsWalkedToItsEnd(t *testing.T) {
	type end struct {
		In       bool
		Provider string
		Why      string
		Tries    string
		Took     time.Duration
	}
	redirects := []string{"naver", "kakao", "oidc"}
	for _, c := range []struct {
		name string
		town town
		walk Walk
		want end
	}{
		{"by the first suggestion", town{routes: redirects}, Walk{}, end{In: true, Provider: "naver", Tries: "naver"}},
		{"by a named provider, after a look", town{routes: redirects}, Walk{Choose: Named("kakao"), Think: func() time.Duration { return time.Second }}, end{In: true, Provider: "kakao", Tries: "kakao", Took: time.Second}},
		{"by anyone", town{routes: redirects}, Walk{Choose: Anyone(func(n int) int { return n - 1 })}, end{In: true, Provider: "oidc", Tries: "oidc"}},
		{"by a push, waiting for the phone", town{routes: []string{"pass"}, pushes: 3}, Walk{Person: Person{"홍길동", "19900512", "01000000000"}}, end{In: true, Provider: "pass", Tries: "pass", Took: 6 * time.Second}},
		{"by single sign-on", town{routes: []string{"continue", "naver"}}, Walk{Continue: true}, end{In: true, Provider: "continue", Tries: "continue"}},
		{"without single sign-on when not wanted", town{routes: []string{"continue", "naver"}}, Walk{}, end{In: true, Provider: "naver", Tries: "naver"}},
		{"again by the next route after a notice", town{routes: redirects, notices: map[string]string{"naver": "failed"}}, Walk{Retries: 1}, end{In: true, Provider: "kakao", Tries: "naver:notice-failed kakao"}},
		{"not again without a try left", town{routes: redirects, notices: map[string]string{"naver": "busy"}}, Walk{}, end{Provider: "naver", Why: "notice-busy", Tries: "naver:notice-busy"}},
		{"with the last notice when nothing helps", town{routes: redirects, notices: map[string]string{"naver": "failed", "kakao": "made-up"}}, Walk{Retries: 1}, end{Provider: "kakao", Why: "notice-other", Tries: "naver:notice-failed kakao:notice-other"}},
		{"again at the only route there is", town{routes: []string{"naver"}, notices: map[string]string{"naver": "failed"}}, Walk{Retries: 2}, end{Provider: "naver", Why: "notice-failed", Tries: "naver:notice-failed naver:notice-failed naver:notice-failed"}},
		{"back from a page that never comes", town{routes: redirects, hang: "naver"}, Walk{Retries: 1}, end{In: true, Provider: "kakao", Tries: "naver:page kakao", Took: 20 * time.Second}},
		{"back from a provider's error page", town{routes: redirects, broken: "naver"}, Walk{Retries: 1}, end{In: true, Provider: "kakao", Tries: "naver:page kakao"}},
		{"until a problem page", town{routes: redirects, notices: map[string]string{"naver": "problem"}}, Walk{Retries: 1}, end{Provider: "naver", Why: WhyProblem, Tries: "naver:problem"}},
		{"until the site refuses", town{routes: redirects, site: http.StatusForbidden}, Walk{Retries: 1}, end{Provider: "naver", Why: WhyRefused, Tries: "naver:refused"}},
		{"not at all when nothing fits", town{routes: redirects}, Walk{Choose: Named("toss")}, end{Why: WhyNothing}},
		{"not at all on an empty chooser", town{}, Walk{}, end{Why: WhyNothing}},
		{"not at all without a login form", town{routes: redirects}, Walk{Form: "#gone"}, end{Why: WhySite}},
		{"until patience ends", town{routes: []string{"pass"}, pushes: 1000}, Walk{Person: Person{"홍길동", "19900512", "01000000000"}}, end{Provider: "pass", Why: WhyTime, Tries: "pass:stuck", Took: time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.town.site == 0 {
					c.town.site = http.StatusOK
				}
				c.walk.Start = "http://site.test/"
				var chosen []string
				c.walk.Chosen = func(p string, again bool) { chosen = append(chosen, fmt.Sprint(p, " ", again)) }
				ended := 0
				c.walk.Tried = func(Try) { ended++ }
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				out := Login(ctx, New(Config{Transport: &c.town}), c.walk)
				got := end{In: out.In, Provider: out.Provider, Why: out.Why, Took: out.Took}
				for i, try := range out.Tries {
					got.Tries += " " + try.Provider
					if try.Why != "" {
						got.Tries += ":" + try.Why
					}
					if want := fmt.Sprint(try.Provider, " ", i > 0); i >= len(chosen) || chosen[i] != want {
						t.Errorf("choice %d: told %v, want %s", i, chosen, want)
					}
				}
				got.Tries = strings.TrimSpace(got.Tries)
				if c.want.Why == WhyTime { // what the try itself ended with is not the point
					got.Tries = c.want.Tries
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s\nerror: %v", diff, out.Err)
				}
				if ended != len(out.Tries) {
					t.Errorf("told of %d ends for %d tries", ended, len(out.Tries))
				}
				if out.Provider == "pass" && !cmp.Equal(c.town.heard, []string{"홍길동 19900512 01000000000"}) {
					t.Errorf("the push form got %q", c.town.heard)
				}
			})
		})
	}
}

func TestACancelledWalkStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		out := Login(ctx, New(Config{Transport: &town{routes: []string{"naver"}, hang: "naver"}}), Walk{Start: "http://site.test/", Retries: 1})
		if out.Why != WhyStopped || out.Took != 5*time.Second {
			t.Errorf("got %q after %v, want stopped after 5s", out.Why, out.Took)
		}
	})
}
