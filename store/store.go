// Package store states what Sinho needs of a place to keep live records:
// small values with an expiry, changed only by Apply, an all-or-nothing
// operation on one shard; and of a Queue, for what has to be done later. It
// knows nothing of logins; what a record means is its writer's business.
// Backends live in store/embedded and store/shared and both pass
// store/storetest.
//
// Records are positive: an absent record means dead, so losing one can
// never bring anything back to life.
package store

import (
	"context"
	"errors"
	"time"
)

// Limits every backend enforces before it touches anything.
const (
	MaxOps   = 10
	MaxKey   = 128      // bytes
	MaxShard = 64       // bytes
	MaxValue = 16 << 10 // bytes
	MaxTTL   = 400 * 24 * time.Hour

	MaxEntry = 256 // bytes of an entry of a list
	MaxKeep  = 64  // entries of a list

	// EndOfGenerations is above every Op.From. A server that counts in floating
	// point (Lua) still knows one from the next below it.
	EndOfGenerations = 1 << 53
)

// The longest list fits a record: were MaxValue smaller, this would not compile.
const _ = uint(MaxValue - MaxEntry*MaxKeep)

// Sentinels. Compare with errors.Is.
var (
	// ErrAbsent: Read found no live record.
	ErrAbsent = errors.New("store: record absent")
	// ErrUnavailable wraps every failure of the store itself: the person may
	// repeat the step, nothing has been taken or everything has.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrTooFewReplicas: a Durable Apply was not acknowledged by enough
	// replicas. It wraps ErrUnavailable.
	ErrTooFewReplicas = errors.New("store: too few replicas")
)

// Shard groups the records of one person: the hash tag in Redis Cluster.
type Shard string

// Attempt names one intended change. Applying the same attempt to the same
// shard again within AttemptTTL gives the first answer and changes nothing,
// so that a retry after a lost reply cannot make a winner look like a replay.
type Attempt [16]byte

// AttemptTTL is how long an answer is kept for its attempt.
const AttemptTTL = 60 * time.Second

// Kind says what an Op does.
type Kind uint8

const (
	// Put writes Value under Key for TTL, whatever was there.
	Put Kind = iota + 1
	// PutNew writes Value under Key for TTL; a live record there is a conflict,
	// unless its value equals Value (then the TTL is left as it is).
	PutNew
	// Take returns the record's value and replaces it by Value (the tombstone)
	// for TTL. It conflicts when the record is absent, is a tombstone already,
	// or was minted by another run of the store (fence).
	Take
	// Delete removes Key; absent is fine.
	Delete
	// Hold is a guard: Key must be live and its value equal to Value.
	Hold
	// Alive is a guard: Key must be live.
	Alive
	// Fetch is a guard: Key must be live. Its value is in Outcome.Taken; the
	// record stays as it is.
	Fetch
	// Advance moves a generation on. The record's value is the generation, eight
	// bytes big-endian, and anything behind it. Where it is From it becomes
	// From+1, for TTL; the value there was, whole, is in Outcome.Taken. A later
	// generation than From, or a value that has none, is a conflict (Differs).
	// An earlier one proves that the store has lost a write, for whoever says From
	// has it sealed: the store is raised to From+1 with the same answer. What is
	// behind the generation, and a fence, stay.
	Advance
	// Append adds Value, an entry of 1 to MaxEntry bytes, to the list under Key
	// and keeps the newest Keep entries, for TTL or for what is left of the list's
	// own time, whichever is longer. With Same, entries that begin with the same
	// bytes give way to it. The record's value is its
	// entries, oldest first, one behind the other; all have the same length, which
	// the writers of a key agree on: a live value whose length is no multiple of
	// the entry's is a conflict (Differs), and so is a tombstone. An absent key is
	// an empty list; a fence stays.
	Append
	// Contains is a guard: Key must be live and Value, not empty, must be somewhere
	// in its value. It finds a name in a list whose entries begin with random names.
	Contains
)

// Op is one guard or write of an Apply.
type Op struct {
	Kind  Kind
	Key   string
	Value []byte
	TTL   time.Duration
	// Fenced (Put, PutNew) stamps the record with the store's run id: a later
	// Take by another run of the store process refuses it.
	Fenced bool
	// From (Advance) is the generation to move on from, below EndOfGenerations.
	From uint64
	// Keep (Append) is how many entries are kept, 1 to MaxKeep.
	Keep int
	// Same (Append) is how many bytes of Value, its first, name the entry: 0 for
	// entries without names, at most the entry's length.
	Same int
}

// Why says what stopped an Apply.
type Why uint8

const (
	// Absent: no live record under the key.
	Absent Why = iota + 1
	// Tombstone: the record was taken before; Conflict.Value is the tombstone's.
	Tombstone
	// Fence: minted by another run of the store.
	Fence
	// Differs: a live record with another value; Conflict.Value is that value.
	Differs
)

// Conflict names the first Op that could not be done.
type Conflict struct {
	Op    int
	Why   Why
	Value []byte
}

// Outcome of an Apply. Conflict is nil when everything was done.
type Outcome struct {
	Conflict *Conflict
	// Taken holds, for each Take, Fetch and Advance in order, the value found.
	Taken [][]byte
	// Repeated: the answer was remembered from an earlier call of this attempt.
	Repeated bool
}

// Store is the whole contract. All methods are safe for concurrent use and
// honour ctx; a ctx that ends leaves the change done or not done, never half.
type Store interface {
	// Apply checks every guard and does every write, or none. durable asks that
	// the write survive a failover (replicas acknowledge; on one machine: fsync).
	Apply(ctx context.Context, shard Shard, attempt Attempt, durable bool, ops ...Op) (Outcome, error)
	// Read returns a live record's value, or ErrAbsent. Tombstones are absent.
	Read(ctx context.Context, shard Shard, key string) ([]byte, error)
	// ReadAll returns the values of 1 to MaxOps records as they were at one moment,
	// nil for those that Read calls absent.
	ReadAll(ctx context.Context, shard Shard, keys ...string) ([][]byte, error)
	// Now is the store's clock, never going back within one run.
	Now(ctx context.Context) (time.Time, error)
	// Close releases everything. Later calls fail with ErrUnavailable.
	Close() error
}
