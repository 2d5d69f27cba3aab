package broker

import (
	"encoding/binary"
	"errors"
	"time"
)

// format is the first byte of every plain form sealed by this package. Within
// one format fields are only ever added: a reader skips tags it does not know,
// so nodes of neighbouring versions understand each other.
const format = 1

// errMalformed: the bytes are not a form of ours, or of a later format.
var errMalformed = errors.New("malformed sealed form")

// form builds a sequence of fields: tag (1 byte), length (uvarint), value.
// Empty and zero values are left out.
type form []byte

func newForm(size int) form { return append(make(form, 0, size), format) }

func (f *form) bytes(tag byte, v []byte) {
	if len(v) == 0 {
		return
	}
	*f = append(*f, tag)
	*f = binary.AppendUvarint(*f, uint64(len(v)))
	*f = append(*f, v...)
}

func (f *form) text(tag byte, v string) {
	if v == "" {
		return
	}
	*f = append(*f, tag)
	*f = binary.AppendUvarint(*f, uint64(len(v)))
	*f = append(*f, v...)
}

func (f *form) number(tag byte, v int64) {
	if v == 0 {
		return
	}
	var buf [binary.MaxVarintLen64]byte
	f.bytes(tag, binary.AppendVarint(buf[:0], v))
}

// flag keeps true.
func (f *form) flag(tag byte, v bool) {
	if v {
		f.number(tag, 1)
	}
}

// flagged reads what form.flag wrote.
func flagged(v []byte) bool { return number(v) != 0 }

// time keeps whole seconds.
func (f *form) time(tag byte, v time.Time) {
	if !v.IsZero() {
		f.number(tag, v.Unix())
	}
}

// fields calls visit for each field in order. Values point into p.
func fields(p []byte, visit func(tag byte, v []byte)) error {
	if len(p) == 0 || p[0] != format {
		return errMalformed
	}
	for p = p[1:]; len(p) > 0; {
		tag := p[0]
		size, n := binary.Uvarint(p[1:])
		if n <= 0 || size > uint64(len(p)-1-n) { //nolint:gosec // n is within p[1:]
			return errMalformed
		}
		rest := p[1+n:]
		visit(tag, rest[:size])
		p = rest[size:]
	}
	return nil
}

// number reads what form.number wrote; nonsense is zero.
func number(v []byte) int64 {
	n, size := binary.Varint(v)
	if size != len(v) {
		return 0
	}
	return n
}

// moment reads what form.time wrote.
func moment(v []byte) time.Time { return time.Unix(number(v), 0) }

// id leaves out the zero name.
func (f *form) id(tag byte, v id) {
	if v != (id{}) {
		f.bytes(tag, v[:])
	}
}

// id is a random 128-bit name.
type id [16]byte

func (n *id) read(v []byte) {
	if len(v) == len(n) {
		copy(n[:], v)
	}
}
