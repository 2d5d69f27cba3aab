package broker

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sinho/store"
)

// memory is a store.Store for tests: it counts, remembers every byte it was
// ever given, fails on request and can be "restarted".
type memory struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows
	records  map[string]memoryRecord
	attempts map[string]store.Outcome
	run      int
	calls    int
	broken   error
	mute     bool                // what is done is not answered
	refuse   func(store.Op) bool // ops that fail, nil for none
	read     func()              // called after a Read has its value, before it answers
	raw      bytes.Buffer
	durable  []string // keys written durably
}

type memoryRecord struct {
	value     []byte
	expires   time.Time
	run       int // 0: not fenced
	tombstone bool
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, records: map[string]memoryRecord{}, attempts: map[string]store.Outcome{}, run: 1}
}

func (m *memory) enter() func() {
	m.calls++
	return func() { m.mu.Unlock() }
}

func (m *memory) live(k string) (memoryRecord, bool) {
	r, ok := m.records[k]
	return r, ok && m.now().Before(r.expires)
}

// Apply is the store's, whose answer may be lost.
func (m *memory) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	out, err := m.apply(ctx, shard, attempt, durable, ops...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mute {
		return store.Outcome{}, store.ErrUnavailable
	}
	return out, err
}

func (m *memory) apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	m.mu.Lock()
	defer m.enter()()
	if m.broken != nil {
		return store.Outcome{}, fmt.Errorf("%w: %w", store.ErrUnavailable, m.broken)
	}
	if m.refuse != nil && slices.ContainsFunc(ops, m.refuse) {
		return store.Outcome{}, store.ErrUnavailable
	}
	if err := ctx.Err(); err != nil {
		return store.Outcome{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if err := store.Check(shard, attempt, ops); err != nil {
		panic(err)
	}
	for _, op := range ops {
		m.raw.WriteString(string(shard) + " " + op.Key + " ")
		m.raw.Write(op.Value)
		m.raw.WriteByte('\n')
	}
	memo := string(shard) + string(attempt[:])
	if out, ok := m.attempts[memo]; ok {
		out.Repeated = true
		return out, nil
	}
	out := store.Outcome{}
	for i, op := range ops {
		r, ok := m.live(string(shard) + "/" + op.Key)
		if why := m.objection(op, r, ok); why != 0 {
			out = store.Outcome{Conflict: &store.Conflict{Op: i, Why: why, Value: r.value}}
			m.attempts[memo] = out
			return out, nil
		}
		if op.Kind == store.Take || op.Kind == store.Fetch || op.Kind == store.Advance {
			out.Taken = append(out.Taken, r.value)
		}
	}
	for _, op := range ops {
		m.do(string(shard)+"/"+op.Key, op)
		if guard := op.Kind == store.Contains || op.Kind == store.Hold || op.Kind == store.Alive || op.Kind == store.Fetch; durable && !guard {
			m.durable = append(m.durable, op.Key)
		}
	}
	m.attempts[memo] = out
	return out, nil
}

// objection says why op cannot be done to what lives under its key, or 0.
func (m *memory) objection(op store.Op, r memoryRecord, ok bool) store.Why {
	switch {
	case op.Kind == store.Put || op.Kind == store.Delete:
	case !ok && (op.Kind == store.PutNew || op.Kind == store.Append):
	case !ok:
		return store.Absent
	case r.tombstone:
		return store.Tombstone
	case op.Kind == store.Take && r.run != 0 && r.run != m.run:
		return store.Fence
	case (op.Kind == store.PutNew || op.Kind == store.Hold) && !bytes.Equal(r.value, op.Value):
		return store.Differs
	case op.Kind == store.Contains && !bytes.Contains(r.value, op.Value):
		return store.Differs
	case op.Kind == store.Advance || op.Kind == store.Append:
		if _, ok := grown(op, r.value); !ok {
			return store.Differs
		}
	}
	return 0
}

func grown(op store.Op, value []byte) ([]byte, bool) {
	if op.Kind == store.Advance {
		return store.Advanced(value, op.From)
	}
	return store.Appended(value, op.Value, op.Keep, op.Same)
}

// do carries out one op that nothing objects to.
func (m *memory) do(k string, op store.Op) {
	r := memoryRecord{value: op.Value, expires: m.now().Add(op.TTL)}
	if op.Fenced {
		r.run = m.run
	}
	switch op.Kind {
	case store.Put:
		m.records[k] = r
	case store.PutNew:
		if _, ok := m.live(k); !ok {
			m.records[k] = r
		}
	case store.Take:
		r.tombstone = true
		m.records[k] = r
	case store.Delete:
		delete(m.records, k)
	case store.Advance, store.Append:
		was, _ := m.live(k)
		r.run = was.run
		r.value, _ = grown(op, was.value)
		if op.Kind == store.Append && was.expires.After(r.expires) {
			r.expires = was.expires
		}
		m.records[k] = r
	default: // guards
	}
}

func (m *memory) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	return store.One(m.ReadAll(ctx, shard, key))
}

func (m *memory) ReadAll(_ context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.enter()()
	if m.broken != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, m.broken)
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if r, ok := m.live(string(shard) + "/" + key); ok && !r.tombstone {
			values[i] = append([]byte{}, r.value...)
			if m.read != nil {
				m.read()
			}
		}
	}
	return values, nil
}

func (m *memory) Now(context.Context) (time.Time, error) { return m.now(), nil }
func (m *memory) Close() error                           { return nil }

// waited is how often the store was asked since the last call.
func (m *memory) waited() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.calls
	m.calls = 0
	return n
}

func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *memory) refuses(which func(store.Op) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = which
}

func (m *memory) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run++
}

// drop deletes the records whose key begins so, and says how many.
func (m *memory) drop(prefix string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for k := range m.records {
		if _, key, _ := strings.Cut(k, "/"); strings.HasPrefix(key, prefix) {
			delete(m.records, k)
			n++
		}
	}
	return n
}

func (m *memory) everything() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.raw.Bytes())
}
