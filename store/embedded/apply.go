package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"sinho/store"
)

var errClosed = errors.New("closed")

// request is one Apply on its way through the writer.
type request struct {
	ctx     context.Context // asked once more before the change is made
	shard   store.Shard
	attempt store.Attempt
	durable bool
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

// Apply implements store.Store. With durable it returns when the change is
// on the disk, without it when every reader sees the change. When ctx ends first,
// the change may still be done.
func (s *Store) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	if err := store.Check(shard, attempt, ops); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", unavailable(err))
	}
	o, err := s.wait(ctx, &request{ctx: ctx, shard: shard, attempt: attempt, durable: durable, ops: clone(ops), done: make(chan struct{})})
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
