package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sinho/store"
)

// model applies random changes to the store and to the simplest thing that
// could keep the contract, and compares every answer.
func (u *suite) model(t *testing.T) {
	const seed, steps = 7, 900
	s := u.open(t)
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test that can be repeated
	shard := newShard()
	m := model{}
	kinds := []store.Kind{
		store.Put, store.PutNew, store.PutNew, store.Take, store.Take, store.Delete, store.Hold, store.Alive,
		store.Fetch, store.Advance, store.Advance, store.Append, store.Append, store.Contains,
	}
	for step := range steps {
		var ops []store.Op
		for _, k := range random.Perm(5)[:1+random.IntN(3)] {
			op := randomOp(random, kinds[random.IntN(len(kinds))], fmt.Sprint("key ", k))
			ops = append(ops, op)
		}
		got, want := apply(t, s, shard, ops...), m.apply(ops)
		if d := diff(got, want); d != "" {
			t.Fatalf("seed %d, step %d, ops %+v: outcome (-want +got):\n%s", seed, step, ops, d)
		}
	}
	for k := range 5 {
		key := fmt.Sprint("key ", k)
		want := absent
		if e, ok := m[key]; ok && !e.tombstone {
			want = string(e.value)
		}
		wantValue(t, s, shard, key, want)
	}
}

// randomOp has few values, so that they meet: generations, and lists of letters
// and of pairs.
func randomOp(random *rand.Rand, kind store.Kind, key string) store.Op {
	op := store.Op{Kind: kind, Key: key, TTL: long}
	switch kind {
	case store.Advance:
		op.From = random.Uint64N(4)
	case store.Append:
		op.Value = []byte([]string{"x", "yz"}[random.IntN(2)])
		op.Keep = 1 + random.IntN(12)
		op.Same = random.IntN(1 + len(op.Value))
	case store.Contains:
		op.Value = []byte([]string{"x", "zy", "\x00"}[random.IntN(3)])
	case store.Put, store.PutNew, store.Take, store.Hold:
		op.Value = []byte(generation(random.Uint64N(3), "abc"[:random.IntN(3)]))
	default: // the others carry none
	}
	return op
}

type entry struct {
	value     []byte
	tombstone bool
}

type model map[string]entry

func (m model) apply(ops []store.Op) store.Outcome {
	var o store.Outcome
	for i, op := range ops {
		e, found := m[op.Key]
		if why := judge(op, e, found); why != 0 {
			c := &store.Conflict{Op: i, Why: why}
			if why != store.Absent {
				c.Value = e.value
			}
			return store.Outcome{Conflict: c}
		}
		if op.Kind == store.Take || op.Kind == store.Fetch || op.Kind == store.Advance {
			o.Taken = append(o.Taken, e.value)
		}
	}
	for _, op := range ops {
		was := m[op.Key].value
		switch op.Kind {
		case store.Put, store.PutNew:
			m[op.Key] = entry{value: op.Value}
		case store.Take:
			m[op.Key] = entry{value: op.Value, tombstone: true}
		case store.Delete:
			delete(m, op.Key)
		case store.Advance:
			m[op.Key] = entry{value: []byte(generation(op.From+1, string(was[8:])))}
		case store.Append:
			entries := slices.DeleteFunc(slices.Collect(slices.Chunk(was, len(op.Value))), func(one []byte) bool {
				return op.Same > 0 && bytes.HasPrefix(one, op.Value[:op.Same])
			})
			entries = append(entries, op.Value)
			m[op.Key] = entry{value: slices.Concat(entries[max(0, len(entries)-op.Keep):]...)}
		case store.Hold, store.Alive, store.Fetch, store.Contains:
		}
	}
	return o
}

// judge says why op cannot be done to what is there, or 0.
func judge(op store.Op, e entry, found bool) store.Why {
	switch op.Kind {
	case store.Put, store.Delete:
		return 0
	case store.PutNew, store.Append:
		if !found {
			return 0
		}
	case store.Take, store.Hold, store.Alive, store.Fetch, store.Advance, store.Contains:
		if !found {
			return store.Absent
		}
	}
	compares := op.Kind == store.Hold || op.Kind == store.PutNew
	switch {
	case e.tombstone:
		return store.Tombstone
	case compares && !bytes.Equal(e.value, op.Value),
		op.Kind == store.Advance && (len(e.value) < 8 || string(e.value[:8]) > generation(op.From, "")),
		op.Kind == store.Append && len(e.value)%len(op.Value) != 0,
		op.Kind == store.Contains && !bytes.Contains(e.value, op.Value):
		return store.Differs
	}
	return 0
}
