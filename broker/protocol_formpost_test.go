package broker

import (
	"net/http"
	"strings"
	"testing"

	"sinho/providers"
)

// OAuth 2.0 Form Post Response Mode 1.0: the same list, answered by an
// auto-submitting form, nothing in the query.

func TestFormPostAnswersWithCodeStateAndIssuerAndNothingInTheQuery(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser("response_mode", "form_post"), "naver", nil))
	back := approve(t, to.Redirect)
	step := must2(t)(br.finish("naver", back))
	if step.Redirect != "" || step.Post == nil || step.Post.Action != callback || step.Post.Origin != "https://booking.example" || step.Post.Site.KO != "예약" {
		t.Fatalf("got %+v, want a form to %s", step, callback)
	}
	got := fieldsOf(step.Post)
	if len(got) != 3 || got.Get("code") == "" || got.Get("state") != "the-state" || got.Get("iss") != issuer {
		t.Errorf("got %v", got)
	}
	again := must2(t)(br.finish("naver", back))
	if fieldsOf(again.Post).Get("code") != got.Get("code") {
		t.Errorf("a reload: got %+v, want the same form", again)
	}
	if rec := w.post("/token", codeForm(got.Get("code")), "booking", secret); rec.Code != http.StatusOK {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

func TestFormPostAnswersSingleSignOn(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	br.login("naver")
	rec := br.ask("response_mode", "form_post")
	if got := answered(t, rec); rec.Code != http.StatusOK || got.Get("code") == "" || got.Get("state") != "the-state" {
		t.Errorf("got %d %v, want a form with a code", rec.Code, got)
	}
	step := must2(t)(br.proceed(br.chooser("response_mode", "form_post", "prompt", "consent")))
	if fieldsOf(step.Post).Get("code") == "" {
		t.Errorf("got %+v, want a form with a code", step)
	}
}

func TestFormPostAnswersErrorsByFormToo(t *testing.T) {
	w := protocolWorld(t)
	for _, c := range []struct {
		changes []string
		want    string
	}{
		{[]string{"prompt", "none"}, "login_required"},
		{[]string{"scope", "profile"}, "invalid_scope"},
		{[]string{"response_type", ""}, "invalid_request"},
		{[]string{"claims", "{"}, "invalid_request"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			v := params(append(c.changes, "response_mode", "form_post")...)
			target := "/authorize"
			if method == http.MethodGet {
				target += "?" + v.Encode()
			}
			rec := w.browser().do(method, target, v)
			if method == http.MethodPost && rec.Code == http.StatusSeeOther {
				rec = w.browser().do(http.MethodGet, rec.Header().Get("Location"), nil) // the bounce
			}
			if rec.Code != http.StatusOK {
				t.Errorf("%s %v: got %d %s, want a form", method, c.changes, rec.Code, rec.Header().Get("Location"))
			}
			refusedWith(t, rec, c.want)
		}
	}
	w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Cancelled}
	br := w.browser()
	to := must2(t)(br.begin(br.chooser("response_mode", "form_post"), "naver", nil))
	s, err := br.finish("naver", approve(t, to.Redirect))
	r := w.wantNotice(s, err, NoticeCancelled)
	w.naver.fail = nil
	to = must2(t)(br.begin(r, "naver", nil))
	if step := must2(t)(br.finish("naver", approve(t, to.Redirect))); step.Post == nil {
		t.Errorf("got %+v after a failure, want the form all the same", step)
	}
}

func TestFormPostCarriesTheAnswerOfAPush(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	to := must2(t)(br.begin(br.chooser("response_mode", "form_post"), "pass", contact))
	w.pass.set(func() { w.pass.progress = providers.Approved })
	journey := strings.TrimPrefix(to.Redirect, "/wait/")
	for range 2 { // the script's look, then the page it opens
		if step := must2(t)(br.waiting(journey)); fieldsOf(step.Post).Get("code") == "" {
			t.Errorf("got %+v, want a form with a code", step)
		}
	}
}

func TestFormPostIsRefusedWhereItCannotArrive(t *testing.T) {
	w := protocolWorld(t)
	got := refusedWith2(t, w.browser().ask("response_mode", "form_post", "state", "a\r\nb"), "invalid_request")
	if got != "a\r\nb" {
		t.Errorf("got state %q, want it as it was sent, by query", got)
	}
	refusedWith(t, w.browser().ask("response_mode", "fragment"), "invalid_request")
	refusedWith(t, w.browser().ask("response_mode", "form_post jwt"), "invalid_request")
	twice := params("response_mode", "form_post")
	twice.Add("response_mode", "query")
	rec := w.browser().do(http.MethodGet, "/authorize?"+twice.Encode(), nil)
	if refusedWith(t, rec, "invalid_request"); rec.Code != http.StatusSeeOther {
		t.Errorf("two modes: got %d, want a redirect", rec.Code)
	}
	none := newWorld(t)
	refusedWith(t, none.browser().ask("response_mode", "form_post"), "invalid_request")
}

func TestAttackXSSThroughStateInFormPost(t *testing.T) {
	w := protocolWorld(t)
	nasty := `"><script>alert(1)</script>&code=forged`
	br := w.browser()
	to := must2(t)(br.begin(br.chooser("response_mode", "form_post", "state", nasty), "naver", nil))
	step := must2(t)(br.finish("naver", approve(t, to.Redirect)))
	if got := fieldsOf(step.Post); got.Get("state") != nasty || len(got["code"]) != 1 || step.Post.Action != callback {
		t.Errorf("got %+v, want the state as one value", step.Post) // the page escapes it: web
	}
}
