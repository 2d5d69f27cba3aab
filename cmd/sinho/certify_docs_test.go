package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/certification.md knows every switch with its default, every file of
// settings with its plans, every client, and no other.
func TestTheDocumentOfACertificationRunIsTrue(t *testing.T) {
	body, err := os.ReadFile("../../docs/certification.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	named := func(pattern string) []string {
		var all []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	var switches, files, clients []string
	for _, m := range regexp.MustCompile(`(?m)^ +--([a-z-]+) .*?(?:\(default "(.*)"\))?$`).FindAllStringSubmatch(certifyCommand().Flags().FlagUsages(), -1) {
		switches = append(switches, m[1])
		if m[2] != "" && !strings.Contains(text, "| `"+m[2]+"` |") {
			t.Errorf("--%s: its default %s is not told", m[1], m[2])
		}
	}
	for _, p := range certifyPlans() {
		files = append(files, p.file)
	}
	for _, c := range certifyClients() {
		clients = append(clients, c.id)
	}
	slices.Sort(switches)
	slices.Sort(files)
	slices.Sort(clients)
	for what, lists := range map[string][2][]string{
		"switches":          {named("`--([a-z-]+)`"), switches},
		"files of settings": {named(`\x60([a-z0-9-]+\.json)\x60`), files},
		"clients":           {named("`(certify-[a-z-]+)`"), clients},
	} {
		if !slices.Equal(lists[0], lists[1]) {
			t.Errorf("%s: the document has %v, the command %v", what, lists[0], lists[1])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Errorf("a link to %s leads nowhere", m[1])
		}
	}
}

// testsOf are the tests of a package's folder by name, and the texts that
// stand in them: what parts of a test are called is among them.
func testsOf(t *testing.T, dir string) (tests, texts map[string]bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests, texts = map[string]bool{}, map[string]bool{}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test") {
					tests[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					texts[s] = true
				}
			}
			return true
		})
	}
	return tests, texts
}

// docs/certification-demands.md names at least one test for each demand, and each
// of them is in the sources.
func TestTheTableOfDemandsNamesTestsThatExist(t *testing.T) {
	body, err := os.ReadFile("../../docs/certification-demands.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^([a-z/]+)\.(Test\w+)(?:/(.+))?$`)
	tests, texts := map[string]map[string]bool{}, map[string]map[string]bool{}
	demands := 0
	for _, row := range cells(string(body)) {
		if row[0] == "demand" {
			continue
		}
		all := quoted(row[len(row)-1])
		if demands++; len(row) != 3 || len(all) == 0 {
			t.Errorf("%q: got %d cells and %d tests, want 3 and one at least", row[0], len(row), len(all))
		}
		for _, name := range all {
			m := named.FindStringSubmatch(name)
			if m == nil {
				t.Errorf("%q: %s is not a package and a test", row[0], name)
				continue
			}
			if tests[m[1]] == nil {
				tests[m[1]], texts[m[1]] = testsOf(t, m[1])
			}
			if !tests[m[1]][m[2]] || m[3] != "" && !texts[m[1]][m[3]] {
				t.Errorf("%q: there is no test %s", row[0], name)
			}
		}
	}
	if demands < 60 {
		t.Errorf("got %d demands", demands)
	}
}
