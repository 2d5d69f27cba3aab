package broker

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"sinho/providers"
)

func TestNothingReadableIsStoredOrLogged(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.redeem(br.login("kakao"))
	must2(t)(br.proceed(br.chooser(school()...)))
	pushed(t, w, w.browser())
	w.kakao.fail = &providers.Error{Provider: "kakao", Class: providers.Down, Code: "nonsense", Cause: errors.New(`bad JSON: {"name":"홍길동","ci":"` + aCI.Reveal() + `"}`)}
	failing := w.browser()
	to := must2(t)(failing.begin(failing.chooser(), "kakao", nil))
	_, _ = failing.finish("kakao", approve(t, to.Redirect))
	stored, logged := w.store.everything(), []byte(w.logs.String())
	for name, value := range map[string]string{
		"name": "홍길동", "CI": aCI.Reveal(), "subject": "kakao-subject", "other subject": "pass-subject", "phone": "1000000000",
		"e-mail": "hong@example.com", "birthdate": "1990-05-12", "typed birthdate": "19900512", "nickname": "길동이", "nonce": "the-nonce",
	} {
		if bytes.Contains(stored, []byte(value)) {
			t.Errorf("the store can read the %s", name)
		}
		if bytes.Contains(logged, []byte(value)) {
			t.Errorf("the log shows the %s", name)
		}
	}
	if len(stored) == 0 || len(logged) == 0 {
		t.Error("nothing was stored or logged: the test sees nothing")
	}
}

func TestDeletingTheRecordShredsTheClaims(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tok := w.redeem(br.login("naver"))
	if n := w.store.drop("a:"); n != 1 {
		t.Fatalf("got %d access records, want 1", n)
	}
	if rec := w.info(tok.Access); rec.Code != http.StatusUnauthorized {
		t.Errorf("userinfo without its record: got %d, want 401", rec.Code)
	}
	if n := w.store.drop("s:"); n != 1 {
		t.Fatalf("got %d session records, want 1", n)
	}
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "login_required" {
		t.Errorf("session without its record: got %q, want login_required", got)
	}
}
