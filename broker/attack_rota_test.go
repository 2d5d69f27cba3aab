package broker

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"sinho/broker/client"
)

// The site that asks for consent hears of a turn once it has it, and not in
// silence before: it would learn the last digit of a birthday within ten days.
func TestAttackGuessingABirthdayByTheRotaBeforeConsent(t *testing.T) {
	w := rotaWorld(t, func(c *client.Client) { c.Consent = true })
	shut := false
	w.cfg.Hooks.Rota = func(name, born string, came, now time.Time) Verdict {
		if shut {
			return Verdict{}
		}
		return nineOnly(name, born, came, now)
	}
	w.b = w.node()
	w.h = w.b.Handler()
	br := w.browser()
	silent := func(want string) {
		t.Helper()
		if got := query(t, br.authorize(clinic("prompt", "none")...)).Get("error"); got != want {
			t.Errorf("shut: %t: got %q, want %q", shut, got, want)
		}
	}
	s, err := br.back()
	r := w.wantNotice(s, err, "") // to be asked
	silent("consent_required")
	shut = true
	silent("consent_required")
	shut = false
	must2(t)(br.proceed(r)) // they agree
	shut = true
	silent("access_denied")
}

// lobby.md: a clock that the device has changed. Nothing that a device says of the
// time is read: not its headers, its cookies, or the parameters it adds.
func TestAttackRotaByAClockThatTheDeviceChanged(t *testing.T) {
	w := rotaWorld(t)
	w.clock.add(-2 * time.Hour) // 19:00: an hour to go
	br := w.browser()
	now := evening.Add(time.Minute)
	for name, value := range map[string]string{"now": now.String(), "at": now.Format(time.RFC3339), "__Host-sinho-now": now.UTC().Format(time.RFC3339)} {
		br.cookies[name] = url.QueryEscape(value)
	}
	lies := url.Values{"now": {now.Format(time.RFC3339)}, "date": {now.Format(time.RFC3339)}, "auth_time": {"1628506860"}, "birthdate": {"1990-05-09"}}
	q := params(clinic()...)
	maps.Copy(q, lies)
	r := br.request(http.MethodGet, "/authorize?"+q.Encode(), nil)
	r.Header.Set("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	rec := httptest.NewRecorder()
	br.h.ServeHTTP(rec, r)
	sealed := sealedIn(t, br.absorb(rec).Header().Get("Location"))
	to := must2(t)(br.begin(sealed, "naver", nil))
	back := approve(t, to.Redirect)
	maps.Copy(back, lies)
	away := br.wantTurn(br.finish("naver", back))
	if away.Chooser != "" {
		t.Error("got a way on an hour before the window")
	}
	if s := must2(t)(br.turnBack(away.Sealed)); query(t, s.Redirect).Get("error") != "access_denied" {
		t.Errorf("got %+v, want access_denied", s)
	}
}

// lobby.md: replay. What was good in the window is no good after it, and what was
// told to one browser opens in no other.
func TestAttackRotaReplayed(t *testing.T) {
	w := rotaWorld(t)
	br := w.browser()
	// A request of the window, kept until after it and its grace.
	w.clock.add(20 * time.Hour) // 17:00
	r := br.chooser(clinic()...)
	w.clock.add(71 * time.Minute) // 18:11
	if _, err := br.resume(r); err == nil {
		t.Error("got a request that has expired opened")
	}
	r = br.chooser(clinic()...)
	to := must2(t)(br.begin(r, "naver", nil))
	back := approve(t, to.Redirect)
	away := br.wantTurn(br.finish("naver", back))
	// The page of the refusal, in another browser, with and without its request.
	thief := w.browser()
	thief.chooser(clinic()...)
	if _, err := thief.turn(away.Sealed); problemCode(err) != ProblemOtherBrowser {
		t.Errorf("another browser: got %v, want %s", err, ProblemOtherBrowser)
	}
	_, err := thief.turnBack(away.Sealed)
	w.wantProblem(err, ProblemOtherBrowser)
	if _, err := br.turn(away.Sealed[:len(away.Sealed)-2] + "AA"); problemCode(err) != ProblemTampered {
		t.Errorf("changed: got %v, want %s", err, ProblemTampered)
	}
	// The refused login's own callback gives no code, ever.
	w.clock.add(20 * time.Minute)
	br.wantTurn(br.finish("naver", back))
	// Shown as a request, it is one like any other: the person must log in, and the
	// rota decides again.
	to = must2(t)(br.begin(away.Sealed, "naver", nil))
	br.wantTurn(br.finish("naver", approve(t, to.Redirect)))
	// A request that was refused to nobody gives the site nothing.
	s, err := br.turnBack(br.chooser(clinic()...))
	w.wantNotice(s, err, "")
}
