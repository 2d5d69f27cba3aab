package main

import (
	"bytes"
	"html"
)

// tags reads the tags of a page one after the other, and nothing else: no
// tree, no text, no copy; names become lower case in the page itself. It takes
// pages as servers write them; what only an HTML parser's error recovery makes
// sense of, it may see differently.
type tags struct {
	page []byte
	at   int

	name  []byte // in lower case; of the current tag
	end   bool   // it is an end tag
	attrs []byte // what stands between its name and its ">"
}

// next goes to the next tag; false at the end of the page.
func (t *tags) next() bool {
	for {
		i := bytes.IndexByte(t.page[t.at:], '<')
		if i < 0 || t.at+i+1 >= len(t.page) {
			return false
		}
		t.at += i + 1
		switch c := t.page[t.at]; {
		case c == '!' && bytes.HasPrefix(t.page[t.at:], []byte("!--")):
			t.skip("-->")
		case c == '!' || c == '?':
			t.skip(">")
		case c == '/':
			t.at++
			if t.tag(true) {
				return true
			}
		default:
			if t.tag(false) {
				return true
			}
		}
	}
}

// skip goes behind the next mark, or to the end.
func (t *tags) skip(mark string) {
	i := bytes.Index(t.page[t.at:], []byte(mark))
	if i < 0 {
		t.at = len(t.page)
		return
	}
	t.at += i + len(mark)
}

// tag reads name and attributes; false when it is no tag, or one that the page
// ends in.
func (t *tags) tag(end bool) bool {
	rest := t.page[t.at:]
	n := 0
	for n < len(rest) && !space(rest[n]) && rest[n] != '>' && rest[n] != '/' {
		n++
	}
	if n == 0 || !letter(rest[0]) {
		return false
	}
	t.name, t.end = lower(rest[:n]), end
	quote := byte(0)
	for i := n; i < len(rest); i++ {
		switch c := rest[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '>':
			t.attrs = rest[n:i]
			t.at += i + 1
			if !end {
				t.leap()
			}
			return true
		case (c == '"' || c == '\'') && opens(rest[n:i]):
			quote = c
		}
	}
	t.at = len(t.page)
	return false
}

// leap goes over the text of elements whose text holds no tags, to their end
// tag. Scripting is off, so noscript is none of them.
func (t *tags) leap() {
	switch string(t.name) {
	case "script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp":
	default:
		return
	}
	for from := t.at; ; {
		i := bytes.Index(t.page[from:], []byte("</"))
		if i < 0 {
			t.at = len(t.page)
			return
		}
		from += i
		if after := t.page[from+2:]; len(after) >= len(t.name) && bytes.EqualFold(after[:len(t.name)], t.name) {
			t.at = from
			return
		}
		from += 2
	}
}

// lower writes a name in lower case, where it stands.
func lower(name []byte) []byte {
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
	return name
}

// each gives the current tag's attributes in order, names in lower case, values
// as they are written.
func (t *tags) each(yield func(name, value []byte) bool) {
	rest := t.attrs
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n\f/")
		if len(rest) == 0 {
			return
		}
		n := 1 // a "=" in front belongs to the name
		for n < len(rest) && !space(rest[n]) && rest[n] != '=' && rest[n] != '/' {
			n++
		}
		name := lower(rest[:n])
		var value []byte
		if after := bytes.TrimLeft(rest[n:], " \t\r\n\f"); len(after) > 0 && after[0] == '=' {
			value, rest = attribute(bytes.TrimLeft(after[1:], " \t\r\n\f"))
		} else {
			rest = after
		}
		if !yield(name, value) {
			return
		}
	}
}

// text is a value with its entities read.
func text(value []byte) string {
	if bytes.IndexByte(value, '&') < 0 {
		return string(value)
	}
	return html.UnescapeString(string(value))
}

// attribute takes a value, quoted or not, from what follows a "=".
func attribute(from []byte) (value, rest []byte) {
	if len(from) > 0 && (from[0] == '"' || from[0] == '\'') {
		value, rest, _ = bytes.Cut(from[1:], from[:1])
		return value, rest
	}
	n := 0
	for n < len(from) && !space(from[n]) {
		n++
	}
	return from[:n], from[n:]
}

// opens says whether a quote here begins a value: the last thing before it,
// spaces aside, is "=".
func opens(before []byte) bool {
	before = bytes.TrimRight(before, " \t\r\n\f")
	return len(before) > 0 && before[len(before)-1] == '='
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
