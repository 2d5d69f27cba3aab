package live

import (
	"sync/atomic"

	"sinho/broadcast"
	"sinho/signal"
)

// resend is how long watchers may hear nothing: an unchanged board is sent
// again, which also finds dead connections.
const resend = broadcast.PingEvery

// hub has the latest frame. Watchers wait on the frame they sent last; whoever
// is slow finds the newest when it comes back, so nothing ever queues.
type hub struct {
	polled  atomic.Pointer[frame] // renewed each tick
	pushed  atomic.Pointer[frame] // renewed when the content changes, or after resend
	max     int64
	watched atomic.Int64
	done    chan struct{} // closed when no more will come
}

func newHub(first *frame, most int) *hub {
	h := &hub{max: int64(most), done: make(chan struct{})}
	h.polled.Store(first)
	h.pushed.Store(first)
	return h
}

func (h *hub) latest() *frame { return h.polled.Load() }

// publish shows a board to everybody. The sequence number never goes back: it is
// the board's own, or one more than the last shown when the content is another.
// Only one goroutine publishes at a time.
func (h *hub) publish(board signal.Board) error {
	last, pushed := h.polled.Load(), h.pushed.Load()
	etag, err := etagOf(board)
	if err != nil {
		return err
	}
	changed := etag != last.etag
	next := last.board.Seq
	if changed {
		next++
	}
	board.Seq = max(board.Seq, next)
	f, err := newFrame(board)
	if err != nil {
		return err
	}
	h.polled.Store(f)
	if changed || board.At.Sub(pushed.board.At).Abs() >= resend {
		h.pushed.Store(f)
		close(pushed.next)
	}
	return nil
}

// join takes a watcher's place; false when all are taken or it is over.
func (h *hub) join() bool {
	select {
	case <-h.done:
		return false
	default:
	}
	if h.watched.Add(1) > h.max {
		h.watched.Add(-1)
		return false
	}
	return true
}

func (h *hub) leave() { h.watched.Add(-1) }

func (h *hub) close() { close(h.done) }

// each is a broadcast.Each.
func (h *hub) each(gone <-chan struct{}, send func(broadcast.Message) error) (over bool) {
	for {
		f := h.pushed.Load()
		if send(f.message) != nil {
			return false
		}
		select {
		case <-f.next:
		case <-gone:
			return false
		case <-h.done:
			return true
		}
	}
}
