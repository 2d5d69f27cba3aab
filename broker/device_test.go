package broker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

func TestALoginTakesTheLockInTheSameOperation(t *testing.T) {
	for _, rule := range []string{client.DeviceEndOlder, client.DeviceRefuse} {
		w, _ := deviceWorld(t, rule)
		br := w.browser()
		br.wantIn(br.enter("naver", "clinic"))
		if n := w.store.waited(); n != 1 {
			t.Errorf("%s: got %d store waits, want 1: a lock costs none", rule, n)
		}
		w.clock.add(time.Minute)
		if to := br.authorize(siteAt("clinic")...); !query(t, to).Has("code") {
			t.Errorf("%s, the same device by its session: got %s, want a code", rule, to)
		}
		if n := w.store.waited(); n != 2 {
			t.Errorf("%s, by its session: got %d store waits, want 2", rule, n)
		}
		w.clock.add(time.Minute)
		br.wantIn(br.enter("kakao", "clinic", "prompt", "login"))
		if n := w.store.waited(); n != 1 {
			t.Errorf("%s, the same device anew: got %d store waits, want 1", rule, n)
		}
	}
}

func TestTakingOverWaitsTwiceMore(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceEndOlder)
	desk, hand := w.browser(), w.browser()
	desk.wantIn(desk.enter("naver", "clinic"))
	w.store.waited()
	hand.wantIn(hand.enter("naver", "clinic"))
	if n := w.store.waited(); n != 3 {
		t.Errorf("got %d store waits, want 3", n)
	}
}

func TestAnotherDeviceEndsTheOlderAndTheSitesHearIt(t *testing.T) {
	w, told := deviceWorld(t, client.DeviceEndOlder)
	desk, hand := w.browser(), w.browser()
	atClinic := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	desk.wantIn(desk.proceed(desk.chooser(siteAt("pharmacy")...)))
	desk.wantIn(desk.proceed(desk.chooser("client_id", "bank", "redirect_uri", "https://bank.example/cb")))
	w.wantInfo(atClinic.Access, http.StatusOK)

	// Another provider, the same person.
	here := w.tokensAt("clinic", hand.wantIn(hand.enter("kakao", "clinic")))
	if got := told.clients(); got != "clinic pharmacy" {
		t.Errorf("told %q, want both sites of the group and no other", got)
	}
	w.wantInfo(atClinic.Access, http.StatusUnauthorized)
	w.wantInfo(here.Access, http.StatusOK)

	// The older one's session does not take it back by itself, a login does.
	if got := query(t, desk.authorize(siteAt("clinic", "prompt", "none")...)).Get("error"); got != "login_required" {
		t.Errorf("in silence: got %q, want login_required", got)
	}
	to := desk.authorize(siteAt("clinic")...)
	if got := query(t, to).Get("notice"); got != NoticeDevice {
		t.Fatalf("got %s, want the chooser, which says so", to)
	}
	if l, err := desk.resume(sealedIn(t, to)); err != nil || l.Continue {
		t.Errorf("got %+v (%v), want no Continue that leads nowhere", l.Continue, err)
	}
	if to := desk.authorize("client_id", "bank", "redirect_uri", "https://bank.example/cb"); !query(t, to).Has("code") {
		t.Errorf("at a site of no group: got %s, want a code", to)
	}
	step := must2(t)(desk.begin(sealedIn(t, to), "naver", nil))
	desk.wantIn(desk.finish("naver", approve(t, step.Redirect)))
	w.wantInfo(here.Access, http.StatusUnauthorized)
}

func TestAnotherDeviceIsRefusedUntilTheLockEnds(t *testing.T) {
	w, told := deviceWorld(t, client.DeviceRefuse)
	desk, hand := w.browser(), w.browser()
	atClinic := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	began := w.clock.Now()
	w.clock.add(4 * time.Minute)
	w.store.waited()
	step, err := hand.enter("kakao", "pharmacy")
	h := hand.wantHeld(step, err)
	if n := w.store.waited(); n != 2 {
		t.Errorf("a refusal: got %d store waits, want 2: the lock, and the reference", n)
	}
	if !h.Until.Equal(began.Add(10*time.Minute)) || h.Over || h.Ref == "" || h.Site.ID != "pharmacy" {
		t.Errorf("got %+v, want the lock's end, the site and a reference", h)
	}
	if _, in := hand.cookies[hand.b.cookieName(cookieSession)]; in {
		t.Error("got a session, want none of a login that was refused")
	}
	site := query(t, must2(t)(hand.deviceBack(h.Sealed)).Redirect)
	if site.Get("error") != "access_denied" || site.Get("error_description") != inElsewhere || site.Get("state") != "the-state" || site.Has("code") {
		t.Errorf("the site gets %v, want access_denied with state", site)
	}
	w.wantInfo(atClinic.Access, http.StatusOK)

	// Being at work there moves the end.
	desk.wantIn(desk.proceed(desk.chooser(siteAt("pharmacy")...)))
	w.clock.add(9 * time.Minute)
	step, err = hand.enter("kakao", "pharmacy")
	if h = hand.wantHeld(step, err); !h.Until.Equal(began.Add(14 * time.Minute)) {
		t.Errorf("got %v, want ten minutes after the last use", h.Until)
	}
	w.clock.add(time.Minute)
	u := step.Redirect
	if h = hand.wantHeld(Step{Redirect: u}, nil); !h.Over {
		t.Fatal("its end has come, and the page does not lead on")
	}
	to := must2(t)(hand.begin(sealedIn(t, h.Chooser), "kakao", nil))
	hand.wantIn(hand.finish("kakao", approve(t, to.Redirect)))
	desk.wantHeld(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
	desk.wantHeld(desk.proceed(desk.chooser(siteAt("clinic", "prompt", "select_account")...)))
	if got := query(t, desk.authorize(siteAt("clinic", "prompt", "none")...)).Get("error"); got != "login_required" {
		t.Errorf("in silence: got %q, want login_required", got)
	}
	if got := told.clients(); got != "" {
		t.Errorf("told %q, want nobody: nothing was ended", got)
	}
}

func TestLoggingOutGivesTheLockUp(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceRefuse)
	desk, hand := w.browser(), w.browser()
	tok := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	hand.wantHeld(hand.enter("kakao", "clinic"))
	desk.do(http.MethodGet, "/logout?id_token_hint="+tok.IDToken, nil)
	hand.wantIn(hand.enter("kakao", "clinic"))
	// A log-out of a session that does not hold it leaves it.
	w.clock.add(11 * time.Minute)
	third := w.browser()
	other := w.tokensAt("clinic", third.wantIn(third.enter("naver", "clinic")))
	w.clock.add(11 * time.Minute)
	hand.wantIn(Step{Redirect: hand.authorize(siteAt("clinic")...)}, nil)
	third.do(http.MethodGet, "/logout?id_token_hint="+other.IDToken, nil)
	desk.wantHeld(desk.enter("naver", "clinic"))
}

func TestTheSameDeviceComesBackInAfterALogOutOrWithoutItsSession(t *testing.T) {
	w, told := deviceWorld(t, client.DeviceRefuse)
	br := w.browser()
	br.wantIn(br.enter("naver", "clinic"))
	delete(br.cookies, br.b.cookieName(cookieSession))
	w.store.waited()
	br.wantIn(br.enter("kakao", "pharmacy"))
	if n := w.store.waited(); n != 2 {
		t.Errorf("got %d store waits, want 2: the lock was met", n)
	}
	if got := told.clients(); got != "" {
		t.Errorf("told %q, want nobody", got)
	}
}

func TestARefusalOfAnotherDeviceIsRepeatedOnAnyNode(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceRefuse)
	desk, hand := w.browser(), w.browser()
	desk.wantIn(desk.enter("naver", "clinic"))
	to := must2(t)(hand.begin(hand.chooser(siteAt("clinic")...), "kakao", nil))
	back := approve(t, to.Redirect)
	first := hand.wantHeld(hand.finish("kakao", back))
	again := hand.wantHeld(hand.finish("kakao", back))
	hand.b = w.node()
	other := hand.wantHeld(hand.finish("kakao", back))
	if !again.Until.Equal(first.Until) || !other.Until.Equal(first.Until) {
		t.Errorf("got %v and %v, want %v", again.Until, other.Until, first.Until)
	}
	if w.kakao.calls != 1 {
		t.Errorf("got %d exchanges, want 1", w.kakao.calls)
	}
}

// The named regression: keycloak#44474.
func TestAttackASessionLimitThatLocksTheRightfulPersonOut(t *testing.T) {
	for _, rule := range []string{client.DeviceEndOlder, client.DeviceRefuse} {
		w, told := deviceWorld(t, rule)
		desk, hand := w.browser(), w.browser()
		// A login that fails at the provider, is given up, or is refused begins none.
		w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
		s, err := desk.enter("naver", "clinic")
		w.wantNotice(s, err, NoticeFailed)
		must2(t)(desk.begin(desk.chooser(siteAt("clinic")...), "kakao", nil)) // and never comes back
		w.naver.fail = nil
		for key := range w.store.records {
			t.Errorf("%s: got a record %v of logins that failed, want none", rule, key)
		}
		hand.wantIn(hand.enter("kakao", "clinic"))
		// Nor does one that fails touch the lock of who is in.
		w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
		s, err = desk.enter("naver", "clinic")
		w.wantNotice(s, err, NoticeFailed)
		if to := hand.authorize(siteAt("clinic")...); !query(t, to).Has("code") || told.clients() != "" {
			t.Errorf("%s: got %s, told %q: want who is in to stay in", rule, to, told.clients())
		}
	}
}

func TestTheLockSaysNothingOfThePerson(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceRefuse)
	br := w.browser()
	br.wantIn(br.enter("naver", "clinic"))
	browser, _ := br.b.browser(br.request(http.MethodGet, "/", nil))
	found := 0
	for key, r := range w.store.records {
		if strings.Contains(string(r.value), string(browser[:])) {
			t.Errorf("record %v names the browser", key)
		}
		if len(r.value) == gripSize {
			found++
		}
	}
	if found != 1 {
		t.Errorf("got %d locks, want 1", found)
	}
}

// What a request tells of another device is stable as the other forms are: a tag of
// its own behind all others.
func TestTheSealedLockIsStable(t *testing.T) {
	q := request{ID: id{1}, Client: "booking", RedirectURI: callback, MaxAge: -1}
	without := q.marshal()
	q.Held = time.Unix(1_800_086_400, 0)
	got := q.marshal()
	if want := string(without) + "\x1d\x05\x80\x8e\xd9\xb4\r"; string(got) != want {
		t.Errorf("got %q, want %q", got[len(without):], want[len(without):])
	}
	var back request
	if err := back.unmarshal(got); err != nil || !back.Held.Equal(q.Held) {
		t.Errorf("got %v (%v), want it back", back.Held, err)
	}
	g := grip{Device: [16]byte{1}, Root: id{2}, Until: time.Unix(1_800_086_400, 0)}
	if got := fmt.Sprintf("%x", g.marshal()); got != "01"+strings.Repeat("00", 15)+"02"+strings.Repeat("00", 15)+"000000006b4b2380" {
		t.Errorf("got %s", got)
	}
}
