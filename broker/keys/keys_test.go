package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// material is private keys for tests; RSA keys take long to make, so they are
// made once for the whole run.
type material struct {
	ec, ec2 *ecdsa.PrivateKey
	rs, rs2 *rsa.PrivateKey
	ed      ed25519.PrivateKey
	ps      *rsa.PrivateKey
}

var shared = sync.OnceValue(func() material {
	var m material
	m.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.ec2, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.rs, _ = rsa.GenerateKey(rand.Reader, 2048)
	m.rs2, _ = rsa.GenerateKey(rand.Reader, 2048)
	_, m.ed, _ = ed25519.GenerateKey(rand.Reader)
	m.ps, _ = rsa.GenerateKey(rand.Reader, 2048)
	return m
})

// full is a set of all four algorithms.
func full(t testing.TB) *Set {
	t.Helper()
	m := shared()
	s, err := newSet(spanned{private: m.ec}, spanned{private: m.rs}, spanned{alg: jose.PS256, private: m.ps}, spanned{private: m.ed})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t testing.TB, private ...crypto.Signer) *Set {
	t.Helper()
	if len(private) == 0 {
		private = []crypto.Signer{shared().ec, shared().rs}
	}
	var all []spanned
	for _, p := range private {
		all = append(all, spanned{private: p})
	}
	s, err := newSet(all...)
	if err != nil {
		t.Fatalf("newSet: %v", err)
	}
	return s
}

func sign(t testing.TB, s *Set, alg, typ string) string {
	t.Helper()
	token, err := s.Sign(alg, []byte(`{"sub":"홍길동"}`), typ)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	return token
}

func header(t testing.TB, token string) map[string]any {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestGenerateSignsWithBothAlgorithms(t *testing.T) {
	s, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ES256", "RS256"}, s.Algorithms()); diff != "" {
		t.Errorf("Algorithms (-want +got):\n%s", diff)
	}
	for _, alg := range s.Algorithms() {
		payload, err := s.Verify(sign(t, s, alg, "JWT"))
		if err != nil || string(payload) != `{"sub":"홍길동"}` {
			t.Errorf("%s: got %s, %v, want what was signed", alg, payload, err)
		}
	}
}

func TestHeaderHasAlgKidAndTypOnly(t *testing.T) {
	s := set(t)
	for _, tc := range []struct{ alg, typ string }{
		{ES256, ""},
		{ES256, "JWT"},
		{RS256, "JWT"},
		{ES256, "logout+jwt"},
	} {
		t.Run(fmt.Sprintf("%s with typ %q", tc.alg, tc.typ), func(t *testing.T) {
			want := map[string]any{"alg": tc.alg, "kid": s.signing(jose.SignatureAlgorithm(tc.alg), time.Now()).kid}
			if tc.typ != "" {
				want["typ"] = tc.typ
			}
			if diff := cmp.Diff(want, header(t, sign(t, s, tc.alg, tc.typ))); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignRefusesOtherAlgorithms(t *testing.T) {
	s := set(t)
	for _, alg := range []string{"", "none", "HS256", "PS256", "ES384", "RS512", "es256"} {
		if token, err := s.Sign(alg, []byte("{}"), "JWT"); !errors.Is(err, ErrAlgorithm) || token != "" {
			t.Errorf("%q: got %q, %v, want nothing and ErrAlgorithm", alg, token, err)
		}
	}
}

func TestJWKSIsPublicOnlyAndComplete(t *testing.T) {
	m := shared()
	s := set(t, m.ec, m.rs, m.ec2)
	var got struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(s.JWKS(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Keys) != 3 {
		t.Fatalf("got %d keys, want 3", len(got.Keys))
	}
	members := map[string][]string{
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
	}
	kids := map[any]bool{}
	for _, k := range got.Keys {
		want := members[k["kty"].(string)]
		if len(k) != len(want) {
			t.Errorf("got %v, want exactly %v", k, want)
		}
		for _, name := range want {
			if k[name] == nil || k[name] == "" {
				t.Errorf("got %v, want %s in it", k, name)
			}
		}
		if k["use"] != "sig" {
			t.Errorf("got use %v, want sig", k["use"])
		}
		kids[k["kid"]] = true
	}
	if len(kids) != 3 {
		t.Errorf("got %d different kids, want 3", len(kids))
	}
}

func TestKidIsTheThumbprint(t *testing.T) {
	// RFC 7638 §3.1: the SHA-256 of the required members in lexical order.
	m := shared()
	s := set(t)
	var published struct {
		Keys []struct{ Kid, X, Y, N, E string } `json:"keys"`
	}
	if err := json.Unmarshal(s.JWKS(), &published); err != nil {
		t.Fatal(err)
	}
	ec, rs := published.Keys[0], published.Keys[1]
	for _, tc := range []struct{ name, kid, input string }{
		{"EC", ec.Kid, `{"crv":"P-256","kty":"EC","x":"` + ec.X + `","y":"` + ec.Y + `"}`},
		{"RSA", rs.Kid, `{"e":"` + rs.E + `","kty":"RSA","n":"` + rs.N + `"}`},
	} {
		h := crypto.SHA256.New()
		h.Write([]byte(tc.input))
		if want := base64.RawURLEncoding.EncodeToString(h.Sum(nil)); tc.kid != want {
			t.Errorf("%s: got kid %s, want %s", tc.name, tc.kid, want)
		}
	}
	if n := base64.RawURLEncoding.EncodeToString(m.rs.N.Bytes()); rs.N != n {
		t.Errorf("got modulus %s, want %s", rs.N, n)
	}
}

func TestJWKSIsTheCallersCopy(t *testing.T) {
	s := set(t)
	clear(s.JWKS())
	if !json.Valid(s.JWKS()) {
		t.Error("one caller changed what the next one gets")
	}
}

func TestOthersCanVerifyWithTheJWKS(t *testing.T) {
	s := set(t)
	var published jose.JSONWebKeySet
	if err := json.Unmarshal(s.JWKS(), &published); err != nil {
		t.Fatal(err)
	}
	for _, alg := range s.Algorithms() {
		signed, err := jose.ParseSignedCompact(sign(t, s, alg, "JWT"), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signed.Verify(published); err != nil {
			t.Errorf("%s: got %v, want it verified", alg, err)
		}
	}
}

func TestTheFirstKeyOfAnAlgorithmSignsAndAllAreRecognised(t *testing.T) {
	m := shared()
	before, after := set(t, m.ec, m.rs), set(t, m.ec2, m.rs2, m.ec, m.rs)
	for _, alg := range []string{ES256, RS256} {
		if _, err := after.Verify(sign(t, before, alg, "JWT")); err != nil {
			t.Errorf("%s by the old key: got %v, want it verified", alg, err)
		}
		if _, err := before.Verify(sign(t, after, alg, "JWT")); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s by the new key: got %v, want ErrNotOurs", alg, err)
		}
	}
}

func TestMarshalAndParseKeepTheSet(t *testing.T) {
	m := shared()
	s := set(t, m.ec, m.rs, m.ec2)
	text, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(append([]byte("the keys of the demo\n\n"), text...))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if !bytes.Equal(s.JWKS(), again.JWKS()) {
		t.Errorf("got %s, want %s", again.JWKS(), s.JWKS())
	}
	if _, err := s.Verify(sign(t, again, RS256, "JWT")); err != nil {
		t.Errorf("got %v, want it verified", err)
	}
}

func TestParseRefuses(t *testing.T) {
	m := shared()
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(private any) string {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return block("PRIVATE KEY", der)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	x25519, _ := ecdh.X25519().GenerateKey(rand.Reader)
	public, _ := x509.MarshalPKIXPublicKey(m.ec.Public())
	sec1, _ := x509.MarshalECPrivateKey(m.ec)
	ec, rs := pkcs8(m.ec), pkcs8(m.rs)

	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "no keys"},
		{"only blank lines", "\n \n", "no keys"},
		{"no PEM", "hello", "not PEM"},
		{"one algorithm only", ec, "RS256"},
		{"the other algorithm only", rs, "ES256"},
		{"a public key", ec + rs + block("PUBLIC KEY", public), `a "PUBLIC KEY"`},
		{"an older form", ec + rs + block("EC PRIVATE KEY", sec1), `a "EC PRIVATE KEY"`},
		{"an encrypted key", ec + rs + block("ENCRYPTED PRIVATE KEY", sec1), "ENCRYPTED"},
		{"nonsense inside", ec + rs + block("PRIVATE KEY", []byte("nonsense")), "key 3"},
		{"another curve", ec + rs + pkcs8(p384), "P-384"},
		{"a key for something else", ec + rs + pkcs8(x25519), "cannot sign"},
		{"all but a needed algorithm", rs + pkcs8(m.ed), "ES256"},
		{"the same key twice", ec + rs + ec, "twice"},
		{"a file cut short", ec + rs[:len(rs)-40], "not PEM"},
		{"a damaged block before good ones", ec[:60] + ec[70:] + ec + rs, "damaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Parse([]byte(tc.text))
			if err == nil || s != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %v, want no set and an error with %q", s, err, tc.want)
			}
			if err != nil && len(tc.text) > 100 && strings.Contains(err.Error(), tc.text[40:80]) {
				t.Errorf("got %v, want no key material in it", err)
			}
		})
	}
}

func TestAWeakRSAKeyIsRefused(t *testing.T) {
	// Only the length matters here: a prime stands in for a 1024-bit modulus.
	weak := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: shared().rs.Primes[0], E: 65537}}
	if _, err := newSet(spanned{private: shared().ec}, spanned{private: weak}); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("got %v, want an error about 1024 bits", err)
	}
}

func TestASetNeverPrintsItsKeys(t *testing.T) {
	s := set(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got, want := fmt.Sprintf(format, s), "keys.Set(2 keys)"; got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestManyGoroutinesShareASigner(t *testing.T) {
	s := set(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			payload := fmt.Sprintf(`{"g":%d}`, g)
			token, err := s.Sign(ES256, []byte(payload), []string{"", "JWT"}[g%2])
			if err != nil {
				t.Errorf("Sign: %v", err)
				return
			}
			if got, err := s.Verify(token); err != nil || string(got) != payload {
				t.Errorf("got %s, %v, want %s", got, err, payload)
			}
			if _, err := s.Sign(ES256, []byte(payload), fmt.Sprint("typ", g%3)); err != nil {
				t.Errorf("Sign: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestManyTypesFillNothing(t *testing.T) {
	s := set(t)
	for i := range 10 * maxTypes {
		typ := fmt.Sprint("typ", i)
		if got := header(t, sign(t, s, ES256, typ))["typ"]; got != typ {
			t.Fatalf("got typ %v, want %s", got, typ)
		}
	}
	if n := len(s.signing(jose.ES256, time.Now()).signers); n > maxTypes {
		t.Errorf("got %d signers kept, want %d at most", n, maxTypes)
	}
}
