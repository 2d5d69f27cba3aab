package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyGoroutinesShareARing(t *testing.T) {
	r := ring(t, "seoul")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 4 {
				purpose := fmt.Sprintf("purpose %d", (g+i)%5)
				share := r.Derive(purpose, noon, []byte("journey"))
				token, err := r.Box(purpose).With(share).Seal([]byte(purpose), noon.Add(time.Minute))
				if err != nil {
					t.Errorf("Seal: %v", err)
					return
				}
				if got, err := r.Box(purpose).With(share).Open(token, noon); err != nil || string(got) != purpose {
					t.Errorf("got %q, %v, want %q", got, err, purpose)
				}
			}
		})
	}
	wg.Wait()
}

func TestAStrangersPurposesFillNothing(t *testing.T) {
	r := ring(t, "seoul")
	for i := range 10 * remembered {
		name := fmt.Sprint(i)
		token := sealed(t, r.Box(name), name)
		if got, err := r.Box(name).Open(token, noon); err != nil || string(got) != name {
			t.Fatalf("got %q, %v, want %q", got, err, name)
		}
		if !bytes.Equal(r.Derive(name, noon), r.Derive(name, noon)) {
			t.Fatalf("label %s: got two values, want one", name)
		}
	}
	if len(r.boxes) > remembered || len(r.labels) > remembered {
		t.Errorf("got %d boxes and %d labels kept, want %d at most", len(r.boxes), len(r.labels), remembered)
	}
}

func TestKeysRotateWithoutAnybodyNoticing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		old := Key{Version: 1, Secret: secretOf(1)}
		next := Key{Version: 2, Secret: secretOf(2), SealFrom: start.Add(time.Hour)}
		before, both, after := ring(t, "seoul", old), ring(t, "seoul", next, old), ring(t, "seoul", old)

		version := func(token string) byte {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				t.Fatal(err)
			}
			return raw[1]
		}
		live := func(r *Ring) string {
			token, err := r.Box("session").Seal([]byte("x"), start.Add(9*time.Hour))
			if err != nil {
				t.Fatalf("Seal: %v", err)
			}
			return token
		}
		opens := func(r *Ring, token string) {
			t.Helper()
			if _, err := r.Box("session").Open(token, time.Now()); err != nil {
				t.Errorf("key %d: got %v, want it open", version(token), err)
			}
		}

		first := live(both)
		if got := version(first); got != 1 {
			t.Errorf("before its time: sealed with %d, want 1", got)
		}
		opens(before, first)
		opens(both, live(before))

		time.Sleep(time.Hour) // in the bubble
		second := live(both)
		if got := version(second); got != 2 {
			t.Errorf("from its time on: sealed with %d, want 2", got)
		}
		opens(both, first)
		opens(both, second)
		_, err := after.Box("session").Open(second, time.Now())
		if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "key version 2") {
			t.Errorf("without the key: got %v, want ErrTampered naming key version 2", err)
		}
		if !errors.Is(err, ErrUnknownKey) {
			t.Errorf("without the key: got %v, want ErrUnknownKey", err)
		}
		if !bytes.Equal(before.Derive("code", start, []byte("j")), both.Derive("code", start, []byte("j"))) {
			t.Error("what began before the newer key is derived otherwise now, want it the same")
		}
		if bytes.Equal(before.Derive("code", time.Now(), []byte("j")), both.Derive("code", time.Now(), []byte("j"))) {
			t.Error("what begins now is derived from the old key, want the newer")
		}
	})
}

// TestAKeyOpensUntilItsEnd: the end is an instant, the same for every node, and
// needs nobody to do anything.
func TestAKeyOpensUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := ring(t, "seoul",
			Key{Version: 1, Secret: secretOf(1), Until: start.Add(3 * time.Hour)},
			Key{Version: 2, Secret: secretOf(2), SealFrom: start.Add(time.Hour)})
		token, err := r.Box("x").Seal([]byte("y"), start.Add(9*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		derived := r.Derive("code", start, []byte("j"))
		time.Sleep(3*time.Hour - time.Nanosecond) // in the bubble
		if _, err := r.Box("x").Open(token, time.Now()); err != nil {
			t.Errorf("before its end: got %v, want it open", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := r.Box("x").Open(token, time.Now()); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "key version 1 has ended") {
			t.Errorf("from its end on: got %v, want ErrTampered naming key version 1", err)
		}
		if !bytes.Equal(derived, r.Derive("code", start, []byte("j"))) {
			t.Error("the end of a key changed what was derived from it")
		}
	})
}

func TestAnEndNeedsAKeyThatFollows(t *testing.T) {
	for _, tc := range []struct {
		name string
		keys []Key
		want string
	}{
		{"of the only key", []Key{{Version: 1, Secret: secretOf(1), Until: noon}}, "key 1, the newest, ends at"},
		{"before the next begins", []Key{
			{Version: 1, Secret: secretOf(1), Until: noon},
			{Version: 2, Secret: secretOf(2), SealFrom: noon},
		}, "key 1 ends before key 2 begins to seal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewRing("seoul", tc.keys...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestNewestKeyIsTheLatestThenTheHigherVersion(t *testing.T) {
	for _, tc := range []struct {
		name string
		keys []Key
		want byte
	}{
		{"all since ever", []Key{{Version: 1, Secret: secretOf(1)}, {Version: 7, Secret: secretOf(7)}, {Version: 3, Secret: secretOf(3)}}, 7},
		{"a version that wrapped around", []Key{{Version: 255, Secret: secretOf(1), SealFrom: noon.AddDate(-9, 0, 0)}, {Version: 0, Secret: secretOf(7), SealFrom: noon.AddDate(-8, 0, 0)}}, 0},
		{"one not yet allowed", []Key{{Version: 1, Secret: secretOf(1)}, {Version: 2, Secret: secretOf(2), SealFrom: time.Now().Add(time.Hour)}}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw, _ := base64.RawURLEncoding.DecodeString(sealed(t, ring(t, "seoul", tc.keys...).Box("x"), "x"))
			if raw[1] != tc.want {
				t.Errorf("got key %d, want %d", raw[1], tc.want)
			}
		})
	}
}

func TestNewRingReportsEveryMistakeAtOnce(t *testing.T) {
	_, err := NewRing("Seoul!",
		Key{Version: 1, Secret: []byte("short")},
		Key{Version: 2, Secret: make([]byte, KeySize)},
		Key{Version: 3, Secret: secretOf(3)},
		Key{Version: 3, Secret: secretOf(4)},
		Key{Version: 5, Secret: secretOf(4)},
	)
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{`cell "Seoul!"`, "key 1 has 5 bytes", "key 2 is all zeros", "version 3 is used twice", "keys 3 and 5 have the same secret"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
	if _, err := NewRing("seoul"); err == nil {
		t.Error("no keys: got no error")
	}
	if _, err := NewRing(strings.Repeat("a", maxCell+1), Key{Version: 1, Secret: secretOf(1)}); err == nil {
		t.Error("a long cell: got no error")
	}
	if _, err := NewRing("seoul", Key{Version: 1, Secret: secretOf(1), SealFrom: time.Now().Add(time.Hour)}); err == nil {
		t.Error("no key may seal: got no error")
	}
}

func TestTheCallersKeyMayBeWipedAfterwards(t *testing.T) {
	secret := secretOf(1)
	r := ring(t, "seoul", Key{Version: 1, Secret: secret})
	clear(secret)
	if _, err := ring(t, "seoul").Box("x").Open(sealed(t, r.Box("x"), "y"), noon); err != nil {
		t.Errorf("got %v, want the ring to have its own copy", err)
	}
}

func TestGenerateMakesAnotherRingEachTime(t *testing.T) {
	a, err := Generate("demo")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Generate("demo")
	if err != nil {
		t.Fatal(err)
	}
	if a.Cell() != "demo" {
		t.Errorf("got cell %q, want demo", a.Cell())
	}
	if _, err := b.Box("x").Open(sealed(t, a.Box("x"), "y"), noon); !errors.Is(err, ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
}

func TestKeysNeverPrint(t *testing.T) {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret)
	k := Key{Version: 4, Secret: secret}
	r := ring(t, "seoul", k)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{k, []Key{k}, r} {
			got := fmt.Sprintf(format, v)
			for _, leak := range []string{string(secret), strings.Trim(fmt.Sprintf("%d", secret[:4]), "[]"), fmt.Sprintf("%x", secret[:4]), fmt.Sprintf("%#x", secret[0]) + ", "} {
				if strings.Contains(got, leak) {
					t.Errorf("%s of %T: got %q, want no key in it", format, v, got)
				}
			}
		}
	}
}

func TestDeriveDependsOnEverything(t *testing.T) {
	r := ring(t, "seoul")
	base := r.Derive("code", noon, []byte("ab"), []byte("c"))
	if len(base) != 32 {
		t.Fatalf("got %d bytes, want 32", len(base))
	}
	if again := ring(t, "seoul").Derive("code", noon, []byte("ab"), []byte("c")); !bytes.Equal(again, base) {
		t.Error("another node: got another value, want the same")
	}
	for name, other := range map[string][]byte{
		"another label":       r.Derive("share", noon, []byte("ab"), []byte("c")),
		"parts cut elsewhere": r.Derive("code", noon, []byte("a"), []byte("bc")),
		"parts run together":  r.Derive("code", noon, []byte("abc")),
		"one part more":       r.Derive("code", noon, []byte("ab"), []byte("c"), nil),
		"another cell":        ring(t, "busan").Derive("code", noon, []byte("ab"), []byte("c")),
		"another key":         ring(t, "seoul", Key{Version: 1, Secret: secretOf(2)}).Derive("code", noon, []byte("ab"), []byte("c")),
		"a box of that name": r.Box("code").subs[0].key.sum(func(mac hash.Hash) {
			mac.Write(appendPrefixed(appendPrefixed(nil, "ab"), "c"))
		}),
	} {
		if bytes.Equal(other, base) {
			t.Errorf("%s: got the same value", name)
		}
	}
}

// States of HMAC and room to work in are used again, never by two at once.
func TestManyAtOnceMeetOnlyTheirOwn(t *testing.T) {
	r := ring(t, "seoul")
	box := r.Box("access")
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			part, plain := []byte{byte(n)}, bytes.Repeat([]byte{byte(n)}, 100*n)
			want := ring(t, "seoul").Derive("code", noon, part)
			for range 50 {
				got := r.Derive("code", noon, part)
				if !bytes.Equal(got, want) {
					t.Errorf("%d: got another's value", n)
				}
				token, err := box.With(got).Seal(plain, time.Now().Add(time.Hour))
				if err != nil {
					t.Error(err)
				}
				if opened, err := box.With(got).Open(token, time.Now()); err != nil || !bytes.Equal(opened, plain) {
					t.Errorf("%d: got %d bytes, %v, want its own %d", n, len(opened), err, len(plain))
				}
			}
		})
	}
	all.Wait()
}
