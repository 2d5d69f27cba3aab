package providers

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableOf is a table of docs/providers.md, by the heading above it.
func tableOf(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/providers.md has no %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows [][]string
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 2 {
		t.Fatalf("%s has no table", heading)
	}
	return rows
}

// The table of attributes says what the adapters make of answers that have
// everything.
func TestTheTableOfAttributesIsTrue(t *testing.T) {
	columns := []struct{ title, golden string }{
		{"naver", "naver/everything"},
		{"kakao", "kakao/everything"},
		{"pass", "pass/verified"},
		{"toss", "toss/verified"},
		{"oidc", "oidc/all_attributes_asserted"},
		{"oidc, *verified*", "oidc/all_attributes_verified"},
		{"oidc, *framework*", "oidc/all_attributes_under_a_trust_framework"},
	}
	want := [][]string{{"attribute"}}
	from := make([]map[Attribute]string, len(columns))
	for i, c := range columns {
		want[0] = append(want[0], c.title)
		raw, err := os.ReadFile("testdata/" + c.golden + ".golden.json")
		if err != nil {
			t.Fatal(err)
		}
		var o outcome
		if err := json.Unmarshal(raw, &o); err != nil || o.Identity == nil {
			t.Fatalf("%s: got no identity, %v", c.golden, err)
		}
		from[i] = o.From
	}
	for _, a := range EveryAttribute() {
		row := []string{"`" + string(a) + "`"}
		for i := range columns {
			cell := "–"
			if from[i][a] != "" {
				cell = from[i][a]
			}
			row = append(row, cell)
		}
		want = append(want, row)
	}
	wantTable(t, tableOf(t, "Attributes"), want)
}

func wantTable(t *testing.T, got, want [][]string) {
	t.Helper()
	if !slices.EqualFunc(got, want, slices.Equal) {
		var lines strings.Builder
		for i, row := range want {
			lines.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				lines.WriteString(strings.Repeat("|---", len(row)) + "|\n")
			}
		}
		t.Errorf("docs/providers.md is not true, want\n%s", lines.String())
	}
}

// spoken is an answer with one code, as its vendor writes it.
func spoken(code string) reply {
	field := "error"
	switch {
	case strings.HasPrefix(code, "KOE"):
		field = "error_code"
	case strings.HasPrefix(code, "-"):
		field = "code"
	case strings.HasPrefix(code, "CE"):
		return reply{status: 200, body: []byte(`{"resultType":"FAIL","error":{"errorCode":"` + code + `"}}`)}
	case strings.Trim(code, "0123456789") == "":
		return reply{status: 200, body: []byte(`{"resultcode":"` + code + `"}`)}
	}
	body, _ := json.Marshal(map[string]string{field: code})
	return reply{status: 400, body: body}
}

// Each code of the table is of the class the table says, and every code that the
// adapters know by name is in it.
func TestTheTableOfCodesIsTrue(t *testing.T) {
	told := map[string]bool{}
	for _, row := range tableOf(t, "Vendors' codes")[1:] {
		kind, class := row[0], row[2]
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			code := m[1]
			told[code] = true
			var err error
			switch kind {
			case "naver", "kakao", "oidc":
				p := newUpstream(t, kind).provider(t)
				err = p.refuse("ask", spoken(code), code)
			case "through the browser":
				err = newUpstream(t, "oidc").provider(t).refused(map[string][]string{"error": {code}})
			case "pass":
				p := pusher(t, passSettings(), hosts{}).(*pass)
				err = p.refused("ask", spoken(code))
			case "toss":
				f := newTossFake(t)
				_, err = success[struct{}](pusher(t, f.settings(), f.hosts()).(*toss), "ask", spoken(code))
			default:
				t.Fatalf("there is no kind %q", kind)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%s %s: got %v", kind, code, err)
			}
			got := e.Class.String()
			if slices.Contains([]string{CodeContact, CodeUnder14, CodeGuardian, CodeExpired}, e.Code) {
				got += ", " + e.Code
			}
			if got != class {
				t.Errorf("%s %s: the table says %s, the adapter %s", kind, code, class, got)
			}
		}
	}
	known := regexp.MustCompile(`"(KOE[0-9]+|CE[0-9]+|-[0-9]+|[0-9]{3})"`)
	for _, file := range []string{"naver.go", "kakao.go", "pass.go", "toss.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range known.FindAllStringSubmatch(string(source), -1) {
			if !told[m[1]] {
				t.Errorf("%s knows the code %s, docs/providers.md does not", file, m[1])
			}
		}
	}
}
