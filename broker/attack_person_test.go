package broker

import (
	"net/http"
	"strings"
	"testing"

	"sinho/providers"
)

// Each test is one attack that has worked on systems like this one.

func TestAttackCIFromAProviderThatMayNotAssertIt(t *testing.T) {
	w := newWorld(t)
	honest := w.claims(w.redeem(w.browser().login("kakao")))
	w.naver.who.CI = aCI
	forged := w.claims(w.redeem(w.browser().login("naver")))
	if honest.Subject == forged.Subject {
		t.Error("a CI claim was believed from a provider that is not configured to assert it")
	}
}

func TestAttackAssuranceClaimedAboveTheSetting(t *testing.T) {
	w := newWorld(t)
	w.naver.who.Assurance = providers.Verified
	if got := w.claims(w.redeem(w.browser().login("naver"))).ACR; got != ACRAsserted {
		t.Errorf("got acr %s, want %s", got, ACRAsserted)
	}
	br := w.browser()
	r := br.chooser("client_id", "bank", "redirect_uri", "https://bank.example/cb")
	if l, err := br.resume(r); err != nil || len(l.Routes) != 1 || l.Routes[0].ID != "pass" {
		t.Errorf("got routes %+v %v, want pass alone", l.Routes, err)
	}
	s, err := br.begin(r, "naver", nil)
	w.wantNotice(s, err, NoticeClosed)
	w.pass.who.Assurance = providers.Asserted // an answer worth less than the setting
	w.pass.progress = providers.Approved
	s, err = br.waiting(journeyOf(t, must2(t)(br.begin(r, "pass", contact))))
	w.wantNotice(s, err, NoticePolicy)
}

func TestAttackAccountLinkingByEmailOrName(t *testing.T) {
	w := newWorld(t)
	first := w.claims(w.redeem(w.browser().login("naver")))
	w.naver.who.Subject = "somebody-else" // same name, e-mail and phone
	if second := w.claims(w.redeem(w.browser().login("naver"))); second.Subject == first.Subject {
		t.Error("two upstream subjects became one person")
	}
	w.naver.who.Issuer, w.naver.who.Subject = "https://vendor.example"+"up", "stream-subject-1"
	if third := w.claims(w.redeem(w.browser().login("naver"))); third.Subject == first.Subject {
		t.Error("issuer and subject run together")
	}
}

func TestAttackUpstreamProofReplayed(t *testing.T) {
	w := newWorld(t)
	mallory, alice := w.browser(), w.browser()
	to := must2(t)(alice.begin(alice.chooser(), "naver", nil))
	stolen := approve(t, to.Redirect)
	must2(t)(alice.finish("naver", stolen))
	to = must2(t)(mallory.begin(mallory.chooser(), "naver", nil))
	mine := approve(t, to.Redirect)
	mine.Set("code", stolen.Get("code"))
	s, err := mallory.finish("naver", mine) // Naver is asked once more, and they are whoever logs in there
	if err != nil || !strings.HasPrefix(s.Redirect, "https://naver.example/") {
		t.Fatalf("got %+v %v, want Naver once more", s, err)
	}
	mine = approve(t, s.Redirect)
	mine.Set("code", stolen.Get("code"))
	s, err = mallory.finish("naver", mine)
	w.wantNotice(s, err, NoticeAgain)
}

func TestAttackErrorsThroughTheBrowserColourNoLight(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	back.Set("error", "server_error")
	s, err := br.finish("naver", back)
	w.wantNotice(s, err, NoticeFailed)
	if w.lastErr == nil || !w.lastErr.Seen {
		t.Errorf("got %+v: anybody can write error=server_error into a URL", w.lastErr)
	}
}

func TestAttackSilentSingleSignOnTellsWhoIsVisiting(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	to := br.authorize(school("prompt", "none")...)
	if q := query(t, to); q.Get("error") != "interaction_required" || q.Has("code") {
		t.Errorf("got %s, want interaction_required", to)
	}
}

func TestAttackFailoverThatRevivesACode(t *testing.T) {
	w := newWorld(t)
	site := w.browser().login("naver")
	w.store.restart()
	rec := w.post("/token", codeForm(query(t, site).Get("code")), "booking", secret)
	if rec.Code != http.StatusBadRequest || decode[tokens](t, rec).Error != "invalid_grant" {
		t.Errorf("got %d %s, want 400 invalid_grant", rec.Code, rec.Body)
	}
}
