package providers

import (
	"encoding/json"
	"strings"
	"testing"
)

// A path finds at most one value: the same whatever the order of names, and
// never one of another claim.
func TestPathsLeadToOneValue(t *testing.T) {
	var all claimSet
	if err := json.Unmarshal([]byte(`{
		"a":{"b":"nested","b.c":"dotted below","c":{"d":[["deep"],{"e":7}]}},
		"a.b":"dotted","https://x.example/n":{"first":"by address"},"list":["zero",{"x":"one"}],"null":null
	}`), &all); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a.b": `"dotted"`, "a.b.c": "", "a.c.d.0.0": `"deep"`, "a.c.d.1.e": "7", "https://x.example/n.first": `"by address"`,
		"list.0": `"zero"`, "list.1.x": `"one"`, "list.2": "", "list.-1": "", "list.01": `{"x":"one"}`, "list.x": "", "list": `["zero",{"x":"one"}]`,
		"null": "null", "null.x": "", "A.b": "", "": "", "a.": "", ".a": "", "a..b": "",
	} {
		if got := string(all.at(path)); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

// Whatever path meets whatever claims, nothing breaks, and what is found was
// there.
func FuzzPaths(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,{"c":"x"}]}}`, `{"a.b":1,"a":{"b":2}}`, `[]`, `{"":{"":{"":0}}}`, `{"a":[[[[[[[["x"]]]]]]]]}`} {
		for _, p := range []string{"a.b.1.c", "a.b", "..", "", "a.0.0.0.0.0.0.0.0", "a." + strings.Repeat("0.", 90)} {
			f.Add(s, p)
		}
	}
	f.Fuzz(func(t *testing.T, body, path string) {
		var all claimSet
		if len(path) > maxPath || json.Unmarshal([]byte(body), &all) != nil {
			return
		}
		raw := all.at(path)
		if raw != nil && (!json.Valid(raw) || !strings.Contains(body, string(raw))) {
			t.Errorf("got %s at %q of %s", raw, path, body)
		}
		paths := ClaimPaths{
			Name: path, Birthdate: path, Gender: path, Phone: path, PhoneVerified: path, Email: path, EmailVerified: path,
			Nickname: path, Carrier: path, Foreigner: path, DI: path,
		}
		var id Identity
		c := all.mapped(paths)
		id.adorn(c)
		id.papers(c)
		if id.Gender != "" && id.Gender != "male" && id.Gender != "female" || id.Carrier != asCarrier(id.Carrier) || id.Phone != asPhone(id.Phone) {
			t.Errorf("got %+v", id)
		}
	})
}
