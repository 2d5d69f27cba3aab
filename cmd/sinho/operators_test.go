package main

import (
	"bytes"
	"strings"
	"testing"

	"sinho/operator"
)

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
