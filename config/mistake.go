package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing wrong with a configuration.
type Mistake struct {
	File         string
	Line, Column int    // from 1, in characters; 0: not in a file
	Path         string // clients[0].redirect_uris[1]; "" for the file as a whole
	Wrong        string // what is wrong
	Do           string // what to do about it
}

// Where is file:line:column, as far as known.
func (m *Mistake) Where() string {
	switch {
	case m.File == "":
		return ""
	case m.Line == 0:
		return m.File
	}
	return fmt.Sprintf("%s:%d:%d", m.File, m.Line, m.Column)
}

// Error is two lines: where and what, then what to do.
func (m *Mistake) Error() string {
	var parts []string
	for _, s := range []string{m.Where(), m.Path, m.Wrong} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ") + "\n    " + m.Do
}

// Mistakes is everything wrong with a configuration, in the order of the file.
type Mistakes []*Mistake

// Error says how many there are, and each.
func (m Mistakes) Error() string {
	var b strings.Builder
	count := "a mistake"
	if len(m) != 1 {
		count = fmt.Sprintf("%d mistakes", len(m))
	}
	fmt.Fprintf(&b, "the configuration has %s", count)
	for _, one := range m {
		b.WriteString("\n" + one.Error())
	}
	return b.String()
}

// sorted by place; those without one come last. Two mistakes at one place with
// the same words are one.
func (m Mistakes) sorted() Mistakes {
	slices.SortStableFunc(m, func(a, b *Mistake) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(m, func(a, b *Mistake) bool { return *a == *b })
}
