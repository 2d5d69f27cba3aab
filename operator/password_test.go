package operator

import (
	"strings"
	"testing"
)

func TestAPasswordMatchesItsHashAlone(t *testing.T) {
	h, err := NewHash("올바른 말 배터리 스테이플")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseHash(h.String())
	if err != nil || !again.Matches("올바른 말 배터리 스테이플") || again.Matches("올바른 말 배터리 스테이풀") || again.Matches("") {
		t.Errorf("got %v for %s, want it to match its own password only", err, h)
	}
	other, _ := NewHash("올바른 말 배터리 스테이플")
	if other.String() == h.String() {
		t.Error("two hashes of one password are equal, want salts of their own")
	}
	if (Hash{}).Matches("") {
		t.Error("no hash matches an empty password")
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	for _, p := range []string{"", "열한글자짜리비밀번호", strings.Repeat("x", 1025), "\xff\xfe long enough though"} {
		if _, err := NewHash(p); err == nil {
			t.Errorf("%.20q: got a hash, want it refused", p)
		}
	}
}

func TestHashesThatAreRefused(t *testing.T) {
	h, err := NewHash("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	good := h.String()
	for _, bad := range []string{
		"", "hunter2", "$2a$10$abcdefghijklmnopqrstuv", strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=19456", "m=1024", 1),
		strings.Replace(good, "m=19456", "m=99999999", 1), strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1), good[:len(good)-30], good + "$", strings.Replace(good, "m=", "k=", 1),
	} {
		if _, err := ParseHash(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want it refused and not quoted", bad, err)
		}
	}
}
