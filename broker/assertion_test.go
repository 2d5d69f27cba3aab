package broker

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/broker/client"
)

// signers are the private keys of the client "signer", by kid; rival has its own.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec2, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{"ec": ec, "rsa": rs, "ed": ed, "stranger": ec2}
})

var kidOf = map[string]string{client.ES256: "ec", client.PS256: "rsa", client.RS256: "rsa", client.EdDSA: "ed"}

// provingByKeys makes a client prove itself by private_key_jwt.
func provingByKeys(c *client.Client) {
	c.SecretHash, c.AuthMethod = [32]byte{}, client.AuthPrivateKeyJWT
	c.Keys = &jose.JSONWebKeySet{}
	for _, kid := range []string{"ec", "rsa", "ed"} {
		c.Keys.Keys = append(c.Keys.Keys, jose.JSONWebKey{Key: signers()[kid].Public(), KeyID: kid, Use: "sig"})
	}
}

// assertionOf is a claim set that is taken, with changes; nil takes a claim away.
func (w *world) assertionOf(id string, changes map[string]any) map[string]any {
	now := w.clock.Now()
	all := map[string]any{
		"iss": id, "sub": id, "aud": issuer, "jti": newID().String(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func signAs(t testing.TB, alg, kid string, said map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: signers()[kid], KeyID: kid}}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func asserting(form url.Values, token string) url.Values {
	form.Set("client_assertion", token)
	form.Set("client_assertion_type", assertionType)
	return form
}

// proof is a fresh assertion of a client that signs.
func (w *world) proof(id string) string {
	return signAs(w.t, client.ES256, "ec", w.assertionOf(id, nil))
}
