package main

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestCertificationPlansBegin runs `sinho certify` and walks what each plan of
// the conformance suite begins with, with the settings that were written for it.
// One demand each is proven in package broker; here it is the whole that stands.
func TestCertificationPlansBegin(t *testing.T) {
	c := certify(t)
	for _, plan := range []struct {
		name string
		walk func(*testing.T, *certification)
	}{
		{"Config", configPlan},
		{"Basic", basicPlan},
		{"Basic, client_secret_post", postPlan},
		{"Form Post", formPostPlan},
		{"RP-Initiated Logout", logoutPlan},
		{"Back-Channel Logout", backChannelPlan},
		{"Front-Channel Logout", frontChannelPlan},
		{"FAPI 2.0, as far as it is built", fapiPlan},
		{"TLS", tlsPlan},
	} {
		t.Run(plan.name, func(t *testing.T) { plan.walk(t, c) })
	}
}

// configPlan: Discovery 1.0 §3, §4.
func configPlan(t *testing.T, c *certification) {
	w := c.tester(t, "basic.json") // reads the metadata and checks the issuer
	var m map[string]any
	if err := w.op.Claims(&m); err != nil {
		t.Fatal(err)
	}
	for name, value := range m {
		if address, _ := value.(string); strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" || name == "issuer" {
			if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
				t.Errorf("%s: got %q, want https and no query", name, address)
			}
		}
	}
	for name, want := range map[string]string{
		"id_token_signing_alg_values_supported": "RS256", "scopes_supported": "openid", "response_types_supported": "code",
		"response_modes_supported": "form_post", "grant_types_supported": "refresh_token", "subject_types_supported": "pairwise",
		"token_endpoint_auth_methods_supported": "private_key_jwt", "request_object_signing_alg_values_supported": "RS256",
	} {
		if list, _ := m[name].([]any); !slices.Contains(list, any(want)) {
			t.Errorf("%s: got %v, want %s in it", name, m[name], want)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+"/jwks", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, body := w.do(req)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) < 4 {
		t.Fatalf("got %d keys (%v), want one of each algorithm", len(set.Keys), err)
	}
	seen := map[string]bool{}
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() || k.KeyID == "" || seen[k.KeyID] || k.Use != "sig" {
			t.Errorf("got key %q %q public %t, want a public one with a kid of its own", k.KeyID, k.Use, k.IsPublic())
		}
		seen[k.KeyID] = true
	}
}

// standardClaims are those of Core §5.1 by scope, and what each must look like.
func standardClaims() map[string]map[string]func(any) bool {
	text := func(v any) bool { s, ok := v.(string); return ok && s != "" }
	truth := func(v any) bool { b, ok := v.(bool); return ok && b }
	web := func(v any) bool { s, _ := v.(string); u, err := url.Parse(s); return err == nil && u.Host != "" }
	return map[string]map[string]func(any) bool{
		"profile": {
			"name": text, "family_name": text, "given_name": text, "middle_name": text, "nickname": text, "preferred_username": text,
			"profile": web, "picture": web, "website": web, "gender": text, "birthdate": text, "zoneinfo": text, "locale": text,
			"updated_at": func(v any) bool { n, ok := v.(float64); return ok && n > 1e9 },
		},
		"email": {"email": text, "email_verified": truth},
		"phone": {"phone_number": text, "phone_number_verified": truth},
		"address": {"address": func(v any) bool {
			a, ok := v.(map[string]any)
			for _, part := range []string{"formatted", "street_address", "locality", "region", "postal_code", "country"} {
				ok = ok && text(a[part])
			}
			return ok
		}},
	}
}

// basicPlan: Core §3.1, §5.
func basicPlan(t *testing.T, c *certification) { basicList(t, c.tester(t, "basic.json")) }

// formPostPlan is the same list with every answer by a form (Form Post Response
// Mode 1.0).
func formPostPlan(t *testing.T, c *certification) {
	w := c.tester(t, "basic.json")
	w.mode = "form_post"
	basicList(t, w)
}

func basicList(t *testing.T, w *tester) {
	first := w.login("openid")
	t.Run("userinfo answers GET and POST", func(t *testing.T) {
		w.t = t
		for _, got := range []map[string]any{
			w.userinfo(http.MethodGet, first.Access, false), w.userinfo(http.MethodPost, first.Access, false), w.userinfo(http.MethodPost, first.Access, true),
		} {
			if got["sub"] != first.claims["sub"] || got["name"] != nil {
				t.Errorf("got %v, want the sub of the ID token and no profile", got)
			}
		}
	})
	everyClaim(t, w)
	freshness(t, w, first)
	t.Run("a code works once, and its replay takes the access token back", func(t *testing.T) {
		w.t = t
		a := w.request("openid")
		answer, _ := w.answer(a)
		tok := w.redeem(a, answer.Get("code"))
		status, _, body := w.token(url.Values{
			"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
		})
		if got := w.refusal(status, body); got != "invalid_grant" {
			t.Errorf("got %s, want invalid_grant", got)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.op.UserInfoEndpoint(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tok.Access)
		if status, _, _ := w.do(req); status != http.StatusUnauthorized {
			t.Errorf("userinfo after the replay: got %d, want 401", status)
		}
	})
	t.Run("an unregistered redirect_uri is an error page", func(t *testing.T) {
		w.t = t
		a := w.request("openid", "redirect_uri", w.suite.URL+"/test/a/smoke/callback2")
		page := w.visit(t, w.browser, w.plan, w.op.Endpoint().AuthURL+"?"+a.params.Encode())
		if page.Status != http.StatusBadRequest || !strings.HasPrefix(page.URL.String(), w.base) {
			t.Errorf("got %d at %s, want 400 at ours", page.Status, page.URL)
		}
		w.suite.quiet(t, "callback2")
	})
	t.Run("a refresh token gives new tokens to its own client only", func(t *testing.T) { w.t = t; refreshed(t, w) })
}

// everyClaim of a scope comes by userinfo, with its type, and not in the ID token
// unless the claims parameter asks for it there.
func everyClaim(t *testing.T, w *tester) {
	all := standardClaims()
	for _, scope := range []string{"profile", "email", "phone", "address", "profile email phone address"} {
		t.Run("scope "+scope, func(t *testing.T) {
			w.t = t
			tok := w.login("openid " + scope)
			got := w.userinfo(http.MethodGet, tok.Access, false)
			for s := range strings.FieldsSeq(scope) {
				for name, good := range all[s] {
					if !good(got[name]) {
						t.Errorf("%s: got %v", name, got[name])
					}
					if tok.claims[name] != nil {
						t.Errorf("%s: got it in the ID token", name)
					}
				}
			}
			for s, claims := range all {
				for name := range claims {
					if got[name] != nil && !slices.Contains(strings.Fields(scope), s) {
						t.Errorf("%s: got %v without asking for %s", name, got[name], s)
					}
				}
			}
		})
	}
	t.Run("the claims parameter asks for one in each place", func(t *testing.T) {
		w.t = t
		tok := w.login("openid", "claims", `{"id_token":{"email":{"essential":true}},"userinfo":{"name":{"essential":true}}}`)
		got := w.userinfo(http.MethodGet, tok.Access, false)
		if got["name"] == nil || got["email"] != nil || tok.claims["email"] == nil || tok.claims["name"] != nil {
			t.Errorf("got %v in userinfo and %v in the ID token", got, tok.claims)
		}
	})
	t.Run("acr_values are answered", func(t *testing.T) {
		w.t = t
		var m struct {
			ACR []string `json:"acr_values_supported"`
		}
		if err := w.op.Claims(&m); err != nil || len(m.ACR) != 3 {
			t.Fatalf("got %v (%v), want three", m.ACR, err)
		}
		for _, acr := range m.ACR {
			if tok := w.login("openid", "acr_values", acr); tok.claims["acr"] != acr {
				t.Errorf("got acr %v, want %s", tok.claims["acr"], acr)
			}
		}
	})
	t.Run("hints and unknown parameters break nothing", func(t *testing.T) {
		w.t = t
		w.login("openid", "login_hint", w.plan.Server.LoginHint, "ui_locales", "se", "claims_locales", "se", "display", "popup", "extra", "foobar")
	})
}

// freshness: prompt, max_age and auth_time (Core §3.1.2.1).
func freshness(t *testing.T, w *tester, first tokens) {
	at := func(tok tokens) float64 { n, _ := tok.claims["auth_time"].(float64); return n }
	t.Run("prompt=none without a session is an error to the site", func(t *testing.T) {
		other := *w
		other.t, other.browser = t, w.certification.browser()
		answer, _ := other.answer(other.request("openid", "prompt", "none"))
		if got := answer.Get("error"); got != "login_required" {
			t.Errorf("got %q, want login_required", got)
		}
	})
	t.Run("prompt=none and a long max_age are the same login", func(t *testing.T) {
		w.t = t
		latest := w.login("openid", "max_age", "10000") // the one of the session by now
		silent := w.login("openid", "prompt", "none", "max_age", "10000")
		hinted := w.login("openid", "prompt", "none", "id_token_hint", silent.ID)
		if at(silent) == 0 || at(silent) != at(latest) || at(hinted) != at(latest) {
			t.Errorf("got auth_time %v and %v, want %v", at(silent), at(hinted), at(latest))
		}
		if silent.claims["sub"] != first.claims["sub"] || silent.claims["sid"] != latest.claims["sid"] {
			t.Errorf("got sub %v sid %v, want those of before", silent.claims["sub"], silent.claims["sid"])
		}
	})
	t.Run("a long max_age after a login that asked for none is that login", func(t *testing.T) {
		other := *w
		other.t, other.browser = t, w.certification.browser()
		begun := other.login("openid")
		aged := other.login("openid", "max_age", "10000")
		if at(begun) == 0 || at(aged) != at(begun) || aged.claims["sid"] != begun.claims["sid"] {
			t.Errorf("got auth_time %v in session %v, want %v in %v", at(aged), aged.claims["sid"], at(begun), begun.claims["sid"])
		}
	})
	t.Run("prompt=login and max_age=0 are new logins", func(t *testing.T) {
		w.t = t
		silent := w.login("openid", "prompt", "none")
		for now := time.Now(); time.Now().Unix() <= int64(at(silent)); now = time.Now() {
			<-time.After(time.Until(now.Truncate(time.Second).Add(time.Second))) // auth_time is in whole seconds
		}
		again := w.login("openid", "prompt", "login")
		aged := w.login("openid", "max_age", "0")
		if at(again) <= at(silent) || at(aged) < at(again) {
			t.Errorf("got auth_time %v and %v after %v, want later ones", at(again), at(aged), at(silent))
		}
	})
}

// refreshed: Core §12.2.
func refreshed(t *testing.T, w *tester) {
	tok := w.login("openid offline_access", "prompt", "consent")
	if tok.Refresh == "" {
		t.Fatal("got no refresh token")
	}
	other := *w
	other.client = w.plan.Second
	status, _, body := other.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}})
	if got := other.refusal(status, body); got != "invalid_grant" {
		t.Errorf("another client: got %s, want invalid_grant", got)
	}
	status, head, body := w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}})
	next := w.good(status, head, body)
	for _, same := range []string{"iss", "sub", "aud", "auth_time"} {
		if next.claims[same] != tok.claims[same] {
			t.Errorf("%s: got %v, want %v as before", same, next.claims[same], tok.claims[same])
		}
	}
	if next.claims["azp"] != nil || next.Access == tok.Access {
		t.Errorf("got azp %v, want none and a new access token", next.claims["azp"])
	}
}

// postPlan: the module of the Basic plan for client_secret_post.
func postPlan(t *testing.T, c *certification) {
	w := c.tester(t, "basic.json")
	w.client, w.post = *w.plan.Post, true
	w.login("openid")
	w.post = false
	a := w.request("openid")
	answer, _ := w.answer(a)
	status, _, body := w.token(url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}})
	if got := w.refusal(status, body); got != "invalid_client" {
		t.Errorf("another way than the registered one: got %s, want invalid_client", got)
	}
}

// fapiPlan: FAPI 2.0 Security Profile §5.3.2, without sender-constrained tokens.
func fapiPlan(t *testing.T, c *certification) {
	w := c.tester(t, "fapi2.json")
	for name, client := range map[string]suiteClient{"the first client": w.plan.Client, "the second client, its URI with a query": w.plan.Second} {
		t.Run(name, func(t *testing.T) {
			w.t, w.client = t, client
			a := w.request("openid")
			if client.ID == w.plan.Second.ID {
				a.redirect += "?dummy1=lorem&dummy2=ipsum"
				a.params.Set("redirect_uri", a.redirect)
			}
			full := a
			a.params = url.Values{"client_id": {w.client.ID}, "request_uri": {w.push(full)}, "state": full.params["state"]}
			answer, _ := w.answer(a)
			w.redeem(full, answer.Get("code"))

			page, err := w.certification.browser().Open(t.Context(), w.op.Endpoint().AuthURL+"?"+full.params.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if v := w.suite.next(t, "callback"); v.query.Get("error") != "invalid_request" {
				t.Errorf("unpushed: got %v at %s, want invalid_request", v.query, page.URL)
			}
		})
	}
}

// push gives the request_uri of a pushed request (RFC 9126).
func (w *tester) push(a attempt) string {
	w.t.Helper()
	var m struct {
		Pushed string `json:"pushed_authorization_request_endpoint"`
	}
	if err := w.op.Claims(&m); err != nil || m.Pushed == "" {
		w.t.Fatalf("got no PAR endpoint (%v)", err)
	}
	form := url.Values{}
	maps.Copy(form, a.params)
	status, _, body := w.send(m.Pushed, form)
	var pushed struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &pushed); err != nil || status != http.StatusCreated || pushed.Expires <= 0 {
		w.t.Fatalf("pushed: got %d %s", status, body)
	}
	return pushed.URI
}

// tlsPlan: what FAPI 2.0 §5.2.1 allows and the plans look at.
func tlsPlan(t *testing.T, c *certification) {
	for _, address := range []string{c.base, c.page} {
		host := strings.TrimPrefix(address, "https://")
		for version, config := range map[uint16]*tls.Config{
			tls.VersionTLS13: {}, tls.VersionTLS12: {MaxVersion: tls.VersionTLS12},
		} {
			config.RootCAs = c.trust
			conn, err := tls.Dial("tcp", host, config)
			if err != nil {
				t.Fatalf("%s: %v", host, err)
			}
			state := conn.ConnectionState()
			conn.Close()
			if state.Version != version {
				t.Errorf("%s: got version %x, want %x", host, state.Version, version)
			}
			if name := tls.CipherSuiteName(state.CipherSuite); version == tls.VersionTLS12 && (!strings.HasPrefix(name, "TLS_ECDHE_") || !strings.Contains(name, "_GCM_")) {
				t.Errorf("%s: got %s, want ECDHE and GCM", host, name)
			}
		}
		if conn, err := tls.Dial("tcp", host, &tls.Config{RootCAs: c.trust, MaxVersion: tls.VersionTLS11}); err == nil {
			conn.Close()
			t.Errorf("%s: TLS 1.1 is taken", host)
		}
	}
}
