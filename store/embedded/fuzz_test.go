package embedded

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/store"
)

func FuzzRecord(f *testing.F) {
	f.Add(encodeRecord(record{expires: 1, value: []byte("v")}))
	f.Add(encodeRecord(record{expires: 1 << 40, tombstone: true}))
	f.Add(encodeRecord(record{expires: 5, fenced: true, run: runID{1, 2, 3}, value: []byte("v")}))
	f.Add([]byte{flagFenced, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := decodeRecord(b)
		if !ok {
			return
		}
		b = bytes.Clone(b)
		b[0] &= flagTombstone | flagFenced
		if got := encodeRecord(r); !bytes.Equal(got, b) {
			t.Errorf("decoded and encoded: got %x, want %x", got, b)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendAnswer(nil, store.Outcome{}))
	f.Add(appendAnswer(nil, store.Outcome{Taken: [][]byte{[]byte("a"), {}, bytes.Repeat([]byte("b"), 300)}}))
	f.Add(appendAnswer(nil, store.Outcome{Conflict: &store.Conflict{Op: 7, Why: store.Differs, Value: []byte("v")}}))
	f.Add([]byte{answerDone, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeAnswer(b)
		if err != nil {
			return
		}
		again, err := decodeAnswer(appendAnswer(nil, o))
		if err != nil {
			t.Fatalf("encoded and decoded: %v", err)
		}
		if d := cmp.Diff(o, again); d != "" {
			t.Errorf("encoded and decoded (-first +second):\n%s", d)
		}
	})
}
