package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Asia/Seoul also on machines that have no zones

	"sinho/providers"
)

// Secret is a value that never prints.
type Secret string

// String hides the value.
func (Secret) String() string { return "(hidden)" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "(hidden)" }

// MarshalText hides the value from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }

// Prefix is a range of addresses; one address is a range of its own.
type Prefix netip.Prefix

// UnmarshalText reads 10.0.0.0/8 or 10.1.2.3.
func (p *Prefix) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil && addr.Zone() == "" {
		*p = Prefix(netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	parsed, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is no address range: write 10.0.0.0/8, or one address", text)
	}
	if parsed != parsed.Masked() {
		return fmt.Errorf("%q has bits behind its length: write %s", text, parsed.Masked())
	}
	*p = Prefix(parsed)
	return nil
}

// String is the range in CIDR notation.
func (p Prefix) String() string { return netip.Prefix(p).String() }

// Level of logging.
type Level slog.Level

// UnmarshalText reads a level.
func (l *Level) UnmarshalText(text []byte) error {
	return word(text, l, []string{"debug", "info", "warn", "error"},
		[]Level{Level(slog.LevelDebug), Level(slog.LevelInfo), Level(slog.LevelWarn), Level(slog.LevelError)})
}

// String is the level as it is written.
func (l Level) String() string { return strings.ToLower(slog.Level(l).String()) }

// Format of log lines.
type Format uint8

// Formats.
const (
	JSON      Format = iota // one JSON object a line
	PlainText               // key=value, for reading
)

// UnmarshalText reads a format.
func (f *Format) UnmarshalText(text []byte) error {
	return word(text, f, []string{"json", "text"}, []Format{JSON, PlainText})
}

// String is the format as it is written.
func (f Format) String() string { return [...]string{"json", "text"}[f] }

// Zone is a time zone by its IANA name.
type Zone string

// UnmarshalText reads a name and looks it up.
func (z *Zone) UnmarshalText(text []byte) error {
	name := string(text)
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return fmt.Errorf("%q is no time zone: write a name such as Asia/Seoul or UTC", name)
	}
	*z = Zone(name)
	return nil
}

// Location is the zone itself; UTC for a name that does not exist.
func (z Zone) Location() *time.Location {
	where, err := time.LoadLocation(string(z))
	if err != nil {
		return time.UTC
	}
	return where
}

// Assurance as providers.Assurance; zero is asserted.
type Assurance providers.Assurance

// UnmarshalText reads an assurance.
func (a *Assurance) UnmarshalText(text []byte) error {
	return word(text, a, []string{"asserted", "verified"}, []Assurance{Assurance(providers.Asserted), Assurance(providers.Verified)})
}

// String is the assurance as it is written.
func (a Assurance) String() string {
	if providers.Assurance(a) == providers.Verified {
		return "verified"
	}
	return "asserted"
}

// Freshness as providers.Freshness.
type Freshness providers.Freshness

// UnmarshalText reads a freshness.
func (f *Freshness) UnmarshalText(text []byte) error {
	return word(text, f, []string{"none", "requested", "proved"},
		[]Freshness{Freshness(providers.NoFresh), Freshness(providers.FreshRequested), Freshness(providers.FreshProved)})
}

// word reads one of a few words into its value.
func word[T any](text []byte, into *T, words []string, values []T) error {
	i := slices.Index(words, string(text))
	if i < 0 {
		if near := nearest(strings.ToLower(string(text)), words); near != "" {
			return fmt.Errorf("%q is not one of %s: did you mean %q?", text, strings.Join(words, ", "), near)
		}
		return fmt.Errorf("%q is unknown: write one of %s", text, strings.Join(words, ", "))
	}
	*into = values[i]
	return nil
}
