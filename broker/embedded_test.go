package broker

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/store/embedded"
)

// The same promises on the store that ships, file and all.
func TestOnTheEmbeddedStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "live.db")
	db, err := embedded.Open(file, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) { c.Store, c.Now = db, time.Now })
	br := w.browser()
	site := br.login("kakao")
	tok := w.redeem(site)
	if rec := w.info(tok.Access); rec.Code != http.StatusOK {
		t.Fatalf("userinfo: got %d %s", rec.Code, rec.Body)
	}
	if s := must2(t)(br.proceed(br.chooser(school()...))); !query(t, s.Redirect).Has("code") {
		t.Errorf("single sign-on leads to %s", s.Redirect)
	}
	if rec := w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret); decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("replay: got %d %s", rec.Code, rec.Body)
	}
	if rec := w.info(tok.Access); rec.Code != http.StatusUnauthorized {
		t.Errorf("userinfo after the replay: got %d, want 401", rec.Code)
	}
	w.redeem(pushed(t, w, w.browser()))

	form := codeForm(query(t, w.browser().login("naver")).Get("code"))
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		won int
	)
	for range 100 {
		wg.Go(func() {
			if rec := w.post("/token", form, "booking", secret); rec.Code == http.StatusOK {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("got %d winners of 100, want 1", won)
	}

	again := br.login("naver", "prompt", "login")
	kept := query(t, again).Get("code")
	rec := br.do(http.MethodGet, "/logout?id_token_hint="+w.claimsToken(kept), nil)
	if got := rec.Header().Get("Location"); got != loggedOut {
		t.Errorf("log-out: got %d %q", rec.Code, got)
	}
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("after the log-out: got %q, want login_required", got)
	}

	unredeemed := codeForm(query(t, w.browser().login("naver")).Get("code"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"홍길동", aCI.Reveal(), "kakao-subject", "upstream-subject", "hong@example.com", "1990-05-12", "1000000000"} {
		if bytes.Contains(raw, []byte(personal)) {
			t.Errorf("the file can be read: %.20s", personal)
		}
	}
	if w.cfg.Store, err = embedded.Open(file, embedded.Options{}); err != nil { // a restart
		t.Fatal(err)
	}
	defer w.cfg.Store.Close()
	w.h = w.node().Handler()
	if rec := w.post("/token", unredeemed, "booking", secret); !strings.Contains(rec.Body.String(), "invalid_grant") {
		t.Errorf("a code from before the restart: got %d %s, want invalid_grant", rec.Code, rec.Body)
	}
}

// claimsToken redeems a code and gives its ID token.
func (w *world) claimsToken(code string) string {
	w.t.Helper()
	rec := w.post("/token", codeForm(code), "booking", secret)
	return decode[tokens](w.t, rec).IDToken
}
