package broker

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// tonight is a room that opens in two hours.
func tonight(t testing.TB, tweaks ...func(*Config)) (*world, *room) {
	t.Helper()
	w, r := roomWorld(t, tweaks...)
	r.at = w.clock.Now().Add(2 * time.Hour)
	return w, r
}

func TestPeopleVerifyAheadOfTheOpeningAndNeedNoProviderAfterIt(t *testing.T) {
	w, r := tonight(t)
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	q := br.queue(sealed)
	if !q.Opens.Equal(r.at) || q.Verified || !q.MayVerify {
		t.Fatalf("got %+v, want a room that opens and lets people verify", q)
	}
	chooser := must2(t)(br.early(q.Sealed)).Redirect
	l, err := br.resume(sealedIn(t, chooser))
	if err != nil || !l.Early || l.Queue != "" || l.Continue || len(l.Routes) == 0 {
		t.Fatalf("got %+v (%v), want a chooser that says it is early", l, err)
	}
	to := must2(t)(br.begin(l.Sealed, "naver", nil))
	w.store.waited()
	back := approve(t, to.Redirect)
	s := must2(t)(br.finish("naver", back))
	sealed = br.wantQueue(s, nil)
	if n := w.store.waited(); n != 1 || r.count() != 0 || s.Proved != "naver" {
		t.Errorf("got %d store waits, %d passes spent, proved by %q; want 1, 0, naver", n, r.count(), s.Proved)
	}
	if n := w.issued(); n != 0 {
		t.Errorf("got %d codes ahead of the opening", n)
	}
	br.wantQueue(br.finish("naver", back)) // a reload
	if q = br.queue(sealed); !q.Verified || q.MayVerify {
		t.Fatalf("got %+v, want somebody who is verified", q)
	}
	if got := w.travelled(); got != "started returned ended" {
		t.Errorf("got trips %q, want a login like any other", got)
	}
	// Coming again by the site, and trying again, change nothing.
	br.wantQueue(went(br.authorize()))
	br.wantQueue(br.proceed(q.Sealed))

	w.clock.add(2 * time.Hour)
	sealed = br.queue(sealed).Sealed
	br.wantQueue(br.proceed(sealed)) // open, and not called yet
	br.call("one")
	l, err = br.resume(sealed)
	if err != nil || !l.Continue || l.Early || l.Queue != "" {
		t.Fatalf("once called: got %+v (%v), want Continue", l, err)
	}
	calls := w.naver.calls
	s = must2(t)(br.proceed(sealed))
	w.redeem(s.Redirect)
	if w.naver.calls != calls || r.count() != 1 {
		t.Errorf("got %d exchanges more and %d passes spent, want 0 and 1", w.naver.calls-calls, r.count())
	}
	if want := []Purpose{EnterEarly, EnterEarly}; !slices.Equal(r.asked[1:3], want) {
		t.Errorf("got %v, want the early door for chooser and login", r.asked)
	}
}

func TestVerifyingEarlyIsByTheRotaOfTheOpening(t *testing.T) {
	w := rotaWorld(t)
	r := w.before(t)
	w.clock.add(-4 * time.Hour) // three hours before the window of the 9th
	r.at = evening
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize(clinic()...)))
	if q := br.queue(sealed); q.Today == nil || !q.Today.Open {
		t.Errorf("got %+v, want whose turn it will be when the room opens", q.Today)
	}
	sealed = br.wantQueue(br.verify(sealed, "naver"))
	if !br.queue(sealed).Verified {
		t.Error("whose turn comes with the opening is not verified")
	}
	w.born("1990-05-12")
	other := w.browser()
	sealed = other.wantQueue(went(other.authorize(clinic()...)))
	other.wantTurn(other.verify(sealed, "naver"))
	if _, in := other.cookies[other.b.cookieName(cookieSession)]; in {
		t.Error("got a session, want none: it will not be their turn")
	}
	w.clock.add(3 * time.Hour)
	br.call("one")
	br.wantIn(went(br.authorize(clinic()...)))
}

func TestMaxAgeDecidesWhetherVerifyingEarlyIsOfUse(t *testing.T) {
	for age, use := range map[time.Duration]bool{0: false, time.Hour: false, 2 * time.Hour: false, 2*time.Hour + time.Minute: true} {
		t.Run(age.String(), func(t *testing.T) {
			w, r := tonight(t)
			br := w.browser()
			sealed := br.wantQueue(went(br.authorize("max_age", strconv.Itoa(int(age.Seconds())))))
			q := br.queue(sealed)
			if q.MayVerify != use {
				t.Fatalf("got %t, want %t", q.MayVerify, use)
			}
			if !use {
				br.wantQueue(br.early(sealed))
				return
			}
			sealed = br.wantQueue(br.verify(sealed, "naver"))
			if !br.queue(sealed).Verified {
				t.Error("not verified")
			}
			w.clock.add(2 * time.Hour)
			br.call("one")
			if l, err := br.resume(sealed); err != nil || !l.Continue {
				t.Errorf("at the opening: got %+v (%v), want Continue", l, err)
			}
			w.clock.add(2 * time.Minute)
			sealed = br.queue(sealed).Sealed
			if q := br.queue(sealed); q.Verified || q.Entrance.Purpose != EnterLook {
				t.Error("a session older than max_age is verified")
			}
			s, err := br.proceed(sealed)
			w.wantNotice(s, err, NoticeSession)
			if r.count() != 0 {
				t.Errorf("got %d passes spent, want none", r.count())
			}
		})
	}
}

func TestNobodyVerifiesSoEarlyThatTheSessionEndsBeforeTheOpening(t *testing.T) {
	w, r := roomWorld(t)
	r.at = w.clock.Now().Add(sessionTTL)
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	if br.queue(sealed).MayVerify {
		t.Error("verifying is offered")
	}
	br.wantQueue(br.early(sealed))
	w.clock.add(time.Second)
	if !br.queue(sealed).MayVerify {
		t.Error("a second later it is not")
	}
}

func TestAnOldSessionIsNotVerifiedIfItEndsBeforeTheOpening(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	br.wantIn(went(br.login("naver")))
	w.clock.add(2 * time.Hour)
	r.at = w.clock.Now().Add(11 * time.Hour)
	if q := br.queue(br.wantQueue(went(br.authorize()))); q.Verified || !q.MayVerify {
		t.Errorf("got %+v, want somebody who had better verify anew", q.Verified)
	}
	l, err := br.resume(sealedIn(t, must2(t)(br.early(br.wantQueue(went(br.authorize())))).Redirect))
	if err != nil || l.Continue || !l.Early {
		t.Errorf("got %+v (%v), want an early chooser without Continue, which would lead nowhere", l, err)
	}
}

func TestASiteThatWantsFreshLoginsHasNoEarlyOnes(t *testing.T) {
	w, _ := tonight(t, func(cfg *Config) {
		withClients(t, cfg, client.Client{
			ID: "vault", Public: true, Name: providers.Text{EN: "Vault"}, RedirectURIs: []string{"https://vault.example/cb"}, SessionRule: client.SessionNone,
		})
	})
	for name, params := range map[string][]string{"prompt=login": {"prompt", "login"}, "no sessions": siteAt("vault")} {
		br := w.browser()
		sealed := br.wantQueue(went(br.authorize(params...)))
		if br.queue(sealed).MayVerify {
			t.Errorf("%s: verifying early is offered", name)
		}
		br.wantQueue(br.early(sealed))
	}
}

func TestTheSitesConsentIsAskedAfterTheOpening(t *testing.T) {
	w, r := tonight(t, func(cfg *Config) {
		withClients(t, cfg, client.Client{
			ID: "club", Public: true, Name: providers.Text{EN: "Club"}, RedirectURIs: []string{"https://club.example/cb"}, Consent: true,
		})
	})
	br := w.browser()
	sealed := br.wantQueue(br.verify(br.wantQueue(went(br.authorize(siteAt("club")...))), "naver"))
	w.clock.add(2 * time.Hour)
	br.call("one")
	chooser := sealedIn(t, br.authorize(siteAt("club")...))
	if l, err := br.resume(chooser); err != nil || !l.Continue || l.Agreement == nil || r.count() != 0 {
		t.Fatalf("got %+v (%v), want a chooser that asks, and the pass kept", l, err)
	}
	br.wantIn(br.proceed(br.queue(sealed).Sealed))
}

func TestVerifyingEarlyBeginsNoLock(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceRefuse)
	r := w.before(t)
	r.at = w.clock.Now().Add(time.Hour)
	desk, hand := w.browser(), w.browser()
	for _, br := range []*browser{desk, hand} {
		br.wantQueue(br.verify(br.wantQueue(went(br.authorize(siteAt("clinic")...))), "naver"))
	}
	w.clock.add(time.Hour)
	hand.call("hand")
	hand.wantIn(went(hand.authorize(siteAt("clinic")...)))
	desk.call("desk")
	desk.wantHeld(went(desk.authorize(siteAt("clinic")...)))
	if r.count() != 1 {
		t.Errorf("got %d passes spent, want the first one's alone", r.count())
	}
}

func TestALoginThatIsOvertakenByTheOpeningEndsInASession(t *testing.T) {
	w, r := tonight(t)
	br := w.browser()
	sealed := sealedIn(t, must2(t)(br.early(br.wantQueue(went(br.authorize())))).Redirect)
	w.clock.add(2*time.Hour - time.Minute)
	sealed = sealedIn(t, must2(t)(br.early(br.queue(sealed).Sealed)).Redirect)
	to := must2(t)(br.begin(sealed, "naver", nil))
	w.clock.add(2 * time.Minute)
	br.call("one")
	sealed = br.wantQueue(br.finish("naver", approve(t, to.Redirect)))
	if r.count() != 0 {
		t.Error("a login without a pass has spent one")
	}
	br.wantIn(br.proceed(br.queue(sealed).Sealed))
}

func TestAnEarlyChooserIsAnOrdinaryOneOnceItHasOpened(t *testing.T) {
	w, r := tonight(t)
	br := w.browser()
	w.clock.add(2*time.Hour - time.Minute)
	sealed := sealedIn(t, must2(t)(br.early(br.wantQueue(went(br.authorize())))).Redirect)
	w.clock.add(2 * time.Minute)
	if l, err := br.resume(sealed); err != nil || l.Early || l.Queue == "" {
		t.Errorf("got %+v (%v), want the waiting room", l, err)
	}
	br.wantQueue(br.begin(sealed, "naver", nil))
	br.call("one")
	to := must2(t)(br.begin(sealed, "naver", nil))
	br.wantIn(br.finish("naver", approve(t, to.Redirect)))
	if r.count() != 1 {
		t.Errorf("got %d passes spent, want 1", r.count())
	}
}

func TestAFailedEarlyLoginLeadsBackToTheEarlyChooser(t *testing.T) {
	w, _ := tonight(t)
	br := w.browser()
	w.naver.set(func() { w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down} })
	s, err := br.verify(br.wantQueue(went(br.authorize())), "naver")
	l, err := br.resume(w.wantNotice(s, err, NoticeFailed))
	if err != nil || !l.Early || l.Queue != "" {
		t.Errorf("got %+v (%v), want the early chooser", l, err)
	}
}

func TestAnEarlyPushMakesASessionToo(t *testing.T) {
	w, _ := tonight(t)
	br := w.browser()
	sealed := sealedIn(t, must2(t)(br.early(br.wantQueue(went(br.authorize())))).Redirect)
	name := journeyOf(t, must2(t)(br.begin(sealed, "pass", contact)))
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	sealed = br.wantQueue(br.waiting(name))
	br.wantQueue(br.waiting(name)) // another tab
	if !br.queue(sealed).Verified {
		t.Error("not verified")
	}
}

func TestAPersonTheSiteDoesNotWantHearsItBeforeWaiting(t *testing.T) {
	w, _ := tonight(t)
	br := w.browser()
	wants := `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-13"}}}`
	s := must2(t)(br.verify(br.wantQueue(went(br.authorize("claims", wants))), "naver"))
	if got := query(t, s.Redirect).Get("error"); got != "access_denied" {
		t.Errorf("got %s, want access_denied", s.Redirect)
	}
}
