package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors says on which floor each package stands; docs/design.md has the plan
// of the house. A package imports only from floors below its own.
var floors = map[string]int{
	"signal": 0, "lobby": 0, "lobby/rota": 0, "store": 0, "providers": 0, "providers/guard": 0, "seal": 0, "citizen": 0, "clock": 0, "reach": 0, "evidence": 0, "shed": 0, "plot": 0, "broadcast": 0,
	"deploy/haproxy": 0,
	"store/embedded": 1, "store/shared": 1, "store/storetest": 1, "store/redistest": 1, "signal/live": 1, "signal/alert": 1, "providers/sim": 1, "simulate": 1,
	"broker": 1, "broker/client": 1, "broker/keys": 1, "broker/logout": 1, "operator": 1, "lobby/room": 1,
	"store/linear": 2, "config": 2, "demo": 2, "lobby/hall": 2,
	"web": 3, "console": 3,
	"cmd/sinho": 4, "cmd/rush": 4, "e2e": 4, "peers": 4,
}

// only names the packages that may import nothing of ours but what is listed.
var only = map[string][]string{
	"demo":     {"citizen"},
	"cmd/rush": {"citizen", "signal", "lobby", "simulate"},
	"simulate": {"signal", "providers/guard", "evidence", "plot"},                            // what is shipped, not a copy; evidence in tests
	"e2e":      {"citizen", "demo", "evidence", "deploy/haproxy", "store/redistest", "plot"}, // haproxy and redistest are what stands around a node
	"peers":    {"citizen", "providers/sim"},
}

// plain packages import the standard library and nothing else.
var plain = []string{"signal", "lobby", "lobby/rota", "shed", "store"}

// never lists imports that would join what must stay apart.
var never = map[string][]string{
	"broker": {"signal", "signal/live", "lobby", "lobby/room", "lobby/rota", "lobby/hall", "web"},
}

// TestPackagesImportOnlyFromFloorsBelow parses every import itself: a test that
// asked `go list` would stay cached green.
func TestPackagesImportOnlyFromFloorsBelow(t *testing.T) {
	root := "../.."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		seen++
		return checkImports(t, path, pkg)
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("read %d Go files, want the whole tree", seen)
	}
}

func checkImports(t *testing.T, path, pkg string) error {
	t.Helper()
	floor, known := floors[pkg]
	if !known {
		t.Errorf("%s: package %q has no floor; give it one in floors_test.go and docs/design.md", path, pkg)
		return nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		ours, isOurs := strings.CutPrefix(imported, "sinho/")
		if !isOurs {
			if slices.Contains(plain, pkg) && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports %s: %s is standard library only", path, imported, pkg)
			}
			continue
		}
		if ours == pkg { // an external test package
			continue
		}
		if slices.Contains(never[pkg], ours) {
			t.Errorf("%s imports %s: %s must not know it", path, ours, pkg)
		}
		if list, limited := only[pkg]; limited && !slices.Contains(list, ours) {
			t.Errorf("%s imports %s: %s may import only %v of ours", path, ours, pkg, list)
		}
		below, known := floors[ours]
		switch {
		case !known:
			t.Errorf("%s imports %s, which has no floor", path, ours)
		case below < floor:
		case below == floor && strings.HasPrefix(ours, pkg+"/"): // one's own rooms
		case below == floor && strings.HasPrefix(ours, "store/") && strings.HasPrefix(pkg, "store/") && ours == "store/storetest":
		case strings.HasSuffix(path, "_test.go") && below <= floor: // tests may meet neighbours
		default:
			t.Errorf("%s (floor %d) imports %s (floor %d)", path, floor, ours, below)
		}
	}
	return nil
}
