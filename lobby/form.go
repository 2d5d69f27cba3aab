package lobby

import (
	"encoding/binary"
	"time"
)

// format is the first byte of every form of this package. Within one format
// fields are only ever added: a reader skips tags it does not know, so nodes of
// neighbouring versions understand each other.
const format = 1

// form builds a sequence of fields: tag (1 byte), length (uvarint), value.
// Empty and zero values are left out.
type form []byte

func newForm() form { return append(make(form, 0, 192), format) }

func (f *form) bytes(tag byte, v []byte) {
	if len(v) == 0 {
		return
	}
	*f = append(*f, tag)
	*f = binary.AppendUvarint(*f, uint64(len(v)))
	*f = append(*f, v...)
}

func (f *form) number(tag byte, v uint64) {
	if v == 0 {
		return
	}
	var buf [binary.MaxVarintLen64]byte
	f.bytes(tag, binary.AppendUvarint(buf[:0], v))
}

// flag keeps true.
func (f *form) flag(tag byte, v bool) {
	if v {
		f.number(tag, 1)
	}
}

// milli keeps whole milliseconds after the Unix epoch, and nothing before it.
func (f *form) milli(tag byte, v time.Time) {
	if ms := v.UnixMilli(); ms > 0 {
		f.number(tag, uint64(ms))
	}
}

// name leaves out a name that is all zero.
func (f *form) name(tag byte, v []byte) {
	for _, b := range v {
		if b != 0 {
			f.bytes(tag, v)
			return
		}
	}
}

// reader visits the fields of a form; the first fault of a visitor stays in bad.
type reader struct{ bad bool }

// fields calls visit for each field in order. Values point into p.
func (r *reader) fields(p []byte, visit func(tag byte, v []byte)) error {
	if len(p) == 0 || p[0] != format {
		return ErrMalformed
	}
	for p = p[1:]; len(p) > 0; {
		tag := p[0]
		size, n := binary.Uvarint(p[1:])
		if n <= 0 || size > uint64(len(p)-1-n) { //nolint:gosec // n is within p[1:]
			return ErrMalformed
		}
		rest := p[1+n:]
		visit(tag, rest[:size])
		p = rest[size:]
	}
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// number reads what form.number wrote.
func (r *reader) number(v []byte) uint64 {
	n, size := binary.Uvarint(v)
	if size <= 0 || size != len(v) {
		r.bad = true
		return 0
	}
	return n
}

// milli reads what form.milli wrote.
func (r *reader) milli(v []byte) time.Time {
	const end = 1 << 53 // year 287396, and what any reader can count to
	n := r.number(v)
	if n >= end {
		r.bad = true
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}

// name reads a name of a known length.
func (r *reader) name(to, v []byte) {
	if len(v) != len(to) {
		r.bad = true
		return
	}
	copy(to, v)
}
