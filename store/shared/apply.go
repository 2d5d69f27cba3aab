package shared

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"sinho/store"
)

// call is one script with what it works on, ready to be sent as often as needed.
type call struct {
	script  *redis.Script
	keys    []string // all of one slot
	args    []any
	durable bool
	// read takes the script's reply, and says whether anything was changed that
	// replicas have to acknowledge.
	read func(reply any) (changed bool, err error)
}

// Apply implements store.Store. When a reply is lost or a server changes, it
// sends the same attempt again until Options.Timeout, which the script answers
// as the first time. ErrTooFewReplicas means done, but not safe from a
// failover; the same attempt again waits for the replicas again.
//
// A ctx that is cancelled is noticed between two trips, its deadline at once.
func (s *Store) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	if err := store.Check(shard, attempt, ops); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", err)
	}
	c := s.newCall(shard, attempt, durable, ops)
	var o store.Outcome
	c.read = func(reply any) (bool, error) {
		var err error
		o, err = outcome(reply)
		return o.Conflict == nil, err // a conflict changed nothing
	}
	if err := s.run(ctx, c); err != nil {
		return store.Outcome{}, fmt.Errorf("apply: %w", err)
	}
	return o, nil
}

// run sends a call until it is answered, or Options.Timeout has passed. Every
// failure wraps store.ErrUnavailable.
func (s *Store) run(ctx context.Context, c call) error {
	bounded, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := s.send(bounded, c)
		if err == nil {
			return nil
		}
		if !s.again(bounded, err) || !rest(bounded, pause) {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, errors.Join(err, ctx.Err()))
		}
	}
}

func (s *Store) newCall(shard store.Shard, attempt store.Attempt, durable bool, ops []store.Op) call {
	c := call{
		script:  s.script,
		keys:    make([]string, 1, 1+len(ops)),
		args:    make([]any, 2, 2+4*len(ops)),
		durable: durable && s.o.Replicas > 0,
	}
	c.keys[0] = s.attemptKey(shard, attempt)
	c.args[0], c.args[1] = store.AttemptTTL.Milliseconds(), flag(c.durable)
	for _, op := range ops {
		c.keys = append(c.keys, s.recordKey(shard, op.Key))
		ttl := (op.TTL + time.Millisecond - 1).Milliseconds()
		value, more := op.Value, flag(op.Fenced)
		switch op.Kind { //nolint:exhaustive // the others say all in Value and Fenced
		case store.Advance: // whole generations, so that the server need not count
			value = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, op.From), op.From+1)
		case store.Append:
			more = strconv.Itoa(op.Keep) + " " + strconv.Itoa(op.Same)
		}
		c.args = append(c.args, int(op.Kind), value, ttl, more)
	}
	return c
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// send makes one trip, or two when the server does not know the script yet.
func (s *Store) send(ctx context.Context, c call) error {
	node, err := s.master(ctx, c.keys[0])
	if err != nil {
		return err
	}
	reply, acknowledged, err := s.trip(ctx, node, c, c.script.EvalSha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, acknowledged, err = s.trip(ctx, node, c, c.script.Eval)
	}
	if err != nil {
		return err
	}
	changed, err := c.read(reply)
	if err != nil {
		return err
	}
	if c.durable && changed && acknowledged < int64(s.o.Replicas) {
		return fmt.Errorf("%w: %d of %d acknowledged within %v", store.ErrTooFewReplicas, acknowledged, s.o.Replicas, s.o.ReplicaWait)
	}
	return nil
}

type evaluate func(ctx context.Context, p redis.Scripter, keys []string, args ...any) *redis.Cmd

// trip sends the script and, for a durable change, the WAIT in one pipeline,
// which is one connection.
func (s *Store) trip(ctx context.Context, node *redis.Client, c call, eval evaluate) (reply any, acknowledged int64, err error) {
	p := node.Pipeline()
	done := eval(ctx, p, c.keys, c.args...)
	var wait *redis.Cmd
	if c.durable {
		wait = p.Do(ctx, "wait", s.o.Replicas, s.o.ReplicaWait.Milliseconds())
	}
	_, _ = p.Exec(ctx) // each command has its own error
	if err := done.Err(); err != nil {
		return nil, 0, err
	}
	if wait != nil {
		if acknowledged, err = wait.Int64(); err != nil {
			return nil, 0, fmt.Errorf("wait for replicas: %w", err)
		}
	}
	return done.Val(), acknowledged, nil
}

// again reports whether err may pass by itself, and looks for a Cluster's new
// layout. ASK is waited out like TRYAGAIN: while a slot moves, neither of its
// masters runs a command of several keys of which some are missing, so going
// where ASK points would not help.
func (s *Store) again(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, redis.ErrClosed) ||
		errors.Is(err, store.ErrTooFewReplicas) || errors.Is(err, errReply) {
		return false
	}
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
	var answered redis.Error
	if !errors.As(err, &answered) {
		return true // the network's, or the client's about the layout
	}
	for _, passing := range []string{"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "LOADING", "BUSY"} {
		if redis.HasErrorPrefix(err, passing) {
			return true
		}
	}
	// Redis 6.2 hides a replica's refusal in an error of the script.
	return strings.Contains(answered.Error(), "-READONLY")
}

// rest is false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
