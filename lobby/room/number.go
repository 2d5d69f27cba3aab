package room

import (
	"context"
	"fmt"
	"time"

	"sinho/lobby"
)

const (
	// maxBlock is how many numbers a node takes at once in a storm.
	maxBlock = 512
	// stale is how old a block may grow. What is left of it then is nobody's: given
	// out later, its numbers would lead past people who came before.
	stale = 2 * time.Second
	brisk = 250 * time.Millisecond // a block that lasts less is followed by a larger one
	slow  = time.Second            // one that lasts longer, by a smaller one: half for each
)

// block is what a node has taken of a lane's numbers.
type block struct {
	epoch     uint64
	next, end uint64
	taken     time.Time
	size      uint64
	shuffled  bool // they take part in the draw
}

// good reports whether a number may come from the block, by what was last seen of
// the queue.
func (b *block) good(seen *lobby.Queue, opens, now time.Time) bool {
	age := now.Sub(b.taken)
	return b.next < b.end && b.epoch == seen.Epoch && age < stale && age > -stale && (!b.shuffled || !seen.Drawn && now.Before(opens))
}

// grown is the size of the block after this one.
func (b *block) grown(now time.Time) uint64 {
	switch lasted := now.Sub(b.taken); {
	case b.size == 0:
		return 1
	case b.next == b.end && lasted < brisk:
		return min(2*b.size, maxBlock)
	case lasted > slow:
		return max(b.size>>min(lasted/slow, 16), 1)
	}
	return b.size
}

// Number gives out a number of the main lane, and the epoch it belongs to. A node
// takes them in blocks that grow with the storm, so most calls ask no store.
func (r *Room) Number(ctx context.Context, now time.Time) (epoch, number uint64, err error) {
	return r.number(ctx, 0, now)
}

// LateNumber gives out a number of the late lane.
func (r *Room) LateNumber(ctx context.Context, now time.Time) (epoch, number uint64, err error) {
	return r.number(ctx, 1, now)
}

func (r *Room) number(ctx context.Context, lane int, claimed time.Time) (epoch, number uint64, err error) {
	now := r.right(claimed)
	if epoch, number, ok := r.fromBlock(lane, now); ok {
		return epoch, number, nil
	}
	done, err := await(ctx, r.turn[lane])
	if err != nil {
		return 0, 0, err
	}
	defer done()
	if epoch, number, ok := r.fromBlock(lane, now); ok { // taken meanwhile
		return epoch, number, nil
	}
	if r.opening(now) {
		if now, err = r.ask(ctx, claimed); err != nil {
			return 0, 0, fmt.Errorf("number of room %s: %w", r.cfg.Name, err)
		}
	}
	r.mu.Lock()
	b := block{size: r.blocks[lane].grown(now), taken: now}
	r.mu.Unlock()
	_, err = r.change(ctx, false, func(q lobby.Queue) (lobby.Queue, error) {
		q = r.drawn(q, now)
		of := []*lobby.Lane{&q.Main, &q.Late}[lane]
		b.epoch, b.next, b.shuffled = q.Epoch, of.Next, lane == 0 && !q.Drawn
		of.Next += b.size
		b.end = of.Next
		return q, nil
	})
	if err != nil {
		return 0, 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.next++
	r.blocks[lane] = b
	return b.epoch, b.next - 1, nil
}

func (r *Room) fromBlock(lane int, now time.Time) (epoch, number uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &r.blocks[lane]
	if !b.good(&r.seen, r.cfg.Opens, now) {
		return 0, 0, false
	}
	b.next++
	return b.epoch, b.next - 1, true
}
