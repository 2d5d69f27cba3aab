package broker

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinho/providers"
)

func TestReloadOfTheCallbackGivesTheSameRedirect(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	before := map[string]string{}
	maps.Copy(before, br.cookies)
	first := must2(t)(br.finish("naver", back)).Redirect
	if again := must2(t)(br.finish("naver", back)).Redirect; again != first {
		t.Errorf("a reload leads to\n%s, want\n%s", again, first)
	}
	br.b = w.node()
	if again := must2(t)(br.finish("naver", back)).Redirect; again != first {
		t.Errorf("a reload on another node leads to\n%s, want\n%s", again, first)
	}
	lost := w.browser()
	lost.cookies = before
	if again := must2(t)(lost.finish("naver", back)).Redirect; again != first {
		t.Errorf("after a lost answer it leads to\n%s, want\n%s", again, first)
	}
	w.redeem(first)
	w.clock.add(2 * time.Minute)
	s, err := br.finish("naver", back)
	w.wantNotice(s, err, NoticeAgain)
	if w.naver.calls != 1 {
		t.Errorf("got %d exchanges, want 1", w.naver.calls)
	}
}

func TestAProviderFailureCostsNothing(t *testing.T) {
	for _, c := range []struct {
		class  providers.Class
		code   string
		notice string
	}{
		{providers.Cancelled, "x", NoticeCancelled},
		{providers.Cancelled, providers.CodeExpired, NoticeExpired},
		{providers.BadCode, "x", NoticeAgain},
		{providers.Configuration, "x", NoticeSetup},
		{providers.Consent, "x", NoticeConsent},
		{providers.Policy, "x", NoticePolicy},
		{providers.Policy, providers.CodeUnder14, NoticeUnder14},
		{providers.Policy, providers.CodeGuardian, NoticeGuardian},
		{providers.Throttled, "x", NoticeBusy},
		{providers.Shed, "x", NoticeBusy},
		{providers.Down, "x", NoticeFailed},
	} {
		t.Run(c.class.String()+" "+c.code, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			to := must2(t)(br.begin(br.chooser(), "naver", nil))
			w.naver.fail = &providers.Error{Provider: "naver", Class: c.class, Code: c.code, Said: "-406", Cause: errors.New("홍길동 said something")}
			s, err := br.finish("naver", approve(t, to.Redirect))
			want := "started returned ended:" + c.class.String()
			w.wantNotice(s, err, c.notice)
			if query(t, s.Redirect).Get("from") != "naver" {
				t.Errorf("the notice does not say from whom: %s", s.Redirect)
			}
			if n := w.store.waited(); n != 0 {
				t.Errorf("got %d store waits for a failure, want 0", n)
			}
			if got := w.travelled(); got != want {
				t.Errorf("got trips %q, want %q", got, want)
			}
			if !strings.Contains(w.logs.String(), "vendor_code=-406") {
				t.Errorf("the log does not say what the vendor's code was: %s", w.logs)
			}
			if strings.Contains(w.logs.String(), "홍길동") {
				t.Errorf("the log quotes the vendor: %s", w.logs)
			}
		})
	}
}

func TestAStoreThatIsAwayLeadsToTheChooser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		br := w.browser()
		to := must2(t)(br.begin(br.chooser(), "naver", nil))
		w.store.breaks(errors.New("gone"))
		s, err := br.finish("naver", approve(t, to.Redirect))
		r := w.wantNotice(s, err, NoticeStore)
		w.store.breaks(nil)
		to = must2(t)(br.begin(r, "naver", nil))
		site := must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect

		w.store.breaks(errors.New("gone"))
		rec := w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret)
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
			t.Errorf("POST /token: got %d %s, want 503 with Retry-After", rec.Code, rec.Body)
		}
		if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "temporarily_unavailable" {
			t.Errorf("prompt=none: got %s, want temporarily_unavailable", got)
		}
		w.wantNotice(Step{Redirect: br.authorize()}, nil, NoticeStore)
		w.store.breaks(nil)
		tok := w.redeem(site)
		w.store.breaks(errors.New("gone"))
		if rec := w.info(tok.Access); rec.Code != http.StatusServiceUnavailable {
			t.Errorf("GET /userinfo: got %d, want 503", rec.Code)
		}
	})
}

func TestAuthorizeAndCallbackByPostBecomeGets(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	cookieless := w.browser() // a cross-site POST brings no Lax cookies
	rec := cookieless.do(http.MethodPost, "/authorize", params())
	bounced := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(bounced, "/authorize?posted=") || len(cookieless.cookies) != 0 {
		t.Fatalf("got %d %s", rec.Code, bounced)
	}
	r := sealedIn(t, br.do(http.MethodGet, bounced, nil).Header().Get("Location"))
	to := must2(t)(br.begin(r, "naver", nil))
	form := approve(t, to.Redirect)
	step, err := cookieless.step(http.MethodPost, "/callback/naver", form, func(rw http.ResponseWriter, q *http.Request) (Step, error) {
		return w.b.Finish(rw, q, "naver")
	})
	if err != nil || !strings.HasPrefix(step.Redirect, "/callback/naver?posted=") {
		t.Fatalf("got %+v %v", step, err)
	}
	u, _ := url.Parse(step.Redirect)
	site := must2(t)(br.finish("naver", u.Query())).Redirect
	w.redeem(site)
	w.clock.add(2 * time.Minute)
	rec = br.do(http.MethodGet, bounced, nil)
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), ProblemExpired) {
		t.Errorf("an old bounce: got %d %s, want 400 expired", rec.Code, rec.Body)
	}
}

func TestJourneysOfABrowserAreBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.PushesPerMinute = 100 })
	br := w.browser()
	r := br.chooser()
	var all []Step
	for range 6 {
		w.clock.add(time.Second)
		all = append(all, must2(t)(br.begin(r, "naver", nil)))
	}
	n := 0
	for name := range br.cookies {
		if strings.Contains(name, "sinho-j-") {
			n++
		}
	}
	if n != maxJourneys {
		t.Errorf("got %d journey cookies, want %d", n, maxJourneys)
	}
	_, err := br.finish("naver", approve(t, all[0].Redirect))
	w.wantProblem(err, ProblemOtherBrowser)
	must2(t)(br.finish("naver", approve(t, all[5].Redirect)))

	big := w.browser()
	w.naver.who.Picture = "https://img.example/" + strings.Repeat("p", 300)
	big.login("naver")
	long := strings.Repeat("s", 1000)
	for range 5 {
		w.clock.add(time.Second)
		must2(t)(big.begin(big.chooser("state", long, "nonce", strings.Repeat("n", 470), "prompt", "select_account"), "pass", contact))
	}
	total := 0
	for name, value := range big.cookies {
		total += len(name) + len(value)
	}
	if total > maxCookies {
		t.Errorf("got %d bytes of cookies, want %d at most", total, maxCookies)
	}
}

func TestARequestLivesHalfAnHourAndLongerWhileInUse(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	r := br.chooser()
	w.clock.add(29 * time.Minute)
	to := must2(t)(br.begin(r, "naver", nil))
	w.clock.add(5 * time.Minute)
	_, err := br.resume(r)
	w.wantProblem(err, ProblemExpired)
	var p *Problem
	if !errors.As(err, &p) || p.Site == nil || p.Site.Start != "https://booking.example/start" {
		t.Errorf("an expired request offers no way on: %+v", p)
	}
	w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
	s, err := br.finish("naver", approve(t, to.Redirect))
	r = w.wantNotice(s, err, NoticeFailed)
	if _, err := br.resume(r); err != nil {
		t.Errorf("the request was not extended: %v", err)
	}
}

func TestTheSamePersonOverProvidersThatCarryCI(t *testing.T) {
	w := newWorld(t)
	kakao := w.claims(w.redeem(w.browser().login("kakao")))
	naver := w.claims(w.redeem(w.browser().login("naver")))
	pass := w.claims(w.redeem(pushed(t, w, w.browser())))
	if kakao.Subject != pass.Subject {
		t.Error("one CI, two subjects")
	}
	if kakao.Subject == naver.Subject {
		t.Error("without CI, still the same subject")
	}
	if pass.ACR != ACRVerifiedFresh || kakao.ACR != ACRAsserted {
		t.Errorf("got acr %s and %s", pass.ACR, kakao.ACR)
	}
}

func TestTwoNodesThatFinishOneJourneyGiveOneLogin(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	other := w.browser()
	other.b = w.node()
	maps.Copy(other.cookies, br.cookies)
	one, two := approve(t, to.Redirect), approve(t, to.Redirect) // a provider that answers twice
	first := must2(t)(br.finish("naver", one)).Redirect
	second := must2(t)(other.finish("naver", two)).Redirect
	tok := w.redeem(second)
	rec := w.post("/token", codeForm(query(t, first).Get("code")), "booking", secret)
	if decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("the other code: got %d %s, want invalid_grant", rec.Code, rec.Body)
	}
	if rec := w.info(tok.Access); rec.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want the replay to revoke", rec.Code)
	}
	if got := br.authorize("prompt", "none"); !query(t, got).Has("code") {
		t.Errorf("the session of the first answer is dead: %s", got)
	}
	if _, has := other.cookies["__Host-sinho-s"]; has {
		t.Error("the second answer brought a session whose record was never written")
	}
}

func TestAProviderThatHangsIsLeftAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		br := w.browser()
		to := must2(t)(br.begin(br.chooser(), "naver", nil))
		w.naver.gate = make(chan struct{})
		began := time.Now()
		s, err := br.finish("naver", approve(t, to.Redirect))
		w.wantNotice(s, err, NoticeFailed)
		if took := time.Since(began); took != providerWait {
			t.Errorf("it took %s, want %s", took, providerWait)
		}
		if w.lastErr == nil || w.lastErr.Code != "timeout" || !w.lastErr.Colours() {
			t.Errorf("got %+v, want a time-out that colours", w.lastErr)
		}
	})
}

func TestABrowserThatGoesAwayWastesNothing(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := br.request(http.MethodGet, "/callback/naver?"+back.Encode(), nil).WithContext(ctx)
	gone, err := w.b.Finish(httptest.NewRecorder(), r, "naver")
	if err != nil {
		t.Fatal(err)
	}
	if again := must2(t)(br.finish("naver", back)).Redirect; again != gone.Redirect {
		t.Errorf("got %s, want %s", again, gone.Redirect)
	}
	w.redeem(gone.Redirect)
}

// The table of what people read says what a failure of each class and code leads
// to, and which of them colour a light.
func TestTheTableOfFailuresIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What people read\n")
	section, _, _ = strings.Cut(section, "\n## ")
	seen := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || len(cells) != 5 || strings.HasPrefix(line, "| class ") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		e := &providers.Error{Code: cells[1]}
		for e.Class = providers.Cancelled; e.Class <= providers.Shed && e.Class.String() != cells[0]; e.Class++ {
		}
		seen[cells[0]] = true
		got := noticeOf(e)
		if e.Code == providers.CodeContact {
			got = noticeOfPush(e)
		}
		if got != cells[3] || e.Colours() != (cells[4] == "yes") {
			t.Errorf("%s %s: the table says %s, %s; the broker %s, %v", cells[0], cells[1], cells[3], cells[4], got, e.Colours())
		}
	}
	if len(seen) != int(providers.Shed) {
		t.Errorf("got %d classes in the table, want %d", len(seen), int(providers.Shed))
	}
}
