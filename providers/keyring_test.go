package providers

import (
	"maps"
	"testing"
)

// A token without a kid is judged by the one key there is for its algorithm;
// where several might have signed it, it is refused (OpenID Connect Core 10.1).
func TestATokenWithoutAKidNeedsTheOnlyKey(t *testing.T) {
	ec, other, rs := testKeys()["ES256"], testKeys()["other"], testKeys()["RS256"]
	for name, tt := range map[string]struct {
		published map[string]any
		alg       string
		signer    any
		code      string // "" for taken
	}{
		"one key":                       {map[string]any{"k1": ec}, "ES256", ec, ""},
		"one key that names none":       {map[string]any{"": ec}, "ES256", ec, ""},
		"one of each kind":              {map[string]any{"k1": ec, "k2": rs}, "ES256", ec, ""},
		"one of each kind, by RSA":      {map[string]any{"k1": ec, "k2": rs}, "PS256", rs, ""},
		"two of its kind":               {map[string]any{"k1": ec, "k2": other}, "ES256", ec, "kid"},
		"two of its kind and one of no": {map[string]any{"k1": ec, "k2": other, "k3": rs}, "ES256", other, "kid"},
		"one key that did not sign it":  {map[string]any{"k1": ec}, "ES256", other, "kid"},
		"none of its kind":              {map[string]any{"k1": ec}, "RS256", rs, "kid"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.keys = tt.published
			u.idToken = func(c map[string]any) string { return sign(t, tt.alg, "", tt.signer, c) }
			_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
			if tt.code != "" {
				wantError(t, err, BadCode, tt.code)
			} else if err != nil {
				t.Errorf("got %v, want it taken", err)
			}
		})
	}
}

// A provider may change its keys between our reading them and its signing.
func TestKeysRotatedJustBeforeSigningAreFollowed(t *testing.T) {
	u := newUpstream(t, "oidc")
	u.idToken = func(c map[string]any) string { // while the token endpoint answers
		u.keys = maps.Clone(u.keys)
		delete(u.keys, "k1")
		u.keys["k2"] = testKeys()["other"]
		return sign(t, "ES256", "k2", testKeys()["other"], c)
	}
	p := u.provider(t)
	if err := p.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
		t.Errorf("got %v, want the new key read at once", err)
	}
	u.idToken = func(c map[string]any) string { return sign(t, "ES256", "made-up", testKeys()["other"], c) }
	for range 10 {
		_, err := p.Exchange(t.Context(), testAsk(), codeParams())
		wantError(t, err, BadCode, "kid")
	}
	if n := u.count("keys"); n != 2 {
		t.Errorf("got %d reads of keys, want 2: made-up kids make us ask no more than the limit", n)
	}
}

// A provider that takes up another of our algorithms is believed once its
// metadata says so; one that does not say so is asked within the limit, and its
// token refused.
func TestAlgorithmTakenUpSinceMetadataWasRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		says []string // metadata, from the change on
		code string   // "" for a login that succeeds
	}{
		{"metadata says so", []string{"ES256", "RS256"}, ""},
		{"metadata says nothing of it", []string{"ES256"}, "id-token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.metadata = map[string]any{"id_token_signing_alg_values_supported": []string{"ES256"}}
			f := u.provider(t)
			if _, err := f.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
				t.Fatal(err)
			}
			u.mu.Lock()
			u.metadata["id_token_signing_alg_values_supported"] = tt.says
			u.keys["k2"] = testKeys()["RS256"]
			u.idToken = func(c map[string]any) string { return sign(t, "RS256", "k2", testKeys()["RS256"], c) }
			u.mu.Unlock()
			for range 3 {
				_, err := f.Exchange(t.Context(), testAsk(), codeParams())
				if tt.code != "" {
					wantError(t, err, BadCode, tt.code)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if got := u.count("discovery"); got != 2 {
				t.Errorf("metadata was read %d times, want 2", got)
			}
		})
	}
}
