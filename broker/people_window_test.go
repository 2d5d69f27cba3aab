package broker

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

func TestWhoComesAgainTheNextDayCountsThatDay(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	for range 2 {
		br.fills("clinic")
		w.is(3)
		br.wantPeople(br.enter("naver", "clinic", "prompt", "login"))
		w.clock.add(25 * time.Hour)
	}
}

// The count is the browser's by its name, which must not be forgotten before.
func TestTheNameOfABrowserLivesAsLongAsItsPeopleCount(t *testing.T) {
	for _, window := range []time.Duration{time.Hour, client.MostPeopleWindow} {
		w := peopleWorld(t, func(c *client.Client) { c.PeopleWindow = window })
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, w.browser().request(http.MethodGet, "/authorize?"+params(siteAt("clinic")...).Encode(), nil))
		named := false
		for _, c := range rec.Result().Cookies() {
			if c.Name != w.b.cookieName(cookieBrowser) {
				continue
			}
			named = true
			if got, want := time.Duration(c.MaxAge)*time.Second, max(browserTTL, window); got != want {
				t.Errorf("window %v: the name lives %v, want %v", window, got, want)
			}
		}
		if !named {
			t.Errorf("window %v: got no name for the browser", window)
		}
	}
}

func TestPeopleAreCountedWhereTheyWereLetIn(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*client.Client)
		shared bool
	}{
		"each client by itself": {func(*client.Client) {}, false},
		"the clients of a group together": {func(c *client.Client) {
			c.OneDevice, c.DeviceGroup = client.DeviceEndOlder, "vaccine"
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := peopleWorld(t, tc.change)
			br := w.browser()
			br.fills("clinic")
			w.is(3)
			s, err := br.enter("naver", "desk", "prompt", "login")
			if tc.shared {
				br.wantPeople(s, err)
				w.is(2)
				br.wantIn(br.enter("naver", "desk", "prompt", "login"))
				return
			}
			br.wantIn(s, err)
			br.wantPeople(br.enter("naver", "clinic", "prompt", "login"))
			w.is(4)
			br.wantIn(br.enter("naver", "desk", "prompt", "login"))
			w.is(1)
			br.wantPeople(br.enter("naver", "desk", "prompt", "login"))
		})
	}
}

func TestSingleSignOnCountsItsPerson(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	for _, n := range []byte{1, 2} {
		w.is(n)
		br.wantIn(br.enter("naver", "shop", "prompt", "login")) // which counts nobody
		w.store.waited()
		br.wantIn(br.proceed(br.chooser(siteAt("clinic")...)))
		br.wantIn(Step{Redirect: br.authorize(siteAt("clinic")...)}, nil) // and by a redirect alone
		if got := w.store.waited(); got != 4 {
			t.Errorf("person %d: got %d store waits for two single sign-ons, want 4: counting costs none", n, got)
		}
	}
	w.is(3)
	br.wantIn(br.enter("naver", "shop", "prompt", "login"))
	br.wantPeople(br.proceed(br.chooser(siteAt("clinic")...)))
	if logs := w.logs.String(); !strings.Contains(logs, `"session not used"`) || !strings.Contains(logs, NoticePeople) {
		t.Error("got no log line, want one of a session that is not used")
	}
}

func TestALoginThatFailsCountsNobody(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
	for _, n := range []byte{1, 2, 3} {
		w.is(n)
		s, err := br.enter("naver", "clinic", "prompt", "login")
		w.wantNotice(s, err, NoticeFailed)
	}
	if _, counted := br.cookies[br.b.cookieName(cookiePeople)]; counted {
		t.Error("got a count of people, want none of logins that failed")
	}
}

// More people than a cookie has room for push out whoever was there longest ago.
func TestTheCountOfPeopleIsBoundedAndStable(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	q := &request{Client: "clinic", Browser: id{1}}
	for n := range byte(100) {
		rec := httptest.NewRecorder()
		plain(rec)
		if err := w.b.remember(rec, q, [8]byte{n, 1}); err != nil {
			t.Fatal(err)
		}
		br.absorb(rec)
		q.People = w.b.people(br.request(http.MethodGet, "/", nil), id{1})
	}
	if n := len(q.People); n != maxMet || q.People[0].Who[0] != 100-maxMet {
		t.Errorf("got %d people from %v, want the last %d", n, q.People[0].Who, maxMet)
	}
	if got := w.b.people(br.request(http.MethodGet, "/", nil), id{2}); got != nil {
		t.Errorf("another browser: got %d people, want nobody", len(got))
	}
	all := []met{{Where: [8]byte{1}, Who: [8]byte{2}, At: time.Unix(1_800_000_000, 0)}}
	got := fmt.Sprintf("%x", marshalPeople(all))
	if want := "010114" + "0100000000000000" + "0200000000000000" + "6b49d200"; got != want {
		t.Errorf("got the form %s, want %s", got, want)
	}
	if back, err := unmarshalPeople(append(marshalPeople(all), 200, 1, 'x')); err != nil || !slices.Equal(back, all) {
		t.Errorf("got %v (%v), want it back, and a later version's field skipped", back, err)
	}
}

func TestTheSiteIsToldWhenSomebodyGoesBackFromACrowdedBrowser(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	br.fills("clinic")
	w.is(3)
	s, err := br.enter("naver", "clinic", "prompt", "login")
	br.wantPeople(s, err)
	r := sealedIn(t, s.Redirect)
	s, err = br.step(http.MethodPost, "/login/decline", nil, func(w http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.Decline(w, q, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	site := query(t, s.Redirect)
	if site.Get("error") != "access_denied" || site.Get("error_description") != "the person has gone back" || site.Get("state") != "the-state" {
		t.Errorf("the site gets %v, want access_denied with state", site)
	}
}
