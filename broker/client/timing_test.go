package client

import (
	"crypto/sha256"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strings"
	"testing"
)

// Attack: timing of secret comparison; enumeration of clients. A clock cannot
// tell in a test, so it is the way that is looked at: whoever asks, the same
// hash and the same two comparisons in constant time are made, and nothing in
// between ends early.
func TestAttackTimingOfSecretComparison(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "client.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var check *ast.FuncDecl
	for _, d := range file.Decls {
		if f, is := d.(*ast.FuncDecl); is && f.Name.Name == "CheckSecret" {
			check = f
		}
	}
	if check == nil {
		t.Fatal("CheckSecret is elsewhere: the test sees nothing")
	}
	compares, hashes := 0, 0
	ast.Inspect(check, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			switch n.Sel.Name {
			case "ConstantTimeCompare":
				compares++
			case "Sum256":
				hashes++
			}
		case *ast.IfStmt, *ast.SwitchStmt, *ast.ForStmt, *ast.RangeStmt:
			t.Errorf("got a %T, by which some secrets take another way", n)
		case *ast.BinaryExpr:
			if n.Op == gotoken.LAND || n.Op == gotoken.LOR {
				t.Error("got an && or ||, which ends early")
			}
			if one, is := n.Y.(*ast.BasicLit); (n.Op == gotoken.EQL || n.Op == gotoken.NEQ) && (!is || one.Value != "1") {
				t.Error("got a comparison of more than the two results")
			}
		}
		return true
	})
	if compares != 2 || hashes != 1 {
		t.Errorf("got %d comparisons in constant time and %d hashes, want 2 and 1", compares, hashes)
	}

	secret, hash := NewSecret()
	known := Client{ID: "shop", SecretHash: hash}
	for name, tc := range map[string]struct {
		client Client
		secret string
		want   bool
	}{
		"the secret": {known, secret, true}, "its beginning": {known, secret[:42], false}, "all but one": {known, secret[:42] + "-", strings.HasSuffix(secret, "-")},
		"none": {known, "", false}, "nobody, without a secret": {Client{}, "", false}, "nobody": {Client{}, secret, false},
		"the hash as the secret": {known, string(hash[:]), false}, "one whose hash is of nothing": {Client{SecretHash: sha256.Sum256(nil)}, secret, false},
	} {
		if got := tc.client.CheckSecret(tc.secret); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
