// Package linear checks with porcupine that every store keeps its contract
// while it is killed, paused, cut off, slowed down and failed over: the records
// of one shard behave as one copy that does one Apply at a time
// (docs/decisions/0011-linearizability.md says what is checked and what is not).
// It has tests only, and knows nothing of logins but the shape of their changes.
package linear

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"sinho/store"
)

// kind of a step in a shard's history.
type kind uint8

const (
	apply kind = iota + 1
	read
	// ghost is an Apply whose first sending may have been done, and its answer
	// lost together with the server, before it was sent again.
	ghost
	// ending is the end of the store's run: fenced records can be taken no more.
	ending
)

// fate is what an ending leaves.
type fate uint8

const (
	keeps   fate = iota + 1 // everything
	forgets                 // nothing
	// trails leaves what there was at some moment after the last durable change
	// that was answered: the successor had not heard of the rest.
	trails
)

// input of a step.
type input struct {
	kind    kind
	durable bool
	ops     []store.Op
	key     string // of a read
	fate    fate   // of an ending
}

// output of a step. An Apply that is not known was answered by nobody: it may
// have been done at any time after its call, or never, which is the same as
// after everything else.
type output struct {
	known   bool
	outcome store.Outcome
	found   bool // of a read
	value   string
}

// state of one shard. Runs are counted, so that a fenced record knows its own.
type state struct {
	run  int
	live string   // every record; see get and set
	past []string // what there was before, since the last durable change
}

// record in a state.
type record struct {
	mark  byte // 'v' plain, 'f' fenced, 't' tombstone
	run   int  // that minted it, if fenced
	value string
}

// A state's records are one string, so that states compare fast: for each
// record, by key: NUL key SOH mark run STX value NUL. Of a value that has such
// bytes, a generation, ETX and hexadecimal digits are kept.
func pack(value string) string {
	if !strings.ContainsAny(value, "\x00\x01\x02\x03") {
		return value
	}
	return "\x03" + hex.EncodeToString([]byte(value))
}

func unpack(packed string) string {
	digits, ok := strings.CutPrefix(packed, "\x03")
	if !ok {
		return packed
	}
	value, _ := hex.DecodeString(digits) // written by pack
	return string(value)
}

// get finds a record in a state; without removes it, set writes it.
func get(live, key string) (record, bool) {
	at := strings.Index(live, "\x00"+key+"\x01")
	if at < 0 {
		return record{}, false
	}
	rest := live[at+len(key)+2:]
	head, rest, _ := strings.Cut(rest, "\x02")
	value, _, _ := strings.Cut(rest, "\x00")
	run, _ := strconv.Atoi(head[1:]) // written by set
	return record{mark: head[0], run: run, value: unpack(value)}, true
}

func without(live, key string) string {
	at := strings.Index(live, "\x00"+key+"\x01")
	if at < 0 {
		return live
	}
	end := at + 1 + strings.IndexByte(live[at+1:], 0)
	return live[:at] + live[end+1:]
}

func set(live, key string, r record) string {
	live = without(live, key)
	one := "\x00" + key + "\x01" + string(r.mark) + strconv.Itoa(r.run) + "\x02" + pack(r.value) + "\x00"
	at := 0
	for at < len(live) {
		end := at + 1 + strings.IndexByte(live[at+1:], 0) + 1
		other, _, _ := strings.Cut(live[at+1:end], "\x01")
		if other > key {
			break
		}
		at = end
	}
	return live[:at] + one + live[at:]
}

// do is the contract: every op is judged by what was there before, then all are
// done or none.
func do(live string, run int, ops []store.Op) (string, store.Outcome) {
	var out store.Outcome
	for i, op := range ops {
		r, found := get(live, op.Key)
		if why := refusal(op, r, found, run); why != 0 {
			c := &store.Conflict{Op: i, Why: why}
			if why == store.Tombstone || why == store.Differs {
				c.Value = []byte(r.value)
			}
			return live, store.Outcome{Conflict: c}
		}
		if gives(op) {
			out.Taken = append(out.Taken, []byte(r.value))
		}
	}
	next := live
	for _, op := range ops {
		r := record{mark: 'v', value: string(op.Value)}
		if op.Fenced {
			r.mark, r.run = 'f', run
		}
		was, found := get(live, op.Key)
		if !found {
			was.mark = 'v'
		}
		switch op.Kind {
		case store.PutNew:
			if !found {
				next = set(next, op.Key, r)
			}
		case store.Put:
			next = set(next, op.Key, r)
		case store.Take:
			next = set(next, op.Key, record{mark: 't', value: r.value})
		case store.Delete:
			next = without(next, op.Key)
		case store.Advance:
			was.value = generation(op.From+1) + was.value[8:]
			next = set(next, op.Key, was)
		case store.Append:
			was.value = appended(was.value, op)
			next = set(next, op.Key, was)
		case store.Hold, store.Alive, store.Fetch, store.Contains:
		}
	}
	return next, out
}

// appended is a list with the entry of op.
func appended(list string, op store.Op) string {
	next, entry := "", string(op.Value)
	for ; list != ""; list = list[len(entry):] {
		if op.Same == 0 || list[:op.Same] != entry[:op.Same] {
			next += list[:len(entry)]
		}
	}
	next += entry
	return next[max(0, len(next)-op.Keep*len(entry)):]
}

// gives reports whether the op's value comes with the answer.
func gives(op store.Op) bool {
	return op.Kind == store.Take || op.Kind == store.Fetch || op.Kind == store.Advance
}

// refusal says why op cannot be done to the record, or 0.
func refusal(op store.Op, r record, found bool, run int) store.Why {
	creates := op.Kind == store.PutNew || op.Kind == store.Append
	compares := op.Kind == store.Hold || op.Kind == store.PutNew
	switch {
	case op.Kind == store.Put || op.Kind == store.Delete || creates && !found:
		return 0
	case !found:
		return store.Absent
	case r.mark == 't':
		return store.Tombstone
	case op.Kind == store.Take && r.mark == 'f' && r.run != run:
		return store.Fence
	case compares && r.value != string(op.Value),
		op.Kind == store.Advance && (len(r.value) < 8 || r.value[:8] > generation(op.From)),
		op.Kind == store.Append && len(r.value)%len(op.Value) != 0,
		op.Kind == store.Contains && !strings.Contains(r.value, string(op.Value)):
		return store.Differs
	}
	return 0
}

// generation is one as a value begins with it.
func generation(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

// same ignores whether an answer was remembered.
func same(a, b store.Outcome) bool {
	if (a.Conflict == nil) != (b.Conflict == nil) || len(a.Taken) != len(b.Taken) {
		return false
	}
	if a.Conflict != nil {
		return a.Conflict.Op == b.Conflict.Op && a.Conflict.Why == b.Conflict.Why && string(a.Conflict.Value) == string(b.Conflict.Value)
	}
	return slices.EqualFunc(a.Taken, b.Taken, func(x, y []byte) bool { return string(x) == string(y) })
}

// after is s once live has become next. trailing keeps what there was, unless
// the change was answered as durable: it and all before it have been copied.
func after(s state, next string, durable, trailing bool) state {
	out := state{run: s.run, live: next}
	switch {
	case !trailing || durable:
	case next == s.live:
		out.past = s.past
	default:
		out.past = append(slices.Clip(s.past), s.live)
	}
	return out
}

// contract is the model of one shard. trailing says that endings may lose what
// was not durable.
func contract(trailing bool) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{run: 1}} },
		Step: func(at, in, out any) []any { return step(at.(state), in.(input), out.(output), trailing) },
		Equal: func(a, b any) bool {
			x, y := a.(state), b.(state)
			return x.run == y.run && x.live == y.live && slices.Equal(x.past, y.past)
		},
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState: func(at any) string {
			return fmt.Sprintf("run %d %q", at.(state).run, at.(state).live)
		},
	}
	return m.ToModel()
}

// step gives every state s can be in after a step with this answer; none if the
// answer is wrong.
func step(s state, in input, out output, trailing bool) []any {
	switch in.kind {
	case apply:
		next, want := do(s.live, s.run, in.ops)
		if out.known && !same(want, out.outcome) {
			return nil
		}
		return []any{after(s, next, in.durable && out.known && want.Conflict == nil, trailing)}
	case ghost:
		next, _ := do(s.live, s.run, in.ops)
		if next == s.live {
			return []any{s}
		}
		return []any{s, after(s, next, false, trailing)}
	case read:
		r, found := get(s.live, in.key)
		found = found && r.mark != 't'
		if found != out.found || found && r.value != out.value {
			return nil
		}
		return []any{s}
	case ending:
		all := []any{state{run: s.run + 1, live: s.live}}
		switch in.fate {
		case forgets:
			return []any{state{run: s.run + 1}}
		case trails:
			for _, live := range s.past {
				all = append(all, state{run: s.run + 1, live: live})
			}
		case keeps:
		}
		return all
	}
	return nil
}

func describe(in input, out output) string {
	var b strings.Builder
	switch in.kind {
	case read:
		fmt.Fprintf(&b, "read %s: %q %v", in.key, out.value, out.found)
		return b.String()
	case ending:
		return fmt.Sprintf("ending %d", in.fate)
	case ghost:
		b.WriteString("perhaps ")
	case apply:
	}
	if in.durable {
		b.WriteString("durable ")
	}
	for _, op := range in.ops {
		fmt.Fprintf(&b, "%v %s %q", op.Kind, op.Key, op.Value)
		if op.Kind == store.Advance {
			fmt.Fprintf(&b, " from %d", op.From)
		}
		b.WriteString("; ")
	}
	switch c := out.outcome.Conflict; {
	case in.kind == ghost:
	case !out.known:
		b.WriteString("not answered")
	case c != nil:
		fmt.Fprintf(&b, "conflict: op %d %v %q", c.Op, c.Why, c.Value)
	default:
		fmt.Fprintf(&b, "done, taken %q", out.outcome.Taken)
	}
	return b.String()
}
