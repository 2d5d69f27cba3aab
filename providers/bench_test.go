package providers

import (
	"encoding/json"
	"testing"
)

// BenchmarkClaims reads what a userinfo endpoint usually answers.
func BenchmarkClaims(b *testing.B) {
	body := []byte(`{"sub":"d6e1f0b4","name":"홍길동","nickname":"길동이","email":"hong@example.com","email_verified":true,` +
		`"phone_number":"010-0000-0000","phone_number_verified":true,"birthdate":"1990-05-12","gender":"male","updated_at":1800000000}`)
	b.ReportAllocs()
	for b.Loop() {
		var all claimSet
		if err := json.Unmarshal(body, &all); err != nil {
			b.Fatal(err)
		}
		if c := all.standard(); c.Name != "홍길동" {
			b.Fatal(c)
		}
	}
}

// BenchmarkVerify checks an ID token of each algorithm, keys at hand.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"ES256", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			u := newUpstream(b, "oidc")
			u.alg, u.keys = alg, map[string]any{"k1": testKeys()[alg]}
			p := u.provider(b)
			if err := p.Warm(b.Context()); err != nil {
				b.Fatal(err)
			}
			e, err := p.endpoints(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			raw := u.idToken(u.allClaims())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.verify(b.Context(), e, raw, "at", testNonce); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
