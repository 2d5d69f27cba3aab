package providers

import (
	"encoding/json"
	"strings"
	"testing"
)

// An identity fits into the cookie that carries it, whatever a provider sends.
func FuzzProfileStaysSlim(f *testing.F) {
	f.Add("홍길동", "https://example.com/p", "서울특별시 중구 세종대로 110", 1)
	f.Add("&<>&<>&<>", "https://example.com/?&&&&&&&&", "&\n&", 60)
	f.Fuzz(func(t *testing.T, word, web, place string, times int) {
		times = min(max(times, 1), 600)
		word, web, place = strings.Repeat(word, times), web+strings.Repeat("&", times), strings.Repeat(place, times)
		body, err := json.Marshal(map[string]any{
			"name": word, "given_name": word, "family_name": word, "middle_name": word, "nickname": word,
			"preferred_username": word, "profile": web, "picture": web, "website": web, "zoneinfo": place, "locale": word,
			"address": map[string]any{"formatted": place, "street_address": place, "locality": place, "region": word, "postal_code": word, "country": word},
		})
		if err != nil {
			t.Fatal(err)
		}
		var c claims
		if err := json.Unmarshal(body, &c); err != nil {
			t.Fatal(err)
		}
		id := Identity{Provider: "oidc", Issuer: testIssuer, Subject: strings.Repeat("s", 255), Email: strings.Repeat("e", 242) + "@example.com"}
		id.adorn(c)
		id.name(c)
		id.Address = c.Address.v.normal()
		kept := id.Name
		id.slim()
		all, err := json.Marshal(id)
		if err != nil || len(all) > maxProfile {
			t.Errorf("got %d bytes (%v), want at most %d: %s", len(all), err, maxProfile, all)
		}
		if id.Name != kept {
			t.Errorf("got the name %q, want %q kept", id.Name, kept)
		}
	})
}
