package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsOfTheTree are all tests, as folder and name joined by a dot. It parses the
// sources itself: a test that asked `go list` would stay cached green.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	const root = "../.."
	all := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if is && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				all[filepath.ToSlash(folder)+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheTableOfAttacksIsTrue: every test it names is there, every test that is
// named after an attack is in it, and no line is without one but those that say
// that nothing is built yet.
func TestTheTableOfAttacksIsTrue(t *testing.T) {
	raw, err := os.ReadFile("../../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, named, lines := testsOfTheTree(t), map[string]bool{}, 0
	quoted := regexp.MustCompile("`([^`]*)`")
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| Attack ") {
			continue
		}
		lines++
		if len(cells) != 4 {
			t.Errorf("got %d cells, want attack, reference, what must happen and tests: %s", len(cells), line)
			continue
		}
		found := quoted.FindAllStringSubmatch(cells[3], -1)
		if len(found) == 0 && !strings.Contains(cells[3], "not built yet") {
			t.Errorf("no test: %s", line)
		}
		for _, one := range found {
			named[one[1]] = true
			if !tests[one[1]] {
				t.Errorf("%s is no test of the tree", one[1])
			}
		}
	}
	if lines < 32 {
		t.Errorf("got %d lines, want every attack that was collected", lines)
	}
	for name := range tests {
		if _, short, _ := strings.Cut(name, "."); strings.HasPrefix(short, "TestAttack") && !named[name] {
			t.Errorf("docs/attacks.md does not name %s", name)
		}
	}
}
