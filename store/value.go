package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// generationSize is the length of a generation at the beginning of a value.
const generationSize = 8

// Advanced is what an Advance from a generation makes of a live value, for
// backends in Go; false is a conflict (Differs). It shares no memory with value.
func Advanced(value []byte, from uint64) ([]byte, bool) {
	if len(value) < generationSize || binary.BigEndian.Uint64(value) > from {
		return nil, false
	}
	next := bytes.Clone(value)
	binary.BigEndian.PutUint64(next, from+1)
	return next, true
}

// Appended is what an Append makes of a live list, or of none; false is a
// conflict (Differs). It shares no memory with list and entry.
func Appended(list, entry []byte, keep, same int) ([]byte, bool) {
	if len(list)%len(entry) != 0 {
		return nil, false
	}
	next := make([]byte, 0, len(list)+len(entry))
	for one := range slices.Chunk(list, len(entry)) {
		if same == 0 || !bytes.Equal(one[:same], entry[:same]) {
			next = append(next, one...)
		}
	}
	next = append(next, entry...)
	return next[max(0, len(next)-keep*len(entry)):], true
}

// One is the answer of a Read, made of that of a ReadAll of one key.
func One(values [][]byte, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case values[0] == nil:
		return nil, fmt.Errorf("read: %w", ErrAbsent)
	}
	return values[0], nil
}
