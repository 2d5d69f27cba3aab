package broker

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sinho/providers"
)

func TestAPlainLoginWaitsForTheStoreExactlyTwice(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits before the person came back, want 0", n)
	}
	in := must2(t)(br.finish("naver", approve(t, to.Redirect)))
	site := in.Redirect
	if in.Proved != "naver" || to.Proved != "" {
		t.Errorf("proved by %q on the way in, %q on the way there, want naver and none", in.Proved, to.Proved)
	}
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits at the callback, want 1", n)
	}
	if !strings.HasPrefix(site, callback+"?code=") {
		t.Fatalf("got %s, want the site's callback", site)
	}
	if q := query(t, site); q.Get("state") != "the-state" || q.Get("iss") != issuer {
		t.Errorf("got state %q and iss %q", q.Get("state"), q.Get("iss"))
	}
	tok := w.redeem(site)
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits at redemption, want 1", n)
	}
	c := w.claims(tok)
	if c.Issuer != issuer || c.Audience != "booking" || c.Nonce != "the-nonce" || c.ACR != ACRAsserted || c.Session == "" ||
		c.AtHash == "" || c.Txn == "" || c.AuthTime != 0 || len(c.Subject) != 43 {
		t.Errorf("got ID token %+v", c)
	}
	if tok.Type != "Bearer" || tok.Expires != 600 || tok.Scope != "openid profile email phone" {
		t.Errorf("got %+v", tok)
	}
	rec := w.info(tok.Access)
	if n := w.store.waited(); n != 1 || rec.Code != http.StatusOK {
		t.Errorf("userinfo: got %d store waits and status %d, want 1 and 200", n, rec.Code)
	}
	u := decode[map[string]any](t, rec)
	for claim, want := range map[string]any{
		"sub": c.Subject, "name": "홍길동", "birthdate": "1990-05-12", "gender": "male", "email": "hong@example.com",
		"email_verified": false, "phone_number": "+821000000000", "phone_number_verified": true, "assurance": "asserted",
		"nickname": "길동이", "picture": "https://img.example/1.png", "updated_at": float64(w.clock.Now().Unix()),
	} {
		if u[claim] != want {
			t.Errorf("userinfo %s: got %v, want %v", claim, u[claim], want)
		}
	}
	if got := w.travelled(); got != "started returned ended" {
		t.Errorf("got trips %q", got)
	}
}

func TestSingleSignOnAsksOncePerSiteAndWaitsThreeTimes(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.naver.who.AuthTime = w.clock.Now().Add(-time.Minute)
	first := w.claims(w.redeem(br.login("naver")))
	w.store.waited()
	w.travelled()

	r := br.chooser(school()...)
	if l, err := br.resume(r); err != nil || !l.Continue {
		t.Fatalf("got %+v %v, want an offer to continue", l, err)
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits for a chooser, want 0", n)
	}
	w.clock.add(time.Minute)
	on := must2(t)(br.proceed(r))
	site := on.Redirect
	if on.Proved != "" {
		t.Errorf("going on with a session proves %q anew", on.Proved)
	}
	if !strings.HasPrefix(site, "https://school.example/cb?x=1&code=") {
		t.Fatalf("got %s", site)
	}
	again := must2(t)(br.proceed(r)).Redirect // a double click
	if !strings.HasPrefix(again, "https://school.example/cb?x=1&code=") {
		t.Errorf("a double click on Continue leads to %s", again)
	}
	w.store.waited()

	silent := br.authorize(school()...)
	if !strings.HasPrefix(silent, "https://school.example/cb?x=1&code=") {
		t.Fatalf("the second visit leads to %s, want a silent code", silent)
	}
	rec := w.post("/token", codeForm(query(t, silent).Get("code"), "redirect_uri", "https://school.example/cb?x=1"), "school", secret+"2")
	if rec.Code != http.StatusOK {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	if n := w.store.waited(); n != 3 {
		t.Errorf("got %d store waits for single sign-on, want 3", n)
	}
	c := w.claims(decode[tokens](t, rec))
	if c.AuthTime != first.AuthTime || c.AuthTime == 0 {
		t.Errorf("got auth_time %d, want %d of the login", c.AuthTime, first.AuthTime)
	}
	if c.Subject == first.Subject || c.Session == first.Session {
		t.Error("two sectors can compare sub or sid")
	}
	if got := w.travelled(); got != "" {
		t.Errorf("single sign-on was counted: %q", got)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	for _, c := range []struct {
		name    string
		session bool
		wait    time.Duration
		changes []string
		want    string // error, "code", or "chooser"
	}{
		{"none without a session", false, 0, []string{"prompt", "none"}, "login_required"},
		{"none with a session that served the site", true, 0, []string{"prompt", "none"}, "code"},
		{"none at a site it has not served", true, 0, school("prompt", "none"), "interaction_required"},
		{"none after the session's time", true, 13 * time.Hour, []string{"prompt", "none"}, "login_required"},
		{"login with a session", true, 0, []string{"prompt", "login"}, "chooser"},
		{"select_account with a session", true, 0, []string{"prompt", "select_account"}, "chooser"},
		{"consent with a session", true, 0, []string{"prompt", "consent"}, "chooser"},
		{"max_age not reached", true, time.Second, []string{"max_age", "10000"}, "code"},
		{"max_age reached", true, 2 * time.Second, []string{"max_age", "1"}, "chooser"},
		{"max_age zero", true, 0, []string{"max_age", "0"}, "chooser"},
		{"none with max_age reached", true, 2 * time.Second, []string{"max_age", "1", "prompt", "none"}, "login_required"},
		{"none with something else", true, 0, []string{"prompt", "none login"}, "invalid_request"},
		{"an unknown prompt", false, 0, []string{"prompt", "dance"}, "invalid_request"},
		{"max_age that is no number", false, 0, []string{"max_age", "-1"}, "invalid_request"},
		{"a higher assurance than the session's", true, 0, []string{"acr_values", ACRVerified, "prompt", "none"}, "login_required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			if c.session {
				w.naver.who.AuthTime = w.clock.Now()
				br.login("naver")
			}
			w.clock.add(c.wait)
			to := br.authorize(c.changes...)
			got := query(t, to).Get("error")
			if query(t, to).Has("code") {
				got = "code"
			} else if strings.HasPrefix(to, "/login?r=") {
				got = "chooser"
			}
			if got != c.want {
				t.Errorf("got %s (%s), want %s", got, to, c.want)
			}
		})
	}
}

// How old a login may be is the provider's to know as well: it need not ask
// somebody who has just logged in there. Not where the login must be a new one.
func TestMaxAgeIsHandedOnToTheProvider(t *testing.T) {
	for name, tt := range map[string]struct {
		changes []string
		fresh   bool
		want    int64
	}{
		"nothing asked":          {nil, false, 0},
		"five minutes":           {[]string{"max_age", "300"}, true, 300},
		"a new login":            {[]string{"max_age", "0"}, true, 0},
		"both":                   {[]string{"max_age", "300", "prompt", "login"}, true, 0},
		"of this login's making": {[]string{"max_age", "300", "acr_values", ACRVerifiedFresh}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, v := range []*vendor{w.naver, w.kakao} {
				v.info.Fresh, v.info.Assurance = providers.FreshProved, providers.Verified
			}
			w.b = w.node()
			w.h = w.b.Handler()
			br := w.browser()
			must2(t)(br.begin(br.chooser(tt.changes...), "naver", nil))
			if got := w.naver.asks[0]; got.Fresh != tt.fresh || got.MaxAge != tt.want {
				t.Errorf("got fresh %v, max age %d, want %v, %d", got.Fresh, got.MaxAge, tt.fresh, tt.want)
			}
		})
	}
}

func TestAFreshLoginUsesOnlyProvidersThatCanGiveOne(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	earlier := w.claims(w.redeem(br.login("naver")))
	w.clock.add(time.Hour)
	r := br.chooser("prompt", "login")
	l, err := br.resume(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Routes) != 2 || l.Routes[0].ID != "naver" || l.Routes[1].ID != "pass" || l.Continue {
		t.Errorf("got routes %+v continue %v, want naver and pass, no continue", l.Routes, l.Continue)
	}
	to := must2(t)(br.begin(r, "naver", nil))
	if !w.naver.asks[len(w.naver.asks)-1].Fresh {
		t.Error("the provider was not asked for a fresh login")
	}
	later := w.claims(w.redeem(must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect))
	if later.AuthTime <= earlier.AuthTime {
		t.Errorf("got auth_time %d, want later than %d", later.AuthTime, earlier.AuthTime)
	}
	s, err := br.begin(br.chooser("prompt", "login"), "kakao", nil)
	w.wantNotice(s, err, NoticeClosed)

	w.naver.who.AuthTime = w.clock.Now().Add(-time.Hour)
	to = must2(t)(br.begin(br.chooser("prompt", "login"), "naver", nil))
	s, err = br.finish("naver", approve(t, to.Redirect))
	w.wantNotice(s, err, NoticeAgain)
}
