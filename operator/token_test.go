package operator

import (
	"errors"
	"strings"
	"testing"
)

func TestAReadTokenMatchesItsHashAlone(t *testing.T) {
	token, hash := NewToken()
	other, _ := NewToken()
	again, err := ParseTokenHash(hash.String())
	if err != nil || again != hash || !again.Matches(token) {
		t.Errorf("got %v and %v, want the hash of %s", again, err, token)
	}
	for _, wrong := range []string{"", other, token + " ", token[:len(token)-1], hash.String()} {
		if hash.Matches(wrong) {
			t.Errorf("%q matches", wrong)
		}
	}
	for _, wrong := range []string{"", token, "sha256:", strings.TrimPrefix(hash.String(), "sha256:"), hash.String() + "00", "sha256:" + strings.Repeat("z", 64)} {
		if _, err := ParseTokenHash(wrong); !errors.Is(err, ErrTokenHash) {
			t.Errorf("%q: got %v, want ErrTokenHash", wrong, err)
		}
	}
}
