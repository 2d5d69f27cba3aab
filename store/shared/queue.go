package shared

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"sinho/store"
)

var _ store.Queue = (*Store)(nil)

type queueScripts struct{ push, lease, done, later, length *redis.Script }

func newQueueScripts() queueScripts {
	return queueScripts{
		push: redis.NewScript(pushScript), lease: redis.NewScript(leaseScript), done: redis.NewScript(doneScript),
		later: redis.NewScript(laterScript), length: redis.NewScript(lengthScript),
	}
}

// queueKeys are the four keys of a queue. A shard of the same name has others.
func (s *Store) queueKeys(queue string) []string {
	tag := s.tagged(store.Shard(queue)) + "q"
	return []string{tag + "due", tag + "since", tag + "items", tag + "held"}
}

// Push implements store.Queue. It is sent again as an Apply is.
func (s *Store) Push(ctx context.Context, queue, id string, item []byte, due time.Time) error {
	if err := store.CheckPush(queue, id, item, due); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	there, err := s.asks(ctx, call{
		script: s.queues.push, keys: s.queueKeys(queue), durable: s.o.Replicas > 0,
		args: []any{id, item, micros(due), store.MaxQueue},
	})
	if err == nil && !there {
		err = store.ErrQueueFull
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// micros is a time in microseconds, rounded up; what is before 1970 is due.
func micros(t time.Time) int64 {
	return max(0, t.Add(time.Microsecond-1).UnixMicro())
}

// Lease implements store.Queue.
func (s *Store) Lease(ctx context.Context, queue string, most int, hide time.Duration) ([]store.Leased, error) {
	if err := store.CheckLease(queue, most, hide); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	lease := rand.Text()
	hideFor := (hide + time.Microsecond - 1).Microseconds()
	var out []store.Leased
	if err := s.run(ctx, call{
		script: s.queues.lease, keys: s.queueKeys(queue), args: []any{most, hideFor, lease},
		read: func(reply any) (_ bool, err error) {
			out, err = leased(reply, lease)
			return true, err
		},
	}); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return out, nil
}

// leased reads what leaseScript answers.
func leased(reply any, lease string) ([]store.Leased, error) {
	all, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errReply, reply)
	}
	var out []store.Leased
	for _, one := range all {
		parts, ok := one.([]any)
		if !ok || len(parts) != 4 {
			return nil, fmt.Errorf("%w: an item of type %T", errReply, one)
		}
		id, ok1 := parts[0].(string)
		item, ok2 := parts[1].(string)
		attempts, ok3 := parts[2].(int64)
		pushed, ok4 := parts[3].(int64)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return nil, fmt.Errorf("%w: an item of %T, %T, %T, %T", errReply, parts[0], parts[1], parts[2], parts[3])
		}
		out = append(out, store.Leased{ID: id, Item: []byte(item), Attempts: int(attempts), Pushed: time.UnixMicro(pushed), Lease: lease})
	}
	return out, nil
}

// Done implements store.Queue.
func (s *Store) Done(ctx context.Context, queue, id, lease string) error {
	if err := store.CheckHeld(queue, id, lease, time.Time{}); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	keys := append(s.queueKeys(queue), s.attemptKey(store.Shard(queue), store.DoneAttempt(id, lease)))
	held, err := s.asks(ctx, call{script: s.queues.done, keys: keys, args: []any{id, lease, store.AttemptTTL.Milliseconds()}})
	if err == nil && !held {
		err = store.ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("done: %w", err)
	}
	return nil
}

// Later implements store.Queue.
func (s *Store) Later(ctx context.Context, queue, id, lease string, due time.Time) error {
	if err := store.CheckHeld(queue, id, lease, due); err != nil {
		return fmt.Errorf("later: %w", err)
	}
	held, err := s.asks(ctx, call{script: s.queues.later, keys: s.queueKeys(queue), args: []any{id, lease, micros(due)}})
	if err == nil && !held {
		err = store.ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("later: %w", err)
	}
	return nil
}

// Len implements store.Queue.
func (s *Store) Len(ctx context.Context, queue string) (waiting int, oldest time.Time, err error) {
	if err := store.CheckQueue(queue); err != nil {
		return 0, oldest, fmt.Errorf("queue length: %w", err)
	}
	if err := s.run(ctx, call{
		script: s.queues.length, keys: s.queueKeys(queue),
		read: func(reply any) (_ bool, err error) {
			waiting, oldest, err = length(reply)
			return false, err
		},
	}); err != nil {
		return 0, time.Time{}, fmt.Errorf("queue length: %w", err)
	}
	return waiting, oldest, nil
}

// length reads what lengthScript answers.
func length(reply any) (waiting int, oldest time.Time, err error) {
	parts, ok := reply.([]any)
	if !ok || len(parts) < 1 || len(parts) > 2 {
		return 0, oldest, fmt.Errorf("%w: %T", errReply, reply)
	}
	n, ok := parts[0].(int64)
	if len(parts) == 2 {
		pushed, isNumber := parts[1].(int64)
		oldest, ok = time.UnixMicro(pushed), ok && isNumber
	}
	if !ok {
		return 0, time.Time{}, fmt.Errorf("%w: %v", errReply, parts)
	}
	return int(n), oldest, nil
}

// asks runs a script that answers 1 for yes, or 0, which changed nothing.
func (s *Store) asks(ctx context.Context, c call) (yes bool, err error) {
	c.read = func(reply any) (bool, error) {
		n, ok := reply.(int64)
		if yes = n == 1; !ok {
			return false, fmt.Errorf("%w: %T", errReply, reply)
		}
		return yes, nil
	}
	err = s.run(ctx, c)
	return yes, err
}
