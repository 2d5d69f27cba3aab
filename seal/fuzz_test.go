package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// Whatever a stranger sends is refused as tampered, unless it is exactly what
// was sealed.
func FuzzOpen(f *testing.F) {
	r := ring(f, "seoul")
	r.fill = func(b []byte) { clear(b) } // the fuzzer's processes must agree on the token
	box := r.Box("request")
	token := sealed(f, box, "hello", "shop")
	for _, seed := range []string{
		"", "A", token, token + "=", token + "\n", token[:len(token)-1], "AQEFc2VvdWw",
		strings.Repeat("A", 100), strings.Repeat("_", 4096), sealed(f, box, "hello", "school"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := box.Open(s, noon, "shop")
		switch {
		case s == token:
			if err != nil || string(got) != "hello" {
				t.Errorf("got %q, %v, want hello", got, err)
			}
		case !errors.Is(err, ErrTampered) || got != nil:
			t.Errorf("got %q, %v, want nothing and ErrTampered", got, err)
		}
	})
}

func FuzzSealThenOpen(f *testing.F) {
	f.Add([]byte("hello"), int64(1), "https://op", "shop", []byte("0123456789abcdef"))
	f.Add([]byte{}, int64(1<<40), "", "", []byte{})
	r := ring(f, "seoul")
	f.Fuzz(func(t *testing.T, plain []byte, milli int64, a, b string, secret []byte) {
		box := r.Box("request")
		if len(secret) >= MinSecret {
			box = box.With(secret)
		}
		expires := time.UnixMilli(milli)
		token, err := box.Seal(plain, expires, a, b)
		if err != nil {
			if milli > 0 && len(plain) <= MaxPlain {
				t.Fatalf("Seal: %v", err)
			}
			return
		}
		got, err := box.Open(token, expires.Add(-time.Millisecond), a, b)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("got %q, %v, want %q", got, err, plain)
		}
		if _, err := box.Open(token, expires, a, b); !errors.Is(err, ErrExpired) {
			t.Errorf("at its expiry: got %v, want ErrExpired", err)
		}
		if _, err := box.Open(token, expires.Add(-time.Millisecond), a+b); !errors.Is(err, ErrTampered) {
			t.Errorf("bindings run together: got %v, want ErrTampered", err)
		}
	})
}
