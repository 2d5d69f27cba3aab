package broker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sinho/broker/client"
)

// Each test is one attack on what people agree to.

// consenting makes one client ask for consent, and whatever else is said of it.
func consenting(name string, more func(*client.Client)) func(*Config) {
	return changing(name, func(c *client.Client) {
		c.Consent = true
		more(c)
	})
}

// decline is the button.
func (br *browser) decline(r string) (Step, error) {
	return br.step(http.MethodPost, "/login/decline", nil, func(w http.ResponseWriter, q *http.Request) (Step, error) { return br.b.Decline(w, q, r) })
}

// Attack: the code stolen between login and consent (CVE-2022-39222). Whoever
// has the address of the page that asks must not get an answer by it, neither
// with a session of their own nor with the victim's answer to the provider.
func TestAttackCodeStolenBetweenLoginAndConsent(t *testing.T) {
	w := newWorld(t, asking)
	victim, mallory := w.browser(), w.browser()
	to := must2(t)(victim.begin(victim.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	r := sealedIn(t, must2(t)(victim.finish("naver", back)).Redirect)
	for key := range w.store.records {
		if strings.Contains(key, "/c:") {
			t.Errorf("there is a code before the person has agreed: %s", key)
		}
	}

	w.naver.set(func() { w.naver.who.Subject = "mallory" })
	must2(t)(mallory.proceed(toAgree(w, mallory))) // has a session, and has agreed for themselves
	for name, try := range map[string]func() (Step, error){
		"agree":                   func() (Step, error) { return mallory.proceed(r) },
		"decline":                 func() (Step, error) { return mallory.decline(r) },
		"look":                    func() (Step, error) { _, err := mallory.resume(r); return Step{}, err },
		"begin anew":              func() (Step, error) { return mallory.begin(r, "naver", nil) },
		"the provider's answer":   func() (Step, error) { return mallory.finish("naver", back) },
		"another browser, no one": func() (Step, error) { return w.browser().proceed(r) },
	} {
		step, err := try()
		if code := problemCode(err); code != ProblemOtherBrowser && code != ProblemCookies {
			t.Errorf("%s: got %+v %v, want it bound to the browser", name, step, err)
		}
	}
	// The victim's browser without the victim's session, as after a log-out.
	session := victim.cookies["__Host-sinho-s"]
	delete(victim.cookies, "__Host-sinho-s")
	step, err := victim.proceed(r)
	w.wantNotice(step, err, NoticeSession)
	// And with mallory's session instead: a page that asks anew, never a code.
	victim.cookies["__Host-sinho-s"] = mallory.cookies["__Host-sinho-s"]
	planted := must2(t)(victim.proceed(r))
	victim.cookies["__Host-sinho-s"] = session
	own := must2(t)(victim.proceed(r))
	if got, theirs := w.claims(w.redeem(own.Redirect)).Subject, planted.Redirect; query(t, theirs).Has("code") && w.claims(w.redeem(theirs)).Subject == got {
		t.Error("a planted session answers as the victim")
	}
}

// Attack: a site guesses what a person has not agreed to tell it: an essential
// value that is refused at once for a wrong guess, and asked about for a right
// one, says which it was.
func TestAttackGuessingClaimsBeforeConsent(t *testing.T) {
	guess := func(email string) []string {
		return []string{"scope", "openid", "claims", `{"userinfo":{"email":{"essential":true,"value":"` + email + `"}}}`}
	}
	right, wrong := guess("hong@example.com"), guess("other@example.com")
	w := newWorld(t, asking)
	br := w.browser()
	must2(t)(br.proceed(toAgree(w, br, "scope", "openid"))) // to be known, and no more
	for name, claims := range map[string][]string{"right": right, "wrong": wrong} {
		if got := query(t, br.authorize(append(claims, "prompt", "none")...)).Get("error"); got != "consent_required" {
			t.Errorf("a %s guess in silence: got %q, want consent_required", name, got)
		}
		step := must2(t)(br.finish("naver", approve(t, must2(t)(br.begin(br.chooser(append(claims, "prompt", "login")...), "naver", nil)).Redirect)))
		if !strings.HasPrefix(step.Redirect, "/login?r=") || query(t, step.Redirect).Has("notice") {
			t.Errorf("a %s guess by a login: got %s, want the page that asks", name, step.Redirect)
			continue
		}
		r := sealedIn(t, step.Redirect)
		if l, err := br.resume(r); err != nil || !l.Continue || l.Agreement == nil || strings.Join(l.Agreement.Claims, " ") != "email" {
			t.Errorf("a %s guess: got %+v %v, want to be asked for the address", name, l.Agreement, err)
		}
		no := query(t, must2(t)(br.decline(r)).Redirect)
		if no.Get("error") != "access_denied" || no.Get("error_description") != "the person does not agree" {
			t.Errorf("a %s guess, declined: got %v", name, no)
		}
	}
	// Whoever agrees is judged.
	for name, tc := range map[string]struct {
		claims []string
		want   string
	}{"right": {right, ""}, "wrong": {wrong, "access_denied"}} {
		br := w.browser()
		q := query(t, must2(t)(br.proceed(toAgree(w, br, tc.claims...))).Redirect)
		if q.Get("error") != tc.want || q.Has("code") != (tc.want == "") || q.Get("state") != "the-state" {
			t.Errorf("a %s guess, agreed: got %v, want error %q", name, q, tc.want)
		}
	}
	if to := w.browser().login("naver", right...); !query(t, to).Has("code") {
		t.Errorf("agreed before: got %s, want a code", to)
	}
	w.naver.set(func() { w.naver.who.Email = "moved@example.com" })
	if to := w.browser().login("naver", right...); query(t, to).Get("error") != "access_denied" {
		t.Errorf("agreed before, and another address now: got %s, want access_denied", to)
	}
}

// Attack: the site goes on with what it was given by a consent that the person
// has taken back, on another device too.
func TestAttackRefreshTokenUsedAfterConsentWasWithdrawn(t *testing.T) {
	w := tokenWorld(t, consenting("rotating", func(*client.Client) {}))
	phone, laptop := w.browser(), w.browser()
	offline := at("rotating", "scope", "openid email offline_access")
	first := w.spend("rotating", must2(t)(phone.proceed(toAgree(w, phone, offline...))).Redirect)
	second := w.spend("rotating", laptop.login("naver", offline...))
	kept := w.spend("rival", laptop.login("naver", at("rival", "scope", "openid offline_access")...))
	unspent := laptop.authorize(offline...)

	m, _, err := phone.mine()
	if err != nil || len(m.Agreed) != 1 {
		t.Fatalf("got %+v, %v", m.Agreed, err)
	}
	if _, err := phone.end("consent", m.Agreed[0].Withdraw); err != nil {
		t.Fatal(err)
	}
	for _, tok := range []tokenSet{first, second} {
		w.wantInfo(tok.Access, http.StatusUnauthorized)
		w.wantError(w.as("rotating", "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
	code := codeForm(query(t, unspent).Get("code"), "redirect_uri", "https://rotating.example/cb")
	w.wantError(w.as("rotating", "/token", code), http.StatusBadRequest, "invalid_grant")
	w.wantInfo(kept.Access, http.StatusOK) // another site's
	w.refreshed("rival", kept.Refresh)
}

// Attack: more goes out than the person has agreed to, because a setting of the
// site has changed since.
func TestAttackConsentForMoreThanWasShown(t *testing.T) {
	w := newWorld(t, asking)
	br := w.browser()
	must2(t)(br.proceed(toAgree(w, br)))
	if got := query(t, br.authorize("prompt", "none")); !got.Has("code") {
		t.Fatalf("agreed: got %v, want a code", got)
	}
	for name, changes := range map[string][]string{
		"a scope":         {"scope", "openid profile email phone address"},
		"a claim":         {"claims", `{"userinfo":{"address":null}}`},
		"into the token":  {"claims", `{"id_token":{"email":null}}`},
		"another subset":  {"scope", "openid profile"},
		"the same, twice": {"scope", "openid profile email phone", "claims", `{"userinfo":{"email":{"essential":true}}}`},
	} {
		if got := query(t, br.authorize(append(changes, "prompt", "none")...)).Get("error"); got != "consent_required" {
			t.Errorf("%s: got %q, want consent_required", name, got)
		}
	}
	consenting("booking", func(c *client.Client) { c.TellProvider = true })(&w.cfg)
	br.b = w.node()
	br.h = br.b.Handler()
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "consent_required" {
		t.Errorf("the provider is told now: got %q, want consent_required", got)
	}
}

// Attack: buttons of My sessions pressed by somebody else, or for something else.
func TestAttackTokensOfMySessions(t *testing.T) {
	w := newWorld(t, asking)
	br, mallory := w.browser(), w.browser()
	must2(t)(br.proceed(toAgree(w, br)))
	w.naver.set(func() { w.naver.who.Subject = "mallory" })
	must2(t)(mallory.proceed(toAgree(w, mallory)))
	mine, _, err := br.mine()
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := mallory.mine()
	if err != nil {
		t.Fatal(err)
	}
	confirm := query(t, br.do(http.MethodGet, "/logout", nil).Header().Get("Location")).Get("confirm")
	for name, try := range map[string][2]string{
		"another's session token": {"session", theirs.Sessions[0].End},
		"another's consent token": {"consent", theirs.Agreed[0].Withdraw},
		"one for something else":  {"session", mine.Agreed[0].Withdraw},
		"the other way round":     {"consent", mine.Sessions[0].End},
		"for all":                 {"all", mine.Sessions[0].End},
		"of the log-out":          {"session", confirm},
		"of nothing known":        {"everything", mine.Sessions[0].End},
		"none":                    {"all", ""},
	} {
		if step, err := br.end(try[0], try[1]); problemCode(err) != ProblemTampered {
			t.Errorf("%s: got %+v %v, want %s", name, step, err, ProblemTampered)
		}
	}
	rec := br.do(http.MethodPost, "/logout", url.Values{"confirm": {mine.Sessions[0].End}})
	if got := rec.Header().Get("Location"); !strings.HasPrefix(got, loggedOut+"?confirm=") {
		t.Errorf("a token of the page as the answer to the question: got %q, want the question again", got)
	}
	if got := query(t, br.authorize("prompt", "none")); !got.Has("code") {
		t.Errorf("afterwards: got %v, want all as it was", got)
	}
}
