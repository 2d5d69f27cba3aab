package providers

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"sinho/providers/guard"
)

func TestWhatWeDoNotAskIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, "kakao")
		rules := guard.DefaultRules()
		rules.Failures, rules.Span = 1, 0
		g := guard.New(rules, nil)
		f := redirector(t, u.settings(), g.Client(u.hosts(t).client()))
		if _, err := f.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
			t.Fatal(err)
		}
		g.Trouble()
		asked := u.count("token")
		_, err := f.Exchange(t.Context(), testAsk(), codeParams())
		e := wantError(t, err, Shed, "not-asked")
		if e.Colours() || e.Seen || u.count("token") != asked {
			t.Errorf("got %+v after %d requests, want nothing asked and no colour", e, u.count("token")-asked)
		}
		time.Sleep(rules.LongestPause)
		if _, err := f.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
			t.Errorf("got %v after the pause, want a login", err)
		}
	})
}

func TestRedirectsOfServerLegsAreTheProvidersFailure(t *testing.T) {
	again := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }
	for _, leg := range []string{"discovery", "keys", "token", "profile"} {
		t.Run(leg, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.override[leg] = again
			hc := u.hosts(t).client()
			hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			_, err := redirector(t, u.settings(), hc).Exchange(t.Context(), testAsk(), codeParams())
			if e := wantError(t, err, Down, "http-302"); e.Seen {
				t.Error("got it counted already, though no transport does")
			}
			if n := u.count(leg); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
		})
	}
}

func TestKeysThatCannotBeHadAreTheProvidersFailureAndOldOnesServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, "oidc")
		f := u.provider(t)
		if _, err := f.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
			t.Fatal(err)
		}
		u.override["keys"] = http.NotFound
		time.Sleep(keysFresh + time.Second)
		for range 10 {
			if _, err := f.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
				t.Fatalf("with old keys: %v", err)
			}
			time.Sleep(time.Minute)
		}
		if n := u.count("keys"); n < 2 {
			t.Errorf("got keys read %d times, want them asked for behind", n)
		}
		_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
		wantError(t, err, Down, "http-404")
	})
}

// What is published is renewed before anybody needs it, by Warm alone.
func TestWarmRenewsWhatIsOldWithoutAnyLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, "oidc")
		f := u.provider(t)
		for range 121 {
			if err := f.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		if keys, found := u.count("keys"), u.count("discovery"); keys < 8 || keys > 9 || found < 2 || found > 3 {
			t.Errorf("in two hours got keys read %d times and metadata %d, want 8 and 2", keys, found)
		}
	})
}
