package embedded

import (
	"bytes"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

// change is what one transaction does: Applies one after the other, then some
// tidying. It is the writer's and thrown away.
type change struct {
	records *bolt.Bucket
	expiry  *bolt.Bucket
	log     *bolt.Bucket // of answers
	queues  *bolt.Bucket
	now     time.Time
	run     runID
	writes  int

	known  *answers
	added  map[answerKey]logKey // in this transaction, not yet in known
	passed []passedAnswer       // deleted in this transaction, still in known

	changed map[string]record // by the last Apply; a deleted one is dead
}

func newChange(tx *bolt.Tx, now time.Time, run runID, known *answers) *change {
	return &change{
		records: tx.Bucket([]byte(bucketRecords)),
		expiry:  tx.Bucket([]byte(bucketExpiry)),
		log:     tx.Bucket([]byte(bucketAnswers)),
		queues:  tx.Bucket([]byte(bucketQueues)),
		now:     now,
		run:     run,
		known:   known,
		added:   make(map[answerKey]logKey),
		changed: make(map[string]record),
	}
}

// apply answers one Apply. An error is the transaction's, which must then be
// rolled back.
func (c *change) apply(shard store.Shard, attempt store.Attempt, ops []store.Op) (store.Outcome, error) {
	who := answerKey{shard, attempt}
	if o, ok, err := c.recall(who); ok || err != nil {
		return o, err
	}
	o := c.judge(shard, ops)
	if o.Conflict == nil {
		for _, op := range ops {
			if err := c.do(shard, op); err != nil {
				return store.Outcome{}, fmt.Errorf("%v %q: %w", op.Kind, op.Key, err)
			}
		}
	}
	if err := c.remember(who, o); err != nil {
		return store.Outcome{}, fmt.Errorf("remember the answer: %w", err)
	}
	return o, nil
}

// judge finds the first op that cannot be done and what the Takes would take.
// It changes nothing: all ops are judged against what was there before.
func (c *change) judge(shard store.Shard, ops []store.Op) store.Outcome {
	var taken [][]byte
	for i, op := range ops {
		r, found := c.find(recordKey(shard, op.Key))
		why := objection(op, r, found, c.run)
		if why == 0 {
			if op.Kind == store.Take || op.Kind == store.Fetch || op.Kind == store.Advance {
				taken = append(taken, append([]byte{}, r.value...))
			}
			continue
		}
		conflict := &store.Conflict{Op: i, Why: why}
		if why == store.Tombstone || why == store.Differs {
			conflict.Value = append([]byte{}, r.value...)
		}
		return store.Outcome{Conflict: conflict}
	}
	return store.Outcome{Taken: taken}
}

// objection says why op cannot be done to the record found, or 0.
func objection(op store.Op, r record, found bool, run runID) store.Why {
	switch op.Kind {
	case store.PutNew:
		switch {
		case !found:
			return 0
		case r.tombstone:
			return store.Tombstone
		case !bytes.Equal(r.value, op.Value):
			return store.Differs
		}
	case store.Append:
		if found {
			return unlike(op, r)
		}
	case store.Take, store.Hold, store.Alive, store.Fetch, store.Advance, store.Contains:
		switch {
		case !found:
			return store.Absent
		case op.Kind == store.Advance:
			return unlike(op, r)
		case r.tombstone:
			return store.Tombstone
		case op.Kind == store.Take && r.fenced && r.run != run:
			return store.Fence
		case op.Kind == store.Hold && !bytes.Equal(r.value, op.Value),
			op.Kind == store.Contains && !bytes.Contains(r.value, op.Value):
			return store.Differs
		}
	case store.Put, store.Delete:
	}
	return 0
}

// unlike says why a record found is nothing to be advanced or appended to, or 0.
func unlike(op store.Op, r record) store.Why {
	if r.tombstone {
		return store.Tombstone
	}
	if _, ok := grown(op, r); !ok {
		return store.Differs
	}
	return 0
}

// grown is what an Advance or an Append makes of a live record's value.
func grown(op store.Op, r record) ([]byte, bool) {
	if op.Kind == store.Advance {
		return store.Advanced(r.value, op.From)
	}
	return store.Appended(r.value, op.Value, op.Keep, op.Same)
}

// do carries out one op that nothing objects to.
func (c *change) do(shard store.Shard, op store.Op) error {
	key := recordKey(shard, op.Key)
	r := record{expires: expiry(c.now, op.TTL), value: op.Value}
	switch op.Kind {
	case store.Put:
	case store.PutNew:
		if _, found := c.find(key); found {
			return nil // the same value is there, and keeps its TTL
		}
	case store.Take:
		r.tombstone = true
	case store.Delete:
		return c.drop(key)
	case store.Hold, store.Alive, store.Fetch, store.Contains:
		return nil
	case store.Advance, store.Append:
		if old, found := c.find(key); found {
			r.fenced, r.run = old.fenced, old.run
			r.value, _ = grown(op, old) // nothing objected
			if op.Kind == store.Append {
				r.expires = max(r.expires, old.expires)
			}
		}
	}
	if op.Fenced {
		r.fenced, r.run = true, c.run
	}
	return c.put(key, r)
}

// find returns a record that lives, tombstones included.
func (c *change) find(key []byte) (record, bool) {
	r, ok := decodeRecord(c.records.Get(key))
	return r, ok && r.live(c.now)
}

func (c *change) put(key []byte, r record) error {
	old, found := decodeRecord(c.records.Get(key))
	if found && old.expires != r.expires {
		if err := c.expiry.Delete(expiryKey(old.expires, key)); err != nil {
			return err
		}
	}
	c.writes++
	c.changed[string(key)] = r
	if err := c.expiry.Put(expiryKey(r.expires, key), nil); err != nil {
		return err
	}
	return c.records.Put(key, encodeRecord(r))
}

func (c *change) drop(key []byte) error {
	old, found := decodeRecord(c.records.Get(key))
	if !found {
		return nil
	}
	c.writes++
	c.changed[string(key)] = record{}
	if err := c.expiry.Delete(expiryKey(old.expires, key)); err != nil {
		return err
	}
	return c.records.Delete(key)
}

// sweepFloor is how many expired records, and as many answers, a transaction
// deletes at least; beyond it, two for each write of its own, so that deleting
// always overtakes writing.
const sweepFloor = 32

// sweep deletes some of what has expired, oldest first.
func (c *change) sweep() error {
	budget := sweepFloor + 2*c.writes
	for _, key := range expired(c.expiry, c.now, budget) {
		if err := c.pass(key); err != nil {
			return fmt.Errorf("sweep records: %w", err)
		}
	}
	for _, key := range expired(c.log, c.now, budget) {
		if err := c.forget(logKey(key)); err != nil {
			return fmt.Errorf("sweep answers: %w", err)
		}
	}
	return nil
}

// pass deletes an entry of expiry and the record it stands for.
func (c *change) pass(entry []byte) error {
	c.writes++
	if err := c.expiry.Delete(entry); err != nil {
		return err
	}
	key := entry[8:]
	if r, found := decodeRecord(c.records.Get(key)); found && r.live(c.now) {
		return nil
	}
	return c.records.Delete(key)
}

// expired copies up to limit keys that begin with a millisecond that has come.
func expired(b *bolt.Bucket, now time.Time, limit int) [][]byte {
	var keys [][]byte
	cursor := b.Cursor()
	for k, _ := cursor.First(); k != nil && milli(k) <= now.UnixMilli() && len(keys) < limit; k, _ = cursor.Next() {
		keys = append(keys, append([]byte{}, k...))
	}
	return keys
}
