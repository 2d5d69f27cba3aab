package client

import (
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	secret, hash := NewSecret()
	other, _ := NewSecret()
	if len(secret) != 43 || secret == other {
		t.Errorf("got %q and %q, want two different ones of 43 characters", secret, other)
	}
	c := Client{SecretHash: hash}
	for _, tc := range []struct {
		name   string
		client Client
		secret string
		want   bool
	}{
		{"the right one", c, secret, true},
		{"another", c, other, false},
		{"none", c, "", false},
		{"cut", c, secret[:42], false},
		{"longer", c, secret + "=", false},
		{"its hash", c, string(hash[:]), false},
		{"none, of a public client", Client{Public: true}, "", false},
		{"any, of an unknown client", Client{}, secret, false},
		{"a zero hash, of an unknown client", Client{}, string(make([]byte, 32)), false},
		{"a megabyte", c, strings.Repeat("a", 1<<20), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.client.CheckSecret(tc.secret); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
