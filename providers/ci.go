package providers

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// CIVersion is the generation of 연계정보 that every CI here is of. Values of two
// generations are never equal, so a person is never matched across them.
const CIVersion = 1

// CI (연계정보) is the same for one person at every provider that gives it: 88
// base64 characters. The zero CI is none; two are compared with ==. It never
// prints: not by fmt under any verb, not as JSON or text, not in a log, and not
// from within another value. Reveal is the only way to what it is.
type CI struct{ hidden }

// DI is per site; opaque, never matched across providers. It never prints, like
// CI, and the zero DI is none.
type DI struct{ hidden }

// hidden keeps a value behind a handle, so that whoever prints a value by
// reflection, private fields and all, meets an address. It leads to a string, one
// byte of version before the value: fmt follows pointers to structs.
type hidden struct{ handle unique.Handle[string] }

func hide(value string) hidden { return hidden{unique.Make(string(rune(CIVersion)) + value)} }

// NewCI takes 88 base64 characters in their one encoding, for two spellings would
// be two persons; anything else is no CI.
func NewCI(raw string) CI { return asCI(raw) }

// Reveal is the value itself, "" of none. It is for whoever derives something
// from it and nobody else.
func (h hidden) Reveal() string {
	if h == (hidden{}) {
		return ""
	}
	return h.handle.Value()[1:]
}

// Version is the generation, 0 of none.
func (h hidden) Version() int {
	if h == (hidden{}) {
		return 0
	}
	return int(h.handle.Value()[0])
}

// Equal is ==, for those who compare by method.
func (c CI) Equal(other CI) bool { return c == other }

// Equal is ==, for those who compare by method.
func (d DI) Equal(other DI) bool { return d == other }

// String says what it is and not which.
func (CI) String() string { return "CI(hidden)" }

// String says what it is and not which.
func (DI) String() string { return "DI(hidden)" }

// Format says the same under every verb: those that no method is asked for would
// print the inside.
func (c CI) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Format says the same under every verb.
func (d DI) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// MarshalText is for JSON and whatever else asks for text. Nothing reads it back.
func (c CI) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText is for JSON and whatever else asks for text. Nothing reads it back.
func (d DI) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// LogValue is for logs.
func (c CI) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue is for logs.
func (d DI) LogValue() slog.Value { return slog.StringValue(d.String()) }
