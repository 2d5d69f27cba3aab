package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile is the most bytes of sinho.yaml, and of every file it names.
const maxFile = 1 << 20

// document is a file being read: where everything stands in it, and what is
// wrong so far.
type document struct {
	file     string
	env      func(string) (string, bool)
	files    []string         // read, or tried
	where    map[string]place // by path
	failed   map[string]bool  // paths whose value could not be taken
	inline   []string         // paths of secrets that stand in the file itself
	mistakes Mistakes
}

// place in the file, from 1.
type place struct{ line, column int }

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}

// begin is where a node begins: the parser places a group at its first colon.
func begin(n ast.Node) place {
	if all, ok := entries(n); ok && len(all) > 0 {
		return placeOf(all[0].Key.GetToken())
	}
	return placeOf(n.GetToken())
}

func newDocument(file string, env func(string) (string, bool)) *document {
	return &document{file: file, env: env, where: map[string]place{}, failed: map[string]bool{}}
}

// wrong notes a mistake at a place.
func (d *document) wrong(at place, path, what, do string) {
	d.mistakes = append(d.mistakes, &Mistake{File: d.file, Line: at.line, Column: at.column, Path: path, Wrong: what, Do: do})
}

// refuse notes a value that could not be taken, so that nothing else is said
// about it.
func (d *document) refuse(at place, path, what, do string) {
	d.failed[path] = true
	d.wrong(at, path, what, do)
}

// find is the place of a path, or of the nearest thing around it.
func (d *document) find(path string) place {
	for path != "" {
		if p, ok := d.where[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return place{1, 1}
}

// silent says whether a mistake at path follows from one noted before.
func (d *document) silent(path string) bool {
	for path != "" {
		if d.failed[path] {
			return true
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return false
}

// read reads a file that the configuration names; paths are relative to the
// configuration's own folder.
func (d *document) read(name string) ([]byte, error) {
	path := d.resolve(name)
	if !slices.Contains(d.files, path) {
		d.files = append(d.files, path)
	}
	return readFile(path)
}

func (d *document) resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(d.file), name)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, reason(err)
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("it has %d bytes, at most %d", info.Size(), maxFile)
	}
	body, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, reason(err)
	}
	return body, nil
}

// reason is what the system said, without the name that stands beside it.
func reason(err error) error {
	if inner, ok := errors.AsType[*os.PathError](err); ok {
		return inner.Err
	}
	return err
}

// parse finds the one mapping a file is. nil: it is not, and that is noted.
func (d *document) parse(body []byte) *ast.MappingNode {
	parsed, err := parser.ParseBytes(body, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, what := place{1, 1}, err.Error()
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			at, what = placeOf(syntax.Token), syntax.Message
		}
		d.wrong(at, "", "this is not YAML: "+what, "mend it here or in the line above; nothing behind it could be read")
		return nil
	}
	var bodies []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.wrong(place{1, 1}, "", "the file says nothing", "begin with public_url, clients and providers, or copy docs/sinho.example.yaml")
		return nil
	}
	if len(bodies) > 1 {
		d.wrong(begin(bodies[1]), "", "a second document begins", "remove the line --- and what follows it")
	}
	values, ok := entries(bodies[0])
	if !ok {
		d.wrong(begin(bodies[0]), "", "the file is "+describe(bodies[0])+", want settings", "write key: value, one setting a line")
		return nil
	}
	return &ast.MappingNode{BaseNode: &ast.BaseNode{}, Values: values}
}

// entries of a mapping, also of one that the parser shortened.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// describe names what stands there.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of settings"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "empty"
	case *ast.AnchorNode:
		return "an anchor (&)"
	case *ast.AliasNode:
		return "an alias (*)"
	case *ast.TagNode:
		return "a tag (!)"
	}
	return "something else"
}
