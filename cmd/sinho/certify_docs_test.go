package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
