package store

import (
	"errors"
	"fmt"
	"time"
)

// MinTTL is the shortest life a record may have: one millisecond, the grain of
// every backend's clock. Backends round a TTL up to it.
const MinTTL = time.Millisecond

// ErrInvalid wraps every call that can never succeed because the caller broke
// a limit or a rule of Op. Nothing was sent to the store.
var ErrInvalid = errors.New("store: invalid call")

// Check reports the first limit or rule that an Apply would break, wrapping
// ErrInvalid, or nil. Every backend calls it before it touches anything.
//
// Beyond the sizes: the attempt is not all zero (a forgotten one would make
// unrelated changes answer for each other), a key is written by at most one Op
// (guards on the same key are welcome; all Ops are judged against the state
// before the Apply), Fenced belongs to Put and PutNew, From to Advance, Keep
// and Same to Append, Contains looks for something, and Alive, Delete, Fetch and
// Advance carry no Value, because they would ignore it.
func Check(shard Shard, attempt Attempt, ops []Op) error {
	if err := checkShard(shard); err != nil {
		return err
	}
	if attempt == (Attempt{}) {
		return fmt.Errorf("%w: the attempt is all zero", ErrInvalid)
	}
	if len(ops) == 0 || len(ops) > MaxOps {
		return fmt.Errorf("%w: %d ops, want 1 to %d", ErrInvalid, len(ops), MaxOps)
	}
	for i, op := range ops {
		if err := checkOp(op); err != nil {
			return fmt.Errorf("%w: op %d (%v): %w", ErrInvalid, i, op.Kind, err)
		}
		if !op.Kind.writes() {
			continue
		}
		for j, earlier := range ops[:i] {
			if earlier.Kind.writes() && earlier.Key == op.Key {
				return fmt.Errorf("%w: ops %d and %d write the same key", ErrInvalid, j, i)
			}
		}
	}
	return nil
}

// CheckKeys reports the first limit a Read or ReadAll would break, wrapping
// ErrInvalid.
func CheckKeys(shard Shard, keys ...string) error {
	if err := checkShard(shard); err != nil {
		return err
	}
	if len(keys) == 0 || len(keys) > MaxOps {
		return fmt.Errorf("%w: %d keys, want 1 to %d", ErrInvalid, len(keys), MaxOps)
	}
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

func checkShard(shard Shard) error {
	if len(shard) == 0 || len(shard) > MaxShard {
		return fmt.Errorf("%w: shard of %d bytes, want 1 to %d", ErrInvalid, len(shard), MaxShard)
	}
	return nil
}

func checkKey(key string) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("key of %d bytes, want 1 to %d", len(key), MaxKey)
	}
	return nil
}

func checkOp(op Op) error {
	if op.Kind < Put || op.Kind > Contains {
		return errors.New("unknown kind")
	}
	if err := checkKey(op.Key); err != nil {
		return err
	}
	if len(op.Value) > MaxValue {
		return fmt.Errorf("value of %d bytes, at most %d", len(op.Value), MaxValue)
	}
	if len(op.Value) > 0 && op.Kind.ignoresValue() {
		return errors.New("carries a value it would ignore")
	}
	if op.Fenced && op.Kind != Put && op.Kind != PutNew {
		return errors.New("only Put and PutNew can be fenced")
	}
	if err := checkFields(op); err != nil {
		return err
	}
	if op.Kind.writes() && op.Kind != Delete && (op.TTL < MinTTL || op.TTL > MaxTTL) {
		return fmt.Errorf("TTL of %v, want %v to %v", op.TTL, MinTTL, MaxTTL)
	}
	return nil
}

// checkFields judges what only Advance, Append and Contains have.
func checkFields(op Op) error {
	switch {
	case op.From != 0 && op.Kind != Advance:
		return errors.New("only Advance has a generation to come from")
	case op.From >= EndOfGenerations:
		return fmt.Errorf("generation %d, want one below %d", op.From, uint64(EndOfGenerations))
	case op.Kind != Append && (op.Keep != 0 || op.Same != 0):
		return errors.New("only Append keeps entries")
	case op.Kind == Contains && len(op.Value) == 0:
		return errors.New("looks for nothing")
	case op.Kind == Append && (op.Keep < 1 || op.Keep > MaxKeep):
		return fmt.Errorf("keeps %d entries, want 1 to %d", op.Keep, MaxKeep)
	case op.Kind == Append && (len(op.Value) == 0 || len(op.Value) > MaxEntry):
		return fmt.Errorf("entry of %d bytes, want 1 to %d", len(op.Value), MaxEntry)
	case op.Same < 0 || op.Same > len(op.Value):
		return fmt.Errorf("name of %d bytes, want 0 to %d", op.Same, len(op.Value))
	}
	return nil
}

// ignoresValue reports whether the kind has no use for an Op's Value.
func (k Kind) ignoresValue() bool {
	return k == Delete || k == Alive || k == Fetch || k == Advance
}

// writes reports whether the kind changes its key.
func (k Kind) writes() bool {
	return k == Put || k == PutNew || k == Take || k == Delete || k == Advance || k == Append
}

// String names the kind as messages and tests do.
func (k Kind) String() string {
	switch k {
	case Put:
		return "put"
	case PutNew:
		return "put new"
	case Take:
		return "take"
	case Delete:
		return "delete"
	case Hold:
		return "hold"
	case Alive:
		return "alive"
	case Fetch:
		return "fetch"
	case Advance:
		return "advance"
	case Append:
		return "append"
	case Contains:
		return "contains"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// String names the reason as messages and tests do.
func (w Why) String() string {
	switch w {
	case Absent:
		return "absent"
	case Tombstone:
		return "tombstone"
	case Fence:
		return "fence"
	case Differs:
		return "differs"
	default:
		return fmt.Sprintf("why %d", uint8(w))
	}
}
