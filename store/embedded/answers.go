package embedded

import (
	"fmt"
	"maps"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

// answerKey names a remembered answer.
type answerKey struct {
	shard   store.Shard
	attempt store.Attempt
}

// logKey is an answer's place in the log: expiry and sequence number. Being
// nearly ascending, answers cost one page at the end of the log and one at its
// beginning, not one page each.
type logKey [16]byte

// answers is where each remembered answer lies. The answers themselves stay in
// the file. It belongs to the writer goroutine.
type answers struct{ place map[answerKey]logKey }

type passedAnswer struct {
	who   answerKey
	where logKey
}

// loadAnswers finds the answers an earlier run has left.
func loadAnswers(db *bolt.DB) (*answers, error) {
	a := &answers{place: make(map[answerKey]logKey)}
	err := db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketAnswers)).ForEach(func(k, v []byte) error {
			who, _, ok := cutWho(v)
			if !ok || len(k) != len(logKey{}) {
				return errDamaged
			}
			a.place[who] = logKey(k)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load answers: %w", err)
	}
	return a, nil
}

// recall returns the answer given to this attempt before, if it is still kept.
func (c *change) recall(who answerKey) (store.Outcome, bool, error) {
	where, ok := c.added[who]
	if !ok {
		where, ok = c.known.place[who]
	}
	if !ok || milli(where[:]) <= c.now.UnixMilli() {
		return store.Outcome{}, false, nil
	}
	_, answer, ok := cutWho(c.log.Get(where[:]))
	if !ok {
		return store.Outcome{}, false, errDamaged
	}
	o, err := decodeAnswer(answer)
	if err != nil {
		return store.Outcome{}, false, err
	}
	o.Repeated = true
	return o, true, nil
}

func (c *change) remember(who answerKey, o store.Outcome) error {
	seq, err := c.log.NextSequence()
	if err != nil {
		return err
	}
	var where logKey
	appendMilli(appendMilli(where[:0], expiry(c.now, store.AttemptTTL)), int64(seq)) //nolint:gosec // never reached
	c.writes++
	c.added[who] = where
	return c.log.Put(where[:], appendAnswer(appendWho(nil, who), o))
}

func (c *change) forget(where logKey) error {
	who, _, ok := cutWho(c.log.Get(where[:]))
	if ok {
		c.passed = append(c.passed, passedAnswer{who, where})
	}
	c.writes++
	return c.log.Delete(where[:])
}

// learn brings the places up to date after the commit.
func (c *change) learn() {
	for _, p := range c.passed {
		if c.known.place[p.who] == p.where {
			delete(c.known.place, p.who)
		}
	}
	maps.Copy(c.known.place, c.added)
}

func appendWho(b []byte, who answerKey) []byte {
	b = append(b, byte(len(who.shard))) //nolint:gosec // at most store.MaxShard
	b = append(b, who.shard...)
	return append(b, who.attempt[:]...)
}

func cutWho(b []byte) (who answerKey, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0])+len(who.attempt) {
		return answerKey{}, nil, false
	}
	shard, rest := b[1:1+int(b[0])], b[1+int(b[0]):]
	who.shard = store.Shard(shard)
	rest = rest[copy(who.attempt[:], rest):]
	return who, rest, true
}
