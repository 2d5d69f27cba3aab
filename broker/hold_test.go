package broker

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
)

// appWorld is deviceWorld with refuse, whose sites may refresh by rule.
func appWorld(t *testing.T, rule string) *world {
	t.Helper()
	w, _ := deviceWorld(t, client.DeviceRefuse, func(cfg *Config) {
		var all []client.Client
		for c := range cfg.Clients.All() {
			if c.OneDevice != "" {
				c.Scopes, c.Refresh = []string{"openid", client.ScopeOffline}, rule
				if rule == client.RefreshConstant {
					c.Public, c.AuthMethod, c.SecretHash = false, client.AuthSecretPost, sha256.Sum256([]byte(clinicSecret))
				}
			}
			if strings.HasPrefix(c.Sector, "client:") { // filled in
				c.Sector = ""
			}
			all = append(all, c)
		}
		r, err := client.NewRegistry(all...)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Clients = r
	})
	return w
}

const clinicSecret = "a secret of thirty-two bytes, or so"

func (w *world) appLogin(br *browser) tokenSet {
	w.t.Helper()
	form := codeForm(br.wantIn(br.enter("naver", "clinic", "scope", "openid offline_access", "prompt", "login consent")), "redirect_uri", "https://clinic.example/cb", "client_id", "clinic")
	if c, _ := w.cfg.Clients.Lookup("clinic"); !c.Public {
		form.Set("client_secret", clinicSecret)
	}
	return decode[tokenSet](w.t, w.post("/token", form))
}

func (w *world) appRefresh(token string) (tokenSet, int) {
	w.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"clinic"}}
	if c, _ := w.cfg.Clients.Lookup("clinic"); !c.Public {
		form.Set("client_secret", clinicSecret)
	}
	rec := w.post("/token", form)
	if rec.Code != http.StatusOK {
		return tokenSet{}, rec.Code
	}
	return decode[tokenSet](w.t, rec), rec.Code
}

func TestRefreshingKeepsTheLockInOneTrip(t *testing.T) {
	for _, rule := range []string{client.RefreshRotating, client.RefreshConstant} {
		w := appWorld(t, rule)
		desk, hand := w.browser(), w.browser()
		tok := w.appLogin(desk)
		for range 5 {
			w.clock.add(9 * time.Minute)
			w.store.waited()
			next, status := w.appRefresh(tok.Refresh)
			if n := w.store.waited(); n != 1 || status != http.StatusOK {
				t.Fatalf("%s: got %d after %d store waits, want tokens after 1", rule, status, n)
			}
			if next.Refresh != "" {
				tok = next
			}
		}
		h := hand.wantHeld(hand.enter("kakao", "pharmacy"))
		if want := w.clock.Now().Add(10 * time.Minute); !h.Until.Equal(want) {
			t.Errorf("%s: got until %v, want %v", rule, h.Until, want)
		}
	}
}

func TestRefreshingTakesNoLockThatIsOverOrAnothers(t *testing.T) {
	for _, rule := range []string{client.RefreshRotating, client.RefreshConstant} {
		w := appWorld(t, rule)
		desk, hand := w.browser(), w.browser()
		tok := w.appLogin(desk)
		w.clock.add(11 * time.Minute)
		next, status := w.appRefresh(tok.Refresh)
		if status != http.StatusOK {
			t.Fatalf("%s: got %d, want what it has to go on", rule, status)
		}
		if next.Refresh != "" {
			tok = next
		}
		hand.wantIn(hand.enter("kakao", "clinic"))
		if next, status = w.appRefresh(tok.Refresh); status != http.StatusOK {
			t.Fatalf("%s: got %d, want what it has to go on", rule, status)
		}
		desk.wantHeld(desk.enter("naver", "pharmacy"))
		if to := hand.authorize(siteAt("clinic")...); !query(t, to).Has("code") {
			t.Errorf("%s: got %s, want the lock to be the other device's still", rule, to)
		}
		// One that was released, or has logged out, gets neither tokens nor lock.
		ref := desk.wantHeld(desk.enter("naver", "pharmacy")).Ref
		if _, err := w.b.Release(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		if next.Refresh != "" {
			tok = next
		}
		if _, status = w.appRefresh(tok.Refresh); status != http.StatusBadRequest {
			t.Errorf("%s, released: got %d, want no tokens", rule, status)
		}
		hand.wantIn(hand.enter("kakao", "clinic", "prompt", "login"))
	}
}

func TestALockMovedAwayBetweenTwoRefreshesIsLetBe(t *testing.T) {
	w := appWorld(t, client.RefreshRotating)
	desk := w.browser()
	tok := w.appLogin(desk)
	delete(desk.cookies, desk.b.cookieName(cookieSession))
	desk.wantIn(desk.enter("kakao", "pharmacy")) // the same device, another session
	w.clock.add(time.Minute)
	w.store.waited()
	next, status := w.appRefresh(tok.Refresh)
	if n := w.store.waited(); status != http.StatusOK || n != 2 {
		t.Fatalf("got %d after %d store waits, want tokens after 2", status, n)
	}
	again, status := w.appRefresh(tok.Refresh) // its answer was lost
	if status != http.StatusOK || again.Refresh == "" {
		t.Errorf("once more: got %d, want the same answer", status)
	}
	w.clock.add(time.Minute)
	w.store.waited()
	if _, status = w.appRefresh(next.Refresh); status != http.StatusOK || w.store.waited() != 1 {
		t.Errorf("from then on: got %d, want tokens after 1 store wait", status)
	}
}

func TestRefreshingHoldsTheLockNoLongerThanASession(t *testing.T) {
	w := appWorld(t, client.RefreshRotating)
	desk, hand := w.browser(), w.browser()
	tok := w.appLogin(desk)
	for range 13 * 12 {
		w.clock.add(5 * time.Minute)
		next, status := w.appRefresh(tok.Refresh)
		if status != http.StatusOK {
			t.Fatal(status)
		}
		tok = next
	}
	hand.wantIn(hand.enter("kakao", "clinic"))
}
