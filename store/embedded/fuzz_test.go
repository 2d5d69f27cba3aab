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

func FuzzQueue(f *testing.F) {
	f.Add(state{due: 1, attempts: 2, back: true, lease: "l"}.encode())
	f.Add(append(dueKey(1, []byte{2}), "iditem"...))
	f.Add(append(dueKey(1, []byte{200}), "iditem"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeState(b); err == nil {
			b := bytes.Clone(b)
			b[8] = min(b[8], 1)
			if got := s.encode(); !bytes.Equal(got, b) {
				t.Errorf("a state decoded and encoded: got %x, want %x", got, b)
			}
		}
		pushed, id, item, err := cutItem(b)
		if err != nil {
			return
		}
		again := append(append(dueKey(pushed.UnixMicro(), []byte{byte(len(id))}), id...), item...)
		if !bytes.Equal(again, b) {
			t.Errorf("an item cut and joined: got %x, want %x", again, b)
		}
	})
}
