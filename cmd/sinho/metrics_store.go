package main

import (
	"context"
	"errors"
	"time"

	"sinho/store"
)

// timed is a store whose operations are counted and timed, and which is
// otherwise the store inside.
type timed struct {
	store.Store

	metrics *metrics
}

// timing is st, timed; without metrics, st itself.
func (m *metrics) timing(st store.Store) store.Store {
	if m == nil {
		return st
	}
	return &timed{Store: st, metrics: m}
}

// Apply implements store.Store.
func (s *timed) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	began := time.Now()
	out, err := s.Store.Apply(ctx, shard, attempt, durable, ops...)
	s.observe("apply", applyOutcome(ctx, out, err), began)
	return out, err
}

// applyOutcome is storeOutcome, or conflict.
func applyOutcome(ctx context.Context, out store.Outcome, err error) string {
	if err == nil && out.Conflict != nil {
		return "conflict"
	}
	return storeOutcome(ctx, err)
}

// Read implements store.Store.
func (s *timed) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	began := time.Now()
	value, err := s.Store.Read(ctx, shard, key)
	s.observe("read", storeOutcome(ctx, err), began)
	return value, err
}

// ReadAll implements store.Store.
func (s *timed) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	began := time.Now()
	values, err := s.Store.ReadAll(ctx, shard, keys...)
	s.observe("read", storeOutcome(ctx, err), began)
	return values, err
}

// Now implements store.Store.
func (s *timed) Now(ctx context.Context) (time.Time, error) {
	began := time.Now()
	now, err := s.Store.Now(ctx)
	s.observe("now", storeOutcome(ctx, err), began)
	return now, err
}

func (s *timed) observe(op, outcome string, began time.Time) {
	s.metrics.store.WithLabelValues(op, outcome).Observe(time.Since(began).Seconds())
}

// storeOutcome is done, absent, left (whoever asked went away), unavailable (too
// few replicas too) or, for what the store should never be asked, refused.
func storeOutcome(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, store.ErrAbsent):
		return "absent"
	case errors.Is(ctx.Err(), context.Canceled):
		return "left"
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrTooFewReplicas):
		return "unavailable"
	}
	return "refused"
}

// storeOutcomes are all that can be, by operation.
func storeOutcomes() map[string][]string {
	return map[string][]string{
		"apply": {"done", "conflict", "left", "unavailable", "refused"},
		"read":  {"done", "absent", "left", "unavailable", "refused"},
		"now":   {"done", "left", "unavailable", "refused"},
	}
}
