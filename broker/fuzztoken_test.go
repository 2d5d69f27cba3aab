package broker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sinho/broker/client"
)

// machineAnswers posts a stranger's input to a machine endpoint.
func machineAnswers(t *testing.T, w *world, path string, form url.Values, auth ...string) int {
	t.Helper()
	rec := w.post(path, form, auth...)
	if rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be kept", path)
	}
	if rec.Body.Len() > 0 && !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		t.Errorf("%s: got %s", path, rec.Header().Get("Content-Type"))
	}
	return rec.Code
}

func FuzzClientAssertion(f *testing.F) {
	w := tokenWorld(f)
	right := w.proof("signer")
	parts := strings.Split(right, ".")
	for _, seed := range []string{
		right, right[:len(right)-1], parts[0] + "." + parts[1] + ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0." + parts[1] + ".", parts[0] + "." + parts[1] + "." + parts[2] + ".x.y",
		signAs(f, client.RS256, "rsa", w.assertionOf("signer", map[string]any{"aud": []string{issuer}})), signAs(f, client.ES256, "stranger", w.assertionOf("signer", nil)),
		"eyJhbGciOiJFUzI1NiIsImp3ayI6e319." + parts[1] + "." + parts[2], encode([]byte(`{"alg":"ES256","crit":["b64"],"b64":false}`)) + "." + parts[1] + "." + parts[2],
		parts[0] + "." + encode([]byte(strings.Repeat(`{"sub":`, 200))) + "." + parts[2], parts[0] + "\n." + parts[1] + "." + parts[2],
	} {
		f.Add(seed)
	}
	w.store.waited()
	f.Fuzz(func(t *testing.T, token string) {
		if token == right { // the true one is other tests'
			return
		}
		code := machineAnswers(t, w, "/token", asserting(codeForm("x"), token))
		if code != http.StatusUnauthorized && code != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: got %d, want 401", token, code)
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store %d times", token, n)
		}
	})
}

func FuzzRefreshToken(f *testing.F) {
	w := tokenWorld(f)
	mine, theirs := w.offline("rotating"), w.offline("rival")
	for _, seed := range []string{mine.Refresh, mine.Access, theirs.Refresh, mine.Refresh + "=", mine.Refresh[:40], "", "AQ", "\x00", strings.Repeat("A", 20_000)} {
		f.Add(seed, "openid", apiResource)
	}
	f.Add("x", "openid \x00 profile", "https://evil.example/#")
	w.store.waited()
	f.Fuzz(func(t *testing.T, token, scope, resource string) {
		if token == mine.Refresh {
			return
		}
		form := refreshForm(token, "scope", scope, "resource", resource)
		code := machineAnswers(t, w, "/token", form, "rotating", secretOf("rotating"))
		if code != http.StatusBadRequest && code != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: got %d, want 400", token, code)
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store %d times", token, n)
		}
	})
}

func FuzzIntrospection(f *testing.F) {
	w := tokenWorld(f)
	mine, theirs := w.offline("rotating"), w.offline("rival")
	for _, seed := range []string{theirs.Access, theirs.Refresh, mine.IDToken, mine.Access + "=", mine.Refresh[1:], "", "AQ", "a.b.c", "\x00\xff", strings.Repeat("A", 20_000)} {
		f.Add(seed, "access_token")
	}
	f.Add("x", strings.Repeat("h", 300))
	w.store.waited()
	f.Fuzz(func(t *testing.T, token, hint string) {
		if token == mine.Access || token == mine.Refresh {
			return
		}
		form := url.Values{"token": {token}, "token_type_hint": {hint}}
		for _, path := range []string{"/introspect", "/revoke"} {
			code := machineAnswers(t, w, path, form, "rotating", secretOf("rotating"))
			if code != http.StatusOK && code != http.StatusBadRequest && code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s %q: got %d", path, token, code)
			}
			if path == "/introspect" && code == http.StatusOK {
				rec := w.post(path, form, "rotating", secretOf("rotating"))
				if got := strings.TrimSpace(rec.Body.String()); got != `{"active":false}` {
					t.Errorf("%q: got %s", token, got)
				}
			}
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store %d times", token, n)
		}
	})
}

func FuzzTokenForms(f *testing.F) {
	a, r := sampleAccess(), sampleRefresh()
	f.Add(a.marshal())
	f.Add(r.marshal())
	f.Add([]byte{format, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		var once, again refresh
		if once.unmarshal(p) == nil {
			if err := again.unmarshal(once.marshal()); err != nil || string(once.marshal()) != string(again.marshal()) {
				t.Errorf("%x is not stable: %v", p, err)
			}
		}
		_ = new(access).unmarshal(p)
	})
}
