package lobby

import (
	"encoding/binary"
	"fmt"
)

const (
	tagQueueEpoch byte = iota + 1
	tagQueueClosed
	tagQueueDrawn
	tagQueueCrowd
	tagQueueFrom
	tagQueueNext
	tagQueueServing
	tagQueueStep
	tagQueueLateNext
	tagQueueLateServing
	tagQueueLateStep
	tagQueueSecond
	tagQueueMoved
	tagQueueRest
	tagQueueShow
	tagQueueRate
	tagQueueAllowed
	tagQueueMark // one for each
	tagQueueBest
	tagQueueForeseen
	tagQueueOwed
	tagQueueSeed

	tagQueueEnd // the first that this version does not know
)

// MaxQueue is the most bytes that a form of a queue has.
const MaxQueue = 1 << 10

// Marshal is the form that is stored. What a later version has added to it stays.
func (q *Queue) Marshal() []byte {
	f := newForm()
	f.number(tagQueueEpoch, q.Epoch)
	f.flag(tagQueueClosed, q.Closed)
	f.flag(tagQueueDrawn, q.Drawn)
	f.number(tagQueueCrowd, q.Crowd)
	f.number(tagQueueFrom, positive(q.From))
	f.number(tagQueueNext, q.Main.Next)
	f.number(tagQueueServing, q.Main.Serving)
	f.number(tagQueueStep, q.Main.Step)
	f.number(tagQueueLateNext, q.Late.Next)
	f.number(tagQueueLateServing, q.Late.Serving)
	f.number(tagQueueLateStep, q.Late.Step)
	f.number(tagQueueSecond, positive(q.Second))
	f.number(tagQueueMoved, positive(q.Moved))
	f.number(tagQueueRest, q.Rest)
	f.number(tagQueueShow, q.Show)
	f.number(tagQueueRate, q.Rate)
	f.number(tagQueueAllowed, q.Allowed)
	f.number(tagQueueBest, q.Best)
	f.number(tagQueueForeseen, q.Foreseen)
	f.number(tagQueueOwed, q.Owed)
	f.name(tagQueueSeed, q.Seed[:])
	for _, m := range q.Marks {
		v := binary.AppendUvarint(nil, positive(m.Second))
		v = binary.AppendUvarint(v, m.Called)
		f.bytes(tagQueueMark, binary.AppendUvarint(v, m.Allowed))
	}
	return append(f, q.other...)
}

func positive(v int64) uint64 { return uint64(max(0, v)) }

// Unmarshal reads a form, or ErrMalformed.
func (q *Queue) Unmarshal(p []byte) error {
	*q = Queue{}
	var r reader
	err := r.fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagQueueMark:
			q.readMark(&r, v)
			return
		case tagQueueSeed:
			r.name(q.Seed[:], v)
			return
		}
		if tag == 0 || tag >= tagQueueEnd {
			q.other = append(q.other, tag)
			q.other = binary.AppendUvarint(q.other, uint64(len(v)))
			q.other = append(q.other, v...)
			return
		}
		n := r.number(v)
		if n >= 1<<63 && tag != tagQueueEpoch {
			r.bad = true
			return
		}
		q.set(tag, n)
	})
	if err == nil && (q.Epoch == 0 || len(p) > MaxQueue || q.Main.Step > q.Main.Serving || q.Late.Step > q.Late.Serving) {
		err = ErrMalformed
	}
	if err != nil {
		*q = Queue{}
		return fmt.Errorf("read queue: %w", err)
	}
	return nil
}

func (q *Queue) set(tag byte, n uint64) {
	switch tag {
	case tagQueueEpoch:
		q.Epoch = n
	case tagQueueClosed:
		q.Closed = n != 0
	case tagQueueDrawn:
		q.Drawn = n != 0
	case tagQueueCrowd:
		q.Crowd = n
	case tagQueueFrom:
		q.From = int64(n) //nolint:gosec // below 2^63
	case tagQueueNext:
		q.Main.Next = n
	case tagQueueServing:
		q.Main.Serving = n
	case tagQueueStep:
		q.Main.Step = n
	case tagQueueLateNext:
		q.Late.Next = n
	case tagQueueLateServing:
		q.Late.Serving = n
	case tagQueueLateStep:
		q.Late.Step = n
	case tagQueueSecond:
		q.Second = int64(n) //nolint:gosec // below 2^63
	case tagQueueMoved:
		q.Moved = int64(n) //nolint:gosec // below 2^63
	case tagQueueRest:
		q.Rest = n
	case tagQueueShow:
		q.Show = n
	case tagQueueRate:
		q.Rate = n
	case tagQueueAllowed:
		q.Allowed = n
	case tagQueueBest:
		q.Best = n
	case tagQueueForeseen:
		q.Foreseen = n
	case tagQueueOwed:
		q.Owed = n
	}
}

func (q *Queue) readMark(r *reader, v []byte) {
	var m [3]uint64
	for i := range m {
		n, size := binary.Uvarint(v)
		if size <= 0 || n >= 1<<63 {
			r.bad = true
			return
		}
		m[i], v = n, v[size:]
	}
	if len(v) > 0 || len(q.Marks) == Marks {
		r.bad = true
		return
	}
	q.Marks = append(q.Marks, Mark{int64(m[0]), m[1], m[2]}) //nolint:gosec // below 2^63
}
