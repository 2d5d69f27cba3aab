package broker

import (
	"net/url"
	"strings"
	"testing"

	"sinho/providers"
)

// onlyBooking lets nobody but booking's people log in by Naver, and takes of it
// no more than a name.
func onlyBooking(cfg *Config) {
	cfg.Providers[0] = providers.Under(cfg.Providers[0], providers.Terms{
		Clients: []string{"booking"}, Limited: true, Attributes: []string{"name"},
	})
}

func routeIDs(l Login) string {
	ids := make([]string, len(l.Routes))
	for i, p := range l.Routes {
		ids[i] = p.ID
	}
	return strings.Join(ids, " ")
}

func TestAProviderIsThereForItsOwnClientsOnly(t *testing.T) {
	w := newWorld(t, onlyBooking)
	br := w.browser()
	for want, r := range map[string]string{"naver kakao pass": br.chooser(), "kakao pass": br.chooser(school()...)} {
		if l, err := br.resume(r); err != nil || routeIDs(l) != want {
			t.Errorf("got routes %q (%v), want %q", routeIDs(l), err, want)
		}
	}
	step := must2(t)(br.begin(br.chooser(school()...), "naver", nil))
	to, err := url.Parse(step.Redirect)
	if err != nil || to.Path != "/login" || to.Query().Get("notice") != NoticeClosed {
		t.Errorf("a direct POST leads to %s, want the chooser, closed", step.Redirect)
	}
	if got := w.travelled(); got != "" {
		t.Errorf("got trips %q, want nobody sent anywhere", got)
	}
}

func TestASessionOfAProviderIsOfNoUseToAClientItIsNotFor(t *testing.T) {
	w := newWorld(t, onlyBooking)
	br := w.browser()
	br.login("naver")
	if l, err := br.resume(br.chooser(school()...)); err != nil || l.Continue {
		t.Errorf("got %+v (%v), want no offer to continue", l, err)
	}
	step, err := br.proceed(br.chooser(school()...)) // a POST that no page offered
	w.wantNotice(step, err, NoticeSession)
	if to := br.authorize(); !strings.HasPrefix(to, callback+"?code=") {
		t.Errorf("booking itself: got %s, want it in by the session", to)
	}
}

// TestWhatAProviderMayNotGiveReachesNoSite: it is gone before anything is sealed.
func TestWhatAProviderMayNotGiveReachesNoSite(t *testing.T) {
	w := newWorld(t, onlyBooking)
	br := w.browser()
	u := decode[map[string]any](t, w.info(w.redeem(br.login("naver")).Access))
	if u["name"] != "홍길동" || u["sub"] == "" {
		t.Errorf("got %v, want subject and name", u)
	}
	for _, claim := range []string{"birthdate", "gender", "email", "phone_number", "nickname", "picture"} {
		if v, there := u[claim]; there {
			t.Errorf("got %s %v, want none", claim, v)
		}
	}
}
