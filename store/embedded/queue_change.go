package embedded

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

// bucketQueues has a bucket for each queue, by its name, and in it:
//
//	count:  → how many items, eight bytes
//	ids:    id                 → number
//	items:  number             → pushed, id length, id, item
//	states: number             → due, flags, attempts, lease
//	due:    due, number        → nothing
//
// Numbers count up with every Push, eight bytes; times are microseconds since
// 1970, eight bytes. Both are big-endian, so that the first of items is the
// oldest and the first of due is due first. An item is written once; what
// changes with every lease is small.
const (
	bucketQueues = "queues"

	bucketIDs    = "ids"
	bucketItems  = "items"
	bucketStates = "states"
	bucketDue    = "due"
	keyCount     = "count"
)

var errDamagedQueue = errors.New("a queue is damaged")

// queueChange is one queue in a transaction that changes it.
type queueChange struct {
	c                       *change
	top                     *bolt.Bucket
	ids, items, states, due *bolt.Bucket
	now                     time.Time
}

// openQueue makes the buckets of a queue if it has none.
func (c *change) openQueue(name string) (queueChange, error) {
	q := queueChange{c: c, now: c.now}
	var err error
	if q.top, err = c.queues.CreateBucketIfNotExists([]byte(name)); err != nil {
		return q, err
	}
	for _, b := range []struct {
		name string
		at   **bolt.Bucket
	}{{bucketIDs, &q.ids}, {bucketItems, &q.items}, {bucketStates, &q.states}, {bucketDue, &q.due}} {
		if *b.at, err = q.top.CreateBucketIfNotExists([]byte(b.name)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// state is what changes about an item.
type state struct {
	due      int64 // Unix microseconds: when it may be leased
	back     bool  // given back: the lease has ended
	attempts uint32
	lease    string
}

func (s state) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.due)) //nolint:gosec // times after 1970
	var flags byte
	if s.back {
		flags = 1
	}
	return append(binary.BigEndian.AppendUint32(append(b, flags), s.attempts), s.lease...)
}

func decodeState(b []byte) (state, error) {
	if len(b) < 8+1+4 {
		return state{}, errDamagedQueue
	}
	return state{
		due:      milli(b), // microseconds, read the same way
		back:     b[8] != 0,
		attempts: binary.BigEndian.Uint32(b[9:]),
		lease:    string(b[13:]),
	}, nil
}

func dueKey(due int64, number []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(due)), number...) //nolint:gosec // times after 1970
}

// set gives the item of a number a state in place of another.
func (q queueChange) set(number []byte, was, next state) error {
	if was.due != next.due {
		if err := q.due.Delete(dueKey(was.due, number)); err != nil {
			return err
		}
	}
	q.c.writes++
	if err := q.due.Put(dueKey(next.due, number), nil); err != nil {
		return err
	}
	return q.states.Put(number, next.encode())
}

// queueCount is how many items are in a queue's bucket.
func queueCount(top *bolt.Bucket) uint64 {
	if b := top.Get([]byte(keyCount)); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (q queueChange) setCount(n uint64) error {
	return q.top.Put([]byte(keyCount), binary.BigEndian.AppendUint64(nil, n))
}

// notBefore is a due time no earlier than now, in microseconds rounded up.
func (q queueChange) notBefore(due time.Time) int64 {
	if due.Before(q.now) {
		due = q.now
	}
	return due.Add(time.Microsecond - 1).UnixMicro()
}

func (q queueChange) push(id string, item []byte, due time.Time) error {
	if q.ids.Get([]byte(id)) != nil {
		return nil
	}
	n := queueCount(q.top)
	if n >= store.MaxQueue {
		return store.ErrQueueFull
	}
	seq, err := q.items.NextSequence()
	if err != nil {
		return err
	}
	number := binary.BigEndian.AppendUint64(nil, seq)
	b := dueKey(q.now.UnixMicro(), []byte{byte(len(id))}) //nolint:gosec // at most store.MaxKey
	if err := q.items.Put(number, append(append(b, id...), item...)); err != nil {
		return err
	}
	if err := q.ids.Put([]byte(id), number); err != nil {
		return err
	}
	if err := q.setCount(n + 1); err != nil {
		return err
	}
	s := state{due: q.notBefore(due)}
	return q.set(number, s, s)
}

// cutItem reads what push wrote, and copies it.
func cutItem(b []byte) (pushed time.Time, id string, item []byte, err error) {
	if len(b) < 9 || len(b) < 9+int(b[8]) {
		return pushed, "", nil, errDamagedQueue
	}
	end := 9 + int(b[8])
	return time.UnixMicro(milli(b)), string(b[9:end]), append([]byte{}, b[end:]...), nil
}

func (q queueChange) lease(most int, hide time.Duration) ([]store.Leased, error) {
	var numbers [][]byte
	cursor := q.due.Cursor()
	for k, _ := cursor.First(); len(k) == 16 && milli(k) <= q.now.UnixMicro() && len(numbers) < most; k, _ = cursor.Next() {
		numbers = append(numbers, bytes.Clone(k[8:]))
	}
	var out []store.Leased
	lease := rand.Text()
	for _, number := range numbers {
		was, err := decodeState(q.states.Get(number))
		if err != nil {
			return nil, err
		}
		l := store.Leased{Lease: lease, Attempts: int(was.attempts) + 1}
		if l.Pushed, l.ID, l.Item, err = cutItem(q.items.Get(number)); err != nil {
			return nil, err
		}
		next := state{due: q.notBefore(q.now.Add(hide)), attempts: was.attempts + 1, lease: lease}
		if err := q.set(number, was, next); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// held finds the item of a lease that nobody else has had since.
func (q queueChange) held(id, lease string) (number []byte, s state, err error) {
	number = bytes.Clone(q.ids.Get([]byte(id)))
	if number == nil {
		return nil, s, store.ErrLeaseLost
	}
	if s, err = decodeState(q.states.Get(number)); err != nil {
		return nil, s, err
	}
	if s.lease != lease {
		return nil, s, store.ErrLeaseLost
	}
	return number, s, nil
}

func (q queueChange) done(name, id, lease string) error {
	who := answerKey{store.Shard(name), store.DoneAttempt(id, lease)}
	if _, ok, err := q.c.recall(who); ok || err != nil {
		return err
	}
	number, s, err := q.held(id, lease)
	if err != nil {
		return err
	}
	if s.back {
		return store.ErrLeaseLost
	}
	if err := errors.Join(
		q.ids.Delete([]byte(id)), q.items.Delete(number), q.states.Delete(number),
		q.due.Delete(dueKey(s.due, number)), q.setCount(queueCount(q.top)-1),
	); err != nil {
		return err
	}
	return q.c.remember(who, store.Outcome{})
}

func (q queueChange) later(id, lease string, due time.Time) error {
	number, was, err := q.held(id, lease)
	if err != nil {
		return err
	}
	next := was
	next.back, next.due = true, q.notBefore(due)
	return q.set(number, was, next)
}
