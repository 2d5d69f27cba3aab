package broker

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
)

// Attack: a refresh token used after the log-out (CVE-2022-3916), of a login
// before the last one. A second login in the same browser, as prompt=login asks
// for, takes the place of the first session; to the person it is one.
func TestAttackRefreshTokenOfAnEarlierLoginUsedAfterLogout(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, br *browser, last tokenSet){
		"by the site": func(t *testing.T, br *browser, last tokenSet) {
			t.Helper()
			if rec := br.do(http.MethodGet, "/logout?id_token_hint="+last.IDToken, nil); rec.Code != http.StatusSeeOther {
				t.Errorf("log-out: got %d %s", rec.Code, rec.Body)
			}
		},
		"by My sessions": func(t *testing.T, br *browser, _ tokenSet) {
			t.Helper()
			m, _, err := br.mine()
			if err != nil || len(m.Sessions) != 2 || len(m.Sessions[0].Sites) != 2 {
				t.Fatalf("got %+v %v, want this session at two sites, and one elsewhere", m.Sessions, err)
			}
			if _, err := br.end("session", m.Sessions[0].End); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var endings []Ending
			var fail error
			w := tokenWorld(t, consenting("rotating", func(c *client.Client) {
				c.Consent, c.BackchannelLogoutURI = false, "https://rotating.example/back"
			}), func(cfg *Config) { told(&endings, &fail)(cfg) })
			br, other := w.browser(), w.browser()
			offline := []string{"scope", "openid offline_access", "prompt", "login"}
			first := w.spend("rotating", br.login("naver", at("rotating", offline...)...))
			w.clock.add(time.Minute)
			w.naver.set(func() { w.naver.who.AuthTime = w.clock.Now() })
			last := w.spend("rival", br.login("naver", at("rival", offline...)...))
			elsewhere := w.spend("rotating", other.login("naver", at("rotating", offline...)...))

			leave(t, br, last)
			for who, tok := range map[string]tokenSet{"rotating": first, "rival": last} {
				w.wantInfo(tok.Access, http.StatusUnauthorized)
				w.wantError(w.as(who, "/token", refreshForm(tok.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
			if len(endings) != 1 || endings[0].Session != w.payload(first.IDToken)["sid"] {
				t.Errorf("told %+v, want the sid of the first login", endings)
			}
			w.wantInfo(elsewhere.Access, http.StatusOK)
		})
	}
}

// Many logins in one browser keep the cookie within what browsers take.
func TestTheSessionsBeforeAreBounded(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	var tok tokens
	for range maxFormer + 4 {
		tok = w.redeem(br.login("naver", "prompt", "login"))
	}
	s, have := w.b.session(br.request(http.MethodGet, "/", nil))
	if all := s.whole(); !have || len(all) != maxFormer+1 || len(slices.Compact(slices.SortedFunc(slices.Values(all), func(a, b id) int { return strings.Compare(a.String(), b.String()) }))) != maxFormer+1 {
		t.Errorf("got %d sessions, want %d different ones", len(all), maxFormer+1)
	}
	rec := br.do(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {tok.IDToken}}.Encode(), nil)
	if rec.Code != http.StatusSeeOther {
		t.Errorf("got %d", rec.Code)
	}
}
