package main

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"sync"
	"time"
)

// frame is one published board as this swarm met it.
type frame struct {
	seq   int64
	at    time.Time // as the server wrote it
	first time.Time // when the first watcher had it
}

// frames books what watchers receive. Everybody gets the same bytes, so each
// frame is read once and then recognised. It is safe for concurrent use.
type frames struct {
	seed maphash.Seed

	mu    sync.Mutex // guards everything below
	known map[uint64]*frame
	counts
}

// counts are what frames amount to.
type counts struct {
	received, bytes int64
	opening         int64 // the first of a connection
	repeated        int64 // the same state again, at a later time
	unread          int64 // not understood
	gaps            int64 // numbers left out on the way, conflated or lost
	back            int64 // numbers smaller than the one before: another node
	distinct        int64
	fine            bool // the server writes fractions of seconds
	delay           histogram
	behind          histogram
}

// mostFrames is how many frames are remembered; older ones are forgotten.
const mostFrames = 4096

func newFrames() *frames {
	return &frames{seed: maphash.MakeSeed(), known: map[uint64]*frame{}}
}

// received books a message that came at now after last on the same connection
// (nil: it is the first there), and gives its frame.
func (f *frames) received(body []byte, last *frame, now time.Time) *frame {
	sum := maphash.Bytes(f.seed, body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.received++
	f.bytes += int64(len(body))
	one := f.known[sum]
	if one == nil {
		if one = readFrame(body, now); one == nil {
			f.unread++
			return last
		}
		f.remember(sum, one)
	}
	if now.Before(one.first) { // another watcher was quicker to the lock
		one.first = now
	}
	switch {
	case last == nil:
		f.opening++
		return one
	case one == last:
		return one
	case one.seq == last.seq:
		f.repeated++ // with a time of its own: a broadcast like any other
	case one.seq < last.seq:
		f.back++
	default:
		f.gaps += one.seq - last.seq - 1
	}
	f.delay.observe(now.Sub(one.at))
	f.behind.observe(now.Sub(one.first))
	return one
}

func (f *frames) remember(sum uint64, one *frame) {
	if len(f.known) >= mostFrames {
		for key, old := range f.known {
			if one.first.Sub(old.first) > time.Minute {
				delete(f.known, key)
			}
		}
	}
	f.known[sum] = one
	f.distinct++
	f.fine = f.fine || one.at.Nanosecond() != 0
}

// count is what has come so far.
func (f *frames) count() counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// readFrame reads number and time of a board; nil is no board.
func readFrame(body []byte, now time.Time) *frame {
	var board struct {
		Seq *int64     `json:"seq"`
		At  *time.Time `json:"at"`
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&board) != nil || board.Seq == nil || board.At == nil {
		return nil
	}
	return &frame{seq: *board.Seq, at: *board.At, first: now}
}
