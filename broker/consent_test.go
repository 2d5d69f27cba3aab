package broker

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
)

// asking makes booking a site that asks for consent.
func asking(cfg *Config) {
	var all []client.Client
	for c := range cfg.Clients.All() {
		c.Consent, c.Sector = c.ID == "booking", ""
		all = append(all, c)
	}
	var err error
	if cfg.Clients, err = client.NewRegistry(all...); err != nil {
		panic(err)
	}
}

// toAgree logs in up to the page on which the person agrees, and gives r.
func toAgree(w *world, br *browser, changes ...string) string {
	w.t.Helper()
	to := must2(w.t)(br.begin(br.chooser(changes...), "naver", nil))
	step := must2(w.t)(br.finish("naver", approve(w.t, to.Redirect)))
	return sealedIn(w.t, step.Redirect)
}

func TestConsentIsAskedOnceRememberedAndNeverReadable(t *testing.T) {
	w := newWorld(t, asking)
	br := w.browser()
	r := toAgree(w, br)
	l, err := br.resume(r)
	if err != nil {
		t.Fatal(err)
	}
	want := &Agreement{Claims: strings.Fields("name given_name family_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale email phone_number")}
	if diff := cmp.Diff(want, l.Agreement); diff != "" || !l.Continue {
		t.Errorf("asked (-want +got), continue %v:\n%s", l.Continue, diff)
	}
	site := must2(t)(br.proceed(r)).Redirect
	w.redeem(site)
	for key, record := range w.store.records {
		if strings.Contains(key, "/k:") && (len(record.value) != 32 || strings.Contains(key, "booking")) {
			t.Errorf("got a record %s of %d bytes, want a digest", key, len(record.value))
		}
	}

	w.store.waited()
	again := w.browser().login("naver") // another browser, the same person
	if n := w.store.waited(); n != 1 || !query(t, again).Has("code") {
		t.Errorf("remembered: got %d store waits and %s, want 1 and a code", n, again)
	}
	if got := query(t, br.authorize("prompt", "none")); !got.Has("code") {
		t.Errorf("single sign-on where the person has agreed: got %v", got)
	}
	// More than was agreed to is asked again.
	if got := query(t, br.authorize("prompt", "none", "scope", "openid email")).Get("error"); got != "consent_required" {
		t.Errorf("another set: got %q, want consent_required", got)
	}
	if r := toAgree(w, w.browser(), "prompt", "consent"); r == "" {
		t.Error("prompt=consent: not asked")
	}
}

func TestAgreeingAfterAFreshLoginIsNotALoginAgain(t *testing.T) {
	for name, changes := range map[string][]string{"prompt=login": {"prompt", "login"}, "max_age=0": {"max_age", "0"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, asking)
			br := w.browser()
			r := toAgree(w, br, changes...)
			if l, err := br.resume(r); err != nil || !l.Continue {
				t.Error("the login just made does not count")
			}
			if step := must2(t)(br.proceed(r)); !query(t, step.Redirect).Has("code") {
				t.Errorf("got %s, want a code", step.Redirect)
			}
			w = newWorld(t, asking)
			br = w.browser()
			r = toAgree(w, br, changes...)
			w.clock.add(provedTTL + time.Second)
			if l, err := br.resume(r); err != nil || l.Continue {
				t.Error("a proof lasts for ever")
			}
		})
	}
}

func TestDecliningTellsTheSiteAndNoMore(t *testing.T) {
	w := newWorld(t, asking)
	br := w.browser()
	r := toAgree(w, br)
	step, err := br.step("POST", "/login/decline", nil, func(rw http.ResponseWriter, req *http.Request) (Step, error) { return br.b.Decline(rw, req, r) })
	if q := query(t, step.Redirect); err != nil || q.Get("error") != "access_denied" || q.Get("state") != "the-state" || q.Has("code") {
		t.Errorf("got %s, %v; want access_denied", step.Redirect, err)
	}
	if _, err := w.browser().step("POST", "/login/decline", nil, func(rw http.ResponseWriter, req *http.Request) (Step, error) { return br.b.Decline(rw, req, r) }); err == nil {
		t.Error("another browser may decline")
	}
}
