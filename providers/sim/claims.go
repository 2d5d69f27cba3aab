package sim

import (
	"strings"
	"time"
)

// What the oidc simulator says about verified claims (OpenID Identity Assurance
// 1.0): the scope that asks for them, and the framework they were verified
// under.
const (
	VerifiedScope  = "verified_claims"
	TrustFramework = "kr_nivs"
)

// claims by the scope that gives them (OpenID Connect Core 5.4). The first
// person has every one of them; the others lack what many people lack.
func (o *generic) claims(person int) map[string]map[string]any {
	p := o.sim.populace().all[person]
	user, _, _ := strings.Cut(p.Email, "@")
	base := o.sim.cfg.Base
	profile := map[string]any{
		"name": p.Name, "family_name": p.Family, "given_name": p.Given, "nickname": p.Nickname,
		"preferred_username": user, "picture": base + "/static/person.svg",
		"gender": p.Gender, "birthdate": p.Birthdate, "zoneinfo": "Asia/Seoul", "locale": "ko-KR",
		"updated_at": o.begun.Unix(),
	}
	scopes := map[string]map[string]any{
		"profile": profile,
		"email":   {"email": p.Email, "email_verified": true},
		"phone":   {"phone_number": p.e164(), "phone_number_verified": true},
	}
	if !p.Every {
		return scopes
	}
	profile["middle_name"] = "율도"
	profile["profile"] = "https://example.com/people/" + user
	profile["website"] = "https://example.com/~" + user
	scopes["address"] = map[string]any{"address": map[string]any{
		"formatted":      "서울특별시 중구 세종대로 110\n04524\n대한민국",
		"street_address": "세종대로 110", "locality": "중구", "region": "서울특별시",
		"postal_code": "04524", "country": "KR",
	}}
	scopes[VerifiedScope] = map[string]any{"verified_claims": o.verified(scopes)}
	return scopes
}

// verifiable are the claims that somebody has verified of the person who has
// them all.
func verifiable() []string {
	return []string{
		"name", "family_name", "given_name", "middle_name", "gender", "birthdate",
		"phone_number", "phone_number_verified", "address",
	}
}

// verified is what stands in verified_claims, with the evidence for it.
func (o *generic) verified(scopes map[string]map[string]any) map[string]any {
	claims := map[string]any{}
	for _, of := range scopes {
		for _, name := range verifiable() {
			if v, has := of[name]; has {
				claims[name] = v
			}
		}
	}
	at := o.begun.UTC().Format(time.RFC3339)
	return map[string]any{
		"verification": map[string]any{
			"trust_framework": TrustFramework, "time": at,
			"evidence": []any{map[string]any{
				"type": "electronic_record", "time": at,
				"check_details": []any{map[string]any{"check_method": "data", "organization": "나라아이디 연습용"}},
				"record": map[string]any{
					"type":   "population_register",
					"source": map[string]any{"name": "홍길동의 마을", "country_code": "KOR"},
				},
			}},
		},
		"claims": claims,
	}
}
