package keys

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var four = []string{ES256, RS256, PS256, EdDSA}

func TestGenerateAllSignsWithEveryAlgorithm(t *testing.T) {
	s, err := GenerateAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(four, s.Algorithms()); diff != "" {
		t.Errorf("Algorithms (-want +got):\n%s", diff)
	}
	published := jwksOf(t, s)
	for _, alg := range four {
		token := sign(t, s, alg, "JWT")
		if payload, err := s.Verify(token); err != nil || string(payload) != `{"sub":"홍길동"}` {
			t.Errorf("%s: got %s, %v, want what was signed", alg, payload, err)
		}
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signed.Verify(published); err != nil {
			t.Errorf("%s: got %v, want others to verify it by the JWKS", alg, err)
		}
	}
}

func jwksOf(t *testing.T, s *Set) (doc jose.JSONWebKeySet) {
	t.Helper()
	if err := json.Unmarshal(s.JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryAlgorithmHasAKeyOfItsOwnInTheJWKS(t *testing.T) {
	var algs []string
	kids := map[string]bool{}
	for _, k := range jwksOf(t, full(t)).Keys {
		algs = append(algs, k.Algorithm)
		kids[k.KeyID] = true
		if !k.IsPublic() || k.Use != "sig" {
			t.Errorf("%s: got use %q, public %v, want a public one for signatures", k.Algorithm, k.Use, k.IsPublic())
		}
	}
	if diff := cmp.Diff(four, algs); diff != "" || len(kids) != 4 {
		t.Errorf("got %d kids, want 4; algorithms (-want +got):\n%s", len(kids), diff)
	}
}

// A file of the first version has two algorithms and no headers: the others are
// then not offered.
func TestAFolderOfTwoAlgorithmsStaysOne(t *testing.T) {
	s := set(t)
	if diff := cmp.Diff([]string{ES256, RS256}, s.Algorithms()); diff != "" {
		t.Errorf("Algorithms (-want +got):\n%s", diff)
	}
	for _, alg := range []string{PS256, EdDSA} {
		if _, err := s.Sign(alg, []byte("{}"), "JWT"); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("%s: got %v, want ErrAlgorithm", alg, err)
		}
	}
	later, err := s.Rotate(now(), now().Add(time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Algorithms(), later.Algorithms()); diff != "" {
		t.Errorf("a rotation changed the algorithms (-want +got):\n%s", diff)
	}
}

func TestAnAlgorithmIsAdded(t *testing.T) {
	before := set(t)
	for _, alg := range []string{PS256, EdDSA} {
		s, err := before.Add(alg, now())
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Algorithms(); len(got) != 3 || got[2] != alg {
			t.Errorf("got %v, want %s behind the needed ones", got, alg)
		}
		if _, err := before.Verify(sign(t, s, ES256, "JWT")); err != nil {
			t.Errorf("got %v, want the keys that were there untouched", err)
		}
		if _, err := s.Verify(sign(t, s, alg, "JWT")); err != nil {
			t.Errorf("%s: got %v, want it to sign at once", alg, err)
		}
		if _, err := s.Add(alg, now()); !errors.Is(err, ErrPresent) {
			t.Errorf("%s again: got %v, want ErrPresent", alg, err)
		}
	}
	for _, alg := range []string{"", "none", "HS256", "ES384"} {
		if _, err := before.Add(alg, now()); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("%q: got %v, want ErrAlgorithm", alg, err)
		}
	}
}

func TestAllFourAreWrittenRotatedAndRemoved(t *testing.T) {
	now := now()
	s, err := full(t).Rotate(now, now.Add(time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	written, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Keys(now), again.Keys(now)); diff != "" || len(again.Keys(now)) != 8 {
		t.Errorf("got %d keys, want 8; read again (-want +got):\n%s", len(again.Keys(now)), diff)
	}
	if n := strings.Count(string(written), "Algorithm: PS256\n"); n != 2 || strings.Count(string(written), "Algorithm:") != 2 {
		t.Errorf("got %d PS256 headers, want them on both PS256 keys and nowhere else", n)
	}
	for _, alg := range []string{PS256, EdDSA} {
		i := slices.IndexFunc(again.Keys(now), func(k Key) bool { return k.Algorithm == alg && k.State == Active })
		gone := again.Keys(now)[i].ID
		left, err := again.Remove(gone, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if k := left.signing(jose.SignatureAlgorithm(alg), now); k == nil || k.kid == gone || len(left.keys) != 7 {
			t.Errorf("%s: got %v of %d keys, want the one that waited of 7", alg, k, len(left.keys))
		}
	}
}

// A key of RS256 never becomes one of PS256 by what a token says, nor by what a
// file of the first version says.
func TestAttackAlgorithmConfusionOfRSA(t *testing.T) {
	s := full(t)
	m := shared()
	for _, tc := range []struct {
		name  string
		token string
	}{
		{"PS256 by the RS256 key", forge(t, map[string]any{"alg": "PS256", "kid": s.signing(jose.RS256, time.Now()).kid}, "{}", byRSA(t, m.rs, true))},
		{"RS256 by the PS256 key", forge(t, map[string]any{"alg": "RS256", "kid": s.signing(jose.PS256, time.Now()).kid}, "{}", byRSA(t, m.ps, false))},
		{"EdDSA named, ES256 signed", forge(t, map[string]any{"alg": "EdDSA", "kid": s.signing(jose.ES256, time.Now()).kid}, "{}", byEC(t, m.ec))},
	} {
		if _, err := s.Verify(tc.token); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", tc.name, err)
		}
	}
	if _, err := s.Verify(forge(t, map[string]any{"alg": "PS256", "kid": s.signing(jose.PS256, time.Now()).kid}, "{}", byRSA(t, m.ps, true))); err != nil {
		t.Errorf("our own: got %v, want it verified", err)
	}
	if _, err := newSet(spanned{private: m.ec}, spanned{private: m.rs}, spanned{alg: jose.PS256, private: m.rs}); err == nil {
		t.Error("got one RSA key for two algorithms, want it refused")
	}
}

func TestVerifyRefusesALogoutTokenOfEveryAlgorithm(t *testing.T) {
	s := full(t)
	for _, alg := range s.Algorithms() {
		if _, err := s.Verify(sign(t, s, alg, "logout+jwt")); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", alg, err)
		}
	}
}

func TestHalfHash(t *testing.T) {
	// The access token and at_hash of OpenID Connect Core, appendix A.3, which is
	// signed with RS256. That of EdDSA is by sha512sum(1).
	const access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
	for alg, want := range map[string]string{
		ES256: "77QmUPtjPfzWtF2AnpK9RQ", RS256: "77QmUPtjPfzWtF2AnpK9RQ", PS256: "77QmUPtjPfzWtF2AnpK9RQ",
		EdDSA: "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM",
	} {
		if got, err := HalfHash(alg, access); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", alg, got, err, want)
		}
	}
	for _, alg := range []string{"", "none", "HS256", "ES384"} {
		if got, err := HalfHash(alg, access); !errors.Is(err, ErrAlgorithm) || got != "" {
			t.Errorf("%q: got %q, %v, want ErrAlgorithm", alg, got, err)
		}
	}
}

// The PEM of an Ed25519 key is what other programs write: RFC 8410 §10.3.
func TestAnEd25519KeyOfOthersIsRead(t *testing.T) {
	written, err := set(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(append(written, `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`...))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Algorithms(); !slices.Contains(got, EdDSA) {
		t.Errorf("got %v, want EdDSA among them", got)
	}
	if block, _ := pem.Decode(written); len(block.Headers) != 0 {
		t.Errorf("got headers %v, want none on a key without a time line", block.Headers)
	}
}
