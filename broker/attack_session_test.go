package broker

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sinho/broker/client"
)

// Attack: a refresh token used after the log-out (CVE-2022-3916), of a login
// before the last one. A second login in the same browser, as prompt=login asks
// for, takes the place of the first session; to the person it is one.
func TestAttackRefreshTokenOfAnEarlierLoginUsedAfterLogout(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, br *browser, last tokenSet){
		"by the site": func(t *testing.T, br *browser, last tokenSet) {
			t.Helper()
			if rec := br.do(http.MethodGet, "/logout?id_token_hint="+last.IDToken, nil); rec.Code != http.StatusSeeOther {
				t.Errorf("log-out: got %d %s", rec.Code, rec.Body)
			}
		},
		"by My sessions": func(t *testing.T, br *browser, _ tokenSet) {
			t.Helper()
			m, _, err := br.mine()
			if err != nil || len(m.Sessions) != 2 || len(m.Sessions[0].Sites) != 2 {
				t.Fatalf("got %+v %v, want this session at two sites, and one elsewhere", m.Sessions, err)
			}
			if _, err := br.end("session", m.Sessions[0].End); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var endings []Ending
			var fail error
			w := tokenWorld(t, consenting("rotating", func(c *client.Client) {
				c.Consent, c.BackchannelLogoutURI = false, "https://rotating.example/back"
			}), func(cfg *Config) { told(&endings, &fail)(cfg) })
			br, other := w.browser(), w.browser()
			offline := []string{"scope", "openid offline_access", "prompt", "login"}
			first := w.spend("rotating", br.login("naver", at("rotating", offline...)...))
			w.clock.add(time.Minute)
			w.naver.set(func() { w.naver.who.AuthTime = w.clock.Now() })
			last := w.spend("rival", br.login("naver", at("rival", offline...)...))
			elsewhere := w.spend("rotating", other.login("naver", at("rotating", offline...)...))

			leave(t, br, last)
			for who, tok := range map[string]tokenSet{"rotating": first, "rival": last} {
				w.wantInfo(tok.Access, http.StatusUnauthorized)
				w.wantError(w.as(who, "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
			if len(endings) != 1 || endings[0].Session != w.payload(first.IDToken)["sid"] {
				t.Errorf("told %+v, want the sid of the first login", endings)
			}
			w.wantInfo(elsewhere.Access, http.StatusOK)
		})
	}
}

// Attack: a site bounces a browser until others fall out of the person's list, so
// that what these were given outlives the log-out, and nobody tells them. An entry
// is of one site, so it pushes nobody but itself.
func TestAttackASiteThatBouncesABrowserPushesNobodyOut(t *testing.T) {
	var endings []Ending
	var fail error
	w := tokenWorld(t, consenting("rotating", func(c *client.Client) {
		c.Consent, c.BackchannelLogoutURI = false, "https://rotating.example/back"
	}), func(cfg *Config) { told(&endings, &fail)(cfg) })
	br := w.browser()
	victim := w.spend("rotating", br.login("naver", at("rotating", "scope", "openid offline_access")...))
	first := w.spend("rival", must2(t)(br.proceed(br.chooser(at("rival", "scope", "openid offline_access")...))).Redirect)
	var last tokenSet
	for range maxVisits + 2 {
		last = w.spend("rival", br.authorize(at("rival", "scope", "openid offline_access")...))
	}
	w.wantInfo(victim.Access, http.StatusOK)
	w.wantInfo(first.Access, http.StatusOK)
	br.do(http.MethodGet, "/logout?id_token_hint="+last.IDToken, nil)
	if len(endings) != 1 || endings[0].Client != "rotating" {
		t.Errorf("told %+v, want the site that was there first", endings)
	}
	for _, one := range []struct {
		client string
		tokens tokenSet
	}{{"rotating", victim}, {"rival", first}, {"rival", last}} {
		w.wantInfo(one.tokens.Access, http.StatusUnauthorized)
		w.wantError(w.as(one.client, "/token", refreshForm(one.tokens.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
}

// A list that is full forgets the oldest, and with it all it was given: what can no
// longer be ended does not go on.
func TestWhatFallsOutOfAPersonsListIsDead(t *testing.T) {
	w := tokenWorld(t)
	oldest := w.spend("rotating", w.browser().login("naver", at("rotating", "scope", "openid offline_access")...))
	var next tokenSet
	for range maxVisits {
		next = w.spend("rotating", w.browser().login("naver", at("rotating", "scope", "openid offline_access")...))
	}
	w.wantInfo(oldest.Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(oldest.Refresh)), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(next.Access, http.StatusOK)
}

// Attack: refresh token used after the log-out, brought back by a login on whose
// way the browser still showed the cookie of the session that has ended.
func TestAttackALoginWithAnEndedSessionsCookieBringsNothingBack(t *testing.T) {
	for prompt, asks := range map[string]bool{"login": false, "login consent": true} {
		t.Run(prompt, func(t *testing.T) {
			w := tokenWorld(t, consenting("rotating", func(c *client.Client) { c.Consent = asks }))
			br := w.browser()
			offline := at("rotating", "scope", "openid offline_access")
			dead := w.spend("rotating", br.agreed(br.login("naver", offline...)))
			before := maps.Clone(br.cookies)
			br.do(http.MethodGet, "/logout?id_token_hint="+dead.IDToken, nil)
			br.cookies = before
			fresh := w.spend("rotating", br.agreed(br.login("naver", append(offline, "prompt", prompt)...)))
			w.wantInfo(fresh.Access, http.StatusOK)
			w.wantInfo(dead.Access, http.StatusUnauthorized)
			w.wantError(w.as("rotating", "/token", refreshForm(dead.Refresh)), http.StatusBadRequest, "invalid_grant")
			if w.payload(fresh.IDToken)["sid"] == w.payload(dead.IDToken)["sid"] {
				t.Error("the new session has the sid of the one that has ended")
			}
		})
	}
}

// agreed is the way to the site from where a login led, past a question to agree.
func (br *browser) agreed(location string) string {
	br.w.t.Helper()
	if query(br.w.t, location).Has("code") {
		return location
	}
	return must2(br.w.t)(br.proceed(sealedIn(br.w.t, location))).Redirect
}

// A single sign-on between what a log-out reads and what it writes is seen by the
// log-out, which begins again: its site is told, and its code is dead.
func TestALogoutSeesASingleSignOnThatOvertakesIt(t *testing.T) {
	var endings []Ending
	var fail error
	w := newWorld(t, told(&endings, &fail))
	br := w.browser()
	tok := w.redeem(br.login("naver"))
	sealed := br.chooser(school()...)
	var late string
	fail = nil
	w.b.hooks.Tell = func(_ context.Context, e Ending) error {
		endings = append(endings, e)
		if late == "" {
			late = "on its way"
			late = must2(t)(br.proceed(sealed)).Redirect
		}
		return nil
	}
	br.do(http.MethodGet, "/logout?id_token_hint="+tok.IDToken, nil)
	rec := w.post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {query(t, late).Get("code")}, "redirect_uri": {"https://school.example/cb?x=1"},
		"code_verifier": {verifier},
	}, "school", secret+"2")
	if rec.Code != http.StatusBadRequest {
		t.Errorf("the code: got %d %s, want 400", rec.Code, rec.Body)
	}
	sites := map[string]bool{}
	for _, e := range endings {
		sites[e.Client] = true
	}
	if !sites["booking"] || !sites["school"] {
		t.Errorf("told %+v, want both sites", endings)
	}
}

// Many logins in one browser are one session, whose cookie does not grow.
func TestManyLoginsInOneBrowserAreOneSession(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := w.redeem(br.login("naver", "prompt", "login"))
	size := len(br.cookies[br.b.cookieName(cookieSession)])
	var tok tokens
	for range 12 {
		tok = w.redeem(br.login("naver", "prompt", "login"))
	}
	if now := len(br.cookies[br.b.cookieName(cookieSession)]); now != size {
		t.Errorf("the cookie had %d bytes and has %d", size, now)
	}
	if a, b := w.claims(first).Session, w.claims(tok).Session; a != b {
		t.Errorf("sid is %q and then %q, want one", a, b)
	}
	br.do(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {tok.IDToken}}.Encode(), nil)
	for _, one := range []tokens{first, tok} {
		if rec := w.info(one.Access); rec.Code != http.StatusUnauthorized {
			t.Errorf("an access token afterwards: got %d, want 401", rec.Code)
		}
	}
}

// Ending one device ends every login made on it, the earlier ones too.
func TestEndingAnotherDeviceEndsTheLoginsItHadBefore(t *testing.T) {
	w := tokenWorld(t)
	there, here := w.browser(), w.browser()
	offline := at("rotating", "scope", "openid offline_access", "prompt", "login")
	earlier := w.spend("rotating", there.login("naver", offline...))
	later := w.spend("rival", there.login("naver", at("rival", "scope", "openid offline_access", "prompt", "login")...))
	mine := w.spend("rotating", here.login("naver", offline...))
	m, _, err := here.mine()
	if err != nil || len(m.Sessions) != 2 || len(m.Sessions[1].Sites) != 2 {
		t.Fatalf("got %+v, %v; want here, and there at two sites", m.Sessions, err)
	}
	must2(t)(here.end("session", m.Sessions[1].End))
	w.wantInfo(earlier.Access, http.StatusUnauthorized)
	w.wantInfo(later.Access, http.StatusUnauthorized)
	w.wantError(w.as("rotating", "/token", refreshForm(earlier.Refresh)), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(mine.Access, http.StatusOK)
	if got := there.authorize(at("rotating", "prompt", "none")...); query(t, got).Has("code") {
		t.Error("the other device is logged in still")
	}
}

// Whoever has logged in and is still asked to agree can be seen, and ended.
func TestASessionThatWaitsForConsentIsAmongMySessions(t *testing.T) {
	w := tokenWorld(t, consenting("rotating", func(*client.Client) {}))
	there, here := w.browser(), w.browser()
	asked := sealedIn(t, there.login("naver", at("rotating")...))
	here.login("naver", at("rival")...)
	m, _, err := here.mine()
	if err != nil || len(m.Sessions) != 2 {
		t.Fatalf("got %+v, %v; want two sessions", m.Sessions, err)
	}
	must2(t)(here.end("all", m.EndAll))
	step, err := there.proceed(asked)
	w.wantNotice(step, err, NoticeSession)
}

// A log-out by the ID token of a session that is over is suspect (RP-Initiated
// Logout 1.0 §2): it asks, and does not end the session there is.
func TestAttackLogoutByTheIDTokenOfASessionThatIsOver(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := newWorld(t)
		br := w.browser()
		old := w.redeem(br.login("naver"))
		br.do(http.MethodGet, "/logout?id_token_hint="+old.IDToken, nil)
		now := w.redeem(br.login("naver"))
		if to := br.leads(method, url.Values{"id_token_hint": {old.IDToken}}); !query(t, to).Has("confirm") {
			t.Errorf("%s: led to %s, want the question", method, to)
		}
		if rec := w.info(now.Access); rec.Code != http.StatusOK {
			t.Errorf("%s: the session of today: got %d, want 200", method, rec.Code)
		}
		if to := br.leads(method, url.Values{"id_token_hint": {now.IDToken}}); query(t, to).Has("confirm") {
			t.Errorf("%s: its own ID token led to the question", method)
		}
	}
}
