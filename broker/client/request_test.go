package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is a request object that a client with RequireSignedRequest may send.
func asked() object {
	return object{
		"iss": "shop", "client_id": "shop", "aud": issuer, "nbf": at(0), "exp": at(5 * time.Minute),
		"response_type": "code", "redirect_uri": cb, "scope": "openid profile", "state": "s & t=%41",
	}
}

var (
	byKid    = object{"alg": "EdDSA", "kid": "ed", "typ": "oauth-authz-req+jwt"}
	required = func() Client {
		c := keyed()
		c.RequireSignedRequest = true
		return c
	}
)

func TestARequestObjectBecomesParameters(t *testing.T) {
	got, err := keyed().OpenRequest(forge(t, byKid, but(asked(), object{
		"iat": at(0), "jti": "0123456789", "sub": "somebody", "max_age": 300, "resource": []string{"https://a.kr/", "urn:b"},
		"claims":                json.RawMessage(`{ "userinfo": {"email": null, "n": 1.50}, "id_token": {"acr": {"values": ["a", "b"]}} }`),
		"authorization_details": json.RawMessage(`[ {"type": "x"} ]`), "mixed": []any{"a", 1}, "flag": true, "nothing": json.RawMessage("null"),
		"empty": []string{}, "ui_locales": "ko en",
	}), byEd), issuer, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"client_id": {"shop"}, "response_type": {"code"}, "redirect_uri": {cb}, "scope": {"openid profile"}, "state": {"s & t=%41"},
		"max_age": {"300"}, "resource": {"https://a.kr/", "urn:b"}, "ui_locales": {"ko en"}, "flag": {"true"},
		"claims":                {`{"userinfo":{"email":null,"n":1.50},"id_token":{"acr":{"values":["a","b"]}}}`},
		"authorization_details": {`[{"type":"x"}]`}, "mixed": {`["a",1]`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestObjectsOfEveryKindAreTaken(t *testing.T) {
	for _, tc := range []struct {
		header object
		sign   signer
	}{
		{object{"alg": "ES256", "kid": "ec"}, byEC(shared().ec)},
		{object{"alg": "PS256", "kid": "rsa", "typ": "JWT"}, byPSS},
		{object{"alg": "RS256", "kid": "rsa", "typ": "oauth-authz-req+jwt"}, byRSA},
		{object{"alg": "EdDSA"}, byEd},
	} {
		if _, err := required().OpenRequest(forge(t, tc.header, asked(), tc.sign), issuer, noon); err != nil {
			t.Errorf("%v: got %v, want it taken", tc.header, err)
		}
	}
}

func TestClaimsOfARequestObject(t *testing.T) {
	for _, tc := range []struct {
		name             string
		changes          object
		signed, required string // part of the error without and with RequireSignedRequest
	}{
		{"as it should be", nil, "", ""},
		{"no iss", object{"iss": nil}, "", "iss is missing"},
		{"iss of another", object{"iss": "other"}, "iss is another", "iss is another"},
		{"iss in a list", object{"iss": []string{"shop"}}, "iss is no text", "iss is no text"},
		{"no client_id", object{"client_id": nil}, "", "client_id is missing"},
		{"client_id of another", object{"client_id": "other"}, "client_id is another", "client_id is another"},
		{"a client assertion", object{"sub": "shop"}, "client assertion", "client assertion"},
		{"no aud", object{"aud": nil}, "", "aud is missing"},
		{"aud in a list", object{"aud": []string{"https://other.example", issuer}}, "", ""},
		{"aud of another", object{"aud": "https://other.example"}, "aud is not the issuer", "aud is not the issuer"},
		{"aud longer than the issuer", object{"aud": issuer + "/"}, "aud is not the issuer", "aud is not the issuer"},
		{"aud that is a number", object{"aud": 1}, "aud is neither", "aud is neither"},
		{"no exp", object{"exp": nil}, "", "nbf or exp is missing"},
		{"no nbf", object{"nbf": nil}, "", "nbf or exp is missing"},
		{"exp now", object{"exp": at(0)}, "is over", "is over"},
		{"exp in a text", object{"exp": "never"}, "exp is no time", "exp is no time"},
		{"nbf 10 s ahead", object{"nbf": at(10 * time.Second)}, "", ""},
		{"nbf 61 s ahead", object{"nbf": at(61 * time.Second)}, "nbf is to come", "nbf is to come"},
		{"nbf 60 minutes ago", object{"nbf": at(-time.Hour), "exp": at(time.Second)}, "", "lives longer"},
		{"nbf 59 minutes ago", object{"nbf": at(-59 * time.Minute), "exp": at(time.Minute)}, "", ""},
		{"nbf 61 minutes ago", object{"nbf": at(-61 * time.Minute), "exp": at(time.Minute)}, "", "nbf is more than"},
		{"exp an hour after nbf", object{"exp": at(time.Hour)}, "", ""},
		{"exp 61 minutes after nbf", object{"exp": at(61 * time.Minute)}, "", "lives longer"},
		{"request inside", object{"request": "x"}, "has request in it", "has request in it"},
		{"request_uri inside", object{"request_uri": "urn:x"}, "has request_uri in it", "has request_uri in it"},
		{"request that is null", object{"request": json.RawMessage("null")}, "has request in it", "has request in it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := forge(t, byKid, but(asked(), tc.changes), byEd)
			got, err := keyed().OpenRequest(text, issuer, noon)
			refused(t, got == nil, err, tc.signed)
			got, err = required().OpenRequest(text, issuer, noon)
			refused(t, got == nil, err, tc.required)
		})
	}
}

// attacks.md: request object unsigned inside an encrypted one; none
// (CVE-2026-9793, CVE-2026-28498). The client may be told that these are not
// supported.
func TestAttackRequestObjectUnsignedOrEncrypted(t *testing.T) {
	without := keyed()
	without.Keys = nil
	for name, tc := range map[string]struct {
		client Client
		text   string
		kind   bool // ErrUnsupported
	}{
		"unsigned":                    {keyed(), forge(t, object{"alg": "none"}, asked(), byNobody), true},
		"unsigned, with a signature":  {keyed(), forge(t, object{"alg": "none", "kid": "ed"}, asked(), byEd), true},
		"unsigned, where required":    {required(), forge(t, object{"alg": "none"}, asked(), byNobody), true},
		"none in another case":        {keyed(), forge(t, object{"alg": "None"}, asked(), byNobody), false},
		"encrypted":                   {keyed(), b64.EncodeToString([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT"}`)) + ".AQ.AQ.AQ.AQ", true},
		"encrypted with itself alone": {keyed(), b64.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..AQ.AQ.AQ", true},
		"signed, by nobody we know":   {without, forge(t, byKid, asked(), byEd), true},
		"of an unknown client":        {Client{}, forge(t, byKid, asked(), byEd), true},
		"an assertion's typ":          {keyed(), forge(t, object{"alg": "EdDSA", "typ": "client-authentication+jwt"}, asked(), byEd), false},
		"an ID token hint's key":      {keyed(), forge(t, object{"alg": "ES256", "kid": "ec"}, asked(), byEC(shared().other)), false},
	} {
		got, err := tc.client.OpenRequest(tc.text, issuer, noon)
		if got != nil || err == nil || errors.Is(err, ErrUnsupported) != tc.kind {
			t.Errorf("%s: got %v, %v, want it refused, as unsupported: %v", name, got, err, tc.kind)
		}
	}
}

// attacks.md: a thousand scopes, giant requests, nested claims
// (CVE-2026-79651, CVE-2025-2559): one reading, bounded.
func TestAttackRequestObjectHugeNestedOrOfTwoReadings(t *testing.T) {
	text := string(bytesOf(t, asked()))
	parameters := text[:len(text)-1]
	for i := range 60 {
		parameters += fmt.Sprintf(`,"p%d":1`, i)
	}
	for name, tc := range map[string]struct{ payload, want string }{
		"one that the forger has made well": {text, ""},
		"redirect_uri twice":                {`{"redirect_uri":"https://evil.example/",` + text[1:], "has a member twice"},
		"client_id twice":                   {text[:len(text)-1] + `,"client_id":"shop"}`, "has a member twice"},
		"a member twice in claims":          {text[:len(text)-1] + `,"claims":{"userinfo":{"name":null,"n\u0061me":{}}}}`, "has a member twice"},
		"something behind":                  {text + text, "is not JSON"},
		"a list":                            {"[" + text + "]", "is no JSON object"},
		"five hundred levels":               {text[:len(text)-1] + `,"claims":` + strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 501), "nests more than 16 deep"},
		"a thousand scopes":                 {text[:len(text)-1] + `,"acr_values":"` + strings.Repeat("a-long-value ", 1000) + `"}`, "at most 8192"},
		"64 parameters and more":            {parameters + "}", "at most 64"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keyed().OpenRequest(forge(t, byKid, tc.payload, byEd), issuer, noon)
			refused(t, got == nil, err, tc.want)
		})
	}
}
