package broker

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Each test is one attack that has worked on systems like this one.

func TestAttackLoginCSRFAnotherBrowsersCallback(t *testing.T) {
	w := newWorld(t)
	mallory, alice := w.browser(), w.browser()
	to := must2(t)(mallory.begin(mallory.chooser(), "naver", nil))
	must2(t)(alice.begin(alice.chooser(), "naver", nil))
	w.store.waited()
	_, err := alice.finish("naver", approve(t, to.Redirect))
	w.wantProblem(err, ProblemOtherBrowser)
	var p *Problem
	if errors.As(err, &p); p.Site == nil || p.Site.Start == "" {
		t.Error("the other browser is offered no way on")
	}
	if w.naver.calls != 0 || w.store.waited() != 0 {
		t.Error("the proof was touched in the wrong browser")
	}
	if _, err := mallory.finish("naver", approve(t, to.Redirect)); err != nil {
		t.Errorf("the right browser afterwards: %v", err)
	}
}

func TestAttackMixUpBetweenProviders(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	_, err := br.finish("kakao", approve(t, to.Redirect))
	w.wantProblem(err, ProblemMismatch)
	if w.naver.calls+w.kakao.calls != 0 {
		t.Error("the code was sent to somebody")
	}
	j := journey{ID: newID(), Provider: "kakao", Expires: w.clock.Now().Add(time.Hour)}
	for name, value := range br.cookies {
		if plain, err := w.b.box.journey.Open(value, w.clock.Now(), issuer); err == nil && strings.Contains(name, "-j-") {
			if err := j.unmarshal(plain); err != nil {
				t.Fatal(err)
			}
		}
	}
	j.Provider = "kakao" // a state that fits the callback but not the journey
	state, err := w.b.sealState(&j)
	if err != nil {
		t.Fatal(err)
	}
	_, err = br.finish("kakao", url.Values{"state": {state}, "code": {"x"}})
	w.wantProblem(err, ProblemMismatch)
	_, err = br.finish("nonesuch", approve(t, to.Redirect))
	w.wantProblem(err, ProblemProvider)
}

func TestAttackForgedOrReusedState(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	r := br.chooser()
	to := must2(t)(br.begin(r, "naver", nil))
	state := query(t, to.Redirect).Get("state")
	for name, forged := range map[string]string{
		"none": "", "of another purpose": r, "changed": flip(state), "cut": state[:len(state)-2], "garbage": "zzzz",
	} {
		_, err := br.finish("naver", url.Values{"state": {forged}, "code": {"x"}})
		if got := problemCode(err); got != ProblemMismatch {
			t.Errorf("state %s: got %s, want %s", name, got, ProblemMismatch)
		}
	}
	_, err := br.finish("naver", url.Values{"state": {state, state}, "code": {"x"}})
	w.wantProblem(err, ProblemMismatch)
}

func flip(s string) string {
	c := byte('A')
	if s[len(s)/2] == 'A' {
		c = 'B'
	}
	return s[:len(s)/2] + string(c) + s[len(s)/2+1:]
}

func TestAttackCopiedLoginLink(t *testing.T) {
	w := newWorld(t)
	r := w.browser().chooser()
	other := w.browser()
	_, err := other.resume(r)
	w.wantProblem(err, ProblemCookies)
	other.chooser()
	_, err = other.resume(r)
	w.wantProblem(err, ProblemOtherBrowser)
	_, err = other.begin(r, "naver", nil)
	w.wantProblem(err, ProblemOtherBrowser)
	_, err = other.proceed(r)
	w.wantProblem(err, ProblemOtherBrowser)
}

func TestAttackDisabledProviderOnEveryPath(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	on := must2(t)(br.begin(br.chooser("prompt", "select_account"), "naver", nil))
	w.disabled["naver"] = true
	s, err := br.begin(br.chooser("prompt", "select_account"), "naver", nil)
	w.wantNotice(s, err, NoticeClosed)
	s, err = br.finish("naver", approve(t, on.Redirect))
	w.wantNotice(s, err, NoticeClosed)
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("silent reuse: got %q, want login_required", got)
	}
	s, err = br.proceed(br.chooser("prompt", "select_account"))
	w.wantNotice(s, err, NoticeSession)

	w = newWorld(t) // grey: at Begin only
	br = w.browser()
	on = must2(t)(br.begin(br.chooser(), "naver", nil))
	w.admit["naver"] = NoticeClosed
	s, err = br.begin(br.chooser(), "naver", nil)
	w.wantNotice(s, err, NoticeClosed)
	if s := must2(t)(br.finish("naver", approve(t, on.Redirect))); !strings.HasPrefix(s.Redirect, callback) {
		t.Errorf("somebody on the way to a grey provider was sent to %s", s.Redirect)
	}
}
