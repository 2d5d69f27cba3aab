package broker

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/providers"
)

// TestAttackTakingOverAPushThroughABouncedRequest: a POSTed request is bounced
// to an address that opens in any browser. A stranger who sends it to a victim,
// and types the victim's details at the right moment, must not be handed the
// victim's journey.
func TestAttackTakingOverAPushThroughABouncedRequest(t *testing.T) {
	w := newWorld(t)
	stranger, victim := w.browser(), w.browser()
	rec := stranger.do(http.MethodPost, "/authorize", params())
	bounced := rec.Header().Get("Location")
	open := func(br *browser) string {
		return sealedIn(t, br.do(http.MethodGet, bounced, nil).Header().Get("Location"))
	}
	theirs, mine := open(stranger), open(victim)

	victims := must2(t)(victim.begin(mine, "pass", contact))
	strangers, err := stranger.begin(theirs, "pass", contact)
	if err == nil && strangers.Redirect == victims.Redirect {
		t.Fatalf("both browsers wait at %s", victims.Redirect)
	}
	journey := strings.TrimPrefix(victims.Redirect, "/wait/")
	if slices.ContainsFunc(slices.Collect(maps.Values(stranger.cookies)), func(v string) bool {
		return slices.Contains(slices.Collect(maps.Values(victim.cookies)), v)
	}) {
		t.Error("the stranger holds a cookie of the victim")
	}
	w.pass.progress = providers.Approved
	if step, err := stranger.waiting(journey); err == nil && strings.Contains(step.Redirect, "code=") {
		t.Errorf("the stranger is sent to %s", step.Redirect)
	}
}

// TestAHintNamesThePersonWhoMustCome (Core §3.1.2.2): a fresh login by somebody
// else than the hint's subject is an error to the site, never their token.
func TestAHintNamesThePersonWhoMustCome(t *testing.T) {
	w := newWorld(t)
	tok := w.redeem(w.browser().login("kakao"))
	for name, tc := range map[string]struct {
		ci   providers.CI
		want string
	}{
		"the same person": {aCI, "code="},
		"another person":  {providers.NewCI(strings.Repeat("A", 86) + "=="), "error=login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			w.kakao.who.CI = tc.ci
			to := w.browser().login("kakao", "id_token_hint", tok.IDToken)
			if !strings.Contains(to, tc.want) || !strings.Contains(to, "state=") {
				t.Errorf("got %s, want %s and the state", to, tc.want)
			}
		})
	}
}

// TestAProviderTakenOutOfTheConfigurationGivesItsPeopleBack: whoever is on the
// way when a reload removes a provider is back at the chooser, request kept.
func TestAProviderTakenOutOfTheConfigurationGivesItsPeopleBack(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	away := must2(t)(br.begin(br.chooser(), "kakao", nil))
	push := must2(t)(br.begin(br.chooser(), "pass", contact))
	w.cfg.Providers = []providers.Provider{redirector{w.naver}}
	br.b = w.node()

	step, err := br.finish("kakao", approve(t, away.Redirect))
	w.wantNotice(step, err, NoticeClosed)
	step, err = br.waiting(strings.TrimPrefix(push.Redirect, "/wait/"))
	w.wantNotice(step, err, NoticeClosed)
	_, err = br.finish("nonesuch", url.Values{"state": {"x"}, "code": {"y"}})
	w.wantProblem(err, ProblemProvider)
}

// TestALookAtALinkLogsNobodyInOrOut: HEAD is what link previews send.
func TestALookAtALinkLogsNobodyInOrOut(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/authorize?" + params().Encode(), "/logout"} {
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodHead, path, nil))
		if rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("HEAD %.20s: got %d, want 405", path, rec.Code)
		}
	}
}

// TestAProviderThatShouldSendCIAndDoesNotMakesNoSecondPerson: falling back to
// issuer and subject would give one citizen two subjects, and two bookings.
func TestAProviderThatShouldSendCIAndDoesNotMakesNoSecondPerson(t *testing.T) {
	w := newWorld(t)
	w.kakao.who.CI = providers.CI{}
	br := w.browser()
	away := must2(t)(br.begin(br.chooser(), "kakao", nil))
	step, err := br.finish("kakao", approve(t, away.Redirect))
	w.wantNotice(step, err, NoticeConsent)
}

// TestALostAnswerToAPushLeadsNowhereDead: a phone that slept through the answer
// and polls with its old cookie gets the same redirect while the code lives, and
// the chooser afterwards.
func TestALostAnswerToAPushLeadsNowhereDead(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	push := must2(t)(br.begin(br.chooser(), "pass", contact))
	journey := strings.TrimPrefix(push.Redirect, "/wait/")
	asleep := maps.Clone(br.cookies)
	w.pass.progress = providers.Approved
	first := must2(t)(br.waiting(journey)).Redirect

	br.cookies = maps.Clone(asleep)
	if again := must2(t)(br.waiting(journey)).Redirect; again != first {
		t.Errorf("got %s at once, want %s again", again, first)
	}
	w.clock.add(90 * time.Second)
	br.cookies = maps.Clone(asleep)
	step, err := br.waiting(journey)
	w.wantNotice(step, err, NoticeAgain)
}
