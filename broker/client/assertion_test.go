package client

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// said are the claims of a good assertion at noon.
func said() object {
	return object{
		"iss": "shop", "sub": "shop", "aud": issuer, "jti": "0123456789abcdef",
		"iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix(),
	}
}

func at(after time.Duration) int64 { return noon.Add(after).Unix() }

func TestAssertionsOfEveryAlgorithmAreTaken(t *testing.T) {
	for _, tc := range []struct {
		header object
		sign   signer
	}{
		{object{"alg": "ES256", "kid": "ec"}, byEC(shared().ec)},
		{object{"alg": "PS256", "kid": "rsa"}, byPSS},
		{object{"alg": "RS256", "kid": "rsa"}, byRSA},
		{object{"alg": "EdDSA", "kid": "ed"}, byEd},
		{object{"alg": "ES256"}, byEC(shared().ec)},
		{object{"alg": "ES256", "typ": "JWT"}, byEC(shared().ec)},
		{object{"alg": "ES256", "typ": "jwt", "x5t": "AQAB", "x5t#S256": "AQAB"}, byEC(shared().ec)},
		{object{"alg": "ES256", "typ": "client-authentication+jwt"}, byEC(shared().ec)},
	} {
		t.Run(fmt.Sprint(tc.header), func(t *testing.T) {
			got, err := keyed().CheckAssertion(forge(t, tc.header, said(), tc.sign), addresses, noon)
			if err != nil || got.JTI != "0123456789abcdef" || !got.Expires.Equal(noon.Add(time.Minute)) {
				t.Errorf("got %+v, %v, want its jti and end", got, err)
			}
		})
	}
}

func TestAnAssertionByALibraryIsTaken(t *testing.T) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: jose.JSONWebKey{Key: shared().rsa, KeyID: "rsa"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(bytesOf(t, said()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyed().CheckAssertion(text, addresses, noon); err != nil {
		t.Errorf("got %v, want it taken", err)
	}
}

func TestClaimsOfAnAssertion(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes object
		want    string // part of the error, "" when taken
	}{
		{"as it should be", nil, ""},
		{"more than we need", object{"nbf": at(0), "foo": "bar", "deep": nested(10)}, ""},
		{"a fraction of a second", object{"exp": float64(at(time.Minute)) + 0.5, "iat": float64(at(0)) + 0.25}, ""},
		{"no iat", object{"iat": nil}, ""},
		{"iss of another", object{"iss": "other"}, "iss is another"},
		{"no iss", object{"iss": nil}, "iss is missing"},
		{"sub of another", object{"sub": "other"}, "sub is another"},
		{"no sub", object{"sub": nil}, "sub is missing"},
		{"iss in a list", object{"iss": []string{"shop"}}, "iss is no text"},
		{"iss longer", object{"iss": "shop "}, "iss is another"},

		{"no exp", object{"exp": nil}, "exp is missing"},
		{"exp now", object{"exp": at(0)}, "is over"},
		{"exp a second ahead", object{"exp": at(time.Second)}, ""},
		{"exp an hour ahead", object{"exp": at(time.Hour)}, ""},
		{"exp an hour ahead on a clock that is ahead", object{"exp": at(time.Hour + 10*time.Second)}, ""},
		{"exp 61 minutes ahead", object{"exp": at(61 * time.Minute)}, "lives longer"},
		{"exp in a text", object{"exp": "1795435260"}, "exp is no time"},
		{"exp that is null", object{"exp": json.RawMessage("null")}, "exp is no time"},
		{"exp beyond numbers", object{"exp": json.RawMessage("1e999")}, "exp is no time"},
		{"exp at the end of days", object{"exp": json.RawMessage("1e18")}, "exp is no time"},
		{"exp before all time", object{"exp": -1}, "exp is no time"},

		{"iat 10 s ahead", object{"iat": at(10 * time.Second)}, ""},
		{"nbf 10 s ahead", object{"nbf": at(10 * time.Second)}, ""},
		{"iat 61 s ahead", object{"iat": at(61 * time.Second), "exp": at(2 * time.Minute)}, "iat is to come"},
		{"nbf 61 s ahead", object{"nbf": at(61 * time.Second), "exp": at(2 * time.Minute)}, "nbf is to come"},
		{"iat an hour ago", object{"iat": at(-time.Hour)}, ""},
		{"iat in a text", object{"iat": "now"}, "iat is no time"},
		{"nbf that is true", object{"nbf": true}, "nbf is no time"},

		{"no jti", object{"jti": nil}, "jti has 0 bytes"},
		{"jti of 7 bytes", object{"jti": "1234567"}, "jti has 7 bytes"},
		{"jti of 8 bytes", object{"jti": "12345678"}, ""},
		{"jti of 128 bytes", object{"jti": strings.Repeat("j", 128)}, ""},
		{"jti of 129 bytes", object{"jti": strings.Repeat("j", 129)}, "jti has 129 bytes"},
		{"jti that is a number", object{"jti": 1234567890}, "jti is no text"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := keyed().CheckAssertion(forge(t, object{"alg": "EdDSA", "kid": "ed"}, but(said(), tc.changes), byEd), addresses, noon)
			refused(t, got == Assertion{}, err, tc.want)
		})
	}
}

// refused demands an error with want in it, and nothing beside it; none for "".
func refused(t *testing.T, empty bool, err error, want string) {
	t.Helper()
	switch {
	case want == "" && (err != nil || empty):
		t.Errorf("got %v, want it taken", err)
	case want != "" && (err == nil || !empty || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v (nothing else: %v), want %q", err, empty, want)
	}
}

// attacks.md: client assertion replayed, or its audience injected
// (GHSA-3p3g-vpw6-4w66, GHSA-v3q9-2p3m-7g43, CVE-2025-27370): jti once, audience
// = issuer. The jti is handed to the caller; the audience is judged here.
func TestAttackAssertionAudienceInjected(t *testing.T) {
	const evil = "https://evil.example"
	for _, tc := range []struct {
		name        string
		aud         any
		issuer, any string // for AudienceIssuer and AudienceTokenEndpoint: part of the error
	}{
		{"the issuer", issuer, "", ""},
		{"the token endpoint", token, "aud is not ours", ""},
		{"the PAR endpoint", par, "aud is not ours", ""},
		{"the issuer with a slash", issuer + "/", "aud is not ours", "aud is not ours"},
		{"the issuer in capitals", strings.ToUpper(issuer), "aud is not ours", "aud is not ours"},
		{"the issuer and more behind", issuer + "/userinfo", "aud is not ours", "aud is not ours"},
		{"the issuer as a part", "https://id.example.kr.evil.example", "aud is not ours", "aud is not ours"},
		{"another issuer", evil, "aud is not ours", "aud is not ours"},
		{"two in one text", issuer + " " + evil, "aud is not ours", "aud is not ours"},
		{"the issuer in a list", []string{issuer}, "aud is a list", ""},
		{"all of ours in a list", []string{issuer, token, par}, "aud is a list", ""},
		{"the issuer and another", []string{issuer, evil}, "aud is a list", "aud is not ours"},
		{"another and the issuer", []string{evil, issuer}, "aud is a list", "aud is not ours"},
		{"an empty list", []string{}, "aud is neither", "aud is neither"},
		{"a list with a number", []any{issuer, 1}, "aud is neither", "aud is neither"},
		{"a list with null", []any{issuer, nil}, "aud is neither", "aud is neither"},
		{"an object", object{"0": issuer}, "aud is neither", "aud is neither"},
		{"an empty text", "", "aud is not ours", "aud is not ours"},
		{"none", nil, "aud is missing", "aud is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := forge(t, object{"alg": "EdDSA", "kid": "ed"}, but(said(), object{"aud": tc.aud}), byEd)
			c := keyed()
			for audience, want := range map[string]string{AudienceIssuer: tc.issuer, "": tc.issuer, AudienceTokenEndpoint: tc.any} {
				c.AssertionAudience = audience
				got, err := c.CheckAssertion(text, addresses, noon)
				refused(t, got == Assertion{}, err, want)
			}
			c.AssertionAudience = AudienceTokenEndpoint
			if _, err := c.CheckAssertion(text, nil, noon); err == nil {
				t.Error("got it taken where no audience is ours")
			}
			if _, err := c.CheckAssertion(text, []string{"", ""}, noon); err == nil {
				t.Error("got it taken by a broker that has forgotten its address")
			}
		})
	}
}

// attacks.md: alg confusion; none; kid/jku games (CVE-2026-9793, CVE-2026-28498).
func TestAttackAssertionAlgorithmAndKeyConfusion(t *testing.T) {
	m := shared()
	ecPublic, _ := x509.MarshalPKIXPublicKey(m.ec.Public())
	rsaPublic, _ := x509.MarshalPKIXPublicKey(m.rsa.Public())
	theirs := jose.JSONWebKey{Key: m.other.Public(), KeyID: "ec"}
	for _, tc := range []struct {
		name   string
		header any
		sign   signer
	}{
		{"alg none", object{"alg": "none"}, byNobody},
		{"alg none with a kid", object{"alg": "none", "kid": "ec"}, byNobody},
		{"alg None in another case", object{"alg": "nOnE", "kid": "ec"}, byNobody},
		{"alg none with a signature", object{"alg": "none", "kid": "ec"}, byEC(m.ec)},
		{"no alg", object{"kid": "ec"}, byEC(m.ec)},
		{"alg null", object{"alg": nil, "kid": "ec"}, byEC(m.ec)},
		{"alg in a list", object{"alg": []string{"ES256"}, "kid": "ec"}, byEC(m.ec)},
		{"no signature", object{"alg": "ES256", "kid": "ec"}, byNobody},
		{"HMAC with the public EC key", object{"alg": "HS256", "kid": "ec"}, byHMAC(ecPublic)},
		{"HMAC with the public RSA key", object{"alg": "HS256", "kid": "rsa"}, byHMAC(rsaPublic)},
		{"HMAC with the client's id", object{"alg": "HS256"}, byHMAC([]byte("shop"))},
		{"RS256 named, PSS signed", object{"alg": "RS256", "kid": "rsa"}, byPSS},
		{"PS256 named, RS256 signed", object{"alg": "PS256", "kid": "rsa"}, byRSA},
		{"ES256 by the kid of the RSA key", object{"alg": "ES256", "kid": "rsa"}, byEC(m.ec)},
		{"RS256 by the kid of the EC key", object{"alg": "RS256", "kid": "ec"}, byRSA},
		{"EdDSA by the kid of the EC key", object{"alg": "EdDSA", "kid": "ec"}, byEd},
		{"another's key by our kid", object{"alg": "ES256", "kid": "ec"}, byEC(m.other)},
		{"another's key without a kid", object{"alg": "ES256"}, byEC(m.other)},
		{"an unknown kid", object{"alg": "ES256", "kid": "../../dev/null"}, byEC(m.ec)},
		{"an empty kid", object{"alg": "ES256", "kid": ""}, byEC(m.ec)},
		{"a kid that is a number", object{"alg": "ES256", "kid": 1}, byEC(m.ec)},
		{"a key in the header", object{"alg": "ES256", "jwk": theirs}, byEC(m.other)},
		{"a key in the header beside our kid", object{"alg": "ES256", "kid": "ec", "jwk": theirs}, byEC(m.ec)},
		{"jku", object{"alg": "ES256", "kid": "ec", "jku": "https://evil.example/jwks"}, byEC(m.ec)},
		{"x5u", object{"alg": "ES256", "kid": "ec", "x5u": "https://evil.example/cert"}, byEC(m.ec)},
		{"x5c", object{"alg": "ES256", "kid": "ec", "x5c": []string{"AQAB"}}, byEC(m.ec)},
		{"crit", object{"alg": "ES256", "kid": "ec", "crit": []string{"exp"}, "exp": 1}, byEC(m.ec)},
		{"an empty crit", object{"alg": "ES256", "kid": "ec", "crit": []string{}}, byEC(m.ec)},
		{"a payload that is not encoded", object{"alg": "ES256", "kid": "ec", "b64": false, "crit": []string{"b64"}}, byEC(m.ec)},
		{"compressed", object{"alg": "ES256", "kid": "ec", "zip": "DEF"}, byEC(m.ec)},
		{"nested", object{"alg": "ES256", "kid": "ec", "cty": "JWT"}, byEC(m.ec)},
		{"two algs", `{"alg":"none","alg":"ES256","kid":"ec"}`, byEC(m.ec)},
		{"two kids", `{"alg":"ES256","kid":"other","kid":"ec"}`, byEC(m.ec)},
		{"a request object", object{"alg": "ES256", "kid": "ec", "typ": "oauth-authz-req+jwt"}, byEC(m.ec)},
		{"a DPoP proof", object{"alg": "ES256", "kid": "ec", "typ": "dpop+jwt"}, byEC(m.ec)},
		{"a logout token", object{"alg": "ES256", "kid": "ec", "typ": "logout+jwt"}, byEC(m.ec)},
		{"typ null", object{"alg": "ES256", "kid": "ec", "typ": nil}, byEC(m.ec)},
		{"a header that is a list", `["ES256"]`, byEC(m.ec)},
		{"a header that is null", `null`, byEC(m.ec)},
		{"a header in broken UTF-8", "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"\xff\"}", byEC(m.ec)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := forge(t, tc.header, said(), tc.sign)
			if got, err := keyed().CheckAssertion(text, addresses, noon); err == nil {
				t.Errorf("assertion: got %+v, want it refused", got)
			}
			if tc.name == "a request object" {
				return
			}
			c := keyed()
			if got, err := c.OpenRequest(forge(t, tc.header, but(said(), object{"sub": nil}), tc.sign), issuer, noon); err == nil {
				t.Errorf("request object: got %v, want it refused", got)
			}
		})
	}
}

func TestTheKeysSayWhatMaySign(t *testing.T) {
	m := shared()
	rs256 := forge(t, object{"alg": "RS256", "kid": "rsa"}, said(), byRSA)
	c := keyed()
	c.Keys = jwks(jwk(m.rsa.Public(), "rsa", "PS256"))
	if _, err := c.CheckAssertion(rs256, addresses, noon); err == nil {
		t.Error("RS256 by a key of PS256: got it taken")
	}
	if _, err := c.CheckAssertion(forge(t, object{"alg": "PS256", "kid": "rsa"}, said(), byPSS), addresses, noon); err != nil {
		t.Errorf("PS256 by a key of PS256: got %v", err)
	}
	c.Keys = jwks(jwk(m.ec.Public(), "a", ""), jwk(m.other.Public(), "b", ""))
	for name, tc := range map[string]struct {
		header object
		want   string
	}{
		"no kid and two keys": {object{"alg": "ES256"}, "several keys"},
		"the kid of one":      {object{"alg": "ES256", "kid": "a"}, ""},
		"the kid of another":  {object{"alg": "ES256", "kid": "b"}, "does not verify"},
	} {
		got, err := c.CheckAssertion(forge(t, tc.header, said(), byEC(m.ec)), addresses, noon)
		t.Run(name, func(t *testing.T) { refused(t, got == Assertion{}, err, tc.want) })
	}
}

// A client that proves itself in another way, or an unknown one, is not known by
// an assertion, whatever keys it has for its requests.
func TestAttackAssertionOfAnotherMethod(t *testing.T) {
	text := forge(t, object{"alg": "EdDSA", "kid": "ed"}, said(), byEd)
	for _, method := range []string{"", AuthSecretBasic, AuthSecretPost, AuthNone} {
		c := keyed()
		c.AuthMethod = method
		if _, err := c.CheckAssertion(text, addresses, noon); err == nil {
			t.Errorf("%q: got it taken", method)
		}
	}
	if _, err := (Client{}).CheckAssertion(text, addresses, noon); err == nil {
		t.Error("an unknown client: got it taken")
	}
	if _, err := (Client{AuthMethod: AuthPrivateKeyJWT}).CheckAssertion(text, addresses, noon); err == nil {
		t.Error("a client without keys: got it taken")
	}
}

// attacks.md: token malleability (CVE-2026-27840): one encoding only.
func TestAttackAssertionInASecondEncoding(t *testing.T) {
	good := forge(t, object{"alg": "EdDSA", "kid": "ed"}, said(), byEd)
	if _, err := keyed().CheckAssertion(good, addresses, noon); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	last := good[len(good)-1]
	for name, text := range map[string]string{
		"padding":          good + "=",
		"a line break":     good[:len(good)-4] + "\n" + good[len(good)-4:],
		"a line end":       good + "\r\n",
		"a blank before":   " " + good,
		"a fourth part":    good + ".",
		"only two parts":   parts[0] + "." + parts[1],
		"a part too few":   parts[0] + "." + parts[2],
		"five parts":       good + ".." + "",
		"other alphabet":   strings.NewReplacer("-", "+", "_", "/").Replace(parts[0]) + ".+/+/." + parts[2],
		"stray bits":       good[:len(good)-1] + string(b64Alphabet[strings.IndexByte(b64Alphabet, last)|1]),
		"JSON form":        `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"nothing":          "",
		"dots":             "..",
		"a payload of two": parts[0] + "." + b64.EncodeToString([]byte(`{}{}`)) + "." + parts[2],
	} {
		if got, err := keyed().CheckAssertion(text, addresses, noon); err == nil {
			t.Errorf("%s: got %+v, want it refused", name, got)
		}
	}
	for name, payload := range map[string]string{
		"a member twice":    `{"jti":"another-one",` + string(bytesOf(t, said()))[1:],
		"a member in case":  strings.Replace(string(bytesOf(t, said())), `"aud"`, `"AUD"`, 1),
		"something behind":  string(bytesOf(t, said())) + "{}",
		"broken UTF-8":      strings.Replace(string(bytesOf(t, said())), "0123", "\xff", 1),
		"a list":            "[" + string(bytesOf(t, said())) + "]",
		"a text":            `"x"`,
		"null":              `null`,
		"nothing":           ``,
		"not JSON":          `{iss: shop}`,
		"twice, deep below": strings.Replace(string(bytesOf(t, said())), "{", `{"x":[{"a":1,"\u0061":2}],`, 1),
	} {
		if got, err := keyed().CheckAssertion(forge(t, object{"alg": "EdDSA", "kid": "ed"}, payload, byEd), addresses, noon); err == nil {
			t.Errorf("a payload with %s: got %+v, want it refused", name, got)
		}
	}
}

const b64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// attacks.md: compressed, huge or deeply nested JOSE; giant assertions
// (CVE-2024-28180, CVE-2025-27144, CVE-2026-4634): bounded before work is done.
func TestAttackAssertionHugeOrNested(t *testing.T) {
	sign := func(changes object) string {
		return forge(t, object{"alg": "EdDSA", "kid": "ed"}, but(said(), changes), byEd)
	}
	many := object{}
	for i := range 70 {
		many[fmt.Sprint("claim", i)] = 1
	}
	for name, tc := range map[string]struct{ text, want string }{
		"a megabyte of claims": {sign(object{"x": strings.Repeat("x", 1<<20)}), "at most 8192"},
		"a megabyte of dots":   {strings.Repeat(".", 1<<20), "at most 8192"},
		"8 KiB of dots":        {strings.Repeat(".", 8<<10), "is no compact JWS"},
		"16 levels":            {sign(object{"x": nested(15)}), ""},
		"17 levels":            {sign(object{"x": nested(16)}), "nests more than 16 deep"},
		"a thousand lists":     {sign(object{"x": json.RawMessage(strings.Repeat("[", 1000) + strings.Repeat("]", 1000))}), "nests more than 16 deep"},
		"70 claims":            {sign(many), "at most 64"},
		"a header that nests":  {forge(t, object{"alg": "EdDSA", "kid": nested(100)}, said(), byEd), "nests more than 16 deep"},
		"a header of 70":       {forge(t, but(many, object{"alg": "EdDSA"}), said(), byEd), "at most 64"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keyed().CheckAssertion(tc.text, addresses, noon)
			refused(t, got == Assertion{}, err, tc.want)
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("got an error of %d bytes, want none of the token in it", len(err.Error()))
			}
		})
	}
}
