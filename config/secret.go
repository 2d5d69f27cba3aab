package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// expand fills ${NAME} in from the environment; $${ stands for ${ itself.
func (d *document) expand(raw string, at place, path string) (string, bool) {
	if !strings.Contains(raw, "${") {
		return raw, true
	}
	var out strings.Builder
	good := true
	for rest := raw; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			out.WriteString(rest)
			return out.String(), good
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(plain + "${")
			rest = after
			continue
		}
		out.WriteString(before)
		name, after, closed := strings.Cut(after, "}")
		if !closed || !variable(name) {
			d.refuse(at, path, "has a ${ without a name and } behind it", "write ${NAME}, or $${ for the two characters themselves")
			return "", false
		}
		value, set := d.env(name)
		if !set {
			d.refuse(at, path, fmt.Sprintf("the environment has no variable %s", name), "set it before starting, or correct its name")
			good = false
		}
		out.WriteString(value)
		rest = after
	}
}

// fromOutside says whether a text takes anything from the environment.
func fromOutside(raw string) bool {
	return strings.Contains(strings.ReplaceAll(raw, "$${", ""), "${")
}

// variable says whether a name can be one of the environment.
func variable(name string) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// secret takes a Secret that is written out or as ${NAME}. No message ever
// quotes what stands there.
func (d *document) secret(n ast.Node, path string, into reflect.Value) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		d.refuse(begin(n), path, "is "+describe(n)+", want a text", "write it as ${NAME}, in quotes")
		return
	}
	if !fromOutside(s.Value) {
		d.inline = append(d.inline, path)
	}
	if text, ok := d.expand(s.Value, begin(n), path); ok {
		into.SetString(text)
	}
}

// secrets fills every Secret of a struct from its _env or _file sibling.
func (d *document) secrets(path string, into reflect.Value) {
	t := into.Type()
	byKey := map[string]reflect.Value{}
	for _, i := range fieldsOf(t) {
		byKey[t.Field(i).Tag.Get("yaml")] = into.Field(i)
	}
	for _, key := range keysOf(t) {
		secret, is := reflect.TypeAssert[*Secret](byKey[key].Addr())
		if !is {
			continue
		}
		from := []string{key, key + "_env", key + "_file"}
		var given []string
		for _, k := range from {
			if _, ok := d.where[join(path, k)]; ok {
				given = append(given, k)
			}
		}
		if len(given) > 1 {
			d.refuse(d.find(join(path, given[1])), join(path, given[1]), "says again what "+given[0]+" says", "keep one of "+strings.Join(from, ", "))
			continue
		}
		if len(given) == 0 {
			continue
		}
		at, name := d.find(join(path, given[0])), byKey[given[0]].String()
		switch {
		case d.failed[join(path, given[0])]:
		case given[0] == from[1]:
			d.fromEnv(at, join(path, from[1]), name, secret)
		case given[0] == from[2]:
			d.fromFile(at, join(path, from[2]), name, secret)
		}
		if d.failed[join(path, given[0])] {
			d.failed[join(path, key)] = true // it is not there, and that is told already
		}
	}
}

func (d *document) fromEnv(at place, path, name string, into *Secret) {
	value, set := d.env(name)
	switch {
	case !variable(name): // it may be the secret itself, so it is not quoted
		d.refuse(at, path, "this is no name of an environment variable", "write the name alone, such as KAKAO_SECRET")
	case !set:
		d.refuse(at, path, "the environment has no variable of this name", "set it before starting, or correct its name")
	case strings.TrimSpace(value) == "":
		d.refuse(at, path, "the environment variable of this name is empty", "put the secret into it")
	default:
		*into = Secret(strings.TrimSpace(value))
	}
}

func (d *document) fromFile(at place, path, name string, into *Secret) {
	body, err := d.read(name)
	switch {
	case err != nil:
		d.refuse(at, path, fmt.Sprintf("the file cannot be read: %v", err), "correct the path (it is relative to this file) or its rights")
	case strings.TrimSpace(string(body)) == "":
		d.refuse(at, path, "the file is empty", "put the secret into it")
	default:
		*into = Secret(strings.TrimSpace(string(body)))
	}
}
