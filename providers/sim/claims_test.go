package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

func TestNaverTellsItsProfileNested(t *testing.T) {
	w := newWalker(t, config("naver"))
	tok, err := w.exchange(w.press("approve", "0").Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	me := w.userinfo(tok.AccessToken)
	if me["resultcode"] != "00" || me["sub"] != nil {
		t.Errorf("got %v, want resultcode 00 and no sub at the top", me)
	}
	in, _ := me["response"].(map[string]any)
	for k, want := range map[string]any{
		"name": "홍길동", "gender": "M", "birthday": "05-12", "birthyear": "1990", "email": "hong@example.com",
		"mobile": "010-0000-0000", "mobile_e164": "+821000000000",
	} {
		if in[k] != want {
			t.Errorf("%s: got %v, want %v", k, in[k], want)
		}
	}
	for _, k := range []string{"email_verified", "ci"} {
		if _, ok := in[k]; ok {
			t.Errorf("got %s, want Naver not to send it", k)
		}
	}
}

func TestKakaoTellsVerifiedAttributesWithCI(t *testing.T) {
	w := newWalker(t, config("kakao"))
	for person, phone := range map[string]string{"0": "+82 10-0000-0000", "1": "+82 010-0000-0001"} {
		tok, err := w.exchange(w.press("approve", person).Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		me := w.get("/v2/user/me", tok.AccessToken)
		id, _ := me["id"].(json.Number)
		if n, err := id.Int64(); err != nil || n <= 1<<53 {
			t.Errorf("got id %v, want a whole number beyond 2^53", me["id"])
		}
		acc, _ := me["kakao_account"].(map[string]any)
		if acc["phone_number"] != phone || acc["birthday_type"] != "SOLAR" || acc["name_needs_agreement"] != false {
			t.Errorf("got %v, want the phone %s and a solar birthday", acc, phone)
		}
		if ci, _ := acc["ci"].(string); len(ci) != 88 {
			t.Errorf("got CI of %d characters, want 88", len(ci))
		}
	}
}

func TestKakaoWithoutTheOpenidScopeLosesTheIDToken(t *testing.T) {
	w := newWalker(t, config("kakao"))
	for scope, want := range map[string]bool{"": true, "openid account_email": true, "account_email": false} {
		w.oauth.Scopes = strings.Fields(scope)
		tok, err := w.exchange(w.press("approve", "0").Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := tok.Extra("id_token").(string); got != want {
			t.Errorf("scope %q: got an ID token: %t, want %t", scope, got, want)
		}
		renewed, err := w.oauth.TokenSource(w.ctx(), &oauth2.Token{RefreshToken: tok.RefreshToken}).Token()
		if err != nil || renewed.AccessToken == tok.AccessToken {
			t.Errorf("scope %q: renew: got %v, want a new access token", scope, err)
		}
	}
}

func TestOIDCTellsEveryStandardClaimByScope(t *testing.T) {
	profile := []string{
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
		"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	}
	for _, tt := range []struct {
		name, person string
		scopes, want []string
		ci           bool
	}{
		{"openid alone", "0", nil, nil, false},
		{"profile", "0", []string{"profile"}, profile, false},
		{"email and phone", "0", []string{"email", "phone"}, []string{"email", "email_verified", "phone_number", "phone_number_verified"}, false},
		{"everything", "0", []string{"profile", "email", "phone", "address"}, append(slices.Clone(profile), "email", "email_verified", "phone_number", "phone_number_verified", "address"), false},
		{"verified claims", "0", []string{"verified_claims"}, []string{"verified_claims"}, false},
		{"nobody else has been verified", "1", []string{"verified_claims"}, nil, false},
		{"CI when set to send it", "3", nil, []string{"ci"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config("oidc")
			cfg.SendCI = tt.ci
			w := newWalker(t, cfg, tt.scopes...)
			tok, err := w.exchange(w.press("approve", tt.person).Get("code"))
			if err != nil {
				t.Fatal(err)
			}
			got := w.userinfo(tok.AccessToken)
			for _, name := range tt.want {
				if got[name] == nil || got[name] == "" {
					t.Errorf("got no %s", name)
				}
			}
			if len(got) != len(tt.want)+1 {
				t.Errorf("got %d claims %v, want sub and %v", len(got), got, tt.want)
			}
		})
	}
}

func TestVerifiedClaimsTellTheirFrameworkAndEvidence(t *testing.T) {
	w := newWalker(t, config("oidc"), "profile", VerifiedScope)
	tok, err := w.exchange(w.press("approve", "0").Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	me := w.userinfo(tok.AccessToken)
	in, _ := me["verified_claims"].(map[string]any)
	how, _ := in["verification"].(map[string]any)
	evidence, _ := how["evidence"].([]any)
	if how["trust_framework"] != TrustFramework || how["time"] == nil || len(evidence) != 1 {
		t.Errorf("got verification %v, want its framework, time and evidence", how)
	}
	claims, _ := in["claims"].(map[string]any)
	if len(claims) != len(verifiable()) || claims["name"] != me["name"] || claims["phone_number"] != "+821000000000" {
		t.Errorf("got %v, want %v", claims, verifiable())
	}
	for _, name := range verifiable() {
		if claims[name] == nil {
			t.Errorf("got no verified %s", name)
		}
	}
}
