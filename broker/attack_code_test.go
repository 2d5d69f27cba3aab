package broker

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each test is one attack that has worked on systems like this one.

func TestAttackParallelRedemptionsOfOneCode(t *testing.T) {
	w := newWorld(t)
	site := w.browser().login("naver")
	form := codeForm(query(t, site).Get("code"))
	nodes := []http.Handler{w.h, w.node().Handler(), w.node().Handler()}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		won  []string
		lost int
	)
	for i := range 100 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("booking", secret)
			rec := httptest.NewRecorder()
			nodes[i%len(nodes)].ServeHTTP(rec, r)
			tok := decode[tokens](t, rec)
			mu.Lock()
			defer mu.Unlock()
			if rec.Code == http.StatusOK {
				won = append(won, tok.Access)
			} else if rec.Code == http.StatusBadRequest && tok.Error == "invalid_grant" {
				lost++
			}
		})
	}
	wg.Wait()
	if len(won) != 1 || lost != 99 {
		t.Fatalf("got %d winners and %d invalid_grant, want 1 and 99", len(won), lost)
	}
	if rec := w.info(won[0]); rec.Code != http.StatusUnauthorized {
		t.Errorf("the winner's token after the replay: got %d, want 401", rec.Code)
	}
}

func TestAttackCodeRedeemedTwiceRevokesTheToken(t *testing.T) {
	w := newWorld(t)
	site := w.browser().login("naver")
	tok := w.redeem(site)
	if rec := w.info(tok.Access); rec.Code != http.StatusOK {
		t.Fatalf("got %d, want 200 before the replay", rec.Code)
	}
	rec := w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret)
	if rec.Code != http.StatusBadRequest || decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("got %d %s, want 400 invalid_grant", rec.Code, rec.Body)
	}
	rec = w.info(tok.Access)
	if rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("after the replay: got %d %q", rec.Code, rec.Header().Get("WWW-Authenticate"))
	}
}

func TestAttackRevocationErrorIsTold(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tok := w.redeem(br.login("naver"))
	w.store.breaks(errors.New("gone"))
	rec := br.do(http.MethodGet, "/logout?id_token_hint="+tok.IDToken, nil)
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), ProblemStore) {
		t.Errorf("got %d %s, want 503 store", rec.Code, rec.Body)
	}
	if len(br.cookies) == 0 || br.cookies["__Host-sinho-s"] == "" {
		t.Error("the session cookie was dropped although the session lives")
	}
}

func TestAttackCodeOfAnotherClientOrTime(t *testing.T) {
	w := newWorld(t)
	code := query(t, w.browser().login("naver")).Get("code")
	for _, c := range []struct {
		name       string
		form       url.Values
		id, secret string
		wait       time.Duration
	}{
		{"by another client", codeForm(code), "school", secret + "2", 0},
		{"with another redirect URI", codeForm(code, "redirect_uri", callback+"/"), "booking", secret, 0},
		{"without a redirect URI", codeForm(code, "redirect_uri", ""), "booking", secret, 0},
		{"with another verifier", codeForm(code, "code_verifier", strings.Repeat("x", 43)), "booking", secret, 0},
		{"without the verifier", codeForm(code, "code_verifier", ""), "booking", secret, 0},
		{"after its time", codeForm(code), "booking", secret, 61 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.clock.add(c.wait)
			w.store.waited()
			rec := w.post("/token", c.form, c.id, c.secret)
			if rec.Code != http.StatusBadRequest || decode[tokens](t, rec).Error != "invalid_grant" {
				t.Errorf("got %d %s, want 400 invalid_grant", rec.Code, rec.Body)
			}
			if n := w.store.waited(); n != 0 {
				t.Errorf("got %d store waits, want a refusal before the store", n)
			}
		})
	}
}

func TestAttackPKCEDowngrade(t *testing.T) {
	w := newWorld(t)
	app := []string{"client_id", "app", "redirect_uri", "http://127.0.0.1:5123/cb"}
	for _, c := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"method plain", []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"method left out, which means plain", []string{"code_challenge_method", ""}, "invalid_request"},
		{"an unknown method", []string{"code_challenge_method", "S512"}, "invalid_request"},
		{"a method without a challenge", []string{"code_challenge", ""}, "invalid_request"},
		{"a challenge that is too short", []string{"code_challenge", "abc"}, "invalid_request"},
		{"a challenge in a second encoding", []string{"code_challenge", pkce[:42] + "N"}, "invalid_request"},
		{"a public client without a challenge", append(app, "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"a public client with S256", app, ""},
		{"a confidential client without a challenge", []string{"code_challenge", "", "code_challenge_method", ""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := query(t, w.browser().authorize(c.changes...)).Get("error"); got != c.want {
				t.Errorf("got error %q, want %q", got, c.want)
			}
		})
	}
	site := w.browser().login("naver", "code_challenge", "", "code_challenge_method", "")
	rec := w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret)
	if decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("a verifier whose challenge was taken away: got %d %s", rec.Code, rec.Body)
	}
}
