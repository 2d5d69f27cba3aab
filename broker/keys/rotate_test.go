package keys

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the diff")

// kids of a JWKS, in order.
func kids(t *testing.T, jwks []byte) []string {
	t.Helper()
	var doc jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &doc); err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, k := range doc.Keys {
		if !k.IsPublic() {
			t.Errorf("%s is not public", k.KeyID)
		}
		all = append(all, k.KeyID)
	}
	return all
}

// TestARotationIsNoticedByNobody walks through a rotation on two nodes that took
// the new file at different times: what either signs, both verify and both
// publish, at every moment.
func TestARotationIsNoticedByNobody(t *testing.T) {
	shared() // before the bubble's clock
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		before := set(t, shared().ec, shared().rs)
		after, err := before.Rotate(start, start.Add(time.Hour), 10*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		written, err := after.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		slow, quick := before, after
		var tokens []string
		signedBy := map[string]bool{}
		look := func() {
			t.Helper()
			for _, node := range []*Set{slow, quick} {
				for _, alg := range node.Algorithms() {
					token := sign(t, node, alg, "JWT")
					tokens = append(tokens, token)
					signedBy[header(t, token)["kid"].(string)] = true
				}
			}
			for _, token := range tokens {
				kid := header(t, token)["kid"].(string)
				for _, node := range []*Set{slow, quick} {
					if _, err := node.Verify(token); err != nil {
						t.Errorf("after %v: got %v for %s, want it verified", time.Since(start), err, kid)
					}
					if !strings.Contains(strings.Join(kids(t, node.JWKS()), " "), kid) {
						t.Errorf("after %v: %s is not published", time.Since(start), kid)
					}
				}
			}
		}
		look() // the file is written, and only one node has seen it
		time.Sleep(time.Minute)
		if slow, err = Parse(written); err != nil {
			t.Fatal(err)
		}
		look()
		if len(signedBy) != 2 {
			t.Errorf("got %d keys that signed, want the 2 old ones until the new ones begin", len(signedBy))
		}
		time.Sleep(59*time.Minute - time.Nanosecond)
		look()
		time.Sleep(time.Nanosecond)
		look()
		if len(signedBy) != 4 {
			t.Errorf("got %d keys that signed, want the 2 new ones too", len(signedBy))
		}
		time.Sleep(10*time.Hour - time.Nanosecond)
		look()
		time.Sleep(time.Nanosecond)
		if _, err := quick.Verify(tokens[0]); !errors.Is(err, ErrNotOurs) {
			t.Errorf("got %v for a key at its end, want ErrNotOurs", err)
		}
		if got := kids(t, quick.JWKS()); len(got) != 2 {
			t.Errorf("got %d keys published at the end of the old ones, want 2", len(got))
		}
		if pruned, err := quick.Rotate(time.Now(), time.Now().Add(time.Hour), time.Hour); err != nil || len(pruned.Keys(time.Now())) != 4 {
			t.Errorf("got %v, %v, want the next rotation to drop the ended ones", pruned, err)
		}
	})
}

// TestWhatSignsIsPublishedFirst: some clients without a notion of kid take the
// first key they can use.
func TestWhatSignsIsPublishedFirst(t *testing.T) {
	shared()
	synctest.Test(t, func(t *testing.T) {
		s, err := set(t, shared().ec, shared().rs).Rotate(time.Now(), time.Now().Add(time.Hour), 10*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			want := []string{header(t, sign(t, s, ES256, ""))["kid"].(string), header(t, sign(t, s, RS256, ""))["kid"].(string)}
			if diff := cmp.Diff(want, kids(t, s.JWKS())[:2]); diff != "" {
				t.Errorf("after %v (-want +got):\n%s", time.Since(s.keys[1].Made), diff)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestRemovingTheKeyThatSigns(t *testing.T) {
	now := now()
	s := set(t, shared().ec, shared().rs)
	kid := s.Keys(now)[0].ID
	alone, err := s.Remove(kid, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := alone.signing(jose.ES256, now); got.kid == kid || !got.From.Equal(now) || alone.byKid[kid] != nil {
		t.Errorf("got %s from %v, want a fresh key at once and the old one gone", got.kid, got.From)
	}
	rotated, err := s.Rotate(now, now.Add(time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	waited, err := rotated.Remove(kid, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(waited.byAlg[jose.ES256]); n != 1 || !waited.signing(jose.ES256, now).From.Equal(now) {
		t.Errorf("got %d keys, want the one that waited, from now on", n)
	}
	if n := len(waited.byAlg[jose.RS256]); n != 2 {
		t.Errorf("got %d RS256 keys, want both untouched", n)
	}
	if _, err := s.Remove("another", now, time.Hour); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

// TestTheFileFormatIsTheGoldenOne keeps what nodes of other versions read and
// write; the keys themselves are left out of the golden file.
func TestTheFileFormatIsTheGoldenOne(t *testing.T) {
	s := set(t, shared().ec, shared().rs)
	out := []spanned{
		{"", s.keys[0].private, Span{Made: hour(-24), Until: hour(16)}},
		{"", s.keys[1].private, Span{}},
		{"", shared().ec2, Span{Made: hour(-8), From: hour(-7)}},
	}
	s, err := newSet(out...)
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
	if diff := cmp.Diff(s.Keys(day), again.Keys(day)); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	got := regexp.MustCompile(`(?m)^(?:[A-Za-z0-9+/]{64}\n|[A-Za-z0-9+/]+={0,2}\n)+-----END`).ReplaceAllString(string(written), "(key)\n-----END")
	golden := filepath.Join("testdata", "signing-keys.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestOddHeadersAreRefused(t *testing.T) {
	written, err := set(t, shared().ec, shared().rs).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	first, rest := pem.Decode(written)
	for name, tc := range map[string]struct {
		headers map[string]string
		want    string
	}{
		"an unknown one":              {map[string]string{"Form": "2026-11-23T00:00:00Z"}, `a header "Form"`},
		"a local time":                {map[string]string{"Until": "2026-11-23T09:00:00+09:00"}, "Until is not a time"},
		"an end without the next":     {map[string]string{"Until": "2036-11-23T09:00:00Z"}, "with none to follow"},
		"an algorithm of another key": {map[string]string{"Algorithm": "PS256"}, "is not for PS256"},
		"an algorithm we never use":   {map[string]string{"Algorithm": "HS256"}, "Algorithm is none of"},
		"a beginning to come":         {map[string]string{"Signs-From": "2126-11-23T09:00:00Z"}, "no key is active yet"},
	} {
		t.Run(name, func(t *testing.T) {
			first.Headers = tc.headers
			if _, err := Parse(append(pem.EncodeToMemory(first), rest...)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
