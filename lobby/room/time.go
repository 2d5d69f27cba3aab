package room

import (
	"context"
	"time"

	"sinho/lobby"
	"sinho/store"
)

const (
	// off is how far a node's clock may be from the store's. What is less is taken as
	// it is.
	off = 2 * time.Second
	// apart is by how many seconds the last step and a node may differ before the
	// store's clock decides which of them is wrong.
	apart = store.Ahead
)

// right is a caller's time, put right by what the store's clock said when this
// node was last found to be off.
func (r *Room) right(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Add(r.off)
}

// ask holds a caller's time against the store's clock: one trip, whose middle is
// taken for the moment of the answer. It is asked only where a wrong clock would do
// harm, so in a room that runs, once in its life.
func (r *Room) ask(ctx context.Context, now time.Time) (time.Time, error) {
	asked := time.Now()
	theirs, err := r.store.Now(ctx)
	if err != nil {
		return now, err
	}
	half := time.Since(asked) / 2
	ahead := theirs.Sub(now) - half
	if ahead.Abs() <= off+half {
		ahead = 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = ahead
	return now.Add(ahead), nil
}

// opening reports whether a node would draw at now. A draw cannot be taken back.
func (r *Room) opening(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.cfg.Opens.IsZero() && !r.seen.Drawn && !now.Before(r.cfg.Opens)
}

// agree is a caller's time as all nodes have it, given the second of the last step
// as the store has it (0: none). What this node has seen of seconds to come
// was by a clock that is wrong, and is forgotten.
func (r *Room) agree(ctx context.Context, second int64, now time.Time) (time.Time, error) {
	t := r.right(now)
	if second != 0 && (second > t.Unix()+apart || second < t.Unix()-apart) || r.opening(t) {
		var err error
		if t, err = r.ask(ctx, now); err != nil {
			return t, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = back(r.seen, t)
	return t, nil
}

// back is a queue without the seconds to come that a node with a wrong clock has
// stepped. The second it comes back to may have been stepped before: nobody is
// called in it.
func back(q lobby.Queue, now time.Time) lobby.Queue {
	second := now.Unix()
	if q.Second <= second+apart {
		return q
	}
	q.Second, q.Main.Step, q.Late.Step, q.Moved = second, 0, 0, min(q.Moved, second)
	var marks []lobby.Mark
	for _, m := range q.Marks {
		if m.Second <= second {
			marks = append(marks, m)
		}
	}
	q.Marks = marks
	return q
}
