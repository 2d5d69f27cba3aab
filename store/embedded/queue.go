package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

var _ store.Queue = (*Store)(nil)

// Push implements store.Queue.
func (s *Store) Push(ctx context.Context, queue, id string, item []byte, due time.Time) error {
	if err := store.CheckPush(queue, id, item, due); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	item = bytes.Clone(item) // the caller may reuse it once ctx has ended
	if err := s.onQueue(ctx, queue, func(q queueChange) error { return q.push(id, item, due) }); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// Lease implements store.Queue.
func (s *Store) Lease(ctx context.Context, queue string, most int, hide time.Duration) ([]store.Leased, error) {
	if err := store.CheckLease(queue, most, hide); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	out := new([]store.Leased) // the writer's until it has answered
	if err := s.onQueue(ctx, queue, func(q queueChange) (err error) {
		*out, err = q.lease(most, hide)
		return err
	}); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return *out, nil
}

// Done implements store.Queue.
func (s *Store) Done(ctx context.Context, queue, id, lease string) error {
	if err := store.CheckHeld(queue, id, lease, time.Time{}); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	if err := s.onQueue(ctx, queue, func(q queueChange) error { return q.done(queue, id, lease) }); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	return nil
}

// Later implements store.Queue.
func (s *Store) Later(ctx context.Context, queue, id, lease string, due time.Time) error {
	if err := store.CheckHeld(queue, id, lease, due); err != nil {
		return fmt.Errorf("later: %w", err)
	}
	if err := s.onQueue(ctx, queue, func(q queueChange) error { return q.later(id, lease, due) }); err != nil {
		return fmt.Errorf("later: %w", err)
	}
	return nil
}

// Len implements store.Queue.
func (s *Store) Len(ctx context.Context, queue string) (waiting int, oldest time.Time, err error) {
	if err := store.CheckQueue(queue); err != nil {
		return 0, oldest, fmt.Errorf("queue length: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return 0, oldest, fmt.Errorf("queue length: %w: %w", store.ErrUnavailable, err)
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		top := tx.Bucket([]byte(bucketQueues)).Bucket([]byte(queue))
		if top == nil {
			return nil
		}
		waiting = int(queueCount(top)) //nolint:gosec // at most store.MaxQueue
		_, first := top.Bucket([]byte(bucketItems)).Cursor().First()
		if first == nil {
			return nil
		}
		oldest, _, _, err = cutItem(first)
		return err
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("queue length: %w: %w", store.ErrUnavailable, err)
	}
	return waiting, oldest, nil
}

// onQueue lets the writer do a change to a queue, with whatever else is in its
// batch. Full queues and lost leases are answers; every other error is the
// transaction's.
func (s *Store) onQueue(ctx context.Context, name string, do func(queueChange) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	var refused error // the writer's until it has answered
	r := &request{ctx: ctx, durable: true, done: make(chan struct{}), change: func(c *change) error {
		q, err := c.openQueue(name)
		if err == nil {
			err = do(q)
		}
		if errors.Is(err, store.ErrQueueFull) || errors.Is(err, store.ErrLeaseLost) {
			refused, err = err, nil
		}
		return err
	}}
	if _, err := s.wait(ctx, r); err != nil {
		return err
	}
	return refused
}
