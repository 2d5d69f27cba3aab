package linear

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"sinho/store"
)

// breakage is a way in which a store may fail its contract.
type breakage string

const (
	sound        breakage = ""
	takesTwice   breakage = "takes twice"
	staysBehind  breakage = "gives one generation to two"
	losesDurable breakage = "loses a durable change"
	keepsCodes   breakage = "lets a code outlive its run"
	readsStale   breakage = "reads what was there before"
	halfDone     breakage = "does half of a change that conflicts"
	deniesLoss   breakage = "loses what was answered, and nothing ended"
)

// memory is a store in memory that is sound, or broken in one way now and then.
// It shows that the check can fail.
type memory struct {
	broken breakage

	mu       sync.Mutex // guards what follows
	run      int
	shards   map[store.Shard]string
	before   map[store.Shard]string // the last durable change left this behind
	attempts map[string]store.Outcome
	calls    int
}

func newMemory(b breakage) *memory {
	return &memory{broken: b, run: 1, shards: map[store.Shard]string{}, before: map[store.Shard]string{}, attempts: map[string]store.Outcome{}}
}

// restart begins another run that keeps everything.
func (m *memory) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != keepsCodes {
		m.run++
	}
	if m.broken == losesDurable {
		maps.Copy(m.shards, m.before)
	}
}

func (m *memory) Apply(_ context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := string(shard) + string(attempt[:])
	if out, ok := m.attempts[id]; ok {
		out.Repeated = true
		return out, nil
	}
	m.calls++
	rarely := m.calls%7 == 0
	live := m.shards[shard]
	next, out := do(live, m.run, ops)
	switch {
	case m.broken == takesTwice && rarely && len(out.Taken) > 0:
		next = live
	case m.broken == staysBehind && rarely && ops[len(ops)-1].Kind == store.Advance && out.Conflict == nil:
		next, _ = do(live, m.run, ops[:len(ops)-1])
	case m.broken == deniesLoss && rarely:
		next = live
	case m.broken == halfDone && rarely && out.Conflict != nil && out.Conflict.Op > 0:
		next, _ = do(live, m.run, ops[:out.Conflict.Op])
	}
	if durable && out.Conflict == nil {
		m.before[shard] = live
	}
	m.shards[shard] = next
	m.attempts[id] = out
	return out, nil
}

func (m *memory) Read(_ context.Context, shard store.Shard, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	live := m.shards[shard]
	if m.broken == readsStale && m.calls%7 == 0 {
		live = m.before[shard]
	}
	r, found := get(live, key)
	if !found || r.mark == 't' {
		return nil, fmt.Errorf("read: %w", store.ErrAbsent)
	}
	return []byte(r.value), nil
}

// ReadAll is what rooms do, and no plan.
func (m *memory) ReadAll(_ context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if r, found := get(m.shards[shard], key); found && r.mark != 't' {
			values[i] = []byte(r.value)
		}
	}
	return values, nil
}

func (*memory) Now(context.Context) (time.Time, error) { return time.Now(), nil }
func (*memory) Close() error                           { return nil }

// TestTheCheckCanFail feeds the check stores that break their contract. It must
// accept the sound one and refuse every other.
func TestTheCheckCanFail(t *testing.T) {
	for _, b := range []breakage{sound, takesTwice, staysBehind, losesDurable, keepsCodes, readsStale, halfDone, deniesLoss} {
		t.Run("a store that "+name(b), func(t *testing.T) {
			m := newMemory(b)
			restart := fault{name: "restart", fate: keeps, do: func(*testing.T) { m.restart() }}
			r := &run{
				stores: []store.Store{m}, groups: 8, calm: 1500, seed: 1, resends: true,
				faults: []fault{restart, restart, restart, restart},
			}
			r.drive(t)
			v := r.check(time.Minute)
			t.Logf("%d of %d histories refused", v.Illegal, v.Shards)
			if v.Unknown > 0 {
				t.Errorf("%d histories are not decided", v.Unknown)
			}
			if got, want := v.Illegal > 0, b != sound; got != want {
				t.Errorf("refused %v (%d of %d histories), want %v", got, v.Illegal, v.Shards, want)
			}
			twice := b == takesTwice || b == staysBehind
			if got := v.Twice > 0; got != twice && b != deniesLoss && b != losesDurable {
				t.Errorf("values taken twice: %d", v.Twice)
			}
			if len(r.breaches) > 0 {
				t.Errorf("attempts that were answered anew: %q", r.breaches)
			}
		})
	}
}

func name(b breakage) string {
	if b == sound {
		return "keeps it"
	}
	return string(b)
}

// TestALostChangeIsTold checks the model by hand where runs end.
func TestALostChangeIsTold(t *testing.T) {
	put := func(kind store.Kind, key, value string) store.Op {
		return store.Op{Kind: kind, Key: key, Value: []byte(value)}
	}
	done := output{known: true}
	found := func(value string) output { return output{known: true, found: true, value: value} }
	gone := output{known: true}
	type at struct {
		in  input
		out output
	}
	plain := at{input{kind: apply, ops: []store.Op{put(store.Put, "k", "v")}}, done}
	durable := at{input{kind: apply, durable: true, ops: []store.Op{put(store.Put, "lock", "me")}}, done}
	unsure := at{input{kind: apply, durable: true, ops: []store.Op{put(store.Put, "k", "v")}}, output{}}
	began := at{input{kind: apply, durable: true, ops: []store.Op{put(store.PutNew, "refresh", generation(0)+"f")}}, done}
	refresh := func(from uint64, o store.Outcome, known bool) at {
		ops := []store.Op{{Kind: store.Advance, Key: "refresh", From: from}}
		return at{input{kind: apply, durable: true, ops: ops}, output{known: known, outcome: o}}
	}
	was := func(n uint64) store.Outcome { return store.Outcome{Taken: [][]byte{[]byte(generation(n) + "f")}} }
	late := func(n uint64) store.Outcome {
		return store.Outcome{Conflict: &store.Conflict{Why: store.Differs, Value: []byte(generation(n) + "f")}}
	}
	end := func(f fate) at { return at{input{kind: ending, fate: f}, output{}} }
	look := func(key string, o output) at { return at{input{kind: read, key: key}, o} }
	tests := []struct {
		name  string
		steps []at
		legal bool
	}{
		{"a plain change may be lost", []at{plain, end(trails), look("k", gone)}, true},
		{"a plain change may be kept", []at{plain, end(trails), look("k", found("v"))}, true},
		{"what is lost stays lost", []at{plain, end(trails), look("k", gone), look("k", found("v"))}, false},
		{"a durable change is kept", []at{durable, end(trails), look("lock", gone)}, false},
		{"and so is what went before it", []at{plain, durable, end(trails), look("k", gone)}, false},
		{"but not what came after", []at{durable, plain, end(trails), look("k", gone)}, true},
		{"a change without an answer may be lost", []at{unsure, end(trails), look("k", gone)}, true},
		{"a server that keeps everything loses nothing", []at{plain, end(keeps), look("k", gone)}, false},
		{"a generation is given once", []at{began, refresh(0, was(0), true), refresh(0, was(0), true)}, false},
		{"a second comer is told the generation", []at{began, refresh(0, was(0), true), refresh(0, late(1), true)}, true},
		{"a generation answered is kept", []at{began, refresh(0, was(0), true), end(trails), refresh(0, was(0), true)}, false},
		{"a newer token raises what was lost", []at{began, refresh(0, was(0), false), end(trails), refresh(1, was(0), true), look("refresh", found(generation(2)+"f"))}, true},
		{"and is not punished", []at{began, end(trails), refresh(1, late(0), true)}, false},
		{"one that keeps nothing keeps nothing", []at{plain, end(forgets), look("k", found("v"))}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			states := []any{state{run: 1}}
			for _, s := range tt.steps {
				var next []any
				for _, one := range states {
					next = append(next, step(one.(state), s.in, s.out, true)...)
				}
				states = next
			}
			if got := len(states) > 0; got != tt.legal {
				t.Errorf("got legal %v, want %v", got, tt.legal)
			}
		})
	}
}
