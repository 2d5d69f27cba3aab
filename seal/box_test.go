package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func ring(t testing.TB, cell string, keys ...Key) *Ring {
	t.Helper()
	if len(keys) == 0 {
		keys = []Key{{Version: 1, Secret: secretOf(1)}}
	}
	r, err := NewRing(cell, keys...)
	if err != nil {
		t.Fatalf("NewRing: %v", err)
	}
	return r
}

func sealed(t testing.TB, b *Box, plain string, bind ...string) string {
	t.Helper()
	token, err := b.Seal([]byte(plain), noon.Add(time.Minute), bind...)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return token
}

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	share := secretOf(9)
	for _, tc := range []struct {
		name  string
		box   func(r *Ring) *Box
		plain []byte
		bind  []string
	}{
		{"nothing", func(r *Ring) *Box { return r.Box("request") }, nil, nil},
		{"a sentence", func(r *Ring) *Box { return r.Box("request") }, []byte("안녕하세요"), nil},
		{"with bindings", func(r *Ring) *Box { return r.Box("code") }, []byte("x"), []string{"https://op", "shop"}},
		{"with an empty binding", func(r *Ring) *Box { return r.Box("code") }, []byte("x"), []string{""}},
		{"with a secret", func(r *Ring) *Box { return r.Box("access").With(share) }, []byte("x"), []string{"shop"}},
		{"with two secrets", func(r *Ring) *Box { return r.Box("access").With(share).With(secretOf(8)) }, []byte("x"), nil},
		{"as much as is allowed", func(r *Ring) *Box { return r.Box("request") }, bytes.Repeat([]byte{7}, MaxPlain), nil},
		{"without a purpose", func(r *Ring) *Box { return r.Box("") }, []byte("x"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Two rings of the same keys: another node opens it too.
			token, err := tc.box(ring(t, "seoul")).Seal(tc.plain, noon.Add(time.Minute), tc.bind...)
			if err != nil {
				t.Fatalf("Seal: %v", err)
			}
			got, err := tc.box(ring(t, "seoul")).Open(token, noon, tc.bind...)
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			if !bytes.Equal(got, tc.plain) {
				t.Errorf("got %q, want %q", got, tc.plain)
			}
			if i := strings.IndexFunc(token, func(c rune) bool {
				return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
			}); i >= 0 {
				t.Errorf("got the character %q in a token, want base64url only", token[i])
			}
		})
	}
}

func TestOpenRefusesWhatWasSealedForSomethingElse(t *testing.T) {
	share, other := secretOf(9), secretOf(8)
	r := ring(t, "seoul")
	token := sealed(t, r.Box("access").With(share), "x", "https://op", "shop")
	for _, tc := range []struct {
		name string
		box  *Box
		bind []string
	}{
		{"another purpose", r.Box("session").With(share), []string{"https://op", "shop"}},
		{"another client", r.Box("access").With(share), []string{"https://op", "school"}},
		{"another issuer", r.Box("access").With(share), []string{"https://oq", "shop"}},
		{"bindings in another order", r.Box("access").With(share), []string{"shop", "https://op"}},
		{"bindings cut elsewhere", r.Box("access").With(share), []string{"https://ops", "hop"}},
		{"bindings run together", r.Box("access").With(share), []string{"https://opshop"}},
		{"one binding less", r.Box("access").With(share), []string{"https://op"}},
		{"one binding more", r.Box("access").With(share), []string{"https://op", "shop", ""}},
		{"no secret", r.Box("access"), []string{"https://op", "shop"}},
		{"another secret", r.Box("access").With(other), []string{"https://op", "shop"}},
		{"a second secret", r.Box("access").With(share).With(other), []string{"https://op", "shop"}},
		{"another cell", ring(t, "busan").Box("access").With(share), []string{"https://op", "shop"}},
		{"another cell of the same length", ring(t, "seoup").Box("access").With(share), []string{"https://op", "shop"}},
		{"another key of the same version", ring(t, "seoul", Key{Version: 1, Secret: secretOf(2)}).Box("access").With(share), []string{"https://op", "shop"}},
		{"the same key under another version", ring(t, "seoul", Key{Version: 2, Secret: secretOf(1)}).Box("access").With(share), []string{"https://op", "shop"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.box.Open(token, noon, tc.bind...)
			if !errors.Is(err, ErrTampered) || got != nil {
				t.Errorf("got %q, %v, want nothing and ErrTampered", got, err)
			}
		})
	}
}

func TestSecretsAreNeededInTheirOrder(t *testing.T) {
	a, b := secretOf(8), secretOf(9)
	box := ring(t, "seoul").Box("access")
	token := sealed(t, box.With(a).With(b), "x")
	if _, err := box.With(b).With(a).Open(token, noon); !errors.Is(err, ErrTampered) {
		t.Errorf("in another order: got %v, want ErrTampered", err)
	}
	if _, err := box.With(append(bytes.Clone(a), b...)).Open(token, noon); !errors.Is(err, ErrTampered) {
		t.Errorf("run together: got %v, want ErrTampered", err)
	}
	// Two boxes grown from one must not share memory.
	base := box.With(a)
	one, two := base.With(secretOf(5)), base.With(secretOf(6))
	if _, err := one.Open(sealed(t, one, "x"), noon); err != nil {
		t.Errorf("first branch: got %v, want it open", err)
	}
	if _, err := one.Open(sealed(t, two, "x"), noon); !errors.Is(err, ErrTampered) {
		t.Errorf("the other branch: got %v, want ErrTampered", err)
	}
}

func TestAShortSecretIsAnError(t *testing.T) {
	for _, secret := range [][]byte{nil, {}, make([]byte, MinSecret-1)} {
		box := ring(t, "seoul").Box("access").With(secret)
		if _, err := box.Seal([]byte("x"), noon); err == nil {
			t.Errorf("Seal with %d bytes: got no error", len(secret))
		}
		if _, err := box.With(secretOf(1)).Open("whatever", noon); err == nil {
			t.Errorf("Open with %d bytes: got no error", len(secret))
		}
	}
}

func TestEveryChangedBitIsTampering(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	raw, err := base64.RawURLEncoding.DecodeString(sealed(t, box, "hello", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			got, err := box.Open(base64.RawURLEncoding.EncodeToString(raw), noon, "shop")
			if !errors.Is(err, ErrTampered) || got != nil {
				t.Fatalf("byte %d bit %d: got %q, %v, want nothing and ErrTampered", i, bit, got, err)
			}
			raw[i] ^= 1 << bit
		}
	}
	for n := range raw {
		if _, err := box.Open(base64.RawURLEncoding.EncodeToString(raw[:n]), noon, "shop"); !errors.Is(err, ErrTampered) {
			t.Fatalf("first %d bytes: got %v, want ErrTampered", n, err)
		}
	}
}

// Attack: token malleability (CVE-2026-27840).
func TestAttackTokenMalleability(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for length := range 3 { // every remainder modulo three
		token := sealed(t, box, strings.Repeat("x", length))
		if _, err := box.Open(token, noon); err != nil {
			t.Fatalf("unchanged: got %v, want it open", err)
		}
		for i := range token {
			for _, c := range alphabet + "+/=. \r\n\x00%" {
				changed := token[:i] + string(c) + token[i+1:]
				if changed == token {
					continue
				}
				if _, err := box.Open(changed, noon); !errors.Is(err, ErrTampered) {
					t.Fatalf("character %d of %d as %q: got %v, want ErrTampered", i, len(token), c, err)
				}
			}
			for _, c := range "\r\n= \t." {
				added := token[:i] + string(c) + token[i:]
				if _, err := box.Open(added, noon); !errors.Is(err, ErrTampered) {
					t.Fatalf("%q before character %d: got %v, want ErrTampered", c, i, err)
				}
			}
		}
		for _, tail := range []string{"=", "==", "\n", "\r\n", "A", "AAAA", "%3D"} {
			if _, err := box.Open(token+tail, noon); !errors.Is(err, ErrTampered) {
				t.Errorf("with %q behind: got %v, want ErrTampered", tail, err)
			}
		}
	}
}

func TestOpenLooksAtNothingOversized(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	huge := strings.Repeat("A", 8<<20)
	if _, err := box.Open(huge, noon); !errors.Is(err, ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		_, _ = box.Open(huge, noon)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 100; n > 4<<10 {
		t.Errorf("got %d bytes allocated for 8 MB, want no more than an error takes", n)
	}
}

func TestSealRefuses(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	if _, err := box.Seal(make([]byte, MaxPlain+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: got %v, want ErrTooLarge", err)
	}
	for _, never := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0)} {
		if _, err := box.Seal(nil, never); err == nil {
			t.Errorf("expiry %v: got no error", never)
		}
	}
}

func TestExpiryIsInsideAndExact(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	expires := noon.Add(1500 * time.Millisecond)
	token, err := box.Seal([]byte("whose request"), expires)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		now  time.Time
		want error
	}{
		{"long before", noon.Add(-time.Hour), nil},
		{"a millisecond before", expires.Add(-time.Millisecond), nil},
		{"at its expiry", expires, ErrExpired},
		{"after", expires.Add(time.Hour), ErrExpired},
		{"in another zone", expires.Add(-time.Millisecond).In(time.FixedZone("KST", 9*3600)), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := box.Open(token, tc.now)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if string(got) != "whose request" {
				t.Errorf("got %q, want the authentic content even when expired", got)
			}
		})
	}
}

func TestNoTwoSealedValuesAreAlike(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	seen := map[string]bool{}
	for range 1000 {
		token := sealed(t, box, "same")
		if seen[token] {
			t.Fatal("got the same token twice")
		}
		seen[token] = true
	}
}

func TestOpenedBytesAreTheCallers(t *testing.T) {
	box := ring(t, "seoul").Box("request")
	token := sealed(t, box, "hello")
	first, _ := box.Open(token, noon)
	_ = append(first, "overwrites nothing"...)
	first[0] = 'X'
	if again, err := box.Open(token, noon); err != nil || string(again) != "hello" {
		t.Errorf("got %q, %v, want hello", again, err)
	}
}
