package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"
	"time"
)

const (
	issuer = "https://id.example.kr"
	token  = issuer + "/token"
	par    = issuer + "/par"
)

var (
	b64       = base64.RawURLEncoding
	addresses = []string{issuer, token, par}
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

type object = map[string]any

// signer signs the first two parts of a token.
type signer func(input []byte) []byte

// forge makes a JWS by hand, so that it can be what no library would write.
func forge(t testing.TB, header, payload any, sign signer) string {
	t.Helper()
	input := b64.EncodeToString(bytesOf(t, header)) + "." + b64.EncodeToString(bytesOf(t, payload))
	return input + "." + b64.EncodeToString(sign([]byte(input)))
}

// bytesOf a text as it is, of anything else as JSON.
func bytesOf(t testing.TB, value any) []byte {
	t.Helper()
	if text, ok := value.(string); ok {
		return []byte(text)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func byEC(private *ecdsa.PrivateKey) signer {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, _ := ecdsa.Sign(rand.Reader, private, digest[:])
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func byPSS(input []byte) []byte {
	digest := sha256.Sum256(input)
	signature, _ := rsa.SignPSS(rand.Reader, shared().rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	return signature
}

func byRSA(input []byte) []byte {
	digest := sha256.Sum256(input)
	signature, _ := rsa.SignPKCS1v15(nil, shared().rsa, crypto.SHA256, digest[:])
	return signature
}

func byEd(input []byte) []byte { return ed25519.Sign(shared().ed, input) }

func byHMAC(key []byte) signer {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func byNobody([]byte) []byte { return nil }

// keyed is a client with a key of every kind.
func keyed() Client {
	m := shared()
	return bank(func(c *Client) {
		c.Keys = jwks(jwk(m.ec.Public(), "ec", ""), jwk(m.rsa.Public(), "rsa", ""), jwk(m.ed.Public(), "ed", ""))
		c.AssertionAudience = AudienceIssuer
	})
}

// but is claims with some changed; nil takes one out.
func but(base, changes object) object {
	all := object{}
	maps.Copy(all, base)
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// nested is an object of so many levels.
func nested(depth int) any {
	var inner any = "x"
	for range depth {
		inner = object{"a": inner}
	}
	return inner
}
