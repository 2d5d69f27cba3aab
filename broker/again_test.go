package broker

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinho/providers"
)

// A node dies with a proof that it has spent: the same callback on another one leads
// to the same provider once more, and from there in. A second loss needs a tap.
func TestALostProofIsAskedForOnceMore(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	w.naver.spent = map[string]bool{back.Get("code"): true} // by a node that has died
	again := must2(t)(br.finish("naver", back))
	next := approve(t, again.Redirect)
	if !strings.HasPrefix(again.Redirect, "https://naver.example/") || next.Get("state") == back.Get("state") {
		t.Fatalf("got %s, want Naver once more, by a journey of its own", again.Redirect)
	}
	s, err := br.finish("naver", back) // the back button
	w.wantNotice(s, err, NoticeAgain)
	site := must2(t)(br.finish("naver", next)).Redirect
	if query(t, site).Get("state") != "the-state" {
		t.Errorf("the request was lost: %s", site)
	}
	w.redeem(site)
	if got, want := w.travelled(), "started returned ended:bad-code started returned ended"; got != want {
		t.Errorf("got trips %q, want %q", got, want)
	}
}

func TestAProofThatIsLostTwiceReturnsToTheChooserWithTheSameRequest(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	lose := func(to Step) url.Values {
		back := approve(t, to.Redirect)
		w.naver.spent = map[string]bool{back.Get("code"): true}
		return back
	}
	back := lose(must2(t)(br.begin(br.chooser(), "naver", nil)))
	back = lose(must2(t)(br.finish("naver", back)))
	s, err := br.finish("naver", back)
	r := w.wantNotice(s, err, NoticeAgain)
	to := must2(t)(br.begin(r, "kakao", nil))
	site := must2(t)(br.finish("kakao", approve(t, to.Redirect))).Redirect
	if query(t, site).Get("state") != "the-state" {
		t.Errorf("the request was lost: %s", site)
	}
}

// Where a tap is better: the provider would ask for a password anew, the browser
// alone says that the proof is bad, or it takes no proof from anybody.
func TestAProviderIsNotAskedAgain(t *testing.T) {
	bad := &providers.Error{Provider: "naver", Class: providers.BadCode, Code: "invalid_grant", Spent: true}
	t.Run("for a fresh login", func(t *testing.T) {
		w := newWorld(t)
		br := w.browser()
		to := must2(t)(br.begin(br.chooser("prompt", "login"), "naver", nil))
		w.naver.fail = bad
		s, err := br.finish("naver", approve(t, to.Redirect))
		w.wantNotice(s, err, NoticeAgain)
	})
	t.Run("because a token does not verify", func(t *testing.T) {
		w := newWorld(t)
		br := w.browser()
		back := approve(t, must2(t)(br.begin(br.chooser(), "naver", nil)).Redirect)
		w.naver.fail = &providers.Error{Provider: "naver", Class: providers.BadCode, Code: "kid"}
		s, err := br.finish("naver", back)
		w.wantNotice(s, err, NoticeAgain)
	})
	t.Run("because of what a browser says", func(t *testing.T) {
		w := newWorld(t)
		br := w.browser()
		back := approve(t, must2(t)(br.begin(br.chooser(), "naver", nil)).Redirect)
		w.naver.fail = bad
		back.Set("error", "invalid_grant")
		s, err := br.finish("naver", back)
		w.wantNotice(s, err, NoticeAgain)
	})
	t.Run("more often than once a second", func(t *testing.T) {
		w := newWorld(t)
		w.naver.fail = bad
		asked := 0
		ask := func() {
			br := w.browser()
			s, err := br.finish("naver", approve(t, must2(t)(br.begin(br.chooser(), "naver", nil)).Redirect))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(s.Redirect, "https://naver.example/") {
				asked++
			}
		}
		for range asksAtOnce + 20 {
			ask()
		}
		if asked != asksAtOnce {
			t.Errorf("asked again %d times at once, want %d", asked, asksAtOnce)
		}
		w.clock.add(3 * time.Second)
		for range 10 {
			ask()
		}
		if asked != asksAtOnce+3*asksPerSecond {
			t.Errorf("asked again %d times, want one a second more", asked)
		}
	})
}

// A store that restarts while somebody comes back from a provider: what was proved is
// kept until it is there again, and what it has written without an answer is theirs.
func TestAStoreThatIsBackInTimeCostsNoProof(t *testing.T) {
	for name, away := range map[string]func(m *memory, is bool){
		"it is away": func(m *memory, is bool) {
			m.breaks(nil)
			if is {
				m.breaks(errGone)
			}
		},
		"its answers are lost": func(m *memory, is bool) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.mute = is
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				br := w.browser()
				to := must2(t)(br.begin(br.chooser(), "naver", nil))
				away(w.store, true)
				time.AfterFunc(storeWait-time.Second, func() { away(w.store, false) })
				site := must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect
				w.redeem(site)
				if got := br.authorize("prompt", "none"); !query(t, got).Has("code") {
					t.Errorf("there is no session: %s", got)
				}
			})
		})
	}
}
