package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/broker"
	"sinho/providers"
)

func someMine() broker.Mine {
	naver, site := providers.Text{KO: "네이버", EN: "Naver"}, providers.Text{KO: "한빛 <예약>", EN: "Hanbit <Booking>"}
	return broker.Mine{
		Sessions: []broker.MySession{
			{Here: true, Provider: naver, End: "end-here", Sites: []broker.MySite{{Name: site, At: noon}, {Name: providers.Text{KO: "새싹 학교", EN: "Sprout School"}, At: noon.Add(-time.Hour)}}},
			{Provider: providers.Text{KO: "카카오", EN: "Kakao"}, End: "end-there", Sites: []broker.MySite{{Name: site, At: noon.Add(-24 * time.Hour)}}},
		},
		Agreed: []broker.MyConsent{{Site: site, Withdraw: "withdraw-1"}},
		EndAll: "end-all-1",
	}
}

func agreeing() broker.Login {
	l := someLogin()
	l.Continue = true
	l.Agreement = &broker.Agreement{
		Claims: []string{"name", "birthdate", "phone_number"}, Lasting: true,
		PolicyURI: "https://booking.test/privacy", TermsURI: "https://booking.test/terms",
	}
	return l
}

func TestMySessionsInBothLanguages(t *testing.T) {
	h := newWeb(t, &fake{mine: someMine(), live: true}, nil)
	for lang, want := range map[string][]string{
		"ko": {"이 브라우저", "한빛 &lt;예약&gt;", "3/2 12:00", "모든 곳에서 로그아웃", "동의 거두기", "My logins"},
		"en": {"This browser", "Hanbit &lt;Booking&gt;", "3/2 12:00 (Korean time)", "Log out everywhere", "Take it back", "내 로그인"},
	} {
		rec := get(h, "/sessions?lang="+lang)
		for _, text := range want {
			if !strings.Contains(rec.Body.String(), text) {
				t.Errorf("%s: got %d, want %q in it", lang, rec.Code, text)
			}
		}
	}
	none := get(newWeb(t, &fake{}, nil), "/sessions").Body.String()
	if !strings.Contains(none, "로그인이 없습니다") || strings.Contains(none, "<form") {
		t.Error("without a session: want kind words and nothing to press")
	}
}

func TestEndingWithdrawingAndDecliningAreOurOwnFormsOnly(t *testing.T) {
	for target, want := range map[string]string{
		"/sessions/session": "end session T", "/sessions/all": "end all T", "/sessions/consent": "end consent T", "/login/decline": "decline R",
	} {
		f := &fake{step: broker.Step{Redirect: "/sessions"}}
		h := newWeb(t, f, nil)
		form := url.Values{"token": {"T"}, "r": {"R"}}
		if rec := post(h, target, form, "Sec-Fetch-Site", "cross-site"); rec.Code != http.StatusForbidden || len(f.calls) != 0 {
			t.Errorf("%s from another site: got %d and %v, want 403 and nothing done", target, rec.Code, f.calls)
		}
		if rec := post(h, target, form, "Sec-Fetch-Site", "same-origin"); rec.Code != http.StatusSeeOther || !slices.Equal(f.calls, []string{want}) {
			t.Errorf("%s: got %d and %v, want 303 and %q", target, rec.Code, f.calls, want)
		}
	}
}

func TestConsentSaysWhatGoesOut(t *testing.T) {
	h := newWeb(t, &fake{login: agreeing()}, nil)
	body := get(h, "/login?r=sealed-r_1").Body.String()
	for _, text := range []string{
		"한빛 예약에 전달되는 정보", "이름", "생년월일", "휴대폰 번호", "나중에도", `href="https://booking.test/privacy"`, `href="https://booking.test/terms"`,
		`action="/login/decline"`, "동의하고 한빛 예약으로 계속하기", "Do not agree",
	} {
		if !strings.Contains(body, text) {
			t.Errorf("want %q on the page", text)
		}
	}
	l := agreeing()
	l.Agreement = &broker.Agreement{}
	if body := get(newWeb(t, &fake{login: l}, nil), "/login?r=sealed-r_1").Body.String(); !strings.Contains(body, "이 사이트만 아는 회원 번호") {
		t.Error("for nothing but a subject: want it said")
	}
	l.Continue = false
	if body := get(newWeb(t, &fake{login: l}, nil), "/login?r=sealed-r_1").Body.String(); strings.Contains(body, "login-decline") {
		t.Error("before a login there is nothing to agree to")
	}
}

func TestEveryClaimHasWords(t *testing.T) {
	ws := dictionary()
	for _, claim := range broker.Claims() {
		if _, ok := ws["claim."+claim]; !ok {
			t.Errorf("no words for the claim %s", claim)
		}
	}
}

func TestAttackFramesOfOthersThanTheToldSites(t *testing.T) {
	f := &fake{departed: broker.Departed{Frames: []string{"https://a.test/out?sid=1", "https://a.test/two", "https://b.test:8443/out"}, To: "https://a.test/bye"}}
	rec := get(newWeb(t, f, nil), "/logged-out?front=F")
	if got := rec.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-src https://a.test https://b.test:8443") {
		t.Errorf("got policy %q", got)
	}
	if n := strings.Count(rec.Body.String(), "<iframe"); n != 3 || !strings.Contains(rec.Body.String(), `id="back" href="https://a.test/bye"`) {
		t.Errorf("got %d frames, want 3 and a way back:\n%s", n, rec.Body)
	}
	f.err = &broker.Problem{Status: http.StatusBadRequest, Code: broker.ProblemTampered}
	if rec := get(newWeb(t, f, nil), "/logged-out?front=F"); rec.Code != http.StatusBadRequest || strings.Contains(rec.Body.String(), "<iframe") {
		t.Errorf("forged: got %d", rec.Code)
	}
}

// In Chromium at phone width: agree, see one's logins, be led past a site's
// frame to where the site wants people after log-out.
func TestConsentSessionsAndFrontChannelOnAPhone(t *testing.T) {
	var told atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/front" {
			told.Add(1)
		}
		w.Write([]byte("<title>site</title><h1 id=site>site</h1>"))
	}))
	t.Cleanup(site.Close)
	login := agreeing()
	login.Expires, login.Site.Origin = time.Now().Add(time.Hour), site.URL
	f := &fake{login: login, mine: someMine(), live: true, departed: broker.Departed{Frames: []string{site.URL + "/front?sid=1"}, To: site.URL + "/bye"}}
	flow := f.flow()
	flow.Continue = func(http.ResponseWriter, *http.Request, string) (broker.Step, error) {
		return broker.Step{Redirect: site.URL + "/callback?code=1"}, nil
	}
	flow.EndMine = func(http.ResponseWriter, *http.Request, string, string) (broker.Step, error) {
		return broker.Step{Redirect: "/logged-out?front=F"}, nil
	}
	pages, err := New(Config{Flow: flow, Board: allGreen()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Handler())
	t.Cleanup(server.Close)
	p, _ := newPhone(t)
	p.do("the page that asks", chromedp.Navigate(server.URL+"/login?r=sealed-r_1"), chromedp.WaitVisible("#login-decline"))
	p.picture("consent")
	p.do("agreeing leads to the site", chromedp.Click("#login-continue"), chromedp.WaitVisible("#site"))
	p.do("my logins", chromedp.Navigate(server.URL+"/sessions"), chromedp.WaitVisible("#end-all"))
	p.picture("sessions")
	p.do("ending leads past the frame to the site", chromedp.Click("#end-all"), chromedp.WaitVisible("#site"))
	if told.Load() == 0 {
		t.Error("the site was not told in its frame")
	}
}
