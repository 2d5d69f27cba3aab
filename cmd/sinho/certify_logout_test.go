package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

// leave opens the log-out endpoint and gives where that ended.
func (w *tester) leave(params url.Values) string {
	w.t.Helper()
	var m struct {
		End string `json:"end_session_endpoint"`
	}
	if err := w.op.Claims(&m); err != nil {
		w.t.Fatal(err)
	}
	return w.visit(w.t, w.browser, w.plan, m.End+"?"+params.Encode()).URL.String()
}

func (w *tester) departure(hint string) url.Values {
	return url.Values{
		"id_token_hint": {hint}, "post_logout_redirect_uri": {w.suite.URL + "/test/a/smoke/post_logout_redirect"}, "state": {"state-of-the-log-out"},
	}
}

// out says that the browser is logged in nowhere.
func (w *tester) out() {
	w.t.Helper()
	if answer, _ := w.answer(w.request("openid", "prompt", "none")); answer.Get("error") != "login_required" {
		w.t.Errorf("prompt=none after the log-out: got %v, want login_required", answer)
	}
}

// logoutPlan: RP-Initiated Logout 1.0 §2, §3.
func logoutPlan(t *testing.T, c *certification) {
	w := c.tester(t, "basic.json")
	tok := w.login("openid")
	if at := w.leave(w.departure(tok.ID)); at != w.suite.URL+"/test/a/smoke/post_logout_redirect?state=state-of-the-log-out" {
		t.Errorf("got to %s, want the registered URI with the state alone", at)
	}
	w.out()
	for name, change := range map[string]func(url.Values){
		"no parameters at all":                func(v url.Values) { clear(v) },
		"only state":                          func(v url.Values) { v.Del("id_token_hint"); v.Del("post_logout_redirect_uri") },
		"no id_token_hint":                    func(v url.Values) { v.Del("id_token_hint") },
		"a modified id_token_hint":            func(v url.Values) { v.Set("id_token_hint", v.Get("id_token_hint")+"x") },
		"an unregistered URI":                 func(v url.Values) { v.Set("post_logout_redirect_uri", v.Get("post_logout_redirect_uri")+"2") },
		"a registered URI with a query added": func(v url.Values) { v.Set("post_logout_redirect_uri", v.Get("post_logout_redirect_uri")+"?a=b") },
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			tok := w.login("openid")
			w.suite.quiet(t, "post_logout_redirect")
			v := w.departure(tok.ID)
			change(v)
			if at := w.leave(v); !strings.HasPrefix(at, w.base+"/logged-out") {
				t.Errorf("got to %s, want our own page", at)
			}
			w.suite.quiet(t, "post_logout_redirect")
			w.out()
		})
	}
}

// backChannelPlan: Back-Channel Logout 1.0 §2.4, §2.5.
func backChannelPlan(t *testing.T, c *certification) {
	w := c.tester(t, "backchannel-logout.json")
	tok := w.login("openid")
	w.leave(w.departure(tok.ID))
	v := w.suite.next(t, "backchannel_logout")
	raw := v.form.Get("logout_token")
	verifier := w.op.VerifierContext(oidc.ClientContext(t.Context(), w.http), &oidc.Config{ClientID: w.client.ID, SupportedSigningAlgs: []string{w.alg}})
	token, err := verifier.Verify(t.Context(), raw)
	if err != nil {
		t.Fatalf("logout token %q: %v", raw, err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	events, _ := claims["events"].(map[string]any)
	event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	if v.method != http.MethodPost || len(events) != 1 || !ok || len(event) != 0 {
		t.Errorf("got %s with events %v", v.method, claims["events"])
	}
	if claims["sid"] != tok.claims["sid"] || claims["sid"] == nil || claims["jti"] == nil || claims["iat"] == nil || claims["exp"] == nil || claims["nonce"] != nil {
		t.Errorf("got %v, want the sid %v, jti, iat, exp and no nonce", claims, tok.claims["sid"])
	}
	w.out()
}

// frontChannelPlan: Front-Channel Logout 1.0 §2, §3. The frames are opened here
// as the browser of the suite opens them.
func frontChannelPlan(t *testing.T, c *certification) {
	w := c.tester(t, "frontchannel-logout.json")
	tok := w.login("openid")
	var m struct {
		End string `json:"end_session_endpoint"`
	}
	if err := w.op.Claims(&m); err != nil {
		t.Fatal(err)
	}
	page, err := w.browser.Open(t.Context(), m.End+"?"+w.departure(tok.ID).Encode())
	if err != nil {
		t.Fatal(err)
	}
	frame := w.suite.URL + "/test/a/smoke/frontchannel_logout?" + url.Values{"iss": {w.base}, "sid": {tok.claims["sid"].(string)}}.Encode()
	if !strings.Contains(string(page.Body), `src="`+strings.ReplaceAll(frame, "&", "&amp;")+`"`) {
		t.Errorf("got no frame of %s in\n%s", frame, page.Body)
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-src "+w.suite.URL) {
		t.Errorf("got %s, want the suite's frame let in", csp)
	}
	tok = w.login("openid")
	if at := w.leave(w.departure(tok.ID)); !strings.HasPrefix(at, w.suite.URL+"/test/a/smoke/post_logout_redirect?state=") {
		t.Errorf("by the commands of the plan: got to %s, want the registered URI", at)
	}
	w.out()
}
