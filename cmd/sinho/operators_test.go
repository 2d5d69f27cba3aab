package main

import (
	"bytes"
	"strings"
	"testing"

	"sinho/operator"
)

func TestATokenIsPrintedWithItsHash(t *testing.T) {
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"operators", "token"}, &stdout, &stdout); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(stdout.String())
	if len(words) != 4 || words[0] != "token" || words[2] != "hash" {
		t.Fatalf("got %q, want the token and its hash", stdout.String())
	}
	if h, err := operator.ParseTokenHash(words[3]); err != nil || !h.Matches(words[1]) {
		t.Errorf("got %q (%v), want the hash of the token", words[3], err)
	}
}

func TestAHashFromAPipeMatchesItsPassword(t *testing.T) {
	var stdout bytes.Buffer
	password, err := readPassword(strings.NewReader("correct horse battery\r\nmore\n"), &stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := operatorsHash(password, &stdout); err != nil {
		t.Fatal(err)
	}
	h, err := operator.ParseHash(strings.TrimSpace(stdout.String()))
	if err != nil || !h.Matches("correct horse battery") {
		t.Errorf("got %q (%v), want the hash of the first line", stdout.String(), err)
	}
	if err := operatorsHash("short", &stdout); err == nil {
		t.Error("a short password was hashed")
	}
	if err := run(t.Context(), []string{"operators"}, &stdout, &stdout); err != nil || !strings.Contains(stdout.String(), "hash") {
		t.Errorf("got %v, %q, want help", err, stdout.String())
	}
}
