package broker

import (
	"net/http"
	"strings"
	"testing"

	"sinho/broker/client"
	"sinho/providers"
)

// Each test is one attack by way of somebody else's phone.

// changing is a registry in which one client is another.
func changing(name string, change func(*client.Client)) func(*Config) {
	return func(cfg *Config) {
		var all []client.Client
		for c := range cfg.Clients.All() {
			if strings.HasPrefix(c.Sector, "client:") {
				c.Sector = "" // a registry's own word, which it does not take
			}
			if c.ID == name {
				change(&c)
			}
			all = append(all, c)
		}
		var err error
		if cfg.Clients, err = client.NewRegistry(all...); err != nil {
			panic(err)
		}
	}
}

func unpushed(c *client.Client) { c.PushRule = client.PushNone }

// Attack: push phishing at a site that takes no push. It is not offered, and
// whoever asks for it all the same reaches no phone.
func TestAttackPushAtASiteThatTakesNone(t *testing.T) {
	w := newWorld(t, changing("school", unpushed))
	br := w.browser()
	r := br.chooser(school()...)
	l, err := br.resume(r)
	if err != nil || len(l.Routes) != 2 || l.Routes[0].ID != "naver" || l.Routes[1].ID != "kakao" {
		t.Errorf("got routes %+v %v, want naver and kakao", l.Routes, err)
	}
	s, err := br.begin(r, "pass", contact)
	w.wantNotice(s, err, NoticeUnpushed)
	if w.pass.calls != 0 {
		t.Error("a phone was reached")
	}
	if s := must2(t)(br.begin(r, "naver", nil)); !strings.HasPrefix(s.Redirect, "https://naver.example/") {
		t.Errorf("naver: got %s", s.Redirect)
	}
	if l, err := br.resume(br.chooser()); err != nil || len(l.Routes) != 3 {
		t.Errorf("at another site: got routes %+v %v, want all three", l.Routes, err)
	}
}

// Attack: a login that a victim approved by push at one site is carried into a
// site that takes no push.
func TestAttackPushedSessionAtASiteThatTakesNone(t *testing.T) {
	w := newWorld(t, changing("school", unpushed))
	br := w.browser()
	pushed(t, w, br)
	r := br.chooser(school()...)
	if l, err := br.resume(r); err != nil || l.Continue {
		t.Errorf("got continue %v %v, want no such offer", l.Continue, err)
	}
	s, err := br.proceed(r)
	w.wantNotice(s, err, NoticeSession)
	if got := query(t, br.authorize(school("prompt", "none")...)); got.Get("error") == "" || got.Has("code") {
		t.Errorf("in silence: got %v, want an error", got)
	}
	if to := br.authorize(); !query(t, to).Has("code") {
		t.Errorf("where it was made the session leads to %s, want it to live on", to)
	}

	other := w.browser()
	other.login("naver")
	if s := must2(t)(other.proceed(other.chooser(school()...))); !query(t, s.Redirect).Has("code") {
		t.Errorf("a session without a push leads to %s", s.Redirect)
	}
}

// A push that was under way when the site's setting changed ends at the chooser.
func TestAPushEndsWhenItsSiteTakesNoneAnyMore(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(school()...), "pass", contact)))
	w.pass.progress = providers.Approved
	changing("school", unpushed)(&w.cfg)
	br.b = w.node()
	s, err := br.waiting(name)
	w.wantNotice(s, err, NoticeClosed)
	if w.pass.results != 0 {
		t.Error("the result was read")
	}
}

// Nobody is sent to a chooser without a way.
func TestASiteThatTakesNoPushAndNeedsOneIsTold(t *testing.T) {
	w := newWorld(t, changing("bank", unpushed))
	to := w.browser().do(http.MethodGet, "/authorize?"+params("client_id", "bank", "redirect_uri", "https://bank.example/cb").Encode(), nil).Header().Get("Location")
	if got := query(t, to).Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("got %s, want unmet_authentication_requirements", to)
	}
}
