package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Bounds of what a client's signature covers.
const (
	maxDepth   = 16 // of objects and lists; verified_claims need about ten
	maxMembers = 64
)

// claims are the members of one JSON object, each in its own bytes.
type claims map[string]json.RawMessage

// readClaims reads an object of which there is one reading only: no member
// twice at any depth, no broken UTF-8, nothing behind it.
func readClaims(raw []byte) (claims, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, errors.New("is not JSON")
	}
	if err := oneReading(raw); err != nil {
		return nil, err
	}
	var all claims
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
		return nil, errors.New("is no JSON object")
	}
	if len(all) > maxMembers {
		return nil, fmt.Errorf("has %d members, at most %d", len(all), maxMembers)
	}
	return all, nil
}

// level is an object or list that is open.
type level struct {
	names map[string]bool // nil for a list
	value bool            // a name has been read, its value comes next
}

// oneReading refuses valid JSON that nests too deeply or has a member twice:
// parsers differ in which of the two they take.
func oneReading(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var open []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil // the end: it is valid
		}
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				if len(open) == maxDepth {
					return fmt.Errorf("nests more than %d deep", maxDepth)
				}
				var inner level
				if delim == '{' {
					inner.names = map[string]bool{}
				}
				open = append(open, inner)
				continue
			}
			open = open[:len(open)-1]
		} else if name, ok := token.(string); ok && len(open) > 0 && open[len(open)-1].names != nil && !open[len(open)-1].value {
			inner := &open[len(open)-1]
			if inner.names[name] {
				return errors.New("has a member twice")
			}
			inner.names[name], inner.value = true, true
			continue
		}
		if len(open) > 0 {
			open[len(open)-1].value = false
		}
	}
}

// text is a member that must be a string; found is false without it.
func (c claims) text(name string) (value string, found bool, err error) {
	raw, found := c[name]
	if !found {
		return "", false, nil
	}
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", true, fmt.Errorf("%s is no text", name)
	}
	return value, true, nil
}

// is demands that a member is want.
func (c claims) is(name, want string) error {
	got, found, err := c.text(name)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%s is missing", name)
	case got != want:
		return fmt.Errorf("%s is another", name)
	}
	return nil
}

// texts is a member that must be a string or a list of some; plain is true for
// the former.
func (c claims) texts(name string) (values []string, plain bool, err error) {
	raw, found := c[name]
	if !found {
		return nil, false, fmt.Errorf("%s is missing", name)
	}
	if raw[0] == '"' {
		one, _, err := c.text(name)
		return []string{one}, true, err
	}
	if values, ok := stringsOf(raw); ok && len(values) > 0 {
		return values, false, nil
	}
	return nil, false, fmt.Errorf("%s is neither a text nor a list of some", name)
}

// stringsOf a list of strings alone. A null among them is none.
func stringsOf(raw json.RawMessage) (values []string, ok bool) {
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	for _, one := range list {
		text, ok := one.(string)
		if !ok {
			return nil, false
		}
		values = append(values, text)
	}
	return values, true
}

// latest is the last instant that is taken, far behind any that makes sense.
const latest = 1 << 36

// instant is a member that must be a NumericDate (RFC 7519 §2), which may have a
// fraction.
func (c claims) instant(name string) (at time.Time, found bool, err error) {
	raw, found := c[name]
	if !found {
		return at, false, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || raw[0] < '0' || raw[0] > '9' || seconds > latest {
		return at, true, fmt.Errorf("%s is no time", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, nil
}
