package peers

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/citizen"
	"sinho/providers/sim"
)

var update = flag.Bool("update", false, "write what is generated in docs/integrate anew")

// block is a code block of a guide that shows a file of testdata/peers, all of
// it or, after #, one region.
var block = regexp.MustCompile("(?s)<!-- testdata/peers/(\\S+) -->\n```(\\w+)\n(.*?)```\n")

// TestGuidesShowWhatRuns compares the guides' code with the sites that the
// other tests run, and finds regions that no guide shows.
func TestGuidesShowWhatRuns(t *testing.T) {
	shown := map[string]bool{}
	for _, path := range guides(t) {
		text := read(t, path)
		fresh := block.ReplaceAllStringFunc(text, func(all string) string {
			parts := block.FindStringSubmatch(all)
			name, kind := parts[1], parts[2]
			code, err := region(name)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return all
			}
			shown[name] = true
			return fmt.Sprintf("<!-- testdata/peers/%s -->\n```%s\n%s\n```\n", name, kind, code)
		})
		if *update {
			if err := os.WriteFile(path, []byte(fresh), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(fresh, text); diff != "" {
			t.Errorf("%s is not what runs (-file +guide); go test ./peers -run TestGuides -update:\n%s", path, diff)
		}
	}
	for _, name := range regions(t) {
		if !shown[name] {
			t.Errorf("testdata/peers/%s: no guide shows it", name)
		}
	}
}

func guides(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "docs/integrate/*.md"))
	if err != nil || len(all) < 6 {
		t.Fatalf("found %v (%v), want a guide for each library and README.md", all, err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const opens = "region: "

// region is a file of testdata/peers ("site.py"), or the lines of one of its
// regions ("site.py#login") without their common indent.
func region(name string) (string, error) {
	file, want, part := strings.Cut(name, "#")
	body, err := os.ReadFile(filepath.Join(root, "testdata/peers", file))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(body), "\n")
	if !part {
		return text, nil
	}
	var lines []string
	inside := false
	for line := range strings.Lines(text) {
		switch mark := strings.TrimLeft(strings.TrimSpace(line), "/# "); {
		case mark == opens+want:
			inside = true
		case inside && mark == "endregion":
			return dedent(lines), nil
		case inside:
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return "", errors.New(name + ": no such region")
}

// dedent cuts the indent of the least indented line, and empty lines around.
func dedent(lines []string) string {
	least := -1
	for _, line := range lines {
		if indent := len(line) - len(strings.TrimLeft(line, " \t")); strings.TrimSpace(line) != "" && (least < 0 || indent < least) {
			least = indent
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(least, 0), len(line)):]
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// regions are those of all files.
func regions(t *testing.T) (names []string) {
	t.Helper()
	base := filepath.Join(root, "testdata/peers")
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(read(t, path)) {
			if name, is := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "/# "), opens); is {
				names = append(names, filepath.ToSlash(file)+"#"+name)
			}
		}
		return nil
	})
	if err != nil || len(names) < 10 {
		t.Fatalf("found the regions %v (%v)", names, err)
	}
	return names
}

// TestTableOfTestPeople compares the table in docs/integrate/README.md with the
// people of the simulators, and those with the people of package citizen.
func TestTableOfTestPeople(t *testing.T) {
	var want strings.Builder
	want.WriteString("| name | birthdate | gender | phone | carrier | e-mail |\n|---|---|---|---|---|---|\n")
	typed := citizen.People()
	if got, want := len(typed), len(sim.People()); got != want {
		t.Fatalf("package citizen has %d people, the simulators %d", got, want)
	}
	for i, p := range sim.People() {
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s | %s |\n", p.Name, p.Birthdate, p.Gender, p.Phone, p.Carrier, p.Email)
		as := citizen.Person{Name: p.Name, Birthdate: strings.ReplaceAll(p.Birthdate, "-", ""), Phone: p.Phone}
		if typed[i] != as {
			t.Errorf("person %d: package citizen types %v, the simulators know %v", i, typed[i], as)
		}
	}
	path := filepath.Join(root, "docs/integrate/README.md")
	text := read(t, path)
	table := regexp.MustCompile(`(?m)^\| name \| birthdate .*\n(\|.*\n)+`)
	if found := table.FindAllString(text, -1); len(found) != 1 {
		t.Fatalf("%s has %d tables of people, want 1", path, len(found))
	}
	if *update {
		if err := os.WriteFile(path, []byte(table.ReplaceAllString(text, want.String())), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), table.FindString(text)); diff != "" {
		t.Errorf("%s (-people +table); go test ./peers -run TestTable -update:\n%s", path, diff)
	}
}

// TestConnectGuideShowsWhatRuns finds the settings and the versions of the
// upstreams in docs/connect.md.
func TestConnectGuideShowsWhatRuns(t *testing.T) {
	guide := read(t, filepath.Join(root, "docs/connect.md"))
	settings := fmt.Sprintf(upstreamSettings, "nara", "https://nara.example.kr") + "    client_id: sinho\n    secret_file: secret\n"
	if !strings.Contains(guide, settings) {
		t.Errorf("docs/connect.md does not show what the tests set:\n%s", settings)
	}
	for file, version := range map[string]string{
		"oidc-provider/package.json":            `"oidc-provider": "(.*)"`,
		"zitadel/go.mod":                        `github.com/zitadel/oidc/v3 (v\S+)`,
		"django-oauth-toolkit/requirements.txt": `django-oauth-toolkit==(\S+)`,
	} {
		found := regexp.MustCompile(version).FindStringSubmatch(read(t, filepath.Join(root, "testdata/upstreams", file)))
		if len(found) != 2 || !strings.Contains(guide, "| "+found[1]+" |") {
			t.Errorf("docs/connect.md does not name the version in %s: %v", file, found)
		}
	}
}

// TestLockFilesNameNoRegistry keeps addresses out of what installs the peers.
func TestLockFilesNameNoRegistry(t *testing.T) {
	for _, file := range []string{
		"peers/openid-client/package.json", "peers/openid-client/package-lock.json", "peers/authlib/requirements.txt",
		"peers/spring-security/pom.xml", "upstreams/oidc-provider/package.json", "upstreams/oidc-provider/package-lock.json",
		"upstreams/django-oauth-toolkit/requirements.txt", "upstreams/zitadel/go.mod", "upstreams/zitadel/go.sum",
	} {
		text := read(t, filepath.Join(root, "testdata", file))
		for _, address := range regexp.MustCompile(`https?://[^"\s<]+`).FindAllString(text, -1) {
			if !slices.Contains([]string{"https://github.com/sponsors/panva", "https://opencollective.com/express", "http://maven.apache.org/POM/4.0.0"}, address) {
				t.Errorf("testdata/%s names %s", file, address)
			}
		}
	}
}
