package broker

import (
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// peopleWorld is a world in which clinic and desk take two people of a browser in a
// day and shop any number; changes are of the former. naver and kakao are agencies there.
func peopleWorld(t testing.TB, changes ...func(*client.Client)) *world {
	t.Helper()
	return newWorld(t, func(cfg *Config) {
		site := func(id string, most int) client.Client {
			c := client.Client{
				ID: id, Public: true, Name: providers.Text{EN: id}, RedirectURIs: []string{"https://" + id + ".example/cb"},
				MinAssurance: providers.Verified, PeoplePerDevice: most,
			}
			for _, change := range changes {
				if most > 0 {
					change(&c)
				}
			}
			return c
		}
		withClients(t, cfg, site("clinic", 2), site("desk", 2), site("shop", 0))
		for _, p := range cfg.Providers[:2] {
			v := p.(redirector).vendor
			v.info.Assurance, v.who.Assurance = providers.Verified, providers.Verified
			v.info.AssertsCI, v.who.CI = true, aCI
			v.info.Fresh = providers.FreshRequested
		}
	})
}

// is makes the person at naver another one.
func (w *world) is(n byte) {
	w.naver.who.CI = providers.NewCI(strings.Repeat("A", 84) + string(rune('A'+n)) + "A==")
}

// fills has as many people log in at a site as it takes of a browser.
func (br *browser) fills(site string) {
	br.w.t.Helper()
	for _, n := range []byte{1, 2} {
		br.w.is(n)
		br.wantIn(br.enter("naver", site, "prompt", "login"))
	}
}

func (br *browser) wantPeople(s Step, err error) {
	br.w.t.Helper()
	if err != nil {
		br.w.t.Fatal(err)
	}
	if got := query(br.w.t, s.Redirect).Get("notice"); got != NoticePeople {
		br.w.t.Fatalf("got %+v, want the chooser with %s", s, NoticePeople)
	}
}

func TestABrowserVerifiesSoManyPeopleAndNoMore(t *testing.T) {
	w := peopleWorld(t)
	br, other := w.browser(), w.browser()
	for _, n := range []byte{1, 2, 1} { // the same person again is nobody new
		w.is(n)
		br.wantIn(br.enter("naver", "clinic", "prompt", "login"))
		w.clock.add(time.Hour)
	}
	w.is(3)
	before := w.store.waited()
	br.wantPeople(br.enter("naver", "clinic", "prompt", "login"))
	if n := w.store.waited(); n != 0 {
		t.Errorf("a refusal: got %d store waits after %d, want 0", n, before)
	}
	w.is(2)
	br.wantIn(br.enter("naver", "clinic", "prompt", "login"))
	w.is(3)
	other.wantIn(other.enter("naver", "clinic")) // a device of their own
	w.clock.add(23*time.Hour + time.Minute)      // the first was there more than a day ago, the second was not
	br.wantIn(br.enter("naver", "clinic", "prompt", "login"))
}

func TestALoginElsewhereLeadsNobodyPastTheBound(t *testing.T) {
	w := peopleWorld(t)
	br := w.browser()
	br.fills("clinic")
	w.is(3)
	br.wantIn(br.enter("naver", "shop", "prompt", "login"))
	br.wantPeople(br.proceed(br.chooser(siteAt("clinic")...)))
	// Nor do those who were refused count.
	w.is(4)
	br.wantPeople(br.enter("naver", "clinic", "prompt", "login"))
	w.is(2)
	br.wantIn(br.enter("naver", "clinic", "prompt", "login"))
}

// A cookie that is made up, or carried over from another browser, counts nobody and
// harms nobody.
func TestAttackTheCountOfADevicesPeopleOfAnotherBrowser(t *testing.T) {
	w := peopleWorld(t)
	br, other := w.browser(), w.browser()
	br.fills("clinic")
	name := br.b.cookieName(cookiePeople)
	w.is(3)
	for _, value := range []string{br.cookies[name], "made-up"} {
		other.authorize(siteAt("clinic")...)
		other.cookies[name] = value
		other.wantIn(other.enter("naver", "clinic", "prompt", "login"))
	}
	br.wantPeople(br.enter("naver", "clinic", "prompt", "login"))
}
