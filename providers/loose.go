package providers

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text is a JSON value that should be a string: numbers are taken as written
// (an integer beyond 2^53 keeps every digit), anything else is absent.
type text string

// UnmarshalJSON never fails on well-formed JSON.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch b = bytes.TrimSpace(b); {
	case verbatim(b):
		*t = text(b[1 : len(b)-1])
	case len(b) > 0 && b[0] == '"':
		var s string
		if json.Unmarshal(b, &s) == nil {
			*t = text(s)
		}
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		*t = text(b)
	}
	return nil
}

// verbatim says that a well-formed JSON value is a string that stands for itself:
// nothing in it is escaped, and it is UTF-8.
func verbatim(b []byte) bool {
	return len(b) > 1 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b)
}

// maybe is a JSON value that should be a boolean: the strings true, false, Y and
// N will do, anything else is absent.
type maybe struct{ given, on bool }

// UnmarshalJSON never fails on well-formed JSON.
func (f *maybe) UnmarshalJSON(b []byte) error {
	*f = maybe{}
	switch string(bytes.Trim(b, `" `)) {
	case "true", "Y":
		*f = maybe{given: true, on: true}
	case "false", "N":
		*f = maybe{given: true}
	}
	return nil
}

// foreign is a JSON value that says whether somebody is a foreigner: a boolean,
// Y or N, 1 or 0, FOREIGNER or LOCAL; anything else is absent.
type foreign struct{ given, on bool }

// UnmarshalJSON never fails on well-formed JSON.
func (f *foreign) UnmarshalJSON(b []byte) error {
	*f = foreign{}
	switch strings.ToUpper(string(bytes.Trim(b, `" `))) {
	case "TRUE", "Y", "1", "FOREIGNER":
		*f = foreign{given: true, on: true}
	case "FALSE", "N", "0", "LOCAL":
		*f = foreign{given: true}
	}
	return nil
}

// number is a JSON value that should be an integer: a string of digits will do,
// anything else is absent.
type number struct {
	given bool
	n     int64
}

// UnmarshalJSON never fails on well-formed JSON.
func (v *number) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(bytes.Trim(b, `" `)), 10, 64)
	*v = number{given: err == nil, n: n}
	if err != nil {
		*v = number{}
	}
	return nil
}

// object reads a JSON object field whose shape may be wrong: then it is absent
// and the rest of the answer still counts.
type object[T any] struct{ v T }

// UnmarshalJSON never fails on well-formed JSON.
func (o *object[T]) UnmarshalJSON(b []byte) error {
	var v T
	if json.Unmarshal(b, &v) == nil {
		o.v = v
	}
	return nil
}
