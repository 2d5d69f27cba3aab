package main

import (
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sinho/broker"
	"sinho/providers/sim"
)

// reference is a document of docs/reference.
func reference(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/reference", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cells of every table in a document, without headings.
func cells(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		row := strings.Split(strings.Trim(line, "|"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// quoted are the words between backticks.
func quoted(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// sources parses the files of a package that are no tests.
func sources(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("got no sources in %s (%v)", dir, err)
	}
	set := token.NewFileSet()
	var all []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return set, all
}

// literals are the texts written in a package's sources.
func literals(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	_, files := sources(t, dir)
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil {
					all[s] = true
				}
			}
			return true
		})
	}
	return all
}

func TestTheTableOfLifetimesSaysWhatTheCodeSays(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "../../broker/limits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := (&types.Config{Importer: importer.ForCompiler(set, "source", nil)}).Check("limits", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range cells(reference(t, "lifetimes.md")) {
		names := quoted(row[len(row)-1])
		if len(row) != 3 || row[2] == "name" {
			continue
		}
		c, ok := pkg.Scope().Lookup(names[0]).(*types.Const)
		if !ok {
			t.Errorf("there is no %s", names[0])
			continue
		}
		told[names[0]] = true
		n, _ := constant.Int64Val(constant.ToInt(c.Val()))
		want, err := strconv.ParseInt(row[1], 10, 64)
		if strings.HasSuffix(c.Type().String(), "Duration") {
			var d time.Duration
			d, err = time.ParseDuration(row[1])
			if want = int64(d); strings.HasSuffix(row[2], "rounded up to the hour") {
				n = int64((time.Duration(n) + time.Hour - 1).Truncate(time.Hour))
			}
		}
		if err != nil || n != want {
			t.Errorf("%s: the table says %s, the code %d (%s)", names[0], row[1], n, c.Type())
		}
	}
	for _, name := range pkg.Scope().Names() {
		if !told[name] && !strings.HasPrefix(name, "remember") {
			t.Errorf("the table lacks %s", name)
		}
	}
}

func TestDiscoveryIsAsPublished(t *testing.T) {
	c := certify(t)
	resp, err := c.http.Get(c.base + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d, %v", resp.StatusCode, err)
	}
	var running map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(body), c.base, "https://id.example.kr")), &running); err != nil {
		t.Fatal(err)
	}
	published := map[string]string{}
	for _, row := range cells(reference(t, "discovery.md")) {
		if name := quoted(row[0]); len(row) == 2 && len(name) == 1 {
			published[name[0]] = strings.Join(quoted(row[1]), " ")
		}
	}
	for name, value := range running {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		var words []string
		for _, v := range list {
			if b, ok := v.(bool); ok {
				v = strconv.FormatBool(b)
			}
			words = append(words, v.(string))
		}
		if want := strings.Join(words, " "); published[name] != want {
			t.Errorf("%s: the document says %q, the broker | `%s` | `%s` |", name, published[name], name, strings.Join(words, "` `"))
		}
		delete(published, name)
	}
	for name := range published {
		t.Errorf("the broker says nothing of %s", name)
	}
}

// Every route of the listener stands in the document, and no other does.
func TestEveryEndpointIsInTheReference(t *testing.T) {
	route := regexp.MustCompile(`^(GET|POST) (/\S*)$`)
	var real []string
	for _, dir := range []string{"../../broker", "../../web", "../../signal/live", "../../lobby/hall", "."} {
		for text := range literals(t, dir) {
			// Metrics, profiles and the stage have listeners of their own.
			if m := route.FindStringSubmatch(text); m != nil && m[2] != "/metrics" && !strings.HasPrefix(m[2], "/debug") {
				real = append(real, text)
			}
		}
	}
	var told []string
	for _, row := range cells(reference(t, "endpoints.md")) {
		for _, word := range quoted(row[0]) {
			if route.MatchString(word) {
				told = append(told, word)
			}
		}
	}
	slices.Sort(real)
	slices.Sort(told)
	if !slices.Equal(slices.Compact(real), told) {
		t.Errorf("got endpoints\n%s\nin the reference\n%s", strings.Join(slices.Compact(real), "\n"), strings.Join(told, "\n"))
	}
}

// Every parameter of /authorize that the broker knows is in the reference.
func TestEveryParameterIsInTheReference(t *testing.T) {
	_, files := sources(t, "../../broker")
	var known []string
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || spec.Names[0].Name != "known" {
				return true
			}
			if list, ok := spec.Values[0].(*ast.CompositeLit); ok {
				for _, e := range list.Elts {
					s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					known = append(known, s)
				}
			}
			return true
		})
	}
	if len(known) < 20 {
		t.Fatalf("got %d parameters known to the broker: %v", len(known), known)
	}
	_, section, _ := strings.Cut(reference(t, "endpoints.md"), "### /authorize and /par")
	section, _, _ = strings.Cut(section, "\n### ")
	var told []string
	for _, row := range cells(section) {
		told = append(told, quoted(row[0])...)
	}
	for _, name := range append(known, "resource") {
		if !slices.Contains(told, name) {
			t.Errorf("the reference lacks the parameter %s", name)
		}
	}
	for _, name := range told {
		if name != "resource" && !slices.Contains(known, name) {
			t.Errorf("the reference has the parameter %s, which the broker does not know", name)
		}
	}
}

// Every error code that the broker answers with, and every page of a problem.
func TestEveryErrorIsInTheReference(t *testing.T) {
	text := reference(t, "errors.md")
	_, machine, _ := strings.Cut(text, "## To the site")
	machine, people, _ := strings.Cut(machine, "## To people")
	told := func(section string) (all []string) {
		for _, row := range cells(section) {
			all = append(all, quoted(row[0])...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	var oauth []string
	for code := range refused(t) {
		oauth = append(oauth, code)
	}
	slices.Sort(oauth)
	if got := told(machine); !slices.Equal(got, oauth) {
		t.Errorf("the broker answers\n%v\nthe reference has\n%v", oauth, got)
	}
	var pages []string
	for word := range literals(t, "../../web") {
		if code, is := strings.CutPrefix(word, "problem."); is && code != "" && !strings.Contains(code, ".") {
			pages = append(pages, code)
		}
	}
	slices.Sort(pages)
	if got := told(people); !slices.Equal(got, pages) {
		t.Errorf("the pages are of\n%v\nthe reference has\n%v", pages, got)
	}
}

// refused are the error codes the broker answers with: what is passed to the
// functions that refuse, and what is set as code or registered as one.
func refused(t *testing.T) map[string]bool {
	t.Helper()
	codes := map[string]bool{}
	text := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`).MatchString(s) {
				codes[s] = true
			}
		}
	}
	_, files := sources(t, "../../broker")
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				name, ok := n.Fun.(*ast.Ident)
				if !ok {
					break
				}
				switch name.Name {
				case "refuse", "refuseToken":
					text(n.Args[0])
				case "bearerError":
					text(n.Args[1])
				}
			case *ast.CompositeLit:
				name, ok := n.Type.(*ast.Ident)
				for _, e := range n.Elts {
					if kv, is := e.(*ast.KeyValueExpr); is && ok && (name.Name == "siteError" || name.Name == "clientError") {
						if key, is := kv.Key.(*ast.Ident); is && key.Name == "code" {
							text(kv.Value)
						}
					}
				}
			case *ast.ValueSpec:
				if n.Names[0].Name != "refusedLogins" {
					break
				}
				for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
					text(e.(*ast.KeyValueExpr).Key)
				}
			}
			return true
		})
	}
	return codes
}

func TestEveryACRIsInTheReference(t *testing.T) {
	var told []string
	for _, row := range cells(reference(t, "assurance.md")) {
		told = append(told, quoted(row[0])...)
	}
	if want := []string{broker.ACRAsserted, broker.ACRVerified, broker.ACRVerifiedFresh}; !slices.Equal(told, want) {
		t.Errorf("got %v, want %v", told, want)
	}
}

func TestTheTableOfTestPeopleIsTrue(t *testing.T) {
	rows := cells(reference(t, "people.md"))[1:]
	people, plain := sim.Everybody(), len(sim.People())
	if len(rows) != len(people)+1 {
		t.Fatalf("got %d rows for %d people", len(rows), len(people))
	}
	rows = slices.Delete(rows, plain, plain+1) // the heading of those who are particular
	for i, p := range people {
		last := map[bool]string{true: "yes", false: "no"}[p.Every]
		if i >= plain {
			last = p.Particulars()
		}
		want := []string{strconv.Itoa(i), p.Name, p.Birthdate, p.Gender, p.Phone, p.Email, p.Carrier, last}
		if !slices.Equal(rows[i], want) {
			t.Errorf("got %v, want %v", rows[i], want)
		}
	}
}

func TestTheReferenceLeadsSomewhere(t *testing.T) {
	files, err := filepath.Glob("../../docs/reference/*.md")
	if err != nil || len(files) < 7 {
		t.Fatalf("got %v (%v)", files, err)
	}
	for _, f := range files {
		for _, m := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(reference(t, filepath.Base(f)), -1) {
			if _, err := os.Stat(filepath.Join("../../docs/reference", m[1])); err != nil {
				t.Errorf("%s: a link to %s leads nowhere", f, m[1])
			}
		}
	}
}
