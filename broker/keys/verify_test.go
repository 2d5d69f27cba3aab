package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var b64 = base64.RawURLEncoding

// forge makes a JWS by hand, so that headers can be what no library would write.
func forge(t testing.TB, header map[string]any, payload string, signature func(input []byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	input := b64.EncodeToString(h) + "." + b64.EncodeToString([]byte(payload))
	return input + "." + b64.EncodeToString(signature([]byte(input)))
}

func byEC(t testing.TB, private *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func byRSA(t testing.TB, private *rsa.PrivateKey, pss bool) func([]byte) []byte {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		var signature []byte
		var err error
		if pss {
			signature, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], nil)
		} else {
			signature, err = rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		}
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func byHMAC(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func nothing([]byte) []byte { return nil }

func TestVerifyTakesAnExpiredToken(t *testing.T) {
	s := set(t)
	token, err := s.Sign(ES256, []byte(`{"exp":1}`), "JWT")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Verify(token); err != nil || string(got) != `{"exp":1}` {
		t.Errorf("got %s, %v, want its payload: the caller decides", got, err)
	}
}

// Attack: alg confusion, none, kid and jku games (CVE-2026-9793, CVE-2026-28498).
func TestAttackAlgorithmAndKeyConfusion(t *testing.T) {
	m := shared()
	s := set(t)
	ec, rs := s.signing(jose.ES256, time.Now()), s.signing(jose.RS256, time.Now())
	ecPublic, _ := x509.MarshalPKIXPublicKey(m.ec.Public())
	rsPublic, _ := x509.MarshalPKIXPublicKey(m.rs.Public())
	theirs := jose.JSONWebKey{Key: m.ec2.Public(), KeyID: ec.kid, Algorithm: "ES256", Use: "sig"}
	type head = map[string]any

	// The forger is good at it: the same with our key and header does verify.
	if _, err := s.Verify(forge(t, head{"alg": "ES256", "kid": ec.kid, "typ": "JWT"}, "{}", byEC(t, m.ec))); err != nil {
		t.Fatalf("our own: got %v, want it verified", err)
	}
	if _, err := s.Verify(forge(t, head{"alg": "RS256", "kid": rs.kid}, "{}", byRSA(t, m.rs, false))); err != nil {
		t.Fatalf("our own: got %v, want it verified", err)
	}

	for _, tc := range []struct{ name, token string }{
		{"alg none without signature", forge(t, head{"alg": "none", "kid": ec.kid}, "{}", nothing)},
		{"alg None in another case", forge(t, head{"alg": "nOnE", "kid": ec.kid}, "{}", nothing)},
		{"alg none with a signature", forge(t, head{"alg": "none", "kid": ec.kid}, "{}", byEC(t, m.ec))},
		{"no alg", forge(t, head{"kid": ec.kid}, "{}", byEC(t, m.ec))},
		{"no signature", forge(t, head{"alg": "ES256", "kid": ec.kid}, "{}", nothing)},
		{"HMAC with our public EC key", forge(t, head{"alg": "HS256", "kid": ec.kid}, "{}", byHMAC(ecPublic))},
		{"HMAC with our public RSA key", forge(t, head{"alg": "HS256", "kid": rs.kid}, "{}", byHMAC(rsPublic))},
		{"HMAC with our JWKS", forge(t, head{"alg": "HS256", "kid": rs.kid}, "{}", byHMAC(s.JWKS()))},
		{"PS256 by our RSA key", forge(t, head{"alg": "PS256", "kid": rs.kid}, "{}", byRSA(t, m.rs, true))},
		{"RS256 named, PSS signed", forge(t, head{"alg": "RS256", "kid": rs.kid}, "{}", byRSA(t, m.rs, true))},
		{"RS256 by the kid of the EC key", forge(t, head{"alg": "RS256", "kid": ec.kid}, "{}", byRSA(t, m.rs, false))},
		{"ES256 by the kid of the RSA key", forge(t, head{"alg": "ES256", "kid": rs.kid}, "{}", byEC(t, m.ec))},
		{"no kid", forge(t, head{"alg": "ES256"}, "{}", byEC(t, m.ec))},
		{"empty kid", forge(t, head{"alg": "ES256", "kid": ""}, "{}", byEC(t, m.ec))},
		{"unknown kid", forge(t, head{"alg": "ES256", "kid": "../../dev/null"}, "{}", byEC(t, m.ec))},
		{"kid of another type", forge(t, head{"alg": "ES256", "kid": 1}, "{}", byEC(t, m.ec))},
		{"another key under our kid", forge(t, head{"alg": "ES256", "kid": ec.kid}, "{}", byEC(t, m.ec2))},
		{"another key carried along", forge(t, head{"alg": "ES256", "kid": ec.kid, "jwk": theirs}, "{}", byEC(t, m.ec2))},
		{"our key carried along", forge(t, head{"alg": "ES256", "kid": ec.kid, "jwk": ec.public}, "{}", byEC(t, m.ec))},
		{"a key to be fetched", forge(t, head{"alg": "ES256", "kid": ec.kid, "jku": "http://127.0.0.1/jwks"}, "{}", byEC(t, m.ec))},
		{"a certificate to be fetched", forge(t, head{"alg": "ES256", "kid": ec.kid, "x5u": "http://127.0.0.1/"}, "{}", byEC(t, m.ec))},
		{"a critical header", forge(t, head{"alg": "ES256", "kid": ec.kid, "crit": []string{"exp"}, "exp": 1}, "{}", byEC(t, m.ec))},
		{"an unencoded payload", forge(t, head{"alg": "ES256", "kid": ec.kid, "b64": false, "crit": []string{"b64"}}, "{}", byEC(t, m.ec))},
		{"a nonce", forge(t, head{"alg": "ES256", "kid": ec.kid, "nonce": "n"}, "{}", byEC(t, m.ec))},
		{"compression", forge(t, head{"alg": "ES256", "kid": ec.kid, "zip": "DEF"}, "{}", byEC(t, m.ec))},
		{"a typ of another type", forge(t, head{"alg": "ES256", "kid": ec.kid, "typ": []string{"JWT"}}, "{}", byEC(t, m.ec))},
		{"a logout token of ours", sign(t, s, ES256, "logout+jwt")},
		{"a typ in another case", sign(t, s, ES256, "jwt")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := s.Verify(tc.token); !errors.Is(err, ErrNotOurs) || got != nil {
				t.Errorf("got %s, %v, want nothing and ErrNotOurs", got, err)
			}
		})
	}
}

func TestVerifyRefusesEveryOtherSpelling(t *testing.T) {
	s := set(t)
	for _, alg := range s.Algorithms() {
		token := sign(t, s, alg, "JWT")
		parts := strings.Split(token, ".")
		general, _ := json.Marshal(map[string]any{"payload": parts[1], "protected": parts[0], "signature": parts[2]})
		for name, other := range map[string]string{
			"nothing":               "",
			"dots":                  "..",
			"two parts":             parts[0] + "." + parts[1],
			"four parts":            token + ".",
			"five parts":            token + "." + parts[1] + "." + parts[2],
			"a line break":          token[:9] + "\n" + token[9:],
			"a line break behind":   token + "\n",
			"a space":               " " + token,
			"padding":               token + "=",
			"JSON":                  string(general),
			"standard base64":       strings.ReplaceAll(token, "-", "+") + "+",
			"payload swapped":       parts[0] + "." + b64.EncodeToString([]byte("{}")) + "." + parts[2],
			"payload empty":         parts[0] + ".." + parts[2],
			"signature cut":         token[:len(token)-4],
			"signature doubled":     token + parts[2],
			"far too long":          parts[0] + "." + strings.Repeat("A", maxToken) + "." + parts[2],
			"a million dots":        strings.Repeat(".", 1_000_000),
			"header is an array":    b64.EncodeToString([]byte("[]")) + "." + parts[1] + "." + parts[2],
			"header nested deeply":  b64.EncodeToString([]byte(strings.Repeat(`{"a":`, 2000))) + "." + parts[1] + "." + parts[2],
			"header with two algs":  b64.EncodeToString([]byte(`{"alg":"none","alg":"ES256"}`)) + "." + parts[1] + "." + parts[2],
			"a zero signature":      parts[0] + "." + parts[1] + "." + b64.EncodeToString(make([]byte, 64)),
			"a signature of orders": parts[0] + "." + parts[1] + "." + b64.EncodeToString(orders()),
		} {
			if got, err := s.Verify(other); !errors.Is(err, ErrNotOurs) || got != nil {
				t.Errorf("%s, %s: got %s, %v, want nothing and ErrNotOurs", alg, name, got, err)
			}
		}
		// The last character holds bits that are not there: none may be set.
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			changed := token[:len(token)-1] + string(c)
			if _, err := s.Verify(changed); changed != token && !errors.Is(err, ErrNotOurs) {
				t.Errorf("%s ending in %q: got %v, want ErrNotOurs", alg, c, err)
			}
		}
	}
}

// orders is the order of P-256 twice, which is zero to a careless verifier.
func orders() []byte {
	n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	return append(n.Bytes(), n.Bytes()...)
}

func FuzzVerify(f *testing.F) {
	// The fuzzer's processes must agree on the token: a fixed key and a
	// deterministic signature (RFC 6979).
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	s := set(f, private, shared().rs)
	token := forge(f, map[string]any{"alg": "ES256", "kid": s.signing(jose.ES256, time.Now()).kid}, `{"sub":"홍길동"}`, func(input []byte) []byte {
		digest := sha256.Sum256(input)
		der, err := private.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			f.Fatal(err)
		}
		var signature struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &signature); err != nil {
			f.Fatal(err)
		}
		return append(signature.R.FillBytes(make([]byte, 32)), signature.S.FillBytes(make([]byte, 32))...)
	})
	for _, seed := range []string{
		"", "..", token, token + "\n", sign(f, s, RS256, ""),
		forge(f, map[string]any{"alg": "none"}, "{}", nothing),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := s.Verify(in)
		if err != nil && (!errors.Is(err, ErrNotOurs) || got != nil) {
			t.Errorf("got %s, %v, want nothing and ErrNotOurs", got, err)
		}
		if err == nil && string(got) != `{"sub":"홍길동"}` {
			t.Errorf("got %s from %q, which was never signed", got, in)
		}
		if in == token && err != nil {
			t.Errorf("got %v, want it verified", err)
		}
	})
}
