package config

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const reference = "../docs/config.md"

// TestTheReferenceAgreesWithTheStructs makes docs/config.md from the comments
// and types of config.go and the files beside it; -update writes it.
func TestTheReferenceAgreesWithTheStructs(t *testing.T) {
	w := writer{t: t, comments: commentsOf(t, "config.go", "provider.go", "answers.go", "alerts.go", "rota.go", "rooms.go", "client.go", "maintenance.go")}
	w.line("# sinho.yaml: every setting")
	w.line("")
	w.line("Made from the comments in `config/config.go`, `config/provider.go`, `config/answers.go`, `config/alerts.go`, `config/rota.go`, `config/rooms.go`, `config/client.go` and `config/maintenance.go`; `go test ./config -update` writes it. A file with all of them is [sinho.example.yaml](sinho.example.yaml).")
	w.line("")
	w.line("Keys that are not listed here are mistakes, and so are keys without a value. Paths are relative to the file itself. `${NAME}` in any text is taken from the environment; `$${` stands for the two characters. Durations have a unit: `500ms`, `5s`, `2m`. Anchors, aliases, tags and merge keys are not read.")
	w.line("")
	w.line("While `sinho serve` runs it takes a changed file by itself or on SIGHUP, all of it or, if anything is wrong, nothing. Settings that need a restart say so.")
	def := Default()
	w.group("Top level", reflect.ValueOf(def))
	redis, client, provider := defaultRedis(), defaultClient(), defaultProvider()
	w.group("tls", reflect.ValueOf(TLS{}))
	w.group("redis", reflect.ValueOf(redis))
	w.group("console", reflect.ValueOf(defaultConsole()))
	w.group("operators of the console, each", reflect.ValueOf(Operator{}))
	w.group("oidc of the console", reflect.ValueOf(ConsoleOIDC{}))
	w.group("drain", reflect.ValueOf(def.Drain))
	w.group("log", reflect.ValueOf(def.Log))
	w.group("traces", reflect.ValueOf(def.Traces))
	w.group("alerts, each", reflect.ValueOf(Alert{}))
	w.group("rotas, each", reflect.ValueOf(defaultRota()))
	w.group("rules of a rota, each", reflect.ValueOf(RotaRule{}))
	w.group("rooms, each", reflect.ValueOf(defaultRoom()))
	w.group("clients, each", reflect.ValueOf(client))
	w.group("providers, each", reflect.ValueOf(provider))
	w.group("claims of a provider", reflect.ValueOf(Claims{}))
	w.group("errors of a provider, each", reflect.ValueOf(ErrorCode{}))
	w.group("maintenance of a provider, each", reflect.ValueOf(Maintenance{}))
	w.group("name, of a client or provider", reflect.ValueOf(Text{}))
	got := w.text.String()
	if *update {
		if err := os.WriteFile(reference, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/config.md is not what the comments say; run go test ./config -update (-want +got):\n%s", diff)
	}
}

type writer struct {
	t        *testing.T
	comments map[string]string // Type.Field
	text     strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

func (w *writer) group(title string, defaults reflect.Value) {
	w.line("\n## %s\n\n| key | value | default | what it is |\n|---|---|---|---|", title)
	for _, i := range fieldsOf(defaults.Type()) {
		field := defaults.Type().Field(i)
		comment := w.comments[defaults.Type().Name()+"."+field.Name]
		if comment == "" {
			w.t.Errorf("%s.%s has no comment", defaults.Type().Name(), field.Name)
		}
		w.line("| `%s` | %s | %s | %s |", field.Tag.Get("yaml"), kindOf(field.Type), shown(defaults.Field(i)), strings.ReplaceAll(comment, "|", "\\|"))
	}
}

func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[KeySet]():
		return "JWK set"
	case reflect.TypeFor[Text]():
		return "[name](#name-of-a-client-or-provider)"
	}
	if t.Kind() == reflect.Int && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "text" // a word that stands for a number
	}
	switch t.Kind() { //nolint:exhaustive // the rest are texts
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[Prefix]() {
			return "list of groups, below"
		}
		return "list of " + kindOf(t.Elem()) + "s"
	case reflect.Struct:
		if t == reflect.TypeFor[Prefix]() {
			return "range"
		}
		return "group, below"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	}
	return "text"
}

func shown(v reflect.Value) string {
	switch one := v.Interface().(type) {
	case []string:
		if len(one) > 0 {
			return "`[" + strings.Join(one, ", ") + "]`"
		}
	case Secret, Text, Drain, Log, Traces:
		return ""
	case Prefix:
		return ""
	case time.Duration:
		if one == 0 {
			return ""
		}
		return "`" + one.String() + "`"
	case fmt.Stringer:
		if v.Kind() == reflect.Pointer {
			return ""
		}
		return "`" + one.String() + "`"
	}
	if k := v.Kind(); k == reflect.Slice || k == reflect.Pointer || k == reflect.String && v.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// commentsOf the fields of all structs in some files, on one line each.
func commentsOf(t *testing.T, files ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						all[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return all
}
