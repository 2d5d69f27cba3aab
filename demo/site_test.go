package demo

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/citizen"
)

// site is a relying party with its fake world around it.
type site struct {
	t     *testing.T
	op    *fakeOP
	world world
	base  string
	b     *citizen.Browser
}

func newSite(t *testing.T, name string, now func() time.Time) *site {
	t.Helper()
	op := newFakeOP(t, "http://op.test")
	if now != nil {
		op.now = now
	}
	w := world{"op.test": op, "idp.test": fakeIDP("http://op.test")}
	cfg := SiteConfig{Base: "http://" + name + ".test", Issuer: "http://op.test", ClientID: name, ClientSecret: op.secret, Client: &http.Client{Transport: w}, Now: now}
	switch name {
	case "booking":
		b, err := NewBooking(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w["booking.test"] = b.Handler()
	case "school":
		s, err := NewSchool(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w["school.test"] = s.Handler()
	}
	return &site{t: t, op: op, world: w, base: cfg.Base, b: citizen.New(citizen.Config{Transport: w})}
}

func (s *site) open(path string) *citizen.Page {
	s.t.Helper()
	p, err := s.b.Open(s.t.Context(), s.base+path)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *site) click(p *citizen.Page, selector string) *citizen.Page {
	s.t.Helper()
	next, err := s.b.Click(s.t.Context(), p, selector)
	if err != nil {
		s.t.Fatal(err)
	}
	return next
}

// login walks by a form of the home page ("" the first).
func (s *site) login(form string) citizen.Outcome {
	s.t.Helper()
	return citizen.Login(s.t.Context(), s.b, citizen.Walk{Start: s.base + "/", Form: form})
}

func (s *site) mustLogin(form string) *citizen.Page {
	s.t.Helper()
	out := s.login(form)
	if !out.In {
		s.t.Fatalf("not in: %s %v", out.Why, out.Err)
	}
	return out.Page
}

func (s *site) me() (claims, int) {
	s.t.Helper()
	p := s.open("/me")
	var c claims
	if err := p.JSON(&c); err != nil {
		s.t.Fatal(err)
	}
	return c, p.Status
}

func TestASiteKnowsWhoLoggedIn(t *testing.T) {
	for _, name := range []string{"booking", "school"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, name, nil)
			if c, status := s.me(); status != http.StatusUnauthorized || c.text("error") != "login_required" {
				t.Errorf("before: /me answers %d %v, want 401 login_required", status, c)
			}
			home := s.mustLogin("")
			for id, want := range map[string]string{"me-name": "홍길동", "me-birthdate": "1990년 5월 12일", "me-assurance": "✓ 본인확인기관이 확인 verified by an identity verification agency"} {
				if got, _ := home.TextOf(id); got != want {
					t.Errorf("#%s says %q, want %q", id, got, want)
				}
			}
			c, status := s.me()
			want := claims{"sub": "person-1", "name": "홍길동", "birthdate": "1990-05-12", "assurance": "verified", "acr": "urn:sinho:acr:verified"}
			for k, v := range want {
				if c[k] != v {
					t.Errorf("/me (%d): %s is %v, want %v", status, k, c[k], v)
				}
			}
			if _, has := c["nonce"]; has {
				t.Error("/me shows the nonce")
			}
			ask := s.op.seen[0]
			if ask.Get("code_challenge_method") != "S256" || ask.Get("nonce") == "" || ask.Get("prompt") != "" || ask.Get("scope") != "openid profile" {
				t.Errorf("asked with %v", ask)
			}
			gone := s.click(s.open("/"), "#logout")
			if gone.URL.String() != s.base+"/" {
				t.Errorf("log-out ended at %s", gone.URL)
			}
			if _, status := s.me(); status != http.StatusUnauthorized {
				t.Errorf("after the log-out: /me answers %d", status)
			}
			if out := s.op.logouts; len(out) != 1 || strings.Count(out[0].Get("id_token_hint"), ".") != 2 || out[0].Get("post_logout_redirect_uri") != s.base+"/" {
				t.Errorf("log-out at the issuer: %v", out)
			}
			cookies, err := s.b.Cookies(s.base)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cookies {
				if !strings.HasPrefix(c.Name, name+"-") {
					t.Errorf("cookie %s lacks the site's name; ports share one jar", c.Name)
				}
			}
		})
	}
}

func TestALoginThatFailsIsToldKindly(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*fakeOP)
		form   string
		status int
		says   string
	}{
		{"cancelled", func(o *fakeOP) { o.fail = "access_denied" }, "", http.StatusForbidden, "로그인하지 않고 돌아오셨어요"},
		{"the issuer is busy", func(o *fakeOP) { o.fail = "temporarily_unavailable" }, "", http.StatusServiceUnavailable, "바빠요"},
		{"an error nobody knows", func(o *fakeOP) { o.fail = "<b>odd</b>" }, "", http.StatusBadRequest, "문제가 생겼어요"},
		{"discovery is away", func(o *fakeOP) { o.away = true }, "", http.StatusServiceUnavailable, "닿지 못했어요"},
		{"the code is refused", func(o *fakeOP) { o.secret = "changed" }, "", http.StatusBadRequest, "이미 끝났거나"},
		{"the nonce is another login's", func(o *fakeOP) { o.bend = func(c map[string]any) { c["nonce"] = "x" } }, "", http.StatusBadRequest, "이미 끝났거나"},
		{"the token is for another site", func(o *fakeOP) { o.bend = func(c map[string]any) { c["aud"] = "x" } }, "", http.StatusBadGateway, "문제가 생겼어요"},
		{"userinfo is of somebody else", func(o *fakeOP) { o.bend = func(c map[string]any) { c["sub"] = "x" } }, "", http.StatusBadGateway, "문제가 생겼어요"},
		{"a fresh login was wanted and an old one came", func(o *fakeOP) { o.authTime = time.Now().Add(-time.Hour) }, "#fresh", http.StatusForbidden, "방금 한 본인확인"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, "school", nil)
			s.op.with(c.set)
			out := s.login(c.form)
			if out.In || out.Page == nil || out.Page.Status != c.status || !strings.Contains(out.Page.Text(), c.says) {
				t.Fatalf("got %s %+v, want %d with %q", out.Why, out.Page, c.status, c.says)
			}
			if strings.Contains(string(out.Page.Body), "<b>odd") {
				t.Error("the page shows the stranger's error as it came")
			}
			s.op.with(func(o *fakeOP) {
				o.fail, o.away, o.secret, o.bend, o.authTime = "", false, "s3cret", nil, time.Time{}
			})
			next := s.click(out.Page, "다시 로그인하기 Log in again")
			if len(next.Choices()) == 0 {
				t.Errorf("the way on leads to %s, want the chooser", next.URL)
			}
		})
	}
}

func TestAFreshLoginIsAskedForAndProved(t *testing.T) {
	s := newSite(t, "school", nil)
	home := s.mustLogin("#fresh")
	ask := s.op.seen[0]
	if ask.Get("prompt") != "login" || ask.Get("max_age") != "0" {
		t.Errorf("asked with prompt %q and max_age %q", ask.Get("prompt"), ask.Get("max_age"))
	}
	if _, open := home.TextOf("exam-open"); !open {
		t.Error("the examination room is shut after a fresh login")
	}
	plain := newSite(t, "school", nil)
	if _, open := plain.mustLogin("").TextOf("exam-open"); open {
		t.Error("the examination room is open after a plain login")
	}
}

func TestACallbackMustBeOfALoginBegunHere(t *testing.T) {
	s := newSite(t, "booking", nil)
	if p := s.open("/callback?state=forged&code=x"); p.Status != http.StatusBadRequest {
		t.Errorf("a forged state: got %d, want 400", p.Status)
	}
	begun := s.open("/login")
	ask, err := url.ParseQuery(begun.URL.Query().Get("r"))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.open("/callback?code=x&iss=http%3A%2F%2Fevil.test&state=" + ask.Get("state")); p.Status != http.StatusBadRequest || !strings.Contains(p.Text(), "모르는 로그인 서버") {
		t.Errorf("a callback of another issuer: got %d %s", p.Status, p.Text())
	}
	if p := s.open("/login?iss=http%3A%2F%2Fevil.test"); p.Status != http.StatusBadRequest {
		t.Errorf("third-party login for another issuer: got %d, want 400", p.Status)
	}
	if p := s.open("/login?iss=http%3A%2F%2Fop.test"); len(p.Choices()) == 0 {
		t.Errorf("third-party login: ended at %s, want the chooser", p.URL)
	}
}

func TestTwoTabsAndAReloadedCallbackBothEndAtHome(t *testing.T) {
	s := newSite(t, "booking", nil)
	tabs := []*citizen.Page{s.open("/login"), s.open("/login"), s.open("/login")}
	var last *citizen.Page
	for _, tab := range tabs {
		last = s.click(s.click(tab, "#login-kakao"), "#approve")
		if last.URL.Path != "/" || last.Status != http.StatusOK {
			t.Errorf("a tab ended at %s with %d", last.URL, last.Status)
		}
	}
	callback := last.Chain[len(last.Chain)-2].URL
	if again := s.open(callback.RequestURI()); again.URL.Path != "/" || again.Status != http.StatusOK {
		t.Errorf("the reloaded callback ended at %s with %d, want home", again.URL, again.Status)
	}
	for range 8 {
		s.open("/login")
	}
	cookies, err := s.b.Cookies(s.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		if len(c.Value) > maxSealed {
			t.Errorf("cookie %s grew to %d bytes", c.Name, len(c.Value))
		}
	}
}

func TestASiteStartsBeforeItsIssuer(t *testing.T) {
	s := newSite(t, "booking", nil)
	op := s.world["op.test"]
	delete(s.world, "op.test")
	if out := s.login(""); out.Page.Status != http.StatusServiceUnavailable {
		t.Errorf("without an issuer: got %d, want 503", out.Page.Status)
	}
	if s.open("/").Status != http.StatusOK {
		t.Error("the home page needs the issuer")
	}
	s.world["op.test"] = op
	s.mustLogin("")
}

func TestABookingTakesMovesAndGivesBackASlot(t *testing.T) {
	at := time.Date(2026, 5, 12, 3, 0, 0, 0, time.UTC)
	s := newSite(t, "booking", func() time.Time { return at })
	if form, err := s.open("/").Form("/book"); err != nil || len(form.Buttons) != 0 {
		t.Errorf("a stranger can press %v (%v)", form, err)
	}
	home := s.mustLogin("")
	for _, slot := range []string{"2026-05-13T09:00", "2026-05-15T16:30"} {
		home = s.click(home, "slot="+slot)
		form, err := home.Form("/book")
		if err != nil {
			t.Fatal(err)
		}
		if len(form.Buttons) != slotDays*len(slotTimes)-1 {
			t.Errorf("%d slots can be pressed, want all but one's own", len(form.Buttons))
		}
	}
	if got, _ := home.TextOf("booked"); got != "5월 15일 (금) 16:30 Fri 15 May, 16:30 ✓ 예약 완료 booked" {
		t.Errorf("the ticket says %q", got)
	}
	home = s.click(home, "예약 취소 Cancel the booking")
	if _, still := home.TextOf("booked"); still {
		t.Error("the booking is there after it was cancelled")
	}
	form, err := home.Form("/book")
	if err != nil {
		t.Fatal(err)
	}
	form.Buttons[0].Value = "2020-01-01T09:00"
	if p, err := s.b.Submit(t.Context(), form, "slot=2020-01-01T09:00"); err != nil || p.Status != http.StatusBadRequest {
		t.Errorf("a slot of the past: got %v (%v), want 400", p.Status, err)
	}
	at = at.Add(sessionFor)
	if _, status := s.me(); status != http.StatusUnauthorized {
		t.Errorf("after the session's time /me answers %d", status)
	}
}

func TestASlotHoldsItsCapacity(t *testing.T) {
	s := newSlots(func() time.Time { return time.Date(2026, 5, 12, 3, 0, 0, 0, time.UTC) })
	const id = "2026-05-13T09:00"
	for i := range slotCapacity {
		if got := s.take(id, fmt.Sprint("p", i)); got != slotTaken {
			t.Fatalf("person %d: got %v", i, got)
		}
	}
	if got := s.take(id, "late"); got != slotFull {
		t.Errorf("one too many: got %v, want full", got)
	}
	if got := s.take(id, "p0"); got != slotTaken {
		t.Errorf("the same person again: got %v, want taken", got)
	}
	s.giveBack("p0")
	if got := s.take(id, "late"); got != slotTaken {
		t.Errorf("after one left: got %v, want taken", got)
	}
}

func TestASiteGuardsItsPages(t *testing.T) {
	s := newSite(t, "booking", nil)
	p := s.open("/")
	csp := p.Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "form-action 'self' http://op.test", "frame-ancestors 'none'",
		"img-src 'self' data: http://op.test", "script-src http://op.test;", "connect-src http://op.test ws://op.test",
	} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	lights := `<script src="http://op.test/embed/lights.js" async></script>` // the only script
	if !strings.Contains(string(p.Body), lights) {
		t.Errorf("the page lacks %s", lights)
	}
	p.Body = []byte(strings.Replace(string(p.Body), lights, "", 1))
	for _, inline := range []string{"<script", " style=", "<style", " onclick"} {
		if strings.Contains(string(p.Body), inline) {
			t.Errorf("the page has %s, which its policy forbids", inline)
		}
	}
	for _, file := range []string{"/static/site.css", "/static/booking.css"} {
		if css := s.open(file); css.Status != http.StatusOK || !strings.HasPrefix(css.Header.Get("Content-Type"), "text/css") {
			t.Errorf("%s: %d %s", file, css.Status, css.Header.Get("Content-Type"))
		}
	}
	for _, other := range []string{"/static/stage.js", "/static/", "/static/../party.go", "/static/x/booking.css"} {
		if got := s.open(other).Status; got == http.StatusOK {
			t.Errorf("%s is served", other)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := s.world.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a log-out posted by another site: got %v (%v), want 403", resp.StatusCode, err)
	}
}

func TestSettingsAreCheckedAllAtOnce(t *testing.T) {
	_, err := NewSchool(SiteConfig{Base: "http://x.test/path", Issuer: "ftp://y"})
	for _, want := range []string{`base "http://x.test/path" has a path`, `issuer "ftp://y" is not an http address`, "client id and secret are needed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzCookie(f *testing.F) {
	s, err := newSealer("secret", "booking", "client")
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.seal("login", []pending{{State: "s"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, sealed string) {
		var all []pending
		if s.open("login", sealed, &all) && !cmp.Equal(all, []pending{{State: "s"}}) {
			t.Errorf("%q opened as %v", sealed, all)
		}
		if s.open("session", sealed, &all) {
			t.Errorf("%q opened for another purpose", sealed)
		}
	})
}
