package linear

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"sinho/store"
)

// ttl is longer than any run: expiry is storetest's matter.
const ttl = 24 * time.Hour

// plan is one intended change or look, as the product makes it.
type plan struct {
	input
	name string
	// replay is done when the first op finds a tombstone: a code that comes a
	// second time revokes what it gave.
	replay *plan
}

// writer plans the steps of one caller on one shard. Values are unique, so that
// whatever is taken or seen names who wrote it.
type writer struct {
	chance *rand.Rand
	name   string
	n      int
	knows  bool   // that there is a refresh family
	seen   uint64 // its generation last seen
	open   int    // changes nobody has answered
}

func (w *writer) unique() []byte {
	w.n++
	return []byte(w.name + "." + strconv.Itoa(w.n))
}

// next is what this caller does next. Keys are few, so that callers meet.
func (w *writer) next() plan {
	i := strconv.Itoa(w.chance.IntN(3))
	code, access, pass := "code"+i, "access"+i, "pass"+i
	put := func(kind store.Kind, key string) store.Op {
		return store.Op{Kind: kind, Key: key, Value: w.unique(), TTL: ttl}
	}
	fenced := func(op store.Op) store.Op {
		op.Fenced = true
		return op
	}
	lock := store.Op{Kind: store.PutNew, Key: "lock", Value: []byte(w.name), TTL: ttl}
	site := fmt.Appendf(nil, "%-12s", w.unique())
	switch w.chance.IntN(15) {
	case 0: // the callback of a login without a pass
		sites := store.Op{Kind: store.Put, Key: "sites", Value: site, TTL: ttl}
		return plan{name: "mint a code", input: input{kind: apply, ops: []store.Op{fenced(put(store.PutNew, code)), put(store.Put, "session"), sites}}}
	case 1: // single sign-on; what nobody looks at would leave the order open, and the check without end
		another := store.Op{Kind: store.Append, Key: "sites", Value: site, Keep: 3, Same: w.chance.IntN(2), TTL: ttl}
		return plan{name: "mint a code by session", input: input{kind: apply, ops: []store.Op{fenced(put(store.PutNew, code)), {Kind: store.Alive, Key: "session"}, {Kind: store.Fetch, Key: "sites"}, another}}}
	case 2, 3, 4: // the token endpoint
		revoke := plan{name: "revoke after a replay", input: input{kind: apply, durable: true, ops: []store.Op{{Kind: store.Delete, Key: access}}}}
		return plan{name: "take a code", input: input{kind: apply, ops: []store.Op{put(store.Take, code), put(store.Put, access)}}, replay: &revoke}
	case 5: // userinfo
		return plan{name: "read an access record", input: input{kind: read, key: access}}
	case 6: // the waiting room
		return plan{name: "mint a pass", input: input{kind: apply, ops: []store.Op{fenced(put(store.PutNew, pass))}}}
	case 7:
		return plan{name: "check a pass", input: input{kind: read, key: pass}}
	case 8: // the callback of a login that books
		return plan{name: "lock, code and pass", input: input{kind: apply, durable: true, ops: []store.Op{lock, fenced(put(store.PutNew, code)), put(store.Take, pass)}}}
	case 9:
		return plan{name: "lock", input: input{kind: apply, durable: true, ops: []store.Op{lock}}}
	case 10:
		hold := store.Op{Kind: store.Hold, Key: "lock", Value: []byte(w.name)}
		return plan{name: "unlock", input: input{kind: apply, durable: true, ops: []store.Op{hold, {Kind: store.Delete, Key: "lock"}}}}
	case 11:
		return plan{name: "read the refresh generation", input: input{kind: read, key: "refresh"}}
	case 12: // every site of a session is told of its end
		return plan{name: "log out", input: input{kind: apply, durable: true, ops: []store.Op{{Kind: store.Fetch, Key: "sites"}, {Kind: store.Delete, Key: "session"}, {Kind: store.Delete, Key: "sites"}}}}
	default:
		if !w.knows {
			begin := put(store.PutNew, "refresh")
			begin.Value = append([]byte(generation(0)), begin.Value...)
			return plan{name: "begin a refresh family", input: input{kind: apply, durable: true, ops: []store.Op{begin}}}
		}
		advance := store.Op{Kind: store.Advance, Key: "refresh", From: w.seen, TTL: ttl}
		return plan{name: "refresh", input: input{kind: apply, durable: true, ops: []store.Op{put(store.Put, access), advance}}}
	}
}

// learn keeps what an answer told about the refresh generation.
func (w *writer) learn(p plan, out output) {
	if p.kind == read {
		if p.key == "refresh" {
			w.saw(out.value)
		}
		return
	}
	last := p.ops[len(p.ops)-1]
	switch c := out.outcome.Conflict; {
	case !out.known || last.Key != "refresh":
	case c != nil:
		w.saw(string(c.Value))
	case last.Kind == store.Advance:
		w.seen = last.From + 1
	default:
		w.saw(string(last.Value))
	}
}

// saw learns from a value, "" where there is none.
func (w *writer) saw(value string) {
	if w.knows = len(value) >= 8; w.knows {
		w.seen = binary.BigEndian.Uint64([]byte(value))
	}
}
