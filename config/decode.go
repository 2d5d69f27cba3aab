package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decode takes a node into a value, which may be a string, bool, int, float64,
// time.Duration, an encoding.TextUnmarshaler, or slices, pointers and structs
// of those. Whatever does not fit is noted and left as it was.
func (d *document) decode(n ast.Node, path string, into reflect.Value) {
	at := begin(n)
	d.where[path] = at
	switch n.(type) {
	case *ast.NullNode:
		d.refuse(at, path, "has no value", "write one behind the colon, or remove the line")
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.refuse(at, path, "is "+describe(n)+", which is not read here", "write the value itself")
		return
	}
	if into.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(n, path, into)
		return
	}
	if into.Type() == reflect.TypeFor[KeySet]() {
		d.keySet(n, path, into)
		return
	}
	if reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](into.Addr()); ok {
		if text, ok := d.text(n, path); ok {
			if err := reader.UnmarshalText([]byte(text)); err != nil {
				what, do := split(err.Error())
				d.refuse(at, path, what, do)
			}
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(into.Type().Elem())
		preset(fresh.Elem())
		d.decode(n, path, fresh.Elem())
		into.Set(fresh)
	case reflect.Struct:
		d.group(n, path, into)
	case reflect.Slice:
		d.list(n, path, into)
	case reflect.String:
		if into.Type() == reflect.TypeFor[Secret]() {
			d.secret(n, path, into)
		} else if text, ok := d.text(n, path); ok {
			into.SetString(text)
		}
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
			return
		}
		d.refuse(at, path, "is "+describe(n)+", want true or false", "write true or false, without quotes")
	case reflect.Int, reflect.Float64:
		d.number(n, path, into)
	default:
		panic("config: no way to read a " + into.Type().String())
	}
}

// split parts a message that says what to do behind its last ": ".
func split(message string) (what, do string) {
	i := strings.LastIndex(message, ": ")
	if i < 0 {
		return message, "see docs/config.md"
	}
	return message[:i], message[i+2:]
}

// preset fills in what counts where nothing is written.
func preset(v reflect.Value) {
	switch one := v.Addr().Interface().(type) {
	case *Console:
		*one = defaultConsole()
	case *Redis:
		*one = defaultRedis()
	case *Client:
		*one = defaultClient()
	case *Provider:
		*one = defaultProvider()
	case *Rota:
		*one = defaultRota()
	case *Room:
		*one = defaultRoom()
	}
}

func (d *document) group(n ast.Node, path string, into reflect.Value) {
	values, ok := entries(n)
	if !ok {
		d.refuse(begin(n), path, "is "+describe(n)+", want a group of settings", "write "+strings.Join(keysOf(into.Type()), ", ")+" below it, indented")
		return
	}
	d.fields(values, path, into)
}

// fields takes the entries of a mapping into a struct.
func (d *document) fields(values []*ast.MappingValueNode, path string, into reflect.Value) {
	known := keysOf(into.Type())
	seen := map[string]place{}
	for _, entry := range values {
		at := placeOf(entry.Key.GetToken())
		name, ok := keyName(entry.Key)
		if !ok {
			d.wrong(at, path, "has a key that is not a word", "write key: value; merging (<<) and complex keys (?) are not read here")
			continue
		}
		full := join(path, name)
		if first, twice := seen[name]; twice {
			d.wrong(at, full, fmt.Sprintf("is there twice, first in line %d", first.line), "remove one of them")
			continue
		}
		seen[name] = at
		i := slices.Index(known, name)
		if i < 0 {
			d.unknown(at, path, name, known)
			continue
		}
		d.decode(entry.Value, full, into.Field(fieldsOf(into.Type())[i]))
		d.where[full] = at
	}
	d.secrets(path, into)
}

// unknown notes a key that is not known; what was probably meant is not called
// missing then.
func (d *document) unknown(at place, path, name string, known []string) {
	do := "the keys here are " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		do = fmt.Sprintf("did you mean %q?", near)
		if _, there := d.where[join(path, near)]; !there {
			d.failed[join(path, near)] = true
		}
	}
	d.wrong(at, join(path, name), "unknown key", do)
}

func keyName(key ast.MapKeyNode) (string, bool) {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value, true
	}
	switch key.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true // unknown in any case
	}
	return "", false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *document) list(n ast.Node, path string, into reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		d.refuse(begin(n), path, "is "+describe(n)+", want a list", "write one line each below it, beginning with - , or [a, b]")
		return
	}
	all := reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values))
	for i, one := range list.Values {
		preset(all.Index(i))
		d.decode(one, fmt.Sprintf("%s[%d]", path, i), all.Index(i))
	}
	into.Set(all)
}

// text reads a scalar that must be text, with ${NAME} filled in.
func (d *document) text(n ast.Node, path string) (string, bool) {
	at := begin(n)
	var raw string
	switch n := n.(type) {
	case *ast.StringNode:
		raw = n.Value
	case *ast.LiteralNode:
		raw = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.refuse(at, path, "is "+describe(n)+", want a text", fmt.Sprintf("put it in quotes: %q", n.GetToken().Value))
		return "", false
	default:
		d.refuse(at, path, "is "+describe(n)+", want a text", "write one value")
		return "", false
	}
	return d.expand(raw, at, path)
}

func (d *document) duration(n ast.Node, path string, into reflect.Value) {
	at := begin(n)
	text, ok := n.(*ast.StringNode)
	if !ok {
		d.refuse(at, path, "is "+describe(n)+", want a duration", "write a number with its unit: 500ms, 5s or 2m")
		return
	}
	span, err := time.ParseDuration(text.Value)
	if err != nil {
		d.refuse(at, path, fmt.Sprintf("%q is no duration", text.Value), "write a number with its unit: 500ms, 5s or 2m")
		return
	}
	into.SetInt(int64(span))
}

func (d *document) number(n ast.Node, path string, into reflect.Value) {
	whole := into.Kind() == reflect.Int
	digits := strings.ReplaceAll(n.GetToken().Value, "_", "")
	switch n.(type) {
	case *ast.IntegerNode:
		if v, err := strconv.ParseInt(digits, 0, 32); err == nil {
			if whole {
				into.SetInt(v)
			} else {
				into.SetFloat(float64(v))
			}
			return
		}
	case *ast.FloatNode:
		if v, err := strconv.ParseFloat(digits, 64); err == nil && !whole {
			into.SetFloat(v)
			return
		}
	}
	want := "a number"
	if whole {
		want = "a whole number"
	}
	d.refuse(begin(n), path, fmt.Sprintf("%q is not %s that can be taken", n.GetToken().Value, want), "write "+want+" without quotes or unit")
}

// keysOf a struct as they are written, in its order.
func keysOf(t reflect.Type) []string {
	var keys []string
	for _, i := range fieldsOf(t) {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

func fieldsOf(t reflect.Type) []int {
	var all []int
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			all = append(all, i)
		}
	}
	return all
}
