package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sinho/store"
)

const (
	queueLength = 1024 // callers that wait without blocking each other
	batchLimit  = 256  // Applies in one transaction: at most 40 MB of values

	// stride is from the beginning of one commit to that of the next, at least.
	stride = 2 * time.Millisecond
)

var errClosed = errors.New("closed")

// request is one Apply on its way through the writer.
type request struct {
	ctx     context.Context // asked once more before the change is made
	shard   store.Shard
	attempt store.Attempt
	ops     []store.Op
	change  func(*change) error // instead of an Apply, when set
	done    chan struct{}       // closed when outcome and err are set
	outcome store.Outcome
	err     error
}

func (r *request) answer(o store.Outcome, err error) {
	r.outcome, r.err = o, err
	close(r.done)
}

// Apply implements store.Store. It returns when the change is on the disk,
// durable or not. When ctx ends first, the change may still be done.
func (s *Store) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, _ bool, ops ...store.Op) (store.Outcome, error) {
	if err := store.Check(shard, attempt, ops); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", unavailable(err))
	}
	o, err := s.wait(ctx, &request{ctx: ctx, shard: shard, attempt: attempt, ops: clone(ops), done: make(chan struct{})})
	if err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", err)
	}
	return o, nil
}

// wait hands a request to the writer and waits for its answer.
func (s *Store) wait(ctx context.Context, r *request) (store.Outcome, error) {
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return store.Outcome{}, unavailable(ctx.Err())
	case <-s.quit:
		return store.Outcome{}, unavailable(errClosed)
	}
	select {
	case <-r.done:
		return r.outcome, r.err
	case <-ctx.Done():
		return store.Outcome{}, unavailable(ctx.Err())
	case <-s.ended:
	}
	select {
	case <-r.done: // answered in the writer's last batch
		return r.outcome, r.err
	default:
		return store.Outcome{}, unavailable(errClosed)
	}
}

// clone lets a caller whose ctx has ended reuse its values while the writer may
// still be reading.
func clone(ops []store.Op) []store.Op {
	ops = slices.Clone(ops)
	for i := range ops {
		ops[i].Value = bytes.Clone(ops[i].Value)
	}
	return ops
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// write is the only goroutine that changes the file. answers is its own.
func (s *Store) write(answers *answers) {
	defer close(s.ended)
	idle := time.NewTicker(s.tidy)
	defer idle.Stop()
	batch := make([]*request, 0, batchLimit)
	var last time.Time
	for {
		batch = batch[:0]
		select {
		case <-s.quit:
			return
		case <-idle.C:
		case r := <-s.queue:
			s.rest(last)
			batch = s.drain(append(batch, r))
		}
		last = time.Now()
		s.commitBatch(batch, answers)
		clear(batch)
	}
}

// rest waits until stride has passed since the last commit began, so that a
// commit's two flushes are shared by whoever comes meanwhile. Who is alone, or
// met by a disk that is slower than that, does not wait.
func (s *Store) rest(last time.Time) {
	left := s.stride - time.Since(last)
	if left <= 0 {
		return
	}
	select {
	case <-time.After(left):
	case <-s.quit: // those queued already are still answered
	}
}

// drain adds to the batch whatever is queued already, and waits for nobody.
func (s *Store) drain(batch []*request) []*request {
	for len(batch) < batchLimit {
		select {
		case r := <-s.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commitBatch applies the batch in one transaction, deletes some of what has
// expired, and answers everybody. An empty batch only deletes.
func (s *Store) commitBatch(batch []*request, answers *answers) {
	waiting := batch[:0]
	for _, r := range batch {
		if err := r.ctx.Err(); err != nil {
			r.answer(store.Outcome{}, unavailable(err))
			continue
		}
		waiting = append(waiting, r)
	}
	outcomes, err := s.transact(waiting, answers)
	for i, r := range waiting {
		if err != nil {
			r.answer(store.Outcome{}, unavailable(err))
			continue
		}
		r.answer(outcomes[i], nil)
	}
}

func (s *Store) transact(batch []*request, answers *answers) ([]store.Outcome, error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	c := newChange(tx, s.clock.now(), s.run, answers)
	outcomes := make([]store.Outcome, len(batch))
	for i, r := range batch {
		if r.change != nil {
			err = r.change(c)
		} else {
			outcomes[i], err = c.apply(r.shard, r.attempt, r.ops)
		}
		if err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
	}
	if err := c.sweep(); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	if c.writes == 0 {
		return outcomes, tx.Rollback()
	}
	if err := s.commit(tx); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	s.commits.Add(1)
	c.learn()
	return outcomes, nil
}
