package embedded

import (
	"encoding/binary"
	"errors"
	"time"

	"sinho/store"
)

// The buckets of the file.
//
//	records: shard length, shard, key    → flags, expiry, [run id], value
//	expiry:  expiry, key in records      → nothing
//	answers: expiry, sequence number     → shard length, shard, attempt, answer
//
// Expiries are milliseconds since 1970, eight bytes, big-endian, so that the
// first entries of expiry and answers are those that end first.
const (
	bucketMeta    = "meta"
	bucketRecords = "records"
	bucketExpiry  = "expiry"
	bucketAnswers = "answers"
	keyFormat     = "format"
)

const formatNow = "1"

const (
	flagTombstone = 1 << iota
	flagFenced
)

// record is a value with its expiry. A decoded one shares memory with its
// source.
type record struct {
	tombstone bool
	fenced    bool
	run       runID // when fenced: the run that minted it
	expires   int64 // Unix milliseconds; dead from then on
	value     []byte
}

func (r record) live(now time.Time) bool { return now.UnixMilli() < r.expires }

func recordKey(shard store.Shard, key string) []byte {
	b := make([]byte, 0, 1+len(shard)+len(key))
	b = append(b, byte(len(shard))) //nolint:gosec // at most store.MaxShard
	b = append(b, shard...)
	return append(b, key...)
}

func encodeRecord(r record) []byte {
	b := make([]byte, 0, 1+8+len(r.run)+len(r.value))
	var flags byte
	if r.tombstone {
		flags |= flagTombstone
	}
	if r.fenced {
		flags |= flagFenced
	}
	b = append(b, flags)
	b = appendMilli(b, r.expires)
	if r.fenced {
		b = append(b, r.run[:]...)
	}
	return append(b, r.value...)
}

// decodeRecord is false for an absent record, and for one that is too short to
// be ours, which is as good as absent.
func decodeRecord(b []byte) (record, bool) {
	if len(b) < 1+8 {
		return record{}, false
	}
	r := record{
		tombstone: b[0]&flagTombstone != 0,
		fenced:    b[0]&flagFenced != 0,
		expires:   milli(b[1:]),
	}
	b = b[1+8:]
	if r.fenced {
		if len(b) < len(r.run) {
			return record{}, false
		}
		b = b[copy(r.run[:], b):]
	}
	r.value = b
	return r, true
}

func expiryKey(expires int64, recordKey []byte) []byte {
	return append(appendMilli(make([]byte, 0, 8+len(recordKey)), expires), recordKey...)
}

func appendMilli(b []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(ms)) //nolint:gosec // times after 1970
}

func milli(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // times after 1970
}

// expiry is the millisecond from which a record written now is dead, rounded
// up so that it lives at least ttl.
func expiry(now time.Time, ttl time.Duration) int64 {
	return now.Add(ttl + time.Millisecond - 1).UnixMilli()
}

var errDamaged = errors.New("a remembered answer is damaged")

const (
	answerDone = iota
	answerConflict
)

func appendAnswer(b []byte, o store.Outcome) []byte {
	if c := o.Conflict; c != nil {
		b = append(b, answerConflict, byte(c.Op), byte(c.Why)) //nolint:gosec // below store.MaxOps
		return appendBytes(b, c.Value)
	}
	b = append(b, answerDone, byte(len(o.Taken))) //nolint:gosec // at most store.MaxOps
	for _, v := range o.Taken {
		b = appendBytes(b, v)
	}
	return b
}

// decodeAnswer copies what it keeps.
func decodeAnswer(b []byte) (store.Outcome, error) {
	if len(b) < 2 {
		return store.Outcome{}, errDamaged
	}
	switch b[0] {
	case answerConflict:
		if len(b) < 3 {
			return store.Outcome{}, errDamaged
		}
		value, _, err := cutBytes(b[3:])
		if err != nil {
			return store.Outcome{}, err
		}
		return store.Outcome{Conflict: &store.Conflict{Op: int(b[1]), Why: store.Why(b[2]), Value: value}}, nil
	case answerDone:
		var o store.Outcome
		rest := b[2:]
		for range int(b[1]) {
			var value []byte
			var err error
			if value, rest, err = cutBytes(rest); err != nil {
				return store.Outcome{}, err
			}
			o.Taken = append(o.Taken, value)
		}
		return o, nil
	default:
		return store.Outcome{}, errDamaged
	}
}

func appendBytes(b, value []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(value))), value...)
}

func cutBytes(b []byte) (value, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) { //nolint:gosec // size is at most len(b)
		return nil, nil, errDamaged
	}
	b = b[size:]
	return append([]byte{}, b[:n]...), b[n:], nil
}
