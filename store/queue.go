package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Limits of a queue every backend enforces before it touches anything.
const (
	MaxQueue = 100_000        // items of one queue
	MaxItem  = 16 << 10       // bytes
	MaxBatch = 256            // items of one Lease
	MaxLease = 24 * time.Hour // of one item
	MaxToken = 64             // bytes of a lease
)

var (
	// ErrQueueFull: the queue holds MaxQueue items already.
	ErrQueueFull = errors.New("store: queue full")
	// ErrLeaseLost: the lease has passed to somebody else, or its item is gone or
	// was given back. Nothing has been changed.
	ErrLeaseLost = errors.New("store: lease lost")
)

// Queue keeps work that has to be done once some time has come, until somebody
// says that it is done. Every item is done at least once: whoever dies over it
// gives it back by time, and whoever outlives their own lease may do it beside
// another. Items are the program's own, never a stranger's, and never expire.
//
// Time is the store's clock. A queue is named by 1 to MaxShard bytes, an item
// by 1 to MaxKey bytes. Every failure of the store wraps ErrUnavailable and
// leaves the change done or not done; repeating it is harmless. All methods are
// safe for concurrent use.
type Queue interface {
	// Push adds an item of at most MaxItem bytes that is due at a time, or now if
	// that has passed. While an item of this id is in the queue it changes
	// nothing. It survives a failover (replicas acknowledge; on one machine:
	// fsync); after ErrTooFewReplicas it is there and perhaps not safe. A queue of
	// MaxQueue items is ErrQueueFull.
	Push(ctx context.Context, queue, id string, item []byte, due time.Time) error
	// Lease gives out at most most items (1 to MaxBatch) that are due, those due
	// longest first, and hides them from others for a while of MinTTL to MaxLease,
	// after which they are due again. None is no error. A reply that is lost hides
	// its items for that while.
	Lease(ctx context.Context, queue string, most int, hide time.Duration) ([]Leased, error)
	// Done removes an item for good, also when the lease is over and nobody else
	// has it. Once more with the same lease, within AttemptTTL, it succeeds again.
	Done(ctx context.Context, queue, id, lease string) error
	// Later gives an item back, to be due at a time, and ends the lease. Once more
	// with the same lease it sets the time anew, until somebody else has the item.
	Later(ctx context.Context, queue, id, lease string, due time.Time) error
	// Len is how many items are in the queue, due or not, leased or not, and when
	// the oldest of them was pushed; the zero time when there is none.
	Len(ctx context.Context, queue string) (waiting int, oldest time.Time, err error)
}

// Leased is an item given out by a Queue.
type Leased struct {
	ID       string
	Item     []byte
	Attempts int       // how often it has been given out, this time included
	Pushed   time.Time // in microseconds
	Lease    string    // names this giving out, towards Done and Later
}

// lastDue is the end of the times a server knows that counts microseconds in
// floating point: the year 2255.
var lastDue = time.UnixMicro(EndOfGenerations - 1)

// CheckPush reports the first limit a Push would break, wrapping ErrInvalid.
func CheckPush(queue, id string, item []byte, due time.Time) error {
	if err := checkItem(queue, id); err != nil {
		return err
	}
	if len(item) > MaxItem {
		return fmt.Errorf("%w: item of %d bytes, at most %d", ErrInvalid, len(item), MaxItem)
	}
	return checkDue(due)
}

// CheckLease reports the first limit a Lease would break, wrapping ErrInvalid.
func CheckLease(queue string, most int, hide time.Duration) error {
	if err := CheckQueue(queue); err != nil {
		return err
	}
	if most < 1 || most > MaxBatch {
		return fmt.Errorf("%w: a lease of %d items, want 1 to %d", ErrInvalid, most, MaxBatch)
	}
	if hide < MinTTL || hide > MaxLease {
		return fmt.Errorf("%w: a lease for %v, want %v to %v", ErrInvalid, hide, MinTTL, MaxLease)
	}
	return nil
}

// CheckHeld reports the first limit a Done (due is zero) or a Later would
// break, wrapping ErrInvalid.
func CheckHeld(queue, id, lease string, due time.Time) error {
	if err := checkItem(queue, id); err != nil {
		return err
	}
	if len(lease) == 0 || len(lease) > MaxToken {
		return fmt.Errorf("%w: lease of %d bytes, want 1 to %d", ErrInvalid, len(lease), MaxToken)
	}
	return checkDue(due)
}

// CheckQueue reports whether a queue's name is beyond its limit, wrapping
// ErrInvalid.
func CheckQueue(queue string) error {
	if len(queue) == 0 || len(queue) > MaxShard {
		return fmt.Errorf("%w: queue name of %d bytes, want 1 to %d", ErrInvalid, len(queue), MaxShard)
	}
	return nil
}

func checkItem(queue, id string) error {
	if err := CheckQueue(queue); err != nil {
		return err
	}
	if err := checkKey(id); err != nil {
		return fmt.Errorf("%w: item's %w", ErrInvalid, err)
	}
	return nil
}

func checkDue(due time.Time) error {
	if due.After(lastDue) {
		return fmt.Errorf("%w: due %v, want before %d", ErrInvalid, due, lastDue.Year())
	}
	return nil
}

// DoneAttempt is the attempt under which a backend remembers, for AttemptTTL and
// on the shard named like the queue, that a lease has done its item.
func DoneAttempt(id, lease string) Attempt {
	b := binary.AppendUvarint([]byte("done\x00"), uint64(len(id)))
	sum := sha256.Sum256(append(append(b, id...), lease...))
	return Attempt(sum[:16])
}
