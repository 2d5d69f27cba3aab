package providers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goldens are the pairs of files under testdata, as vendor/name.
func goldens(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	all := map[string]bool{}
	for _, file := range files {
		name := filepath.ToSlash(strings.TrimPrefix(file, "testdata"+string(filepath.Separator)))
		if plain, is := strings.CutSuffix(name, ".golden.json"); is {
			if _, err := os.Stat("testdata/" + plain + ".json"); err != nil {
				t.Errorf("%s is of no scene", file)
			}
			continue
		}
		all[strings.TrimSuffix(name, ".json")] = true
	}
	return all
}

// isTest finds a test by folder and name joined by a dot, as broker.TestX.
func isTest(t *testing.T, full string) bool {
	t.Helper()
	folder, name, _ := strings.Cut(full, ".")
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// The list of quirks is true: every row names what shows it, everything named is
// there, and no golden stands for nothing.
func TestTheListOfQuirksIsTrue(t *testing.T) {
	raw, err := os.ReadFile("testdata/quirks.md")
	if err != nil {
		t.Fatal(err)
	}
	pairs, shown, known := goldens(t), map[string]bool{}, map[string]bool{}
	quoted := regexp.MustCompile("`([^`]+)`")
	isATest := regexp.MustCompile(`^[a-z/]+\.(Test|Fuzz)[A-Z]\w+$`)
	rows := 0
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| Quirk ") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3 || strings.TrimSpace(cells[1]) == "" {
			t.Errorf("got %d cells, want quirk, what becomes of it and what shows it: %s", len(cells), line)
			continue
		}
		by := quoted.FindAllStringSubmatch(cells[2], -1)
		if len(by) == 0 {
			t.Errorf("nothing shows it: %s", line)
		}
		for _, m := range by {
			switch name := m[1]; {
			case pairs[name]:
				shown[name] = true
			case !isATest.MatchString(name):
				t.Errorf("%s is neither a golden nor a test", name)
			case !known[name] && !isTest(t, name):
				t.Errorf("%s is no test of the tree", name)
			default:
				known[name] = true
			}
		}
	}
	for name := range pairs {
		if !shown[name] {
			t.Errorf("no row names the golden %s", name)
		}
	}
	if rows < 70 {
		t.Errorf("got %d rows, want every quirk that was collected", rows)
	}
}
