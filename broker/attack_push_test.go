package broker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/providers/sim"
	"sinho/seal"
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

// Attack: one number again and again, from wherever.
func TestAttackPushBombing(t *testing.T) {
	w := newWorld(t)
	sent := 0
	for range 10 {
		br := w.browser() // a new browser each time does not help
		s := must2(t)(br.begin(br.chooser(), "pass", contact))
		if strings.HasPrefix(s.Redirect, "/wait/") {
			sent++
		} else {
			w.wantNotice(s, nil, NoticeOften)
			if got := query(t, s.Redirect).Get("wait"); got != "80" {
				t.Errorf("got a wait of %q s", got)
			}
		}
	}
	if sent != 3 || w.pass.calls != 3 {
		t.Errorf("got %d pushes in a minute, want 3", sent)
	}
	other := w.browser()
	if s := must2(t)(other.begin(other.chooser(), "pass", &providers.Contact{Name: "김하늘", Birthdate: "19850821", Phone: "01000000001"})); !strings.HasPrefix(s.Redirect, "/wait/") {
		t.Errorf("another number was refused too: %s", s.Redirect)
	}
	w.clock.add(2 * time.Minute)
	br := w.browser()
	if s := must2(t)(br.begin(br.chooser(), "pass", contact)); !strings.HasPrefix(s.Redirect, "/wait/") {
		t.Errorf("two minutes later: %s", s.Redirect)
	}
}

// Attack: many numbers, each only once, by one machine or from one network.
func TestAttackPushBombingOfManyNumbersFromOneNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		from     func(i int) string
		pushes   int
		address  int
		refused  string // who is refused then
		welcomed string // who is not
	}{
		"one address":           {func(int) string { return "203.0.113.7:4711" }, 60, 60, "203.0.113.7:1", "203.0.113.8:1"},
		"one household, IPv6":   {func(i int) string { return fmt.Sprintf("[2001:db8:1:2::%x]:1", i) }, 60, 60, "[2001:db8:1:2:ffff::1]:1", "[2001:db8:1:3::1]:1"},
		"one network":           {func(i int) string { return fmt.Sprintf("203.0.113.%d:1", i%250) }, 1200, 60, "203.0.113.255:1", "203.0.114.1:1"},
		"one network, IPv6":     {func(i int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", i) }, 1200, 60, "[2001:db8:1:ffff::1]:1", "[2001:db8:2::1]:1"},
		"IPv4 written as IPv6":  {func(int) string { return "[::ffff:203.0.113.7]:1" }, 60, 60, "203.0.113.7:1", "203.0.113.8:1"},
		"a network of few":      {func(int) string { return "198.51.100.1:1" }, 2, 2, "198.51.100.1:1", "198.51.100.2:1"},
		"this machine, however": {func(int) string { return "127.0.0.1:1" }, 3000, 60, "", "[::1]:1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) { cfg.PushesPerAddress = c.address })
			numbers := 0
			push := func(remote string) Step {
				numbers++
				br := w.browser()
				r := br.chooser()
				q := br.request(http.MethodPost, "/login/pass", nil)
				q.RemoteAddr = remote
				to := &providers.Contact{Name: "홍길동", Birthdate: "19900512", Phone: fmt.Sprintf("010%08d", numbers)}
				return must2(t)(br.b.Begin(httptest.NewRecorder(), q, r, "pass", to))
			}
			for i := range c.pushes {
				if s := push(c.from(i)); !strings.HasPrefix(s.Redirect, "/wait/") {
					t.Fatalf("push %d: got %s", i+1, s.Redirect)
				}
			}
			if c.refused != "" {
				w.wantNotice(push(c.refused), nil, NoticeCrowd)
				if w.pass.calls != c.pushes {
					t.Errorf("got %d phones reached, want %d", w.pass.calls, c.pushes)
				}
			}
			if s := push(c.welcomed); !strings.HasPrefix(s.Redirect, "/wait/") {
				t.Errorf("others: got %s", s.Redirect)
			}
			if n := w.store.waited(); n != 0 {
				t.Errorf("got %d store accesses, want none: strangers write nothing", n)
			}
			if strings.Contains(w.logs.String(), "203.0.113") || strings.Contains(w.logs.String(), "2001:db8") {
				t.Error("an address is in the log")
			}
			w.clock.add(2 * time.Minute)
			if c.refused != "" {
				if s := push(c.refused); !strings.HasPrefix(s.Redirect, "/wait/") {
					t.Errorf("two minutes later: got %s", s.Redirect)
				}
			}
		})
	}
}

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

// Attack: push phishing. The phone shows the words that the victim does not see
// on any page of their own; a push sent again has other words.
func TestAttackPushPhishingMeetsAPhraseOnBothScreens(t *testing.T) {
	for _, vendor := range []string{"pass", "toss"} {
		t.Run(vendor, func(t *testing.T) {
			d := doomed{Vendor: vendor, Secret: []byte(strings.Repeat("k", seal.KeySize))}
			startVendor(t, &d, sim.Manual)
			adapter, err := d.adapter()
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(cfg *Config) { cfg.Providers = []providers.Provider{adapter} })
			w.clock.add(time.Since(w.clock.Now())) // vendors go by the real one
			br := w.browser()
			onPhone := func() string {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Base+"/phone", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(body)
			}
			first := journeyOf(t, must2(t)(br.begin(br.chooser(), vendor, contact)))
			words := must2(t)(br.waiting(first)).Wait.Phrase
			if !strings.Contains(onPhone(), words) {
				t.Errorf("the phone does not show %q", words)
			}
			w.clock.add(draggingAt)
			second := journeyOf(t, must2(t)(br.resend(first)))
			others := must2(t)(br.waiting(second)).Wait.Phrase
			if others == words || !strings.Contains(onPhone(), others) {
				t.Errorf("sent again: the phone does not show %q, or the words are the same", others)
			}
		})
	}
}
