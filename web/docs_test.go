package web

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/providers.md quotes what people read of a failure word for word, and
// everything a provider's failure can lead to.
func TestTheTableOfFailuresQuotesThePages(t *testing.T) {
	text, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What people read\n")
	section, _, _ = strings.Cut(section, "\n## ")
	all := dictionary()
	rows := 0
	for line := range strings.Lines(section) {
		m := regexp.MustCompile("^\\| [a-z-]+ \\|.*?\\| (.*) \\| `([a-z0-9]+)` \\| (?:yes|no) \\|").FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows++
		what, next := all["notice."+m[2]], all["notice."+m[2]+".next"]
		if want := what.KO + ". " + next.KO + "<br>" + what.EN + ". " + next.EN; what.KO == "" || m[1] != want {
			t.Errorf("%s: the table quotes\n%s\nthe page says\n%s", m[2], m[1], want)
		}
	}
	if rows < 12 {
		t.Errorf("got %d rows, want one for each class and code", rows)
	}
}
