package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sinho/broker/client"
)

// CVE-2026-9793, CVE-2026-28498: explicit algorithm lists, our keys only.
func TestAttackRequestObjectAlgorithmsAndKeys(t *testing.T) {
	w := protocolWorld(t, signing, func(c *client.Client) { c.RequireSignedRequest = true })
	mallory, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(siteKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(w.object(nil), ".")
	body, _, _ = strings.Cut(body, ".")
	payload, err := strict64.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any) string {
		options := &jose.SignerOptions{ExtraHeaders: headers}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	theirs := jose.JSONWebKey{Key: mallory.Public(), KeyID: "one"}
	for name, object := range map[string]string{
		"none":                     unsigned(t, map[string]any{"client_id": "booking", "redirect_uri": callback}),
		"none, in capitals":        encode([]byte(`{"alg":"NONE"}`)) + "." + body + ".",
		"HS256 by the public key":  sign(jose.HS256, public, map[jose.HeaderKey]any{"kid": "one"}),
		"another's key, its kid":   sign(jose.ES256, mallory, map[jose.HeaderKey]any{"kid": "one"}),
		"a key within":             sign(jose.ES256, mallory, map[jose.HeaderKey]any{"kid": "one", "jwk": theirs}),
		"the address of a key":     sign(jose.ES256, mallory, map[jose.HeaderKey]any{"kid": "one", "jku": "https://evil.example/keys"}),
		"a kid that is a path":     sign(jose.ES256, mallory, map[jose.HeaderKey]any{"kid": "../../dev/null"}),
		"a true one's signature":   encode([]byte(`{"alg":"ES256","kid":"one"}`)) + "." + body + "." + w.object(nil)[strings.LastIndex(w.object(nil), ".")+1:],
		"an encrypted one":         encrypted(t, w.object(nil)),
		"with the signature empty": w.object(nil)[:strings.LastIndex(w.object(nil), ".")+1],
	} {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, w.browser().bring(object, "redirect_uri", callback, "state", "the-state"), "invalid_request_object")
		})
	}
}

// encrypted is an object within an encrypted one, to a key of its own.
func encrypted(t *testing.T, object string) string {
	t.Helper()
	key := make([]byte, 32)
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, &jose.EncrypterOptions{Compression: jose.DEFLATE})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Encrypt([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// CVE-2026-4634 and its like: bounded before work is done.
func TestAttackOversizedClaimsAndResources(t *testing.T) {
	w := protocolWorld(t)
	for name, c := range map[string]struct{ param, value, want string }{
		"claims over 2 KB":         {"claims", `{"x":"` + strings.Repeat("x", 2048) + `"}`, "at most 2048"},
		"claims nested a thousand": {"claims", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "too deeply"},
		"claims of many values":    {"claims", `{"id_token":{"name":{"values":[` + strings.TrimSuffix(strings.Repeat("1,", 500), ",") + `]}}}`, "more than 16"},
		"claims that fill the seal": {"claims", `{"id_token":{"name":{"values":["` + strings.Repeat("n", 200) + `","` + strings.Repeat("m", 200) + `","` + strings.Repeat("o", 200) + `"]},
			"nickname":{"values":["` + strings.Repeat("n", 200) + `","` + strings.Repeat("m", 200) + `","` + strings.Repeat("o", 200) + `"]}}}`, ""},
	} {
		got := answered(t, w.browser().ask(c.param, c.value))
		if c.want == "" {
			if got.Has("error") {
				t.Errorf("%s: got %v, want none", name, got)
			}
			continue
		}
		if got.Get("error") != "invalid_request" || !strings.Contains(got.Get("error_description"), c.want) {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
	many := params()
	for range 1000 {
		many.Add("resource", "https://a.example")
	}
	rec := w.post("/par", many, asBooking...)
	if got := decode[map[string]string](t, rec); got["error"] != "invalid_target" && rec.Code != 413 {
		t.Errorf("a thousand resources: got %d %v", rec.Code, got)
	}
}

// OAuth state from a stranger, and restart from what another browser holds:
// CVE-2026-7571, and request_uri as a copied link.
func TestAttackCopiedRequestURI(t *testing.T) {
	w := protocolWorld(t)
	victim, mallory := w.browser(), w.browser()
	uri := w.push(asBooking)
	mallory.come("booking", uri) // who pushed it through the site, and sends it on
	wantPage(t, victim.come("booking", uri), ProblemOtherBrowser)
	if got := len(victim.cookies); got > 1 {
		t.Errorf("got %v, want nothing begun", victim.cookies)
	}
}
