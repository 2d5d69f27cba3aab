package broker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
	"sinho/providers"
)

func (br *browser) mine() (m Mine, live bool, err error) {
	_, err = br.step(http.MethodGet, "/sessions", nil, func(rw http.ResponseWriter, r *http.Request) (Step, error) {
		var err error
		m, live, err = br.b.Mine(rw, r)
		return Step{}, err
	})
	return m, live, err
}

func (br *browser) end(what, token string) (Step, error) {
	return br.step(http.MethodPost, "/sessions", nil, func(rw http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.EndMine(rw, r, what, token)
	})
}

// names makes what is shown of sessions comparable.
func shownSessions(m Mine) (all []string) {
	for _, s := range m.Sessions {
		line := s.Provider.EN + ":"
		if s.Here {
			line = "here " + line
		}
		for _, site := range s.Sites {
			line += " " + site.Name.EN
		}
		all = append(all, line)
	}
	return all
}

func named2(w *world) {
	w.naver.info.Name, w.kakao.info.Name = providers.Text{EN: "Naver"}, providers.Text{EN: "Kakao"}
	w.b = w.node()
	w.h = w.b.Handler()
}

func TestAPersonSeesAndEndsTheirSessionsOnOtherDevices(t *testing.T) {
	w := newWorld(t)
	named2(w)
	phone, _, _ := twoSites(w)
	w.clock.add(time.Minute)
	laptop := w.browser()
	atLaptop := w.redeem(laptop.login("naver"))
	stranger := w.browser()
	stranger.login("kakao")

	m, live, err := phone.mine()
	if err != nil || !live {
		t.Fatalf("got live %v, %v", live, err)
	}
	if diff := cmp.Diff([]string{"here Naver: School Booking", "Naver: Booking"}, shownSessions(m)); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if _, err := stranger.end("session", m.Sessions[1].End); err == nil {
		t.Error("another person may end it")
	}
	if _, err := laptop.end("session", m.Sessions[1].End); err == nil {
		t.Error("a token fits the person's other browser")
	}
	if _, err := phone.end("all", m.Sessions[1].End); err == nil {
		t.Error("a token serves for more than it was made for")
	}
	if step, err := phone.end("session", m.Sessions[1].End); err != nil || step.Redirect != mineAt {
		t.Errorf("got %+v, %v", step, err)
	}
	if got := query(t, laptop.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("the session that was ended: got %q, want login_required", got)
	}
	if rec := w.info(atLaptop.Access); rec.Code != http.StatusUnauthorized {
		t.Errorf("its access token: got %d, want 401", rec.Code)
	}
	m, _, _ = phone.mine()
	if diff := cmp.Diff([]string{"here Naver: School Booking"}, shownSessions(m)); diff != "" || m.EndAll != "" {
		t.Errorf("shown afterwards (-want +got), end all %q:\n%s", m.EndAll, diff)
	}
	if step, err := phone.end("session", m.Sessions[0].End); err != nil || step.Redirect != loggedOut {
		t.Errorf("this one: got %+v, %v", step, err)
	}
	if _, live, err := phone.mine(); live || err != nil {
		t.Errorf("afterwards: got live %v, %v", live, err)
	}
}

func TestEndAllEndsEverySessionOfThePersonAndNobodyElses(t *testing.T) {
	w := newWorld(t)
	phone, laptop, stranger := w.browser(), w.browser(), w.browser()
	phone.login("naver")
	laptop.login("naver")
	stranger.login("kakao")
	m, _, err := phone.mine()
	if err != nil || m.EndAll == "" {
		t.Fatalf("got %+v, %v", m, err)
	}
	if _, err := phone.end("all", m.EndAll); err != nil {
		t.Fatal(err)
	}
	for br, want := range map[*browser]bool{phone: false, laptop: false, stranger: true} {
		if got := query(t, br.authorize("prompt", "none")).Has("code"); got != want {
			t.Errorf("single sign-on afterwards: got %v, want %v", got, want)
		}
	}
}

func TestConsentCanBeWithdrawn(t *testing.T) {
	w := newWorld(t, asking)
	br := w.browser()
	must2(t)(br.proceed(toAgree(w, br)))
	m, _, err := br.mine()
	if err != nil || len(m.Agreed) != 1 || m.Agreed[0].Site.EN != "Booking" {
		t.Fatalf("got %+v, %v", m.Agreed, err)
	}
	if _, err := br.end("consent", m.Agreed[0].Withdraw); err != nil {
		t.Fatal(err)
	}
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "consent_required" {
		t.Errorf("afterwards: got %q, want consent_required", got)
	}
	if m, _, _ = br.mine(); len(m.Agreed) != 0 {
		t.Errorf("still shown: %+v", m.Agreed)
	}
}

func TestFrontChannelLogoutGoesPastTheSitesThatWantIt(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		var all []client.Client
		for c := range cfg.Clients.All() {
			c.Sector = ""
			switch c.ID {
			case "booking":
				c.FrontchannelLogoutURI, c.FrontchannelSession = "https://booking.example/front?a=1", true
			case "school":
				c.FrontchannelLogoutURI = "https://school.example/front"
			}
			all = append(all, c)
		}
		cfg.Clients, _ = client.NewRegistry(all...)
	})
	br, booking, _ := twoSites(w)
	rec := br.do(http.MethodGet, "/logout?"+url.Values{
		"id_token_hint": {booking.IDToken}, "post_logout_redirect_uri": {"https://booking.example/bye"}, "state": {"s"},
	}.Encode(), nil)
	to := rec.Header().Get("Location")
	front, found := strings.CutPrefix(to, loggedOut+"?front=")
	if !found {
		t.Fatalf("got %d %s, want the page with frames", rec.Code, to)
	}
	d, err := w.b.Departed(nil, front)
	if err != nil {
		t.Fatal(err)
	}
	want := Departed{
		Frames: []string{
			"https://school.example/front",
			"https://booking.example/front?a=1&" + url.Values{"iss": {issuer}, "sid": {w.claims(booking).Session}}.Encode(),
		},
		To: "https://booking.example/bye?state=s",
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := w.b.Departed(nil, front+"A"); err == nil {
		t.Error("a forged page of frames opens")
	}
	if rec := br.do(http.MethodGet, "/logout?id_token_hint="+booking.IDToken, nil); rec.Header().Get("Location") != loggedOut {
		t.Errorf("without a session: got %s, want our own page", rec.Header().Get("Location"))
	}
}
